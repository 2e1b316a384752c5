"""Follows the control packets of one MQTT connection, and builds its `Connection` record.

A tracker begins when a detector (`detector.py`) has found that a TCP connection, or what an
encapsulation carries, is MQTT. It receives the bytes of both sides in order, with explicit gaps.

- Each direction (`mqtt_direction.py`) is split into packets. Ordinary packets of an established
  connection are only counted: they cost no object. All others are decoded, advance the phase of the
  connection (`transitions.py`), set its flags and form its handshake.
- After a gap, framing begins again at a chain of plausible packets. Packets found after missing
  bytes may be payload, so they are reported to the sink but never evaluated by rules.
- When the connection ends, the record gets its capture quality: what was not captured
  (`completeness.py`), and why tracking ended. Absences are judged by it.

A tracker without packets is the record of a connection on an MQTT port on which nothing was sent.
Sides are numbers as in `net`: 0 is the initiator of the TCP connection.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import cython

from dissector.connections.analysis_context import AnalysisContext
from dissector.connections.connection import (
    CONNACK_FLAGS,
    CONNECT_FLAGS,
    FOREIGN_KEPT,
    HISTORY_LIMIT,
    CloseEvent,
    Connection,
    ConnectionFlag,
    Phase,
)
from dissector.connections.encapsulation.record import TLS, WEBSOCKET
from dissector.connections.handshake import Close, Handshake
from dissector.connections.known_server import KnownServer
from dissector.connections.mqtt_direction import MqttDirection
from dissector.connections.transitions import CONNACK_REFUSED, EVENTS, NEXT, STAYS
from dissector.model import Outcome, Side, Version
from dissector.mqtt import spec
from dissector.mqtt.decode import DECODED
from dissector.mqtt.defects import Defect, DefectKind
from dissector.mqtt.packets.auth import Auth
from dissector.mqtt.packets.connack import Connack
from dissector.mqtt.packets.connect import Connect
from dissector.mqtt.packets.disconnect import Disconnect
from dissector.mqtt.packets.packet import Packet
from dissector.mqtt.properties import Property
from dissector.mqtt.stream import BROKEN, NEED_DATA, Framer
from dissector.net.consumer import (
    CAPTURE_END,
    CLOSE_FRAME,
    FIN,
    RST,
    Consumer,
)
from dissector.net.reassembly import TcpConnection

if TYPE_CHECKING:
    from dissector.connections.completeness import Gap
    from dissector.connections.encapsulation.record import Encapsulation

if cython.compiled:
    from cython.cimports.dissector.connections.completeness import (  # type: ignore[import-not-found]
        ambiguous,
        conflicting,
        gap_of,
        midstream,
        pending,
        record_gap,
        update_quality,
    )
    from cython.cimports.dissector.connections.connection import (  # type: ignore[import-not-found]
        packet_ref,
    )
    from cython.cimports.dissector.connections.detection import (  # type: ignore[import-not-found]
        plausible_chain,
        server_begins,
    )
    from cython.cimports.dissector.connections.outcome import outcome  # type: ignore[import-not-found]
    from cython.cimports.dissector.integers import cut  # type: ignore[import-not-found]
    from cython.cimports.dissector.mqtt.decode import (  # type: ignore[import-not-found]
        decode_packet,
        header_defects,
    )
else:
    from dissector.connections.completeness import (
        ambiguous,
        conflicting,
        gap_of,
        midstream,
        pending,
        record_gap,
        update_quality,
    )
    from dissector.connections.connection import packet_ref
    from dissector.connections.detection import plausible_chain, server_begins
    from dissector.connections.outcome import outcome
    from dissector.integers import cut
    from dissector.mqtt.decode import decode_packet, header_defects

# Attributes of classes as module-level names: C integers when compiled
_CONNECTING, _AUTHENTICATING = Phase.CONNECTING, Phase.AUTHENTICATING
_CONNECTED, _REFUSED, _MIDSTREAM = Phase.CONNECTED, Phase.REFUSED, Phase.MIDSTREAM
_WITH_CONNECT, _WITH_CONNACK = ConnectionFlag.CONNECT, ConnectionFlag.CONNACK
_WITH_REFUSAL, _WITH_DISCONNECT = ConnectionFlag.REFUSED, ConnectionFlag.DISCONNECT
_WITH_SESSION, _WITH_AUTH = ConnectionFlag.SESSION_PRESENT, ConnectionFlag.AUTH
_NO_CLIENT_ID = ConnectionFlag.NO_CLIENT_ID
_SILENT, _IN_WEBSOCKET = ConnectionFlag.SILENT, ConnectionFlag.WEBSOCKET
_CLIENT_FIRST_OTHER = ConnectionFlag.CLIENT_FIRST_OTHER
_SERVER_FIRST_OTHER = ConnectionFlag.SERVER_FIRST_OTHER
_BEFORE_CONNACK, _AFTER_REFUSAL = ConnectionFlag.BEFORE_CONNACK, ConnectionFlag.AFTER_REFUSAL
_AFTER_DISCONNECT = ConnectionFlag.AFTER_DISCONNECT
_UNANSWERED, _LEFT_OPEN = ConnectionFlag.UNANSWERED, ConnectionFlag.OPEN_AFTER_DISCONNECT
_REFUSED_CONNACK, _STAYS, _EVENTS, _NEXT = CONNACK_REFUSED, STAYS, EVENTS, NEXT
_CLIENT, _SERVER, _INCOMPLETE = Side.CLIENT, Side.SERVER, Outcome.INCOMPLETE
_V3_1, _V3_1_1, _V5_0 = Version.V3_1, Version.V3_1_1, Version.V5_0
_CONNECT, _CONNACK, _DISCONNECT, _AUTH = spec.CONNECT, spec.CONNACK, spec.DISCONNECT, spec.AUTH
_DECODED = DECODED
_CLIENT_ONLY = sum(1 << kind for kind in spec.CLIENT_ONLY)
_SERVER_ONLY = sum(1 << kind for kind in spec.SERVER_ONLY)
_CONNECT_BYTE = bytes((spec.CONNECT << 4,))
_PROPERTY = 200  # bytes of memory for each property, besides its text
_INNER_LAYERS = WEBSOCKET | TLS  # behind a PROXY header MQTT is plain

_CLOSES = ("", "fin", "rst", "close-frame")
assert (_CLOSES[FIN], _CLOSES[RST], _CLOSES[CLOSE_FRAME]) == _CLOSES[1:]


class Tracker(Consumer):
    """Follows one MQTT connection on `tcp`.

    `phase` is its protocol state, `order` counts the packets of both sides. `connect_end` and
    `connack_end` are the positions in the TCP streams after the CONNECT and the CONNACK of the
    handshake, -1 without. `charged` are the bytes that the connection was charged for (see
    `TcpConnection.charge`). `encapsulation` and `outer_layers` describe what is between TCP and
    MQTT, as a record and as bits of `encapsulation/record.py`.
    """

    # -- begin ------------------------------------------------------------------------------------

    def begin(
        self,
        context: AnalysisContext,
        tcp: TcpConnection,
        initiator: MqttDirection,
        responder: MqttDirection,
    ) -> None:
        """Initialises a tracker; only `make_tracker` calls this."""
        self.context = context
        self.tcp = tcp
        self.initiator = initiator
        self.responder = responder
        self.client_side = 0
        self.phase = 0
        self.order = 0
        self.charged = 0
        self.connect_end = -1
        self.connack_end = -1
        self.outer_layers = 0
        self.encapsulation: Encapsulation | None = None
        self.connection: Connection | None = None
        self.known_server: KnownServer | None = None

    def direction(self, side: int) -> MqttDirection:
        """Returns the direction in which `side` sends."""
        return self.responder if side else self.initiator

    def open(self, client_side: int) -> Connection:
        """Makes the record of the connection, with this side as the client."""
        self.client_side = client_side
        self.initiator.set_client(client_side)
        self.responder.set_client(client_side)
        tcp, context = self.tcp, self.context
        client = context.end_of(tcp, client_side)
        self.known_server = context.server_of(tcp, 1 - client_side)
        first = context.frame(tcp.first_frame, tcp.first_time_ns)
        made = self.connection = Connection.__new__(Connection)
        made.begin(tcp.stream, client, self.known_server.endpoint, first)
        made.deadlines = context.deadlines
        encapsulation = self.encapsulation
        if encapsulation is not None:
            encapsulation.mqtt = True
            made.encapsulation = encapsulation
            made.transport = encapsulation.transport
            made.connection_flags |= _IN_WEBSOCKET if encapsulation.websocket else 0
        return made

    def open_silent(self, gaps: tuple[Gap, ...]) -> Connection:
        """Makes the record of a connection on which no data was sent; `gaps` came before it."""
        connection = self.open(0)
        connection.connection_flags |= _SILENT
        for gap in gaps:
            self.record_gap(gap)
        return connection

    def begin_packets(self) -> None:
        """Begins framing: what is delivered from now on are control packets."""
        self.initiator.make_framer(self.context.keep_all)
        self.responder.make_framer(self.context.keep_all)
        self.context.mqtt_connections += 1
        if midstream(self.tcp):
            assert self.connection is not None
            self.phase = _MIDSTREAM
            self.connection.quality.syn_seen = False

    # -- events of TCP ----------------------------------------------------------------------------

    def chunk(
        self, side: int, window: bytes, start: int, stop: int, frame: int, time_ns: int
    ) -> bool:
        """Processes the next bytes of a side; False if the connection has ended."""
        direction = self.responder if side else self.initiator
        direction.byte_count += stop - start
        if self.connection is None:
            return False
        self.packets(direction, window, start, stop, frame, time_ns)
        direction.last_frame = frame
        direction.last_time_ns = time_ns
        return True

    def gap(self, side: int, missing: int, frame: int, time_ns: int, reason: str) -> bool:
        """Called for missing bytes of a side: its framing is reset."""
        direction = self.direction(side)
        direction.note_missing(reason != "mid-stream")
        if self.connection is None:
            return False
        self.record_gap(gap_of(self.context, direction, missing, frame, time_ns, reason))
        self.charge()
        return True

    def closed(self, side: int, how: int, frame: int, time_ns: int) -> bool:
        """Called when a side closed."""
        connection = self.connection
        if connection is None:
            return False
        who = self.direction(side).who
        event = CloseEvent.__new__(CloseEvent)
        event.begin(who, _CLOSES[how], self.context.frame(frame, time_ns))
        if connection.closes:
            connection.closes += (event,)
        else:
            connection.closes = (event,)
        if connection.close is None:
            connection.close = Close.__new__(Close)
            connection.close.begin(who, event.how, event.frame)
        if len(connection.closes) == 1:
            self.context.sink.closing(connection)
        return True

    def capture_ends(self) -> None:
        """Called at the end of the capture: notes how long its server was seen."""
        self.note_server()

    def finished(self, reason: int, time_ns: int) -> bool:
        """Called when tracking of the connection ends: completes its record and reports it."""
        connection = self.connection
        if connection is None:
            return False
        if connection.connection_flags & _SILENT and connection.connection_flags & _IN_WEBSOCKET:
            self.context.mqtt_connections += 1  # WebSocket for MQTT that failed before any packet
        self._incomplete_packets(connection)
        self._update_quality(connection, reason, time_ns)
        self.note_server()
        known_server = self.known_server
        if known_server is not None and not known_server.bytes_missing:
            connection.quality.server_seen_ns = known_server.last_seen_ns
        if ambiguous(self.tcp):
            self.context.sink.limited(
                "mixed-connections",
                "a SYN/ACK does not match earlier segments: two connections cannot be told apart",
                connection.first,
                connection.stream,
            )
        if connection.handshake is not None:
            connection.handshake.outcome = outcome(connection)
            if connection.auths:
                connection.handshake.auths = connection.auths_before_connack()
            connection.handshake.close = connection.close
        self.context.sink.ended(connection)
        self.connection = None
        return True

    def evaluate_now(self, time_ns: int, judge: Callable[[Connection], None]) -> bool:
        """Has `judge` evaluate the connection as if the capture ended now; tracking goes on.

        False if segments are still pending in reassembly: the caller has to try again later.
        """
        connection, tcp = self.connection, self.tcp
        if connection is None:
            return True
        if pending(tcp) or (tcp.causal_order is not None and tcp.causal_order.size):
            return tcp.lingering or tcp.over
        connection_flags = connection.connection_flags
        self._update_quality(connection, CAPTURE_END, time_ns)
        judge(connection)
        connection.connection_flags = connection_flags
        connection.quality.ended = None
        return True

    def has_record(self) -> bool:
        """Whether there is a record of an MQTT connection: until it has ended."""
        return self.connection is not None

    # -- capture quality --------------------------------------------------------------------------

    def record_gap(self, gap: Gap) -> None:
        """Records missing bytes of a side, and reports the first of each side."""
        assert self.connection is not None
        who = self.direction(gap[0]).who
        record_gap(self.context.sink, self.connection, gap, who, self.order)

    def note_server(self) -> None:
        """Notes until when the server was seen here, and whether all that was sent was captured."""
        known_server, tcp = self.known_server, self.tcp
        if known_server is None:
            return
        if tcp.last_time_ns > known_server.last_seen_ns:
            known_server.last_seen_ns = tcp.last_time_ns
        dropped = self.context.dropped_ns >= tcp.first_time_ns
        gap_inside = self.initiator.gap_inside or self.responder.gap_inside
        if gap_inside or dropped or pending(tcp):
            known_server.bytes_missing = True

    def _update_quality(self, connection: Connection, reason: int, time_ns: int) -> None:
        """Updates the record's capture quality, and the flags for what is missing by now."""
        tcp, context, quality = self.tcp, self.context, connection.quality
        update_quality(quality, tcp, reason, time_ns)
        if context.watched:
            quality.last_seen_ns = time_ns
        quality.dropped = context.dropped_ns >= tcp.first_time_ns
        client, server = self.direction(self.client_side), self.direction(1 - self.client_side)
        acknowledged = tcp.direction(self.client_side).acknowledged
        connection.connect_delivered = 0 <= self.connect_end <= acknowledged
        connection.opened_ns = tcp.first_time_ns
        connection.last_data_ns = max(client.last_time_ns, server.last_time_ns)
        connection.client_sent_bytes = client.byte_count
        connection.server_sent_bytes = server.byte_count
        connection.server_packets = server.packet_count
        connection.phase = self.phase
        if connection.connect is not None and not connection.answered_within(context.connack_ns):
            connection.connection_flags |= _UNANSWERED
        if connection.disconnects and connection.left_open(context.close_ns):
            connection.connection_flags |= _LEFT_OPEN

    def charge(self) -> None:
        """Charges the connection for what is kept of it, if that has changed."""
        kept = self.initiator.kept_bytes() + self.responder.kept_bytes()
        if self.connection is not None:
            kept += self.connection.kept_bytes
        if kept != self.charged:
            self.tcp.charge(kept - self.charged)
            self.charged = kept

    # -- framing ----------------------------------------------------------------------------------

    def packets(
        self,
        direction: MqttDirection,
        window: bytes,
        start: int,
        stop: int,
        frame: int,
        time_ns: int,
    ) -> None:
        """Finds the control packets that end in the next bytes of a direction."""
        framer = direction.framer
        assert framer is not None
        if direction.resync:
            if not direction.at_boundary(window, start, stop, frame, time_ns):
                if direction.packet_begun():
                    self.charge()
                return
            direction.resync = False
        if direction.packet_count == 0:
            if not direction.is_client and not self._sends_mqtt(direction, window, start, stop):
                self._note_foreign(window, start, stop, frame, time_ns)
                return
        elif (
            (self.phase == _CONNECTED or self.phase == _MIDSTREAM)
            and framer.between_packets()
            and not self.context.keep_all
        ):
            before = direction.packet_count
            start = direction.count_ordinary(window, start, stop, self.context.counts)
            self.order += direction.packet_count - before
            if start == stop:
                return
        framer.feed(window, start, stop, frame, time_ns)
        while True:
            got = framer.next()
            if got == NEED_DATA:
                break
            if got == BROKEN:
                self._broken(direction, framer)
                break
            self.context.counts.at[framer.first >> 4] += 1
            direction.packet_count += 1
            if (
                (self.phase == _CONNECTED or self.phase == _MIDSTREAM)
                and direction.is_ordinary(framer.first)
                and (
                    framer.header_size == 2
                    or framer.remaining >= (1 << (7 * (framer.header_size - 2)))
                )
                and not self.context.keep_all
                and direction.packet_count > 1
            ):
                self.order += 1
                continue
            self._packet(direction, framer)
        framer.release()
        self.charge()

    def _sends_mqtt(self, direction: MqttDirection, window: bytes, start: int, stop: int) -> bool:
        """Whether the first bytes of the server can be MQTT; else it is marked as foreign."""
        assert self.connection is not None and direction.framer is not None
        if self.connection.quality.foreign:
            return False
        if not direction.framer.idle():
            return True
        if server_begins(window, start, stop, self.connection.version is _V5_0):
            return True
        self.connection.quality.foreign = True
        return False

    def _note_foreign(self, window: bytes, start: int, stop: int, frame: int, time_ns: int) -> None:
        """Keeps the beginning of what the server sent instead of MQTT."""
        assert self.connection is not None
        quality = self.connection.quality
        if quality.foreign and quality.foreign_answer is None:
            kept = window[start : min(stop, start + FOREIGN_KEPT)]
            quality.foreign_answer = (kept, self.context.frame(frame, time_ns))

    def _broken(self, direction: MqttDirection, framer: Framer) -> None:
        """Reports a Remaining Length of five bytes: the next packet cannot be located."""
        kind = framer.first >> 4
        if kind == _CONNECT and direction.is_client and self._first_is_certain(direction):
            self._unfinished_connect(direction, framer.window, framer.size, None)
            return
        defect = Defect(DefectKind.LENGTH_FIVE_BYTES, kind, 1, framer.header_size - 1, None)
        where = self.context.frame(framer.frame, framer.time_ns)
        packet = Packet(
            type=kind, flags=framer.first & 15, remaining_length=0, size=framer.size,
            frame=where, first=where, raw=framer.window, defects=(defect,),
        )  # fmt: skip
        self._defects(direction, packet)

    def _first_is_certain(self, direction: MqttDirection) -> bool:
        """Whether a side sent no packet so far, and none can have been missed."""
        return direction.packet_count == 0 and not direction.lost

    # -- packets ----------------------------------------------------------------------------------

    def _packet(self, direction: MqttDirection, framer: Framer) -> None:
        """Decodes a packet and updates the connection with it."""
        connection = self.connection
        assert connection is not None
        who, is_client = direction.who, direction.is_client
        kind = framer.first >> 4
        raw = cut(framer.window, framer.start, framer.stop) if framer.kept else b""
        version = connection.version
        before_5 = version is _V3_1_1 or version is _V3_1
        decoded = framer.kept and _DECODED >> kind & 1 and not (kind == _AUTH and before_5)
        packet = (
            decode_packet(raw, version, who) if decoded else self._undecoded_packet(framer, raw)
        )
        where = self.context.frame(framer.frame, framer.time_ns)
        packet.frame = where
        packet.first = (
            where
            if framer.first_frame == framer.frame
            else self.context.frame(framer.first_frame, framer.first_time_ns)
        )
        type_defect = self._type_defect(is_client, kind, before_5)
        if type_defect is not None:
            packet.defects += (Defect(type_defect, kind, 0, 1, kind),)
        self._set_flags(direction, kind)
        code = packet.code()
        if len(connection.activity) < HISTORY_LIMIT:
            connection.activity.append(
                packet_ref(kind, framer.first & 15, who, where, self.order, framer.size, code)
            )
        self.order += 1
        event = kind
        answered = False
        if isinstance(packet, Connect):
            if is_client:
                self._connect(direction, packet)
        elif isinstance(packet, Connack):
            if not is_client:
                if code != 0:
                    event = _REFUSED_CONNACK
                answered = self._connack(direction, packet)
        elif isinstance(packet, Disconnect):
            self._disconnect(direction, packet)
        elif isinstance(packet, Auth):
            connection.connection_flags |= _WITH_AUTH
            connection.auths = self._append_limited(connection.auths, packet)
        target = _NEXT[(2 * self.phase + (not is_client)) * _EVENTS + event]
        if target != _STAYS:
            self.phase = target
        if packet.defects:
            self._defects(direction, packet)
        if self.context.keep_all:
            self.context.sink.packet(connection, packet, who)
        if answered:
            if conflicting(connection, self.tcp):
                self.context.sink.not_judged(connection, packet)
            else:
                self.context.sink.answered(connection)
        if self.context.on_packet is not None:
            self.context.on_packet(self.tcp.serial, kind, framer.time_ns)

    def _undecoded_packet(self, framer: Framer, raw: bytes) -> Packet:
        """Makes the record of a packet that is not decoded."""
        kind = framer.first >> 4
        packet = Packet(
            type=kind, flags=framer.first & 15, remaining_length=framer.remaining,
            size=framer.size, raw=raw if self.context.keep_all else raw[: framer.header_size],
            defects=header_defects(framer.first, framer.remaining, framer.header_size),
        )  # fmt: skip
        if kind == _AUTH:
            packet.secrets = (
                (framer.header_size, framer.remaining),
            )  # may hold authentication data
        if _DECODED >> kind & 1 and not framer.kept:
            assert self.connection is not None
            self.context.sink.limited(
                "packet-limit",
                f"a {packet.name} of {framer.size} bytes is over the limit of 1 MiB; not decoded",
                self.context.frame(framer.frame, framer.time_ns),
                self.connection.stream,
            )
        return packet

    def _type_defect(self, is_client: bool, kind: int, before_5: bool) -> DefectKind | None:
        """Checks a packet's type against direction and version (v3.1.1 table 2.1, v5.0 table 2-1).

        Returns the kind of defect, or None.
        """
        if kind == 0:
            return DefectKind.TYPE_ZERO
        if kind == _AUTH and before_5:
            return DefectKind.TYPE_AUTH_BEFORE_5
        wrong = (_SERVER_ONLY if is_client else _CLIENT_ONLY) >> kind & 1
        if not wrong and not (kind == _DISCONNECT and not is_client and before_5):
            return None
        assert self.connection is not None
        if self.connection.connect is None and midstream(self.tcp):
            return None  # which side is the client is a guess
        return DefectKind.WRONG_DIRECTION

    def _set_flags(self, direction: MqttDirection, kind: int) -> None:
        """Sets the flags for a packet that is notable in the current phase."""
        connection = self.connection
        assert connection is not None
        flags = 0
        is_client = direction.is_client
        other = kind != _CONNECT if is_client else kind != _CONNACK and kind != _AUTH
        if other and direction.packet_count == 1 and not direction.lost:
            if not midstream(self.tcp):
                if not is_client:
                    flags |= _SERVER_FIRST_OTHER
                elif self.tcp.syn_seen:
                    flags |= _CLIENT_FIRST_OTHER
        phase = self.phase
        if phase == _CONNECTING or phase == _AUTHENTICATING:
            if other:
                flags |= _BEFORE_CONNACK if is_client else _SERVER_FIRST_OTHER
        elif phase == _REFUSED:
            flags |= _AFTER_REFUSAL
        for item in connection.disconnects:
            if item.side is direction.who:
                flags |= _AFTER_DISCONNECT
                break
        connection.connection_flags |= flags

    def _defects(self, direction: MqttDirection, packet: Packet) -> None:
        """Reports a packet with defects, if it is certain what its bytes are."""
        connection = self.connection
        assert connection is not None
        if direction.lost and packet is not connection.connect:
            self.context.sink.not_judged(connection, packet)
            return  # after a gap it is not certain where the packet begins
        if conflicting(connection, self.tcp):
            self.context.sink.not_judged(connection, packet)
            return  # two copies of the same bytes differ: it is unknown which were received
        connection.connection_flags |= ConnectionFlag.DEFECT
        self.context.sink.defects(connection, packet, direction.who)

    def _append_limited(self, kept: tuple[Any, ...], packet: Auth | Disconnect) -> tuple[Any, ...]:
        """Appends a packet that rules need later, up to `HISTORY_LIMIT` per side."""
        if not kept:
            self._keep(packet, packet.properties)
            return (packet,)
        assert self.connection is not None and packet.side is not None
        known = 0
        for item in kept:
            known += item.side is packet.side
        if known + 1 == HISTORY_LIMIT:
            self.context.sink.limited(
                "history-limit",
                f"{HISTORY_LIMIT} {packet.name} packets of the {packet.side.value}; further ones "
                "are not evaluated",
                packet.frame,
                self.connection.stream,
            )
        if known >= HISTORY_LIMIT:
            return kept
        self._keep(packet, packet.properties)
        return (*kept, packet)

    def _keep(self, packet: Packet, properties: tuple[Property, ...]) -> None:
        """Counts the memory of a packet that is kept: its bytes, and what is decoded of them."""
        assert self.connection is not None
        self.connection.kept_bytes += 2 * packet.size + _PROPERTY * len(properties)

    def _disconnect(self, direction: MqttDirection, packet: Disconnect) -> None:
        connection = self.connection
        assert connection is not None
        connection.disconnects = self._append_limited(connection.disconnects, packet)
        connection.connection_flags |= _WITH_DISCONNECT
        if not direction.is_client:
            connection.connection_flags |= ConnectionFlag.SERVER_DISCONNECT
        elif len(connection.disconnects) == 1 and self.connack_end >= 0:
            acknowledged = self.tcp.direction(1 - self.client_side).acknowledged
            connection.connack_read = acknowledged >= self.connack_end
        if packet.properties:
            connection.connection_flags |= ConnectionFlag.DISCONNECT_PROPERTIES
        if connection.close is None and packet.frame is not None:
            connection.close = Close.__new__(Close)
            connection.close.begin(direction.who, "disconnect", packet.frame)

    # -- handshake --------------------------------------------------------------------------------

    def _connect(self, direction: MqttDirection, packet: Connect) -> None:
        connection = self.connection
        assert connection is not None and direction.framer is not None
        if not self._boundary_certain(direction):
            return
        if connection.connect is not None or connection.connack is not None:
            connection.connection_flags |= ConnectionFlag.EXTRA_CONNECT
            return
        connection.connect = packet
        self._keep(packet, packet.properties)
        connection.version = packet.version
        connection.bridge = packet.bridge
        connection.connection_flags |= _WITH_CONNECT
        if not packet.client_id:
            connection.connection_flags |= _NO_CLIENT_ID
        if packet.properties:
            for item in packet.properties:
                connection.connection_flags |= CONNECT_FLAGS.get(item.id, 0)
        self.connect_end = direction.byte_count - (direction.framer.end - direction.framer.pos)
        if self.outer_layers:  # the outer layers have bytes of their own
            self.connect_end = self.tcp.direction(direction.side).next
        self._handshake(connection)

    def _boundary_certain(self, direction: MqttDirection) -> bool:
        """Whether a packet is certain to begin where the framer found it.

        True without missing bytes. After a gap, bytes that look like a packet may be payload, so
        it is False; where the capture starts in mid-stream, only the first packet is certain.
        """
        if direction.gap_inside:
            return False
        if not direction.lost:
            return True
        framer = direction.framer
        assert framer is not None
        rest = framer.end - framer.pos
        if direction.byte_count - rest != framer.size:
            return False
        return rest == 0 or plausible_chain(framer.chunk, framer.pos, framer.end)

    def _connack(self, direction: MqttDirection, packet: Connack) -> bool:
        """Records a CONNACK; True if it is the first."""
        connection = self.connection
        assert connection is not None
        if not self._boundary_certain(direction):
            return False
        if connection.connack is not None:
            connection.connection_flags |= ConnectionFlag.EXTRA_CONNACK
            return False
        connection.connack = packet
        self.connack_end = self.tcp.direction(direction.side).next
        self._keep(packet, packet.properties)
        connection.connection_flags |= _WITH_CONNACK
        if packet.properties:
            for item in packet.properties:
                connection.connection_flags |= CONNACK_FLAGS.get(item.id, 0)
        if packet.return_code != 0:
            connection.connection_flags |= _WITH_REFUSAL
        elif packet.session_present:
            connection.connection_flags |= _WITH_SESSION
        if not self.tcp.expected and connection.connect is not None and not packet.defects:
            if not self.outer_layers & _INNER_LAYERS and not conflicting(connection, self.tcp):
                self.context.proven.prove(self.tcp, direction.side)
        if connection.handshake is None:
            self._handshake(connection)
        handshake = connection.handshake
        assert handshake is not None
        handshake.connack = packet
        connect = connection.connect
        if connect is not None:
            assert connect.frame is not None and packet.frame is not None
            passed = packet.frame.time_ns - connect.frame.time_ns
            if passed >= 0:  # else they were captured out of order, and the latency is unknown
                handshake.latency = passed / 1e9
        return True

    def _handshake(self, connection: Connection) -> None:
        handshake = connection.handshake = Handshake.__new__(Handshake)
        handshake.begin(
            self.context.handshakes, connection.stream, connection.transport, connection.version,
            connection.bridge, _INCOMPLETE, connection.client, connection.server,
            connection.connect,
        )  # fmt: skip
        handshake.encapsulation = self.encapsulation
        self.context.handshakes += 1

    # -- packets that never ended -----------------------------------------------------------------

    def _incomplete_packets(self, connection: Connection) -> None:
        """When a connection ended: judges what came of a packet that was never completed.

        Nothing is certain of it where bytes may be missing, or where the server is no MQTT server.
        """
        if connection.quality.foreign:
            return
        for side in (0, 1):
            direction = self.direction(side)
            framer = direction.framer
            if framer is None or framer.broken or framer.between_packets():
                continue
            if direction.lost or conflicting(connection, self.tcp):
                continue
            first = framer.header[0] if framer.header else framer.first
            if first >> 4 == _CONNECT and direction.is_client and direction.packet_count == 0:
                length: int | None = None
                received = len(framer.header)
                if framer.body_left:
                    length = framer.size
                    received = framer.size - framer.body_left
                self._unfinished_connect(direction, framer.unfinished(), received, length)
            else:
                self._incomplete_packet(direction, first)

    def _unfinished_connect(
        self, direction: MqttDirection, data: bytes, received: int, length: int | None
    ) -> None:
        """Records a CONNECT that began and never ended, or whose end is unknown, as a handshake."""
        from dissector.mqtt.unfinished_connect import UnfinishedConnect

        connection, framer = self.connection, direction.framer
        assert connection is not None and framer is not None
        found = UnfinishedConnect(data or _CONNECT_BYTE, received, length)
        connect = found.connect
        connect.frame = connect.first = self.context.frame(framer.first_frame, framer.first_time_ns)
        connection.unfinished = found
        connection.version = connect.version
        connection.connection_flags |= ConnectionFlag.UNFINISHED_CONNECT
        if connection.handshake is None:
            self._handshake(connection)
        assert connection.handshake is not None
        connection.handshake.unfinished = found
        connection.handshake.version = connect.version
        if connect.defects:
            self._defects(direction, connect)

    def _incomplete_packet(self, direction: MqttDirection, first: int) -> None:
        """Reports what is wrong with a packet that was never completed, by its header alone."""
        connection, framer = self.connection, direction.framer
        assert connection is not None and framer is not None
        kind, version = first >> 4, connection.version
        whole_header = framer.body_left > 0
        remaining = framer.remaining if whole_header else 0
        header_size = framer.header_size if whole_header else 2
        defects = header_defects(first, remaining, header_size)
        before_5 = version is _V3_1_1 or version is _V3_1
        wrong_type = self._type_defect(direction.is_client, kind, before_5)
        if wrong_type is not None:
            defects += (Defect(wrong_type, kind, 0, 1, kind),)
        closes = connection.closes
        if not defects and closes and closes[0].side is direction.who and closes[0].how == "fin":
            defects = (Defect(DefectKind.PACKET_UNFINISHED, kind, 0, 1, kind),)
        if not defects:
            return
        received = framer.size - framer.body_left if whole_header else len(framer.header)
        where = self.context.frame(framer.first_frame, framer.first_time_ns)
        header = bytes((first,)) if whole_header else framer.header or bytes((first,))
        if whole_header:
            for index in range(header_size - 1):
                more = 0x80 if index < header_size - 2 else 0
                header += bytes((remaining >> 7 * index & 0x7F | more,))
        packet = Packet(
            type=kind, flags=first & 15, remaining_length=remaining, size=received, frame=where,
            first=where, raw=header, defects=defects,
        )  # fmt: skip
        self._defects(direction, packet)


def make_tracker(
    context: AnalysisContext,
    tcp: TcpConnection,
    initiator: MqttDirection,
    responder: MqttDirection,
) -> Tracker:
    """Makes a tracker of a connection; `open` has to be called next."""
    made = Tracker.__new__(Tracker)
    made.begin(context, tcp, initiator, responder)
    return made
