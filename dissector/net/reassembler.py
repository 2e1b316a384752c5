"""Reassembles the segments of one TCP direction into ordered chunks and gaps for a `Consumer`.

Buffered pieces all begin beyond `next`. A side is reported closed when its FIN is reached in the
stream, or at once by a RST. Bytes missing then are skipped when tracking ends, so gaps and chunks
may still follow a RST. After any call of the consumer it may want no more of the connection: then
`abandon` has discarded all that was buffered.
"""

from __future__ import annotations

import cython

from dissector.net.consumer import FIN, RST, Consumer
from dissector.net.reassembly_context import ReassemblyContext
from dissector.net.segment import Segment
from dissector.net.segment_buffer import OVERHEAD, SegmentBuffer
from dissector.net.sequence_tracker import SequenceTracker

if cython.compiled:
    from cython.cimports.dissector.net.sequence_tracker import MASK
else:
    from dissector.net.sequence_tracker import MASK

CLOCK_TOLERANCE_NS = 1_000_000_000  # if clocks differ by more, times prove nothing


class SharedState:
    """State that both directions of a connection share, such as its consumer."""

    def begin_shared(self, reassembly: ReassemblyContext, stream: int) -> None:
        """Set the initial state (see `SequenceTracker.begin_sequence`)."""
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

    def position(self, side: int) -> int:
        """Return up to which position the bytes of `side` were delivered or skipped."""
        raise NotImplementedError

    def wait_for(self, need: int) -> None:
        """Hold the next chunk until the peer reached position `need` (see causal_order.py)."""
        raise NotImplementedError

    def linger(self) -> None:
        """Start the linger time: both sides are closed, but late segments may still come."""
        raise NotImplementedError

    def abandon(self) -> None:
        """Drop the consumer and discard all buffered segments."""
        raise NotImplementedError


class Reassembler(SequenceTracker):
    """Puts the bytes of one side in order."""

    def begin_reassembly(self, shared: SharedState, side: int) -> None:
        """Set the initial state (see `SequenceTracker.begin_sequence`)."""
        self.begin_sequence(side)
        self.shared = shared
        # when an acknowledged hole was first noticed: the connection's number of segments then (-1:
        # no hole), the time, and where the hole begins and stops
        self.mark = -1
        self.mark_time = self.mark_next = self.mark_stop = 0

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
            self.shared.out_of_order = True
        if self.acknowledged > self.next and s.time_ns - self.unseen_ack_time > CLOCK_TOLERANCE_NS:
            self.shared.clocks_differ = True  # acknowledged long before it was sent
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
        reassembly = self.shared.reassembly
        if self.buffered_segments is None:
            self.buffered_segments = SegmentBuffer()
        before = self.buffered_segments.size
        piece = (at, end, b"", s.frame, s.time_ns, s.serial, start, need)
        if self.buffered_segments.add(at, end, s.window[start:stop], piece):
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
            if not self.shared.limit_reported:
                self.shared.limit_reported = True
                what = "too many bytes are buffered behind a missing segment"
                reassembly.report("buffer-limit", what, s.frame, self.shared.stream)
            self.skip_hole(self.buffered_segments.head, s.frame, s.time_ns, "buffer limit")

    def _compare(self, at: int, data: bytes, s: Segment) -> None:
        if not self.conflict and self.shared.reassembly.delivered.differs(self.latest, at, data):
            self._conflict(s)

    def _conflict(self, s: Segment) -> None:
        if not self.conflict:
            self.conflict = True
            if self.peer.conflict:
                return
            what = "segments overlap with different bytes; the bytes seen first are used"
            shared = self.shared
            shared.reassembly.contradictions += 1
            shared.reassembly.report("overlap-different-bytes", what, s.frame, shared.stream)

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
        shared = self.shared
        if not self.start_reported and not self._report_gap(-1, frame, time_ns, "mid-stream"):
            return False
        length = stop - start
        if length:
            self.latest = shared.reassembly.delivered.note(
                self.latest, self.next, serial, origin, origin + length
            )
            self.next += length
            self.next_seq = (self.next_seq + length) & MASK
            self.last_frame = frame
            self.last_time = time_ns
            if need > self.peer.next:
                shared.wait_for(need)
            consumer = shared.consumer
            if consumer is None or not consumer.chunk(
                self.side, window, start, stop, frame, time_ns
            ):
                shared.abandon()
                return False
        if cut:
            return self._report_gap(cut, frame, time_ns, "snap length")
        return True

    def _report_gap(self, missing: int, frame: int, time_ns: int, reason: str) -> bool:
        shared = self.shared
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
        consumer = shared.consumer
        if consumer is None or not consumer.gap(self.side, missing, frame, time_ns, reason):
            shared.abandon()
            return False
        return True

    def skip_hole(self, stop: int, frame: int, time_ns: int, reason: str) -> None:
        """Report the bytes before position `stop` as a gap and deliver what was buffered behind."""
        buffered_segments = self.buffered_segments
        if buffered_segments is not None and buffered_segments.head == stop:
            frame, time_ns = buffered_segments.pieces[0][3:5]
        if frame < self.last_frame:
            frame = self.last_frame
            time_ns = self.last_time
        if self._report_gap(stop - self.next, frame, time_ns, reason):
            self._drain(-1, 0)

    def _drain(self, frame: int, time_ns: int) -> None:
        # Deliver the buffered pieces that are in order now; frame -1: each with its own frame
        while self.buffered_segments is not None and self.buffered_segments.head == self.next:
            at, end, data, own, own_time, serial, origin, need = self.buffered_segments.pop()
            self.shared.reassembly.buffered -= len(data) + OVERHEAD
            if frame >= 0:
                own = frame
                own_time = time_ns
            elif own < self.last_frame:
                own = self.last_frame
                own_time = self.last_time
            length = len(data)
            if not self._deliver(
                data, 0, length, end - at - length, own, own_time, serial, origin, need
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
            self.shared.linger()
        self._drain(s.frame, s.time_ns)

    def _close_in_order(self) -> None:
        if self.fin_frame < self.last_frame:
            self.close(FIN, self.last_frame, self.last_time)
        else:
            self.close(FIN, self.fin_frame, self.fin_time_ns)

    def close(self, how: int, frame: int, time_ns: int) -> None:
        """Close this side: its FIN was reached in the stream, or it sent a RST."""
        shared = self.shared
        if how == RST:
            if self.rst_time_ns < 0:
                self.rst_time_ns = time_ns
        elif self.fin_time_ns < 0:
            self.fin_time_ns = time_ns
        if not self.closed:
            self.closed = how
            self.closed_frame = frame
            self.closed_time = time_ns
            if shared.consumer is not None:
                self.report_closed()
        if how == RST or self.peer.closed:
            shared.linger()

    def report_closed(self) -> None:
        """Report to the consumer how this side closed."""
        shared = self.shared
        late = not self.start_reported and self.known and not self.started
        if late and not self._report_gap(-1, self.closed_frame, self.closed_time, "mid-stream"):
            return
        consumer = shared.consumer
        if consumer is None or not consumer.closed(
            self.side, self.closed, self.closed_frame, self.closed_time
        ):
            shared.abandon()

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
        reassembly = self.shared.reassembly
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
        if stop > self.next and self.shared.consumer is not None:
            frame = self.unseen_ack_frame
            if frame < self.shared.first_frame:
                frame = self.shared.first_frame
                self.unseen_ack_time = time_ns
            self.skip_hole(stop, frame, self.unseen_ack_time, "lost")
