"""Encodes records of control packets to bytes: the inverse of `decode.py` for valid packets.

Only the fields are used; sizes, `raw` and `defects` are ignored. Lengths are computed.
"""

from __future__ import annotations

from dissector.model import Version
from dissector.mqtt import spec
from dissector.mqtt.packets import Auth, Connack, Connect, Disconnect, Property
from dissector.text import encode as encode_text


def variable(value: int) -> bytes:
    """Encodes a Variable Byte Integer, at most 268,435,455, in as few bytes as it needs."""
    encoded = bytearray()
    while True:
        value, low = value >> 7, value & 0x7F
        encoded.append(low | 0x80 if value else low)
        if not value:
            return bytes(encoded)


def block(data: bytes) -> bytes:
    """Encodes a two-byte length and its bytes."""
    return len(data).to_bytes(2, "big") + data


def packet(first: int, body: bytes) -> bytes:
    """Prepends a fixed header to a body; `first` is byte 1, type and flags."""
    return bytes((first,)) + variable(len(body)) + body


def properties(items: tuple[Property, ...]) -> bytes:
    """Encodes a property section with its length; identifiers must be known ones."""
    body = b"".join(variable(item.id) + _value(item) for item in items)
    return variable(len(body)) + body


def _value(item: Property) -> bytes:
    kind = spec.PROPERTIES[item.id].type
    if kind == spec.STRING_PAIR:
        return b"".join(block(encode_text(half)) for half in item.value)
    if kind == spec.STRING:
        return block(encode_text(item.value))
    if kind == spec.BINARY:
        return block(item.value)
    if kind == spec.VBI:
        return variable(item.value)
    size = {spec.BYTE: 1, spec.U16: 2, spec.U32: 4}[kind]
    return int(item.value).to_bytes(size, "big")


def connect(record: Connect) -> bytes:
    """Encodes a CONNECT; the connect flags follow from the fields that are present."""
    will = record.last_will_topic is not None
    flags = (
        (spec.FLAG_CLEAN if record.clean_session else 0)
        | (spec.FLAG_WILL if will else 0)
        | record.last_will_qos << 3
        | (spec.FLAG_WILL_RETAIN if record.last_will_retain else 0)
        | (spec.FLAG_PASSWORD if record.password is not None else 0)
        | (spec.FLAG_USERNAME if record.username is not None else 0)
    )
    five = record.version is Version.V5_0
    body = [
        block(encode_text(record.protocol_name)),
        bytes((record.protocol_level, flags)),
        record.keep_alive.to_bytes(2, "big"),
        properties(record.properties) if five else b"",
        block(encode_text(record.client_id)),
    ]
    if record.last_will_topic is not None:
        body += [
            properties(record.last_will_properties) if five else b"",
            block(encode_text(record.last_will_topic)),
            block(record.last_will_message or b""),
        ]
    if record.username is not None:
        body.append(block(encode_text(record.username)))
    if record.password is not None:
        body.append(block(record.password))
    return packet(spec.CONNECT << 4, b"".join(body))


def connack(record: Connack) -> bytes:
    """Encodes a CONNACK in the layout of its version."""
    body = bytes((record.acknowledge_flags, record.return_code or 0))
    if record.version is Version.V5_0:
        body += properties(record.properties)
    return packet(spec.CONNACK << 4, body)


def disconnect(record: Disconnect) -> bytes:
    """Encodes a DISCONNECT: empty before 5.0, with reason code and properties in 5.0."""
    if record.version is not Version.V5_0:
        return packet(spec.DISCONNECT << 4, b"")
    return packet(
        spec.DISCONNECT << 4, bytes((record.reason_code,)) + properties(record.properties)
    )


def auth(record: Auth) -> bytes:
    """Encodes an AUTH."""
    return packet(spec.AUTH << 4, bytes((record.reason_code,)) + properties(record.properties))
