"""Scapy packet for a property of MQTT 5.0, and the field for a list of properties."""

from __future__ import annotations

from typing import Any, ClassVar

from scapy.fields import (
    AnyField,
    ConditionalField,
    MultipleTypeField,
    PacketListField,
    StrField,
    StrLenField,
)
from scapy.packet import Packet

from dissector.layers.fields import (
    Condition,
    NumberField,
    TextLengthField,
    Tolerant,
    VariableByteIntegerField,
    text,
    trailing,
    value_of,
)
from dissector.mqtt import spec


class PropertyIdField(VariableByteIntegerField):
    """The identifier of a property; accepts and shows the names of `spec`."""

    def any2i(self, pkt: Packet | None, x: Any) -> Any:
        """Converts a value given by the user."""
        return spec.PROPERTY_IDS[x] if isinstance(x, str) else x

    def i2repr(self, pkt: Packet | None, x: Any) -> str:
        """Returns the value as scapy's `show` formats it."""
        return spec.PROPERTIES[x].name if x in spec.PROPERTIES else repr(x)


def _typed(*types: int | None) -> Condition:
    """Returns the condition that a property has one of these types; None: unknown identifier."""

    def holds(packet: Packet) -> bool:
        row = spec.PROPERTIES.get(packet.getfieldval("id"))
        return (row.type if row else None) in types

    return holds


class MQTTProperty(Tolerant):
    """One property of MQTT 5.0. `key` is the first half of a User Property, `value` the second.

    The value of an unknown identifier is all the bytes that follow it in the list. v5.0 §2.2.2
    """

    name = "MQTT property"
    fields_desc: ClassVar[list[AnyField]] = [
        PropertyIdField("id", default=spec.USER_PROPERTY),
        *text("key", condition=_typed(spec.STRING_PAIR)),
        ConditionalField(
            TextLengthField("valueLength", None, "value"),
            _typed(spec.STRING, spec.BINARY, spec.STRING_PAIR),
        ),
        MultipleTypeField(
            [
                (NumberField("value", None, "B"), _typed(spec.BYTE)),
                (NumberField("value", None, "H"), _typed(spec.U16)),
                (NumberField("value", None, "I"), _typed(spec.U32)),
                (VariableByteIntegerField("value"), _typed(spec.VBI)),
                (StrField("value", None), _typed(None)),
            ],
            StrLenField("value", None, value_of("valueLength")),  # type: ignore[arg-type]
        ),
        trailing(),
    ]

    def extract_padding(self, s: bytes) -> tuple[bytes, bytes | None]:
        """Leaves the remaining bytes to the next property."""
        return b"", s

    def mysummary(self) -> str:
        """Returns name and value."""
        return f"{self.get_field('id').i2repr(self, self.id)}={self.value!r}"


class PropertiesField(PacketListField):
    """A list of `MQTTProperty`; None is absent, [] an empty list."""

    def __init__(self, name: str, default: Any, length: str) -> None:
        super().__init__(name, default, MQTTProperty, length_from=value_of(length))
        self.default = default
        self.max_count = spec.MAX_REMAINING_LENGTH

    def any2i(self, pkt: Packet | None, x: Any) -> Any:
        """Converts a value given by the user."""
        return None if x is None else super().any2i(pkt, x)

    def addfield(self, pkt: Packet, s: bytes, val: Any) -> bytes:
        """Writes the field, unless it is absent."""
        return super().addfield(pkt, s, val or [])
