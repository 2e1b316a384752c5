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
FORMATS = ("table", "concise", "json", "jsonl")


def audited(path: str) -> dict[str, Any]:
    """Returns the JSON report of an audit."""
    document: dict[str, Any] = json.loads(dissector("audit", "--format", "json", path).out)
    return document


def test_credentials_in_clear_fail_an_audit_and_no_analysis() -> None:
    """Findings that are insecure but do not violate the standard appear only in an audit."""
    rules = {finding["rule"] for finding in audited(CREDENTIALS)["findings"]}
    assert {"SEC01", "SEC02"} <= rules
    plain = json.loads(dissector("analyze", "--format", "json", CREDENTIALS).out)
    assert not [item for item in plain["findings"] if item["rule"].startswith(("SEC", "TLS"))]


@pytest.mark.parametrize("command", ["analyze", "live", "extract"])
def test_help_says_where_audit_rules_are_checked(command: str) -> None:
    """Other commands check SEC and TLS rules only if they are selected, and their help says so."""
    text = " ".join(dissector(command, "--help").out.split())
    assert "SEC and TLS (security) are checked by `audit`" in text
    assert "by other commands only if they are named here" in text


def test_analyze_checks_selected_audit_rules() -> None:
    """`analyze --select SEC` has the findings that `audit --select SEC` has."""
    ran = [
        json.loads(dissector(command, "--select", "SEC", "--format", "json", CREDENTIALS).out)
        for command in ("analyze", "audit")
    ]
    found = [[(item["rule"], item["frame"]) for item in one["findings"]] for one in ran]
    assert found[0] == found[1] != []


def test_concise_has_a_line_for_each_finding() -> None:
    """`--format concise` writes one line per finding, the counts to standard error."""
    ran = dissector("audit", "--format", "concise", CREDENTIALS)
    lines = ran.out.splitlines()
    findings = audited(CREDENTIALS)["findings"]
    assert len(lines) == len(findings) > 3
    for line, finding in zip(lines, findings, strict=True):
        assert line.startswith(f"{CREDENTIALS}:{finding['frame']}: {finding['rule']} ")
    assert f"{len(findings)} findings" in ran.err


@pytest.mark.parametrize("form", ["table", "markdown", "html"])
def test_what_lets_clients_in_is_never_nobody(form: str) -> None:
    """Where TLS hides how clients log in, reports for people say so."""
    path = "samples/recorded/mosquitto-mqttjs-3.1.1-tls12-psk.pcap"
    text = dissector("audit", "--format", form, path).out
    assert "unknown, inside TLS" in text
    assert "no client" not in text.replace("no client certificate", "")
    assert "(1 of 1 connection)" in text


def test_devices_and_servers_are_listed() -> None:
    """The client is listed as a device and its peer as a server."""
    document = audited(CREDENTIALS)
    (server,) = document["servers"]
    assert (server["ip"], server["port"]) == ("127.0.0.1", 1883)
    assert len(document["devices"]) == 1


@pytest.mark.parametrize("form", FORMATS)
def test_no_password_is_in_the_output(form: str) -> None:
    """No output contains the recorded password as text, in hex or in base64."""
    assert PASSWORD in (ROOT / CREDENTIALS).read_bytes()
    data = dissector("audit", "--format", form, CREDENTIALS).out.encode()
    assert data
    for shape in (PASSWORD, PASSWORD.hex().encode(), PASSWORD.hex(" ").encode()):
        assert shape not in data
    assert base64.b64encode(PASSWORD).rstrip(b"=") not in data


def test_a_report_file_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    """The report file of an audit has mode 0600."""
    report = tmp_path / "audit.json"
    dissector("audit", "--format", "json", "--output", str(report), CREDENTIALS)
    assert report.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("name", "host", "path", "forwarders"),
    [
        (
            "mosquitto-mqttjs-5.0-websocket-nginx",
            "mqtt.greenhouse.example",
            "/mqtt",
            {"X-Forwarded-For": 1, "Forwarded": 1},
        ),
        (
            "aedes-mqttjs-3.1.1-proxy-v2-websocket",
            "127.0.0.1:18898",
            "/mqtt",
            {"PROXY protocol 2": 1},
        ),
        ("aedes-paho-3.1.1-proxy-v1", None, None, {"PROXY protocol 1": 2}),
        ("aedes-paho-3.1.1-credentials", None, None, {}),
    ],
)
def test_a_server_has_its_encapsulation(
    name: str, host: str | None, path: str | None, forwarders: dict[str, int]
) -> None:
    """A server's record has host and path of the upgrade, and how a proxy forwards addresses."""
    document = audited(f"samples/recorded/{name}.pcap")
    (server,) = document["servers"]
    assert server["hosts"] == ([host] if host else [])
    assert server["paths"] == ([path] if path else [])
    assert server["forwarders"] == forwarders
    named = [
        evidence["value"]
        for device in document["devices"]
        for evidence in device["evidence"]
        if evidence["kind"] == "forwarded"
    ]
    assert bool(named) == bool(forwarders)


def test_the_table_shows_the_encapsulation() -> None:
    """Below the servers the table shows the requested host and path, and the proxy's headers."""
    out = dissector("audit", "samples/recorded/mosquitto-mqttjs-5.0-websocket-nginx.pcap").out
    text = " ".join(out.split())
    assert "is requested as mqtt.greenhouse.example over WebSocket, path /mqtt" in text
    assert "gives client addresses by X-Forwarded-For (1), Forwarded (1)" in text
