"""Audit of the recorded household: all planted faults are found and nothing else.

`samples/household/household.toml` is the recording script's own list of devices, servers and their
faults.
"""

from __future__ import annotations

import functools
import tomllib
from base64 import b64encode
from fnmatch import fnmatch
from typing import Any

import pytest

from dissector.audit.records import Audit, Device, Server
from dissector.audit.run import audit
from dissector.cli.options import AUDIT_FORMATS
from tests.cli.running import dissector
from tests.conftest import ROOT

CAPTURE = ROOT / "samples" / "household" / "household.pcap"
MANIFEST: dict[str, Any] = tomllib.loads(CAPTURE.with_suffix(".toml").read_text("utf-8"))
DEVICES = [pytest.param(entry, id=entry["name"]) for entry in MANIFEST["device"]]
SERVERS = [
    pytest.param(entry, id=f"{entry['name']} {entry['port']}") for entry in MANIFEST["server"]
]


@functools.cache
def audited() -> Audit:
    """Audits the capture once."""
    return audit(CAPTURE, key=b"household")


def device_of(entry: dict[str, Any]) -> Device:
    """Returns the device of an entry, by MAC address, IP address and client ids."""
    (found,) = (
        device
        for device in audited().devices
        if entry["mac"] in device.macs
        and entry["address"] in device.addresses
        and len(device.client_ids) == len(entry["client_ids"])
        and all(map(fnmatch, sorted(device.client_ids), sorted(entry["client_ids"])))
    )
    return found


def server_of(entry: dict[str, Any]) -> Server:
    """Returns the server of an entry."""
    place = (entry["address"], entry["port"])
    (found,) = (server for server in audited().servers if (server.ip, server.port) == place)
    return found


def rules_at(party: Device | Server) -> list[str]:
    """Returns the rules of a party's findings."""
    findings = audited().report.findings
    return sorted({findings[number].rule for number in party.findings})


def test_the_device_list_is_the_scripts_own() -> None:
    """The devices are exactly those of the script."""
    found = {device_of(entry).id for entry in MANIFEST["device"]}
    assert found == {device.id for device in audited().devices}
    assert len(found) == len(MANIFEST["device"])


def test_the_server_list_is_the_scripts_own() -> None:
    """The servers are those that the script started, one for each port."""
    found = {server_of(entry).id for entry in MANIFEST["server"]}
    assert found == {server.id for server in audited().servers}
    assert len(found) == len(MANIFEST["server"])


@pytest.mark.parametrize("entry", DEVICES)
def test_planted_faults_of_a_device_are_found_and_no_other(entry: dict[str, Any]) -> None:
    """A device has its planted faults only, good ones have none; its kind has a reason."""
    device = device_of(entry)
    assert rules_at(device) == sorted(entry["faults"])
    assert {problem.rule for problem in device.posture.wrong} == set(entry["faults"])
    assert set(entry["right"]) <= {point.topic for point in device.posture.right}
    assert device.kind.value == entry["kind"]
    assert (device.kind_reason is None) == (entry["kind"] == "device")


@pytest.mark.parametrize("entry", SERVERS)
def test_planted_faults_of_a_server_are_found_and_no_other(entry: dict[str, Any]) -> None:
    """A server has its planted faults only."""
    server = server_of(entry)
    assert rules_at(server) == sorted(entry["faults"])
    assert set(entry["right"]) <= {point.topic for point in server.posture.right}


def test_every_finding_belongs_to_a_party() -> None:
    """Every finding belongs to a device or a server."""
    owned = {number for device in audited().devices for number in device.findings}
    owned |= {number for server in audited().servers for number in server.findings}
    assert owned == set(range(len(audited().report.findings)))


def test_the_capture_is_the_scripts() -> None:
    """Manifest and capture are of the same recording."""
    assert audited().report.capture.frames == MANIFEST["frames"]


def test_with_keys_the_content_of_tls_is_evaluated(tshark: str) -> None:
    """With a key log devices have names, nothing is counted twice, and there are no false findings.

    A server without client certificates is no longer reported if passwords are seen.
    """
    found = audit(CAPTURE, key=b"household", keylog=str(CAPTURE.with_suffix(".keys")))
    names = {entry["mac"]: entry["inside"] for entry in MANIFEST["device"] if entry["inside"]}
    assert len(names) == 4
    for device in found.devices:
        (mac,) = device.macs
        if mac in names:
            assert list(device.client_ids) == names[mac]
            assert (device.connections, device.transports) == (1, {"tls": 1})
            assert device.authentication == {"password": 1}
            assert device.tls
    assert len(found.devices) == len(MANIFEST["device"])
    assert len(found.servers) == len(MANIFEST["server"])
    planted = {
        rule for kind in ("device", "server") for e in MANIFEST[kind] for rule in e["faults"]
    }
    assert {finding.rule for finding in found.report.findings} == planted - {"TLS14"}


@pytest.mark.parametrize("form", AUDIT_FORMATS)
def test_no_format_contains_a_secret_of_the_household(form: str) -> None:
    """No password, accepted or refused, is in any format, neither as text nor in hex or base64.

    Passwords that are words which a report may use, such as "camera", are left out.
    """
    secrets = [secret.encode() for secret in MANIFEST["secrets"] if not secret.isalnum()]
    assert len(secrets) > 10
    raw = CAPTURE.read_bytes()
    report = dissector("audit", "--format", form, "--exit-zero", str(CAPTURE)).out.encode()
    assert report
    assert sum(secret in raw for secret in secrets) >= 8  # the others are inside TLS
    for secret in secrets:
        for shape in (secret, secret.hex().encode(), secret.hex(" ").encode(), b64encode(secret)):
            assert shape.rstrip(b"=") not in report
