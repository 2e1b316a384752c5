"""Encodes lengths, fields and property sections: the inverse of `fields.py` and `properties.py`.

The records in `packets/` encode themselves with these (`Packet.encode`).
"""

from __future__ import annotations

from dissector.mqtt import spec
from dissector.mqtt.properties import Property
from dissector.text import encode as encode_text


def variable(value: int) -> bytes:
    """Encodes a Variable Byte Integer, at most 268,435,455, in as few bytes as it needs."""
    encoded = bytearray()
    while True:
        value, low = value >> 7, value & 0x7F
        encoded.append(low | 0x80 if value else low)
        if not value:
            return bytes(encoded)


def integer(value: int, size: int) -> bytes:
    """Encodes a big-endian integer of `size` bytes."""
    return value.to_bytes(size, "big")


def block(data: bytes) -> bytes:
    """Encodes a two-byte length and its bytes."""
    return integer(len(data), 2) + data


def text(value: str) -> bytes:
    """Encodes a UTF-8 string with its two-byte length; the inverse of `text.decode`."""
    return block(encode_text(value))


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
        return b"".join(map(text, item.value))
    if kind == spec.STRING:
        return text(item.value)
    if kind == spec.BINARY:
        return block(item.value)
    if kind == spec.VBI:
        return variable(item.value)
    size = {spec.BYTE: 1, spec.U16: 2, spec.U32: 4}[kind]
    return integer(item.value, size)
