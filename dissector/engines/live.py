"""Live engine: tracks the connections of a live capture and checks deadlines when they pass.

It is the native engine with a clock: time advances with frames, or with the source's clock if there
are none. When a deadline has passed, the connection is evaluated as if the capture ended then,
which never gives a finding that the complete capture would not give. If dropped frames are not
counted, missing segments prove nothing: the check is postponed until the connection's next segment.
Connections that are idle for long are evaluated and evicted.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Generator, Iterator

from dissector.capture.batch import Batch
from dissector.capture.live_source import LiveSource
from dissector.connections.connection import Connection
from dissector.connections.deadlines import DEFAULT, Deadlines
from dissector.connections.detector import Detector
from dissector.connections.event_sink import EventSink
from dissector.connections.tracker import Tracker
from dissector.engines.native import NativeEngine
from dissector.mqtt import spec
from dissector.net.causal_order import CausalOrder
from dissector.net.consumer import Consumer
from dissector.net.limits import Limits
from dissector.net.tcp import TcpConnection

_SECOND = 1_000_000_000
LIMITS = Limits(closed=4096)  # late segments of closed connections are recognised only for a while
IDLE_NS = 600 * _SECOND  # idle timeout of a connection without MQTT
IDLE_MQTT_NS = 24 * 3600 * _SECOND
_SCAN_NS = 60 * _SECOND  # interval between scans for idle connections
_SOON_NS = _SECOND  # until a connection with pending segments is checked again
_TRIES = 60


class DeadlineQueue:
    """Deadlines of connections, each a fixed delay after an event, in the order of their events."""

    def __init__(self, delay_ns: int) -> None:
        self._delay_ns = delay_ns
        self._waiting: deque[tuple[int, int, int]] = deque()  # due time, connection, attempts

    def add(self, since_ns: int, connection: int, tries: int = 0) -> None:
        """Adds a deadline for a connection, `delay_ns` after `since_ns`."""
        self._waiting.append((since_ns + self._delay_ns, connection, tries))

    def due(self, now_ns: int) -> Iterator[tuple[int, int, int]]:
        """Yields each passed deadline: due time, connection number, previous attempts."""
        waiting = self._waiting
        while waiting and waiting[0][0] < now_ns:
            yield waiting.popleft()


class LiveEngine(NativeEngine):
    """Tracks one live source. `overdue` evaluates a connection on which a deadline has passed.

    `each`, if given, is called for every TCP frame when it was processed: batch, index in it,
    number of its connection.
    """

    unread_advice = "record them with `tcpdump -w FILE`, and let `dissector FILE` read that"

    def __init__(
        self,
        source: LiveSource,
        sink: EventSink,
        ports: frozenset[int],
        overdue: Callable[[Connection], None],
        *,
        tls_ports: frozenset[int] = frozenset(),
        each: Callable[[Batch, int, int], None] | None = None,
        deadlines: Deadlines = DEFAULT,
    ) -> None:
        super().__init__(
            [source.path], sink, ports, tls_ports=tls_ports, limits=LIMITS, deadlines=deadlines
        )
        # closed connections are evicted early here, so their limit gives no warning
        self.streams.stream_limit_reported = True
        self._source = source
        self._overdue = overdue
        self._each = each
        self._close = DeadlineQueue(deadlines.close_ns)
        self._opening = DeadlineQueue(deadlines.connect_ns)
        self._answer = DeadlineQueue(deadlines.connack_ns)
        self._wait = DeadlineQueue(deadlines.client_wait_ns)
        self._again = DeadlineQueue(_SOON_NS)
        self._scan_ns = 0
        self._interruptions_seen = (
            0  # of the source: a packet missing since then may have been dropped
        )
        self.context.on_packet = self._on_packet
        self._factory = self.streams.factory
        self.streams.factory = self._opened

    @property
    def open_connections(self) -> int:
        """Number of TCP connections that are tracked at the moment."""
        return self.streams.open_flows

    def follow(self) -> Generator[Batch, None, None]:
        """Processes and yields batches, empty ones without traffic; finishes all at the end."""
        try:
            while (batch := self._source.next_batch()) is not None:
                self.context.watched = self._source.watched
                if self._source.interruptions != self._interruptions_seen:
                    self._interruptions_seen = self._source.interruptions
                    self.context.dropped_ns = time.time_ns()
                if self._each is not None:
                    for index in range(batch.count):
                        self._feed_one(batch, index, self._each)
                elif batch.count:
                    self.streams.feed(batch, 0, batch.count)
                self._tick(self._source.now_ns())
                yield batch
        finally:
            self.streams.finish()

    def _tick(self, now_ns: int) -> None:
        streams = self.streams
        streams.advance(now_ns)
        for queue in (self._close, self._opening, self._answer, self._wait, self._again):
            for due_ns, number, tries in queue.due(now_ns):
                connection = streams.connections.get(number)
                follower = None if connection is None else _follower(connection.consumer)
                if connection is None or follower is None:
                    continue
                proven = self.context.watched or connection.last_time_ns >= due_ns
                if not (follower.evaluate_now(now_ns, self._overdue) and proven) and tries < _TRIES:
                    self._again.add(now_ns, number, tries + 1)
        if now_ns >= self._scan_ns:
            self._scan_ns = now_ns + _SCAN_NS
            for connection in list(streams.connections.values()):
                idle = now_ns - connection.last_time_ns
                if idle > IDLE_NS and (idle > IDLE_MQTT_NS or not _is_mqtt(connection)):
                    streams.discard(connection)
            streams.discard_idle(now_ns - IDLE_NS)

    def _feed_one(self, batch: Batch, index: int, each: Callable[[Batch, int, int], None]) -> None:
        """Processes one frame, and reports the connection that it belongs to."""
        streams = self.streams
        before = streams.tcp_frames
        streams.feed(batch, index, index + 1)
        if streams.tcp_frames == before:
            return
        found = streams.owner(streams.segment)
        if found is not None:
            each(batch, index, found[0])

    def _opened(self, connection: TcpConnection) -> Consumer | None:
        """Sets a deadline for a new connection, so that one without data is checked, too."""
        self._opening.add(connection.first_time_ns, connection.serial)
        return self._factory(connection)

    def _on_packet(self, connection: int, kind: int, time_ns: int) -> None:
        """Sets the deadlines that follow from a packet; a CONNECT has two of its own."""
        if kind == spec.CONNECT:
            self._answer.add(time_ns, connection)
            self._wait.add(time_ns, connection)
        self._close.add(time_ns, connection)


def _follower(consumer: Consumer | None) -> Detector | Tracker | None:
    """Returns what follows the MQTT of a connection, inside all encapsulations, or None."""
    while consumer is not None:
        if isinstance(consumer, CausalOrder):
            consumer = consumer.consumer
        elif isinstance(consumer, Tracker):
            return consumer
        elif isinstance(consumer, Detector):
            if consumer.successor is None:
                return consumer
            consumer = consumer.successor
        else:
            consumer = getattr(consumer, "inner", None)
    return None


def _is_mqtt(connection: TcpConnection) -> bool:
    follower = _follower(connection.consumer)
    return follower is not None and follower.has_record()
