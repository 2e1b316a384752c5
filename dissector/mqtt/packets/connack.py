"""CONNACK: V3.1 §3.2, v3.1.1 §3.2, v5.0 §3.2."""

from __future__ import annotations

import cython

from dissector.model import Side, Version
from dissector.mqtt import encode, spec
from dissector.mqtt.defects import DefectKind
from dissector.mqtt.fields import Reader
from dissector.mqtt.packets.packet import Packet
from dissector.mqtt.properties import Property

if cython.compiled:
    from cython.cimports.dissector.mqtt.properties import read_properties  # type: ignore[import-not-found]
else:
    from dissector.mqtt.properties import read_properties

_CONNACK = spec.CONNACK
_V3_1, _V3_1_1, _V5_0 = Version.V3_1, Version.V3_1_1, Version.V5_0


class Connack(Packet):
    """CONNACK. `session_present` is None in 3.1, which has no such flag.

    `return_code` is None if the packet is too short to hold one.
    """

    def set_defaults(self) -> None:
        """Sets all fields to their defaults."""
        Packet.set_defaults(self)
        self.type = _CONNACK
        self.version: Version | None = None
        self.acknowledge_flags = 0
        self.session_present: bool | None = None
        self.return_code: int | None = None
        self.properties: tuple[Property, ...] = ()

    def decode_usual(self, raw: bytes, version: Version | None, side: Side | None) -> bool:
        """Decodes a CONNACK before 5.0 without any defect."""
        if version is not _V3_1_1 and version is not _V3_1:
            return False
        if len(raw) != 4 or raw[0] != 0x20 or raw[1] != 2 or raw[2] > 1 or raw[3] > 5:
            return False
        flags, code = raw[2], raw[3]
        if flags and (code or version is _V3_1):
            return False
        self.remaining_length, self.size, self.raw = 2, 4, raw
        self.version = version
        self.acknowledge_flags = flags
        self.session_present = None if version is _V3_1 else flags != 0
        self.return_code = code
        return True

    def decode_body(self, reader: Reader, version: Version | None, side: Side | None) -> None:
        """Decodes flags, code and properties; without a version the length decides the layout."""
        body = reader.pos
        remaining = self.remaining_length
        left = reader.left()
        flags = reader.integer(1, "acknowledgeFlags") if left > 0 else 0
        code = reader.integer(1, "returnCode") if left > 1 else None
        layout = version
        if remaining == 2 and version is _V5_0 and flags == 0 and code == 1:
            layout = _V3_1_1  # an older server refuses the version in the format of 3.1.1
        elif version is None and remaining > 2:
            layout = _V5_0
        if layout is _V5_0:
            if remaining < 3:
                reader.defect(DefectKind.CONNACK_LENGTH, 1, body - 1, (remaining, code))
            else:
                self.properties = read_properties(reader, _CONNACK, "propertyLength")
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
        self.version = layout
        self.acknowledge_flags = flags
        self.session_present = None if layout is _V3_1 or left < 1 else flags & 1 != 0
        self.return_code = code

    def encode_body(self) -> bytes:
        """Encodes the layout of its version."""
        body = bytes((self.acknowledge_flags, self.return_code or 0))
        return body + encode.properties(self.properties) if self.version is _V5_0 else body

    def code(self) -> int | None:
        """Returns its return code."""
        return self.return_code
