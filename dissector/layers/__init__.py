"""Scapy layers for MQTT 3.1, 3.1.1 and 5.0: dissect and build packets, malformed ones too.

They are for scapy users, and serve as a second implementation to test the native decoder against:
both share only the tables of `mqtt.spec`. Any bytes can be dissected, and building from the fields
gives the same bytes: what cannot be read is kept in `trailing`, an absent field is None, and a
variable byte integer keeps its encoding. So malformed packets can be built, too.

Importing this module does not change scapy's own layers; `bind()` does. `docs/scapy.md` has
examples.
"""

from __future__ import annotations

from dissector.layers.binding import bind, unbind
from dissector.layers.fields import VariableByteInteger
from dissector.layers.masking import masked
from dissector.layers.packets import (
    MAX_CHAIN,
    MQTT,
    MQTTAuth,
    MQTTBody,
    MQTTConnack,
    MQTTConnect,
    MQTTDisconnect,
)
from dissector.layers.properties import MQTTProperty

__all__ = [
    "MAX_CHAIN",
    "MQTT",
    "MQTTAuth",
    "MQTTBody",
    "MQTTConnack",
    "MQTTConnect",
    "MQTTDisconnect",
    "MQTTProperty",
    "VariableByteInteger",
    "bind",
    "masked",
    "unbind",
]
