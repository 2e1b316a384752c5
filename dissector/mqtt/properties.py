"""The properties of MQTT 5.0: decodes a section of them, and records errors as defects.

An unknown identifier ends the section, because the length of its value is unknown. Its value is
then the rest of the section, as raw bytes.
"""

from __future__ import annotations

from typing import Any

import cython
import msgspec

from dissector.mqtt import spec
from dissector.mqtt.defects import DefectKind
from dissector.mqtt.fields import CONTROL, NOT_UTF8, NUL, Reader
from dissector.text import decode as decode_text

if cython.compiled:
    from cython.cimports.dissector.integers import cut  # type: ignore[import-not-found]
    from cython.cimports.dissector.mqtt.fields import minimal_size, text_problem  # type: ignore[import-not-found]
else:
    from dissector.integers import cut
    from dissector.mqtt.fields import minimal_size, text_problem

PROPERTIES_LIMIT = 1000  # properties of one section that are decoded; the rest is skipped

# Cache of decoded sections, by place, offset and bytes: a server sends the same one to all clients.
# Sections with a defect or a secret are not cached.
_known: dict[tuple[int, int, bytes], tuple[Property, ...]] = {}
_KNOWN_SECTIONS, _KNOWN_BYTES = 1000, 128

_CONNECT, _BYTE, _U16, _U32 = spec.CONNECT, spec.BYTE, spec.U16, spec.U32
_STRING, _STRING_PAIR, _BINARY = spec.STRING, spec.STRING_PAIR, spec.BINARY
_USER_PROPERTY_ID, _RESPONSE_TOPIC = spec.USER_PROPERTY, spec.RESPONSE_TOPIC
_PROPERTIES = spec.PROPERTIES
_BOOLEAN, _NONZERO = spec.BOOLEAN_PROPERTIES, spec.NONZERO_PROPERTIES

_TEXT = {
    NOT_UTF8: DefectKind.TEXT_NOT_UTF8,
    NUL: DefectKind.TEXT_NUL,
    CONTROL: DefectKind.TEXT_CONTROL,
}
_USER_PROPERTY = {
    NOT_UTF8: DefectKind.USER_PROPERTY_NOT_UTF8,
    NUL: DefectKind.USER_PROPERTY_NUL,
    CONTROL: DefectKind.TEXT_CONTROL,
}


class Property(msgspec.Struct, frozen=True):
    """One MQTT 5.0 property; `offset` is the offset of its identifier in the packet.

    `value`: int, str, bytes, a pair of str, or raw bytes where the identifier is unknown.
    """

    id: int
    name: str
    value: Any
    offset: int


def property_value(properties: tuple[Property, ...], name: str) -> Any:
    """Returns the first value of the property called `name`, or None."""
    for item in properties:
        if item.name == name:
            return item.value
    return None


def read_properties(reader: Reader, place: int, length_field: str) -> tuple[Property, ...]:
    """Reads a Property Length and its properties.

    `place` is the packet type, or `spec.WILL`. The reader is positioned after the section
    afterwards; if the section runs past the packet, the reader is broken.
    """
    whose = reader.packet_type
    reader.packet_type = place
    found = _section(reader, place, length_field)
    reader.packet_type = whose
    return found


def _section(reader: Reader, place: int, length_field: str) -> tuple[Property, ...]:
    start = reader.pos
    length = reader.variable(length_field)
    if length < 0:
        kind = (
            DefectKind.PROPERTY_LENGTH_MISSING
            if reader.left() <= 0
            else DefectKind.PROPERTY_LENGTH_OVERRUN
        )
        reader.defect(kind, start, max(reader.left(), 0), None, length_field)
        reader.stop_here(start)
        return ()
    if reader.pos - start > minimal_size(length):
        reader.defect(
            DefectKind.LENGTH_NOT_MINIMAL, start, reader.pos - start, length, length_field
        )
    if length == 0:
        return ()
    if length > reader.left():
        reader.defect(
            DefectKind.PROPERTY_LENGTH_OVERRUN, start, reader.pos - start, length, length_field
        )
        reader.stop_here(reader.pos)
        stop = reader.end
    else:
        stop = reader.pos + length
    key = None
    if length <= _KNOWN_BYTES and not reader.broken:
        key = (place, reader.pos, cut(reader.data, reader.pos, stop))
        known = _known.get(key)
        if known is not None:
            reader.pos = stop
            return known
    found: list[Property] = []
    seen: set[int] = set()
    certain, hidden = len(reader.defects), len(reader.secrets)
    while reader.pos < stop and len(found) < PROPERTIES_LIMIT:
        item = _property(reader, place, stop, seen)
        if item is None:
            break
        found.append(item)
    if 0x16 in seen and 0x15 not in seen and len(found) < PROPERTIES_LIMIT:
        offset = next(item.offset for item in found if item.id == 0x16)
        reader.defect(DefectKind.AUTH_DATA_WITHOUT_METHOD, offset, 1, None, "authenticationData")
    if reader.broken:
        # it is unknown which of those bytes are properties
        reader.defects = reader.defects[:certain]
    reader.pos = stop
    made = tuple(found)
    if key is not None and len(reader.defects) == certain and len(reader.secrets) == hidden:
        if len(_known) >= _KNOWN_SECTIONS:
            _known.clear()
        _known[key] = made
    return made


def _property(reader: Reader, place: int, stop: int, seen: set[int]) -> Property | None:
    start = reader.pos
    packet_end, reader.end = reader.end, stop
    identifier = reader.variable("propertyIdentifier")
    if identifier < 0:
        reader.secret(start, stop - start)
        reader.defect(DefectKind.PROPERTY_OVERRUN, start, stop - start, None, "propertyIdentifier")
        reader.end = packet_end
        return None
    if reader.pos - start > minimal_size(identifier):
        reader.defect(
            DefectKind.LENGTH_NOT_MINIMAL, start, reader.pos - start, identifier,
            "propertyIdentifier",
        )  # fmt: skip
    row = _PROPERTIES.get(identifier)
    if row is None:
        reader.defect(DefectKind.PROPERTY_UNKNOWN, start, reader.pos - start, identifier)
        value: Any = reader.data[reader.pos : stop]
        reader.secret(reader.pos, stop - reader.pos)
        reader.pos = stop
        reader.end = packet_end
        return Property(identifier, "unknown", value, start)
    value = _value(reader, row.type, row.name, start, stop)
    reader.end = packet_end
    if value is None:
        return None
    size = reader.pos - start
    if place not in row.packets:
        reader.defect(DefectKind.PROPERTY_NOT_ALLOWED, start, size, identifier, row.name)
    elif identifier in seen and identifier != _USER_PROPERTY_ID:
        reader.defect(DefectKind.PROPERTY_REPEATED, start, size, identifier, row.name)
    else:
        _range(reader, place, identifier, row.name, value, start, size)
    seen.add(identifier)
    return Property(identifier, row.name, value, start)


def _value(reader: Reader, kind: int, name: str, start: int, stop: int) -> Any:
    """Reads a property's value; None if it runs past the section (recorded as a defect)."""
    if kind == _STRING_PAIR:
        first = _block(reader, name)
        second = None if first is None else _block(reader, name)
        if first is not None and second is not None:
            for half in (first, second):
                problem = text_problem(half, 0, len(half))
                if problem:
                    reader.defect(_USER_PROPERTY[problem], start, reader.pos - start, half, name)
            return (decode_text(first), decode_text(second))
    elif kind == _STRING or kind == _BINARY:
        raw = _block(reader, name)
        if raw is not None:
            if kind == _BINARY:
                if name == "authenticationData":
                    reader.secret(reader.pos - len(raw), len(raw))
                return raw
            problem = text_problem(raw, 0, len(raw))
            if problem:
                reader.defect(_TEXT[problem], start, reader.pos - start, raw, name)
            return decode_text(raw)
    else:
        size = 1 if kind == _BYTE else 2 if kind == _U16 else 4 if kind == _U32 else 0
        if size == 0:
            value = reader.variable(name)
            if value >= 0:
                return value
        elif reader.left() >= size:
            return reader.integer(size, name)
    reader.defect(DefectKind.PROPERTY_OVERRUN, start, stop - start, None, name)
    reader.secret(start + 1, stop - start - 1)
    reader.pos = stop
    return None


def _block(reader: Reader, name: str) -> bytes | None:
    """Reads a length and its bytes without recording an overrun of the packet."""
    if reader.left() < 2:
        return None
    size = (reader.data[reader.pos] << 8) | reader.data[reader.pos + 1]
    if reader.left() - 2 < size:
        return None
    return reader.block(name)


def _range(
    reader: Reader, place: int, identifier: int, name: str, value: Any, start: int, size: int
) -> None:
    kind = None
    if identifier == _RESPONSE_TOPIC:
        if not value:
            kind = DefectKind.RESPONSE_TOPIC_EMPTY
        elif "+" in value or "#" in value:
            kind = DefectKind.RESPONSE_TOPIC_WILDCARD
    elif identifier in _BOOLEAN:
        if value > 1:
            own = place == _CONNECT
            kind = DefectKind.REQUEST_INFORMATION_VALUE if own else DefectKind.PROPERTY_VALUE
    elif identifier in _NONZERO and value == 0:
        if place != _CONNECT:
            kind = DefectKind.PROPERTY_VALUE
        elif name == "receiveMaximum":
            kind = DefectKind.RECEIVE_MAXIMUM_ZERO
        else:
            kind = DefectKind.MAXIMUM_PACKET_SIZE_ZERO
    if kind is not None:
        reader.defect(kind, start, size, value, name)
