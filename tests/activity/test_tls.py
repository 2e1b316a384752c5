"""JA3 digests equal those of tshark, and TLS activity is kept once per profile."""

from __future__ import annotations

import subprocess

import dissector
from dissector.activity.tls import TlsActivityTracker
from dissector.activity.tracker import ActivityTracker
from dissector.connections.tls_handshake import ja3
from tests.conftest import ROOT

CAPTURE = ROOT / "samples" / "household" / "household.pcap"


def test_ja3_equals_wireshark(tshark: str) -> None:
    """The JA3 digest of a ClientHello is the one that tshark calculates."""
    command = [tshark, "-n", "-r", str(CAPTURE), "-Y", "tls.handshake.type==1"]
    command += ["-T", "fields", "-e", "tcp.stream", "-e", "tls.handshake.ja3"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    theirs = dict(line.split("\t") for line in done.stdout.splitlines())
    ours = {
        str(record.stream): ja3(record.client_hello)
        for record in dissector.analyze(CAPTURE).tls_handshakes
        if record.client_hello is not None
    }
    assert len(ours) == 6
    assert ours == theirs


def test_alike_connections_share_profile_and_chain() -> None:
    """A device that reconnects has one profile, and a server's certificates are stored once."""
    activity = ActivityTracker(b"key")
    tls = TlsActivityTracker(activity)
    records = dissector.analyze(CAPTURE).tls_handshakes
    for record in records * 3:
        tls.ended(record)
    profiles = list(activity.profiles.values())
    assert len(profiles) == 5  # of six connections, two are the meter's
    assert sorted(profile.count for profile in profiles) == [3, 3, 3, 3, 6]
    assert len({id(profile.tls.certificates) for profile in profiles if profile.tls}) <= 4
