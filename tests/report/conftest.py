"""Captures that several tests of reports read."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.report import hostile as attacks


@pytest.fixture(scope="session")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The capture of `hostile.py`."""
    path = tmp_path_factory.mktemp("hostile") / "hostile.pcap"
    path.write_bytes(attacks.capture())
    return path
