"""Guesses about software, each held against a capture of that very software."""

from __future__ import annotations

import functools
from pathlib import Path

import pytest

from dissector.audit.records import Audit
from dissector.audit.run import audit
from dissector.audit.software import client_software
from dissector.connections.connection import Connection
from dissector.connections.profile import Profile
from dissector.model import Endpoint, FrameRef
from tests.conftest import ROOT

SAMPLES = ROOT / "samples"


@functools.cache
def audited(path: Path) -> Audit:
    """Audit a capture once."""
    return audit(path, key=b"software")


@pytest.mark.parametrize(
    ("capture", "name", "confidence"),
    [
        ("household/household.pcap", "MQTT.js", "likely"),
        ("household/household.pcap", "aMQTT client", "likely"),
        ("recorded/mosquitto-bridge-3.1.1-private.pcap", "Eclipse Mosquitto bridge", "possible"),
        (
            "recorded/mosquitto-cli-5.0-not-authorized.pcap",
            "Eclipse Mosquitto client library",
            "possible",
        ),
    ],
)
def test_clients(capture: str, name: str, confidence: str) -> None:
    """A client that is known from its recording is guessed to be what it is."""
    guesses = [device.software for device in audited(SAMPLES / capture).devices]
    assert (name, confidence) in {(item.name, item.confidence) for item in guesses if item}


def test_ids_that_mosquitto_makes_up(shared_captures: list[Path]) -> None:
    """The tools of Mosquitto make up ids of their own."""
    (path,) = (item for item in shared_captures if "mqtt31-pub-userpass-auto" in item.name)
    (device,) = audited(path).devices
    assert device.software is not None
    assert (device.software.name, device.software.confidence) == (
        "Eclipse Mosquitto client library",
        "likely",
    )


@pytest.mark.parametrize(
    ("capture", "confidence"),
    [
        ("mosquitto-paho-5.0-connect-properties.pcap", "likely"),
        ("mosquitto-gmqtt-5.0-session.pcap", "possible"),
    ],
)
def test_mosquitto_is_known_by_what_it_announces(capture: str, confidence: str) -> None:
    """The ids that it assigns tell more than the limits that it announces."""
    (server,) = audited(SAMPLES / "recorded" / capture).servers
    assert server.software is not None
    assert (server.software.name, server.software.confidence) == (
        "Eclipse Mosquitto 2.x",
        confidence,
    )


@pytest.mark.parametrize("path", sorted((SAMPLES / "recorded").glob("a*.pcap*")), ids=str)
def test_other_servers_are_not_taken_for_it(path: Path) -> None:
    """Of amqtt and aedes no sign is known, and none is made up."""
    assert [server.software for server in audited(path).servers] == [None]


def test_what_is_only_generally_known_is_possible() -> None:
    """A sign that no capture here shows is never called likely."""
    where = FrameRef("a.pcap", 1, 0)
    connection = Connection(0, Endpoint("10.0.0.1", 1), Endpoint("10.0.0.2", 1883), where)
    profile = Profile(connection, None, None, 0)
    profile.client_id = "mqtt-explorer-0a1b2c3d"
    guess = client_software([profile])
    assert guess is not None
    assert (guess.name, guess.confidence) == ("MQTT Explorer", "possible")
