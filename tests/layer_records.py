"""Converts dissected scapy packets to the fields of native records, and records to scapy packets.

For tests that compare the two decoders. Properties become pairs of name and value, in their order
on the wire; offsets, frames and defects exist only in native records.
"""

from __future__ import annotations

from typing import Any

from scapy.packet import Packet

from dissector import layers
from dissector.mqtt import spec
from dissector.mqtt.packets.auth import Auth
from dissector.mqtt.packets.connack import Connack
from dissector.mqtt.packets.connect import Connect, shown
from dissector.mqtt.packets.disconnect import Disconnect
from dissector.mqtt.properties import Property
from dissector.text import decode, encode


def as_record(body: Packet) -> dict[str, Any]:
    """Returns a body's fields with the names, types and defaults of `mqtt.packets`.

    A CONNACK does not contain its version, so `session_present` is a bool also in 3.1, where it is
    None in a native record.
    """
    if isinstance(body, layers.MQTTConnect):
        return _connect(body)
    properties = pairs(body.properties)
    if isinstance(body, layers.MQTTConnack):
        flags = None if body.sessionPresent is None else body.acknowledgeFlags << 1
        return {
            "acknowledge_flags": (flags or 0) | (body.sessionPresent or 0),
            "session_present": None if flags is None else bool(body.sessionPresent),
            "return_code": body.returnCode,
            "properties": properties,
        }
    return {"reason_code": body.reasonCode or 0, "properties": properties}


def _connect(body: Packet) -> dict[str, Any]:
    name = body.protocolName or b""
    level = body.protocolLevel or 0
    version = spec.VERSIONS.get(level & ~spec.BRIDGE_BIT)
    flags = 0
    for bit in ("usernameFlag", "passwordFlag", "lastWillRetain", "lastWillQos", "willFlag",
                "cleanSession", "reservedFlag"):  # fmt: skip
        flags = flags << (2 if bit == "lastWillQos" else 1) | (getattr(body, bit) or 0)
    return {
        "protocol_name": shown(name),
        "protocol_level": level,
        "version": version,
        "bridge": version is not None and bool(level & spec.BRIDGE_BIT),
        "connect_flags": flags,
        "client_id": decode(body.clientId or b""),
        "clean_session": bool(body.cleanSession),
        "keep_alive": body.keepAlive or 0,
        "username": None if body.username is None else decode(body.username),
        "password": body.password,
        "will_flag": bool(body.willFlag),
        "last_will_topic": None if body.lastWillTopic is None else decode(body.lastWillTopic),
        "last_will_qos": body.lastWillQos or 0,
        "last_will_message": body.lastWillMessage,
        "last_will_retain": bool(body.lastWillRetain),
        "properties": pairs(body.properties),
        "last_will_properties": pairs(body.lastWillProperties),
    }


def pairs(properties: list[Packet] | None) -> list[tuple[str, Any]]:
    """Returns name and value of each complete property, text decoded; unknown ones as raw bytes."""
    found: list[tuple[str, Any]] = []
    for item in properties or ():
        row = spec.PROPERTIES.get(item.id)
        value = item.value
        if row is not None and value is not None:
            value = decode(value) if row.type in (spec.STRING, spec.STRING_PAIR) else value
            value = (decode(item.key), value) if row.type == spec.STRING_PAIR else value
        if value is not None:
            found.append(("unknown" if row is None else row.name, value))
    return found


def built(record: Connect | Connack | Disconnect | Auth) -> Packet:
    """Builds the scapy packet of a valid record, without lengths and flags that are computed."""
    properties = [_property(item) for item in record.properties]
    if isinstance(record, Connect):
        optional = {
            "username": _bytes(record.username),
            "password": record.password,
            "lastWillTopic": _bytes(record.last_will_topic),
            "lastWillMessage": record.last_will_message,
        }
        body: Packet = layers.MQTTConnect(
            protocolName=record.protocol_name,
            protocolLevel=record.protocol_level,
            cleanSession=int(record.clean_session),
            keepAlive=record.keep_alive,
            clientId=encode(record.client_id),
            lastWillQos=record.last_will_qos,
            lastWillRetain=int(record.last_will_retain),
            properties=properties,
            lastWillProperties=[_property(item) for item in record.last_will_properties],
        )
        for name, value in optional.items():
            if value is not None:
                setattr(body, name, value)
    elif isinstance(record, Connack):
        body = layers.MQTTConnack(
            sessionPresent=int(bool(record.session_present)),
            returnCode=record.return_code,
            properties=properties if record.version is spec.VERSIONS[5] else None,
        )
    elif isinstance(record, Disconnect):
        body = layers.MQTTDisconnect(reasonCode=record.reason_code, properties=properties)
    else:
        body = layers.MQTTAuth(reasonCode=record.reason_code, properties=properties)
    return layers.MQTT() / body


def _bytes(text: str | None) -> bytes | None:
    return None if text is None else encode(text)


def _property(item: Property) -> Packet:
    if isinstance(item.value, tuple):
        key, value = (encode(half) for half in item.value)
        return layers.MQTTProperty(id=item.id, key=key, value=value)
    value = encode(item.value) if isinstance(item.value, str) else item.value
    return layers.MQTTProperty(id=item.id, value=value)
