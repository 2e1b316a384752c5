"""The sample captures agree with their page, their manifest and their generator."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import pytest

import dissector
from dissector.analysis import Report
from dissector.connections import certificate
from dissector.mqtt.packets import Connack
from dissector.net.tls_names import version_name
from samples.describe import entries, expected, page
from samples.make import made
from tests.conftest import ROOT, need_tool
from tests.judging import rules_of

SAMPLES = ROOT / "samples"
CAPTURES = sorted(SAMPLES.glob("made/*")) + sorted(SAMPLES.glob("recorded/*.pcap*"))
# Captures that contain their own TLS keys
WITH_OWN_KEYS = {SAMPLES / "recorded" / "mosquitto-mqttjs-5.0-tls13-resumption.pcapng"}
ENCRYPTED = [pytest.param(entry, id=entry["file"]) for entry in entries() if "tls" in entry]
RECORDED = [pytest.param(entry, id=entry["file"]) for entry in entries()]


@functools.cache
def with_keys(path: Path) -> Report:
    """Analyzes a sample, with TLS decrypted."""
    keys = path.with_suffix(".keys")
    if keys.exists() or path in WITH_OWN_KEYS:
        need_tool("tshark")
    return dissector.analyze(path, keylog=str(keys) if keys.exists() else None)


def table_rows() -> dict[str, list[str]]:
    """Returns the rows of the page's tables by capture."""
    rows = {}
    for line in (SAMPLES / "README.md").read_text("utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        if line.startswith("| `"):
            rows[cells[0].strip("`")] = cells
    return rows


def test_page_is_up_to_date() -> None:
    """`samples/README.md` is the output of `python samples/describe.py`."""
    assert (SAMPLES / "README.md").read_text("utf-8") == page()


def test_page_lists_every_capture() -> None:
    """Each capture has a row in the page, each row a capture; no cell is empty."""
    rows = table_rows()
    assert set(rows) == {path.name for path in CAPTURES}
    assert all(all(cells) for cells in rows.values())


@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: path.name)
def test_capture_raises_the_rules_that_the_page_names(path: Path) -> None:
    """A sample has findings of exactly the rules in its row of the page."""
    named = table_rows()[path.name][-1]
    wanted = set() if named == "none" else set(named.split(", "))
    assert wanted == expected()[f"{path.parent.name}/{path.name}"]
    assert rules_of(with_keys(path)) == wanted


@pytest.mark.parametrize("entry", RECORDED)
def test_manifest_is_correct(entry: dict[str, Any]) -> None:
    """Frames, versions, port, IP version and codes of a recording agree with the manifest."""
    report = with_keys(SAMPLES / "recorded" / entry["file"])
    assert report.capture.frames == entry["frames"]
    shown = {h.version.value for h in report.handshakes if h.version is not None}
    assert set(entry["mqtt_versions"]) <= shown
    assert {h.server.port for h in report.handshakes} == {entry["port"]}
    assert {6 if ":" in h.server.ip else 4 for h in report.handshakes} == {entry["ip_version"]}
    codes = {h.connack.return_code for h in report.handshakes if h.connack is not None}
    assert sorted(code for code in codes if code is not None) == entry["return_codes"]


@pytest.mark.parametrize("entry", ENCRYPTED)
def test_tls_with_keys(entry: dict[str, Any]) -> None:
    """With keys every TLS connection has its version, and established ones are decrypted."""
    report = with_keys(SAMPLES / "recorded" / entry["file"])
    for record in report.tls_handshakes:
        assert version_name(record.version or 0) == f"TLS {entry['tls']}"
        assert record.decrypted == record.established
    assert {h.transport for h in report.handshakes} == {"wss" if "wss" in entry["file"] else "tls"}
    assert sum(record.decrypted for record in report.tls_handshakes) == len(report.handshakes)


@pytest.mark.parametrize("entry", ENCRYPTED)
def test_tls_without_keys(entry: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Without keys and tshark each TLS connection has server name, version and certificate."""
    monkeypatch.setenv("PATH", "")
    path = SAMPLES / "recorded" / entry["file"]
    report = dissector.analyze(path, tls_ports=[entry["port"]])
    assert report.handshakes == []
    assert len(report.tls_handshakes) == report.capture.streams == report.summary.encrypted
    for record in report.tls_handshakes:
        assert record.client_hello is not None
        assert record.server_name in ("mqtt.greenhouse.example", "localhost", None)
        assert version_name(record.version or 0) == f"TLS {entry['tls']}"
        seen = entry["tls"] == "1.2" and not record.resumed and record.psk_identity is None
        names = {each.common_name for each in map(certificate.read, record.certificates) if each}
        assert ("mqtt.greenhouse.example" in names) == seen
    assert any("tshark is not installed" in each.message for each in report.warnings) == (
        path in WITH_OWN_KEYS
    )


def test_tls_of_every_kind() -> None:
    """The recordings cover resumption, a pre-shared key, client certificates, alerts, ALPN."""
    records = [
        record
        for entry in entries()
        if "tls" in entry
        for record in with_keys(SAMPLES / "recorded" / entry["file"]).tls_handshakes
    ]
    assert {(record.version, record.resumed) for record in records} >= {
        (version, resumed) for version in (0x0303, 0x0304) for resumed in (True, False)
    }
    assert "sensor-psk-1" in {record.psk_identity for record in records}
    assert any(record.client_certificates for record in records)
    assert () in {record.client_certificates for record in records}
    alerts = {alert.description for record in records for alert in record.alerts}
    assert {40, 48} <= alerts
    assert {record.because for record in records} == {"port", "alpn", "keys"}


def test_manifest_names_every_recording() -> None:
    """The manifest has an entry for each recorded capture, and no others."""
    assert {entry["file"] for entry in entries()} == {
        path.name for path in CAPTURES if path.parent.name == "recorded"
    }


def test_made_captures_are_up_to_date() -> None:
    """The made captures are byte-identical to the output of `python samples/make.py`."""
    on_disk = {path.name: path.read_bytes() for path in (SAMPLES / "made").iterdir()}
    wanted = made()
    assert sorted(on_disk) == sorted(wanted)
    assert [name for name in wanted if on_disk[name] != wanted[name]] == []


def answers() -> set[tuple[bool, int]]:
    """Returns the codes of the samples' CONNACKs, with whether the CONNACK is that of 5.0."""
    found = set()
    for path in CAPTURES:
        if path in WITH_OWN_KEYS:
            continue
        for handshake in dissector.analyze(path).handshakes:
            connack = handshake.connack
            if isinstance(connack, Connack) and connack.return_code is not None:
                found.add((connack.remaining_length > 2, connack.return_code))
    return found


def test_common_codes_are_covered() -> None:
    """The samples contain the common CONNACK codes of 3.1.1 and 5.0."""
    seen = answers()
    for code in (0, 1, 2, 5):
        assert (False, code) in seen
    for either in ((0x00,), (0x84,), (0x85, 0x80), (0x87, 0x86), (0x8C,)):
        assert any((True, code) in seen for code in either), [hex(code) for code in either]
