"""Decides what becomes of a TCP segment's flow, and numbers the streams.

A flow begins as an entry of the flat `FlowTable`, where its few segments without payload are held.
It becomes a `TcpConnection`, with all that was held, if a port of it is expected, if its first
payload may be MQTT or a layer around it (`FirstPayload`), or if its segments are out of the
ordinary. If its bytes turn out to be unwanted, it is a flat entry again. So only connections that
are undecided or carry MQTT are objects, and no other flow can evict one.

Streams are numbered as tcp.stream of Wireshark 4.0: a new number for an unknown flow, and for a SYN
whose sequence number is not the base of its direction. A closed flow stays in the table, for its
number, until `Limits.closed` newer ones have closed.
"""

from __future__ import annotations

from collections.abc import Callable

import cython

from dissector.integers import IntegerArray
from dissector.net.consumer import (
    CAPTURE_END,
    EVICTED,
    REUSED,
    Consumer,
    FirstPayload,
)
from dissector.net.consumer import (
    CLOSED as ENDED_CLOSED,
)
from dissector.net.flow_table import Flow, FlowTable, PortCounter, reversed_key
from dissector.net.limits import Limits
from dissector.net.reassembly import ReassemblyContext, StreamDirection, TcpConnection
from dissector.net.segment import Segment

if cython.compiled:
    from cython.cimports.dissector.integers import big32
    from cython.cimports.dissector.net.flow_table import (
        BASED,
        CLOSED,
        ENDED,
        FREE,
        KNOWN,
        LINGERING,
        MAC,
        PROMOTED,
        RECENT,
        STARTED,
        SYN_SEEN,
        SYNACK_SEEN,
        UNREAD,
        UNWANTED,
        WAITING,
        reversed_key,
    )
    from cython.cimports.dissector.net.reassembly import MASK
    from cython.cimports.dissector.net.segment import HEADER_ONLY, NUMBER_ONLY, WHOLE
    from cython.cimports.libc.string import memcpy
else:
    from dissector.integers import big32
    from dissector.net.flow_table import (
        BASED,
        CLOSED,
        ENDED,
        FREE,
        KNOWN,
        LINGERING,
        MAC,
        PROMOTED,
        RECENT,
        STARTED,
        SYN_SEEN,
        SYNACK_SEEN,
        UNREAD,
        UNWANTED,
        WAITING,
        reversed_key,
    )
    from dissector.net.reassembly import MASK
    from dissector.net.segment import HEADER_ONLY, NUMBER_ONLY, WHOLE

_SLOTS = 1 << 15
_HASH_MULTIPLIER = 0x9E3779B97F4A7C15  # odd, with pseudo-random bits
_CLOSING = 1024  # flows in the queue of those whose linger time is running, at first
_HELD = 3  # segments of a waiting flow that an entry can hold
_ACKNOWLEDGES_FIN = 32  # bit of `Flow.kinds`
_WRAP = 1 << 32
_ANY_SYN_DATA = 65535  # the most data that a SYN can carry

Factory = Callable[[TcpConnection], "Consumer | None"]
Warn = Callable[[str, str, int, int], object]


class FlowTracker(ReassemblyContext):
    """Tracks flows and open connections, and the stream numbers of closed ones.

    `factory(connection)` is called for a `Consumer` at the first payload byte of a connection, or
    when it begins if one of its ports is in `ports`; it returns None if the bytes are not wanted.
    `first_payload`, if given, is asked before, and may dismiss a flow without a connection.
    `warn(kind, message, frame, stream)` is called with capture warnings; stream -1: no single one.
    """

    def __init__(
        self,
        factory: Factory,
        ports: frozenset[int],
        warn: Warn,
        limits: Limits,
        first_payload: FirstPayload | None = None,
    ) -> None:
        super().__init__(limits)
        self.factory = factory
        self.ports = ports
        self.expected = bytearray(65536)  # 1 for each port in `ports`
        for port in ports:
            self.expected[port] = 1
        self.warn = warn
        self.flows = FlowTable(limits.flows)
        self.first_payload = first_payload
        self.linger_ns = limits.linger_ns
        self.connections: dict[int, TcpConnection] = {}  # open ones by serial
        self.places: list[TcpConnection | None] = []  # of `Flow.connection`
        self.free_places: list[int] = []
        # last time and serial, longest idle last: of undecided connections, and of decided ones
        self.idle: list[list[tuple[int, int]]] = [[], []]
        self.cache: list[StreamDirection | None] = [None] * _SLOTS if cython.compiled else []
        self.directions: dict[bytes, StreamDirection] = {}  # interpreted: in place of the cache
        self.replayed = Segment()
        self.replaying = False
        # a ring of the flows whose linger time is running: serial << 31 | index, and when it ends
        self.closing = IntegerArray(_CLOSING)
        self.deadlines = IntegerArray(_CLOSING)
        self.first_closing = self.closing_count = 0
        self.deadline = 1 << 62
        self.connections_limit = limits.connections
        self.undecided_limit = min(limits.undecided, limits.connections)
        self.undecided = 0
        # a ring of closed flows, some of them reused since then: serial << 31 | index, 0: none
        self.closed_ring = IntegerArray(limits.closed)
        self.closed_limit = limits.closed
        self.closed_slot = 0
        self.streams = 0
        self.open_flows = 0  # flat or connections, without closed ones
        self.evicted = 0
        self.dropped_flows = 0
        self.stream_limit_reported = False
        self.limits_reported: set[str] = set()
        self.port_counts = PortCounter()  # connections by server port
        self.clock = -(1 << 62)

    def end_all(self) -> None:
        """End tracking of all connections that are still open."""
        now = max(self.clock, 0)
        connections = [self.connections[serial] for serial in sorted(self.connections)]
        for connection in connections:
            if connection.consumer is not None:
                connection.consumer.capture_ends()
        for connection in connections:
            connection.finish(CAPTURE_END, now)
            connection.release()
        self.connections.clear()
        self.places.clear()
        self.free_places.clear()
        self.directions.clear()
        self.cache = [None] * len(self.cache)
        self.abandoned.clear()
        self.idle = [[], []]
        self.first_closing = self.closing_count = 0
        self.deadline = 1 << 62
        self.open_flows = self.undecided = 0
        self.flows.clear()

    def advance(self, now: int) -> None:
        """Advance the clock to `now` (no earlier frame will come) and expire closed connections."""
        if now > self.clock:
            self.clock = now
        if now >= self.deadline:
            self._expire(now)

    def discard(self, connection: TcpConnection) -> None:
        """End tracking of a connection as at capture end; later segments begin it mid-stream."""
        index = connection.flow
        self._end(connection, CAPTURE_END)
        self._remove(index)

    def discard_idle(self, before_ns: int) -> None:
        """Forget the flows without a connection that had no segment since `before_ns`."""
        for index in range(self.flows.used):
            if not cython.compiled and self.flows.plain[index] is None:
                continue
            entry = self.flows.at(index)
            if entry.state == WAITING or entry.state == UNWANTED:
                if entry.last_time_ns < before_ns:
                    self._remove(index)

    def owner(self, s: Segment) -> tuple[int, int] | None:
        """Return (stream, side) of a segment; None if it belongs to no known connection.

        A connection that was closed by this segment, or before, stays known for a while, with the
        same sides.
        """
        found = self.flows.find(s)
        if found < 0:
            return None
        return self.flows.at(found >> 1).stream, found & 1

    def open(self, connection: TcpConnection) -> Consumer | None:
        """Call the factory for the consumer of a connection."""
        return self.factory(connection)

    def connection_closed(self, connection: TcpConnection) -> None:
        """End tracking of this connection when its linger time is over."""
        own = connection
        if self.replaying:
            own.linger_until = own.last_time_ns + self.linger_ns
            return
        own.linger_until = self.clock + self.linger_ns
        self._linger(own.flow, own.linger_until)

    def connection_complete(self, connection: TcpConnection) -> None:
        """End tracking of this connection now: only retransmissions may still come."""
        self._end(connection, ENDED_CLOSED)

    def connection_decided(self, connection: TcpConnection) -> None:
        """Count this connection as one with MQTT, or with a layer that may hold MQTT."""
        own = connection
        if own.over:
            return
        self.undecided -= 1
        if len(self.connections) - self.undecided > self.connections_limit:
            self.attention = True

    def report(self, kind: str, message: str, frame: int, stream: int) -> None:
        """Report a capture warning."""
        self.warn(kind, message, frame, stream)

    def server_ports(self) -> dict[int, int]:
        """Return the number of connections by server port."""
        return dict(sorted(self.port_counts.by_port().items()))

    # -- from a segment to its flow ---------------------------------------------------------------

    def _cached(self, pointer: bytes, at: int) -> StreamDirection | None:
        # The direction of a connection over IPv4; it hits for most segments of one
        address = big32(pointer, at)
        address = address << 32 | big32(pointer, at + 4)
        ports = big32(pointer, at + 8)
        slot = _slot(address, ports)
        found = self.cache[slot]
        if found is not None and found.ports == ports and found.address == address:
            return found
        return None  # flat, or another connection occupies its slot

    def _find(
        self, known: StreamDirection | None, s: Segment, found: int
    ) -> StreamDirection | None:
        # The direction of a segment; None: of a flat flow, for which the segment was processed.
        # `found` is the result of `FlowTable.find` if `known` is None
        if known is not None:
            index = known.connection.flow
            side = known.side
            connection = known.connection
            entry = self.flows.at(index)
        else:
            if found < 0:
                return self._begin(s, self._create(s, -1))
            index = found >> 1
            side = found & 1
            entry = self.flows.at(index)
            if entry.state == CLOSED:
                return self._find_closed(s, index, side)
            connection = None
            if entry.state == PROMOTED:
                connection = self.places[entry.connection]
                assert connection is not None
                known = connection.b if side else connection.a
                if known.ports >= 0:
                    self.cache[_slot(known.address, known.ports)] = known
        if s.flags & 0x12 == 2 and s.grade != NUMBER_ONLY:
            if connection is not None and known is not None:
                based = known.based
                base = known.base_seq
                lingering = connection.lingering
            else:
                based = entry.flags & BASED << side != 0
                base = entry.base[side]
                lingering = entry.flags & LINGERING != 0
            if (based and s.seq != base) or (s.grade == WHOLE and lingering):
                if connection is not None:
                    self._end(connection, REUSED)
                else:
                    self._close(index)
                return self._find_closed(s, index, side)
        if connection is not None:
            return known
        if s.grade == WHOLE:
            return self._flat(s, index, side)
        if s.grade == HEADER_ONLY:
            self._note_base(entry, s, side)
        return None

    def _find_closed(self, s: Segment, index: int, side: int) -> StreamDirection | None:
        # The direction of a segment of a closed flow: None unless it begins a connection anew
        entry = self.flows.at(index)
        if s.flags & 0x12 != 2 or s.grade == NUMBER_ONLY:
            if s.grade != NUMBER_ONLY:
                self._note_base(entry, s, side)
            return None
        if entry.flags & BASED << side and s.seq != entry.base[side]:
            self._remove(index)
            return self._begin(s, self._create(s, -1))
        if s.grade != WHOLE:
            self._note_base(entry, s, side)
            return None
        # The same SYN again after FIN or RST: a new connection, but Wireshark 4.0 keeps the number
        # and the base sequence number of each direction
        stream = entry.stream
        flags = entry.flags
        own_base = entry.base[side]
        peer_base = entry.base[1 - side]
        self._remove(index)
        new = self._create(s, stream)
        made = self.flows.at(new >> 1)
        made.base[0] = own_base
        made.base[1] = peer_base
        if flags & BASED << side:
            made.flags |= BASED
        if flags & BASED << 1 - side:
            made.flags |= BASED << 1
        return self._begin(s, new)

    def _create(self, s: Segment, stream: int) -> int:
        # Add a flow and return `FlowTable.find`; stream -1: with the next number
        if self.flows.count >= self.flows.limit:
            self._drop_idle(s)
        found = self.flows.add(s)
        side = found & 1
        entry = self.flows.at(found >> 1)
        if stream < 0:
            stream = self.streams
            self.streams += 1
        entry.stream = stream
        entry.first_frame = s.frame
        entry.first_time_ns = entry.last_time_ns = s.time_ns
        entry.clock_steps = self.clock_steps_back & 0xFFFF
        if s.mac_source >= 0:
            self._set_mac(entry, side, s.mac_window, s.mac_source)
        if s.mac_destination >= 0:
            self._set_mac(entry, 1 - side, s.mac_window, s.mac_destination)
        self.port_counts.add(self._server_port(entry, s.flags & 2 != 0))
        self.open_flows += 1
        return found

    def _begin(self, s: Segment, found: int) -> StreamDirection | None:
        # The direction of the segment that began this flow, as `_find`
        index = found >> 1
        side = found & 1
        entry = self.flows.at(index)
        if self.expected[entry.ports >> 16] + self.expected[entry.ports & 0xFFFF] != 0:
            connection = self._promote(index, s)
            if s.grade != NUMBER_ONLY:
                connection.decide()
            return connection.b if side else connection.a
        if s.grade == WHOLE:
            return self._flat(s, index, side)
        if s.grade == HEADER_ONLY:
            self._note_base(entry, s, side)
        return None

    def _set_mac(self, entry: Flow, side: int, window: bytes, at: int) -> None:
        if at + 6 > len(window):
            return
        entry.flags |= MAC << side
        if cython.compiled:
            memcpy(entry.mac + 6 * side, cython.cast("const unsigned char *", window) + at, 6)
        else:
            entry.mac[6 * side : 6 * side + 6] = window[at : at + 6]

    def _mac(self, entry: Flow, at: int) -> bytes:
        if cython.compiled:
            pointer = cython.cast("const unsigned char *", entry.mac) + at
            return pointer[:6]
        return bytes(entry.mac[at : at + 6])

    def _server_port(self, entry: Flow, sure: bool) -> int:
        port = entry.ports & 0xFFFF
        if not sure and entry.ports >> 16 < port:
            port = entry.ports >> 16  # no SYN seen: the server usually has the lower port
        return port

    # -- flat flows -------------------------------------------------------------------------------

    def _flat(self, s: Segment, index: int, side: int) -> StreamDirection | None:
        # Process a segment of a flow without a connection; it may become one
        entry = self.flows.at(index)
        entry.flags |= RECENT
        if entry.state == UNWANTED:
            return self._receive_unwanted(s, entry, index, side)
        if s.wire_length == 0:
            if self._hold(s, entry, index, side):
                return None
        elif side == 0 and self._dismiss(s, entry, index):
            return None
        connection = self._promote(index, s)
        return connection.b if side else connection.a

    def _hold(self, s: Segment, entry: Flow, index: int, side: int) -> bool:
        # Hold a segment without payload; False if it is out of the ordinary, or one too many. Its
        # numbers have to follow from the base sequence numbers, which makes it harmless, too
        bits = entry.flags
        kind = s.flags & 0x17
        own = BASED << side
        peer = BASED << 1 - side
        if entry.held >= _HELD or bits & (LINGERING | ENDED << side):
            return False
        answer = bits & ENDED << 1 - side != 0  # a FIN that follows the peer's FIN, nothing else
        if answer and not (entry.held == 1 and kind == 0x11 and bits & own and bits & peer):
            return False
        base = s.seq if kind & 2 else (s.seq - 1) & MASK
        if bits & own and entry.base[side] != base:
            return False
        if kind & 7 == 1:
            if entry.held and not answer:
                return False
        elif kind & 7 == 3 or kind & 7 > 4:
            return False
        if (
            kind & 16
            and not kind & 4
            and bits & peer
            and entry.base[1 - side] != (s.ack - 1) & MASK
        ):
            if not answer or entry.base[1 - side] != (s.ack - 2) & MASK:
                return False
            kind |= _ACKNOWLEDGES_FIN
        scale = 0
        if kind & 2:
            scale = s.scale()
            if bits & STARTED << side and entry.scales >> 4 * side & 15 != scale:
                return False
        if entry.held == 0:
            if s.frame != entry.first_frame or s.time_ns != entry.first_time_ns:
                return False
        else:
            distance = s.frame - entry.first_frame
            since = entry.last_time_ns - entry.first_time_ns
            if not (0 <= distance < _WRAP and 0 <= since < _WRAP):
                return False
            entry.frames[entry.held - 1] = distance
            if entry.held == 2:
                entry.time_offset = since
        entry.kinds[entry.held] = kind | side << 7
        entry.win[entry.held] = s.win
        entry.held += 1
        entry.last_time_ns = s.time_ns
        if not bits & MAC << side and s.mac_source >= 0:
            self._set_mac(entry, side, s.mac_window, s.mac_source)
        entry.base[side] = base
        entry.flags |= own
        if kind & 16 and not bits & peer:
            entry.base[1 - side] = (s.ack - 1) & MASK
            entry.flags |= peer
        if kind & 4:
            entry.flags |= ENDED << side
            self._linger(index, self.clock + self.linger_ns)
            return True
        if kind & 2:
            entry.flags |= STARTED << side
            entry.scales |= scale << 4 * side
            if kind & 16:
                if side:
                    entry.flags |= SYNACK_SEEN
            elif not side:
                entry.flags |= SYN_SEEN
        if kind & 16 and not bits & KNOWN << 1 - side:
            entry.flags |= KNOWN << 1 - side
            if kind & 2:
                entry.flags |= STARTED << 1 - side
        entry.flags |= KNOWN << side
        if kind & 1:
            entry.flags |= ENDED << side
            if answer:
                self._linger(index, self.clock + self.linger_ns)
        return True

    def _dismiss(self, s: Segment, entry: Flow, index: int) -> bool:
        # Dismiss a flow by the first payload, of side 0; False if a connection has to be made
        bits = entry.flags
        if (
            self.first_payload is None
            or s.flags & 0x17 != 16
            or s.stop <= s.start
            or bits & (LINGERING | ENDED | ENDED << 1)
            or (s.wire_length == 1 and not s.flags & 8)  # it may be a probe
            or (bits & BASED and entry.base[0] != (s.seq - 1) & MASK)
            or (bits & BASED << 1 and entry.base[1] != (s.ack - 1) & MASK)
        ):
            return False
        midstream = not bits & (SYN_SEEN | SYNACK_SEEN)
        if self.generation and self._serves(index, midstream):
            return False
        kind = self.first_payload.judge(s.window, s.start, s.stop, entry.ports, not bits & STARTED)
        if kind is None:
            return False
        self.first_payload.dismissed(kind, self._server_port(entry, bits & SYN_SEEN != 0))
        self._note_base(entry, s, 0)
        entry.last_time_ns = s.time_ns
        entry.state = UNWANTED
        entry.held = 0
        if midstream and kind == "other":
            entry.flags |= UNREAD
            entry.frames[0] = self.generation & MASK
        return True

    def _serves(self, index: int, midstream: bool) -> bool:
        # Whether an end of a flow is a server that proved to speak MQTT
        assert self.first_payload is not None
        key = self.flows.key(index)
        size = (len(key) - 4) // 2
        return self.first_payload.serves(
            key[:size] + key[-4:-2], key[size : 2 * size] + key[-2:], midstream
        )

    def _note_base(self, entry: Flow, s: Segment, side: int) -> None:
        # Set the base sequence numbers, as `StreamDirection.note_base` does
        own = BASED << side
        peer = BASED << 1 - side
        if not entry.flags & own or s.flags & 0x12 == 0x12:
            entry.flags |= own
            entry.base[side] = s.seq if s.flags & 2 else (s.seq - 1) & MASK
        if s.flags & 16 and not entry.flags & peer:
            entry.flags |= peer
            entry.base[1 - side] = (s.ack - 1) & MASK

    def _is_foreign_synack(self, entry: Flow, s: Segment, side: int) -> bool:
        # As `StreamDirection.is_foreign_synack`
        own = (STARTED | BASED) << side
        peer = (STARTED | BASED) << 1 - side
        if entry.flags & own == own and s.seq != entry.base[side]:
            return True
        if entry.flags & peer != peer:
            return False
        return (s.ack - entry.base[1 - side] - 1) & MASK > _ANY_SYN_DATA

    def _receive_unwanted(
        self, s: Segment, entry: Flow, index: int, side: int
    ) -> StreamDirection | None:
        # Process a segment of an unwanted flow: only its numbers and its end matter
        if entry.flags & UNREAD and entry.frames[0] != self.generation & MASK:
            entry.frames[0] = self.generation & MASK
            if not entry.flags & (ENDED | ENDED << 1) and self._serves(index, True):
                connection = self._promote(index, s)  # it begins anew, in mid-stream
                return connection.b if side else connection.a
        entry.last_time_ns = s.time_ns
        if not s.flags & 7 and entry.flags & BASED and entry.flags & BASED << 1:
            return None
        if s.flags & 0x12 == 0x12 and self._is_foreign_synack(entry, s, side):
            self.contradictions += 1
        self._note_base(entry, s, side)
        if s.flags & 5:
            entry.flags |= ENDED << side
            if s.flags & 4 or entry.flags & ENDED << 1 - side:
                self._linger(index, self.clock + self.linger_ns)
        return None

    # -- flat entries and connections -------------------------------------------------------------

    def _promote(self, index: int, latest: Segment) -> TcpConnection:
        # Make a connection of a flat flow, and give it the segments that were held
        entry = self.flows.at(index)
        key = self.flows.key(index)
        reverse = reversed_key(key)
        connection = TcpConnection.__new__(TcpConnection)
        connection.begin(self, entry.stream, key, reverse)
        connection.flow = index
        connection.serial = entry.serial
        connection.first_frame = entry.first_frame
        connection.first_time_ns = entry.first_time_ns
        connection.last_time_ns = entry.last_time_ns
        if entry.clock_steps != self.clock_steps_back & 0xFFFF:
            connection.clock_steps_back = self.clock_steps_back - 1  # it went back since then
        connection.expected = (
            self.expected[connection.a.port] + self.expected[connection.b.port] != 0
        )
        if entry.flags & MAC:
            connection.a.mac = self._mac(entry, 0)
        if entry.flags & MAC << 1:
            connection.b.mac = self._mac(entry, 6)
        connection.a.based = entry.flags & BASED != 0
        connection.b.based = entry.flags & BASED << 1 != 0
        connection.a.base_seq = entry.base[0]
        connection.b.base_seq = entry.base[1]
        connection.based = connection.a.based and connection.b.based
        if cython.compiled:
            if len(key) == 12:
                self._cache_flow(connection.b, reverse)
                self._cache_flow(connection.a, key)
        else:
            self.directions[reverse] = connection.b
            self.directions[key] = connection.a
        if self.free_places:
            place = self.free_places.pop()
            self.places[place] = connection
        else:
            place = len(self.places)
            self.places.append(connection)
        self.connections[connection.serial] = connection
        self.undecided += 1
        if entry.state == WAITING and entry.held:
            self._replay(entry, connection)
        entry.connection = place
        entry.state = PROMOTED
        if self.undecided > self.undecided_limit:
            self._evict(connection, latest, False)
        return connection

    def _replay(self, entry: Flow, connection: TcpConnection) -> None:
        # Process the segments that an entry holds
        s = self.replayed
        self.replaying = True
        for i in range(entry.held):
            kind = entry.kinds[i] & 0x17
            side = entry.kinds[i] >> 7
            s.frame = entry.first_frame
            if i > 0:
                s.frame += entry.frames[i - 1]
            s.time_ns = entry.last_time_ns
            if i == 0:
                s.time_ns = entry.first_time_ns
            elif i == 1 and entry.held == 3:
                s.time_ns = entry.first_time_ns + entry.time_offset
            base = entry.base[side]
            s.seq = base if kind & 2 else (base + 1) & MASK
            s.ack = 0
            if kind & 16:
                base = entry.base[1 - side]
                s.ack = (base + 1) & MASK
                if entry.kinds[i] & _ACKNOWLEDGES_FIN:
                    s.ack = (base + 2) & MASK
            s.flags = kind
            s.win = entry.win[i]
            s.set_scale(entry.scales >> 4 * side & 15 if kind & 2 else 0)
            if side:
                connection.b.receive(s)
            else:
                connection.a.receive(s)
        self.replaying = False

    def _demote(self, connection: TcpConnection) -> None:
        # Make a flat entry of a connection whose bytes are not wanted
        entry = self.flows.at(connection.flow)
        entry.state = UNWANTED
        entry.held = 0
        entry.last_time_ns = connection.last_time_ns
        entry.flags &= ~(ENDED | ENDED << 1 | LINGERING | STARTED | STARTED << 1 | UNREAD)
        if connection.a.closed:
            entry.flags |= ENDED
        if connection.b.closed:
            entry.flags |= ENDED << 1
        if connection.a.started:
            entry.flags |= STARTED
        if connection.b.started:
            entry.flags |= STARTED << 1
        if connection.lingering:
            entry.flags |= LINGERING
        if connection.unread:
            entry.flags |= UNREAD
            entry.frames[0] = self.generation & MASK
        connection.over = True
        self._leave(connection)

    def _leave(self, connection: TcpConnection) -> None:
        # The entry of a connection is flat from now on
        entry = self.flows.at(connection.flow)
        del self.connections[connection.serial]
        if not connection.decided:
            self.undecided -= 1
        self.places[entry.connection] = None
        self.free_places.append(entry.connection)
        entry.connection = -1
        for side in (0, 1):
            direction = connection.direction(side)
            if direction.mac is not None and not entry.flags & MAC << side:
                self._set_mac(entry, side, direction.mac, 0)
            entry.base[side] = direction.base_seq
            if direction.based:
                entry.flags |= BASED << side
            if cython.compiled:
                self._uncache_flow(direction)
        if not cython.compiled:
            del self.directions[connection.key]
            self.directions.pop(connection.reverse, None)
        connection.release()

    def _end(self, connection: TcpConnection, reason: int) -> None:
        # End tracking of a connection; what its stream number needs is kept
        if connection.over:
            return
        connection.finish(reason, self.clock)
        index = connection.flow
        self._leave(connection)
        self._close(index)

    def _close(self, index: int) -> None:
        # Keep only the stream number of a flow, until so many others have closed
        entry = self.flows.at(index)
        entry.state = CLOSED
        self.open_flows -= 1
        code = entry.serial
        code = code << 31 | index
        old = self.closed_ring.at[self.closed_slot]
        self.closed_ring.at[self.closed_slot] = code + 1
        self.closed_slot = self.closed_slot + 1 if self.closed_slot + 1 < self.closed_limit else 0
        if old == 0 or not self._is_current(old - 1, True):
            return
        first = (old - 1) & 0x7FFFFFFF
        entry = self.flows.at(first)
        if not self.stream_limit_reported:
            self.stream_limit_reported = True
            what = (
                "too many closed connections to track: stream numbers may differ from Wireshark's"
            )
            self.warn("stream-limit", what, entry.first_frame, entry.stream)
        self._remove(first)

    def _remove(self, index: int) -> None:
        # Forget a flat flow
        entry = self.flows.at(index)
        if entry.state != CLOSED:
            self.open_flows -= 1
        self.flows.remove(index)

    def _cache_flow(self, direction: StreamDirection, key: bytes) -> None:
        direction.address = big32(key, 0)
        direction.address = direction.address << 32 | big32(key, 4)
        direction.ports = big32(key, 8)
        self.cache[_slot(direction.address, direction.ports)] = direction

    def _uncache_flow(self, direction: StreamDirection) -> None:
        if direction.ports >= 0:
            at = _slot(direction.address, direction.ports)
            if self.cache[at] is direction:
                self.cache[at] = None

    # -- the end of flows -------------------------------------------------------------------------

    def _linger(self, index: int, until: int) -> None:
        # Have tracking of a closed flow end at a time
        entry = self.flows.at(index)
        if entry.flags & LINGERING:
            return
        entry.flags |= LINGERING
        if self.closing_count == self.closing.size:
            self._enlarge_closing()
        if self.closing_count == 0:
            self.deadline = until
        at = self.first_closing + self.closing_count
        if at >= self.closing.size:
            at -= self.closing.size
        code = entry.serial
        self.closing.at[at] = code << 31 | index
        self.deadlines.at[at] = until
        self.closing_count += 1

    def _enlarge_closing(self) -> None:
        # Drop what is over from the queue of closing flows; double its room if most of it is not
        size = self.closing.size
        kept = 0
        for i in range(self.closing_count):
            at = self.first_closing + i
            if self._is_current(self.closing.at[at if at < size else at - size], False):
                kept += 1
        if 2 * kept > size:
            size *= 2
        ids, times = IntegerArray(size), IntegerArray(size)
        kept = 0
        for i in range(self.closing_count):
            at = self.first_closing + i
            if at >= self.closing.size:
                at -= self.closing.size
            if self._is_current(self.closing.at[at], False):
                ids.at[kept] = self.closing.at[at]
                times.at[kept] = self.deadlines.at[at]
                kept += 1
        self.closing, self.deadlines = ids, times
        self.first_closing = 0
        self.closing_count = kept

    def _is_current(self, code: int, closed: bool) -> bool:
        # Whether the entry of such a code is still that of its flow, and whether that is closed
        index = code & 0x7FFFFFFF
        if index >= self.flows.used or (not cython.compiled and self.flows.plain[index] is None):
            return False
        entry = self.flows.at(index)
        if entry.state == FREE or entry.serial != code >> 31:
            return False
        return (entry.state == CLOSED) == closed

    def _expire(self, now: int) -> None:
        self.deadline = 1 << 62
        while self.closing_count:
            at = self.first_closing
            code = self.closing.at[at]
            index = code & 0x7FFFFFFF
            current = self._is_current(code, False)
            if current and self.deadlines.at[at] > now:
                self.deadline = self.deadlines.at[at]
                break
            self.first_closing = at + 1 if at + 1 < self.closing.size else 0
            self.closing_count -= 1
            if not current:
                continue
            entry = self.flows.at(index)
            if entry.state == PROMOTED:
                connection = self.places[entry.connection]
                assert connection is not None
                self._end(connection, ENDED_CLOSED)
            else:
                self._close(index)

    def _attend(self, s: Segment) -> None:
        # After a segment: what a consumer brought about, but could not be done during its calls
        self.attention = False
        while self.abandoned:
            connection = self.abandoned.pop()
            if not connection.over:
                self._demote(connection)
        while len(self.connections) - self.undecided > self.connections_limit:
            self._evict(None, s, True)
        if self.over_budget:
            self._evict_kept(s)

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

    def _evict(self, latest: TcpConnection | None, s: Segment, decided: bool) -> None:
        # Evict the connection that was idle longest of those that are decided, or are not. One
        # sorted part of all serves many evictions: a connection in it without a later segment was
        # idle longer than all outside of it
        idle = self.idle[1 if decided else 0]
        while True:
            if not idle:
                ages = sorted(
                    [
                        (connection.last_time_ns, serial)
                        for serial, connection in self.connections.items()
                        if connection is not latest and connection.decided == decided
                    ]
                )
                idle = ages[: len(ages) // 16 + 1][::-1]
                self.idle[1 if decided else 0] = idle
            last, serial = idle.pop()
            victim = self.connections.get(serial)
            if (
                victim is not None
                and victim.last_time_ns == last
                and victim.decided == decided
                and victim is not latest
            ):
                break
        limit = self.connections_limit
        if not decided and self.undecided_limit < limit:
            limit = self.undecided_limit
            what = f"more than {limit} open connections that may be MQTT: idle ones are evicted"
        else:
            what = f"more than {limit} open connections: idle ones are evicted"
        if what not in self.limits_reported:
            self.limits_reported.add(what)
            self.warn("connection-limit", what, s.frame, victim.stream)
        self.evicted += 1
        self._end(victim, EVICTED)

    def _drop_idle(self, s: Segment) -> None:
        # Drop a flow of the full table
        index = self.flows.longest_idle()
        if index < 0:
            return
        if self.dropped_flows == 0:
            what = (
                f"more than {self.flows.limit:,} flows: idle ones are dropped; "
                "one that is seen again has a new stream number"
            )
            self.warn("flow-limit", what, s.frame, self.flows.at(index).stream)
        self.dropped_flows += 1
        self._remove(index)


def _slot(address: int, ports: int) -> int:
    # Slot of a direction in the look-up cache: multiplicative hashing, by the high bits
    product = (address ^ address >> 29 ^ ports << 20) * _HASH_MULTIPLIER
    return product >> 49
