"""Tracks the control packets of a connection: builds its handshake and sets its flags and phase.

Packets decoded after a gap are reported but never evaluated by rules.
"""

from __future__ import annotations

from typing import Any

import cython

from dissector.connections.connection import (
    CONNACK_FLAGS,
    CONNECT_FLAGS,
    HISTORY_LIMIT,
    Connection,
    ConnectionFlag,
    Phase,
)
from dissector.connections.handshake import Close, Handshake
from dissector.connections.packet_framing import PacketFraming
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
from dissector.mqtt.stream import Framer

if cython.compiled:
    from cython.cimports.dissector.connections.connection import (  # type: ignore[import-not-found]
        packet_ref,
    )
    from cython.cimports.dissector.connections.detection import (  # type: ignore[import-not-found]
        plausible_chain,
    )
    from cython.cimports.dissector.integers import cut  # type: ignore[import-not-found]
    from cython.cimports.dissector.mqtt.decode import (  # type: ignore[import-not-found]
        decode_packet,
        header_defects,
    )
else:
    from dissector.connections.connection import packet_ref
    from dissector.connections.detection import plausible_chain
    from dissector.integers import cut
    from dissector.mqtt.decode import decode_packet, header_defects

# Class attributes as module-level names: C integers when compiled
_CONNECTING, _AUTHENTICATING, _REFUSED = Phase.CONNECTING, Phase.AUTHENTICATING, Phase.REFUSED
_WITH_CONNECT, _WITH_CONNACK, _WITH_REFUSAL = (
    ConnectionFlag.CONNECT,
    ConnectionFlag.CONNACK,
    ConnectionFlag.REFUSED,
)
_WITH_DISCONNECT, _WITH_SESSION = ConnectionFlag.DISCONNECT, ConnectionFlag.SESSION_PRESENT
_NO_CLIENT_ID = ConnectionFlag.NO_CLIENT_ID
_REFUSED_CONNACK, _STAYS, _EVENTS, _NEXT = CONNACK_REFUSED, STAYS, EVENTS, NEXT
_CLIENT, _SERVER, _INCOMPLETE = Side.CLIENT, Side.SERVER, Outcome.INCOMPLETE
_PROPERTY = 200  # bytes of memory for each property, besides its text
_V3_1, _V3_1_1 = Version.V3_1, Version.V3_1_1
_INNER_LAYERS = 2 | 4  # WebSocket and TLS of `unwrap`; behind a PROXY header MQTT is plain
_CONNECT_BYTE = bytes((spec.CONNECT << 4,))
_CONNECT, _CONNACK, _AUTH = spec.CONNECT, spec.CONNACK, spec.AUTH


class HandshakeTracker(PacketFraming):
    """Tracks the handshake and the phase of a connection by the packets of both sides."""

    def _handle_packet(self, side: int, framer: Framer) -> None:
        """Decodes a packet and updates the connection with it."""
        connection = self.connection
        assert connection is not None
        who = _CLIENT if side == self.client else _SERVER
        kind = framer.first >> 4
        raw = cut(framer.window, framer.start, framer.stop) if framer.kept else b""
        version = connection.version
        before_5 = version is _V3_1_1 or version is _V3_1
        decoded = framer.kept and DECODED >> kind & 1 and not (kind == _AUTH and before_5)
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
        type_defect = self._type_defect(who, kind, before_5)
        if type_defect is not None:
            packet.defects += (Defect(type_defect, kind, 0, 1, kind),)
        self._connection_flags(side, who, kind)
        code = packet.code()
        if len(connection.activity) < HISTORY_LIMIT:
            connection.activity.append(
                packet_ref(kind, framer.first & 15, who, where, self.order, framer.size, code)
            )
        self.order += 1
        event = kind
        answered = False
        if isinstance(packet, Connect):
            if side == self.client:
                self._connect(side, packet, framer)
        elif isinstance(packet, Connack):
            if side != self.client:
                if code != 0:
                    event = _REFUSED_CONNACK
                answered = self._connack(side, packet, framer)
        elif isinstance(packet, Auth):
            connection.connection_flags |= ConnectionFlag.AUTH
            connection.auths = self._append_limited(connection.auths, packet)
        elif isinstance(packet, Disconnect):
            self._disconnect(who, packet)
        target = _NEXT[(2 * self.phase + (side != self.client)) * _EVENTS + event]
        if target != _STAYS:
            self.phase = target
        if packet.defects:
            self._defects(side, packet)
        if self.context.keep_all:
            self.context.sink.packet(connection, packet, who)
        if answered:
            if self._has_conflicts():
                self.context.sink.not_judged(connection, packet)
            else:
                self.context.sink.answered(connection)
        if self.context.on_packet is not None:
            self.context.on_packet(self.tcp.serial, kind, framer.time_ns)

    def _connection_flags(self, side: int, who: Side, kind: int) -> None:
        """Sets the flags for a packet that is notable in the current phase."""
        connection = self.connection
        assert connection is not None
        connection_flags = 0
        first = (self.packets_a if side == 0 else self.packets_b) == 1
        lost = self.lost_a if side == 0 else self.lost_b
        if first and not lost and not self._midstream():
            if who is _CLIENT and kind != _CONNECT:
                connection_flags |= ConnectionFlag.CLIENT_FIRST_OTHER if self.tcp.syn_seen else 0
            elif who is _SERVER and kind != _CONNACK and kind != _AUTH:
                connection_flags |= ConnectionFlag.SERVER_FIRST_OTHER
        phase = self.phase
        if phase == _CONNECTING or phase == _AUTHENTICATING:
            if who is _CLIENT and kind != _CONNECT:
                connection_flags |= ConnectionFlag.BEFORE_CONNACK
            elif who is _SERVER and kind != _CONNACK and kind != _AUTH:
                connection_flags |= ConnectionFlag.SERVER_FIRST_OTHER
        elif phase == _REFUSED:
            connection_flags |= ConnectionFlag.AFTER_REFUSAL
        for item in connection.disconnects:
            if item.side is who:
                connection_flags |= ConnectionFlag.AFTER_DISCONNECT
                break
        connection.connection_flags |= connection_flags

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

    def _disconnect(self, who: Side, packet: Disconnect) -> None:
        connection = self.connection
        assert connection is not None
        connection.disconnects = self._append_limited(connection.disconnects, packet)
        connection.connection_flags |= _WITH_DISCONNECT
        if who is _SERVER:
            connection.connection_flags |= ConnectionFlag.SERVER_DISCONNECT
        elif len(connection.disconnects) == 1 and self.connack_end >= 0:
            acknowledged = self.tcp.direction(1 - self.client).acknowledged
            connection.connack_read = acknowledged >= self.connack_end
        if packet.properties:
            connection.connection_flags |= ConnectionFlag.DISCONNECT_PROPERTIES
        if connection.close is None and packet.frame is not None:
            connection.close = Close.__new__(Close)
            connection.close.begin(who, "disconnect", packet.frame)

    def _connect(self, side: int, packet: Connect, framer: Framer) -> None:
        connection = self.connection
        assert connection is not None
        if not self._boundary_certain(side, framer):
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
        consumed = self.bytes_a if side == 0 else self.bytes_b
        self.connect_end = consumed - (framer.end - framer.pos)
        if self.outer_layers:  # the outer layers have bytes of their own
            self.connect_end = self.tcp.direction(side).next
        self._handshake(connection)

    def _boundary_certain(self, side: int, framer: Framer) -> bool:
        """Whether a packet is certain to begin where the framer found it.

        True without missing bytes. After a gap, bytes that look like a packet may be payload, so
        it is False; where the capture starts in mid-stream, only the first packet is certain.
        """
        if self.gap_inside_a if side == 0 else self.gap_inside_b:
            return False
        if not (self.lost_a if side == 0 else self.lost_b):
            return True
        rest = framer.end - framer.pos
        if (self.bytes_a if side == 0 else self.bytes_b) - rest != framer.size:
            return False
        return rest == 0 or plausible_chain(framer.chunk, framer.pos, framer.end)

    def _connack(self, side: int, packet: Connack, framer: Framer) -> bool:
        """Records a CONNACK; True if it is the first."""
        connection = self.connection
        assert connection is not None
        if not self._boundary_certain(side, framer):
            return False
        if connection.connack is not None:
            connection.connection_flags |= ConnectionFlag.EXTRA_CONNACK
            return False
        connection.connack = packet
        self.connack_end = self.tcp.direction(side).next
        self._keep(packet, packet.properties)
        connection.connection_flags |= _WITH_CONNACK
        if packet.properties:
            for item in packet.properties:
                connection.connection_flags |= CONNACK_FLAGS.get(item.id, 0)
        if packet.return_code != 0:
            connection.connection_flags |= _WITH_REFUSAL
        else:
            if packet.session_present:
                connection.connection_flags |= _WITH_SESSION
            assert self.server is not None
            if connection.version is not None:
                self.server.accepts(connection.version)
            assigned = self._assigned_id(connection)
            if assigned is not None and packet.frame is not None:
                connection.id_assigned_before = self.server.assign(
                    assigned, connection, packet.frame
                )
        if not self.tcp.expected and connection.connect is not None and not packet.defects:
            if not self.outer_layers & _INNER_LAYERS and not self._has_conflicts():
                self.context.proven.prove(self.tcp, side)
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

    def _assigned_id(self, connection: Connection) -> str | None:
        """Returns the client id that the server assigned to a client without one, or None."""
        if not connection.connection_flags & ConnectionFlag.ASSIGNED_CLIENT_ID:
            return None
        connect, connack = connection.connect, connection.connack
        if connect is None or connack is None or connect.client_id or not connect.complete:
            return None
        for item in connack.properties:
            if item.name == "assignedClientIdentifier" and item.value:
                return str(item.value)
        return None

    def _handshake(self, connection: Connection) -> None:
        handshake = connection.handshake = Handshake.__new__(Handshake)
        handshake.begin(
            self.context.handshakes, connection.stream, connection.transport, connection.version,
            connection.bridge, _INCOMPLETE, connection.client, connection.server,
            connection.connect,
        )  # fmt: skip
        handshake.encapsulation = self.encapsulation
        self.context.handshakes += 1

    def _incomplete_packets(self, connection: Connection) -> None:
        """When a connection ended: judges what came of a packet that was never completed.

        Nothing is certain of it where bytes may be missing, or where the server is no MQTT server.
        """
        if connection.quality.foreign:
            return
        for side in (0, 1):
            framer = self.framer_a if side == 0 else self.framer_b
            if framer is None or framer.broken or framer.between_packets():
                continue
            if (self.lost_a if side == 0 else self.lost_b) or self._has_conflicts():
                continue
            who = self._side_of(side)
            first = framer.header[0] if framer.header else framer.first
            if (
                first >> 4 == _CONNECT
                and who is _CLIENT
                and (self.packets_a if side == 0 else self.packets_b) == 0
            ):
                length: int | None = None
                received = len(framer.header)
                if framer.body_left:
                    length = framer.size
                    received = framer.size - framer.body_left
                self._unfinished_connect(side, framer, framer.unfinished(), received, length)
            else:
                self._incomplete_packet(side, first, framer)

    def _unfinished_connect(
        self, side: int, framer: Framer, data: bytes, received: int, length: int | None
    ) -> None:
        """Records a CONNECT that began and never ended, or whose end is unknown, as a handshake."""
        from dissector.mqtt.unfinished_connect import UnfinishedConnect

        connection = self.connection
        assert connection is not None
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
            self._defects(side, connect)

    def _incomplete_packet(self, side: int, first: int, framer: Framer) -> None:
        """Reports what is wrong with a packet that was never completed, by its header alone."""
        connection = self.connection
        assert connection is not None
        who, kind, version = self._side_of(side), first >> 4, connection.version
        whole_header = framer.body_left > 0
        remaining = framer.remaining if whole_header else 0
        header_size = framer.header_size if whole_header else 2
        defects = header_defects(first, remaining, header_size)
        wrong_type = self._type_defect(who, kind, version is _V3_1_1 or version is _V3_1)
        if wrong_type is not None:
            defects += (Defect(wrong_type, kind, 0, 1, kind),)
        closes = connection.closes
        if not defects and closes and closes[0].side is who and closes[0].how == "fin":
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
        self._defects(side, packet)

    def _defects(self, side: int, packet: Packet) -> None:
        connection = self.connection
        assert connection is not None
        if self.lost_a if side == 0 else self.lost_b:
            if packet is not connection.connect:
                self.context.sink.not_judged(connection, packet)
                return  # after a gap it is not certain where the packet begins
        if self._has_conflicts():
            self.context.sink.not_judged(connection, packet)
            return  # two copies of the same bytes differ: it is unknown which were received
        connection.connection_flags |= ConnectionFlag.DEFECT
        self.context.sink.defects(connection, packet, self._side_of(side))
