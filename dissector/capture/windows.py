"""Reads a file or a stream as overlapping windows, each one `bytes` object.

Every window contains the offset where the walker stopped in the previous one, so that each record
is complete in some window. Windows of a regular file overlap (nothing is concatenated or mapped),
and those of a large one are read ahead; the rest of a stream's window is prepended to the next
bytes, and one read suffices to continue: a frame in a pipe is delivered when it arrives. A window
grows to hold one record, never more.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dissector.capture.read_ahead import ReadAhead

FIRST = 1 << 16  # bytes; enough to detect the format and read the first frames
WINDOW = 1 << 20  # bytes of a file; more would not fit in a processor's cache
OVERLAP = 1 << 16  # bytes by which a window that is read ahead overlaps the previous one
LARGE = 8 * WINDOW  # remaining bytes from which on a read-ahead thread is worthwhile
STREAM = 1 << 20  # bytes of a stream, at most; a pipe gives 64 KiB


class FileWindows:
    """Windows of a regular file; `start` is the offset of the current one.

    `lost` is the number of bytes by which the file became shorter while it was read.
    """

    def __init__(self, file: io.FileIO) -> None:
        self.start = 0
        self.position = 0
        self.lost = 0
        self._longest = 0
        self._file = file
        self._ahead: ReadAhead | None = None

    def more(self, window: bytes, at: int, need: int) -> tuple[bytes, int]:
        """Return a window that contains the bytes from window[at] on, and their offset in it.

        At least `need` bytes follow there unless the file ends; if no more follow than window[at:],
        it has ended.
        """
        start = self.start + at
        size = os.fstat(self._file.fileno()).st_size
        self._longest = max(self._longest, size)
        self.lost = self._longest - size
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
            self._ahead.request(end + WINDOW - first, first)
        return data, start - self.start

    def close(self) -> None:
        """Stop reading ahead; call it before the file is closed."""
        if self._ahead is not None:
            self._ahead.close()
            self._ahead = None


class StreamWindows:
    """Windows of a stream; `read(size)` returns 1 to `size` bytes, `b""` at the end."""

    def __init__(self, read: Callable[[int], bytes]) -> None:
        self.start = 0
        self.position = 0
        self.lost = 0
        self._read = read

    def more(self, window: bytes, at: int, need: int) -> tuple[bytes, int]:
        """As `FileWindows.more`; blocks for no more than `need` bytes."""
        self.start += at
        tail = window[at:]
        data = self._read(STREAM)
        self.position += len(data)
        if not data or len(tail) + len(data) >= need:
            return tail + data, 0
        whole = io.BytesIO()  # concatenating pieces would copy a large record again and again
        whole.write(tail)
        while data:
            whole.write(data)
            if whole.tell() >= need:
                break
            data = self._read(STREAM)
            self.position += len(data)
        return whole.getvalue(), 0

    def close(self) -> None:
        """Do nothing: the owner of `read` closes the stream."""
