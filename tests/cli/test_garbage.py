"""Memory is freed without the cycle collector, which the command turns off."""

from __future__ import annotations

import gc
from pathlib import Path

import pytest

from dissector.analysis import run
from dissector.capture.rings import groups
from dissector.options import Options
from dissector.report.json_lines import JsonLines
from tests.conftest import ROOT


class _DiscardedOutput:
    def write(self, data: bytes, /) -> int:
        return len(data)

    def flush(self) -> None:
        pass


def garbage_of(path: Path) -> int:
    """Analyzes a capture and returns the number of objects that only the collector frees."""
    sink = JsonLines(_DiscardedOutput())
    outcome = run(groups([str(path)]), Options(), sink)
    sink.finish(outcome.capture, outcome.summary, outcome.not_evaluated)
    del sink, outcome
    return gc.collect()


@pytest.mark.parametrize("name", ["mosquitto-raw-3.1.1-malformed-connects.pcap"])
def test_analysing_leaves_no_cycles_behind(name: str) -> None:
    """The number of objects in cycles does not grow with the capture."""
    small = ROOT / "samples" / "made" / "ack03-session-present-in-refusal.pcap"
    large = ROOT / "samples" / "recorded" / name
    garbage_of(large)  # the first run imports modules and fills caches
    gc.collect()
    gc.disable()
    try:
        fixed = garbage_of(small)
        assert garbage_of(large) < fixed + 100
    finally:
        gc.enable()
