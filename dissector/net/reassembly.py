"""Puts the segments of TCP connections in order: chunks and explicit gaps for a `Consumer`.

Positions. The bytes of a side are counted from its first one (the one after its SYN, else the first
one known of) by 64-bit positions that never wrap; sequence numbers are modulo 2**32. `next` is the
position up to which everything was delivered or skipped, `next_seq` its sequence number. The peer's
acknowledgements give `acknowledged`, which may lie beyond `next`: those bytes were sent, but not
seen so far.

Gaps. What comes out of order waits in a `SegmentBuffer`, whose pieces all begin beyond `next`. A
hole before it is given up, and reported as a gap, if it was acknowledged long ago
(`StreamDirection.check_hole`), if a limit of memory is reached, or when tracking ends. A side is
reported closed when its FIN is reached in the stream, or at once by a RST, so gaps and chunks may
still follow a RST.

Conflicts. Where segments overlap, the bytes seen first are kept. Others are compared with those
that are buffered, and with those delivered lately (`DeliveredRing`). Segments that are too far from
the bytes seen belong to another connection with the same endpoints.

Order of both sides. A capture from several queues, or merged from several files, may hold an answer
before its request. What a segment acknowledges was sent before it, so a chunk that acknowledges
bytes of the peer which were not delivered yet waits for them (`CausalOrder`).

Fast path. Most segments continue the stream in order. `fast_path` means that nothing is buffered,
closed, or missing on either side, so that `receive` has to compare two numbers only.

After any call of the consumer it may want no more of the connection: then `abandon` has discarded
all that was buffered.
"""

from __future__ import annotations

from collections import deque

import cython

from dissector.net.consumer import FIN, RST, Consumer
from dissector.net.delivered_ring import DeliveredRing
from dissector.net.limits import ByteBudget, Limits
from dissector.net.segment import Segment

if cython.compiled:
    from cython.cimports.dissector.integers import cut
else:
    from dissector.integers import cut

# As C numbers when compiled: a literal beyond 31 bits would be a Python object there
MASK = 0xFFFFFFFF
HALFWAY = 0x80000000
_FAR = 0x40000000  # beyond the largest window
_SYN_DATA = 65535  # the most data that a SYN can carry
_CLOCK_TOLERANCE_NS = 1_000_000_000  # if clocks differ by more, times prove nothing

# Whether a connection's bytes are wanted
UNDECIDED = 0  # no bytes yet
WANTED = 1
UNWANTED = 2

_FREE = 1024  # bytes that a consumer may keep without being charged
_OVERHEAD = 160  # bytes of memory per buffered piece, besides its data
_SMALL = 64  # pieces under one segment from which on they are joined

# Header flags: FIN 1, SYN 2, RST 4, PSH 8, ACK 16


class Piece:
    """Buffered bytes of one direction, at positions [at, end).

    Fewer bytes than `end - at` means that the snap length cut the rest. `serial` and `start` say
    where the bytes lie in a window that `DeliveredRing` may still keep; `need` is the peer's
    position that they acknowledge, 0 if the peer had reached it.
    """

    __slots__ = ("at", "data", "end", "frame", "need", "serial", "start", "time_ns")

    def begin(self, at: int, end: int, data: bytes) -> None:
        """Set the initial state (see `StreamDirection.begin`)."""
        self.at = at
        self.end = end
        self.data = data
        self.frame = self.time_ns = 0
        self.serial = -1
        self.start = self.need = 0

    def part(self, at: int, end: int, data: bytes) -> Piece:
        """Return a piece like this one with the bytes `data` at [at, end)."""
        made = Piece.__new__(Piece)
        made.begin(at, end, data)
        made.frame, made.time_ns = self.frame, self.time_ns
        made.serial, made.need = self.serial, self.need
        made.start = self.start + at - self.at
        return made


class SegmentBuffer:
    """The pieces of one direction that wait until the hole before them is filled.

    They are sorted and never overlap: where segments overlap, the bytes seen first are kept. `head`
    is the position of the first one, -1 if there are none.
    """

    __slots__ = ("head", "pieces", "size")

    def __init__(self) -> None:
        self.pieces: list[Piece] = []
        self.head = -1
        self.size = 0  # approximate bytes of memory

    def add(self, new: Piece) -> bool:
        """Store what no piece covers of a piece; returns whether any overlapping bytes differ."""
        pieces = self.pieces
        at, end, data = new.at, new.end, new.data
        index = self._after(at)
        if index > 0:
            held = pieces[index - 1]
            if held.end > at:
                index -= 1
        first = index
        cursor = at
        known = at + len(data)
        conflict = False
        fresh = []
        while index < len(pieces):
            held = pieces[index]
            if held.at >= end:
                break
            if cursor < held.at:
                fresh.append((cursor, held.at))
            low = max(at, held.at)
            high = min(known, held.at + len(held.data))
            if low < high:
                old = held.data[low - held.at : high - held.at]
                conflict = conflict or old != data[low - at : high - at]
            cursor = held.end
            index += 1
        if cursor < end:
            fresh.append((cursor, end))
        for low, high in fresh:
            part = data[low - at : max(high - at, 0)]
            pieces.insert(self._after(low), new.part(low, high, part))
            self.size += len(part) + _OVERHEAD
        if index - first >= _SMALL:
            self._join(self._after(at) - 1, self._after(end - 1))
        self._set_head()
        return conflict

    def _after(self, at: int) -> int:
        # The number of pieces that begin at this position or before
        low, high = 0, len(self.pieces)
        while low < high:
            middle = (low + high) // 2
            piece = self.pieces[middle]
            if piece.at <= at:
                low = middle + 1
            else:
                high = middle
        return low

    def _set_head(self) -> None:
        self.head = -1
        if self.pieces:
            piece = self.pieces[0]
            self.head = piece.at

    def _join(self, start: int, stop: int) -> None:
        # Join pieces[start:stop], which are contiguous, so that they are compared at once. Tiny
        # segments under large ones, again and again, are seen in attacks only. The joined piece has
        # the latest frame; it is not compared with retransmissions once it was delivered
        joined = self.pieces[start:stop]
        for piece in joined:
            if len(piece.data) < piece.end - piece.at:
                return  # the snap length cut it
        first, last = joined[0], joined[-1]
        made = first.part(first.at, last.end, b"".join([piece.data for piece in joined]))
        for piece in joined:
            if (piece.frame, piece.time_ns) > (made.frame, made.time_ns):
                made.frame, made.time_ns = piece.frame, piece.time_ns
            if piece.need > made.need:
                made.need = piece.need
        made.serial, made.start = -1, 0
        self.pieces[start:stop] = [made]
        self.size -= (len(joined) - 1) * _OVERHEAD

    def pop(self) -> Piece:
        """Remove and return the first piece."""
        piece = self.pieces.pop(0)
        self.size -= len(piece.data) + _OVERHEAD
        self._set_head()
        return piece

    def end(self) -> int:
        """Return where the last piece ends; -1 if there are none."""
        if not self.pieces:
            return -1
        piece = self.pieces[-1]
        return piece.end


class ReassemblyContext:
    """State shared by all connections, and the calls by which they report to the flow tracker."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.delivered = DeliveredRing()
        self.buffered = 0  # bytes buffered in all connections
        self.buffered_limit = limits.buffered_bytes
        self.budget = ByteBudget(limits.kept_bytes)  # by serial: what consumers keep
        self.over_budget = False
        self.attention = False  # `over_budget`, or there are abandoned connections
        self.abandoned: list[TcpConnection] = []  # whose bytes are not wanted any more
        # how often a server proved to speak MQTT; unread flows are looked up again after each
        self.generation = 0
        self.direction_limit = limits.direction_bytes
        self.hole_segments = limits.hole_segments
        self.hole_ns = limits.hole_ns
        self.contradictions = 0  # segments that do not fit the others of their connection
        self.clock_steps_back = 0  # how often the capture's clock went back by more than a second

    def open(self, connection: TcpConnection) -> Consumer | None:
        """Return the consumer for a connection's bytes; None if they are not wanted."""
        return None

    def connection_closed(self, connection: TcpConnection) -> None:
        """Called when a connection was closed; tracking ends after the linger time."""

    def connection_complete(self, connection: TcpConnection) -> None:
        """Called when a connection was closed and nothing is missing; tracking ends."""

    def connection_decided(self, connection: TcpConnection) -> None:
        """Called when a connection turned out to have MQTT, or a layer that may hold MQTT."""

    def report(self, kind: str, message: str, frame: int, stream: int) -> None:
        """Report a capture warning."""


class StreamDirection:
    """One direction of a connection: the bytes that one side sent, in order.

    `acknowledged` is how far the peer acknowledged, as offset from the first byte, gaps included.
    `ip` is the packed address of this side, 4 or 16 bytes; `mac` its MAC address, or None.
    """

    def begin(self, connection: TcpConnection, side: int) -> None:
        """Set the initial state. A constructor would take four times as long when compiled."""
        self.connection = connection
        self.ip = b""
        self.port = 0
        self.peer = self  # until the peer is set
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
        self.fast_path = False  # see the module
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
        # when an acknowledged hole was first noticed: the connection's number of segments then (-1:
        # no hole), the time, and where the hole begins and stops
        self.mark = -1
        self.mark_time = self.mark_next = self.mark_stop = 0

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
        self.peer = self.connection = None  # type: ignore[assignment]
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
                and s.time_ns - self.unseen_ack_time > _CLOCK_TOLERANCE_NS
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

    def insert(self, at: int, s: Segment) -> None:
        """Deliver what of a segment at position `at` is in order; buffer or drop the rest."""
        start = s.start
        stop = s.stop
        end = at + s.wire_length
        if 0 <= self.fin < end:
            end = self.fin
            stop = min(stop, start + max(end - at, 0))
        if at < self.next:
            skip = self.next - at
            if at + 1 == self.next and end == self.next:
                return  # a keep-alive; its byte may have any value
            self._compare(at, s.window[start : min(start + skip, stop)], s)
            start = min(start + skip, stop)
            at = self.next
        if end <= at:
            return
        if self.answered_early:
            self.connection.out_of_order = True
        if self.acknowledged > self.next and s.time_ns - self.unseen_ack_time > _CLOCK_TOLERANCE_NS:
            self.connection.clocks_differ = True  # acknowledged long before it was sent
        buffered_segments = self.buffered_segments
        need = self._need(s) if self.peer.acknowledged > self.peer.next else 0
        if at == self.next:
            free = end
            if buffered_segments is not None and 0 <= buffered_segments.head < end:
                free = buffered_segments.head
            middle = min(stop, start + free - at)
            cut = free - at - (middle - start)
            if not self._deliver(
                s.window, start, middle, cut, s.frame, s.time_ns, s.serial, start, need
            ):
                return
            start = middle
            at = free
        if at < end:
            self._buffer(at, end, start, stop, s, need)
        if self.buffered_segments is not None or self.fin >= 0:
            self._drain(s.frame, s.time_ns)

    def _need(self, s: Segment) -> int:
        """Return the peer's position that a segment acknowledges, if beyond the peer's `next`."""
        peer = self.peer
        if not peer.start_reported or not peer.segments:
            peer.answered_early = True
            return 0  # no segment of the peer, or its first position is unknown
        need = peer.next + peer.ahead(s.ack)
        return need if need <= peer.acknowledged else peer.acknowledged

    def _buffer(self, at: int, end: int, start: int, stop: int, s: Segment, need: int) -> None:
        reassembly = self.connection.reassembly
        if self.buffered_segments is None:
            self.buffered_segments = SegmentBuffer()
        before = self.buffered_segments.size
        piece = Piece.__new__(Piece)
        piece.begin(at, end, s.window[start:stop])
        piece.frame, piece.time_ns = s.frame, s.time_ns
        piece.serial, piece.start, piece.need = s.serial, start, need
        if self.buffered_segments.add(piece):
            self._conflict(s)
        reassembly.buffered += self.buffered_segments.size - before
        if self.buffered_segments.head == self.next:
            self._drain(s.frame, s.time_ns)
        while self.buffered_segments is not None and (
            self.buffered_segments.size > reassembly.direction_limit
            or reassembly.buffered > reassembly.buffered_limit
        ):
            if self.buffered_segments.head < 0:
                break
            if not self.connection.limit_reported:
                self.connection.limit_reported = True
                what = "too many bytes are buffered behind a missing segment"
                reassembly.report("buffer-limit", what, s.frame, self.connection.stream)
            self.skip_hole(self.buffered_segments.head, s.frame, s.time_ns, "buffer limit")

    def _compare(self, at: int, data: bytes, s: Segment) -> None:
        if not self.conflict and self.connection.reassembly.delivered.differs(
            self.latest, at, data
        ):
            self._conflict(s)

    def _conflict(self, s: Segment) -> None:
        if not self.conflict:
            self.conflict = True
            if self.peer.conflict:
                return
            what = "segments overlap with different bytes; the bytes seen first are used"
            connection = self.connection
            connection.reassembly.contradictions += 1
            connection.reassembly.report(
                "overlap-different-bytes", what, s.frame, connection.stream
            )

    def _deliver(
        self,
        window: bytes,
        start: int,
        stop: int,
        cut: int,
        frame: int,
        time_ns: int,
        serial: int,
        origin: int,
        need: int,
    ) -> bool:
        # Deliver the next bytes, then a gap for the tail that the snap length cut off; False if the
        # consumer wants no more
        connection = self.connection
        if not self.start_reported and not self._report_gap(-1, frame, time_ns, "mid-stream"):
            return False
        length = stop - start
        if length:
            self.latest = connection.reassembly.delivered.note(
                self.latest, self.next, serial, origin, origin + length
            )
            self.next += length
            self.next_seq = (self.next_seq + length) & MASK
            self.last_frame = frame
            self.last_time = time_ns
            if need > self.peer.next:
                connection.wait_for(need)
            consumer = connection.consumer
            if consumer is None or not consumer.chunk(
                self.side, window, start, stop, frame, time_ns
            ):
                connection.abandon()
                return False
        if cut:
            return self._report_gap(cut, frame, time_ns, "snap length")
        return True

    def _report_gap(self, missing: int, frame: int, time_ns: int, reason: str) -> bool:
        connection = self.connection
        if missing < 0:
            self.start_reported = True
        elif not self.start_reported and not self._report_gap(-1, frame, time_ns, "mid-stream"):
            return False
        else:
            self.next += missing
            self.next_seq = (self.next_seq + missing) & MASK
        self.gap = True
        self.last_frame = frame
        self.last_time = time_ns
        consumer = connection.consumer
        if consumer is None or not consumer.gap(self.side, missing, frame, time_ns, reason):
            connection.abandon()
            return False
        return True

    def skip_hole(self, stop: int, frame: int, time_ns: int, reason: str) -> None:
        """Report the bytes before position `stop` as a gap and deliver what was buffered behind."""
        buffered_segments = self.buffered_segments
        if buffered_segments is not None and buffered_segments.head == stop:
            piece = buffered_segments.pieces[0]
            frame, time_ns = piece.frame, piece.time_ns
        if frame < self.last_frame:
            frame = self.last_frame
            time_ns = self.last_time
        if self._report_gap(stop - self.next, frame, time_ns, reason):
            self._drain(-1, 0)

    def _drain(self, frame: int, time_ns: int) -> None:
        # Deliver the buffered pieces that are in order now; frame -1: each with its own frame
        while self.buffered_segments is not None and self.buffered_segments.head == self.next:
            piece = self.buffered_segments.pop()
            own, own_time = piece.frame, piece.time_ns
            length = len(piece.data)
            self.connection.reassembly.buffered -= length + _OVERHEAD
            if frame >= 0:
                own = frame
                own_time = time_ns
            elif own < self.last_frame:
                own = self.last_frame
                own_time = self.last_time
            if not self._deliver(
                piece.data,
                0,
                length,
                piece.end - piece.at - length,
                own,
                own_time,
                piece.serial,
                piece.start,
                piece.need,
            ):
                return
        if self.buffered_segments is not None and self.buffered_segments.head < 0:
            self.buffered_segments = None
        if self.fin >= 0 and self.fin <= self.next and not self.closed:
            self._close_in_order()

    def end(self, at: int, s: Segment) -> None:
        """Process a FIN at position `at`."""
        # One before `next` is old, unless its position was skipped as a lost byte
        if self.fin >= 0 or self.closed or at + (1 if self.gap else 0) < self.next:
            return
        self.fin = max(at, self.next)
        self.fin_frame = s.frame
        self.fin_time_ns = s.time_ns
        if self.acknowledged > self.fin:
            self.acknowledged = self.fin
        if self.sent > self.fin:
            self.sent = self.fin
        if self.peer.fin >= 0 or self.peer.closed:
            self.connection.linger()
        self._drain(s.frame, s.time_ns)

    def _close_in_order(self) -> None:
        if self.fin_frame < self.last_frame:
            self.close(FIN, self.last_frame, self.last_time)
        else:
            self.close(FIN, self.fin_frame, self.fin_time_ns)

    def close(self, how: int, frame: int, time_ns: int) -> None:
        """Close this side: its FIN was reached in the stream, or it sent a RST."""
        connection = self.connection
        if how == RST:
            if self.rst_time_ns < 0:
                self.rst_time_ns = time_ns
        elif self.fin_time_ns < 0:
            self.fin_time_ns = time_ns
        if not self.closed:
            self.closed = how
            self.closed_frame = frame
            self.closed_time = time_ns
            if connection.consumer is not None:
                self.report_closed()
        if how == RST or self.peer.closed:
            connection.linger()

    def report_closed(self) -> None:
        """Report to the consumer how this side closed."""
        connection = self.connection
        late = not self.start_reported and self.known and not self.started
        if late and not self._report_gap(-1, self.closed_frame, self.closed_time, "mid-stream"):
            return
        consumer = connection.consumer
        if consumer is None or not consumer.closed(
            self.side, self.closed, self.closed_frame, self.closed_time
        ):
            connection.abandon()

    def check_hole(self, total: int, s: Segment) -> None:
        """Skip a hole that was acknowledged long ago; `total` counts the connection's segments."""
        stop = self.acknowledged
        if self.buffered_segments is not None and self.buffered_segments.head >= 0:
            stop = self.buffered_segments.head
        if stop <= self.next or self.acknowledged < stop:
            self.mark = -1
            return
        if self.mark < 0 or self.mark_next != self.next:
            self.mark = total
            self.mark_time = s.time_ns
            self.mark_next = self.next
            self.mark_stop = stop
            return
        reassembly = self.connection.reassembly
        if (
            total - self.mark < reassembly.hole_segments
            or s.time_ns - self.mark_time < reassembly.hole_ns
        ):
            return
        self.mark = -1
        self.skip_hole(min(stop, self.mark_stop), s.frame, s.time_ns, "lost")

    def skip_missing(self, time_ns: int) -> None:
        """When tracking ends, report as a gap what was acknowledged or sent but never seen."""
        stop = max(self.acknowledged, self.sent, self.fin)
        if stop > self.next and self.connection.consumer is not None:
            frame = self.unseen_ack_frame
            if frame < self.connection.first_frame:
                frame = self.connection.first_frame
                self.unseen_ack_time = time_ns
            self.skip_hole(stop, frame, self.unseen_ack_time, "lost")


class TcpConnection:
    """One TCP connection. Side 0 (a) sent the SYN, or else the first segment seen.

    Addresses are packed, 4 or 16 bytes; MAC addresses 6 bytes or None. `stream` is Wireshark's
    tcp.stream. `consumer` is None while the bytes are not wanted. `key` holds the addresses and the
    ports of a and b, source before destination, `reverse` those of b and a. `expected`: one of the
    ports is in `FlowTable.ports`, whose connections get a consumer from the beginning.
    """

    def begin(self, reassembly: ReassemblyContext, stream: int, key: bytes, reverse: bytes) -> None:
        """Set the initial state (see `StreamDirection.begin`)."""
        size = (len(key) - 4) // 2
        self.reassembly = reassembly
        self.stream = stream
        self.consumer: Consumer | None = None
        self.last_time_ns = 0
        self.first_frame = 0
        self.clock_steps_back = reassembly.clock_steps_back
        self.foreign_segments = False  # segments of another connection with the same endpoints seen
        self.out_of_order = False  # an answer was delivered before its request
        self.clocks_differ = False  # one side's clock is more than a second behind the other's
        self.limit_reported = False  # the warning about the buffer limit was reported
        self.lingering = False  # closed, tracking ends soon
        self.over = False  # tracking ended
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
        self.a.ip, self.a.port = self.ip_a, self.port_a
        self.b.ip, self.b.port = self.ip_b, self.port_b
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
        """Hold the next chunk until the peer reached position `need` (see `CausalOrder`)."""
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
        consumer = self.consumer
        if consumer is not None:
            consumer.finished(reason, time_ns)
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
        if a is None:
            return self.b
        first_a, first_b = a.pieces[0], b.pieces[0]
        if first_b.frame < first_a.frame:
            return self.b
        return self.a


_CHUNK, _GAP, _CLOSED = range(3)

# event type, the peer's position it waits for, bytes, gap size or close type, frame, time, reason
_Event = tuple[int, int, bytes, int, int, int, str]


class CausalOrder(Consumer):
    """Buffers events between a connection and its consumer.

    `need`: the peer's position that the next chunk acknowledges. A consumer may be replaced while it
    is called (`TcpConnection.replace_consumer`), so each call holds a reference to it.
    """

    def __init__(
        self, connection: TcpConnection, consumer: Consumer, last_a: int, last_b: int
    ) -> None:
        self.connection = connection
        self.consumer = consumer
        self.need = 0
        self.size = 0  # approximate bytes of memory that the held events take
        self.now = 0  # time of the latest chunk
        self.passthrough = False  # the limit was exceeded once: nothing is held any more
        self.last_frames = [last_a, last_b]  # frame of the last delivered event, by side
        self.waiting: tuple[deque[_Event], deque[_Event]] = (deque(), deque())

    def chunk(
        self, side: int, window: bytes, start: int, stop: int, frame: int, time_ns: int
    ) -> bool:
        """Deliver the chunk, or hold it until the bytes that it acknowledges are delivered."""
        need = self.need
        self.need = 0
        self.now = time_ns
        waits = need > self.connection.position(1 - side) and not self.passthrough
        if not waits and not self.waiting[side]:
            self.last_frames[side] = frame
            consumer = self.consumer
            wanted = consumer.chunk(side, window, start, stop, frame, time_ns)
            return wanted and self._deliver_ready()
        self._enqueue(side, (_CHUNK, need, window[start:stop], 0, frame, time_ns, ""))
        reassembly = self.connection.reassembly
        if (
            self.size <= reassembly.direction_limit
            and reassembly.buffered <= reassembly.buffered_limit
        ):
            return True
        self.passthrough = True
        last = self.last_frames[1 - side] or self.connection.first_frame
        consumer = self.consumer
        if not consumer.gap(1 - side, -1, last, time_ns, "buffer limit"):
            return False
        return self._deliver_ready()

    def gap(self, side: int, missing: int, frame: int, time_ns: int, reason: str) -> bool:
        """Deliver the gap in order; events of the peer may have waited for these bytes."""
        if self.waiting[side]:
            self._enqueue(side, (_GAP, 0, b"", missing, frame, time_ns, reason))
            return True
        self.last_frames[side] = frame
        consumer = self.consumer
        return consumer.gap(side, missing, frame, time_ns, reason) and self._deliver_ready()

    def closed(self, side: int, how: int, frame: int, time_ns: int) -> bool:
        """Deliver the close in order."""
        if self.waiting[side]:
            self._enqueue(side, (_CLOSED, 0, b"", how, frame, time_ns, ""))
            return True
        consumer = self.consumer
        return consumer.closed(side, how, frame, time_ns)

    def capture_ends(self) -> None:
        """Pass the event on."""
        consumer = self.consumer
        consumer.capture_ends()

    def finished(self, reason: int, time_ns: int) -> bool:
        """Deliver everything still held, then the end."""
        self.passthrough = True
        if not self._deliver_ready():
            return False
        consumer = self.consumer
        return consumer.finished(reason, time_ns)

    def _enqueue(self, side: int, event: _Event) -> None:
        self.waiting[side].append(event)
        size = len(event[2]) + _OVERHEAD
        self.size += size
        self.connection.reassembly.buffered += size

    def _deliver_ready(self) -> bool:
        """Deliver all held events that are ready; False if the consumer wants no more."""
        moved = True
        while moved:
            moved = False
            for side in (0, 1):
                queue = self.waiting[side]
                while queue and (
                    self.passthrough or queue[0][1] <= self.connection.position(1 - side)
                ):
                    moved = True
                    if not self._deliver(side, queue.popleft()):
                        return False
        return True

    def _deliver(self, side: int, event: _Event) -> bool:
        what, _, data, number, frame, time_ns, reason = event
        size = len(data) + _OVERHEAD
        self.size -= size
        self.connection.reassembly.buffered -= size
        self.last_frames[side] = frame
        if self.now - time_ns > _CLOCK_TOLERANCE_NS:
            self.connection.clocks_differ = (
                True  # the bytes it waited for are timed by another clock
            )
        consumer = self.consumer
        if what == _CHUNK:
            return consumer.chunk(side, data, 0, len(data), frame, time_ns)
        if what == _GAP:
            return consumer.gap(side, number, frame, time_ns, reason)
        return consumer.closed(side, number, frame, time_ns)
