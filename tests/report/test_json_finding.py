"""Findings written on the fast path."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dissector.analysis import run
from dissector.capture.rings import groups
from dissector.model import Endpoint, Finding, FrameRef
from dissector.options import Options
from dissector.report.json_buffer import JsonBuffer
from dissector.report.json_finding import FindingText
from dissector.report.json_v1 import Writer
from tests.conftest import ROOT
from tests.report.builders import NullSink, finding

CAPTURES = sorted((ROOT / "samples").rglob("*.pcap*"))
encode = msgspec.json.Encoder().encode


class BothFindingWriters(NullSink):
    """A sink that writes every finding on the fast path and on the general path."""

    def __init__(self, digits: int | None = None) -> None:
        self.writer = Writer(key=b"k", digits=digits)
        self.fast = FindingText(self.writer, JsonBuffer())
        self.counts = [0, 0]

    def precision(self, digits: int) -> None:
        self.writer.digits = digits

    def finding(self, record: Finding) -> None:
        text = self.fast.text(record, "{")
        self.counts[text is None] += 1
        if text is not None:
            assert text == encode(self.writer.finding(record))


@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: path.name)
def test_samples_are_written_alike(path: Path) -> None:
    """Fast path and general path write the same for every finding of every sample."""
    run(groups([str(path)]), Options(audit=True), BothFindingWriters())


texts = st.text(max_size=8) | st.sampled_from(['a "b"', "a\\b", "a\udc80", "plain", ""])
scalars = st.none() | st.booleans() | st.integers() | st.floats() | texts | st.binary(max_size=4)
values = scalars | st.lists(scalars, max_size=3) | st.frozensets(texts, max_size=3)
frames = st.builds(FrameRef, st.sampled_from(["a.pcap", "b.pcap", "é.pcap"]),
                   st.integers(1, 2**40), st.integers(-(2**40), 2**62))  # fmt: skip
ends = st.builds(Endpoint, st.sampled_from(["10.0.0.1", 'not "one"']), st.integers(0, 65535),
                 st.sampled_from([None, "02:00:00:00:00:01"]))  # fmt: skip


@given(st.data(), st.sampled_from([6, 9, None]))
def test_any_finding_is_written_alike(data: st.DataObject, digits: int | None) -> None:
    """For any finding the fast path writes the same as the general path or nothing."""
    record = finding(
        handshake=data.draw(st.none() | st.integers(0, 2**40)),
        stream=data.draw(st.integers(0, 2**40)),
        section=data.draw(st.none() | texts),
        version=data.draw(st.sampled_from([None, finding().version])),
        client_id=data.draw(st.none() | texts),
        frames=tuple(data.draw(st.lists(frames, max_size=4))),
        time_ns=data.draw(st.integers(-(2**40), 2**62)),
        message=data.draw(texts),
        evidence=data.draw(st.dictionaries(texts, values, max_size=3)),
        client=data.draw(st.none() | ends),
        server=data.draw(st.none() | ends),
    )
    BothFindingWriters(digits).finding(record)


@pytest.mark.parametrize(
    ("record", "fast"),
    [
        (finding(), True),
        (finding(None, client_id=None, version=None, section=None, client=None), True),
        (finding(evidence={"ids": ["a", "b"], "none": [], "seen": 5}), True),
        (finding(message='called "x"'), False),
        (finding(client_id="é"), False),
        (finding(evidence={"seconds": 1.5}), False),
        (finding(evidence={"far": 2**64, "near": -1}), False),
    ],
)
def test_only_plain_values_take_the_fast_path(record: Finding, fast: bool) -> None:
    """Text that JSON has to escape, and values that are no text or count, take the general path."""
    both = BothFindingWriters()
    both.finding(record)
    assert both.counts == [fast, not fast]
