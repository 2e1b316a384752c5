"""Holds a window of capture bytes and the positions of its frames, without an object per frame.

A reader fills a `Batch`; the TCP layer iterates over it. All offsets point into `window`. The
arrays have room for `ROOM` frames; `count` of them are valid. Frame i of the batch has the 1-based
number `first_number + i` in file `file`.
"""

from __future__ import annotations

from dissector.integers import IntegerArray

ROOM = 8192


class Batch:
    """Frames of one window of one file; the reader reuses it for the next window."""

    def __init__(self) -> None:
        self.window = b""
        self.count = 0
        self.file = 0
        self.first_number = 1
        self.offset = IntegerArray(ROOM)  # of the first captured byte
        self.captured = IntegerArray(ROOM)  # bytes captured
        self.original = IntegerArray(ROOM)  # bytes on the wire
        self.time_ns = IntegerArray(ROOM)  # since the epoch
        self.link = IntegerArray(ROOM)  # LINKTYPE_ number
