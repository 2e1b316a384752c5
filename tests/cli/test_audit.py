"""`dissector audit`: devices, servers and posture of real captures, and no secret in any format."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.running import dissector
from tests.conftest import ROOT

CREDENTIALS = "samples/recorded/aedes-paho-3.1.1-credentials.pcap"
PASSWORD = b"correct-horse"
FORMATS = ("table", "json", "jsonl")


def audited(path: str) -> dict[str, Any]:
    """Audit a capture, as JSON."""
    document: dict[str, Any] = json.loads(dissector("audit", "--format", "json", path).out)
    return document


def test_credentials_in_clear_fail_an_audit_and_no_analysis() -> None:
    """What is insecure but no breach of the standard is found by an audit alone."""
    rules = {finding["rule"] for finding in audited(CREDENTIALS)["findings"]}
    assert {"SEC01", "SEC02"} <= rules
    plain = json.loads(dissector("analyze", "--format", "json", CREDENTIALS).out)
    assert not [item for item in plain["findings"] if item["rule"].startswith(("SEC", "TLS"))]


def test_devices_and_servers_are_listed() -> None:
    """The one client is a device, what it connects to is a server."""
    document = audited(CREDENTIALS)
    (server,) = document["servers"]
    assert (server["ip"], server["port"]) == ("127.0.0.1", 1883)
    assert len(document["devices"]) == 1


@pytest.mark.parametrize("form", FORMATS)
def test_no_password_leaves(form: str) -> None:
    """The recorded password is in no output, as it is, in hex or in base64."""
    assert PASSWORD in (ROOT / CREDENTIALS).read_bytes()
    data = dissector("audit", "--format", form, CREDENTIALS).out.encode()
    assert data
    for shape in (PASSWORD, PASSWORD.hex().encode(), PASSWORD.hex(" ").encode()):
        assert shape not in data
    assert base64.b64encode(PASSWORD).rstrip(b"=") not in data


def test_a_report_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    """Others may not read what an audit says of devices."""
    report = tmp_path / "audit.json"
    dissector("audit", "--format", "json", "--output", str(report), CREDENTIALS)
    assert report.stat().st_mode & 0o777 == 0o600
