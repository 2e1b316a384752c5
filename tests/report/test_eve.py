"""EVE of audits and analyses: Suricata's schema, one event for each record, no passwords."""

from __future__ import annotations

import functools
import hashlib
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import dissector
from dissector.report.eve import signature_id
from dissector.rules.registry import every_rule
from tests.conftest import ROOT
from tests.report.auditing import CREDENTIALS, analyzed, audited
from tests.tls_peers import NAME

SAMPLES = sorted((ROOT / "samples").glob("[hr]*/*.pcap*"))


@functools.cache
def validator() -> jsonschema.Draft202012Validator:
    """Reads the schema."""
    place = Path(__file__).parent / "schemas" / "eve.json"
    schema = json.loads(place.read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker())


def events(data: bytes) -> list[dict[str, Any]]:
    """Parses events and checks each against the schema."""
    found = [json.loads(line) for line in data.splitlines()]
    for event in found:
        validator().validate(event)
    return found


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.name)
def test_events_of_samples_fit_the_schema(path: Path) -> None:
    """Each handshake and each finding is an event that fits the schema."""
    document = json.loads(audited(path, "json"))
    found = events(audited(path, "eve"))
    alerts = [event for event in found if event["event_type"] == "alert"]
    assert len(alerts) == len(document["findings"])
    whole = [  # a CONNECT that never ended has no event of its own
        item
        for item in document["handshakes"]
        if item["connack"] is not None or "received" not in item["connect"]
    ]
    assert len(found) - len(alerts) == len(whole) + len(document["tlsHandshakes"])
    assert len(events(analyzed(path, "eve"))) <= len(found)


def test_hostile_names_fit_the_schema(hostile: Path) -> None:
    """Events with any client id fit the schema."""
    assert len(events(audited(hostile, "eve"))) > 40


def test_fields_are_those_of_the_json() -> None:
    """An event has the values of the handshake in the JSON."""
    (first, *_) = json.loads(audited(CREDENTIALS, "json"))["handshakes"]
    event = next(event for event in events(audited(CREDENTIALS, "eve")) if "mqtt" in event)
    connect, connack = event["mqtt"]["connect"], event["mqtt"]["connack"]
    assert (connect["client_id"], connect["username"]) == (
        first["connect"]["clientId"], first["connect"]["username"],
    )  # fmt: skip
    assert connect["protocol_version"] == first["connect"]["protocolLevel"]
    assert connect["flags"]["clean_session"] == first["connect"]["cleanSession"]
    assert connack["return_code"] == first["connack"]["returnCode"]
    assert (event["src_ip"], event["src_port"]) == (first["client"]["ip"], first["client"]["port"])
    assert event["pcap_cnt"] == first["connect"]["frame"]
    assert event["timestamp"][:26] == first["connect"]["time"][:26]


def test_a_password_is_shown_only_on_request() -> None:
    """The flag shows that there is one; the password itself needs --show-secrets."""
    for show in (False, True):
        connects = [
            event["mqtt"]["connect"]
            for event in events(audited(CREDENTIALS, "eve", show_secrets=show))
            if "mqtt" in event and event["mqtt"]["connect"]["flags"]["password"]
        ]
        assert connects
        assert all(("password" in connect) is show for connect in connects)


def test_each_rule_has_a_unique_number() -> None:
    """The numbers derive from the ids, and no two rules have the same."""
    numbers = [signature_id(rule.id) for rule in every_rule()]
    assert len(set(numbers)) == len(numbers)
    assert all(0 < number < 2**32 for number in numbers)
    assert signature_id("SES01") == ((18 * 26 + 4) * 26 + 18) * 100 + 1


def test_tls_events_have_suricatas_fields(encrypted: Path) -> None:
    """A TLS connection is an event with its visible parameters and both ends' certificates."""
    made = json.loads(audited(encrypted, "json"))["tlsHandshakes"]
    found = [event for event in events(audited(encrypted, "eve")) if event["event_type"] == "tls"]
    assert [event["pcap_cnt"] for event in found] == [item["clientHello"]["frame"] for item in made]
    first, resumed, newer, refused = (event["tls"] for event in found)
    shown = made[0]["certificates"][0]
    assert (first["sni"], first["version"], first["subject"], first["issuerdn"]) == (
        NAME, "TLS 1.2", shown["subject"], shown["issuer"],
    )  # fmt: skip
    assert int(first["serial"].replace(":", ""), 16) == int(shown["serial"], 16)
    assert first["notafter"] == shown["notAfter"][:19]
    assert first["subjectaltname"] == shown["names"]
    assert first["client"]["subject"] == "CN=device-7"
    assert (first["client_alpns"], first["server_alpns"]) == (["mqtt"], ["mqtt"])
    assert resumed["session_resumed"]
    assert "subject" not in resumed
    assert newer["version"] == "TLS 1.3"
    assert "subject" not in newer  # encrypted
    assert refused["ja3"] != newer["ja3"]


def test_the_certificate_fingerprint_is_suricatas(encrypted: Path) -> None:
    """The fingerprint is the SHA-1 of the certificate, with colons between octets."""
    first = next(event["tls"] for event in events(audited(encrypted, "eve")) if "tls" in event)
    der = dissector.analyze(encrypted).tls_handshakes[0].certificates[0]
    assert first["fingerprint"] == hashlib.sha1(der, usedforsecurity=False).digest().hex(":")
