"""Commands in, one capture file out: tcpdump on the loopback interface, and the kernel's table.

The kernel's own list of sockets says when a server listens and when every connection of a
recording has ended, so nothing here has to guess with long sleeps.
"""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tcpdump import listening

_LISTEN = "0A"
_GONE = {"06", "07"}  # TIME_WAIT, CLOSE


def _states(port: int) -> list[str]:
    """Kernel states of all TCP sockets that have `port` at either end."""
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
        if condition == "quiet" and all(state in _GONE or state == _LISTEN for state in states):
            return True
        if condition == "free" and _LISTEN not in states:
            return True
        time.sleep(0.05)
    return False


def wait_listening(port: int, seconds: float = 15) -> None:
    """Return when something listens on `port`; raise `TimeoutError` after `seconds`."""
    if not _wait("listening", port, seconds):
        raise TimeoutError(f"nothing listens on port {port}")


def wait_quiet(port: int, seconds: float = 8) -> bool:
    """Return whether every connection to `port` has ended within `seconds`."""
    return _wait("quiet", port, seconds)


def wait_free(port: int, seconds: float = 5) -> None:
    """Return when nobody listens on `port`; raise `TimeoutError` after `seconds`."""
    if not _wait("free", port, seconds):
        raise TimeoutError(f"port {port} is taken by another program")


@contextmanager
def capturing(target: Path, port: int) -> Iterator[None]:
    """Write all TCP frames of `port` on the loopback interface to `target`, a classic pcap."""
    # without -Z the file would have to belong to tcpdump's own user
    keep = ("-Z", "root") if os.geteuid() == 0 else ()
    with listening(target, "lo", *keep, "tcp", "port", str(port)):
        yield
