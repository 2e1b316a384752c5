# cython: annotation_typing=False
"""TCP segments of one connection in, its bytes in order with explicit gaps out to a `Consumer`.

Positions are those of half.py; pending pieces all begin beyond `next`. A segment that goes on in
order takes the short way through `receive`; `smooth` says that nothing is pending, closed, or
missing on either side, so that the short way needs to look at nothing else.

A connection is closed to the layers above at a FIN's place in the byte order, or at once by a RST.
What is missing then is given up when the view ends (`TcpConnection.finish`), so gaps and chunks may
still follow a RST.
"""

from __future__ import annotations

import cython

from dissector.net.consumer import FIN, RST, Consumer
from dissector.net.half import Half
from dissector.net.keeper import Keeper
from dissector.net.pending import Pending
from dissector.net.segment import Segment

if cython.compiled:
    from cython.cimports.dissector.net.half import HALFWAY, MASK
else:
    from dissector.net.half import HALFWAY, MASK

# Whether anybody wants a connection's bytes
UNDECIDED = 0  # none came yet
WANTED = 1
UNWANTED = 2

# Header flags: FIN 1, SYN 2, RST 4, PSH 8, ACK 16


class Direction(Half):
    """One half of a connection: what one side sent, put in order.

    `acknowledged` is how far the peer acknowledged, as offset from the first byte, gaps included.
    """

    def __init__(self, connection: TcpConnection, side: int) -> None:
        super().__init__(side)
        self.connection = connection
        self.latest = -1  # handle of its newest entry in `Recent`
        self.mark = -1  # segments of the connection when its hole was acknowledged
        self.mark_time = self.mark_next = self.mark_stop = 0

    def receive(self, s: Segment) -> None:
        """Take the next segment of this direction, whatever it holds."""
        connection = self.connection
        connection.last_time_ns = s.time_ns
        self.segments += 1
        if self.smooth and not s.flags & 7 and s.flags & 16 and s.seq == self.next_seq:
            back = (self.peer.next_seq - s.ack) & MASK
            if back < HALFWAY:
                self.win = s.win
                at = self.peer.next - back
                if at > self.peer.acknowledged:
                    self.peer.acknowledged = at
                length = s.wire_length
                if length == 0:
                    return
                if self.announced and s.stop - s.start == length:
                    self.latest = connection.keeper.recent.note(
                        self.latest, self.next, s.serial, s.start, s.stop
                    )
                    self.next += length
                    self.next_seq = (s.seq + length) & MASK
                    self.delivered += length
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
        self._consider(s)

    def _consider(self, s: Segment) -> None:
        connection = self.connection
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
        self.win = s.win
        if self.mac is None and s.mac_source >= 0:
            self.mac = s.mac_window[s.mac_source : s.mac_source + 6]
        if s.flags & 4:
            self._reset(s)
        else:
            if s.flags & 2:
                self.synchronise(s)
            if s.flags & 16:
                self.peer.acknowledge(s)
            self._place(s)
        connection.settle(s)

    def _reset(self, s: Segment) -> None:
        if self.known:
            ahead = self.ahead(s.seq)
            bound = self.peer.bound()
            if ahead > bound or ahead < -bound:
                return  # no receiver would take it
        self.close(RST, s.frame, s.time_ns)

    def _place(self, s: Segment) -> None:
        # Find the position of the segment's bytes and of its FIN
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
                if at < 0 and not self.announced and not self.next and self.pending is None:
                    self.acknowledged -= at  # the first byte was taken from an acknowledgement
                    self.next_seq = seq
                    at = 0
                self._insert(at, s)
        elif self.fin < 0 and self.sent < at <= self.top() + self.peer.bound():
            self.sent = at
        if s.flags & 1:
            if connection.state == UNWANTED:
                self.close(FIN, s.frame, s.time_ns)
            else:
                self._end(at + length, s)

    def _insert(self, at: int, s: Segment) -> None:
        # Hand up what is in order, keep what is not, drop what was there before
        start = s.start
        stop = s.stop
        end = at + s.wire_length
        if 0 <= self.fin < end:
            end = self.fin
            stop = min(stop, start + max(end - at, 0))
        if at < self.next:
            skip = self.next - at
            if at + 1 == self.next and end == self.next:
                return  # a keep-alive's byte may be anything
            self._compare(at, s.window[start : min(start + skip, stop)], s)
            start = min(start + skip, stop)
            at = self.next
        if end <= at:
            return
        pending = self.pending
        if at == self.next:
            free = end
            if pending is not None and 0 <= pending.head < end:
                free = pending.head
            middle = min(stop, start + free - at)
            cut = free - at - (middle - start)
            if not self._give(s.window, start, middle, cut, s.frame, s.time_ns, s.serial, start):
                return
            start = middle
            at = free
        if at < end:
            self._keep(at, end, start, stop, s)
        if self.pending is not None or self.fin >= 0:
            self._drain(s.frame, s.time_ns)

    def _keep(self, at: int, end: int, start: int, stop: int, s: Segment) -> None:
        keeper = self.connection.keeper
        if self.pending is None:
            self.pending = Pending()
        before = self.pending.size
        piece = (at, end, b"", s.frame, s.time_ns, s.serial, start)
        if self.pending.add(at, end, s.window[start:stop], piece):
            self._conflict(s)
        keeper.buffered += self.pending.size - before
        while self.pending is not None and (
            self.pending.size > keeper.direction_limit or keeper.buffered > keeper.buffered_limit
        ):
            if self.pending.head < 0:
                break
            if not self.limited:
                self.limited = True
                what = "too many bytes wait for a missing segment"
                keeper.report("buffer-limit", what, s.frame, self.connection.stream)
            self.leave(self.pending.head, s.frame, s.time_ns, "buffer limit")

    def _compare(self, at: int, data: bytes, s: Segment) -> None:
        if not self.conflict and self.connection.keeper.recent.differs(self.latest, at, data):
            self._conflict(s)

    def _conflict(self, s: Segment) -> None:
        if not self.conflict:
            self.conflict = True
            what = "segments overlap with different bytes; the first ones seen were taken"
            connection = self.connection
            connection.keeper.report("overlap-different-bytes", what, s.frame, connection.stream)

    def _give(
        self,
        window: bytes,
        start: int,
        stop: int,
        cut: int,
        frame: int,
        time_ns: int,
        serial: int,
        origin: int,
    ) -> bool:
        # Hand up the next bytes and the tail that the snap length cut; False when nobody wants more
        connection = self.connection
        if not self.announced and not self._miss(-1, frame, time_ns, "mid-stream"):
            return False
        length = stop - start
        if length:
            self.latest = connection.keeper.recent.note(
                self.latest, self.next, serial, origin, origin + length
            )
            self.next += length
            self.next_seq = (self.next_seq + length) & MASK
            self.delivered += length
            self.last_frame = frame
            self.last_time = time_ns
            consumer = connection.consumer
            if consumer is None or not consumer.chunk(
                self.side, window, start, stop, frame, time_ns
            ):
                connection.abandon()
                return False
        if cut:
            self.snapped = True
            return self._miss(cut, frame, time_ns, "snap length")
        return True

    def _miss(self, missing: int, frame: int, time_ns: int, reason: str) -> bool:
        connection = self.connection
        if missing < 0:
            self.announced = True
        elif not self.announced and not self._miss(-1, frame, time_ns, "mid-stream"):
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

    def leave(self, stop: int, frame: int, time_ns: int, reason: str) -> None:
        """Give up the bytes before position `stop` and hand up what waited for them."""
        pending = self.pending
        if pending is not None and pending.head == stop:
            frame, time_ns = pending.pieces[0][3:5]
        if frame < self.last_frame:
            frame = self.last_frame
            time_ns = self.last_time
        if self._miss(stop - self.next, frame, time_ns, reason):
            self._drain(-1, 0)

    def _drain(self, frame: int, time_ns: int) -> None:
        # Hand up pending pieces that are in order now; frame -1: each with its own frame
        while self.pending is not None and self.pending.head == self.next:
            at, end, data, own, own_time, serial, origin = self.pending.pop()
            self.connection.keeper.buffered -= len(data) + 160
            if frame >= 0:
                own = frame
                own_time = time_ns
            elif own < self.last_frame:
                own = self.last_frame
                own_time = self.last_time
            length = len(data)
            if not self._give(data, 0, length, end - at - length, own, own_time, serial, origin):
                return
        if self.pending is not None and self.pending.head < 0:
            self.pending = None
        if self.fin >= 0 and self.fin <= self.next and not self.closed:
            self._close_in_order()

    def _end(self, at: int, s: Segment) -> None:
        # A FIN at position `at`; one behind `next` is old, unless its place was given up as a byte
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
        """Close this side: its FIN's place in the order is reached, or it sent a RST."""
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
                self.tell_closed()
        if how == RST or self.peer.closed:
            connection.linger()

    def tell_closed(self) -> None:
        """Tell the layer above how this side closed."""
        connection = self.connection
        late = not self.announced and self.known and not self.started
        if late and not self._miss(-1, self.closed_frame, self.closed_time, "mid-stream"):
            return
        consumer = connection.consumer
        if consumer is None or not consumer.closed(
            self.side, self.closed, self.closed_frame, self.closed_time
        ):
            connection.abandon()

    def watch(self, total: int, s: Segment) -> None:
        """Give up a hole acknowledged long ago; `total` counts the connection's segments."""
        stop = self.acknowledged
        if self.pending is not None and self.pending.head >= 0:
            stop = self.pending.head
        if stop <= self.next or self.acknowledged < stop:
            self.mark = -1
            return
        if self.mark < 0 or self.mark_next != self.next:
            self.mark = total
            self.mark_time = s.time_ns
            self.mark_next = self.next
            self.mark_stop = stop
            return
        keeper = self.connection.keeper
        if total - self.mark < keeper.hole_segments or s.time_ns - self.mark_time < keeper.hole_ns:
            return
        self.mark = -1
        self.leave(min(stop, self.mark_stop), s.frame, s.time_ns, "lost")

    def give_up(self, time_ns: int) -> None:
        """At the end of the view: what was acknowledged, or sent by all signs, but never seen."""
        stop = max(self.acknowledged, self.sent, self.fin)
        if stop > self.next and self.connection.consumer is not None:
            frame = self.claim_frame
            if frame < self.connection.first_frame:
                frame = self.connection.first_frame
                self.claim_time = time_ns
            self.leave(stop, frame, self.claim_time, "lost")


class TcpConnection:
    """One TCP connection. Side 0 (a) is who sent the SYN, or else the first segment.

    Addresses are packed, 4 or 16 bytes; MAC addresses 6 bytes or None. `stream` is Wireshark's
    tcp.stream. `consumer` is None while nobody takes its bytes.
    """

    def __init__(self, keeper: Keeper, stream: int, key: bytes) -> None:
        # key: the addresses and the ports of a and b, source before destination
        size = (len(key) - 4) // 2
        self.keeper = keeper
        self.stream = stream
        self.consumer: Consumer | None = None
        self.key = key
        self.ip_a = key[:size]
        self.ip_b = key[size : 2 * size]
        self.port_a = key[-4] << 8 | key[-3]
        self.port_b = key[-2] << 8 | key[-1]
        self.syn_seen = self.synack_seen = False
        self.first_frame = self.first_time_ns = self.last_time_ns = 0
        self.serial = 0  # of the table
        self.state = UNDECIDED
        self.based = False  # both base sequence numbers known
        self.lingering = False  # closed, its view about to end
        self.over = False  # its view ended
        self.a = Direction(self, 0)
        self.b = Direction(self, 1)
        self.a.peer = self.b
        self.b.peer = self.a

    def direction(self, side: int) -> Direction:
        """What `side` sent."""
        return self.b if side else self.a

    @property
    def mac_a(self) -> bytes | None:
        """MAC address that side 0 sent from, or was sent to."""
        return self.a.mac

    @property
    def mac_b(self) -> bytes | None:
        """MAC address that side 1 sent from, or was sent to."""
        return self.b.mac

    @property
    def both_seen(self) -> bool:
        """Whether both directions had at least one segment."""
        return self.a.segments > 0 and self.b.segments > 0

    def decide(self) -> None:
        """Ask once whether anybody wants the bytes of this connection."""
        self.consumer = self.keeper.open(self)
        self.state = UNWANTED if self.consumer is None else WANTED
        if self.a.closed and self.consumer is not None:
            self.a.tell_closed()
        if self.b.closed and self.consumer is not None:
            self.b.tell_closed()

    def settle(self, s: Segment) -> None:
        """After a segment out of the ordinary: look for lost bytes, and for the short way again."""
        if self.state == WANTED:
            total = self.a.segments + self.b.segments
            self.a.watch(total, s)
        if self.state == WANTED:
            self.b.watch(total, s)
        smooth = self.state == WANTED and self.a.plain() and self.b.plain()
        self.a.smooth = smooth
        self.b.smooth = smooth

    def linger(self) -> None:
        """Both sides are closed: late acknowledgements and retransmissions may still come."""
        if not self.lingering and not self.over:
            self.lingering = True
            self.keeper.ending(self)

    def abandon(self) -> None:
        """Let go of the consumer and of all that waits for it."""
        self.consumer = None
        self.state = UNWANTED
        for direction in (self.a, self.b):
            direction.smooth = False
            if direction.pending is not None:
                self.keeper.buffered -= direction.pending.size
                direction.pending = None
            if direction.fin >= 0 and not direction.closed:
                direction.close(FIN, direction.fin_frame, direction.fin_time_ns)

    def finish(self, reason: int, time_ns: int) -> None:
        """End the view: give up what is missing, hand up what is pending, say why it ended."""
        if self.over:
            return
        self.over = True
        while self.consumer is not None:
            direction = self._first_waiting()
            if direction is None or direction.pending is None:
                break
            direction.leave(direction.pending.head, 0, 0, "lost")
        self.a.give_up(time_ns)
        self.b.give_up(time_ns)
        if self.consumer is not None:
            self.consumer.finished(reason, time_ns)
        self.abandon()

    def release(self) -> None:
        """Break the circle of references; no segment may come for this connection any more."""
        for direction in (self.a, self.b):
            direction.peer = direction.connection = None  # type: ignore[assignment]

    def _first_waiting(self) -> Direction | None:
        a = self.a.pending
        b = self.b.pending
        if b is None:
            return None if a is None else self.a
        if a is None or b.pieces[0][3] < a.pieces[0][3]:
            return self.b
        return self.a
