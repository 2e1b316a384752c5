"""Finds the `StreamDirection` that a TCP segment belongs to, and numbers the streams.

The table is a dict from a directional key (source and destination address, source and destination
port, as in the headers) to a `StreamDirection`. The innermost headers count, so VLAN and tunnel
identifiers make no difference. Streams are numbered as tcp.stream of Wireshark 4.0: a new number
for an unknown key, and for a SYN whose sequence number is not the base of its direction. For a
closed connection a `ClosedStream` keeps that number until `Limits.closed` newer ones have closed.
"""

from __future__ import annotations

from collections.abc import Callable

import cython

from dissector.integers import IntegerArray
from dissector.net.closed_stream import ClosedStream
from dissector.net.consumer import CAPTURE_END, CLOSED, EVICTED, REUSED, Consumer
from dissector.net.limits import Limits
from dissector.net.reassembly_context import ReassemblyContext
from dissector.net.segment import Segment
from dissector.net.tcp import StreamDirection, TcpConnection

if cython.compiled:
    from cython.cimports.dissector.integers import big32, cut
    from cython.cimports.dissector.net.segment import NUMBER_ONLY, WHOLE
    from cython.cimports.dissector.net.tcp import UNWANTED
else:
    from dissector.integers import big32, cut
    from dissector.net.segment import NUMBER_ONLY, WHOLE
    from dissector.net.tcp import UNWANTED

_SLOTS = 1 << 15
_COMPACT_AFTER = 512  # processed serials in `closing` before they are deleted from it
_HASH_MULTIPLIER = 0x9E3779B97F4A7C15  # odd, with pseudo-random bits

Factory = Callable[[TcpConnection], "Consumer | None"]
Warn = Callable[[str, str, int, int], object]


class FlowTable(ReassemblyContext):
    """Tracks open connections, and the stream numbers of closed ones.

    `factory(connection)` is called for a `Consumer` at the first payload byte of a connection, or
    when it begins if one of its ports is in `ports`; it returns None if the bytes are not wanted.
    `warn(kind, message, frame, stream)` is called with capture warnings; stream -1: no single one.
    """

    def __init__(self, factory: Factory, ports: frozenset[int], warn: Warn, limits: Limits) -> None:
        super().__init__(limits)
        self.factory = factory
        self.ports = ports
        self.expected = bytearray(65536)  # 1 for each port in `ports`
        for port in ports:
            self.expected[port] = 1
        self.warn = warn
        self.linger_ns = limits.linger_ns
        self.table: dict[bytes, StreamDirection] = {}
        self.connections: dict[int, TcpConnection] = {}  # open ones by serial, oldest first
        self.serial = 0
        self.streams = 0
        self.idle: list[tuple[int, int]] = []  # last time and serial, longest idle last
        self.cache: list[StreamDirection | None] = [None] * _SLOTS if cython.compiled else []
        # serials of the connections whose linger time is running, from `first_closing` on
        self.closing: list[int] = []
        self.first_closing = 0
        self.connections_limit = limits.connections
        self.closed_limit = limits.closed
        self.deadline = 1 << 62
        self.closed_streams: dict[bytes, ClosedStream] = {}  # by the lesser of their two keys
        # a ring of those in `closed_streams`, and some that were superseded
        self.closed_ring: list[ClosedStream] = []
        self.oldest_slot = 0  # index of the oldest entry in `closed_ring`
        self.evicted = 0
        self.stream_limit_reported = False
        self.port_counts = IntegerArray(65536)  # connections by server port
        self.clock = -(1 << 62)

    def end_all(self) -> None:
        """End tracking of all connections that are still open."""
        now = max(self.clock, 0)
        for connection in self.connections.values():
            if connection.consumer is not None:
                connection.consumer.capture_ends()
        for connection in list(self.connections.values()):
            connection.finish(CAPTURE_END, now)
        self.connections.clear()
        self.closing.clear()
        self.first_closing = 0
        self.closed_streams.clear()
        self.closed_ring.clear()
        self.oldest_slot = 0
        for direction in self.table.values():
            if direction.peer is not None:
                direction.connection.release()
        self.table.clear()

    def advance(self, now: int) -> None:
        """Advance the clock to `now` (no earlier frame will come) and expire closed connections."""
        if now > self.clock:
            self.clock = now
        if now >= self.deadline:
            self._expire(now)

    def discard(self, connection: TcpConnection) -> None:
        """End tracking of a connection as at capture end; later segments begin it mid-stream."""
        self._end(connection, CAPTURE_END)
        self.closed_streams.pop(min(connection.key, connection.reverse), None)

    def open(self, connection: TcpConnection) -> Consumer | None:
        """Call the factory for the consumer of a connection."""
        return self.factory(connection)

    def connection_closed(self, connection: TcpConnection) -> None:
        """End tracking of this connection when its linger time is over."""
        own = connection
        own.linger_until = self.clock + self.linger_ns
        if self.first_closing == len(self.closing):
            self.deadline = own.linger_until
        self.closing.append(own.serial)
        if len(self.closing) > 2 * self.connections_limit:  # most of them were evicted earlier
            self.closing = [item for item in self.closing if item in self.connections]
            self.first_closing = 0

    def connection_complete(self, connection: TcpConnection) -> None:
        """End tracking of this connection now: only retransmissions may still come."""
        self._end(connection, CLOSED)

    def reopen(self, serial: int) -> None:
        """Have a connection whose bytes were not wanted begin anew, in mid-stream.

        It keeps its number; the next segment of each side is its first.
        """
        old = self.connections.get(serial)
        if old is None or old.state != UNWANTED or old.over or old.a.closed or old.b.closed:
            return
        made = TcpConnection.__new__(TcpConnection)
        made.begin(self, old.stream, old.key, old.reverse)
        made.first_frame, made.first_time_ns = old.first_frame, old.first_time_ns
        made.last_time_ns = old.last_time_ns
        made.expected = old.expected
        made.serial = serial
        for mine, theirs, key in ((made.a, old.a, old.key), (made.b, old.b, old.reverse)):
            mine.mac = theirs.mac
            mine.based, mine.base_seq = theirs.based, theirs.base_seq
            self.table[key] = mine
            if cython.compiled and len(key) == 12:
                self._cache_flow(mine, key)
        made.based = old.based
        self.connections[serial] = made
        old.over = True
        old.release()

    def report(self, kind: str, message: str, frame: int, stream: int) -> None:
        """Report a capture warning."""
        self.warn(kind, message, frame, stream)

    def _cached(self, pointer: bytes, at: int) -> StreamDirection | None:
        # table.get(s.key()) for IPv4 without making or hashing bytes; it hits for most segments
        address = big32(pointer, at)
        address = address << 32 | big32(pointer, at + 4)
        ports = big32(pointer, at + 8)
        slot = _slot(address, ports)
        found = self.cache[slot]
        if found is not None and found.ports == ports and found.address == address:
            return found
        return None  # unknown, or another flow occupies its slot: `_find` decides

    def _cache_flow(self, direction: StreamDirection, key: bytes) -> None:
        direction.address = big32(key, 0)
        direction.address = direction.address << 32 | big32(key, 4)
        direction.ports = big32(key, 8)
        self.cache[_slot(direction.address, direction.ports)] = direction

    def server_ports(self) -> dict[int, int]:
        """Return the number of connections by server port."""
        counts, found = self.port_counts.at, {}
        for port in range(65536):
            if counts[port] != 0:
                found[port] = counts[port]
        return found

    def _find(self, known: StreamDirection | None, s: Segment) -> StreamDirection | None:
        # The direction of a segment that the fast path did not place; None: a closed connection's
        if known is None:
            key = s.key()
            known = self.table.get(key)
            if known is None:
                return self._find_closed_or_create(s, key)
            if cython.compiled and len(key) == 12:
                self.cache[_slot(known.address, known.ports)] = known
        if s.flags & 0x12 != 2 or s.grade == NUMBER_ONLY:
            return known
        old = known.connection
        if known.based and s.seq != known.base_seq:
            self._end(old, REUSED)
            key = s.key()
            reverse = reversed_key(key)
            del self.closed_streams[min(key, reverse)]
            return self._create(key, reverse, s, self._next_stream())
        if s.grade != WHOLE or not old.lingering:
            return known  # a retransmitted SYN
        self._end(old, REUSED)
        return self._find_closed_or_create(s, s.key())

    def _find_closed_or_create(self, s: Segment, key: bytes) -> StreamDirection | None:
        # The direction of a segment of no connection in the table; None: a closed connection's
        reverse = reversed_key(key)
        closed_stream = self.closed_streams.get(reverse if reverse < key else key)
        if closed_stream is None:
            return self._create(key, reverse, s, self._next_stream())
        side = closed_stream.side(key)
        if s.flags & 0x12 != 2 or s.grade == NUMBER_ONLY:
            if s.grade != NUMBER_ONLY:
                closed_stream.note_base(s, side)
            return None
        if closed_stream.begins_new_stream(s, side):
            del self.closed_streams[closed_stream.key]
            return self._create(key, reverse, s, self._next_stream())
        if s.grade != WHOLE:
            closed_stream.note_base(s, side)
            return None
        # The same SYN again after FIN or RST: a new connection, but Wireshark 4.0 keeps the number
        # and the base sequence number of each direction
        del self.closed_streams[closed_stream.key]
        direction = self._create(key, reverse, s, closed_stream.stream)
        other = direction.peer
        direction.based, other.based = closed_stream.based_a, closed_stream.based_b
        direction.base_seq, other.base_seq = closed_stream.base_a, closed_stream.base_b
        if side:
            direction.based, other.based = closed_stream.based_b, closed_stream.based_a
            direction.base_seq, other.base_seq = closed_stream.base_b, closed_stream.base_a
        return direction

    def _next_stream(self) -> int:
        self.streams += 1
        return self.streams - 1

    def _create(self, key: bytes, reverse: bytes, s: Segment, stream: int) -> StreamDirection:
        # Create a connection and return the direction of the segment
        swap = s.flags & 0x12 == 0x12  # a SYN/ACK comes from side 1
        connection = TcpConnection.__new__(TcpConnection)
        if swap:
            connection.begin(self, stream, reverse, key)
        else:
            connection.begin(self, stream, key, reverse)
        connection.first_frame = s.frame
        connection.first_time_ns = connection.last_time_ns = s.time_ns
        direction = connection.b if swap else connection.a
        other_way = connection.a if swap else connection.b
        if s.mac_source >= 0:
            direction.mac = cut(s.mac_window, s.mac_source, s.mac_source + 6)
        if s.mac_destination >= 0:
            other_way.mac = cut(s.mac_window, s.mac_destination, s.mac_destination + 6)
        self.table[reverse] = other_way
        self.table[key] = direction
        if cython.compiled and len(key) == 12:
            self._cache_flow(direction, key)
            self._cache_flow(other_way, reverse)
        connection.expected = (
            self.expected[connection.port_a] + self.expected[connection.port_b] != 0
        )
        self._count_port(connection, s.flags & 2 != 0)
        connection.serial = self.serial
        self.connections[self.serial] = connection
        self.serial += 1
        if len(self.connections) > self.connections_limit:
            self._evict(connection, s)
        if s.grade == NUMBER_ONLY:
            return direction
        if connection.expected:
            connection.decide()
        return direction

    def _count_port(self, connection: TcpConnection, sure: bool) -> None:
        port = connection.port_b
        if not sure and connection.port_a < port:
            port = connection.port_a  # no SYN seen: the server usually has the lower port
        self.port_counts.at[port] += 1

    def _end(self, connection: TcpConnection, reason: int) -> None:
        # End tracking of a connection; what its stream number needs is kept
        if connection.over:
            return
        connection.finish(reason, self.clock)
        del self.connections[connection.serial]
        key = connection.key
        del self.table[key]
        self.table.pop(connection.reverse, None)  # the same key if source equals destination
        closed_stream = ClosedStream.__new__(ClosedStream)
        closed_stream.begin(connection)
        if cython.compiled:
            self._uncache_flow(connection.a)
            self._uncache_flow(connection.b)
        connection.release()
        self.closed_streams[closed_stream.key] = closed_stream
        if len(self.closed_ring) < self.closed_limit:
            self.closed_ring.append(closed_stream)
        else:
            self._drop_closed(self.closed_ring[self.oldest_slot])
            self.closed_ring[self.oldest_slot] = closed_stream
            self.oldest_slot = (self.oldest_slot + 1) % self.closed_limit

    def _uncache_flow(self, direction: StreamDirection) -> None:
        if direction.ports >= 0:
            at = _slot(direction.address, direction.ports)
            if self.cache[at] is direction:
                self.cache[at] = None

    def _drop_closed(self, closed_stream: ClosedStream) -> None:
        if self.closed_streams.get(closed_stream.key) is not closed_stream:
            return
        del self.closed_streams[closed_stream.key]
        if not self.stream_limit_reported:
            self.stream_limit_reported = True
            what = (
                "too many closed connections to track: stream numbers may differ from Wireshark's"
            )
            self.warn("stream-limit", what, closed_stream.first_frame, closed_stream.stream)

    def _expire(self, now: int) -> None:
        self.deadline = 1 << 62
        at = self.first_closing
        while at < len(self.closing):
            connection = self.connections.get(self.closing[at])
            if connection is not None and connection.linger_until > now:
                self.deadline = connection.linger_until
                break
            at += 1
            if connection is not None:
                self._end(connection, CLOSED)
        self.first_closing = at
        if at > _COMPACT_AFTER and 2 * at > len(self.closing):
            del self.closing[:at]
            self.first_closing = 0

    def _evict_kept(self, s: Segment) -> None:
        # End the connections that have kept bytes the longest until the budget holds
        budget = self.budget
        what = (
            f"more than {budget.limit:,} bytes are kept of unfinished or large packets: the oldest "
            "of these connections is evicted, its later frames are not analyzed"
        )
        while budget.used > budget.limit:
            serial = budget.oldest()
            assert isinstance(serial, int)
            victim = self.connections[serial]
            self.warn("memory-limit", what, s.frame, victim.stream)
            self._end(victim, EVICTED)
        self.over_budget = False

    def _evict(self, latest: TcpConnection, s: Segment) -> None:
        # Evict the connection that was idle longest. One sorted part of all serves many evictions:
        # a connection in it without a later segment was idle longer than all outside of it
        while True:
            if not self.idle:
                ages = sorted(
                    (connection.last_time_ns, serial)
                    for serial, connection in self.connections.items()
                    if connection is not latest
                )
                self.idle = ages[: len(ages) // 16 + 1][::-1]
            last, serial = self.idle.pop()
            victim = self.connections.get(serial)
            if victim is not None and victim.last_time_ns == last:
                break
        if self.evicted == 0:
            what = f"more than {self.limits.connections} open connections: idle ones are evicted"
            self.warn("connection-limit", what, s.frame, victim.stream)
        self.evicted += 1
        self._end(victim, EVICTED)


def _slot(address: int, ports: int) -> int:
    # Slot of a direction in the look-up cache: multiplicative hashing, by the high bits
    product = (address ^ address >> 29 ^ ports << 20) * _HASH_MULTIPLIER
    return product >> 49


def reversed_key(key: bytes) -> bytes:
    """Return the key of the opposite direction, destination before source."""
    size = (len(key) - 4) // 2
    if cython.compiled and size == 4:
        swapped = cython.declare(cython.uchar[12])
        for index in range(4):
            swapped[index] = key[index + 4]
            swapped[index + 4] = key[index]
        for index in range(8, 10):
            swapped[index] = key[index + 2]
            swapped[index + 2] = key[index]
        return swapped[:12]
    return key[size : 2 * size] + key[:size] + key[-2:] + key[-4:-2]
