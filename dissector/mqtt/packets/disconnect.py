"""DISCONNECT: V3.1 §3.14, v3.1.1 §3.14, v5.0 §3.14."""

from __future__ import annotations

import cython

from dissector.model import Side, Version
from dissector.mqtt import spec
from dissector.mqtt.defects import DefectKind
from dissector.mqtt.fields import Reader
from dissector.mqtt.packets.packet import Reasoned

if cython.compiled:
    from cython.cimports.dissector.mqtt.properties import read_properties  # type: ignore[import-not-found]
else:
    from dissector.mqtt.properties import read_properties

_DISCONNECT = spec.DISCONNECT
_V3_1, _V3_1_1, _V5_0 = Version.V3_1, Version.V3_1_1, Version.V5_0
_CLIENT, _SERVER = Side.CLIENT, Side.SERVER


class Disconnect(Reasoned):
    """DISCONNECT. `reason_code` is 0 in the short form without it, and before 5.0."""

    FLAGS_DEFECT = DefectKind.DISCONNECT_FLAGS

    def set_defaults(self) -> None:
        """Sets all fields to their defaults."""
        Reasoned.set_defaults(self)
        self.type = _DISCONNECT

    def decode_usual(self, raw: bytes, version: Version | None, side: Side | None) -> bool:
        """Decodes a valid DISCONNECT before 5.0, which is empty."""
        if version is not _V3_1_1 and version is not _V3_1:
            return False
        if len(raw) != 2 or raw[0] != 0xE0 or raw[1] != 0:
            return False
        self.size, self.raw = 2, raw
        self.side, self.version = side, version
        return True

    def decode_body(self, reader: Reader, version: Version | None, side: Side | None) -> None:
        """Decodes reason code and properties, unless the version is known and has none."""
        body = reader.pos
        self.side, self.version = side, version
        if version is _V3_1_1 or version is _V3_1:
            if self.remaining_length:
                reader.stop_here(body)
                reader.defect(DefectKind.DISCONNECT_LENGTH, 1, body - 1, self.remaining_length)
        elif reader.left() > 0:
            self.reason_code = reader.integer(1, "reasonCode")
            if version is _V5_0:
                _check_code(reader, self.reason_code, side)
            if reader.left() > 0:
                self.properties = read_properties(reader, _DISCONNECT, "propertyLength")
                reader.trailing()
            for item in self.properties:
                if item.name == "sessionExpiryInterval" and side is _SERVER:
                    kind = DefectKind.DISCONNECT_EXPIRY_FROM_SERVER
                elif item.name == "serverReference" and side is _CLIENT:
                    kind = DefectKind.PROPERTY_NOT_ALLOWED
                else:
                    continue
                reader.defect(kind, item.offset, 1, item.value, item.name)

    def encode_body(self) -> bytes:
        """Encodes nothing before 5.0, reason code and properties in 5.0."""
        return Reasoned.encode_body(self) if self.version is _V5_0 else b""


def _check_code(reader: Reader, code: int, side: Side | None) -> None:
    """Checks a reason code against v5.0 table 3-10; 0x8C is only in table 2-6."""
    if code in spec.DISCONNECT_CODES_BOTH:
        return
    client = code in spec.DISCONNECT_CODES_CLIENT
    server = code in spec.DISCONNECT_CODES_SERVER
    if not client and not server and code != 0x8C:
        reader.defect(DefectKind.DISCONNECT_CODE, reader.pos - 1, 1, code)
    elif code == 0x8C or (side is _CLIENT and server) or (side is _SERVER and client):
        reader.defect(DefectKind.DISCONNECT_CODE_SENDER, reader.pos - 1, 1, code)
