"""Records each CONNECT and CONNACK as one engine decodes it, in neutral field names.

Text and binary are bytes, properties are pairs of identifier and value. A field that is absent in
the packet is absent in the record, so a field shown by one side only is a difference.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from dissector.capture.source import open_capture
from dissector.connections.connection import Connection
from dissector.connections.decrypted import Decrypted
from dissector.connections.event_sink import EventSink
from dissector.engines.native import NativeEngine
from dissector.model import Side, Version
from dissector.mqtt.defects import DefectKind
from dissector.mqtt.packets import Connack, Connect, Packet, Property
from dissector.text import encode

Fields = dict[str, Any]


class PacketObservation(NamedTuple):
    """One packet; `frame` completes it, `place` counts the packets of its kind in that frame.

    `facts` help to explain differences: kinds of defects, and "3.1", "5.0", "bridge",
    "no-connect", "decrypted", "proxy-header".
    """

    frame: int
    place: int
    stream: int
    fields: Fields
    facts: frozenset[str] = frozenset()


class OwnObservation(NamedTuple):
    """What one of our own engines decodes in a capture.

    `carried` are streams that tshark does not decode: MQTT in WebSocket or after a PROXY protocol
    header. `overlong` are those with a Remaining Length of five bytes, after which the packet
    boundaries are unknown. `ports` are the ports of servers with unencrypted MQTT.
    """

    seen: list[PacketObservation]
    carried: frozenset[int]
    overlong: frozenset[int]
    ports: frozenset[int]


def observe(
    path: str,
    ports: frozenset[int] = frozenset(),
    tls_ports: frozenset[int] = frozenset(),
    *,
    kind: type[NativeEngine] = NativeEngine,
    decrypted: Decrypted | None = None,
) -> OwnObservation:
    """Returns every CONNECT and CONNACK that an engine decodes. Raises CaptureError."""
    sink = _EventSink()
    with open_capture(path) as reader:
        engine = kind([path], sink, ports, keep_all=True, tls_ports=tls_ports, decrypted=decrypted)
        engine.run([reader], lambda: None)
    return OwnObservation(
        sorted(sink.seen, key=lambda each: each[:2]),
        frozenset(sink.carried),
        frozenset(sink.overlong),
        frozenset(sink.ports),
    )


class _EventSink(EventSink):
    """Collects what is compared."""

    def __init__(self) -> None:
        self.seen: list[PacketObservation] = []
        self.carried: set[int] = set()
        self.overlong: set[int] = set()
        self.ports: set[int] = set()
        self._places: dict[int, int] = {}

    def ended(self, connection: Connection) -> None:
        """Records a WebSocket connection for MQTT on which no packet came."""
        if connection.encapsulation is not None and connection.encapsulation.websocket:
            self.carried.add(connection.stream)

    def packet(self, connection: Connection, packet: Packet, side: Side) -> None:
        """Records a CONNECT or CONNACK."""
        encapsulation = connection.encapsulation
        if encapsulation is not None and (
            encapsulation.websocket or encapsulation.proxied is not None
        ):
            self.carried.add(connection.stream)
            return
        if encapsulation is None:
            self.ports.add(connection.server.port)
        if packet.frame is not None and isinstance(packet, Connect | Connack):
            frame = packet.frame.number
            place = self._places.get(frame, 0)
            self._places[frame] = place + 1
            fields = _connect(packet) if isinstance(packet, Connect) else _connack(packet)
            facts = _facts(connection, packet)
            self.seen.append(
                PacketObservation(frame, place, connection.stream, _head(packet) | fields, facts)
            )

    def defects(self, connection: Connection, packet: Packet, side: Side) -> None:
        """Records a stream whose packet boundaries are lost."""
        if any(defect.kind is DefectKind.LENGTH_FIVE_BYTES for defect in packet.defects):
            self.overlong.add(connection.stream)


def _facts(connection: Connection, packet: Packet) -> frozenset[str]:
    facts = {defect.kind.value for defect in packet.defects}
    if connection.encapsulation is not None:
        facts.add("decrypted")
    if connection.version in (Version.V3_1, Version.V5_0):
        facts.add(connection.version.value)
    if connection.bridge:
        facts.add("bridge")
    if connection.connect is None:
        facts.add("no-connect")
    return frozenset(facts)


def _head(packet: Packet) -> Fields:
    return {
        "type": packet.type,
        "headerFlags": packet.flags,
        "remainingLength": packet.remaining_length,
    }


def _connect(packet: Connect) -> Fields:
    flags = packet.connect_flags
    fields: Fields = {
        "protocolName": _protocol_name(packet),
        "protocolLevel": packet.protocol_level,
        "connectFlags": flags,
        "usernameFlag": flags >> 7,
        "passwordFlag": flags >> 6 & 1,
        "lastWillRetain": int(packet.last_will_retain),
        "lastWillQos": packet.last_will_qos,
        "willFlag": int(packet.will_flag),
        "cleanSession": int(packet.clean_session),
        "reservedFlag": flags & 1,
        "keepAlive": packet.keep_alive,
        "clientId": encode(packet.client_id),
        "properties": _properties(packet.properties),
        "lastWillProperties": _properties(packet.last_will_properties),
    }
    if packet.last_will_topic is not None:
        fields["lastWillTopic"] = encode(packet.last_will_topic)
    if packet.last_will_message is not None:
        fields["lastWillMessage"] = packet.last_will_message
    if packet.username is not None:
        fields["username"] = encode(packet.username)
    if packet.password is not None:
        fields["password"] = packet.password
    return fields


def _protocol_name(packet: Connect) -> bytes:
    """Returns all bytes of the name; for a wrong one the record holds only what may be shown."""
    for defect in packet.defects:
        if defect.kind is DefectKind.PROTOCOL_NAME:
            return packet.raw[defect.offset + 2 : defect.offset + defect.length]
    return encode(packet.protocol_name)


def _connack(packet: Connack) -> Fields:
    fields: Fields = {"properties": _properties(packet.properties)}
    if packet.return_code is not None:
        fields["returnCode"] = packet.return_code
        fields["acknowledgeFlags"] = packet.acknowledge_flags
    if packet.session_present is not None:
        fields["sessionPresent"] = int(packet.session_present)
    return fields


def _properties(properties: tuple[Property, ...]) -> list[tuple[int, Any]]:
    return [(item.id, _value(item.value)) for item in properties]


def _value(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(encode(part) for part in value)
    return encode(value) if isinstance(value, str) else value
