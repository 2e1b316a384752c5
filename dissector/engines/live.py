"""A live source in, MQTT connections out, and what is overdue when its time has come.

The native engine, with a clock: frames drive it, and where none come the source says how late it
is. A deadline is looked at when it has passed: the connection is judged as if the capture ended
then, which never shows a finding that the whole would not show. Where nobody counts the frames that
are dropped, silence proves nothing: then the deadline waits until the connection is heard again.
Connections that nothing was heard of for long are let go, with their verdicts.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Generator, Iterator

from dissector.capture.batch import Batch
from dissector.capture.live_source import LiveSource
from dissector.connections.analysis_context import EventSink
from dissector.connections.connection import Connection
from dissector.connections.deadlines import CLOSE_GRACE_NS, HANDSHAKE_TIMEOUT_NS
from dissector.connections.tracker import Tracker
from dissector.engines.native import NativeEngine
from dissector.mqtt import spec
from dissector.net.causal_order import CausalOrder
from dissector.net.consumer import Consumer
from dissector.net.limits import Limits
from dissector.net.owner import owner
from dissector.net.tcp import TcpConnection

_SECOND = 1_000_000_000
LIMITS = Limits(closed=4096)  # a late segment is not awaited for hours
IDLE_NS = 600 * _SECOND  # of a connection that has shown no MQTT
IDLE_MQTT_NS = 24 * 3600 * _SECOND
_SCAN_NS = 60 * _SECOND  # between two searches for idle ones
_SOON_NS = _SECOND  # until a connection is looked at again of which not all was there
_TRIES = 60
_UNANSWERED_NS = HANDSHAKE_TIMEOUT_NS
_STALLED_NS = HANDSHAKE_TIMEOUT_NS + CLOSE_GRACE_NS


class _Deadlines:
    """Connections, by number, that are to be looked at so long after something happened."""

    def __init__(self, delay_ns: int) -> None:
        self._delay_ns = delay_ns
        self._waiting: deque[tuple[int, int, int]] = deque()  # due, connection, tries

    def add(self, since_ns: int, connection: int, tries: int = 0) -> None:
        """Look at a connection after the delay."""
        self._waiting.append((since_ns + self._delay_ns, connection, tries))

    def due(self, now_ns: int) -> Iterator[tuple[int, int, int]]:
        """Give when it was due, the connection, and how often it was looked at before."""
        waiting = self._waiting
        while waiting and waiting[0][0] < now_ns:
            yield waiting.popleft()


class LiveEngine(NativeEngine):
    """Follows one live source. `overdue` is asked about connections on which a deadline passed.

    `each`, where it is given, is told of every frame of TCP when it is judged: batch, place in it,
    number of its connection.
    """

    def __init__(
        self,
        source: LiveSource,
        sink: EventSink,
        ports: frozenset[int],
        overdue: Callable[[Connection], None],
        *,
        tls_ports: frozenset[int] = frozenset(),
        each: Callable[[Batch, int, int], None] | None = None,
    ) -> None:
        super().__init__([source.path], sink, ports, tls_ports=tls_ports, limits=LIMITS)
        self.streams.forgetful = True  # closed connections are forgotten soon; nobody need be told
        self._source = source
        self._overdue = overdue
        self._each = each
        self._close = _Deadlines(CLOSE_GRACE_NS)
        self._answer = _Deadlines(_UNANSWERED_NS)
        self._stall = _Deadlines(_STALLED_NS)
        self._again = _Deadlines(_SOON_NS)
        self._scan_ns = 0
        self._lapses = 0  # of the source: what went missing by then is nobody's fault
        self.context.on_packet = self._on_packet
        self._factory = self.streams.factory
        self.streams.factory = self._opened

    @property
    def open_connections(self) -> int:
        """TCP connections that are followed at the moment."""
        return len(self.streams.connections)

    def follow(self) -> Generator[Batch, None, None]:
        """Take batch by batch, empty ones when nothing comes; at the end everything is judged."""
        try:
            while (batch := self._source.next_batch()) is not None:
                self.context.watched = self._source.watched
                if self._source.lapses != self._lapses:
                    self._lapses = self._source.lapses
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
        for deadlines in (self._close, self._answer, self._stall, self._again):
            for due_ns, number, tries in deadlines.due(now_ns):
                connection = streams.connections.get(number)
                tracker = None if connection is None else _tracker(connection.consumer)
                if connection is None or tracker is None:
                    continue
                heard = self.context.watched or connection.last_time_ns >= due_ns
                if not (tracker.evaluate_now(now_ns, self._overdue) and heard) and tries < _TRIES:
                    self._again.add(now_ns, number, tries + 1)
        if now_ns >= self._scan_ns:
            self._scan_ns = now_ns + _SCAN_NS
            for connection in list(streams.connections.values()):
                idle = now_ns - connection.last_time_ns
                if idle > IDLE_NS and (idle > IDLE_MQTT_NS or not _is_mqtt(connection)):
                    streams.discard(connection)

    def _feed_one(self, batch: Batch, index: int, each: Callable[[Batch, int, int], None]) -> None:
        """Judge one frame, and tell whose it was."""
        streams = self.streams
        before = streams.tcp_frames
        streams.feed(batch, index, index + 1)
        if streams.tcp_frames == before:
            return
        found = owner(streams)
        if found is not None:
            each(batch, index, found[0])

    def _opened(self, connection: TcpConnection) -> Consumer | None:
        """Look at a connection that says nothing, too."""
        self._answer.add(connection.first_time_ns, connection.serial)
        return self._factory(connection)

    def _on_packet(self, connection: int, kind: int, time_ns: int) -> None:
        """Note what may have a deadline: a CONNECT has two of its own."""
        if kind == spec.CONNECT:
            self._answer.add(time_ns, connection)
            self._stall.add(time_ns, connection)
        self._close.add(time_ns, connection)


def _tracker(consumer: Consumer | None) -> Tracker | None:
    """Find the innermost tracker of a connection."""
    while consumer is not None:
        if isinstance(consumer, CausalOrder):
            consumer = consumer.consumer
        elif isinstance(consumer, Tracker):
            if consumer.unwrapper is None:
                return consumer
            consumer = consumer.unwrapper
        else:
            consumer = getattr(consumer, "inner", None)
    return None


def _is_mqtt(connection: TcpConnection) -> bool:
    tracker = _tracker(connection.consumer)
    return tracker is not None and tracker.connection is not None
