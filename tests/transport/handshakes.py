"""Sample handshakes as bytes, with the fields, outcomes and findings that a report must contain."""

from __future__ import annotations

from typing import Any, NamedTuple

from dissector.connections.handshake import Handshake
from dissector.model import Outcome
from dissector.mqtt.properties import property_value

CONNECT_FIELDS = (
    "client_id", "clean_session", "keep_alive", "username", "password", "last_will_topic",
    "last_will_qos", "last_will_message", "last_will_retain",
)  # fmt: skip
CONNACK_FIELDS = ("session_present", "return_code")
DISCONNECT = bytes.fromhex("e000")


class SampleHandshake(NamedTuple):
    """A CONNECT, its CONNACK, their fields (properties by name), and the rule that they violate."""

    connect: bytes
    connack: bytes
    connect_fields: dict[str, Any]
    connack_fields: dict[str, Any]
    outcome: Outcome = Outcome.ACCEPTED
    rule: str | None = None


def block(data: bytes) -> bytes:
    """Returns a two-byte length and the bytes."""
    return len(data).to_bytes(2, "big") + data


def packet(first: int, body: bytes) -> bytes:
    """Returns a body with a fixed header before it."""
    length, size = b"", len(body)
    while True:
        size, low = divmod(size, 128)[0], size % 128
        length += bytes((low | (0x80 if size else 0),))
        if not size:
            return bytes((first,)) + length + body


def _connect(level: int, flags: int, keep_alive: int, *payload: bytes) -> bytes:
    head = block(b"MQTT") + bytes((level, flags)) + keep_alive.to_bytes(2, "big")
    return packet(0x10, head + b"".join(payload))


def _connect_fields(**fields: Any) -> dict[str, Any]:
    absent = dict.fromkeys(CONNECT_FIELDS)
    absent.update(clean_session=True, keep_alive=0, last_will_qos=0, last_will_retain=False)
    return {**absent, "properties": {}, "last_will_properties": {}, **fields}


def _connack_fields(present: bool, code: int, **properties: Any) -> dict[str, Any]:
    return {"session_present": present, "return_code": code, "properties": properties}


# 3.1.1 with all fields of a CONNECT
CLEAN = SampleHandshake(
    _connect(
        4, 0b11101110, 30, block(b"sensor1"), block(b"last/words"), block(b"gone"),
        block(b"anna"), block(b"s3cret"),
    ),
    bytes.fromhex("20020000"),
    _connect_fields(
        client_id="sensor1", keep_alive=30, username="anna", password=b"s3cret",
        last_will_topic="last/words", last_will_qos=1, last_will_message=b"gone",
        last_will_retain=True,
    ),
    _connack_fields(False, 0),
)  # fmt: skip

# 5.0 with properties; the server sets Session Present after a Clean Start
FALSE = SampleHandshake(
    _connect(
        5, 0b00001110, 600,
        b"\x15" b"\x11\0\0\x0e\x10" b"\x21\0\x14" b"\x26\0\5where\0\3hut", block(b"sensor2"),
        b"\5\x18\0\0\0\5", block(b"will"), block(b"bye"),
    ),
    bytes.fromhex("2006 0100 03 22000a"),
    _connect_fields(
        client_id="sensor2", keep_alive=600, last_will_topic="will", last_will_qos=1,
        last_will_message=b"bye",
        properties={
            "sessionExpiryInterval": 3600, "receiveMaximum": 20, "userProperty": ("where", "hut"),
        },
        last_will_properties={"willDelayInterval": 5},
    ),
    _connack_fields(True, 0, topicAliasMaximum=10),
    rule="SES01",
)  # fmt: skip

RESUMED = SampleHandshake(
    _connect(4, 0, 60, block(b"back")),
    bytes.fromhex("20020100"),
    _connect_fields(client_id="back", clean_session=False, keep_alive=60),
    _connack_fields(True, 0),
)

REFUSED = SampleHandshake(
    _connect(4, 2, 60, block(b"stranger")),
    bytes.fromhex("20020005"),
    _connect_fields(client_id="stranger", keep_alive=60),
    _connack_fields(False, 5),
    Outcome.REFUSED,
)

# More than 64 KiB, as captured on a sender with segmentation offload
LARGE = SampleHandshake(
    _connect(4, 0b11000110, 60, block(b"large"), block(b"will"), block(b"w" * 65000),
             block(b"u" * 2000), block(b"p" * 2000)),
    bytes.fromhex("20020000"),
    _connect_fields(
        client_id="large", keep_alive=60, username="u" * 2000, password=b"p" * 2000,
        last_will_topic="will", last_will_message=b"w" * 65000,
    ),
    _connack_fields(False, 0),
)  # fmt: skip


def connect_fields(handshake: Handshake) -> dict[str, Any] | None:
    """Returns the fields of a handshake's CONNECT in a report; None without a CONNECT."""
    connect = handshake.connect
    if connect is None:
        return None
    found = {name: getattr(connect, name) for name in CONNECT_FIELDS}
    for where in ("properties", "last_will_properties"):
        items = getattr(connect, where)
        found[where] = {item.name: property_value(items, item.name) for item in items}
    return found


def connack_fields(handshake: Handshake) -> dict[str, Any] | None:
    """Returns the fields of a handshake's CONNACK in a report; None without a CONNACK."""
    connack = handshake.connack
    if connack is None:
        return None
    found = {name: getattr(connack, name) for name in CONNACK_FIELDS}
    found["properties"] = {item.name: item.value for item in connack.properties}
    return found


def publish(topic: bytes, payload: bytes) -> bytes:
    """Returns a PUBLISH of QoS 0 before 5.0."""
    return packet(0x30, block(topic) + payload)
