"""Generates and mutates MQTT control packets, mostly valid, with errors specific to MQTT.

Mutations change lengths, identifiers, flags, properties or text fields of a packet, with or
without correcting the lengths around them.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from dissector.mqtt import spec
from tests.fuzz.bytewise import damage, number

SECRET = b"Xq7-fuzzSecret!"  # the password in all seeds; no output may show it
TEXTS = (b"", b"a", b"c1", b"\0", b"a\0b", b"\xff\xfe", b"\xc3(", b"\xed\xa0\x80", b"\xef\xbf\xbf",
         b"+/#", b"$share/g/t", b"a" * 23, b"a" * 24, b"\x1b[2J\x07", b"\xe2\x80\xae\xe2\x80\x8b",
         b"\xf3\xa0\x80\x81", b"=1+1", b"<b>&", b"x" * 300, b"\r\n::error::", b"|`*_")  # fmt: skip
NAMES = (b"MQTT", b"MQIsdp", b"MQTt", b"mqtt", b"", b"MQTT\0", b"\xff\xff\xff\xff")


def variable(value: int) -> bytes:
    """Encodes a Variable Byte Integer, also one that is too large for four bytes."""
    out = bytearray()
    while True:
        value, low = value >> 7, value & 127
        out.append(low | 128 if value else low)
        if not value:
            return bytes(out)


def lengthened(rng: random.Random, value: int) -> bytes:
    """Encodes a Variable Byte Integer; sometimes overlong, truncated, or another value."""
    way = rng.randrange(8)
    if way == 0:
        encoded = bytearray(variable(value))
        for _ in range(rng.randint(1, 4)):
            encoded[-1] |= 128
            encoded.append(0)
        return bytes(encoded)
    if way == 1:
        return variable(number(rng, value, rng.choice((7, 14, 21, 28, 35))))
    if way == 2:
        return rng.choice(
            (b"\x80", b"\xff\xff\xff\xff", b"\x80\x80\x80\x80\x01", b"\xff\xff\xff\x7f", b"")
        )
    return variable(value)


def text(rng: random.Random, value: bytes | None = None) -> bytes:
    """Encodes a text or binary field, sometimes with a wrong length."""
    if value is None:
        value = rng.choice(TEXTS)
    size = len(value)
    if rng.randrange(8) == 0:
        size = number(rng, size, 16)
    return size.to_bytes(2, "big") + value


def property_(rng: random.Random, packet_type: int) -> bytes:
    """Encodes one property, which may be misplaced, unknown or malformed."""
    rows = list(spec.PROPERTIES.values())
    allowed = [row for row in rows if packet_type in row.packets]
    row = rng.choice(allowed if allowed and rng.randrange(4) else rows)
    identifier = variable(row.id) if rng.randrange(16) else lengthened(rng, number(rng, row.id, 8))
    if row.type == spec.BYTE:
        return identifier + bytes((rng.choice((0, 1, 2, 255)),))
    if row.type in (spec.U16, spec.U32):
        size = 2 if row.type == spec.U16 else 4
        return identifier + number(rng, 10, 8 * size).to_bytes(size, "big")
    if row.type == spec.VBI:
        return identifier + lengthened(rng, rng.choice((0, 1, 127, 128, 16384)))
    if row.type == spec.STRING_PAIR:
        return identifier + text(rng) + text(rng)
    if row.id == spec.AUTHENTICATION_DATA:
        return identifier + text(rng, SECRET)
    return identifier + text(rng)


def properties(rng: random.Random, packet_type: int) -> bytes:
    """Encodes a property block."""
    items = [property_(rng, packet_type) for _ in range(rng.choice((0, 0, 1, 1, 2, 3, 6)))]
    if items and rng.randrange(4) == 0:
        items.append(rng.choice(items))
    body = b"".join(items)
    return lengthened(rng, len(body)) + body


def packet(rng: random.Random, first: int, body: bytes) -> bytes:
    """Prepends a fixed header to a body."""
    if rng.randrange(12) == 0:
        first ^= 1 << rng.randrange(8)
    return bytes((first,)) + lengthened(rng, len(body)) + body


def connect(rng: random.Random) -> bytes:
    """Makes a CONNECT of parts that are mostly valid."""
    level = rng.choice((3, 4, 4, 5, 5, 0x83, 0x84, rng.randrange(256)))
    flags = rng.choice((0x02, 0xC2, 0xC6, 0xCE, 0x82, 0x42, 0x00, 0x26, rng.randrange(256)))
    name = spec.PROTOCOL_NAMES.get(level & 127, "MQTT").encode()
    if rng.randrange(10) == 0:
        name = rng.choice(NAMES)
    body = [text(rng, name), bytes((level, flags)), number(rng, 60, 16).to_bytes(2, "big")]
    if level == 5:
        body.append(properties(rng, spec.CONNECT))
    fields = [text(rng, rng.choice((*TEXTS, b"c1", b"client-7", b"abc")))]
    if flags & spec.FLAG_WILL:
        if level == 5:
            fields.append(properties(rng, spec.WILL))
        fields += [text(rng, rng.choice((b"w/t", *TEXTS))), text(rng)]
    if flags & spec.FLAG_USERNAME:
        fields.append(text(rng, rng.choice((b"user", b"user", *TEXTS))))
    if flags & spec.FLAG_PASSWORD:
        fields.append(text(rng, SECRET))
    if rng.randrange(10) == 0:
        rng.shuffle(fields)
    if rng.randrange(12) == 0:
        fields.pop(rng.randrange(len(fields)))
    return packet(rng, 0x10, b"".join(body + fields))


def connack(rng: random.Random) -> bytes:
    """Makes a CONNACK of parts that are mostly valid."""
    body = bytes(
        (rng.choice((0, 0, 1, 2, 255)), rng.choice((0, 0, 1, 2, 5, 6, 0x80, 0x84, 0x87, 255)))
    )
    if rng.randrange(2):
        body += properties(rng, spec.CONNACK)
    return packet(rng, 0x20, body)


def other(rng: random.Random) -> bytes:
    """Makes a packet of another type."""
    kind = rng.choice((3, 4, 8, 9, 12, 13, 14, 14, 15, 15, 0, rng.randrange(16)))
    first = kind << 4 | (2 if kind in (6, 8, 10) else 0)
    if kind in (spec.DISCONNECT, spec.AUTH):
        codes = (0, 4, 0x18, 0x19, 0x81, 0x82, 0x87, 0x8D, 0x8E, rng.randrange(256))
        body = b"" if rng.randrange(3) == 0 else bytes((rng.choice(codes),))
        if body and rng.randrange(3):
            body += properties(rng, kind)
    elif kind == spec.PUBLISH:
        body = text(rng, b"a/b") + rng.randbytes(rng.randint(0, 40))
    else:
        body = rng.randbytes(rng.choice((0, 0, 2, 3, 5)))
    return packet(rng, first, body)


def made(rng: random.Random) -> bytes:
    """Makes a packet of any type."""
    return rng.choice((connect, connect, connack, other))(rng)


def changed(rng: random.Random, raw: bytes, others: Sequence[bytes] = ()) -> bytes:
    """Returns a packet with one mutation."""
    if len(raw) < 2:
        return made(rng)
    pos = 1
    while pos < min(len(raw), 5) and raw[pos] & 128:
        pos += 1
    first, body = raw[0], raw[pos + 1 :]
    way = rng.randrange(8)
    if way == 0:
        first = rng.choice((first ^ 1 << rng.randrange(8), rng.randrange(256)))
    elif way == 1:
        return bytes((first,)) + lengthened(rng, len(body)) + body
    elif way == 2:
        return damage(rng, raw, others)
    elif way == 3:
        body = _length_changed(rng, body)
    elif way == 4 and first >> 4 == spec.CONNECT and len(body) > 8:
        at = 2 + min(int.from_bytes(body[:2], "big"), len(body) - 4)
        at = min(at + rng.choice((0, 1, 1, 2, 3)), len(body) - 1)
        value = body[at] ^ 1 << rng.randrange(8)
        body = body[:at] + bytes((value,)) + body[at + 1 :]
    elif way == 5:
        body = _with_properties(rng, first >> 4, body)
    elif way == 6:
        body = body[: rng.randrange(len(body) + 1)] if rng.randrange(2) else body + rng.randbytes(3)
    else:
        body = damage(rng, body, others)
    return bytes((first,)) + variable(len(body)) + body


def _length_changed(rng: random.Random, body: bytes) -> bytes:
    """Changes a two-byte length whose field ends inside the body, or its field."""
    places = [
        at
        for at in range(len(body) - 1)
        if at + 2 + int.from_bytes(body[at : at + 2], "big") <= len(body)
    ]
    if not places:
        return body + b"\0\1"
    at = rng.choice(places)
    size = int.from_bytes(body[at : at + 2], "big")
    if rng.randrange(2):
        value = rng.choice(TEXTS)  # another field with the right length
        return body[:at] + len(value).to_bytes(2, "big") + value + body[at + 2 + size :]
    return body[:at] + number(rng, size, 16).to_bytes(2, "big") + body[at + 2 :]


def _with_properties(rng: random.Random, packet_type: int, body: bytes) -> bytes:
    """Replaces the properties, or inserts some where they would be."""
    at = {spec.CONNECT: 10, spec.CONNACK: 2}.get(packet_type, 1)
    if packet_type == spec.CONNECT and body[:6] == b"\0\6MQIsd":
        at = 12
    size = body[at] if at < len(body) and body[at] < 128 else 0
    return body[:at] + properties(rng, packet_type) + body[at + 1 + size :]
