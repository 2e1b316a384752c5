"""Tracks one TCP connection and delivers its bytes in order, with explicit gaps, to a `Consumer`.

A direction builds on sequence_tracker.py (positions) and reassembler.py (order). A segment that
continues the stream in order takes a fast path through `receive`; the attribute `fast_path` means
that nothing is buffered, closed, or missing on either side, so that nothing else has to be checked.
"""

from __future__ import annotations

import cython

from dissector.net.causal_order import CausalOrder
from dissector.net.consumer import FIN, RST, Consumer
from dissector.net.reassembler import Reassembler, SharedState
from dissector.net.reassembly_context import ReassemblyContext
from dissector.net.segment import Segment

if cython.compiled:
    from cython.cimports.dissector.integers import cut
    from cython.cimports.dissector.net.reassembler import CLOCK_TOLERANCE_NS
    from cython.cimports.dissector.net.sequence_tracker import HALFWAY, MASK
else:
    from dissector.integers import cut
    from dissector.net.reassembler import CLOCK_TOLERANCE_NS
    from dissector.net.sequence_tracker import HALFWAY, MASK

# Whether a connection's bytes are wanted
UNDECIDED = 0  # no bytes yet
WANTED = 1
UNWANTED = 2

_FREE = 1024  # bytes that a consumer may keep without being charged

# Header flags: FIN 1, SYN 2, RST 4, PSH 8, ACK 16


class StreamDirection(Reassembler):
    """One direction of a connection: the bytes that one side sent, in order.

    `acknowledged` is how far the peer acknowledged, as offset from the first byte, gaps included.
    """

    def begin(self, connection: TcpConnection, side: int) -> None:
        """Set the initial state (see `SequenceTracker.begin_sequence`)."""
        self.begin_reassembly(connection, side)
        self.connection = connection

    def receive(self, s: Segment) -> None:
        """Process the next segment of this direction, of any kind."""
        connection = self.connection
        connection.last_time_ns = s.time_ns
        self.segments += 1
        if self.fast_path and not s.flags & 7 and s.flags & 16 and s.seq == self.next_seq:
            back = (self.peer.next_seq - s.ack) & MASK
            if back < HALFWAY:
                self.win = s.win
                at = self.peer.next - back
                if at > self.peer.acknowledged:
                    self.peer.acknowledged = at
                length = s.wire_length
                if length == 0:
                    return
                if self.start_reported and s.stop - s.start == length:
                    self.latest = connection.reassembly.delivered.note(
                        self.latest, self.next, s.serial, s.start, s.stop
                    )
                    self.next += length
                    self.next_seq = (s.seq + length) & MASK
                    self.last_frame = s.frame
                    self.last_time = s.time_ns
                    consumer = connection.consumer
                    if consumer is None or not consumer.chunk(
                        self.side, s.window, s.start, s.stop, s.frame, s.time_ns
                    ):
                        connection.abandon()
                    return
        elif connection.state == UNWANTED and connection.based and not s.flags & 7:
            return
        self._receive_slow(s)

    def abandon(self) -> None:
        """Discard what is buffered; a FIN that waited for missing bytes closes this side now."""
        self.fast_path = False
        if self.buffered_segments is not None:
            self.connection.reassembly.buffered -= self.buffered_segments.size
            self.buffered_segments = None
        if self.fin >= 0 and not self.closed:
            self.close(FIN, self.fin_frame, self.fin_time_ns)

    def release(self) -> None:
        """Break the reference cycle (see `TcpConnection.release`)."""
        self.peer = self.connection = self.shared = None  # type: ignore[assignment]
        self.ports = -1

    def _receive_slow(self, s: Segment) -> None:
        connection = self.connection
        if s.flags & 0x12 == 0x12:
            if self.is_foreign_synack(s):
                self.ambiguous = True
                connection.reassembly.contradictions += 1
            elif (
                self.segments == 1
                and self.known
                and s.time_ns - self.unseen_ack_time > CLOCK_TOLERANCE_NS
            ):
                connection.clocks_differ = True  # acknowledged long before it was sent
        self.note_base(s)
        connection.based = self.based and self.peer.based
        if s.flags & 2:
            if s.flags & 16:
                connection.synack_seen = connection.synack_seen or self.side == 1
            elif self.side == 0:
                connection.syn_seen = True
        if connection.state == UNWANTED:
            if s.flags & 5 and not connection.over:
                self.close(RST if s.flags & 4 else FIN, s.frame, s.time_ns)
            return
        if not s.flags & 6 and self.is_foreign(s):
            connection.reassembly.contradictions += 1
            if self.started and self.peer.started:
                connection.foreign_segments = True
            else:
                self.ambiguous = True  # which segments belong to this connection is unknown
            return
        self.win = s.win
        if self.mac is None and s.mac_source >= 0:
            self.mac = cut(s.mac_window, s.mac_source, s.mac_source + 6)
        if s.flags & 4:
            self._reset(s)
        else:
            if s.flags & 2:
                self.synchronise(s)
            if s.flags & 16:
                self.peer.acknowledge(s)
            self._place(s)
        connection.update_fast_path(s)

    def _reset(self, s: Segment) -> None:
        if self.known:
            ahead = self.ahead(s.seq)
            bound = self.peer.bound()
            if ahead > bound or ahead < -bound:
                return  # no receiver would accept it
        self.close(RST, s.frame, s.time_ns)

    def _place(self, s: Segment) -> None:
        # Find the stream position of the segment's bytes and of its FIN
        connection = self.connection
        length = s.wire_length
        seq = (s.seq + 1) & MASK if s.flags & 2 else s.seq
        probe = length == 1 and not s.flags & 8 and (s.start == s.stop or s.window[s.start] == 0)
        if not self.known:
            self.known = True
            self.next_seq = (seq + 1) & MASK if probe else seq  # a probe repeats an old byte
        ahead = self.ahead(seq)
        if ahead > 0x40000000 or ahead < -0x40000000:
            return  # beyond the largest window
        at = self.next + ahead
        if length:
            if connection.state == UNDECIDED:
                connection.decide()
            if connection.state == WANTED and not (
                probe and (at < self.next or at < self.acknowledged)  # keep-alive
            ):
                if (
                    at < 0
                    and not self.start_reported
                    and not self.next
                    and self.buffered_segments is None
                ):
                    self.acknowledged -= at  # the first byte was taken from an acknowledgement
                    self.next_seq = seq
                    at = 0
                self.insert(at, s)
        elif self.fin < 0 and self.sent < at <= self.highest_sent() + self.peer.bound():
            self.sent = at
        if s.flags & 1:
            if connection.state == UNWANTED:
                self.close(FIN, s.frame, s.time_ns)
            else:
                self.end(at + length, s)


class TcpConnection(SharedState):
    """One TCP connection. Side 0 (a) sent the SYN, or else the first segment seen.

    Addresses are packed, 4 or 16 bytes; MAC addresses 6 bytes or None. `stream` is Wireshark's
    tcp.stream. `consumer` is None while the bytes are not wanted. `key` holds the addresses and the
    ports of a and b, source before destination, `reverse` those of b and a. `expected`: one of the
    ports is in `FlowTable.ports`, whose connections get a consumer from the beginning.
    """

    def begin(self, reassembly: ReassemblyContext, stream: int, key: bytes, reverse: bytes) -> None:
        """Set the initial state (see `SequenceTracker.begin_sequence`)."""
        size = (len(key) - 4) // 2
        self.begin_shared(reassembly, stream)
        self.key = key
        self.reverse = reverse
        self.ip_a = cut(key, 0, size)
        self.ip_b = cut(key, size, 2 * size)
        self.port_a = key[2 * size] << 8 | key[2 * size + 1]
        self.port_b = key[2 * size + 2] << 8 | key[2 * size + 3]
        self.expected = False
        self.kept = 0  # bytes that its consumer keeps
        self.syn_seen = self.synack_seen = False
        self.first_time_ns = 0
        self.serial = 0  # of its flow
        self.flow = -1  # its entry in the flow table
        self.unread = False  # from the middle; read later if its server proves to speak MQTT
        self.decided = False  # MQTT was found, or a layer that may hold it
        self.linger_until = 0  # when tracking ends, while it is lingering
        self.state = UNDECIDED
        self.based = False  # both base sequence numbers are known
        self.causal_order: CausalOrder | None = None  # set once a chunk had to wait for the peer's
        self.a = StreamDirection.__new__(StreamDirection)
        self.a.begin(self, 0)
        self.b = StreamDirection.__new__(StreamDirection)
        self.b.begin(self, 1)
        self.a.peer = self.b
        self.b.peer = self.a

    def direction(self, side: int) -> StreamDirection:
        """Return the direction in which `side` sends."""
        return self.b if side else self.a

    def monotonic_clock(self) -> bool:
        """Whether the times of the segments come from one clock that never went back."""
        return not self.clocks_differ and self.clock_steps_back == self.reassembly.clock_steps_back

    @property
    def mac_a(self) -> bytes | None:
        """MAC address of side 0, from the first frame that it sent or received."""
        return self.a.mac

    @property
    def mac_b(self) -> bytes | None:
        """MAC address of side 1, from the first frame that it sent or received."""
        return self.b.mac

    def both_seen(self) -> bool:
        """Whether at least one segment was seen in each direction."""
        return self.a.segments > 0 and self.b.segments > 0

    def decide(self) -> None:
        """Get the consumer of this connection, once; without one its bytes are not wanted."""
        self.consumer = self.reassembly.open(self)
        self.state = WANTED
        if self.consumer is None:
            self.state = UNWANTED
            self.reassembly.abandoned.append(self)
            self.reassembly.attention = True
        if self.a.closed and self.consumer is not None:
            self.a.report_closed()
        if self.b.closed and self.consumer is not None:
            self.b.report_closed()

    def replace_consumer(self, old: Consumer, new: Consumer) -> None:
        """Have `new` receive what follows instead of `old`, if that receives it directly."""
        if self.consumer is old:
            self.consumer = new
        elif self.causal_order is not None and self.causal_order.consumer is old:
            self.causal_order.consumer = new

    def mark_decided(self) -> None:
        """Count it as one with MQTT: undecided connections have a limit of their own."""
        if not self.decided:
            self.decided = True
            self.reassembly.connection_decided(self)

    def charge(self, size: int) -> None:
        """Add to the bytes that the consumer keeps for this connection; negative: released.

        Only connections that keep more than `_FREE` bytes count in the budget, so that others are
        never evicted for its sake; their number has a limit of its own.
        """
        before = self.kept
        self.kept = before + size
        if self.over or (self.kept <= _FREE and before <= _FREE):
            return
        budget = self.reassembly.budget
        budget.keep(self.serial, self.kept if self.kept > _FREE else 0)
        self.reassembly.over_budget = budget.used > budget.limit
        if self.reassembly.over_budget:
            self.reassembly.attention = True

    def position(self, side: int) -> int:
        """Return up to which position the bytes of `side` were delivered or skipped."""
        return self.b.next if side else self.a.next

    def wait_for(self, need: int) -> None:
        """Hold the next chunk until the peer reached position `need` (see causal_order.py)."""
        if self.causal_order is None and self.consumer is not None:
            self.causal_order = CausalOrder(
                self, self.consumer, self.a.last_frame, self.b.last_frame
            )
            self.consumer = self.causal_order
        if self.causal_order is not None:
            self.causal_order.need = need

    def update_fast_path(self, s: Segment) -> None:
        """After a segment off the fast path: check for lost bytes and whether `fast_path` holds."""
        if self.lingering and not s.wire_length and not s.flags & 7:
            if self.a.finished() and self.b.finished():
                self.reassembly.connection_complete(self)
                return
        if self.state == WANTED:
            total = self.a.segments + self.b.segments
            self.a.check_hole(total, s)
        if self.state == WANTED:
            self.b.check_hole(total, s)
        fast_path = self.state == WANTED and self.a.nothing_pending() and self.b.nothing_pending()
        self.a.fast_path = fast_path
        self.b.fast_path = fast_path

    def linger(self) -> None:
        """Start the linger time: both sides are closed, but late segments may still come."""
        if not self.lingering and not self.over:
            self.lingering = True
            self.reassembly.connection_closed(self)

    def abandon(self) -> None:
        """Drop the consumer and discard all buffered segments."""
        self.consumer = None
        self.charge(-self.kept)
        self.state = UNWANTED
        if not self.over:
            self.reassembly.abandoned.append(self)
            self.reassembly.attention = True
        if self.causal_order is not None:
            self.reassembly.buffered -= self.causal_order.size
            self.causal_order = None
        self.a.abandon()
        self.b.abandon()

    def finish(self, reason: int, time_ns: int) -> None:
        """End tracking: report missing bytes as gaps, deliver buffered ones, report the reason."""
        if self.over:
            return
        self.charge(-self.kept)
        self.over = True
        while self.consumer is not None:
            direction = self._first_waiting()
            if direction is None or direction.buffered_segments is None:
                break
            direction.skip_hole(direction.buffered_segments.head, 0, 0, "lost")
        first = self.b if self.b.unseen_ack_frame < self.a.unseen_ack_frame else self.a
        first.skip_missing(time_ns)
        (self.a if first is self.b else self.b).skip_missing(time_ns)
        if self.consumer is not None:
            self.consumer.finished(reason, time_ns)
        self.abandon()

    def release(self) -> None:
        """Break the reference cycle; no segment of this connection may be processed afterwards."""
        self.a.release()
        self.b.release()

    def _first_waiting(self) -> StreamDirection | None:
        a = self.a.buffered_segments
        b = self.b.buffered_segments
        if b is None:
            return None if a is None else self.a
        if a is None or b.pieces[0][3] < a.pieces[0][3]:
            return self.b
        return self.a
