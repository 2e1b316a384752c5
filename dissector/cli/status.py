"""Shows counters of a live capture in a status line, and writes its report."""

from __future__ import annotations

import sys
import time
from functools import partial
from typing import TYPE_CHECKING

from dissector.capture.recorder import open_in_place
from dissector.cli.terminal import columns

if TYPE_CHECKING:
    from dissector.live import LiveCounters
    from dissector.report.reporter import ByteStream

_PAUSE = 1.0  # seconds between two updates


class Status:
    """The status line on standard error, only on a terminal; removed before any other output."""

    def __init__(self) -> None:
        self._terminal = sys.stderr.isatty()
        self._last = 0.0
        self._shown = False

    def due(self) -> bool:
        """Whether a second has passed since the last update."""
        now = time.monotonic()
        if now - self._last < _PAUSE:
            return False
        self._last = now
        return True

    def show(self, counters: LiveCounters) -> None:
        """Shows the counters."""
        if not self._terminal:
            return
        sys.stderr.write(f"\r{status_line(counters, columns(2) - 1)}\x1b[K")
        sys.stderr.flush()
        self._shown = True

    def clear(self) -> None:
        """Removes the line from the terminal."""
        if self._shown:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
            self._shown = False


def status_line(counters: LiveCounters, width: int) -> str:
    """Formats the counters; those that matter least are left out if they do not fit."""
    dropped = "?" if counters.dropped is None else f"{counters.dropped:,}"
    parts = {
        "frames": f"{counters.frames:,} frames",
        "connections": f"{counters.mqtt_connections:,} MQTT connections",
        "handshakes": f"{counters.handshakes:,} handshakes",
        "findings": f"{counters.findings:,} findings",
        "open": f"{counters.open_connections:,} open",
        "dropped": f"{dropped} dropped",
        "gaps": f"{counters.gaps:,} TCP gaps",
    }
    for least in ("gaps", "open", "connections", "dropped", "frames", "handshakes"):
        if len(", ".join(parts.values())) <= width:
            break
        del parts[least]
    return ", ".join(parts.values())[:width]


class Output:
    """The output of the report: standard output, or a file that can be reopened."""

    def __init__(
        self, path: str | None, stream: ByteStream, status: Status, *, private: bool
    ) -> None:
        self._opener = partial(open_in_place, private=private)
        self._path = None if path in (None, "-") else path
        self._stream = stream
        self._status = status

    @property
    def reopens(self) -> bool:
        """Whether it is a file that `reopen` opens again."""
        return self._path is not None

    def write(self, data: bytes, /) -> object:
        """Writes all bytes."""
        if self._path is None:
            self._status.clear()
        return self._stream.write(data)

    def flush(self) -> object:
        """Flushes the stream."""
        return self._stream.flush()

    def reopen(self) -> None:
        """Continues in a file of the same name, because the old one may have been moved."""
        if self._path is not None:
            self._stream.flush()
            self._stream = open(self._path, "ab", opener=self._opener)  # noqa: SIM115 (until exit)

    def abandoned(self) -> bool:
        """Whether the reader of standard output has closed the pipe."""
        if self._path is not None:
            return False
        import select

        poll = select.poll()
        poll.register(sys.stdout.fileno(), 0)
        return any(event & select.POLLERR for _, event in poll.poll(0))
