"""Bytes in, scapy packets out, and back: layers for MQTT 3.1, 3.1.1 and 5.0.

For scapy's users, and a second implementation to hold the native decoder against: it shares the
tables of `mqtt.spec` with it and nothing else. It refuses nothing. Any bytes dissect, and the
fields alone give back the same bytes: what cannot be read is kept in `trailing`, what is not there
is None, a variable byte integer remembers how it was written. So wrong packets can be built too.

Importing this module changes no layer of scapy's own; `bind()` does. `docs/scapy.md` has examples.
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
