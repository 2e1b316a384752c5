"""Analyzes a live capture: reports records while frames are captured.

Uses the same layers as for files, but reports earlier: a handshake with its CONNACK, something
missing when its deadline has passed. The caller iterates over the steps of the capture; nothing
happens between two steps, so it may stop after any of them.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Protocol

import msgspec

from dissector.analysis import AnalysisResult, Sink, describe, make_collector
from dissector.capture.batch import Batch
from dissector.capture.flagged import FlaggedFrames
from dissector.capture.live import open_live
from dissector.capture.live_source import LiveSource
from dissector.capture.packet_filter import default_filter
from dissector.capture.recorder import Recorder, frame_of
from dissector.connections.handshake import Handshake
from dissector.engines.live import LiveEngine
from dissector.errors import CaptureError
from dissector.model import CaptureWarning, Finding
from dissector.options import Options
from dissector.rules.live_collector import LiveAuditCollector, LiveCollector
from dissector.text import printable

if TYPE_CHECKING:
    from dissector.connections.tls_handshake import TlsHandshake

_DROP_WARNING_PAUSE = 10.0  # seconds between two warnings about dropped frames


class LiveSink(Sink, Protocol):
    """Receives records while they are captured.

    `handshake` is called with the CONNACK, or at the end of a connection without one.
    """

    def closed(self, record: Handshake) -> None:
        """Called with a handshake that was reported before, when its connection has ended."""


class LiveCounters(msgspec.Struct):
    """Counters of a live capture. `gaps` is the number of gaps in TCP streams."""

    frames: int
    mqtt_connections: int
    handshakes: int
    findings: int
    open_connections: int
    dropped: int | None
    gaps: int


class Live:
    """Analysis of one live capture.

    `recorder` writes its frames; with `flagged_only` only those of connections with a finding.
    """

    def __init__(
        self,
        source: LiveSource,
        options: Options,
        sink: LiveSink,
        *,
        recorder: Recorder | None = None,
        flagged_only: bool = False,
    ) -> None:
        self.source = source
        self._sink = sink
        self._recorder = recorder
        self._flagged = FlaggedFrames(recorder) if recorder is not None and flagged_only else None
        self._unwritten: list[Finding] = []
        self._findings = self._handshakes = self._gaps = 0
        self._dropped = 0
        self._reported_at = -_DROP_WARNING_PAUSE
        collector = make_collector(options, self, plain=LiveCollector, audit=LiveAuditCollector)
        assert isinstance(collector, LiveCollector | LiveAuditCollector)
        collector.reported = self._reported
        self._collector = collector
        self._engine = LiveEngine(
            source, collector, options.ports, collector.overdue, tls_ports=options.tls_ports,
            deadlines=options.deadlines,
            each=None if self._flagged is None else self._put_flagged,
        )  # fmt: skip

    def steps(self) -> Generator[None, None, None]:
        """Analyzes what is captured, in steps of at most a tenth of a second, until the end.

        Raises:
            CaptureError: the recorder cannot write.
        """
        digits = 0
        following = self._engine.follow()
        try:
            for batch in following:
                if self.source.digits != digits:
                    digits = self.source.digits
                    self._sink.precision(digits)
                self._check_source()
                self._record(batch)
                yield
        finally:
            following.close()
            self._record(None)

    def counters(self) -> LiveCounters:
        """Returns the current counters."""
        engine = self._engine
        return LiveCounters(
            self.source.frames,
            engine.context.mqtt_connections,
            self._handshakes,
            self._findings,
            engine.open_connections,
            self.source.dropped,
            self._gaps,
        )

    def outcome(self) -> AnalysisResult:
        """Returns the result after the last step; dumpcap reports drops only when it has ended."""
        self.source.close()
        self._reported_at = -_DROP_WARNING_PAUSE
        self._check_source()
        capture = describe(self._engine, [self.source])
        capture.dropped = self.source.dropped
        return AnalysisResult(
            capture=capture,
            summary=self._collector.summary(),
            not_evaluated=self._collector.not_evaluated(),
            failed=[CaptureError(self.source.ended)] if self.source.ended else [],
        )

    def warn(self, kind: str, message: str) -> None:
        """Reports a warning that refers to no frame."""
        self.warning(CaptureWarning(kind, message, self.source.path))

    # The methods of a sink, called by the collector

    def precision(self, digits: int) -> None:
        """Ignored: the precision is passed on with the first frames."""

    def handshake(self, record: Handshake) -> None:
        """Passes on a handshake whose connection has ended."""
        self._sink.closed(record)

    def tls_handshake(self, record: TlsHandshake) -> None:
        """Passes on a TLS connection that has ended."""
        self._sink.tls_handshake(record)

    def finding(self, record: Finding) -> None:
        """Passes on a finding, and keeps it until its frame is written."""
        self._findings += 1
        if self._recorder is not None:
            self._unwritten.append(record)
        self._sink.finding(record)

    def warning(self, record: CaptureWarning) -> None:
        """Passes on a capture warning, and counts gaps."""
        self._gaps += record.kind == "gap"
        self._sink.warning(record)

    def _reported(self, record: Handshake) -> None:
        self._handshakes += 1
        self._sink.handshake(record)

    def _check_source(self) -> None:
        source = self.source
        while source.warnings:
            self.warning(source.warnings.pop(0))
        while source.notices:
            self.warn(*source.notices.pop(0))
        dropped = source.dropped or 0
        if dropped > self._dropped and time.monotonic() - self._reported_at >= _DROP_WARNING_PAUSE:
            self.warn(
                "dropped",
                f"the kernel dropped {dropped - self._dropped} frames, {dropped} in total; "
                "use a larger --buffer or a narrower -f",
            )
            self._dropped = dropped
            self._reported_at = time.monotonic()

    def _record(self, batch: Batch | None) -> None:
        """Writes frames with their findings; later findings become comments on a later frame."""
        recorder = self._recorder
        if recorder is None:
            return
        self._recorder = None  # until writing succeeds: a failed recorder is not used again
        if self._flagged is not None:
            self._flag_connections(self._flagged)
            self._flagged.flush()
            self._recorder = recorder
            return
        comments: dict[int, list[str]] = {}
        late: list[str] = []
        for finding in self._unwritten:
            index = -1 if batch is None else finding.frame - batch.first_number
            if batch is not None and 0 <= index < batch.count:
                comments.setdefault(index, []).append(comment(finding))
            else:
                late.append(f"{comment(finding)} (frame {finding.frame})")
        self._unwritten.clear()
        if batch is not None and batch.count:
            recorder.take(batch, self.source.interface, comments)
        for text in late:
            recorder.comment(text)
        self._recorder = recorder

    def _put_flagged(self, batch: Batch, index: int, stream: int) -> None:
        """Buffers a frame until there is a finding on its connection."""
        flagged = self._flagged
        if flagged is not None and self._recorder is not None:
            number = batch.first_number + index
            flagged.put(number, frame_of(batch, index), self.source.interface, stream)
            self._flag_connections(flagged)

    def _flag_connections(self, flagged: FlaggedFrames) -> None:
        for finding in self._unwritten:
            flagged.found(finding.stream, finding.frame, comment(finding))
        self._unwritten.clear()


class _Queue:
    """A sink that queues records."""

    def __init__(self) -> None:
        self.records: deque[Handshake | TlsHandshake | Finding | CaptureWarning] = deque()
        self.handshake = self.finding = self.warning = self.records.append
        self.tls_handshake = self.records.append

    def precision(self, digits: int) -> None:
        """Ignored: nothing is formatted here."""

    def closed(self, record: Handshake) -> None:
        """Ignored: the handshake was queued before."""


def sniff(
    *interfaces: str,
    capture_filter: str | None = None,
    ports: Sequence[int] = (),
    select: Sequence[str] = (),
    ignore: Sequence[str] = (),
    count: int | None = None,
    duration: float | None = None,
    write: str | None = None,
) -> Iterator[Handshake | TlsHandshake | Finding | CaptureWarning]:
    """Captures on network interfaces and yields each record as soon as it is proven.

    Args:
        interfaces: names; none or "any" means all.
        capture_filter: a libpcap filter; by default the usual MQTT ports and `ports`.
        ports: MQTT ports besides 1883.
        select: prefixes of rule ids to report; empty means all.
        ignore: prefixes of rule ids to leave out.
        count: number of frames after which to stop.
        duration: seconds after which to stop.
        write: a pcapng file for the frames, with findings as packet comments.

    Raises:
        CaptureError: no such interface, or no permission to capture; it says what to do.
        OptionError: an invalid filter or an unknown rule.
    """
    options = Options(select=tuple(select), ignore=tuple(ignore), ports=frozenset(ports))
    queue = _Queue()
    expression = default_filter(ports) if capture_filter is None else capture_filter
    recorder: Recorder | None = None
    source = open_live(
        interfaces or ("any",),
        expression,
        vlan_too=capture_filter is None,
    )
    source.limit = count
    try:
        if write is not None:
            recorder = Recorder(write, "mqtt-dissector", capture_filter=expression)
        live = Live(source, options, queue, recorder=recorder)
        end = None if duration is None else time.monotonic() + duration
        with closing(live.steps()) as steps:
            for _ in steps:
                while queue.records:
                    yield queue.records.popleft()
                if count is not None and source.frames >= count:
                    break
                if end is not None and time.monotonic() >= end:
                    break
        while queue.records:
            yield queue.records.popleft()
        if source.ended:
            raise CaptureError(source.ended)
    finally:
        source.close()
        if recorder is not None:
            recorder.close()


def comment(finding: Finding) -> str:
    """Formats a finding as a packet comment, one line that Wireshark shows with the frame.

    It says what is wrong, whose fault it is, and what is violated; captured text is escaped.
    """
    broken = ", ".join(finding.statements) or (
        f"section {finding.section}" if finding.section else ""
    )
    cited = f" [{broken} of MQTT {finding.cited_version}]" if broken else ""
    return (
        f"{finding.rule} {finding.severity.value}, the {finding.side.value}'s fault: "
        f"{printable(finding.message)}{cited}"
    )
