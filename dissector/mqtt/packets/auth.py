"""AUTH: v5.0 §3.15. It is rare, so it is not compiled."""

from __future__ import annotations

from dissector.model import Side, Version
from dissector.mqtt import spec
from dissector.mqtt.defects import DefectKind
from dissector.mqtt.fields import Reader
from dissector.mqtt.packets.packet import Reasoned
from dissector.mqtt.properties import read_properties

_CODES = {
    Side.CLIENT: spec.AUTH_CODES_CLIENT,
    Side.SERVER: spec.AUTH_CODES_SERVER,
    None: spec.AUTH_CODES_CLIENT | spec.AUTH_CODES_SERVER,
}


class Auth(Reasoned):
    """AUTH (5.0). `reason_code` is 0 in the short form without it; `side` is the sender."""

    FLAGS_DEFECT = DefectKind.AUTH_FLAGS

    def set_defaults(self) -> None:
        """Sets all fields to their defaults."""
        Reasoned.set_defaults(self)
        self.type = spec.AUTH

    def decode_body(self, reader: Reader, version: Version | None, side: Side | None) -> None:
        """Decodes reason code and properties."""
        body = reader.pos
        self.side, self.version = side, Version.V5_0
        if reader.left() > 0:
            self.reason_code = reader.integer(1, "reasonCode")
            self.properties = read_properties(reader, spec.AUTH, "propertyLength")
            reader.trailing()
        if self.reason_code not in _CODES[side]:
            reader.defect(
                DefectKind.AUTH_CODE, body if len(self.raw) > body else 0, 1, self.reason_code
            )
        if not reader.broken and not any(
            item.name == "authenticationMethod" for item in self.properties
        ):
            reader.defect(DefectKind.AUTH_METHOD_MISSING, 0, body, self.remaining_length)
