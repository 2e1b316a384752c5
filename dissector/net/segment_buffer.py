"""Buffers out-of-order segments of one direction until the hole before them is filled.

Pieces are sorted and never overlap: where segments overlap, the bytes seen first are kept.
Positions count from the direction's first byte and never wrap. A piece is (position, end, bytes,
frame, time, serial, start, need): fewer bytes than `end - position` means that the snap length cut
the rest; serial and start say where the bytes lie in a window that `DeliveredRing` may still keep;
need is the peer's position that it acknowledges, 0 if the peer had reached it.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort

Piece = tuple[int, int, bytes, int, int, int, int, int]

OVERHEAD = 160  # bytes of memory per piece, besides its data
_FAR = 1 << 62
_SMALL = 64  # pieces under one segment from which on they are joined


class SegmentBuffer:
    """The buffered pieces; `head` is the position of the first one, -1 if there are none."""

    __slots__ = ("head", "pieces", "size")

    def __init__(self) -> None:
        self.pieces: list[Piece] = []
        self.head = -1
        self.size = 0  # approximate bytes of memory

    def add(self, at: int, end: int, data: bytes, piece: Piece) -> bool:
        """Store what no piece covers of [at, end), whose captured bytes are `data`.

        `piece` gives the frame, time, serial, start and need. Returns whether any overlapping bytes
        differ.
        """
        pieces = self.pieces
        index = bisect_right(pieces, (at, _FAR))
        if index and pieces[index - 1][1] > at:
            index -= 1
        first = index
        cursor = at
        known = at + len(data)
        conflict = False
        fresh = []
        while index < len(pieces) and pieces[index][0] < end:
            held = pieces[index]
            if cursor < held[0]:
                fresh.append((cursor, held[0]))
            low = max(at, held[0])
            high = min(known, held[0] + len(held[2]))
            if low < high:
                old = held[2][low - held[0] : high - held[0]]
                conflict = conflict or old != data[low - at : high - at]
            cursor = held[1]
            index += 1
        if cursor < end:
            fresh.append((cursor, end))
        for low, high in fresh:
            part = data[low - at : max(high - at, 0)]
            where = piece[6] + low - at
            insort(pieces, (low, high, part, piece[3], piece[4], piece[5], where, piece[7]))
            self.size += len(part) + OVERHEAD
        if index - first >= _SMALL:
            self._join(bisect_right(pieces, (at, _FAR)) - 1, bisect_left(pieces, (end,)))
        self.head = pieces[0][0] if pieces else -1
        return conflict

    def _join(self, start: int, stop: int) -> None:
        """Join pieces[start:stop], which are contiguous, so that they are compared at once.

        Tiny segments under large ones, again and again, are seen in attacks only. The joined piece
        has the latest frame; it is not compared with retransmissions once it was delivered.
        """
        joined = self.pieces[start:stop]
        for piece in joined:
            if len(piece[2]) < piece[1] - piece[0]:
                return  # the snap length cut it
        frame, time_ns = max([(piece[3], piece[4]) for piece in joined])
        data = b"".join([piece[2] for piece in joined])
        need = max([piece[7] for piece in joined])
        self.pieces[start:stop] = [(joined[0][0], joined[-1][1], data, frame, time_ns, -1, 0, need)]
        self.size -= (len(joined) - 1) * OVERHEAD

    def pop(self) -> Piece:
        """Remove and return the first piece."""
        piece = self.pieces.pop(0)
        self.size -= len(piece[2]) + OVERHEAD
        self.head = self.pieces[0][0] if self.pieces else -1
        return piece

    def end(self) -> int:
        """Return where the last piece ends; -1 if there are none."""
        return self.pieces[-1][1] if self.pieces else -1
