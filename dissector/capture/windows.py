"""A file or a stream in, overlapping windows of its bytes out, each as one `bytes` object.

Every window begins where the walker stopped in the one before, so that a record is always whole in
some window. A regular file is read again from that place (nothing is copied together, nothing is
mapped); a stream's tail is put before what comes next, and one read suffices to go on: a frame in a
pipe is seen when it arrives. A window grows to hold one record, never more.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable

FIRST = 1 << 16  # bytes; enough to know a file and its first frames
WINDOW = 1 << 20  # bytes of a file; more would not stay in a processor's cache
STREAM = 1 << 20  # bytes of a stream, at most; a pipe gives 64 KiB


class FileWindows:
    """Windows of a regular file; `start` is the offset of the current one."""

    def __init__(self, file: io.FileIO) -> None:
        self.start = 0
        self.position = 0
        self._file = file

    def more(self, window: bytes, at: int, need: int) -> bytes:
        """Return the window from window[at] on, of `need` bytes and more unless the file ends.

        One that is no longer than window[at:] means that the file has ended.
        """
        start = self.start + at
        there = os.fstat(self._file.fileno()).st_size - start
        wanted = max(WINDOW if window else FIRST, need)
        data = os.pread(self._file.fileno(), max(0, min(wanted, there)), start)
        self.start = start
        self.position = max(self.position, start + len(data))
        return data


class StreamWindows:
    """Windows of whatever `read(size)` gives: 1 to `size` bytes, `b""` at the end."""

    def __init__(self, read: Callable[[int], bytes]) -> None:
        self.start = 0
        self.position = 0
        self._read = read

    def more(self, window: bytes, at: int, need: int) -> bytes:
        """As `FileWindows.more`; waits for no more than `need` bytes."""
        self.start += at
        tail = window[at:]
        data = self._read(STREAM)
        self.position += len(data)
        if not data or len(tail) + len(data) >= need:
            return tail + data
        whole = io.BytesIO()  # not piece to piece: that would copy a large record again and again
        whole.write(tail)
        while data:
            whole.write(data)
            if whole.tell() >= need:
                break
            data = self._read(STREAM)
            self.position += len(data)
        return whole.getvalue()
