"""Reorders the chunks of both sides of a connection so that causes precede effects.

A capture from several queues, or merged from several files, may hold an answer before its request.
Acknowledgement numbers show this: what a segment acknowledges was sent before it. So a chunk that
acknowledges bytes of the peer that have not been delivered yet is held until they are delivered or
given up as a gap, and so is everything that its side sends later. `TcpConnection` inserts this
consumer before its own when a chunk has to wait for the first time.
"""

from __future__ import annotations

from collections import deque

import cython

from dissector.net.consumer import Consumer
from dissector.net.reassembler import SharedState
from dissector.net.segment_buffer import OVERHEAD

if cython.compiled:
    from cython.cimports.dissector.net.reassembler import CLOCK_TOLERANCE_NS
else:
    from dissector.net.reassembler import CLOCK_TOLERANCE_NS

_CHUNK, _GAP, _CLOSED = range(3)

# event type, the peer's position it waits for, bytes, gap size or close type, frame, time, reason
_Event = tuple[int, int, bytes, int, int, int, str]


class CausalOrder(Consumer):
    """Buffers events between a connection and its consumer.

    `need`: the peer's position that the next chunk acknowledges.
    """

    def __init__(self, shared: SharedState, consumer: Consumer, last_a: int, last_b: int) -> None:
        self.shared = shared
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
        waits = need > self.shared.position(1 - side) and not self.passthrough
        if not waits and not self.waiting[side]:
            self.last_frames[side] = frame
            wanted = self.consumer.chunk(side, window, start, stop, frame, time_ns)
            return wanted and self._deliver_ready()
        self._enqueue(side, (_CHUNK, need, window[start:stop], 0, frame, time_ns, ""))
        reassembly = self.shared.reassembly
        if (
            self.size <= reassembly.direction_limit
            and reassembly.buffered <= reassembly.buffered_limit
        ):
            return True
        self.passthrough = True
        last = self.last_frames[1 - side] or self.shared.first_frame
        if not self.consumer.gap(1 - side, -1, last, time_ns, "buffer limit"):
            return False
        return self._deliver_ready()

    def gap(self, side: int, missing: int, frame: int, time_ns: int, reason: str) -> bool:
        """Deliver the gap in order; events of the peer may have waited for these bytes."""
        if self.waiting[side]:
            self._enqueue(side, (_GAP, 0, b"", missing, frame, time_ns, reason))
            return True
        self.last_frames[side] = frame
        return self.consumer.gap(side, missing, frame, time_ns, reason) and self._deliver_ready()

    def closed(self, side: int, how: int, frame: int, time_ns: int) -> bool:
        """Deliver the close in order."""
        if self.waiting[side]:
            self._enqueue(side, (_CLOSED, 0, b"", how, frame, time_ns, ""))
            return True
        return self.consumer.closed(side, how, frame, time_ns)

    def capture_ends(self) -> None:
        """Pass the event on."""
        self.consumer.capture_ends()

    def finished(self, reason: int, time_ns: int) -> bool:
        """Deliver everything still held, then the end."""
        self.passthrough = True
        return self._deliver_ready() and self.consumer.finished(reason, time_ns)

    def _enqueue(self, side: int, event: _Event) -> None:
        self.waiting[side].append(event)
        size = len(event[2]) + OVERHEAD
        self.size += size
        self.shared.reassembly.buffered += size

    def _deliver_ready(self) -> bool:
        """Deliver all held events that are ready; False if the consumer wants no more."""
        moved = True
        while moved:
            moved = False
            for side in (0, 1):
                queue = self.waiting[side]
                while queue and (self.passthrough or queue[0][1] <= self.shared.position(1 - side)):
                    moved = True
                    if not self._deliver(side, queue.popleft()):
                        return False
        return True

    def _deliver(self, side: int, event: _Event) -> bool:
        what, _, data, number, frame, time_ns, reason = event
        size = len(data) + OVERHEAD
        self.size -= size
        self.shared.reassembly.buffered -= size
        self.last_frames[side] = frame
        if self.now - time_ns > CLOCK_TOLERANCE_NS:
            self.shared.clocks_differ = True  # the bytes it waited for are timed by another clock
        if what == _CHUNK:
            return self.consumer.chunk(side, data, 0, len(data), frame, time_ns)
        if what == _GAP:
            return self.consumer.gap(side, number, frame, time_ns, reason)
        return self.consumer.closed(side, number, frame, time_ns)
