"""Captures that several tests of reports use."""

from __future__ import annotations

from pathlib import Path

import pytest

from samples.build import Frame, conversation, pcap
from tests.report import hostile as hostile_capture
from tests.tls_peers import Peers, device, steps


@pytest.fixture(scope="session")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The capture of `hostile.py`."""
    path = tmp_path_factory.mktemp("hostile") / "hostile.pcap"
    path.write_bytes(hostile_capture.capture())
    return path


@pytest.fixture(scope="session")
def encrypted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """TLS 1.2 and 1.3, with a client certificate, a resumed session and a refused connection."""
    frames: list[Frame] = []
    with Peers("1.2", alpn=["mqtt"], client=device()) as older, Peers("1.3") as newer:
        wires = [older.talk(), older.talk(resume=True), newer.talk()]
    with Peers("1.2", trusted=False) as strangers:
        wires.append(strangers.talk())
    for number, wire in enumerate(wires):
        frames += conversation(steps(wire), server_port=8883, client_port=40000 + number)
    path = tmp_path_factory.mktemp("tls") / "tls.pcap"
    path.write_bytes(pcap(frames))
    return path


@pytest.fixture(scope="session")
def incomplete(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A capture that begins after the CONNECT: rules that need it are not evaluated."""
    path = tmp_path_factory.mktemp("incomplete") / "incomplete.pcap"
    connect = "C 10 0d 00 04 4d 51 54 54 04 02 00 3c 00 01 61"
    path.write_bytes(pcap(conversation((connect, "S 20 02 01 00", "C e0 00", "C FIN"))[5:]))
    return path
