"""`--pseudonymize`: no format contains an identity of the capture; the rest is unchanged."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dissector.analysis import analyze
from dissector.audit.run import run as run_audit
from dissector.capture.rings import groups
from dissector.model import Endpoint
from dissector.mqtt.defects import DefectKind
from dissector.options import Options
from dissector.report.formats import audit_reporter
from dissector.report.html.page import _asset
from dissector.report.pseudonyms import PseudonymousAudit, Pseudonyms
from dissector.report.reporter import ReportOptions
from dissector.report.style import Style
from dissector.rules.registry import every_rule
from tests.cli.running import dissector
from tests.conftest import ROOT
from tests.report import hostile as hostile_capture
from tests.report.auditing import FORMATS, KEY, audited
from tests.report.schema import check_audit_document
from tests.tls_peers import NAME

RECORDED = ROOT / "samples" / "recorded"
CAPTURES = [
    RECORDED / "mosquitto-several-mixed-at-work.pcapng",
    RECORDED / "mosquitto-paho-5.0-connect-properties.pcap",
    RECORDED / "aedes-mqttjs-3.1.1-proxy-v2-websocket.pcap",
    RECORDED / "mosquitto-bridge-3.1.1-private.pcap",
    RECORDED / "aedes-raw-3.1.1-malformed-connects.pcap",
    ROOT / "samples" / "household" / "household.pcap",
]
KEYS = {
    "ip", "mac", "clientId", "username", "lastWillTopic", "lastWillMessage", "host", "origin",
    "userAgent", "path", "forwardedFor", "assignedClientIdentifier", "reasonString",
    "responseInformation", "serverReference", "serverName", "subject", "issuer", "names",
    "serial", "keyFingerprint", "pskIdentity", "pskHint",
}  # fmt: skip
# words of our own sentences may be in any report
OWN = " ".join(f"{rule.name} {rule.__doc__}" for rule in every_rule()) + _asset("style.css")
OWN += " ".join(kind.value for kind in DefectKind)


def pseudonymized(path: Path, form: str) -> bytes:
    """Audits a capture with pseudonyms."""
    stream = io.BytesIO()
    look = ReportOptions(Style(), key=KEY, everything=True)
    reporter = PseudonymousAudit(audit_reporter(form, stream, look))
    found = run_audit(groups([str(path)]), Options(), reporter, key=KEY)
    reporter.overview(found.overview)
    outcome = found.outcome
    reporter.finish(outcome.capture, outcome.summary, outcome.not_evaluated)
    return stream.getvalue()


def identities(value: Any, key: str = "") -> Iterator[str]:
    """Returns the texts of a JSON report that identify somebody or something."""
    if isinstance(value, dict):
        for name, item in value.items():
            yield from identities(item, name)
    elif isinstance(value, list):
        for item in value:
            yield from identities(item, "pair" if key == "userProperty" or key == "pair" else key)
    elif isinstance(value, str) and key in (*KEYS, "pair") and len(value) > 4:
        if value not in OWN:
            yield value


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: path.name)
def test_no_identity_is_left(path: Path, form: str) -> None:
    """The report contains no address and no name of the capture."""
    names = set(identities(json.loads(audited(path, "json"))))
    assert len(names) > 2
    text = pseudonymized(path, form).decode().replace(str(path), "").replace(path.name, "")
    for name in names:
        assert name not in text, name


@pytest.mark.parametrize("form", FORMATS)
def test_no_identity_of_tls_is_left(encrypted: Path, form: str) -> None:
    """The report contains no server name, no certificate content and no address."""
    names = set(identities(json.loads(audited(encrypted, "json"))))
    assert {NAME, f"CN={NAME}", "CN=device-7", "10.0.0.1", "10.0.0.2"} <= names
    names = {name for name in names if not name.startswith("02:00:00")}  # as pseudonyms look
    for record in analyze(encrypted).tls_handshakes:
        for der in (*record.certificates, *(record.client_certificates or ())):
            names.add(hashlib.sha1(der, usedforsecurity=False).digest().hex(":"))
            names.add(hashlib.sha256(der).hexdigest())
    text = pseudonymized(encrypted, form).decode().replace(str(encrypted), "")
    for name in names:
        assert name not in text, name


@pytest.mark.parametrize(
    "name",
    ["household/household.pcap", "recorded/mosquitto-paho-3.1.1-tls12-client-certificate.pcap"],
)
def test_tls_with_pseudonyms_fits_the_schema(name: str) -> None:
    """With every transport and with certificates, the document still fits the schema."""
    path = ROOT / "samples" / name
    plain = json.loads(audited(path, "json"))
    names = set(identities(plain))
    other = json.loads(pseudonymized(path, "json"))
    check_audit_document(other)
    assert len(other["tlsHandshakes"]) == len(plain["tlsHandshakes"]) > 0
    text = json.dumps(other).replace(str(path), "")
    for name in names:
        assert name not in text, name


@pytest.mark.parametrize("form", FORMATS)
def test_hostile_names_are_replaced(hostile: Path, form: str) -> None:
    """No part of any client id is left."""
    text = pseudonymized(hostile, form).decode()
    for name in (
        hostile_capture.MARKUP,
        hostile_capture.SCRIPT,
        "HYPERLINK",
        "owned",
        "evil.example",
        "x<x<",
    ):
        assert name not in text


def test_everything_else_is_unchanged(hostile: Path) -> None:
    """The report has the same shape, rules, counts and frames, and fits the schema."""
    plain, other = json.loads(audited(hostile, "json")), json.loads(pseudonymized(hostile, "json"))
    check_audit_document(other)
    for name in ("rule", "severity", "frame", "time", "wireshark"):
        assert [item[name] for item in plain["findings"]] == [
            item[name] for item in other["findings"]
        ]
    assert plain["summary"] == other["summary"]
    assert len(plain["devices"]) == len(other["devices"])
    for one, two in zip(plain["devices"], other["devices"], strict=True):
        for name in ("connections", "versions", "vendor", "authentication", "findings"):
            assert one[name] == two[name]


def test_pseudonyms_are_consistent(hostile: Path) -> None:
    """A client has the same pseudonym in handshake, finding and device, and in every format."""
    document = json.loads(pseudonymized(hostile, "json"))
    ids = [item["connect"]["clientId"] for item in document["handshakes"]]
    assert len(set(ids)) == len(ids)
    assert {item["clientId"] for item in document["findings"]} <= set(ids)
    names = [item["name"] for item in document["devices"]]
    assert set(names) <= set(ids)
    rows = csv.DictReader(io.StringIO(pseudonymized(hostile, "csv").decode(), newline=""))
    assert [row["name"] for row in rows if row["record"] == "device"] == names
    page = pseudonymized(hostile, "html").decode()
    assert all(f"<bdi>{name}</bdi>" in page for name in names)


def test_addresses_stay_addresses() -> None:
    """An address becomes another one of its family, each a different one, also in sentences."""
    names = Pseudonyms()
    four, six = Endpoint("192.168.1.7", 1883, "24:0a:c4:00:00:01"), Endpoint("fe80::1", 1883)
    assert names.end(four) == names.end(four)
    assert names.end(four).ip.startswith("198.18.")
    assert names.end(six).ip.startswith("2001:db8::")
    assert len({names.ip(f"10.0.{number // 256}.{number % 256}") for number in range(1000)}) == 1000
    replaced = names.sentence("192.168.1.7:1883 and [fe80::1]:1883, 24:0a:c4:00:00:01, at 10:20")
    assert "192.168" not in replaced
    assert "fe80" not in replaced
    assert "24:0a" not in replaced
    assert replaced.endswith("at 10:20")
    assert names.place("192.168.1.7:1883") == f"{names.ip('192.168.1.7')}:1883"
    assert names.place("[fe80::1]:1883") == f"[{names.ip('fe80::1')}]:1883"


def test_it_excludes_show_secrets() -> None:
    """--pseudonymize and --show-secrets cannot be combined."""
    ran = dissector("audit", "--pseudonymize", "--show-secrets", str(CAPTURES[0]))
    assert ran.code == 2
    assert "contradict" in ran.err


@pytest.mark.parametrize("form", ["table", "text", "concise", "json", "jsonl", "csv", "sarif"])
def test_analyses_support_it(form: str) -> None:
    """The command replaces identities in every format of an analysis."""
    path = RECORDED / "aedes-paho-3.1.1-credentials.pcap"
    ran = dissector("--pedantic", "--pseudonymize", "--format", form, str(path))
    assert "sensor-1" not in ran.out
    assert "127.0.0.1" not in ran.out
    assert "client-1" in ran.out
