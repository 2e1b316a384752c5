"""Fixtures: captures for the command line tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from samples.build import conversation, pcap

CONNECT = "C 10 0d 00 04 4d 51 54 54 04 02 00 3c 00 01 61"
ENDS = ("C e0 00", "C FIN", "S FIN")


@pytest.fixture
def bad(tmp_path: Path) -> Path:
    """A capture with one error: Session Present 1 after Clean Session 1."""
    path = tmp_path / "bad.pcap"
    path.write_bytes(pcap(conversation((CONNECT, "S 20 02 01 00", *ENDS))))
    return path


@pytest.fixture
def good(tmp_path: Path) -> Path:
    """A capture without findings."""
    path = tmp_path / "good.pcap"
    path.write_bytes(pcap(conversation((CONNECT, "S 20 02 00 00", *ENDS))))
    return path


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """A capture without MQTT."""
    path = tmp_path / "other.pcap"
    hello = "C 16 03 01 00 04 01 00 00 00"
    path.write_bytes(pcap(conversation((hello, "C FIN", "S FIN"), server_port=8883)))
    return path


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """The capture with one error, on a port that is MQTT's only with `-d`."""
    path = tmp_path / "elsewhere.pcap"
    steps = (CONNECT, "S 20 02 01 00", *ENDS)
    path.write_bytes(pcap(conversation(steps, server_port=18840)))
    return path
