"""Stores TLS data that tshark decrypted, and returns it in order while its connections are tracked.

The chunks are kept in a spooled temporary file, on disk above 32 MiB; only their positions are in
memory.
"""

from __future__ import annotations

import tempfile
from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

_IN_MEMORY = 32 << 20


class DecryptedChunk(NamedTuple):
    """The content of one TLS record: `data`, or None if the record could not be decrypted.

    `frame` is the frame that completes the record, `file << 40 | number` as everywhere in `net`.
    """

    time_ns: int
    frame: int
    data: bytes | None


class _Position(NamedTuple):
    time_ns: int
    frame: int
    offset: int
    size: int  # -1 without data


class Decrypted:
    """The decrypted chunks of all streams, by stream and sending port.

    `engine` is the name of the program that decrypted them.
    """

    def __init__(self, engine: str) -> None:
        self.engine = engine
        # closed by `close`
        self._file = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115
        self._end = 0
        self._positions: dict[int, dict[int, deque[_Position]]] = {}

    def close(self) -> None:
        """Closes the temporary file; no chunk can be read afterwards."""
        self._file.close()

    def __contains__(self, stream: int) -> bool:
        return stream in self._positions

    def __len__(self) -> int:
        return len(self._positions)

    def add(self, stream: int, port: int, chunk: DecryptedChunk) -> None:
        """Adds a chunk; those of a stream must come in the order of the capture."""
        data = chunk.data
        if data is None:
            if stream not in self._positions:
                return  # a stream of which nothing was decrypted
            position = _Position(chunk.time_ns, chunk.frame, 0, -1)
        else:
            position = _Position(chunk.time_ns, chunk.frame, self._end, len(data))
            self._file.seek(self._end)
            self._file.write(data)
            self._end += len(data)
        self._positions.setdefault(stream, {}).setdefault(port, deque()).append(position)

    def take(self, stream: int, port: int, time_ns: int, frame: int) -> Iterator[DecryptedChunk]:
        """Yields the chunks that one side sent up to a frame, each of them once."""
        positions = self._positions.get(stream, {}).get(port)
        while positions and (positions[0].time_ns, positions[0].frame) <= (time_ns, frame):
            yield self._chunk(positions.popleft())

    def rest(self, stream: int) -> Iterator[tuple[int, DecryptedChunk]]:
        """Yields all remaining chunks of a stream, with the port that sent them."""
        sides = self._positions.get(stream, {})
        while waiting := [(positions[0], port) for port, positions in sides.items() if positions]:
            _, port = min(waiting)
            yield port, self._chunk(sides[port].popleft())

    def _chunk(self, position: _Position) -> DecryptedChunk:
        if position.size < 0:
            return DecryptedChunk(position.time_ns, position.frame, None)
        self._file.seek(position.offset)
        return DecryptedChunk(position.time_ns, position.frame, self._file.read(position.size))
