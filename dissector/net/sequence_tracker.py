"""Sequence and acknowledgement numbers of one side of a TCP connection in, positions out.

Positions count from the side's first byte (the one behind its SYN, else the first one known of) and
never wrap; sequence numbers are modulo 2**32. `next` is the position up to which everything was
handed up or given up, `next_seq` its sequence number; `acknowledged` may lie beyond it, for bytes
that were never seen.
"""

from __future__ import annotations

from dissector.net.consumer import FIN
from dissector.net.segment import Segment
from dissector.net.segment_buffer import SegmentBuffer

# As C numbers when compiled: a literal beyond 31 bits would be a Python object there
MASK = 0xFFFFFFFF
HALFWAY = 0x80000000
_FAR = 0x40000000  # beyond the largest window
_SYN_DATA = 65535  # the most that a SYN can have carried

# Header flags: FIN 1, SYN 2, RST 4, PSH 8, ACK 16


class SequenceTracker:
    """What is known of one side's byte stream, and what of it the peer acknowledged."""

    def begin_sequence(self, side: int) -> None:
        """Set everything to the beginning. No constructor: compiled, it would cost four times."""
        self.peer: SequenceTracker = self  # until it is told its peer
        self.side = side
        self.mac: bytes | None = None
        self.latest = -1  # handle of its newest entry in `DeliveredRing`
        self.address = 0  # of the quick look-up in `Streams`, as numbers
        self.ports = -1
        self.segments = self.acknowledged = 0
        self.gap = self.started = self.conflict = self.ambiguous = False
        self.fin_time_ns = self.rst_time_ns = -1
        self.answered_early = (
            False  # the peer's bytes that acknowledge this side's went up before these
        )
        self.based = False  # Wireshark's base sequence number, which tells a new stream
        self.base_seq = 0
        self.known = self.start_reported = self.fast_path = False
        self.next_seq = self.next = 0
        self.sent = 0  # position up to which empty segments say that bytes were sent
        self.fin = -1  # position of the FIN
        self.fin_frame = 0
        self.closed = self.closed_frame = self.closed_time = 0  # how, 0 while it is open
        self.win = self.last_frame = self.last_time = 0
        self.scale = -1  # unknown
        self.unseen_ack_frame = self.unseen_ack_time = (
            0  # of the acknowledgement of bytes never seen
        )
        self.buffered_segments: SegmentBuffer | None = None

    def ahead(self, seq: int) -> int:
        """How far a sequence number is ahead of `next_seq`; negative if behind."""
        return ((seq - self.next_seq + HALFWAY) & MASK) - HALFWAY

    def note_base(self, s: Segment) -> None:
        """Learn the base sequence numbers as Wireshark does: by the first segment or a SYN/ACK."""
        if not self.based or s.flags & 0x12 == 0x12:
            self.based = True
            self.base_seq = s.seq if s.flags & 2 else (s.seq - 1) & MASK
        if s.flags & 16 and not self.peer.based:
            self.peer.based = True
            self.peer.base_seq = (s.ack - 1) & MASK

    def is_foreign_synack(self, s: Segment) -> bool:
        """Whether a SYN/ACK of this side belongs to another connection than what was seen."""
        if self.started and self.based and s.seq != self.base_seq:
            return True
        if not self.peer.started or not self.peer.based:
            return False
        return (s.ack - self.peer.base_seq - 1) & MASK > _SYN_DATA

    def is_foreign(self, s: Segment) -> bool:
        """Whether a segment is too far from what was seen to be of this connection.

        Such as that of the next one with the same addresses, whose SYN was not captured. What is
        far ahead may lie behind lost bytes, so the bound is that of sequence numbers there.
        """
        if self.known:
            ahead = self.ahead(s.seq)
            if ahead > _FAR or ahead < -self.peer.bound() - 1:
                return True
        return s.flags & 16 != 0 and self.peer.known and self.peer.ahead(s.ack) < -self.bound() - 1

    def synchronise(self, s: Segment) -> None:
        """Learn the start from a SYN, also when segments behind it were captured before it."""
        self.scale = s.scale()
        if self.next or self.gap or self.fin >= 0 or self.buffered_segments is not None:
            return
        first = (s.seq + 1) & MASK
        behind = (self.next_seq - first) & MASK
        self.acknowledged += behind if self.known and behind < 0x40000000 else -self.acknowledged
        self.known = self.started = self.start_reported = True
        self.next_seq = first

    def bound(self) -> int:
        """How far ahead of what was seen this side, by its window, lets its peer send."""
        bound = 65535
        if self.scale >= 0 and self.peer.scale >= 0:
            bound = self.win << self.scale
        elif self.scale < 0 and self.peer.scale < 0:
            bound = self.win << 14  # no SYN was seen: take the largest scale
        return bound if bound > 65535 else 65535

    def highest_sent(self) -> int:
        """Position up to which bytes are known to have been sent."""
        top = self.next if self.next > self.sent else self.sent
        if self.buffered_segments is not None and self.buffered_segments.end() > top:
            top = self.buffered_segments.end()
        return top

    def acknowledge(self, s: Segment) -> None:
        """Take the acknowledgement in the peer's segment `s`, unless it is beyond any window."""
        if not self.known:
            self.known = True
            self.next_seq = s.ack
            self.unseen_ack_time = s.time_ns
            self.started = self.start_reported = (
                s.flags & 2 != 0
            )  # SYN/ACK: the start, without the SYN
            return
        at = self.next + self.ahead(s.ack)
        if 0 <= self.fin < at <= self.fin + 1:
            at = self.fin
        if at <= self.acknowledged or 0 <= self.fin < at:
            return
        if at > self.next:
            top = self.highest_sent()
            if s.flags & 2 == 0:
                top += self.peer.bound()
            if at > top:
                return  # beyond any window: not about this connection's bytes
            self.unseen_ack_frame = s.frame
            self.unseen_ack_time = s.time_ns
        self.acknowledged = at

    def finished(self) -> bool:
        """Whether its FIN is there, and all that was sent before it, and that is acknowledged."""
        return self.closed == FIN and self.fin == self.next == self.acknowledged

    def nothing_pending(self) -> bool:
        """Whether nothing of this direction is pending, closed, or missing."""
        if not self.known or self.closed or self.fin >= 0 or self.buffered_segments is not None:
            return False
        return self.acknowledged <= self.next
