"""A file or a stream in, overlapping windows of its bytes out, each as one `bytes` object.

Every window holds the place where the walker stopped in the one before, so that a record is always
whole in some window. Windows of a regular file overlap (nothing is copied together, nothing is
mapped), and those of a large one are read ahead; a stream's tail is put before what comes next, and
one read suffices to go on: a frame in a pipe is seen when it arrives. A window grows to hold one
record, never more.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dissector.capture.read_ahead import ReadAhead

FIRST = 1 << 16  # bytes; enough to know a file and its first frames
WINDOW = 1 << 20  # bytes of a file; more would not stay in a processor's cache
OVERLAP = 1 << 16  # bytes of a window that is read ahead and lie before its first new one
LARGE = 8 * WINDOW  # bytes still to come that are worth a thread
STREAM = 1 << 20  # bytes of a stream, at most; a pipe gives 64 KiB


class FileWindows:
    """Windows of a regular file; `start` is the offset of the current one."""

    def __init__(self, file: io.FileIO) -> None:
        self.start = 0
        self.position = 0
        self._file = file
        self._ahead: ReadAhead | None = None

    def more(self, window: bytes, at: int, need: int) -> tuple[bytes, int]:
        """Return the window that holds what window[at] begins, and where in it that is.

        `need` bytes and more follow there unless the file ends; no more than window[at:] means that
        it has ended.
        """
        start = self.start + at
        size = os.fstat(self._file.fileno()).st_size
        read = None if self._ahead is None else self._ahead.take()
        if read is not None and read[0] <= start and read[0] + len(read[1]) >= start + need:
            self.start, data = read
        else:
            wanted = max(WINDOW if window else FIRST, need)
            data = os.pread(self._file.fileno(), max(0, min(wanted, size - start)), start)
            self.start = start
        end = self.start + len(data)
        self.position = max(self.position, end)
        if window and size - end > (LARGE if self._ahead is None else 0):
            if self._ahead is None:
                from dissector.capture.read_ahead import ReadAhead  # small files need no thread

                self._ahead = ReadAhead(self._file.fileno())
            first = max(end - OVERLAP, start)
            self._ahead.ask(end + WINDOW - first, first)
        return data, start - self.start

    def close(self) -> None:
        """Read no further; to be called before the file is closed."""
        if self._ahead is not None:
            self._ahead.close()
            self._ahead = None


class StreamWindows:
    """Windows of whatever `read(size)` gives: 1 to `size` bytes, `b""` at the end."""

    def __init__(self, read: Callable[[int], bytes]) -> None:
        self.start = 0
        self.position = 0
        self._read = read

    def more(self, window: bytes, at: int, need: int) -> tuple[bytes, int]:
        """As `FileWindows.more`; waits for no more than `need` bytes."""
        self.start += at
        tail = window[at:]
        data = self._read(STREAM)
        self.position += len(data)
        if not data or len(tail) + len(data) >= need:
            return tail + data, 0
        whole = io.BytesIO()  # not piece to piece: that would copy a large record again and again
        whole.write(tail)
        while data:
            whole.write(data)
            if whole.tell() >= need:
                break
            data = self._read(STREAM)
            self.position += len(data)
        return whole.getvalue(), 0

    def close(self) -> None:
        """Nothing is to be done: whoever gave `read` closes."""
