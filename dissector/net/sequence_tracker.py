"""Turns the sequence and acknowledgement numbers of one TCP direction into stream positions.

Positions count from the side's first byte (the one after its SYN, else the first one known of) and
never wrap; sequence numbers are modulo 2**32. `next` is the position up to which everything was
delivered or skipped, `next_seq` its sequence number; `acknowledged` may lie beyond it, for bytes
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
_SYN_DATA = 65535  # the most data that a SYN can carry

# Header flags: FIN 1, SYN 2, RST 4, PSH 8, ACK 16


class SequenceTracker:
    """Tracks the byte stream of one side and how much of it the peer acknowledged."""

    def begin_sequence(self, side: int) -> None:
        """Set the initial state. A constructor would take four times as long when compiled."""
        self.peer: SequenceTracker = self  # until the peer is set
        self.side = side
        self.mac: bytes | None = None
        self.latest = -1  # handle of its newest entry in `DeliveredRing`
        self.address = 0  # both IPv4 addresses as a number, for the look-up cache of `FlowTable`
        self.ports = -1  # both ports as a number, -1 if not cached
        self.segments = self.acknowledged = 0
        self.gap = self.started = self.conflict = self.ambiguous = False
        self.fin_time_ns = self.rst_time_ns = -1
        # bytes of the peer that acknowledge this side's bytes were delivered before those
        self.answered_early = False
        self.based = False  # whether `base_seq` is known
        self.base_seq = 0  # Wireshark's base sequence number, which identifies a new stream
        self.known = False  # whether `next_seq` is
        self.start_reported = False  # the start was seen, or a gap reported in its place
        self.fast_path = False  # see tcp.py
        self.next_seq = self.next = 0
        self.sent = 0  # position up to which bytes were sent according to empty segments
        self.fin = -1  # position of the FIN
        self.fin_frame = 0
        self.closed = self.closed_frame = self.closed_time = 0  # FIN or RST, 0 while it is open
        self.win = self.last_frame = self.last_time = 0
        self.scale = -1  # unknown
        self.unseen_ack_frame = self.unseen_ack_time = (
            0  # of the acknowledgement of bytes never seen
        )
        self.buffered_segments: SegmentBuffer | None = None

    def ahead(self, seq: int) -> int:
        """Return how far a sequence number is ahead of `next_seq`; negative if behind."""
        return ((seq - self.next_seq + HALFWAY) & MASK) - HALFWAY

    def note_base(self, s: Segment) -> None:
        """Set the base sequence numbers as Wireshark does: from the first segment or a SYN/ACK."""
        if not self.based or s.flags & 0x12 == 0x12:
            self.based = True
            self.base_seq = s.seq if s.flags & 2 else (s.seq - 1) & MASK
        if s.flags & 16 and not self.peer.based:
            self.peer.based = True
            self.peer.base_seq = (s.ack - 1) & MASK

    def is_foreign_synack(self, s: Segment) -> bool:
        """Whether a SYN/ACK of this side belongs to another connection with the same endpoints."""
        if self.started and self.based and s.seq != self.base_seq:
            return True
        if not self.peer.started or not self.peer.based:
            return False
        return (s.ack - self.peer.base_seq - 1) & MASK > _SYN_DATA

    def is_foreign(self, s: Segment) -> bool:
        """Whether a segment is too far from the bytes seen to belong to this connection.

        It may belong to the next connection with the same endpoints, whose SYN was not captured. A
        segment far ahead may follow lost bytes, so the bound there is that of sequence numbers.
        """
        if self.known:
            ahead = self.ahead(s.seq)
            if ahead > _FAR or ahead < -self.peer.bound() - 1:
                return True
        return s.flags & 16 != 0 and self.peer.known and self.peer.ahead(s.ack) < -self.bound() - 1

    def synchronise(self, s: Segment) -> None:
        """Take the first position from a SYN, even if later segments were captured before it."""
        self.scale = s.scale()
        if self.next or self.gap or self.fin >= 0 or self.buffered_segments is not None:
            return
        first = (s.seq + 1) & MASK
        behind = (self.next_seq - first) & MASK
        self.acknowledged += behind if self.known and behind < 0x40000000 else -self.acknowledged
        self.known = self.started = self.start_reported = True
        self.next_seq = first

    def bound(self) -> int:
        """Return how far ahead of the bytes seen the window of this side lets its peer send."""
        bound = 65535
        if self.scale >= 0 and self.peer.scale >= 0:
            bound = self.win << self.scale
        elif self.scale < 0 and self.peer.scale < 0:
            bound = self.win << 14  # no SYN was seen: assume the largest scale
        return bound if bound > 65535 else 65535

    def highest_sent(self) -> int:
        """Return the position up to which bytes are known to have been sent."""
        top = self.next if self.next > self.sent else self.sent
        if self.buffered_segments is not None and self.buffered_segments.end() > top:
            top = self.buffered_segments.end()
        return top

    def acknowledge(self, s: Segment) -> None:
        """Process the acknowledgement in the peer's segment `s`, unless it is beyond any window."""
        if not self.known:
            self.known = True
            self.next_seq = s.ack
            self.unseen_ack_time = s.time_ns
            # a SYN/ACK gives the start though the SYN was not seen
            self.started = self.start_reported = s.flags & 2 != 0
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
                return  # beyond any window: not an acknowledgement of this connection's bytes
            self.unseen_ack_frame = s.frame
            self.unseen_ack_time = s.time_ns
        self.acknowledged = at

    def finished(self) -> bool:
        """Whether the FIN and all bytes before it were seen, and are acknowledged."""
        return self.closed == FIN and self.fin == self.next == self.acknowledged

    def nothing_pending(self) -> bool:
        """Whether nothing of this direction is buffered, closed, or missing."""
        if not self.known or self.closed or self.fin >= 0 or self.buffered_segments is not None:
            return False
        return self.acknowledged <= self.next
