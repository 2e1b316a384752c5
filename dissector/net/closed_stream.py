"""Keeps the little of a closed TCP connection that stream numbering (tcp.stream) still needs.

A late segment of it begins no new stream; a SYN begins one if its sequence number is another.
Hundreds of thousands of connections may have closed, so nothing else of them is kept.
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
    """Stream number, addresses and ports, and Wireshark's base sequence numbers of both sides.

    `key` is the lesser of the connection's two keys; `swapped`: it is the key of side 1.
    """

    def begin(self, connection: TcpConnection) -> None:
        """Copy what is needed from a connection (see `SequenceTracker.begin_sequence`)."""
        self.swapped = connection.reverse < connection.key
        self.key = connection.reverse if self.swapped else connection.key
        self.stream = connection.stream
        self.first_frame = connection.first_frame
        self.based_a, self.base_a = connection.a.based, connection.a.base_seq
        self.based_b, self.base_b = connection.b.based, connection.b.base_seq

    def side(self, key: bytes) -> int:
        """Return the side (0 or 1) that sends with `key`, one of the connection's two keys."""
        return (key != self.key) != self.swapped

    def begins_new_stream(self, s: Segment, side: int) -> bool:
        """Whether a SYN of `side` has another sequence number than the stream's first one."""
        if side:
            return self.based_b and s.seq != self.base_b
        return self.based_a and s.seq != self.base_a

    def note_base(self, s: Segment, side: int) -> None:
        """Update the base sequence numbers, as `SequenceTracker.note_base` does."""
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
