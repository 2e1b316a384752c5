"""What all tests share: where the outside captures are, what is skipped where a tool is missing."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared" / "captures"

settings.register_profile(
    "project", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=False
)
settings.load_profile("project")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Offer to write golden files anew."""
    parser.addoption(
        "--update-golden", action="store_true", help="write the files under tests/golden anew"
    )


def need_tool(name: str) -> str:
    """Give the path of a program; skip the test where it is missing (in CI: fail)."""
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
    """The real captures beside the project; skip where they are not there."""
    found = sorted(SHARED.glob("*.pcap")) if SHARED.is_dir() else []
    if not found:
        pytest.skip("../shared/captures is not there")
    return found


@pytest.fixture
def update_golden(request: pytest.FixtureRequest) -> bool:
    """Whether golden files are to be written anew."""
    return bool(request.config.getoption("--update-golden"))
