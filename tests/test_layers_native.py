"""The scapy layers and the native decoder, two implementations, agree on every byte."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from dissector.layers import MQTT, masked
from dissector.model import Version
from dissector.mqtt.decode import decode_packet
from dissector.mqtt.packets.auth import Auth
from dissector.mqtt.packets.connack import Connack
from dissector.mqtt.packets.connect import Connect, is_word
from dissector.mqtt.packets.disconnect import Disconnect
from tests.layer_records import as_record
from tests.test_layers import any_bytes

# The native decoder limits the number of properties, to far more than in any example here.
LISTS = ("properties", "last_will_properties")


def one_packet(wire: bytes) -> bytes:
    """Removes all bytes after the first packet."""
    header = MQTT(wire)
    length = header.remainingLength
    return wire[: 1 + len(length.wire) + length] if length.finished else wire


@given(any_bytes().map(one_packet), st.sampled_from([None, *Version]))
@settings(max_examples=400)
def test_same_fields(wire: bytes, version: Version | None) -> None:
    """Both read the same fields from any CONNECT, CONNACK, DISCONNECT or AUTH, valid or malformed.

    After a protocol name that is not a word the native decoder reads nothing.
    """
    native = decode_packet(wire, version)
    layer = MQTT(wire, version=version)
    if not isinstance(native, Connect | Connack | Disconnect | Auth):
        return
    fields = as_record(layer.payload)
    theirs = {name: getattr(native, name) for name in fields}
    for name in LISTS:
        if name in theirs:
            theirs[name] = [(item.name, item.value) for item in theirs[name]]
    if theirs.get("session_present", 0) is None:
        fields["session_present"] = None
    if isinstance(native, Connect) and not is_word(layer.payload.protocolName or b""):
        fields, theirs = ({"protocol_name": each["protocol_name"]} for each in (fields, theirs))
    assert fields == theirs


@given(any_bytes().map(one_packet))
@settings(max_examples=400)
def test_same_secrets(wire: bytes) -> None:
    """No byte that the native decoder marks as secret is shown by the layers' `masked`."""
    shown = bytes(masked(MQTT(wire)))
    native = decode_packet(wire)
    for offset, length in getattr(native, "secrets", ()):
        assert set(shown[offset : offset + length]) <= set(b"*")
