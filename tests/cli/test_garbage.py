"""Memory is given back without a collector: the command turns it off."""

from __future__ import annotations

import gc
from pathlib import Path

import pytest

from dissector.analysis import Options, run
from dissector.report.json_lines import JsonLines
from tests.conftest import ROOT


class _Nowhere:
    def write(self, data: bytes, /) -> int:
        return len(data)

    def flush(self) -> None:
        pass


def garbage_of(path: Path) -> int:
    """Analyse a capture and give the number of objects that only the collector could free."""
    sink = JsonLines(_Nowhere())
    outcome = run([str(path)], Options(), sink)
    sink.finish(outcome.capture, outcome.summary, outcome.not_evaluated)
    del sink, outcome
    return gc.collect()


@pytest.mark.parametrize("name", ["mosquitto-raw-3.1.1-malformed-connects.pcap"])
def test_analysing_leaves_no_cycles_behind(name: str) -> None:
    """What is left to the collector does not grow with what is in the capture."""
    small = ROOT / "samples" / "made" / "ack03-session-present-in-refusal.pcap"
    large = ROOT / "samples" / "recorded" / name
    garbage_of(large)  # what is imported and kept at the first run
    gc.collect()
    gc.disable()
    try:
        fixed = garbage_of(small)
        assert garbage_of(large) < fixed + 100
    finally:
        gc.enable()
