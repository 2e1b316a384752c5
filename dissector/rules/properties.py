"""Finds properties of MQTT 5.0 packets, and describes their defects for finding messages."""

from __future__ import annotations

from dissector.model import Side
from dissector.mqtt import spec
from dissector.mqtt.defects import Defect, DefectKind
from dissector.mqtt.packets.packet import Packet
from dissector.mqtt.properties import Property

# After one of these, a property that was not found may have been sent.
_UNREADABLE = frozenset(
    {
        DefectKind.CONNACK_LENGTH,
        DefectKind.FIELD_OVERRUN,
        DefectKind.PROPERTY_LENGTH_MISSING,
        DefectKind.PROPERTY_LENGTH_OVERRUN,
        DefectKind.PROPERTY_OVERRUN,
        DefectKind.PROPERTY_UNKNOWN,
    }
)


def readable(packet: Packet) -> bool:
    """Whether all properties of a packet, except those of its will, could be read.

    Only then a property that was not found is known to be missing.
    """
    return not any(
        defect.kind in _UNREADABLE and defect.packet_type != spec.WILL for defect in packet.defects
    )


def find(properties: tuple[Property, ...], name: str) -> Property | None:
    """Returns the first property of that name, or None."""
    for item in properties:
        if item.name == name:
            return item
    return None


def describe(defect: Defect, side: Side) -> str:
    """Describes what is wrong with a property or a Property Length that `side` sent."""
    field = defect.field or "the property"
    number = f"0x{spec.PROPERTY_IDS.get(field, 0):02X}"
    if defect.kind is DefectKind.PROPERTY_LENGTH_OVERRUN:
        length = "" if defect.seen is None else f" of {defect.seen}"
        return f"the Property Length{length} runs past the end of the packet"
    if defect.kind is DefectKind.PROPERTY_OVERRUN:
        return f"{field} runs past the end of its property section"
    if defect.kind is DefectKind.PROPERTY_UNKNOWN:
        return f"the property identifier {_identifier(defect.seen)} does not exist"
    if defect.kind is DefectKind.PROPERTY_NOT_ALLOWED:
        return f"{field} ({number}) is not allowed in the {side.value}'s {_section(defect)}"
    if defect.kind is DefectKind.PROPERTY_REPEATED:
        return f"{field} ({number}) occurs twice; only User Property may be repeated"
    if defect.kind is DefectKind.PROPERTY_VALUE:
        return f"{field} is {defect.seen}, which is not an allowed value"
    return f"{field} is present without an Authentication Method"


def _section(defect: Defect) -> str:
    return "will" if defect.packet_type == spec.WILL else spec.packet_name(defect.packet_type)


def _identifier(seen: object) -> str:
    return f"0x{seen:02X}" if isinstance(seen, int) else "in this packet"
