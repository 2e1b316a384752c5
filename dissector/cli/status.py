"""How far a live capture is in, a line on standard error out, renewed on a terminal only."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dissector.live import LiveCounters
    from dissector.report.reporter import ByteStream

_PAUSE = 1.0  # seconds between two states


class Status:
    """The line. It is taken away before anything else is written to the terminal."""

    def __init__(self) -> None:
        self._terminal = sys.stderr.isatty()
        self._last = 0.0
        self._shown = False

    def due(self) -> bool:
        """Whether a second has passed."""
        now = time.monotonic()
        if now - self._last < _PAUSE:
            return False
        self._last = now
        return True

    def show(self, figures: LiveCounters) -> None:
        """Show the figures."""
        if not self._terminal:
            return
        dropped = "?" if figures.dropped is None else f"{figures.dropped:,}"
        text = (
            f"{figures.frames:,} frames, {figures.mqtt_connections:,} MQTT connections, "
            f"{figures.handshakes:,} handshakes, {figures.findings:,} findings, "
            f"{figures.open_connections:,} open, {dropped} dropped, {figures.gaps:,} lost in TCP"
        )
        sys.stderr.write(f"\r{text}\x1b[K")
        sys.stderr.flush()
        self._shown = True

    def clear(self) -> None:
        """Leave the terminal as it was."""
        if self._shown:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
            self._shown = False


class Output:
    """Where the report goes: standard output, or a file that can be opened again."""

    def __init__(self, path: str | None, stream: ByteStream, status: Status) -> None:
        self._path = None if path in (None, "-") else path
        self._stream = stream
        self._status = status

    def write(self, data: bytes, /) -> object:
        """Take all the bytes."""
        if self._path is None:
            self._status.clear()
        return self._stream.write(data)

    def flush(self) -> object:
        """Hand on what was taken."""
        return self._stream.flush()

    def reopen(self) -> None:
        """Go on in a file of the same name, which may have been moved away."""
        if self._path is not None:
            self._stream.flush()
            self._stream = open(self._path, "ab")  # noqa: SIM115 (it stays open until the end)

    def abandoned(self) -> bool:
        """Whether nobody reads standard output any more."""
        if self._path is not None:
            return False
        import select

        poll = select.poll()
        poll.register(sys.stdout.fileno(), 0)
        return any(event & select.POLLERR for _, event in poll.poll(0))
