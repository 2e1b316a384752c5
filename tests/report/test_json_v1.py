"""JSON of schema 1, compared with the interface contract member by member."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dissector.model import FrameRef, Side, Version
from dissector.mqtt.packets import Property
from dissector.report.json_document import JsonDocument, document
from dissector.text import decode
from tests.report.builders import (
    capture,
    connack,
    connect,
    finding,
    frame,
    handshake,
    report,
    written,
)
from tests.report.schema import check_document

KEY = b"one key for all tests"


def connect_of(**facts: Any) -> dict[str, Any]:
    """Returns the CONNECT of a report's only handshake."""
    made = report(handshakes=[handshake(connect=connect(**facts))])
    found = document(made, key=KEY)
    check_document(found)
    written_document = json.loads(written(made, JsonDocument, key=KEY))
    assert written_document == found
    result: dict[str, Any] = found["handshakes"][0]["connect"]
    return result


def test_keys_are_in_the_order_of_the_contract() -> None:
    """A document has the members of the interface contract, in its order."""
    found = document(report(), key=KEY)
    assert list(found) == [
        "schema", "tool", "capture", "handshakes", "tlsHandshakes", "findings", "captureWarnings",
        "notEvaluated", "summary",
    ]  # fmt: skip
    assert list(found["handshakes"][0]) == [
        "id", "stream", "transport", "version", "bridge", "outcome", "latency", "authRounds",
        "client", "server", "connect", "connack", "close",
    ]  # fmt: skip
    assert list(found["handshakes"][0]["connect"]) == [
        "file", "frame", "time", "protocolName", "protocolLevel", "clientId", "cleanSession",
        "keepAlive", "username", "password", "lastWillTopic", "lastWillQos", "lastWillMessage",
        "lastWillRetain", "properties", "lastWillProperties",
    ]  # fmt: skip
    assert list(found["handshakes"][0]["connack"]) == [
        "file", "frame", "time", "sessionPresent", "returnCode", "returnCodeName", "properties",
    ]  # fmt: skip
    assert list(found["findings"][0]) == [
        "rule", "name", "severity", "obligation", "confidence", "statements", "section", "version",
        "side", "handshake", "stream", "clientId", "file", "frame", "frames", "time", "message",
        "evidence", "wireshark", "client", "server",
    ]  # fmt: skip
    assert list(found["captureWarnings"][0]) == ["kind", "file", "frame", "stream", "message"]
    assert list(found["notEvaluated"][0]) == ["rule", "reason", "count", "streams"]
    check_document(found)


def test_the_written_document_equals_the_one_in_python() -> None:
    """`--format json` and `document` give the same, and both fit the schema."""
    found = json.loads(written(report(), JsonDocument, key=KEY))
    check_document(found)
    assert found == document(report(), key=KEY)


def test_values_of_the_contract_example() -> None:
    """The example of the contract has its values."""
    found = document(report(), key=KEY)
    assert found["schema"] == 1
    assert found["capture"]["start"] == "2023-11-14T22:13:20.000000Z"
    hand = found["handshakes"][0]
    assert hand["version"] == "3.1.1"
    assert hand["outcome"] == "accepted"
    assert hand["latency"] == pytest.approx(0.0019)
    assert hand["client"] == {"ip": "10.0.0.1", "port": 40000, "mac": "02:00:00:00:00:01"}
    assert hand["server"]["mac"] is None
    assert hand["connack"]["returnCodeName"] == "accepted"
    assert hand["connack"]["time"] == "2023-11-14T22:13:20.001900Z"
    assert hand["close"]["how"] == "disconnect"
    assert found["findings"][0]["wireshark"] == "frame.number==4||frame.number==6"
    assert found["findings"][0]["frames"] == [
        {"file": "a.pcap", "frame": 4},
        {"file": "a.pcap", "frame": 6},
    ]


def test_absent_packets_are_null() -> None:
    """A CONNACK without its CONNECT is a handshake with `connect: null`, and the reverse."""
    made = report(
        handshakes=[
            handshake(0, connect=None, latency=None, close=None),
            handshake(1, connack=None, latency=None, version=None),
        ]
    )
    found = document(made)
    check_document(found)
    assert found["handshakes"][0]["connect"] is None
    assert found["handshakes"][0]["close"] is None
    assert found["handshakes"][1]["connack"] is None
    assert found["handshakes"][1]["version"] is None


def test_session_present_is_null_in_3_1() -> None:
    """MQTT 3.1 has no Session Present flag."""
    made = report(
        handshakes=[
            handshake(connack=connack(version=Version.V3_1, session_present=None, return_code=2))
        ]
    )
    found = document(made)["handshakes"][0]["connack"]
    assert found["sessionPresent"] is None
    assert found["returnCodeName"] == "identifier rejected"


def test_absent_is_null_and_empty_is_empty() -> None:
    """An empty user name is not an absent one."""
    found = connect_of(username="", client_id="")
    assert found["username"] == ""
    assert found["clientId"] == ""
    assert connect_of(username=None)["username"] is None


def test_bytes_that_are_not_utf8_have_a_hex_sibling_after_them() -> None:
    """A bad byte is shown as an escape, and the sibling has all bytes."""
    found = connect_of(
        client_id=decode(b"sensor\xff\xfe"), last_will_message=b"\x00\x80", username="ü"
    )
    assert found["clientId"] == "sensor\\xff\\xfe"
    assert found["clientIdHex"] == "73656e736f72fffe"
    assert list(found)[list(found).index("clientId") + 1] == "clientIdHex"
    assert found["lastWillMessage"] == "\x00\\x80"
    assert found["lastWillMessageHex"] == "0080"
    assert found["username"] == "ü"
    assert "usernameHex" not in found


@given(st.binary(max_size=40))
def test_every_text_can_be_restored(raw: bytes) -> None:
    """The bytes of a client id can be restored from the text or its sibling."""
    found = connect_of(client_id=decode(raw))
    sibling = found.get("clientIdHex")
    restored = found["clientId"].encode() if sibling is None else bytes.fromhex(sibling)
    assert restored == raw


def test_password_is_redacted() -> None:
    """Only length, classes and fingerprint of a password are shown; equal ones have the same."""
    made = report(
        handshakes=[handshake(n, connect=connect(password=b"secret42")) for n in range(2)]
    )
    text = json.dumps(document(made, key=KEY))
    assert "secret42" not in text
    first, second = (hand["connect"]["password"] for hand in document(made)["handshakes"])
    assert first == second
    assert first["redacted"] is True
    assert first["length"] == 8
    assert first["classes"] == "lower,digit"
    fingerprints = {document(made)["handshakes"][0]["connect"]["password"]["fingerprint"]}
    fingerprints.add(first["fingerprint"])
    assert len(fingerprints) == 2  # another run, another key


def test_secrets_are_shown_on_request() -> None:
    """`--show-secrets` shows the text, with a sibling if it is not UTF-8."""
    method = Property(0x15, "authenticationMethod", "M", 12)
    data = Property(0x16, "authenticationData", b"\xff", 15)
    made = report(
        handshakes=[handshake(connect=connect(password=b"p\xff", properties=(method, data)))]
    )
    shown = document(made, show_secrets=True)
    check_document(shown)
    found = shown["handshakes"][0]["connect"]
    assert (found["password"], found["passwordHex"]) == ("p\\xff", "70ff")
    assert found["properties"]["authenticationData"] == "\\xff"
    assert found["properties"]["authenticationDataHex"] == "ff"
    hidden = document(made)
    check_document(hidden)
    assert hidden["handshakes"][0]["connect"]["properties"]["authenticationData"]["redacted"]


def test_properties_are_a_plain_map_with_a_list_of_pairs() -> None:
    """User properties are a list of pairs, all others members by name."""
    found = connect_of(
        properties=(
            Property(0x11, "sessionExpiryInterval", 3600, 12),
            Property(0x26, "userProperty", ("a", "1"), 17),
            Property(0x26, "userProperty", ("a", decode(b"\xff")), 24),
        )
    )
    assert found["properties"] == {
        "sessionExpiryInterval": 3600,
        "userProperty": [["a", "1"], ["a", "\\xff"]],
        "userPropertyHex": [["61", "31"], ["61", "ff"]],
    }
    assert "propertyList" not in found


def test_a_repeat_or_an_unknown_property_is_in_the_list() -> None:
    """If the map would lose something, the list has all properties in order."""
    found = connect_of(
        last_will_properties=(
            Property(0x18, "willDelayInterval", 1, 20),
            Property(0x18, "willDelayInterval", 2, 25),
            Property(0x7E, "unknown", b"\xff\x01", 30),
            Property(0x09, "correlationData", b"ok", 33),
        )
    )
    assert found["lastWillProperties"] == {"willDelayInterval": 1, "correlationData": "ok"}
    first, second, unknown, last = (item["value"] for item in found["lastWillPropertyList"])
    assert (first, second, last) == (1, 2, "ok")
    assert (unknown["redacted"], unknown["length"]) == (True, 2)  # it may hold a secret
    assert "valueHex" not in found["lastWillPropertyList"][2]
    assert [item["offset"] for item in found["lastWillPropertyList"]] == [20, 25, 30, 33]


def test_times_have_the_precision_of_the_capture() -> None:
    """A capture in nanoseconds has nine digits everywhere, even if they are zeros."""
    made = report(capture=capture())
    made.capture.digits = 9
    found = document(made)
    check_document(found)
    assert found["capture"]["start"].endswith(".000000000Z")
    assert found["handshakes"][0]["connect"]["time"].endswith(".000000000Z")
    assert found["findings"][0]["time"].endswith(".001900000Z")


def test_filter_has_only_frames_of_the_file_at_fault() -> None:
    """Frame numbers of another file are not in the filter."""
    made = report(findings=[finding(frames=(frame(4, file="b.pcap"), frame(6)))])
    assert document(made)["findings"][0]["wireshark"] == "frame.number==6"
    made = report(findings=[finding(frames=())])
    assert document(made)["findings"][0]["wireshark"] == "frame.number==6"


def test_evidence_of_any_kind_is_json() -> None:
    """Evidence of any type becomes JSON: bytes as text, no infinite number."""
    evidence = {
        "seen": b"\xff",
        "side": Side.CLIENT,
        "rate": math.inf,
        "codes": (1, "x", decode(b"\xfe")),
        "inner": {"a": None},
        "set": {2, 1},
        "other": frame(1),
    }
    made = report(findings=[finding(evidence=evidence)])
    found = json.loads(written(made, JsonDocument))
    check_document(found)
    shown = found["findings"][0]["evidence"]
    assert (shown["seen"], shown["seenHex"]) == ("\\xff", "ff")
    assert shown["side"] == "client"
    assert shown["rate"] is None
    assert (shown["codes"], shown["codesHex"]) == ([1, "x", "\\xfe"], [None, "78", "fe"])
    assert shown["inner"] == {"a": None}
    assert shown["set"] == [1, 2]


def test_latency_is_never_infinite() -> None:
    """JSON has no infinite numbers."""
    made = report(handshakes=[handshake(latency=math.nan)])
    assert document(made)["handshakes"][0]["latency"] is None


def test_paths_that_are_not_utf8_are_escaped() -> None:
    """A file name may contain any bytes."""
    made = report(
        handshakes=[handshake(connect=connect(frame=FrameRef(decode(b"\xff.pcap"), 1, 0)))]
    )
    found = json.loads(written(made, JsonDocument))
    assert found["handshakes"][0]["connect"]["file"] == "\\xff.pcap"


def test_handshakes_are_written_in_order_of_id() -> None:
    """Handshakes end in any order; the document has them in order of id."""
    made = report(handshakes=[handshake(2), handshake(0), handshake(1)])
    found = json.loads(written(made, JsonDocument))
    assert [hand["id"] for hand in found["handshakes"]] == [0, 1, 2]
