"""A live source in, records out as they come true: the wiring of a capture that goes on.

The same stages as for files, in another order of time: handshakes are told with their CONNACK,
what is overdue when its deadline passes. Whoever runs it takes the steps; between two of them
nothing happens, so it may stop after any.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Protocol

import msgspec

from dissector.analysis import AnalysisResult, Options, Sink, describe, hear
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
from dissector.rules.comment import comment
from dissector.rules.live_collector import LiveAuditCollector, LiveCollector

if TYPE_CHECKING:
    from dissector.connections.tls_handshake import TlsHandshake

_DROPS_TOLD = 10.0  # seconds between two warnings of frames that were dropped


class LiveSink(Sink, Protocol):
    """Receives records as they come true.

    `handshake` is called with the CONNACK, or at the end of a connection that had none.
    """

    def closed(self, record: Handshake) -> None:
        """Take a handshake, told before, whose connection has ended."""


class LiveCounters(msgspec.Struct):
    """How far a live capture is. `gaps` are bytes that were lost in TCP streams, as places."""

    frames: int
    mqtt_connections: int
    handshakes: int
    findings: int
    open_connections: int
    dropped: int | None
    gaps: int


class Live:
    """One live capture being judged.

    `recorder` keeps its frames; `flagged_only`: those of connections with a finding.
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
        self._fresh: list[Finding] = []
        self._findings = self._handshakes = self._gaps = 0
        self._dropped = 0
        self._reported_at = -_DROPS_TOLD
        collector = hear(options, self, plain=LiveCollector, audit=LiveAuditCollector)
        assert isinstance(collector, LiveCollector | LiveAuditCollector)
        collector.reported = self._reported
        self._collector = collector
        self._engine = LiveEngine(
            source, collector, options.ports, collector.overdue, tls_ports=options.tls_ports,
            each=None if self._flagged is None else self._keep,
        )  # fmt: skip

    def steps(self) -> Generator[None, None, None]:
        """Take what comes, a tenth of a second at most at a time; the end of it ends everything.

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
                self._look_after_source()
                self._record(batch)
                yield
        finally:
            following.close()
            self._record(None)

    def figures(self) -> LiveCounters:
        """Say how far it is."""
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
        """Give what is known at the end, after the last step; dumpcap tells drops only there."""
        self.source.close()
        self._reported_at = -_DROPS_TOLD
        self._look_after_source()
        capture = describe(self._engine, [self.source])
        capture.dropped = self.source.dropped
        return AnalysisResult(
            capture=capture,
            summary=self._collector.summary(),
            not_evaluated=self._collector.not_evaluated(),
            failed=[CaptureError(self.source.ended)] if self.source.ended else [],
        )

    def warned(self, kind: str, message: str) -> None:
        """Tell of a limit of the view that is of no frame."""
        self.warning(CaptureWarning(kind, message, self.source.path))

    # As a sink: what the hearing hands on

    def precision(self, digits: int) -> None:
        """It is told when the first frames are there."""

    def handshake(self, record: Handshake) -> None:
        """Take a handshake whose connection has ended."""
        self._sink.closed(record)

    def tls_handshake(self, record: TlsHandshake) -> None:
        """Take a TLS connection that has ended."""
        self._sink.tls_handshake(record)

    def finding(self, record: Finding) -> None:
        """Take a finding, and keep it for the frame that it is about."""
        self._findings += 1
        if self._recorder is not None:
            self._fresh.append(record)
        self._sink.finding(record)

    def warning(self, record: CaptureWarning) -> None:
        """Take a limit of our own view."""
        self._gaps += record.kind == "gap"
        self._sink.warning(record)

    def _reported(self, record: Handshake) -> None:
        self._handshakes += 1
        self._sink.handshake(record)

    def _look_after_source(self) -> None:
        source = self.source
        while source.warnings:
            self.warning(source.warnings.pop(0))
        while source.notices:
            self.warned(*source.notices.pop(0))
        dropped = source.dropped or 0
        if dropped > self._dropped and time.monotonic() - self._reported_at >= _DROPS_TOLD:
            self.warned(
                "dropped",
                f"the kernel had no room for {dropped - self._dropped} frames, {dropped} in all; "
                "a larger --buffer or a narrower -f helps",
            )
            self._dropped = dropped
            self._reported_at = time.monotonic()

    def _record(self, batch: Batch | None) -> None:
        """Write frames with what was found on them; what is found later stands on a later frame."""
        recorder = self._recorder
        if recorder is None:
            return
        self._recorder = None  # until it has worked: one that failed is not asked again
        if self._flagged is not None:
            self._say(self._flagged)
            self._flagged.flush()
            self._recorder = recorder
            return
        comments: dict[int, list[str]] = {}
        late: list[str] = []
        for finding in self._fresh:
            index = -1 if batch is None else finding.frame - batch.first_number
            if batch is not None and 0 <= index < batch.count:
                comments.setdefault(index, []).append(comment(finding))
            else:
                late.append(f"{comment(finding)} (frame {finding.frame})")
        self._fresh.clear()
        if batch is not None and batch.count:
            recorder.take(batch, self.source.interface, comments)
        for text in late:
            recorder.comment(text)
        self._recorder = recorder

    def _keep(self, batch: Batch, index: int, stream: int) -> None:
        """Let a frame wait until something is found on its connection."""
        flagged = self._flagged
        if flagged is not None and self._recorder is not None:
            number = batch.first_number + index
            flagged.put(number, frame_of(batch, index), self.source.interface, stream)
            self._say(flagged)

    def _say(self, flagged: FlaggedFrames) -> None:
        for finding in self._fresh:
            flagged.found(finding.stream, finding.frame, comment(finding))
        self._fresh.clear()


class _Queue:
    """A sink that keeps records until they are taken."""

    def __init__(self) -> None:
        self.records: deque[Handshake | TlsHandshake | Finding | CaptureWarning] = deque()
        self.handshake = self.finding = self.warning = self.records.append
        self.tls_handshake = self.records.append

    def precision(self, digits: int) -> None:
        """Nothing is written here."""

    def closed(self, record: Handshake) -> None:
        """It was told before."""


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
    """Judge MQTT on network interfaces and give each record as it comes true.

    Args:
        interfaces: names; none, or "any", means all.
        capture_filter: in tcpdump's words; by default the usual MQTT ports, and `ports`.
        ports: MQTT ports besides 1883.
        select: prefixes of rule ids to report; empty means all.
        ignore: prefixes of rule ids to leave out.
        count: frames after which to stop.
        duration: seconds after which to stop.
        write: a pcapng file to keep the frames in, findings as packet comments.

    Raises:
        CaptureError: no such interface, or no right to capture; it says what to do.
        OptionError: the filter or a rule is not understood.
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
