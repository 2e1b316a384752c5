"""Decodes one control packet into its record, and reports every error as a defect. Never raises.

Layouts: MQTT V3.1 §3.1, v3.1.1 §3.1 to §3.14, v5.0 §3.1 to §3.15. The level byte decides the layout
of CONNECT; the other packets carry no version: the caller gives that of the connection, or None
if it is unknown. Then the length decides, and nothing that depends on the version is a defect.
"""

from __future__ import annotations

import cython

from dissector.model import Side, Version
from dissector.mqtt import spec
from dissector.mqtt.defects import Defect, DefectKind
from dissector.mqtt.fields import Reader
from dissector.mqtt.packets import Auth, Connack, Disconnect, Packet, Property

if cython.compiled:
    from cython.cimports.dissector.mqtt.connect import read_connect  # type: ignore[import-not-found]
    from cython.cimports.dissector.mqtt.fields import minimal_size  # type: ignore[import-not-found]
    from cython.cimports.dissector.mqtt.properties import read_properties  # type: ignore[import-not-found]
else:
    from dissector.mqtt.connect import read_connect
    from dissector.mqtt.fields import minimal_size
    from dissector.mqtt.properties import read_properties

# by first byte: whether a packet other than PUBLISH has the flags that its type requires
_HAS_REQUIRED_FLAGS = bytes(
    first >> 4 != spec.PUBLISH and first & 15 == spec.REQUIRED_FLAGS[first >> 4]
    for first in range(256)
)
_V3_1, _V3_1_1, _V5_0 = Version.V3_1, Version.V3_1_1, Version.V5_0
_CLIENT, _SERVER = Side.CLIENT, Side.SERVER
_FLAG_KINDS = {
    spec.DISCONNECT: DefectKind.DISCONNECT_FLAGS,
    spec.AUTH: DefectKind.AUTH_FLAGS,
}


def header_defects(first: int, remaining_length: int, header_size: int) -> tuple[Defect, ...]:
    """Returns the defects of a fixed header: wrong flags, or a length that is not minimal."""
    packet_type = first >> 4
    found: tuple[Defect, ...] = ()
    if packet_type != spec.PUBLISH and first & 0x0F != spec.REQUIRED_FLAGS[packet_type]:
        if packet_type != spec.RESERVED:
            kind = _FLAG_KINDS.get(packet_type, DefectKind.HEADER_FLAGS)
            found += (Defect(kind, packet_type, 0, 1, first & 0x0F),)
    if header_size - 1 > minimal_size(remaining_length):
        found += (
            Defect(
                DefectKind.LENGTH_NOT_MINIMAL, packet_type, 1, header_size - 1, remaining_length
            ),
        )
    return found


def decode_packet(raw: bytes, version: Version | None = None, side: Side | None = None) -> Packet:
    """Decodes a packet: `raw` starts with its fixed header; bytes after the packet are ignored.

    A truncated or wrong header, or a body shorter than its Remaining Length, is decoded as far as
    possible. Types other than CONNECT, CONNACK, DISCONNECT and AUTH give a plain `Packet`.
    """
    plain = _plain(raw, version, side)
    if plain is not None:
        return plain
    reader = Reader.__new__(Reader)
    reader.begin(raw, 1, len(raw), raw[0] >> 4 if raw else 0)
    remaining = reader.variable() if raw else -1
    first = raw[0] if raw else 0
    if remaining < 0:
        defects = (
            (Defect(DefectKind.LENGTH_FIVE_BYTES, first >> 4, 1, min(len(raw) - 1, 5)),)
            if remaining == -2
            else ()
        )
        return Packet(
            type=first >> 4, flags=first & 15, remaining_length=0, size=len(raw), raw=raw,
            defects=defects,
        )  # fmt: skip
    header_size = reader.pos
    reader.end = min(len(raw), header_size + remaining)
    packet_type = first >> 4
    if header_size != 2 or not _HAS_REQUIRED_FLAGS[first]:
        reader.defects = header_defects(first, remaining, header_size)
    if reader.end < len(raw):
        raw = raw[: reader.end]
    packet: Packet
    if packet_type == 1:  # CONNECT
        packet = read_connect(reader, first, remaining, raw)
    elif packet_type == 2:  # CONNACK
        packet = _connack(reader, first, remaining, raw, version)
    elif packet_type == 14:  # DISCONNECT
        packet = _disconnect(reader, first, remaining, raw, version, side)
    elif packet_type == 15:  # AUTH
        packet = _auth(reader, first, remaining, raw, side)
    else:
        packet = Packet(
            type=packet_type, flags=first & 15, remaining_length=remaining,
            size=header_size + remaining, raw=raw,
        )  # fmt: skip
    packet.defects, packet.secrets = reader.defects, reader.secrets
    return packet


def _plain(raw: bytes, version: Version | None, side: Side | None) -> Packet | None:
    """Fast path for the common forms of CONNACK and DISCONNECT before 5.0; None for all others."""
    if version is not _V3_1_1 and version is not _V3_1:
        return None
    size = len(raw)
    if size == 4 and raw[0] == 0x20 and raw[1] == 2 and raw[2] < 2 and raw[3] <= 5:
        flags, code = raw[2], raw[3]
        if flags and (code or version is _V3_1):
            return None
        connack = Connack.__new__(Connack)
        connack.head(2, 0, 2, 4, None, None, raw, (), ())
        connack.tail(version, flags, None if version is _V3_1 else flags != 0, code, ())
        return connack
    if size == 2 and raw[0] == 0xE0 and raw[1] == 0:
        disconnect = Disconnect.__new__(Disconnect)
        disconnect.head(14, 0, 0, 2, None, None, raw, (), ())
        disconnect.tail(side, version, 0, ())
        return disconnect
    return None


def _connack(
    reader: Reader, first: int, remaining: int, raw: bytes, version: Version | None
) -> Connack:
    body = reader.pos
    size = body + remaining
    left = reader.left()
    flags = raw[body] if left > 0 else 0
    code = raw[body + 1] if left > 1 else None
    layout = version
    if remaining == 2 and version is _V5_0 and flags == 0 and code == 1:
        layout = _V3_1_1  # an older server refuses the version in the format of 3.1.1
    elif version is None and remaining > 2:
        layout = _V5_0
    properties: tuple[Property, ...] = ()
    if layout is _V5_0:
        if remaining < 3:
            reader.defect(DefectKind.CONNACK_LENGTH, 1, body - 1, (remaining, code))
        else:
            reader.pos = min(body + 2, reader.end)
            properties = read_properties(reader, spec.CONNACK, "propertyLength")
            reader.trailing()
    elif remaining != 2:
        reader.stop_here(body + 2)
        reader.defect(DefectKind.CONNACK_LENGTH, 1, body - 1, (remaining, code))
    if layout is not _V3_1 and flags & 0xFE:
        reader.defect(DefectKind.CONNACK_FLAGS, body, 1, flags)
    if code is not None:
        if layout is _V5_0:
            known = code in spec.CONNACK_CODES
        else:
            # a 5.0 server's refusal of the version; its length is already a defect
            known = code <= 5 or (remaining > 2 and code == 0x84)
        if not known:
            reader.defect(DefectKind.CONNACK_CODE, body + 1, 1, code)
        if code != 0 and flags & 1 and layout is not _V3_1:
            reader.defect(DefectKind.SESSION_PRESENT_WITH_REFUSAL, body, 1, flags)
    present = None if layout is _V3_1 or left < 1 else flags & 1 != 0
    connack = Connack.__new__(Connack)
    connack.head(2, first & 15, remaining, size, None, None, raw, (), ())
    connack.tail(layout, flags, present, code, properties)
    return connack


def _disconnect(
    reader: Reader, first: int, remaining: int, raw: bytes,
    version: Version | None, side: Side | None,
) -> Disconnect:  # fmt: skip
    body = reader.pos
    code = 0
    properties: tuple[Property, ...] = ()
    if version is _V3_1_1 or version is _V3_1:
        if remaining:
            reader.stop_here(body)
            reader.defect(DefectKind.DISCONNECT_LENGTH, 1, body - 1, remaining)
    elif reader.left() > 0:
        code = reader.integer(1, "reasonCode")
        if version is _V5_0:
            _disconnect_code(reader, code, side)
        if reader.left() > 0:
            properties = read_properties(reader, spec.DISCONNECT, "propertyLength")
            reader.trailing()
        for item in properties:
            if item.name == "sessionExpiryInterval" and side is _SERVER:
                kind = DefectKind.DISCONNECT_EXPIRY_FROM_SERVER
            elif item.name == "serverReference" and side is _CLIENT:
                kind = DefectKind.PROPERTY_NOT_ALLOWED
            else:
                continue
            reader.defect(kind, item.offset, 1, item.value, item.name)
    disconnect = Disconnect.__new__(Disconnect)
    disconnect.head(14, first & 15, remaining, body + remaining, None, None, raw, (), ())
    disconnect.tail(side, version, code, properties)
    return disconnect


def _disconnect_code(reader: Reader, code: int, side: Side | None) -> None:
    """Checks a reason code against v5.0 table 3-10; 0x8C is only in table 2-6."""
    if code in spec.DISCONNECT_CODES_BOTH:
        return
    client = code in spec.DISCONNECT_CODES_CLIENT
    server = code in spec.DISCONNECT_CODES_SERVER
    if not client and not server and code != 0x8C:
        reader.defect(DefectKind.DISCONNECT_CODE, reader.pos - 1, 1, code)
    elif code == 0x8C or (side is _CLIENT and server) or (side is _SERVER and client):
        reader.defect(DefectKind.DISCONNECT_CODE_SENDER, reader.pos - 1, 1, code)


def _auth(reader: Reader, first: int, remaining: int, raw: bytes, side: Side | None) -> Auth:
    body = reader.pos
    code = 0
    properties: tuple[Property, ...] = ()
    if reader.left() > 0:
        code = reader.integer(1, "reasonCode")
        properties = read_properties(reader, spec.AUTH, "propertyLength")
        reader.trailing()
    allowed = {
        _CLIENT: spec.AUTH_CODES_CLIENT,
        _SERVER: spec.AUTH_CODES_SERVER,
        None: spec.AUTH_CODES_CLIENT | spec.AUTH_CODES_SERVER,
    }[side]
    if code not in allowed:
        reader.defect(DefectKind.AUTH_CODE, body if len(raw) > body else 0, 1, code)
    if not reader.broken and not any(item.name == "authenticationMethod" for item in properties):
        reader.defect(DefectKind.AUTH_METHOD_MISSING, 0, body, remaining)
    return Auth(
        type=spec.AUTH,
        flags=first & 15,
        remaining_length=remaining,
        size=body + remaining,
        raw=raw,
        version=_V5_0,
        side=side,
        reason_code=code,
        properties=properties,
    )
