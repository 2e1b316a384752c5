"""The scapy layers dissect any bytes and rebuild them, and build valid and malformed packets."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scapy.fields import RawVal
from scapy.layers.inet import IP, TCP
from scapy.layers.l2 import Ether
from scapy.packet import Packet, Raw, fuzz

from dissector.layers import (
    MAX_CHAIN,
    MQTT,
    MQTTAuth,
    MQTTBody,
    MQTTConnack,
    MQTTConnect,
    MQTTDisconnect,
    MQTTProperty,
    VariableByteInteger,
    masked,
)
from dissector.model import Version
from dissector.mqtt import encode
from dissector.mqtt.packets.auth import Auth
from dissector.mqtt.packets.connack import Connack
from dissector.mqtt.packets.connect import Connect
from dissector.mqtt.packets.disconnect import Disconnect
from tests import strategies
from tests.layer_records import as_record, built, pairs

FULL = "10 1A 00 04 4D 51 54 54 04 EC 00 3C 00 02 63 31 00 01 77 00 01 78 00 01 75 00 01 70"
FIVE = (
    "10 27 00 04 4D 51 54 54 05 06 00 3C 0C 11 00 00 0E 10 21 00 0A 15 00 01 4D 00 02 63 31"
    "05 18 00 00 00 05 00 01 77 00 01 78"
)

# bytes, class of the body, its fields
VECTORS: list[tuple[str, type[Packet], dict[str, Any]]] = [
    ("10 0F 00 06 4D 51 49 73 64 70 03 02 00 3C 00 01 61", MQTTConnect, {
        "protocolNameLength": 6, "protocolName": b"MQIsdp", "protocolLevel": 3, "cleanSession": 1,
        "keepAlive": 60, "clientIdLength": 1, "clientId": b"a", "username": None,
        "properties": None, "trailing": None}),
    ("10 0C 00 04 4D 51 54 54 04 02 00 3C 00 00", MQTTConnect, {
        "protocolName": b"MQTT", "protocolLevel": 4, "cleanSession": 1, "keepAlive": 60,
        "clientId": b"", "willFlag": 0, "reservedFlag": 0, "lastWillTopic": None}),
    (FULL, MQTTConnect, {
        "usernameFlag": 1, "passwordFlag": 1, "lastWillRetain": 1, "lastWillQos": 1, "willFlag": 1,
        "cleanSession": 0, "reservedFlag": 0, "clientId": b"c1", "lastWillTopic": b"w",
        "lastWillMessage": b"x", "username": b"u", "password": b"p"}),
    ("10 0D 00 04 4D 51 54 54 05 02 00 3C 00 00 00", MQTTConnect, {
        "protocolLevel": 5, "cleanSession": 1, "propertyLength": 0, "properties": [],
        "clientId": b""}),
    ("10 0C 00 04 4D 51 54 54 84 02 00 3C 00 00", MQTTConnect, {
        "protocolLevel": 0x84, "properties": None, "clientId": b""}),
    ("20 02 00 00", MQTTConnack, {"sessionPresent": 0, "returnCode": 0, "properties": None}),
    ("20 02 01 00", MQTTConnack, {"sessionPresent": 1, "returnCode": 0, "acknowledgeFlags": 0}),
    ("20 02 00 05", MQTTConnack, {"sessionPresent": 0, "returnCode": 5}),
    ("20 02 FE 00", MQTTConnack, {"sessionPresent": 0, "acknowledgeFlags": 0x7F}),
    ("20 03 00 00 00", MQTTConnack, {"returnCode": 0, "propertyLength": 0, "properties": []}),
    ("20 03 00 87 00", MQTTConnack, {"returnCode": 0x87, "properties": []}),
    ("E0 00", MQTTDisconnect, {"reasonCode": None, "properties": None}),
    ("E0 01 04", MQTTDisconnect, {"reasonCode": 4, "properties": None}),
    ("E0 02 8E 00", MQTTDisconnect, {"reasonCode": 0x8E, "properties": []}),
    ("F0 00", MQTTAuth, {"reasonCode": None, "properties": None}),
    ("30 05 00 01 74 68 69", MQTTBody, {"load": b"\x00\x01thi"}),
]  # fmt: skip


def rebuilt(packet: Packet) -> bytes:
    """Returns the bytes built from the fields, without scapy's cache of raw bytes."""
    packet = packet.copy()
    packet.clear_cache()
    return bytes(packet)


def chain(packet: Packet) -> list[Packet]:
    """Returns all layers of a packet."""
    return list(packet.iterpayloads())


@pytest.mark.parametrize(("raw", "kind", "fields"), VECTORS)
def test_vectors(raw: str, kind: type[Packet], fields: dict[str, Any]) -> None:
    """The test vectors of the rules document dissect to their fields, and are rebuilt."""
    wire = bytes.fromhex(raw)
    packet = MQTT(wire)
    body = packet.payload
    assert type(body) is kind
    assert {name: getattr(body, name) for name in fields} == fields
    assert (packet.type, packet.remainingLength) == (wire[0] >> 4, len(wire) - 2)
    assert bytes(packet) == rebuilt(packet) == wire


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("F0 06 18 04 15 00 01 4D", [("authenticationMethod", "M")]),
        ("20 07 00 00 04 15 00 01 4D", [("authenticationMethod", "M")]),
        (FIVE, [("sessionExpiryInterval", 3600), ("receiveMaximum", 10),
                ("authenticationMethod", "M")]),
    ],
)  # fmt: skip
def test_vectors_with_properties(raw: str, expected: list[tuple[str, object]]) -> None:
    """The properties of the test vectors are packets with name and value."""
    body = MQTT(bytes.fromhex(raw)).payload
    assert pairs(body.properties) == expected
    assert body.propertyLength == sum(len(item) for item in body.properties)
    if isinstance(body, MQTTConnect):
        assert pairs(body.lastWillProperties) == [("willDelayInterval", 5)]
        assert (body.clientId, body.lastWillTopic, body.lastWillMessage) == (b"c1", b"w", b"x")


records = (
    strategies.connects() | strategies.connacks() | strategies.disconnects() | strategies.auths()
)


@given(records)
@settings(max_examples=200)
def test_valid_packets(record: Connect | Connack | Disconnect | Auth) -> None:
    """A packet built from a record has the standard's bytes, and dissects to that record."""
    packet = built(record)
    wire = record.encode()
    if isinstance(record, Disconnect | Auth) or record.version is not None:
        assert bytes(packet) == wire
    found = as_record(MQTT(wire).payload)
    expected = {name: getattr(record, name) for name in found if name != "connect_flags"}
    for name in ("properties", "last_will_properties"):
        if name in expected:
            expected[name] = [(item.name, item.value) for item in expected[name]]
    if expected.get("session_present", 0) is None:
        expected["session_present"] = False
    found.pop("connect_flags", None)
    assert found == expected


def test_computed_fields() -> None:
    """Types, flags and lengths that are not given are computed."""
    packet = MQTT() / MQTTConnect(clientId="a", username="u", lastWillTopic="t", lastWillMessage="")
    body = MQTT(bytes(packet)).payload
    assert (body.usernameFlag, body.passwordFlag, body.willFlag) == (1, 0, 1)
    assert bytes(MQTT() / MQTTConnack()) == bytes.fromhex("20020000")
    assert bytes(MQTT() / MQTTConnack(properties=[])) == bytes.fromhex("2003000000")
    assert bytes(MQTT() / MQTTDisconnect()) == b"\xe0\x00"
    assert bytes(MQTT() / MQTTAuth(reasonCode=0x18)) == b"\xf0\x01\x18"
    assert bytes(MQTT(type="PINGREQ")) == b"\xc0\x00"
    assert bytes(MQTT(type="SUBSCRIBE") / b"xy") == b"\x82\x02xy"
    assert bytes(MQTT(type="PUBLISH", qos=1, retain=1) / b"xy") == b"\x33\x02xy"
    two = MQTT() / MQTTDisconnect() / MQTT() / MQTTConnack()
    assert bytes(two) == bytes.fromhex("e00020020000")


PREFIX = "00044d515454"
MALFORMED: dict[str, tuple[Packet, str]] = {
    "Will QoS 3": (MQTT() / MQTTConnect(willFlag=1, lastWillQos=3, lastWillTopic="t",
                   lastWillMessage="m"), "1012" + PREFIX + "041e003c0000" "000174" "00016d"),
    "reserved flag": (MQTT() / MQTTConnect(reservedFlag=1), "100c" + PREFIX + "0403003c0000"),
    "header flags": (MQTT(flags=5) / MQTTConnack(), "25020000"),
    "will flag without a will": (MQTT() / MQTTConnect(willFlag=1),
                                 "100c" + PREFIX + "0406003c0000"),
    "username without its flag": (MQTT() / MQTTConnect(trailing=b"\0\1u"),
                                  "100f" + PREFIX + "0402003c0000" "000175"),
    "no client id": (MQTT() / MQTTConnect(clientId=None), "100a" + PREFIX + "0402003c"),
    "no flags and all that follows": (
        MQTT() / MQTTConnect(cleanSession=None, keepAlive=None, clientId=None),
        "1007" + PREFIX + "04"),
    "client id that overruns": (MQTT() / MQTTConnect(clientId="a", clientIdLength=500),
                                "100d" + PREFIX + "0402003c01f461"),
    "bad UTF-8": (MQTT() / MQTTConnect(clientId=b"\xff\xfe"), "100e" + PREFIX + "0402003c0002fffe"),
    "Remaining Length too small": (MQTT(remainingLength=3) / MQTTConnack(), "20030000"),
    "over-long length": (MQTT(remainingLength=VariableByteInteger(b"\x82\0")) / MQTTConnack(),
                         "2082000000"),
    "length of five bytes": (MQTT(remainingLength=1 << 28) / MQTTConnack(), "2080808080010000"),
    "length as raw bytes": (MQTT(remainingLength=RawVal(b"\xff\xff")) / MQTTConnack(),
                            "20ffff0000"),
    "repeated property": (
        MQTT() / MQTTConnack(properties=[MQTTProperty(id="receiveMaximum", value=9)] * 2),
        "2009" "0000" "06" "210009" "210009"),
    "unknown property": (MQTT() / MQTTConnack(properties=[MQTTProperty(id=0x7F, value=b"xy")]),
                         "2006" "0000" "03" "7f7879"),
    "false Property Length": (
        MQTT() / MQTTConnack(propertyLength=9, properties=[MQTTProperty(id=0x24, value=1)]),
        "2005" "0000" "09" "2401"),
    "no Property Length": (MQTT() / MQTTConnect(protocolLevel=5, properties=None, clientId=None),
                           "100a" + PREFIX + "0502003c"),
    "bytes after the end": (MQTT() / MQTTConnack(trailing=b"zz"), "200400007a7a"),
}  # fmt: skip


@pytest.mark.parametrize(("packet", "raw"), MALFORMED.values(), ids=MALFORMED)
def test_malformed_packets(packet: Packet, raw: str) -> None:
    """Malformed packets can be built, and dissect without an exception."""
    wire = bytes.fromhex(raw)
    assert bytes(packet) == wire
    assert bytes(MQTT(wire)) == rebuilt(MQTT(wire)) == wire


def test_truncated_fields_are_none() -> None:
    """A CONNECT that is truncated in a field has the rest in trailing, and missing fields None."""
    body = MQTT(bytes.fromhex("101a" + PREFIX + "04ec00")).payload
    assert (body.cleanSession, body.keepAlive, body.clientId) == (0, None, None)
    assert (body.password, body.trailing) == (None, b"\x00")
    body = MQTT(b"\x10\x00").payload
    assert isinstance(body, MQTTConnect)
    assert (body.protocolName, body.cleanSession) == (None, None)
    body = MQTT(bytes.fromhex("100d" + PREFIX + "0402003c01f461")).payload
    assert (body.clientIdLength, body.clientId, body.trailing) == (None, None, b"\x01\xf4a")
    item = MQTTProperty(b"\x11\x00\x00")
    assert (item.value, item.trailing) == (None, b"\x00\x00")


def test_version_can_be_set() -> None:
    """Bytes after a CONNACK's code are properties, unless it is known to be of an older version."""
    wire = bytes.fromhex("2003000000")
    assert MQTT(wire).payload.properties == []
    assert MQTT(wire, version=Version.V5_0).payload.properties == []
    old = MQTT(wire + wire, version=Version.V3_1_1)
    assert [body.trailing for body in chain(old)[1::2]] == [b"\x00", b"\x00"]
    assert [body.properties for body in chain(old)[1::2]] == [None, None]
    assert MQTT(b"\xe0\x01\x04", version=Version.V3_1).payload.trailing == b"\x04"
    assert rebuilt(old) == wire + wire


headers = st.sampled_from([bytes.fromhex(raw) for raw, _, _ in VECTORS] + [bytes.fromhex(FIVE)])


@st.composite
def any_bytes(draw: st.DrawFn) -> bytes:
    """Draws random bytes, and complete packets with random changes and bytes after them."""
    if draw(st.booleans()):
        return draw(st.binary(min_size=1, max_size=80))
    wire = bytearray(b"".join(draw(st.lists(headers, min_size=1, max_size=4))))
    for place, byte in draw(st.lists(st.tuples(st.integers(0), st.integers(0, 255)), max_size=4)):
        wire[place % len(wire)] = byte
    return bytes(wire[: draw(st.integers(1, len(wire)))]) + draw(st.binary(max_size=8))


@given(any_bytes(), st.sampled_from([None, *Version]))
@settings(max_examples=400)
def test_any_bytes(wire: bytes, version: Version | None) -> None:
    """Any bytes can be dissected, shown and rebuilt, from scapy's cache and from the fields."""
    packet = MQTT(wire, version=version)
    assert bytes(packet) == rebuilt(packet) == bytes(packet.copy()) == wire
    assert packet.show(dump=True)
    assert packet.summary()
    fields = [piece for _, found in reversed(packet.build_ps()[1]) for _, _, piece in found]
    assert b"".join(fields) == wire


@given(any_bytes())
def test_any_bytes_as_a_body(wire: bytes) -> None:
    """A body without a fixed header takes all bytes."""
    for kind in (MQTTConnect, MQTTConnack, MQTTDisconnect, MQTTAuth, MQTTBody, MQTTProperty):
        assert bytes(kind(wire)) == rebuilt(kind(wire)) == wire


def test_many_packets() -> None:
    """A long chain ends in one Raw, before scapy's recursion exceeds the stack limit."""
    wire = b"\xc0\x00" * 5000
    packet = MQTT(wire)
    assert len(chain(packet)) == MAX_CHAIN + 1
    assert isinstance(packet.lastlayer(), Raw)
    assert bytes(packet) == rebuilt(packet) == wire


def test_many_properties() -> None:
    """More properties than scapy's limit on lists are all dissected."""
    items = b"\x26\x00\x01k\x00\x01v" * 500
    body = MQTTDisconnect(b"\x00" + encode.variable(len(items)) + items)
    assert len(body.properties) == 500


def test_changed_after_dissection() -> None:
    """A changed field is rebuilt; a length is recomputed after it was deleted, as in all scapy."""
    packet = MQTT(bytes.fromhex(FIVE))
    body = packet.payload
    body.properties[0].value = 7
    body.clientId = b"longer"
    del packet.remainingLength, body.clientIdLength
    again = MQTT(bytes(packet)).payload
    assert again.properties[0].value == 7
    assert again.clientId == b"longer"
    assert again.lastWillMessage == b"x"


def test_fuzz() -> None:
    """Scapy's `fuzz` makes packets that can be built and dissected."""
    for packet in (MQTT() / MQTTConnect(), MQTT() / MQTTConnack(properties=[MQTTProperty()])):
        for _ in range(20):
            wire = bytes(fuzz(packet.copy()))
            assert bytes(MQTT(wire)) == wire


def test_answers() -> None:
    """A reply answers only packets of the types that it may answer."""
    connect, connack = MQTT() / MQTTConnect(), MQTT() / MQTTConnack()
    ping, pong = MQTT(type="PINGREQ"), MQTT(type="PINGRESP")
    assert connack.answers(connect)
    assert connack.answers(MQTT() / MQTTAuth())
    assert pong.answers(ping)
    assert not pong.answers(connect)
    assert not connect.answers(connack)
    assert connack.hashret() == connect.hashret()


def test_summary() -> None:
    """A summary contains every packet of a chain, and no secret."""
    packet = MQTT(bytes.fromhex(FULL.replace("70", "7a") + "20020005"))
    assert packet.summary() == (
        "MQTT / CONNECT 3.1.1 clientId=b'c1' cleanSession=0 keepAlive=60"
        " / MQTT / CONNACK not authorized sessionPresent=0"
    )


def test_masked() -> None:
    """`masked` returns a copy of the same size with asterisks for secrets."""
    wire = bytes.fromhex(FULL)
    packet = Ether() / IP() / TCP() / MQTT(wire + wire)
    hidden = masked(packet)
    assert bytes(hidden) != bytes(packet)
    assert bytes(hidden[MQTT]) == (wire[:-1] + b"*") * 2
    assert bytes(packet[MQTT]) == wire + wire
    secret = MQTTProperty(id="authenticationData", value=b"hush")
    reason = MQTTProperty(id="reasonString", value=b"told")
    auth = MQTT() / MQTTAuth(reasonCode=0x18, properties=[secret, reason])
    for given_one in (auth, MQTT(bytes(auth))):
        assert bytes(masked(given_one)) == bytes(auth).replace(b"hush", b"****")
        assert "hush" not in str(masked(given_one).show(dump=True))


@given(any_bytes())
def test_masked_any_bytes(wire: bytes) -> None:
    """Masking any bytes keeps their number, and changes bytes only to asterisks."""
    hidden = bytes(masked(MQTT(wire)))
    assert len(hidden) == len(wire)
    assert all(new in (old, 0x2A) for new, old in zip(hidden, wire, strict=True))
