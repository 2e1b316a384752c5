"""Saved cases pass, and a short run of each target finds nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fuzz.targets import TARGETS
from tests.fuzz.worker import WorkerSettings, failure, read_case, run

KEPT = Path(__file__).parent / "regressions"
CASES = sorted(path for path in KEPT.iterdir() if path.suffix in (".packet", ".capture", ".whole"))


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.name)
def test_case_that_once_failed(path: Path) -> None:
    """An input that once violated an invariant violates none now."""
    key, details, _ = failure(read_case(path), 0)
    assert not key, f"{key}: {details}"


@pytest.mark.parametrize("target", TARGETS)
def test_short_run(target: str, tmp_path: Path) -> None:
    """A run of two seconds with a fixed seed violates no invariant."""
    counts = run(WorkerSettings(target, seconds=2, seed=1, corpus=str(tmp_path)))
    assert counts.cases
    assert not counts.failures
