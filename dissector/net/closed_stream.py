"""A TCP connection whose view has ended in, the little that stream numbers still need of it out.

A late segment of it begins no new stream, and a SYN tells by its sequence number whether it does.
Hundreds of thousands of connections may have ended, so nothing else of them is kept.
"""

from __future__ import annotations

import cython

from dissector.net.segment import Segment
from dissector.net.tcp import TcpConnection

if cython.compiled:
    from cython.cimports.dissector.net.sequence_tracker import MASK  # type: ignore[import-not-found]
else:
    from dissector.net.sequence_tracker import MASK


class ClosedStream:
    """What is left: number, addresses and ports, and both base sequence numbers of Wireshark.

    `key` is the lesser of the connection's two; `swapped`: it is the one of side 1.
    """

    def begin(self, connection: TcpConnection) -> None:
        """Keep what is needed of a connection (see `SequenceTracker.begin_sequence`)."""
        self.swapped = connection.reverse < connection.key
        self.key = connection.reverse if self.swapped else connection.key
        self.stream = connection.stream
        self.first_frame = connection.first_frame
        self.based_a, self.base_a = connection.a.based, connection.a.base_seq
        self.based_b, self.base_b = connection.b.based, connection.b.base_seq

    def side(self, key: bytes) -> int:
        """Give the side that one of the connection's two keys is the key of."""
        return (key != self.key) != self.swapped

    def begins_new_stream(self, s: Segment, side: int) -> bool:
        """Whether a SYN of that side is another one than that which began the stream."""
        if side:
            return self.based_b and s.seq != self.base_b
        return self.based_a and s.seq != self.base_a

    def note_base(self, s: Segment, side: int) -> None:
        """Go on learning base sequence numbers, as `SequenceTracker.note_base` does."""
        base = s.seq if s.flags & 2 else (s.seq - 1) & MASK
        again = s.flags & 0x12 == 0x12
        if side:
            if not self.based_b or again:
                self.based_b, self.base_b = True, base
            if s.flags & 16 and not self.based_a:
                self.based_a, self.base_a = True, (s.ack - 1) & MASK
        else:
            if not self.based_a or again:
                self.based_a, self.base_a = True, base
            if s.flags & 16 and not self.based_b:
                self.based_b, self.base_b = True, (s.ack - 1) & MASK
