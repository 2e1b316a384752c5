"""Cases that once failed hold; and each target, for a moment, finds nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fuzz.targets import TARGETS
from tests.fuzz.worker import WorkerSettings, failure, read_case, run

KEPT = Path(__file__).parent / "regressions"
CASES = sorted(path for path in KEPT.iterdir() if path.suffix in (".packet", ".capture", ".whole"))


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.name)
def test_case_that_once_failed(path: Path) -> None:
    """An input that broke an invariant once breaks none."""
    key, story, _ = failure(read_case(path), 0)
    assert not key, f"{key}: {story}"


@pytest.mark.parametrize("target", TARGETS)
def test_target_for_a_moment(target: str, tmp_path: Path) -> None:
    """A short run with a fixed seed breaks no invariant."""
    tally = run(WorkerSettings(target, seconds=2, seed=1, corpus=str(tmp_path)))
    assert tally.cases
    assert not tally.failures
