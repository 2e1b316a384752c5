"""Captures on the loopback interface, and waits for socket states of a port.

The kernel's socket table shows when a server listens and when every connection of a recording has
ended, so no long sleeps are needed.
"""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tcpdump import run_tcpdump

_LISTEN = "0A"
_CLOSED = {"06", "07"}  # TIME_WAIT, CLOSE


def _states(port: int) -> list[str]:
    """Returns the kernel states of all TCP sockets that have `port` at either end."""
    wanted = f"{port:04X}"
    found = []
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text(encoding="ascii").splitlines()[1:]:
            _, local, remote, state = line.split()[:4]
            if wanted in (local.rpartition(":")[2], remote.rpartition(":")[2]):
                found.append(state)
    return found


def _wait(condition: str, port: int, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        states = _states(port)
        if condition == "listening" and _LISTEN in states:
            return True
        if condition == "quiet" and all(state in _CLOSED or state == _LISTEN for state in states):
            return True
        if condition == "free" and _LISTEN not in states:
            return True
        time.sleep(0.05)
    return False


def wait_listening(port: int, seconds: float = 15) -> None:
    """Waits until a server listens on `port`; raises `TimeoutError` after `seconds`."""
    if not _wait("listening", port, seconds):
        raise TimeoutError(f"nothing listens on port {port}")


def wait_quiet(port: int, seconds: float = 8) -> bool:
    """Returns whether every connection to `port` has ended within `seconds`."""
    return _wait("quiet", port, seconds)


def wait_free(port: int, seconds: float = 5) -> None:
    """Waits until no server listens on `port`; raises `TimeoutError` after `seconds`."""
    if not _wait("free", port, seconds):
        raise TimeoutError(f"port {port} is taken by another program")


@contextmanager
def capturing(target: Path, port: int) -> Iterator[None]:
    """Writes all TCP frames of `port` on the loopback interface to `target`, a classic pcap."""
    # without -Z tcpdump would drop its privileges and could not write the file
    keep = ("-Z", "root") if os.geteuid() == 0 else ()
    with run_tcpdump(target, "lo", *keep, "tcp", "port", str(port)):
        yield
