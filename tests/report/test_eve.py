"""EVE of audits and analyses: as Suricata documents it, one event a record, no password."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from dissector.report.eve import signature_id
from dissector.rules.registry import every_rule
from tests.conftest import ROOT
from tests.report.auditing import CREDENTIALS, analyzed, audited

SAMPLES = sorted((ROOT / "samples").glob("[hr]*/*.pcap*"))


@functools.cache
def validator() -> jsonschema.Draft202012Validator:
    """Read the schema."""
    place = Path(__file__).parent / "schemas" / "eve.json"
    schema = json.loads(place.read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker())


def events(data: bytes) -> list[dict[str, Any]]:
    """Hold every event against the schema."""
    found = [json.loads(line) for line in data.splitlines()]
    for event in found:
        validator().validate(event)
    return found


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.name)
def test_events_of_samples_fit_the_schema(path: Path) -> None:
    """A handshake is an event, and so is a finding."""
    document = json.loads(audited(path, "json"))
    found = events(audited(path, "eve"))
    alerts = [event for event in found if event["event_type"] == "alert"]
    assert len(alerts) == len(document["findings"])
    assert len(found) - len(alerts) == len(document["handshakes"])
    assert len(events(analyzed(path, "eve"))) <= len(found)


def test_hostile_names_fit_the_schema(hostile: Path) -> None:
    """JSON holds any client id."""
    assert len(events(audited(hostile, "eve"))) > 40


def test_fields_are_those_of_the_json() -> None:
    """An event says what the handshake of the JSON says."""
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


def test_a_password_shows_only_when_asked_for() -> None:
    """The flag says that there is one; the password itself needs --show-secrets."""
    for show in (False, True):
        connects = [
            event["mqtt"]["connect"]
            for event in events(audited(CREDENTIALS, "eve", show_secrets=show))
            if "mqtt" in event and event["mqtt"]["connect"]["flags"]["password"]
        ]
        assert connects
        assert all(("password" in connect) is show for connect in connects)


def test_each_rule_has_a_number_of_its_own() -> None:
    """The numbers derive from the ids, and no two are the same."""
    numbers = [signature_id(rule.id) for rule in every_rule()]
    assert len(set(numbers)) == len(numbers)
    assert all(0 < number < 2**32 for number in numbers)
    assert signature_id("SES01") == ((18 * 26 + 4) * 26 + 18) * 100 + 1
