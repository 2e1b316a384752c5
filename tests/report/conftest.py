"""Captures that several tests of reports read."""

from __future__ import annotations

from pathlib import Path

import pytest

from samples.build import conversation, pcap
from tests.report import hostile as attacks


@pytest.fixture(scope="session")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The capture of `hostile.py`."""
    path = tmp_path_factory.mktemp("hostile") / "hostile.pcap"
    path.write_bytes(attacks.capture())
    return path


@pytest.fixture(scope="session")
def blind(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A capture that begins after the CONNECT: rules that need it are not evaluated."""
    path = tmp_path_factory.mktemp("blind") / "blind.pcap"
    connect = "C 10 0d 00 04 4d 51 54 54 04 02 00 3c 00 01 61"
    path.write_bytes(pcap(conversation((connect, "S 20 02 01 00", "C e0 00", "C FIN"))[5:]))
    return path
