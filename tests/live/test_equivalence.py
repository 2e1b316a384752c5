"""A live source that replays frames gives the same findings as the file, each of them once."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterator, Sequence

import pytest

import dissector
from dissector.capture.batch import Batch
from dissector.capture.live_source import LiveSource
from dissector.live import Live
from dissector.model import CaptureWarning
from dissector.options import Options
from dissector.rules.base import Example
from dissector.rules.examples import CONNECT_31, CONNECT_311
from dissector.rules.registry import all_rules
from samples.build import Frame, conversation, pcap

EXAMPLES = [
    pytest.param(example, id=f"{rule.id} {example.title}")
    for rule in all_rules()
    for example in (*rule.bad, *rule.good)
]
STEP = 1_000_000_000


class ReplaySource(LiveSource):
    """Replays frames at their times, with empty batches every second between and `after` them."""

    def __init__(self, frames: Sequence[Frame], after: int = 0, dropped: int | None = None) -> None:
        super().__init__("played")
        self.dropped = dropped
        self.watched = dropped is not None
        self.links = [1]
        self.digits = 6
        self._now = 0
        self._batches = self._play(frames, after)
        self._batch = Batch()

    def next_batch(self) -> Batch | None:
        return next(self._batches, None)

    def now_ns(self) -> int:
        return self._now

    def _play(self, frames: Sequence[Frame], after: int) -> Iterator[Batch]:
        batch = self._batch
        for frame in frames:
            yield from self._pass(frame.time_ns)
            batch.window = frame.data
            batch.offset[0] = 0
            batch.captured[0] = batch.original[0] = len(frame.data)
            batch.time_ns[0], batch.link[0], batch.count = frame.time_ns, 1, 1
            self._now = frame.time_ns
            self.hand_out(batch, len(frame.data))
            yield batch
        yield from self._pass(self._now + after * STEP)

    def _pass(self, until: int) -> Iterator[Batch]:
        self._batch.count = 0
        while self._now and self._now + STEP < until:
            self._now += STEP
            yield self._batch


class RecordingSink:
    """Records what a live capture reports, and findings with the time of the report."""

    def __init__(self) -> None:
        self.findings: list[tuple[dissector.Finding, int]] = []
        self.handshakes: list[dissector.Handshake] = []
        self.outcomes: list[dissector.Outcome] = []
        self.warnings: list[CaptureWarning] = []
        self.source: LiveSource | None = None

    def precision(self, digits: int) -> None:
        assert digits == 6

    def handshake(self, record: dissector.Handshake) -> None:
        self.handshakes.append(record)
        self.outcomes.append(record.outcome)

    def closed(self, record: dissector.Handshake) -> None:
        assert record in self.handshakes or record.connack is None

    def finding(self, record: dissector.Finding) -> None:
        assert self.source is not None
        self.findings.append((record, self.source.now_ns()))

    def tls_handshake(self, record: object) -> None:
        raise AssertionError("no example is encrypted")

    def warning(self, record: CaptureWarning) -> None:
        self.warnings.append(record)


def play(source: LiveSource, options: Options | None = None) -> tuple[RecordingSink, Live]:
    """Analyzes a live source to its end."""
    sink = RecordingSink()
    sink.source = source
    live = Live(source, options or Options(), sink)
    for _ in live.steps():
        pass
    return sink, live


def keys(findings: Sequence[dissector.Finding]) -> Counter[tuple[object, ...]]:
    return Counter((one.rule, one.side, one.frame, one.time_ns, one.span) for one in findings)


@pytest.mark.parametrize("example", EXAMPLES)
def test_live_reports_the_same_as_for_a_file(example: Example) -> None:
    """Every example of every rule gives the same findings, handshakes and counts, each once."""
    frames = conversation(example.steps, server_port=example.port)
    whole = dissector.analyze(io.BytesIO(pcap(frames)))
    sink, live = play(ReplaySource(frames))
    assert keys([finding for finding, _ in sink.findings]) == keys(whole.findings)
    assert [one.id for one in sink.handshakes] == list(
        dict.fromkeys(one.id for one in sink.handshakes)
    )
    known = {one.id: one for one in whole.handshakes}
    assert {one.id for one in sink.handshakes} == set(known)
    for reported, outcome in zip(sink.handshakes, sink.outcomes, strict=True):
        assert outcome == known[reported.id].outcome
        assert len(reported.auths) == len(known[reported.id].auths)
    assert live.outcome().summary == whole.summary


@pytest.mark.parametrize("select", [("SES",), ("SES", "SEC03")])
def test_filters_restrict_what_is_reported(select: tuple[str, ...]) -> None:
    """Streams and client ids restrict what is reported and counted, also in an audit."""
    accepted = ("S 20 02 01 00", "C e0 00", "C FIN", "S FIN")
    frames = conversation((CONNECT_311, *accepted, "NEW", CONNECT_31, "S 20 02 00 00", "+1"))
    for wanted, streams in (
        (Options(select=select), {0, 1}),
        (Options(select=select, streams=frozenset({0})), {0}),
        (Options(select=select, streams=frozenset({7})), set()),
        (Options(select=select, clients=frozenset({"a"})), {0, 1}),
        (Options(select=select, clients=frozenset({"b"})), set()),
    ):
        sink, live = play(ReplaySource(frames), wanted)
        assert {one.stream for one in sink.handshakes} == streams
        assert {one.stream for one, _ in sink.findings} <= streams
        assert [one.rule for one, _ in sink.findings].count("SES01") == (0 in streams)
        assert live.outcome().summary.handshakes == len(streams)


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_overdue_finding_is_reported_after_its_deadline(example: Example) -> None:
    """A finding about a deadline is reported within two seconds after it, never before."""
    frames = conversation(example.steps, server_port=example.port)
    sink, _ = play(ReplaySource(frames, after=60, dropped=0))
    ends = {one.frame for one, _ in sink.findings}
    for finding, reported_ns in sink.findings:
        deadline = max(finding.time_ns, max(frame.time_ns for frame in finding.frames))
        assert reported_ns >= finding.time_ns
        if finding.time_ns > max(frame.time_ns for frame in finding.frames):
            assert reported_ns - deadline <= 3 * STEP, (finding.rule, ends)


def test_after_drops_absences_are_not_evaluated() -> None:
    """After frames were dropped, a missing packet is no finding but not evaluated."""
    steps = ("C 10 0d 00 04 4d 51 54 54 04 02 00 3c 00 01 61", "S 20 02 00 05", "+8")
    sink, _ = play(ReplaySource(conversation(steps), dropped=0))
    assert [finding.rule for finding, _ in sink.findings] == ["SEQ09"]
    source = ReplaySource(conversation(steps), dropped=0)
    sink = RecordingSink()
    sink.source = source
    live = Live(source, Options(), sink)
    for _ in live.steps():
        if source.frames == 5:
            source.interruptions = 1
            source.dropped = 7
    assert not sink.findings
    outcome = live.outcome()
    assert ("SEQ09", "frames were dropped while it was open") in {
        (one.rule, one.reason) for one in outcome.not_evaluated
    }
    assert outcome.capture.dropped == 7
    assert [one.message for one in sink.warnings if one.kind == "dropped"] == [
        "the kernel dropped 7 frames, 7 in total; use a larger --buffer or a narrower -f"
    ]


def test_idle_connections_are_evicted_with_their_verdicts() -> None:
    """An idle connection is evaluated and evicted, and may continue later in mid-stream."""
    steps = ("C 10 0d 00 04 4d 51 54 54 04 02 00 3c 00 01 61", "S 20 02 00 00")
    other = [
        frame._replace(time_ns=frame.time_ns + 25 * 3600 * STEP)
        for frame in conversation(steps, client_port=40001)
    ]
    first = conversation(steps)
    ping = first[-1]._replace(time_ns=other[-1].time_ns + 120 * STEP)
    source = ReplaySource([*first, *other, ping])
    sink = RecordingSink()
    sink.source = source
    live = Live(source, Options(), sink)
    most = 0
    for _ in live.steps():
        if source.frames < len(first) + len(other) + 1:
            most = max(most, live.counters().open_connections)
    assert most == 1  # never both at once
    assert live.counters().open_connections == 0
    assert [one.outcome for one in sink.handshakes] == [dissector.Outcome.ACCEPTED] * 2
    assert not sink.findings
    assert live.outcome().summary.handshakes == 2
