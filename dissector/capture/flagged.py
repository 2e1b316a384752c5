"""Frames with the numbers of their connections in, those of connections with a finding out.

Until something is found on a connection its first frames wait here; of a connection that is found
clean they are forgotten when room is needed, the longest known first. When something is found, they
are written with what is said about them, and every frame that follows.
"""

from __future__ import annotations

from dissector.capture.recorder import Frame, Recorder

FIRST_FRAMES = 64  # of a connection, that wait
FIRST_BYTES = 1 << 16
ROOM = 32 << 20  # bytes that wait, in all
_OVERHEAD = 200  # bytes of memory that a frame takes besides its own
_REMEMBERED = 100_000  # flagged connections; the oldest are forgotten first


class _Waiting:
    """The first frames of one connection, each with its number, and the latest one."""

    def __init__(self) -> None:
        self.frames: list[tuple[int, Frame, str]] = []
        self.latest: tuple[int, Frame, str] | None = None  # where it is none of the first
        self.size = 0


class FlaggedFrames:
    """Stands before a recorder. `put` takes every frame, `found` what is found on a connection."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._waiting: dict[int, _Waiting] = {}
        self._flagged: dict[int, None] = {}
        self._size = 0

    def put(self, number: int, frame: Frame, interface: str, stream: int) -> None:
        """Take a frame of a connection, the next one."""
        if stream in self._flagged:
            self._recorder.put(frame, interface)
            return
        waiting = self._waiting.get(stream)
        if waiting is None:
            waiting = self._waiting[stream] = _Waiting()
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
        """Write what waits of a connection, with a comment on the frame of that number."""
        if stream in self._flagged:
            self._recorder.comment(f"{text} (frame {number} of the capture)")
            return
        self._flagged[stream] = None
        if len(self._flagged) > _REMEMBERED:
            del self._flagged[next(iter(self._flagged))]
        waiting = self._waiting.pop(stream, None)
        if waiting is None:
            return
        self._size -= waiting.size
        said = False
        for own, frame, interface in (*waiting.frames, *filter(None, (waiting.latest,))):
            self._recorder.put(frame, interface, [text] if own == number else ())
            said = said or own == number
        if not said:
            self._recorder.comment(f"{text} (frame {number} of the capture)")

    def flush(self) -> None:
        """Have in the file what was written."""
        self._recorder.flush()
