"""Record of a CONNECT that began and never ended: how much of it came, and the fields in that."""

from __future__ import annotations

from dissector.mqtt import spec
from dissector.mqtt.decode import decode_packet
from dissector.mqtt.defects import Defect, DefectKind
from dissector.mqtt.packets.connect import Connect
from dissector.mqtt.packets.packet import output_name, own_field_names

# The fields of a CONNECT in their order on the wire, but not what their values imply. v3.1.1 §3.1.2
_IMPLIED = (
    "version", "bridge", "last_will_retain", "last_will_qos", "will_flag", "clean_session",
    "complete",
)  # fmt: skip
FIELDS = tuple(output_name(name) for name in own_field_names(Connect) if name not in _IMPLIED)
# Defects that may come from the missing bytes alone, with the field that could not be read
_STOPS: dict[DefectKind, str | None] = {
    DefectKind.FIELD_OVERRUN: None,  # it names the field
    DefectKind.TRAILING_BYTES: "password",
    DefectKind.CLIENT_ID_MISSING: "clientId",
    DefectKind.WILL_FIELD_MISSING: None,
    DefectKind.USERNAME_MISSING: "username",
    DefectKind.PASSWORD_MISSING: "password",
    DefectKind.FIELD_ORDER: "lastWillProperties",
    DefectKind.PROPERTY_LENGTH_MISSING: "properties",
    DefectKind.PROPERTY_LENGTH_OVERRUN: "properties",
    DefectKind.PROPERTY_OVERRUN: "properties",
    DefectKind.AUTH_DATA_WITHOUT_METHOD: "properties",
}


class UnfinishedConnect:
    """`received` of `length` bytes of a CONNECT, header included; None: the length is unknown.

    `connect` has the fields that came (those in `fields`; its others are meaningless), and the
    defects that no further byte could have corrected: also a length of a field that exceeds the
    packet.
    """

    def __init__(self, data: bytes, received: int, length: int | None) -> None:
        self.received = received
        self.length = length
        packet = decode_packet(data)
        defects = packet.defects
        self.fields: tuple[str, ...] = ()
        if isinstance(packet, Connect):  # else only a part of the fixed header came
            self.fields = _fields_before(defects)
            if length is not None:
                defects = tuple(item for item in defects if _certain(item, length))
        self.connect = Connect(**packet.values() | {"defects": defects, "complete": False})

    @property
    def amount(self) -> str:
        """How much came: "2 of 20 bytes"."""
        if self.length is None:
            return f"{self.received} byte{'' if self.received == 1 else 's'} of the fixed header"
        return f"{self.received:,} of {self.length:,} bytes"


def _fields_before(defects: tuple[Defect, ...]) -> tuple[str, ...]:
    """Returns the fields that lie before the first one that could not be read."""
    count = len(FIELDS)
    for item in defects:
        if item.kind in _STOPS:
            name = _STOPS[item.kind] or item.field
            if name == "properties" and item.packet_type == spec.WILL:
                name = "lastWillProperties"
            if name in FIELDS:
                count = min(count, FIELDS.index(name))
    return FIELDS[:count]


def _certain(item: Defect, length: int) -> bool:
    """Whether a defect is one whatever the missing bytes are."""
    if item.kind is DefectKind.FIELD_OVERRUN:
        return isinstance(item.seen, int) and item.offset + item.seen > length
    return item.kind not in _STOPS
