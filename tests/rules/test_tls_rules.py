"""Tests the TLS rules with several servers, with configuration, and with a wrong clock."""

from __future__ import annotations

import io

import pytest

import dissector
from dissector.audit.records import Audit
from dissector.audit.run import audit
from dissector.connections.thresholds import Thresholds
from dissector.model import Severity
from dissector.rules.base import Step
from dissector.rules.tls import examples as tls
from samples.build import START_NS, Frame, conversation, pcap
from tests.judging import rules_of

SECOND = 1_000_000_000
SERVERS = (bytes((10, 0, 0, 2)), bytes((10, 0, 0, 3)))


def frames_of(*steps: tuple[Step, ...], start_ns: int = START_NS) -> list[Frame]:
    """Returns the frames of conversations with alternating servers, one second apart."""
    found: list[Frame] = []
    for number, each in enumerate(steps):
        found += conversation(
            each, server_port=tls.PORT, server_ip=SERVERS[number % 2],
            client_port=40000 + number, start_ns=start_ns + number * SECOND,
        )  # fmt: skip
    return found


def judged(frames: list[Frame]) -> dissector.Report:
    """Analyses frames with the TLS rules."""
    return dissector.analyze(io.BytesIO(pcap(frames)), select=("TLS",))


def audited(frames: list[Frame], limits: Thresholds | None = None) -> Audit:
    """Audits frames."""
    return audit(io.BytesIO(pcap(frames)), select=("TLS",), thresholds=limits)


def test_two_servers_with_one_self_signed_key() -> None:
    """A self-signed certificate on two addresses is reported; a CA-signed one may be a cluster.

    (All servers of the examples have the same MAC address, as behind a router.)
    """
    copied = judged(frames_of(tls.session("self-signed"), tls.session("self-signed")))
    assert rules_of(copied) == {"TLS07", "TLS08"}
    cluster = judged(frames_of(tls.session("good"), tls.session("good")))
    assert rules_of(cluster) == set()


@pytest.mark.parametrize("start", [0, 86_400 * SECOND, 4_200_000_000 * SECOND])
def test_a_capture_whose_clock_cannot_be_right_is_not_judged(start: int) -> None:
    """In a capture from 1970 or the future, the validity of certificates is not evaluated."""
    report = judged(frames_of(tls.session("good"), start_ns=start))
    assert rules_of(report) == set()
    assert {item.rule for item in report.not_evaluated} == {"TLS05", "TLS09"}


def test_a_known_certificate_has_severity_info() -> None:
    """A self-signed certificate that is configured as known has severity info."""
    frames = frames_of(tls.session("self-signed"))
    (strange,) = audited(frames).report.findings
    assert strange.severity is Severity.WARNING
    known = Thresholds(authorities=("CN=hub.house.example",))
    (noted,) = audited(frames, known).report.findings
    assert noted.severity is Severity.INFO


def test_a_device_in_tls_is_in_the_inventory() -> None:
    """A client seen only in TLS is a device, identified by address, MAC and TLS features."""
    (device,) = audited(frames_of(tls.session(own="device"))).devices
    assert device.transports == {"tls": 1}
    assert device.authentication == {"client certificate": 1}
    assert {"tls", "certificate", "mac", "address"} == {item.kind for item in device.evidence}
    assert device.tls == {"TLS 1.2 TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256": 1}
    topics = {(point.topic, point.text) for point in device.posture.right}
    assert ("encryption", "its TLS versions are current") in topics


def test_a_server_shows_its_certificate() -> None:
    """The inventory has a server's certificates, and whether it requested the client's."""
    (server,) = audited(frames_of(tls.session("ends soon", asks=False))).servers
    (shown,) = server.certificates
    assert shown.names == ("hub.house.example",)
    assert (shown.key, shown.signature) == ("EC secp256r1", "sha256")
    assert server.asks_client_certificate is False
    (hidden,) = audited(frames_of(tls.session_13())).servers
    assert hidden.certificates == ()
    assert hidden.asks_client_certificate is None


def test_devices_with_one_certificate_all_have_the_finding() -> None:
    """A certificate that three devices share is a finding of each device."""
    steps = tls.session(own="device")
    frames = conversation((*steps, "HOST 5", *steps, "HOST 6", *steps), server_port=tls.PORT)
    found = audited(frames)
    assert [len(device.findings) for device in found.devices] == [1, 1, 1]
    assert not any(
        "no other device" in item.reason for device in found.devices for item in device.evidence
    )


def test_a_hostile_server_name_is_escaped() -> None:
    """The server name is untrusted text: escape sequences do not reach any message."""
    frames = frames_of(tls.session(name="\x1b[31mhub", asks=False))
    found = audited(frames)
    (device,) = found.devices
    messages = [item.reason for item in device.evidence]
    messages += [finding.message for finding in found.report.findings]
    assert "TLS07" in rules_of(found.report)
    assert not any("\x1b" in text for text in messages)
