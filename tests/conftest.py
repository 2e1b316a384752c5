"""Shared fixtures: paths, external captures, required programs, the option --update-golden."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared" / "captures"

settings.register_profile(
    "project", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=False
)
settings.load_profile("project")


def pytest_configure() -> None:
    """Lets the programs that tests start receive signals, also if this process ignores them.

    A shell lets what it starts in the background ignore SIGINT, nohup SIGHUP, and programs inherit
    that; signals with a handler have their default action in them.
    """
    for name in ("SIGINT", "SIGHUP", "SIGTERM"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, lambda number, frame: None)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds the option to rewrite golden files."""
    parser.addoption(
        "--update-golden", action="store_true", help="rewrite the files under tests/golden"
    )


def need_tool(name: str) -> str:
    """Returns the path of a program; skips the test if it is missing (fails in CI)."""
    path = shutil.which(name)
    if path is None:
        reason = f"{name} is not installed"
        if os.environ.get("DISSECTOR_CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return path


@pytest.fixture(scope="session")
def tshark() -> str:
    """Path of tshark."""
    return need_tool("tshark")


@pytest.fixture(scope="session")
def shared_captures() -> list[Path]:
    """The captures beside the project; skips the test if they are missing."""
    found = sorted(SHARED.glob("*.pcap")) if SHARED.is_dir() else []
    if not found:
        pytest.skip("../shared/captures is not there")
    return found


@pytest.fixture
def update_golden(request: pytest.FixtureRequest) -> bool:
    """Whether golden files are to be rewritten."""
    return bool(request.config.getoption("--update-golden"))
