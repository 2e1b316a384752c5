"""Writes only the frames of connections that have a finding.

The first frames of each connection are buffered; if memory is needed, those of the oldest
connections are dropped. When a connection has a finding, its buffered frames are written, with the
finding as a comment, and so is every later frame.
"""

from __future__ import annotations

from dissector.capture.recorder import Frame, Recorder

FIRST_FRAMES = 64  # buffered frames of a connection, at most
FIRST_BYTES = 1 << 16
ROOM = 32 << 20  # buffered bytes of all connections
_OVERHEAD = 200  # bytes of memory per frame, besides its data
_MAX_FLAGGED = 100_000  # flagged connections; the oldest are dropped first


class _FirstFrames:
    """The buffered first frames of one connection, each with its number, and its latest frame."""

    def __init__(self) -> None:
        self.frames: list[tuple[int, Frame, str]] = []
        self.latest: tuple[int, Frame, str] | None = None  # None if it is one of `frames`
        self.size = 0


class FlaggedFrames:
    """Filters frames for a recorder: call `put` with every frame, `found` with every finding."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._waiting: dict[int, _FirstFrames] = {}
        self._flagged: dict[int, None] = {}
        self._size = 0

    def put(self, number: int, frame: Frame, interface: str, stream: int) -> None:
        """Add the next frame of a connection: write it if flagged, else buffer it."""
        if stream in self._flagged:
            self._recorder.put(frame, interface)
            return
        waiting = self._waiting.get(stream)
        if waiting is None:
            waiting = self._waiting[stream] = _FirstFrames()
        if len(waiting.frames) >= FIRST_FRAMES or waiting.size >= FIRST_BYTES:
            waiting.latest = (number, frame, interface)
            return
        size = len(frame[0]) + _OVERHEAD
        waiting.frames.append((number, frame, interface))
        waiting.size += size
        self._size += size
        while self._size > ROOM:
            self._size -= self._waiting.pop(next(iter(self._waiting))).size

    def found(self, stream: int, number: int, text: str) -> None:
        """Write the buffered frames of a connection, with a comment on frame `number`."""
        if stream in self._flagged:
            self._recorder.comment(f"{text} (frame {number} of the capture)")
            return
        self._flagged[stream] = None
        if len(self._flagged) > _MAX_FLAGGED:
            del self._flagged[next(iter(self._flagged))]
        waiting = self._waiting.pop(stream, None)
        if waiting is None:
            return
        self._size -= waiting.size
        commented = False
        for own, frame, interface in (*waiting.frames, *filter(None, (waiting.latest,))):
            self._recorder.put(frame, interface, [text] if own == number else ())
            commented = commented or own == number
        if not commented:
            self._recorder.comment(f"{text} (frame {number} of the capture)")

    def flush(self) -> None:
        """Write everything recorded so far to the file."""
        self._recorder.flush()
