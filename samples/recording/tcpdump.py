"""Runs tcpdump; waits until it captures, and checks that it dropped no packets."""

import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

SETTLE = 0.5
"""Seconds to wait before the first and after the last frame."""


@contextmanager
def run_tcpdump(
    target: Path, interface: str, *words: str, before: Sequence[str] = ()
) -> Iterator[None]:
    """Writes the frames of an interface to `target`; `before` precedes the tcpdump command."""
    command = [*before, "tcpdump", "-i", interface, "-U", "--immediate-mode", "-n"]
    with subprocess.Popen(
        [*command, "-w", str(target), *words], stderr=subprocess.PIPE, text=True
    ) as tcpdump:
        assert tcpdump.stderr is not None
        for line in tcpdump.stderr:
            if "listening on" in line:
                break
        else:
            raise RuntimeError(f"tcpdump did not start: may this user capture on {interface}?")
        time.sleep(SETTLE)
        try:
            yield
        finally:
            time.sleep(SETTLE)
            tcpdump.send_signal(signal.SIGINT)
            summary = tcpdump.stderr.read()
            tcpdump.wait(timeout=10)
    if "\n0 packets dropped by kernel" not in "\n" + summary:
        raise RuntimeError(f"tcpdump dropped packets: {summary}")
