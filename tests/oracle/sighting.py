"""What both sides say of one CONNECT or CONNACK: a place and its fields, in the same words.

Text and binary are bytes, properties are pairs of identifier and value. A field that is absent in
the packet is absent in the record, so what one side shows and the other does not is a difference.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from dissector.analysis import Options, packets
from dissector.connections.connection import Connection
from dissector.mqtt.packets import Connack, Connect, Packet, Property
from dissector.text import encode

Fields = dict[str, Any]


class Sighting(NamedTuple):
    """One packet; `frame` completes it, `place` counts the packets of its kind in that frame."""

    frame: int
    place: int
    stream: int
    fields: Fields


class Ours(NamedTuple):
    """What we read in a capture, and the streams that tshark cannot be asked about.

    tshark 4.0 decodes no MQTT that WebSocket carries or that a PROXY protocol header precedes, and
    takes the outer bytes for MQTT where it is told to by port. Such streams are known by their
    content; tests/connections/test_websocket.py holds their fields against what the clients sent.
    """

    seen: list[Sighting]
    carried: frozenset[int]


def ours(path: Path, ports: frozenset[int] = frozenset()) -> Ours:
    """Give every CONNECT and CONNACK that the native engine reads in a capture."""
    seen: list[Sighting] = []
    carried = set()
    for connection, packet, _ in packets([str(path)], Options(ports=ports)):
        if connection.carrier is not None:
            carried.add(connection.stream)
            continue
        if packet.frame is None or not isinstance(packet, Connect | Connack):
            continue
        frame = packet.frame.number
        place = sum(1 for other in seen if other.frame == frame)
        fields = _connect(packet) if isinstance(packet, Connect) else _connack(packet)
        seen.append(Sighting(frame, place, connection.stream, _head(packet) | fields))
    return Ours(sorted(seen), frozenset(carried))


def every_packet(path: Path) -> list[tuple[Connection, Packet]]:
    """Give every control packet of a capture that has all its bytes."""
    return [(connection, packet) for connection, packet, _ in packets([str(path)], Options())]


def _head(packet: Packet) -> Fields:
    return {
        "type": packet.type,
        "headerFlags": packet.flags,
        "remainingLength": packet.remaining_length,
    }


def _connect(packet: Connect) -> Fields:
    flags = packet.connect_flags
    fields: Fields = {
        "protocolName": encode(packet.protocol_name),
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
        return tuple(encode(half) for half in value)
    return encode(value) if isinstance(value, str) else value
