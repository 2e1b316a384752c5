"""What somebody else decrypted in, its bytes back out in order, as the TLS connections go by.

Pieces wait in a spool, on disk once they are many; only their places are in memory.
"""

from __future__ import annotations

import tempfile
from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

_IN_MEMORY = 32 << 20


class DecryptedChunk(NamedTuple):
    """What one record held: `data`, or None where the record could not be decrypted.

    `frame` completes the record; it is named as everywhere in net, `file << 40 | number`.
    """

    time_ns: int
    frame: int
    data: bytes | None


class _Place(NamedTuple):
    time_ns: int
    frame: int
    offset: int
    size: int  # -1 where there is nothing


class Decrypted:
    """The pieces of all streams, by stream and by the port that sent them.

    `engine` is the name of who decrypted.
    """

    def __init__(self, engine: str) -> None:
        self.engine = engine
        # closed by `close`
        self._file = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115
        self._end = 0
        self._places: dict[int, dict[int, deque[_Place]]] = {}

    def close(self) -> None:
        """Let go of the spool; nothing can be taken any more."""
        self._file.close()

    def __contains__(self, stream: int) -> bool:
        return stream in self._places

    def __len__(self) -> int:
        return len(self._places)

    def add(self, stream: int, port: int, piece: DecryptedChunk) -> None:
        """Keep a piece; those of a stream come in the order of the capture."""
        data = piece.data
        if data is None:
            if stream not in self._places:
                return  # a stream that nobody can read
            place = _Place(piece.time_ns, piece.frame, 0, -1)
        else:
            place = _Place(piece.time_ns, piece.frame, self._end, len(data))
            self._file.seek(self._end)
            self._file.write(data)
            self._end += len(data)
        self._places.setdefault(stream, {}).setdefault(port, deque()).append(place)

    def take(self, stream: int, port: int, time_ns: int, frame: int) -> Iterator[DecryptedChunk]:
        """Give what one side of a stream sent up to a frame and was not given yet."""
        places = self._places.get(stream, {}).get(port)
        while places and (places[0].time_ns, places[0].frame) <= (time_ns, frame):
            yield self._piece(places.popleft())

    def rest(self, stream: int) -> Iterator[tuple[int, DecryptedChunk]]:
        """Give all that was not given yet, with the port that sent it."""
        sides = self._places.get(stream, {})
        while waiting := [(places[0], port) for port, places in sides.items() if places]:
            _, port = min(waiting)
            yield port, self._piece(sides[port].popleft())

    def _piece(self, place: _Place) -> DecryptedChunk:
        if place.size < 0:
            return DecryptedChunk(place.time_ns, place.frame, None)
        self._file.seek(place.offset)
        return DecryptedChunk(place.time_ns, place.frame, self._file.read(place.size))
