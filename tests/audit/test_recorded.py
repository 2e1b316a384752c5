"""Audits of all recorded captures: every finding is listed here with its reason.

All were recorded on the loopback interface, where unencrypted traffic is only of severity info
(SEC01, SEC02, SEC36), and servers accept any client (SEC03) unless it is about passwords.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from dissector.audit.run import audit
from tests.conftest import ROOT

RECORDED = ROOT / "samples" / "recorded"
CAPTURES = sorted(RECORDED.glob("*.pcap*"))
AMBIENT = {("SEC01", "info"), ("SEC02", "info"), ("SEC03", "error"), ("SEC36", "info")}

OLD = ("SEC20", "warning")  # its clients use MQTT 3.1
BRIDGE = ("SEC21", "info")  # protocol level 0x83, 0x84 or 0x85
SHORT = ("SEC16", "info")  # keep alives of two and three seconds keep the recording short
MANY = ("SEC32", "warning")  # a script sends a malformed CONNECT on each of many connections
NO_PASSWORD = ("SEC08", "warning")  # one of these has only a user name and is accepted

NO_CERTIFICATE = ("TLS14", "info")  # TLS 1.2 without a CertificateRequest

TRUE: dict[str, set[tuple[str, str]]] = {
    "aedes-mqttjs-3.1-identifier-rejected.pcap": {OLD},
    "aedes-raw-3.1.1-malformed-connects.pcap": {OLD, MANY, NO_PASSWORD},
    "aedes-raw-5.0-malformed-connects.pcap": {BRIDGE, MANY},
    "amqtt-bridge-3.1.1-private-refused.pcap": {BRIDGE},
    "amqtt-paho-3.1.1-keep-alive.pcap": {SHORT},
    "amqtt-raw-3.1.1-malformed-connects.pcap": {MANY, NO_PASSWORD},
    "amqtt-raw-5.0-malformed-connects.pcap": {BRIDGE, MANY},
    "mosquitto-bridge-3.1-private.pcap": {OLD, BRIDGE},
    "mosquitto-bridge-3.1.1-private.pcap": {BRIDGE},
    "mosquitto-cli-3.1-not-authorized.pcap": {OLD},
    "mosquitto-cli-3.1-qos-levels.pcap": {OLD},
    "mosquitto-mqttjs-3.1-round-trip.pcap": {OLD},
    "mosquitto-mqttjs-3.1-websocket-round-trip.pcap": {OLD},
    "mosquitto-mqttjs-3.1.1-tls12-resumption.pcap": {NO_CERTIFICATE},
    "mosquitto-mqttjs-5.0-tls12-credentials.pcap": {NO_CERTIFICATE},
    "mosquitto-paho-3.1-will.pcap": {OLD},
    "mosquitto-paho-3.1.1-tls12-qos-levels.pcap": {NO_CERTIFICATE},
    "mosquitto-paho-3.1.1-keep-alive.pcap": {SHORT},
    "mosquitto-paho-5.0-keep-alive.pcap": {SHORT},
    "mosquitto-raw-3.1.1-malformed-connects.pcap": {MANY},
    "mosquitto-raw-5.0-malformed-connects.pcap": {BRIDGE, MANY},
    "mosquitto-several-mixed-at-work.pcapng": {OLD},
}


@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: path.name)
def test_an_audit_of_real_traffic_has_only_true_findings(path: Path) -> None:
    """A recorded capture has the findings of its scenario and no others."""
    report = audit(path, select=("SEC", "TLS"), key=b"recorded").report
    found = {(item.rule, item.severity.value) for item in report.findings}
    assert found - AMBIENT == TRUE.get(path.name, set())


def test_the_list_names_existing_captures() -> None:
    """No entry is for a capture that was removed."""
    assert set(TRUE) <= {path.name for path in CAPTURES}
