"""Scapy fields for MQTT: integers that keep their encoding, and fields that may be absent.

A field that is None is absent and is omitted when building. A field that cannot be read raises
struct.error, at which `Tolerant` stops reading. Conditions decide whether a field is present.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any, Self

from scapy.fields import (
    BitField,
    ConditionalField,
    EnumField,
    FieldLenField,
    StrField,
    StrLenField,
)
from scapy.packet import Packet
from scapy.volatile import RandNum

from dissector.model import Version
from dissector.mqtt import spec

Condition = Callable[[Packet], bool]


class VariableByteInteger(int):
    """A variable byte integer that keeps its encoding: an int made from its bytes, kept in `wire`.

    As a field's value it can write lengths that are not valid: not minimal (8C 00), with five
    bytes, truncated, or absent (no bytes). v5.0 §1.5.5
    """

    wire: bytes

    def __new__(cls, wire: bytes) -> Self:
        """Decodes all of `wire`; the continuation bits are ignored."""
        value = sum((byte & 0x7F) << (7 * index) for index, byte in enumerate(wire))
        number = super().__new__(cls, value)
        number.wire = wire
        return number

    @classmethod
    def minimal(cls, value: int) -> Self:
        """Encodes `value` in the fewest bytes; ValueError if it is negative."""
        if value < 0:
            raise ValueError(f"a variable byte integer cannot be negative: {value}")
        groups = range(max(value.bit_length() + 6, 7) // 7)
        wire = bytearray(value >> (7 * group) & 0x7F | 0x80 for group in groups)
        wire[-1] &= 0x7F
        return cls(bytes(wire))

    @classmethod
    def leading(cls, data: bytes, start: int = 0) -> Self:
        """Reads the integer at `start`: up to its end, five bytes, or the end of the data."""
        end = start
        while end < len(data) and end - start < 5:
            end += 1
            if data[end - 1] < 0x80:
                break
        return cls(data[start:end])

    @property
    def finished(self) -> bool:
        """Whether it ends within the four bytes that the standard allows."""
        return 1 <= len(self.wire) <= 4 and self.wire[-1] < 0x80


class VariableByteIntegerField(FieldLenField):
    """A variable byte integer; None is computed from `length_of`, and absent if that is None.

    An integer that does not end within four bytes is not read; it is then in the packet's
    `trailing`.
    """

    def __init__(self, name: str, length_of: str | None = None, default: Any = None) -> None:
        super().__init__(name, default, length_of=length_of, fmt="B")

    def getfield(self, pkt: Packet, s: bytes) -> tuple[bytes, int]:
        """Reads the field; raises struct.error if it cannot be read."""
        value = VariableByteInteger.leading(s)
        if not value.finished:
            raise struct.error("no variable byte integer")
        return s[len(value.wire) :], value

    def addfield(self, pkt: Packet, s: bytes, val: int | None) -> bytes:
        """Writes the field, unless it is absent."""
        if val is None and (self.length_of is None or pkt.getfieldval(self.length_of) is None):
            return s
        value = self.i2m(pkt, val)
        if not isinstance(value, VariableByteInteger):
            value = VariableByteInteger.minimal(value)
        return s + value.wire

    def randval(self) -> RandNum:
        """Returns any valid value, for scapy's `fuzz`."""
        return RandNum(0, spec.MAX_REMAINING_LENGTH)


class NumberField(EnumField[int]):
    """A big-endian integer, shown with its name in `names`; None is absent."""

    def __init__(
        self, name: str, default: int | None, fmt: str, names: dict[int, str] | None = None
    ) -> None:
        super().__init__(name, default, names or {}, fmt)

    def addfield(self, pkt: Packet, s: bytes, val: Any) -> bytes:
        """Writes the field, unless it is absent."""
        return s if val is None else super().addfield(pkt, s, val)


class BitsField(BitField):
    """Bits of one byte. None is computed by `fill`; not written if field `byte` is None."""

    __slots__ = ["byte", "fill"]

    def __init__(
        self,
        name: str,
        default: int | None,
        size: int,
        fill: Callable[[Packet], int] = lambda packet: 0,
        byte: str | None = None,
    ) -> None:
        super().__init__(name, default, size)
        self.fill, self.byte = fill, byte

    def i2m(self, pkt: Packet | None, x: int | None) -> int:
        """Returns the value on the wire."""
        return self.fill(pkt) if x is None and pkt is not None else x or 0

    def addfield(self, pkt: Packet, s: Any, ival: int | None) -> Any:
        """Writes the field, unless it is absent."""
        absent = self.byte is not None and pkt.getfieldval(self.byte) is None
        return s if absent else super().addfield(pkt, s, self.i2m(pkt, ival))


class TextLengthField(FieldLenField):
    """The two-byte length before a text or binary field; absent if that field is None.

    If the field runs past the end, neither is read: both are then in `trailing`.
    """

    def getfield(self, pkt: Packet, s: bytes) -> tuple[bytes, int]:
        """Reads the field; raises struct.error if it cannot be read."""
        left, length = super().getfield(pkt, s)
        if length > len(left):
            raise struct.error("the field runs past the end")
        return left, length

    def addfield(self, pkt: Packet, s: bytes, val: int | None) -> bytes:
        """Writes the field, unless it is absent."""
        absent = val is None and self.length_of and pkt.getfieldval(self.length_of) is None
        return s if absent else super().addfield(pkt, s, val)


class PresentField(ConditionalField):
    """A field that is read if bytes are left, and shown and built if one of `names` is present."""

    def __init__(self, fld: Any, *names: str) -> None:
        super().__init__(fld, any_given(*(names or (fld.name,))))

    def getfield(self, pkt: Packet, s: bytes) -> tuple[bytes, Any]:
        """Reads the field; raises struct.error if it cannot be read."""
        known = isinstance(pkt, Tolerant) and pkt.version() in (Version.V3_1, Version.V3_1_1)
        return (s, None) if known else self.fld.getfield(pkt, s)


def value_of(name: str) -> Callable[[Packet], Any]:
    """Returns a function that gets the value of a field."""
    return lambda packet: packet.getfieldval(name)


def any_given(*names: str) -> Condition:
    """Returns the condition that one of the fields has a value."""
    return lambda packet: any(packet.getfieldval(name) is not None for name in names)


def flagged(flag: str, *fields: str) -> Condition:
    """Returns the condition that a connect flag is set, or would be computed as set."""
    given = any_given(*fields)
    return lambda packet: bool(
        given(packet) if packet.getfieldval(flag) is None else packet.getfieldval(flag)
    )


def text(name: str, default: bytes | None = None, condition: Condition | None = None) -> list[Any]:
    """Returns a text or binary field, with its two-byte length field before it."""
    length = name + "Length"
    value = StrLenField(name, default, value_of(length))  # type: ignore[arg-type]
    pair = (TextLengthField(length, None, name), value)
    return [ConditionalField(field, condition) if condition else field for field in pair]


def trailing() -> ConditionalField:
    """Returns the field for bytes that no other field could read; always the last one."""
    return ConditionalField(
        StrField("trailing", b""), lambda packet: bool(packet.getfieldval("trailing"))
    )


class Tolerant(Packet):
    """A layer that may be truncated anywhere: missing fields are None, the rest is `trailing`."""

    def version(self) -> Version | None:
        """Returns the MQTT version set for the dissection; None to derive it from the layout."""
        return None

    def do_dissect(self, s: bytes) -> bytes:
        """Reads the fields in order until one cannot be read; returns the bytes after the last."""
        left = s
        self.raw_packet_cache_fields = {}
        for index, field in enumerate(self.fields_desc[:-1]):
            try:
                left, value = field.getfield(self, left)
            except struct.error:
                self.fields.update({missing.name: None for missing in self.fields_desc[index:]})
                self.fields["trailing"], left = left, b""
                break
            if value is None and isinstance(field, ConditionalField):
                continue
            self.fields[field.name] = value
            if field.islist:
                # With this copy scapy detects that an item was changed, and drops the raw bytes.
                self.raw_packet_cache_fields[field.name] = self._raw_packet_cache_field_value(
                    field, value, copy=True
                )
        self.raw_packet_cache = s[: len(s) - len(left)]
        self.explicit = 1
        return left
