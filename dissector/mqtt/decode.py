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
from dissector.mqtt.fields import ENDLESS, Reader
from dissector.mqtt.packets.auth import Auth
from dissector.mqtt.packets.connack import Connack
from dissector.mqtt.packets.connect import Connect
from dissector.mqtt.packets.disconnect import Disconnect
from dissector.mqtt.packets.packet import Packet

if cython.compiled:
    from cython.cimports.dissector.mqtt.fields import minimal_size  # type: ignore[import-not-found]
else:
    from dissector.mqtt.fields import minimal_size

# The types with a record of their own, each in its file of `packets/`. All others are framed only.
RECORDS: dict[int, type[Packet]] = {
    spec.CONNECT: Connect,
    spec.CONNACK: Connack,
    spec.DISCONNECT: Disconnect,
    spec.AUTH: Auth,
}
DECODED = sum(1 << packet_type for packet_type in RECORDS)  # bit n for type n
_RECORDS = tuple(RECORDS.get(packet_type, Packet) for packet_type in range(16))

# by first byte: whether a packet other than PUBLISH has the flags that its type requires
_HAS_REQUIRED_FLAGS = bytes(
    first >> 4 != spec.PUBLISH and first & 15 == spec.REQUIRED_FLAGS[first >> 4]
    for first in range(256)
)


def header_defects(first: int, remaining_length: int, header_size: int) -> tuple[Defect, ...]:
    """Returns the defects of a fixed header: wrong flags, or a length that is not minimal."""
    packet_type = first >> 4
    found: tuple[Defect, ...] = ()
    if packet_type != spec.PUBLISH and first & 0x0F != spec.REQUIRED_FLAGS[packet_type]:
        if packet_type != spec.RESERVED:
            kind = _RECORDS[packet_type].FLAGS_DEFECT
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
    possible. Types without a record of their own (`RECORDS`) give a plain `Packet`.
    """
    first = raw[0] if raw else 0
    packet_type = first >> 4
    record = _RECORDS[packet_type]
    packet = record.__new__(record)
    packet.set_defaults()
    if packet.decode_usual(raw, version, side):
        return packet
    reader = Reader.__new__(Reader)
    reader.begin(raw, 1, len(raw), packet_type)
    remaining = reader.variable("remainingLength")
    if remaining < 0:
        packet = Packet(type=packet_type, flags=first & 15, size=len(raw), raw=raw)
        if remaining == ENDLESS:
            reader.defect(DefectKind.LENGTH_FIVE_BYTES, 1, min(len(raw) - 1, 5))
            packet.defects = reader.defects
        return packet
    header_size = reader.pos
    reader.end = min(len(raw), header_size + remaining)
    if header_size != 2 or not _HAS_REQUIRED_FLAGS[first]:
        reader.defects = header_defects(first, remaining, header_size)
    packet.type = packet_type
    packet.flags = first & 15
    packet.remaining_length = remaining
    packet.size = header_size + remaining
    packet.raw = raw[: reader.end] if reader.end < len(raw) else raw
    packet.decode_body(reader, version, side)
    packet.defects, packet.secrets = reader.defects, reader.secrets
    return packet
