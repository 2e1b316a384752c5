"""Sorts the lines of a report by time, or by another number, in bounded memory.

Records arrive when they are proven: a handshake when its connection ends, a finding when its
deadline has passed. How far that is from the order of time has no limit (a connection may last for
the whole capture), so a window would not do. Lines are sorted in memory up to `IN_MEMORY` bytes;
then they are written as a sorted run to an unnamed temporary file, and the runs are merged at the
end. Lines with the same number keep the order in which they came.
"""

from __future__ import annotations

import heapq
import struct
import tempfile
from collections.abc import Iterator
from operator import itemgetter
from typing import IO

IN_MEMORY = 8 << 20  # bytes; also the memory of the merge
_OVERHEAD = 150  # bytes of memory that a line needs besides its text
_LEAST_READ = 4096
_HEAD = struct.Struct("<qI")  # key, length of the line
_key_of = itemgetter(0)


class SortedLines:
    """Lines with the numbers they are sorted by; add all, then read them once."""

    def __init__(self, in_memory: int = IN_MEMORY) -> None:
        self._in_memory = in_memory
        self._lines: list[tuple[int, bytes]] = []
        self._size = 0
        self._file: IO[bytes] | None = None
        self._runs: list[tuple[int, int]] = []  # start and end of each run in the file

    def __bool__(self) -> bool:
        """Whether there is any line."""
        return bool(self._lines or self._runs)

    def add(self, key: int, line: bytes) -> None:
        """Adds a line."""
        self._lines.append((key, line))
        self._size += len(line) + _OVERHEAD
        if self._size > self._in_memory:
            self._write_run()

    def lines(self) -> Iterator[bytes]:
        """Returns all lines by key, and closes the temporary file."""
        for _, line in self.keyed_lines():
            yield line

    def keyed_lines(self) -> Iterator[tuple[int, bytes]]:
        """Returns all keys and lines by key, and closes the temporary file."""
        self._lines.sort(key=_key_of)
        if self._file is None:
            yield from self._lines
            return
        block = max(self._in_memory // (len(self._runs) + 1), _LEAST_READ)
        runs = [self._run(start, end, block) for start, end in self._runs]
        with self._file:
            yield from heapq.merge(*runs, self._lines, key=_key_of)

    def _write_run(self) -> None:
        if self._file is None:
            self._file = tempfile.TemporaryFile()  # noqa: SIM115 (closed by `lines` or with self)
        self._lines.sort(key=_key_of)
        start = self._file.tell()
        for key, line in self._lines:
            self._file.write(_HEAD.pack(key, len(line)))
            self._file.write(line)
        self._runs.append((start, self._file.tell()))
        self._lines.clear()
        self._size = 0

    def _run(self, at: int, end: int, block: int) -> Iterator[tuple[int, bytes]]:
        """Reads the lines of a run from the file, a block at a time."""
        assert self._file is not None
        buffer, start = b"", 0
        while at < end or start < len(buffer):
            needed = _HEAD.size
            if len(buffer) - start >= needed:
                key, length = _HEAD.unpack_from(buffer, start)
                needed += length
                if len(buffer) - start >= needed:
                    yield key, buffer[start + _HEAD.size : start + needed]
                    start += needed
                    continue
            self._file.seek(at)
            more = self._file.read(min(max(block, needed), end - at))
            buffer, start, at = buffer[start:] + more, 0, at + len(more)
