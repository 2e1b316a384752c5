"""Decoding of control packets: fields, defects for errors, and never an exception."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dissector.model import Side, Version
from dissector.mqtt.decode import decode_packet
from dissector.mqtt.defects import DefectKind
from dissector.mqtt.packets.auth import Auth
from dissector.mqtt.packets.connack import Connack
from dissector.mqtt.packets.connect import Connect
from dissector.mqtt.packets.disconnect import Disconnect
from dissector.mqtt.packets.packet import Packet
from dissector.mqtt.properties import Property
from tests import strategies

FIELDS = (
    "protocol_name", "protocol_level", "version", "bridge", "client_id", "clean_session",
    "keep_alive", "username", "password", "will_flag", "last_will_topic", "last_will_qos",
    "last_will_message", "last_will_retain",
)  # fmt: skip


def from_hex(text: str) -> bytes:
    return bytes.fromhex(text)


def kinds(packet: Packet) -> list[DefectKind]:
    return [defect.kind for defect in packet.defects]


def pairs(properties: tuple[Property, ...]) -> list[tuple[str, object]]:
    return [(item.name, item.value) for item in properties]


VECTORS = {
    "3.1": (
        "10 0F 00 06 4D 51 49 73 64 70 03 02 00 3C 00 01 61",
        {"version": Version.V3_1, "client_id": "a", "clean_session": True, "keep_alive": 60},
    ),
    "3.1.1 smallest": (
        "10 0C 00 04 4D 51 54 54 04 02 00 3C 00 00",
        {"version": Version.V3_1_1, "client_id": "", "clean_session": True, "keep_alive": 60},
    ),
    "3.1.1 all fields": (
        "10 1A 00 04 4D 51 54 54 04 EC 00 3C 00 02 63 31 00 01 77 00 01 78 00 01 75 00 01 70",
        {
            "client_id": "c1", "clean_session": False, "last_will_topic": "w", "last_will_qos": 1,
            "last_will_message": b"x", "last_will_retain": True, "username": "u", "password": b"p",
        },
    ),
    "3.1.1 bridge": (
        "10 0C 00 04 4D 51 54 54 84 02 00 3C 00 00",
        {"version": Version.V3_1_1, "bridge": True, "protocol_level": 0x84},
    ),
    "5.0 smallest": (
        "10 0D 00 04 4D 51 54 54 05 02 00 3C 00 00 00",
        {"version": Version.V5_0, "client_id": "", "properties": ()},
    ),
}  # fmt: skip


@pytest.mark.parametrize(("raw", "fields"), VECTORS.values(), ids=VECTORS)
def test_vectors(raw: str, fields: dict[str, object]) -> None:
    """The test vectors of the rules document decode to their fields, without a defect."""
    packet = decode_packet(from_hex(raw))
    assert {name: getattr(packet, name) for name in fields} == fields
    assert kinds(packet) == []


def test_vector_5_properties() -> None:
    """The properties of a 5.0 CONNECT and of its will are decoded with their names."""
    packet = decode_packet(
        from_hex(
            "10 27 00 04 4D 51 54 54 05 06 00 3C 0C 11 00 00 0E 10 21 00 0A 15 00 01 4D 00 02 63 31"
            "05 18 00 00 00 05 00 01 77 00 01 78"
        )
    )
    assert isinstance(packet, Connect)
    assert pairs(packet.properties) == [
        ("sessionExpiryInterval", 3600), ("receiveMaximum", 10), ("authenticationMethod", "M"),
    ]  # fmt: skip
    assert pairs(packet.last_will_properties) == [("willDelayInterval", 5)]


@given(strategies.connects())
def test_connect_is_read_as_it_was_written(record: Connect) -> None:
    """Encode then decode is the identity on valid CONNECTs, and no error is found in them."""
    found = decode_packet(record.encode())
    assert isinstance(found, Connect)
    assert [getattr(found, name) for name in FIELDS] == [getattr(record, name) for name in FIELDS]
    assert pairs(found.properties) == pairs(record.properties)
    assert pairs(found.last_will_properties) == pairs(record.last_will_properties)
    harmless = {DefectKind.CLIENT_ID_NOT_PORTABLE, DefectKind.TEXT_CONTROL}
    assert not set(kinds(found)) - harmless


@given(strategies.connacks())
def test_connack_is_read_as_it_was_written(record: Connack) -> None:
    """Encode then decode is the identity on valid CONNACKs."""
    found = decode_packet(record.encode(), record.version, Side.SERVER)
    assert isinstance(found, Connack)
    for name in ("session_present", "return_code", "acknowledge_flags", "version"):
        assert getattr(found, name) == getattr(record, name)
    assert pairs(found.properties) == pairs(record.properties)
    assert kinds(found) in ([], [DefectKind.AUTH_DATA_WITHOUT_METHOD])


@given(strategies.disconnects() | strategies.auths())
def test_disconnect_and_auth_are_read_as_they_were_written(record: Disconnect | Auth) -> None:
    """Encode then decode is the identity on valid 5.0 DISCONNECTs and AUTHs."""
    raw = record.encode()
    found = decode_packet(raw, Version.V5_0, record.side)
    assert isinstance(found, type(record))
    assert (found.reason_code, found.side) == (record.reason_code, record.side)
    assert pairs(found.properties) == pairs(record.properties)
    assert kinds(found) == []


@given(
    st.binary(max_size=80)
    | st.builds(bytes.__add__, st.sampled_from([from_hex(raw)[:14] for raw, _ in VECTORS.values()]),
                st.binary(max_size=60)),
    st.sampled_from([None, *Version]),
    st.sampled_from([None, *Side]),
)  # fmt: skip
def test_any_bytes(raw: bytes, version: Version | None, side: Side | None) -> None:
    """Decoding any bytes never raises, and every defect and secret lies within the packet."""
    packet = decode_packet(raw, version, side)
    for defect in packet.defects:
        assert 0 <= defect.offset <= len(raw) or not raw
        assert defect.length >= 0
    for offset, length in packet.secrets:
        assert offset >= 0
        assert length >= 0
    assert len(packet.masked()) == len(packet.raw)


MALFORMED = {
    "reserved connect flag": (
        "10 0d 00 04 4d 51 54 54 04 03 00 3c 00 01 61", "CONNECT_RESERVED_FLAG"),
    "will qos 3": (
        "10 13 00 04 4d 51 54 54 04 1e 00 3c 00 01 61 00 01 77 00 01 78", "WILL_QOS_3"),
    "will qos without flag": (
        "10 0d 00 04 4d 51 54 54 04 0a 00 3c 00 01 61", "WILL_QOS_WITHOUT_FLAG"),
    "will retain without flag": (
        "10 0d 00 04 4d 51 54 54 04 22 00 3c 00 01 61", "WILL_RETAIN_WITHOUT_FLAG"),
    "password alone": (
        "10 10 00 04 4d 51 54 54 04 42 00 3c 00 01 61 00 01 70", "PASSWORD_WITHOUT_USERNAME"),
    "user name missing": ("10 0d 00 04 4d 51 54 54 04 82 00 3c 00 01 61", "USERNAME_MISSING"),
    "client id missing": ("10 0a 00 04 4d 51 54 54 04 02 00 3c", "CLIENT_ID_MISSING"),
    "client id overruns": ("10 0d 00 04 4d 51 54 54 04 02 00 3c 00 09 61", "FIELD_OVERRUN"),
    "trailing bytes": ("10 0e 00 04 4d 51 54 54 04 02 00 3c 00 01 61 00", "TRAILING_BYTES"),
    "empty id, not clean": (
        "10 0c 00 04 4d 51 54 54 04 00 00 3c 00 00", "CLIENT_ID_EMPTY_NOT_CLEAN"),
    "no property length": ("10 0a 00 04 4d 51 54 54 05 02 00 3c", "PROPERTY_LENGTH_MISSING"),
    "level 9": ("10 0d 00 04 4d 51 54 54 09 02 00 3c 00 01 61", "PROTOCOL_LEVEL"),
    "name": ("10 0d 00 04 4d 51 54 58 04 02 00 3c 00 01 61", "PROTOCOL_NAME"),
    "long length": ("10 8d 00 00 04 4d 51 54 54 04 02 00 3c 00 01 61", "LENGTH_NOT_MINIMAL"),
    "header flags": ("11 0d 00 04 4d 51 54 54 04 02 00 3c 00 01 61", "HEADER_FLAGS"),
    "will properties after the topic": (
        "10 18 00 04 4d 51 54 54 05 06 00 3c 00 00 01 61 00 01 77 02 01 01 00 02 78 78",
        "FIELD_ORDER"),
}  # fmt: skip


@pytest.mark.parametrize(("raw", "kind"), MALFORMED.values(), ids=MALFORMED)
def test_one_error_one_defect(raw: str, kind: str) -> None:
    """A CONNECT with one error gives one defect."""
    assert [defect.name for defect in kinds(decode_packet(from_hex(raw)))] == [kind]


def test_password_is_masked() -> None:
    """`masked()` hides the password and nothing else."""
    raw = from_hex(
        "10 1A 00 04 4D 51 54 54 04 EC 00 3C 00 02 63 31 00 01 77 00 01 78 00 01 75 00 01 70"
    )
    assert decode_packet(raw).masked() == raw[:-1] + b"*"


@pytest.mark.parametrize(
    ("name", "reported"),
    [
        (b"MQTT", "MQTT"),
        (b"MQTX", "MQTX"),
        (b"", ""),
        (b"MQTTMQTT", "MQTTMQTT"),
        (b"MQTTMQTTM", "MQTTMQTT…"),
        (b"MQTT\4secret", "MQTT…"),
        (b"\0MQTT", "…"),
        ("…".encode(), "…"),
    ],
)
def test_unknown_protocol_names_are_shown_in_part(name: bytes, reported: str) -> None:
    """At most eight printable characters are shown; the rest is masked, as it may be a password."""
    body = len(name).to_bytes(2, "big") + name + b"\4\2\0\x3c\0\1a"
    packet = decode_packet(bytes((0x10, len(body))) + body)
    assert isinstance(packet, Connect)
    assert packet.protocol_name == reported
    seen = packet.masked()[4:].split(b"\4\2\0\x3c")[0].rstrip(b"*")
    assert seen == reported.rstrip("…").encode()
    read = name.isascii() and name.decode().isprintable()
    assert (packet.client_id, packet.complete) == (("a", True) if read else ("", False))
