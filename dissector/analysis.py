"""Runs analyses of captures: connects sources, engine and rules with a sink for the records.

Records reach a `Sink` as soon as they are proven, so that a report can be written in bounded
memory; `analyze` collects them. What is known only at the end (counts, rules that were not
evaluated) is the `AnalysisResult`.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Protocol

import msgspec

from dissector import opening
from dissector.capture.rings import CaptureFiles, Source, described, first_time_ns, groups
from dissector.capture.source import CaptureReader, path_of
from dissector.connections.connection import Connection
from dissector.connections.handshake import Handshake
from dissector.engines.native import NativeEngine, PacketSink
from dissector.errors import CaptureError, OptionError
from dissector.model import (
    Capture,
    CaptureFile,
    CaptureWarning,
    Finding,
    NotEvaluated,
    Side,
    Stream,
    Summary,
)
from dissector.mqtt import spec
from dissector.mqtt.packets.packet import Packet
from dissector.options import Options
from dissector.rules.finding_collector import CollectorOptions, FindingCollector, is_selected
from dissector.rules.registry import AUDIT_GROUPS, pedantic_rules, selected

if TYPE_CHECKING:
    from dissector.activity.context import AuditContext
    from dissector.activity.tls import TlsAuditContext
    from dissector.activity.tracker import ActivityTracker
    from dissector.capture.live_source import LiveSource
    from dissector.connections.tls_handshake import TlsHandshake
    from dissector.rules.audit_collector import AuditCollector

PORTS_NAMED = 5  # number of busiest other ports in a capture's record

CONTRADICTING = (
    "segments of different files contradict each other, as if they were captured on different "
    "networks; what is reported about them may be wrong: --separate reads each file by itself"
)

Progress = Callable[[int, int | None], None]


class Sink(Protocol):
    """Receives records as soon as they are proven."""

    def precision(self, digits: int) -> None:
        """Called before a capture's first record with its precision of times, 6 or 9 digits."""

    def handshake(self, record: Handshake) -> None:
        """Called with a handshake when its connection, or the capture of it, has ended."""

    def finding(self, record: Finding) -> None:
        """Called with a finding; its handshake may come before or after."""

    def warning(self, record: CaptureWarning) -> None:
        """Called with a capture warning."""

    def tls_handshake(self, record: TlsHandshake) -> None:
        """Called with a TLS connection that seems to carry MQTT, when it or its capture ended."""


class Report(msgspec.Struct):
    """Complete result of an analysis: handshakes in order of id, findings in order of proof.

    `tls_handshakes` are the TLS connections that seem to carry MQTT, decrypted or not.
    """

    capture: Capture
    handshakes: list[Handshake] = msgspec.field(default_factory=list)
    findings: list[Finding] = msgspec.field(default_factory=list)
    warnings: list[CaptureWarning] = msgspec.field(default_factory=list)
    not_evaluated: list[NotEvaluated] = msgspec.field(default_factory=list)
    summary: Summary = msgspec.field(default_factory=Summary)
    tls_handshakes: list[TlsHandshake] = msgspec.field(default_factory=list)


class AnalysisResult(msgspec.Struct):
    """Result of an analysis. `failed` are errors of inputs that could not be read."""

    capture: Capture
    summary: Summary
    not_evaluated: list[NotEvaluated]
    failed: list[CaptureError]
    interrupted: bool = False


def run(
    captures: Sequence[CaptureFiles],
    options: Options,
    sink: Sink,
    progress: Progress | None = None,
    activity: ActivityTracker | None = None,
    ended_with: Callable[[AuditContext | TlsAuditContext], None] | None = None,
) -> AnalysisResult:
    """Analyzes captures one by one, the files of each in time order; "-" is standard input.

    There is at least one capture; the id of a capture is its place in `captures`. With audit rules
    they are analyzed in the order of their start: these rules remember what earlier ones showed.

    `progress` is called with the bytes read and the total bytes (None if unknown). `activity` and
    `ended_with` are for an audit: its tracker of hosts, and a callback for each connection that has
    ended. Raises CaptureError if there is one capture, and no file of it could be read, EngineError
    if TLS is to be decrypted and tshark is missing or fails.
    """
    several = len(captures) > 1
    check_streams(options, len(captures))
    to_capture = _CaptureSink(sink) if several else None
    receiver = to_capture or sink
    collector = make_collector(options, receiver, activity, ended_with)
    analysis = _Analysis(options, receiver, collector, _ProgressReporter(captures, progress))
    order = list(range(len(captures)))
    if several and collector.in_order_of_time:
        starts = [_start_ns(files) for files in captures]
        order.sort(key=lambda number: (starts[number] is None, starts[number] or 0))
    for number in order:
        if to_capture is not None:
            to_capture.begin(number, captures[number])
        try:
            analysis.capture(number, captures[number], several=several)
        except CaptureError as error:
            if not several:
                raise
            analysis.failed.append(error)
        except KeyboardInterrupt:  # between two captures
            if not several:
                raise
            analysis.interrupted = True
        if analysis.interrupted:
            break
    if several:
        capture = total(sorted(analysis.parts, key=lambda part: part.id))
        sink.precision(capture.digits)
    else:
        (capture,) = analysis.parts
    return AnalysisResult(
        capture=capture,
        summary=collector.summary(),
        not_evaluated=collector.not_evaluated(),
        failed=analysis.failed,
        interrupted=analysis.interrupted,
    )


class _Analysis:
    """Analyzes captures one by one; nothing is kept of one but its description, in `parts`."""

    def __init__(
        self,
        options: Options,
        sink: Sink,
        collector: FindingCollector,
        progress: _ProgressReporter,
    ) -> None:
        self.parts: list[Capture] = []
        self.failed: list[CaptureError] = []
        self.interrupted = False
        self._options = options
        self._sink = sink
        self._collector = collector
        self._progress = progress
        self._latest_ns: int | None = None
        self._handshakes = self._tls_handshakes = 0

    def capture(self, number: int, files: CaptureFiles, *, several: bool) -> None:
        """Analyzes one capture. Raises CaptureError if nothing of it can be read."""
        options, sink, collector = self._options, self._sink, self._collector
        undecrypted = collector.undecrypted
        with ExitStack() as stack:
            readers, failed, more = opening.opened(files.paths, options, sink.warning, stack)
            self.failed += failed
            if not readers:
                raise self.failed.pop()
            stack.callback(_close, readers)
            sink.precision(max(reader.digits for reader in readers))
            if files.missing:
                sink.warning(_ring_gap(files))
            engine = opening.engine_named(options.engine)(
                [reader.path for reader in readers],
                collector,
                options.ports,
                tls_ports=options.tls_ports,
                deadlines=options.deadlines,
                **more,
            )
            engine.context.handshakes = self._handshakes
            engine.context.tls_handshakes = self._tls_handshakes
            if several:
                streams = streams_of(options.streams, number)
                collector.begin_capture(number, streams, overlaps=self._overlaps(readers))
            self._progress.begin(readers)
            try:
                engine.run(readers, self._progress)
            except KeyboardInterrupt:
                self.interrupted = True
            finally:
                self._progress.end(readers)
                self._handshakes = engine.context.handshakes
                self._tls_handshakes = engine.context.tls_handshakes
                part = describe(engine, readers)
                part.id, part.ring = number, files.ring
                self.parts.append(part)
                if part.end_ns is not None:
                    self._latest_ns = max(self._latest_ns or part.end_ns, part.end_ns)
        if "decrypted" not in more and collector.undecrypted > undecrypted and not options.keylog:
            opening.warn_of_unused_secrets(readers, sink.warning)
        if len(files.paths) > 1 and engine.streams.contradictions:
            sink.warning(CaptureWarning("contradicting-files", CONTRADICTING))
        self.failed += engine.unknown_files(readers)

    def _overlaps(self, readers: Sequence[CaptureReader]) -> bool:
        """Whether a capture begins before the end of one that was analyzed before."""
        if self._latest_ns is None or not self._collector.in_order_of_time:
            return False
        starts = [reader.first_time_ns for reader in readers]
        return any(start is not None and start < self._latest_ns for start in starts)


def _close(readers: Sequence[CaptureReader]) -> None:
    for reader in readers:
        reader.close()


def _start_ns(files: CaptureFiles) -> int | None:
    """Returns the time of the first frame of a capture; None if it is not known beforehand."""
    times = [first_time_ns(path) for path in files.paths]
    return min((time_ns for time_ns in times if time_ns is not None), default=None)


def _ring_gap(files: CaptureFiles) -> CaptureWarning:
    what = "files of the ring are missing, and all frames in them"
    return CaptureWarning("ring-gap", f"{what}: number {described(files.missing)}")


def total(parts: Sequence[Capture]) -> Capture:
    """Returns the total of several captures."""
    control_packets: Counter[str] = Counter()
    other_traffic: Counter[str] = Counter()
    datagrams: Counter[str] = Counter()
    other_ports: dict[str, Counter[int]] = {}
    for part in parts:
        control_packets.update(part.control_packets)
        other_traffic.update(part.other_traffic)
        datagrams.update(part.datagrams)
        for kind, ports in part.other_ports.items():
            other_ports.setdefault(kind, Counter()).update(ports)
    starts = [part.start_ns for part in parts if part.start_ns is not None]
    ends = [part.end_ns for part in parts if part.end_ns is not None]
    return Capture(
        files=[file for part in parts for file in part.files],
        frames=sum(part.frames for part in parts),
        start_ns=min(starts, default=None),
        end_ns=max(ends, default=None),
        digits=max((part.digits for part in parts), default=6),
        streams=sum(part.streams for part in parts),
        mqtt_connections=sum(part.mqtt_connections for part in parts),
        control_packets={
            name: control_packets[name] for name in spec.PACKET_NAMES if control_packets[name]
        },
        other_traffic=dict(sorted(other_traffic.items())),
        other_ports={kind: dict(ports) for kind, ports in other_ports.items()},
        datagrams=dict(datagrams),
        engine=parts[0].engine if parts else "native",
        parts=list(parts),
    )  # fmt: skip


def streams_of(selected_streams: frozenset[Stream] | None, capture: int) -> frozenset[int] | None:
    """Returns the selected streams of one of several captures; None for all."""
    if selected_streams is None:
        return None
    return frozenset(
        item if isinstance(item, int) else item[1]
        for item in selected_streams
        if isinstance(item, int) or item[0] == capture
    )


def check_streams(options: Options, captures: int) -> None:
    """Raises OptionError if a stream of a capture is selected that does not exist."""
    for item in options.streams or ():
        if not isinstance(item, int) and item[0] >= captures:
            there = "1 capture, number 0" if captures == 1 else f"{captures} captures, from 0 on"
            raise OptionError(
                f"--stream {item[0]}:{item[1]}: there is no capture {item[0]}; there are {there}"
                if captures > 1
                else f"--stream {item[0]}:{item[1]}: there is only {there}"
            )


def make_collector(
    options: Options,
    sink: Sink,
    activity: ActivityTracker | None = None,
    ended_with: Callable[[AuditContext | TlsAuditContext], None] | None = None,
    *,
    plain: type[FindingCollector] = FindingCollector,
    audit: type[AuditCollector] | None = None,
) -> FindingCollector:
    """Makes the event sink of the engine: class `audit` if audit rules are used, else `plain`."""
    chosen = selected(options.select, options.ignore, audit=options.audit)
    terms = CollectorOptions(
        handshake=sink.handshake,
        finding=sink.finding,
        warning=sink.warning,
        encrypted=sink.tls_handshake,
        selected=chosen,
        pedantic=pedantic_rules(options.select, options.pedantic),
        streams=streams_of(options.streams, 0),
        clients=options.clients,
    )
    if not options.audit and not any(rule.startswith(AUDIT_GROUPS) for rule in chosen):
        collector = plain(terms)
    else:
        # imported here: it has many rules, which a plain analysis does not need
        from dissector.connections import thresholds
        from dissector.rules.audit_collector import AuditCollector

        collector = (audit or AuditCollector)(
            terms,
            activity=activity,
            thresholds=options.thresholds or thresholds.DEFAULT,
            ended_with=ended_with,
        )
    collector.known = options.known
    return collector


def analyze(
    *paths: Source,
    select: Sequence[str] = (),
    ignore: Sequence[str] = (),
    ports: Sequence[int] = (),
    tls_ports: Sequence[int] = (),
    keylog: str | None = None,
    engine: str = "auto",
    join: bool = False,
    separate: bool = False,
    pedantic: bool = False,
) -> Report:
    """Analyzes captures and returns the report.

    Each file is a capture, but the files of a ring are one (see `capture/rings.py`).

    Args:
        paths: capture files (pcap or pcapng, plain or compressed) or open binary files; "-" for
            standard input.
        select: prefixes of rule ids to report; empty means all.
        ignore: prefixes of rule ids to leave out.
        ports: MQTT ports besides 1883.
        tls_ports: ports of MQTT inside TLS besides the well-known ones.
        keylog: a TLS key log file, as SSLKEYLOGFILE writes it; tshark decrypts with it.
        engine: "auto": native, with scapy or tshark for link types that it does not read; or one
            of "native", "scapy", "tshark" for all frames.
        join: all files are one capture.
        separate: each file is a capture, even in a ring.
        pedantic: whether to report advice that most real traffic breaks, too.

    Raises:
        CaptureError: an input is missing, unreadable, or not a capture.
        OptionError: a prefix in `select` or `ignore` matches no rule; `keylog` is no key log.
        EngineError: TLS is to be decrypted and tshark is missing or fails.
    """
    report = Report(Capture())
    sink = _ReportSink(report)
    outcome = run(
        groups(paths, join=join, separate=separate),
        Options(
            select=tuple(select),
            ignore=tuple(ignore),
            ports=frozenset(ports),
            tls_ports=frozenset(tls_ports),
            keylog=keylog,
            engine=engine,
            pedantic=pedantic,
        ),
        sink,
    )
    if outcome.failed:
        raise outcome.failed[0]
    if outcome.interrupted:
        raise KeyboardInterrupt
    report.capture = outcome.capture
    report.not_evaluated = outcome.not_evaluated
    report.summary = outcome.summary
    report.handshakes.sort(key=lambda record: record.id)
    return report


def packets(
    captures: Sequence[CaptureFiles], options: Options
) -> Iterator[tuple[Connection, Packet, Side]]:
    """Yields every control packet of captures with its connection and side, as it is completed."""
    check_streams(options, len(captures))
    for number, files in enumerate(captures):
        yield from _packets(files, options, streams_of(options.streams, number))


def _packets(
    files: CaptureFiles, options: Options, streams: frozenset[int] | None
) -> Iterator[tuple[Connection, Packet, Side]]:
    with ExitStack() as stack:
        readers, failed, more = opening.opened(files.paths, options, _ignored, stack)
        stack.callback(_close, readers)
        if failed:
            raise failed[0]
        sink = PacketSink()
        engine = opening.engine_named(options.engine)(
            [reader.path for reader in readers],
            sink,
            options.ports,
            keep_all=True,
            **more,
        )
        for _ in engine.steps(readers):
            ready, sink.packets = sink.packets, []
            for connection, packet, side in ready:
                if is_selected(connection, streams, options.clients):
                    yield connection, packet, side


class _ReportSink:
    def __init__(self, report: Report) -> None:
        self.precision = _ignored
        self.handshake = report.handshakes.append
        self.finding = report.findings.append
        self.warning = report.warnings.append
        self.tls_handshake = report.tls_handshakes.append


def _ignored(record: object) -> None:
    """Ignores a record."""


class _CaptureSink:
    """Passes records on to a sink, each with the id of its capture.

    `begin` sets the id. Warnings that name no file get the capture's if it has one.
    """

    def __init__(self, sink: Sink) -> None:
        self.precision = sink.precision
        self._sink = sink
        self._capture = 0
        self._file: str | None = None

    def begin(self, number: int, files: CaptureFiles) -> None:
        """Begins a capture."""
        self._capture = number
        self._file = path_of(files.paths[0]) if len(files.paths) == 1 else None

    def handshake(self, record: Handshake) -> None:
        """Passes the record on."""
        record.capture = self._capture
        self._sink.handshake(record)

    def finding(self, record: Finding) -> None:
        """Passes the record on; it was made here and is not shared yet, so it is not copied."""
        record.capture = self._capture
        self._sink.finding(record)

    def warning(self, record: CaptureWarning) -> None:
        """Passes the record on."""
        file = self._file if record.file is None else record.file
        self._sink.warning(msgspec.structs.replace(record, capture=self._capture, file=file))

    def tls_handshake(self, record: TlsHandshake) -> None:
        """Passes the record on."""
        record.capture = self._capture
        self._sink.tls_handshake(record)


class _ProgressReporter:
    """Calls `progress` with the position in all captures and their total size."""

    def __init__(self, captures: Sequence[CaptureFiles], progress: Progress | None) -> None:
        self._progress = progress
        self._readers: Sequence[CaptureReader] = ()
        self._done = 0
        self._total: int | None = None
        if progress is not None:
            sizes = [_size(path) for files in captures for path in files.paths]
            known = [size for size in sizes if size is not None]
            self._total = sum(known) if len(known) == len(sizes) else None

    def begin(self, readers: Sequence[CaptureReader]) -> None:
        """Begins a capture."""
        self._readers = readers

    def end(self, readers: Sequence[CaptureReader]) -> None:
        """Ends a capture."""
        self._done += sum(reader.position for reader in readers)
        self._readers = ()

    def __call__(self) -> None:
        if self._progress is not None:
            position = sum(reader.position for reader in self._readers)
            self._progress(self._done + position, self._total)


def _size(source: Source) -> int | None:
    """Returns the size of a regular file, else None."""
    if not isinstance(source, (str, os.PathLike)) or not os.path.isfile(source):
        return None
    return os.stat(source).st_size


def describe(engine: NativeEngine, readers: Sequence[CaptureReader | LiveSource]) -> Capture:
    """Returns the record of what was read from all sources."""
    other = dict(sorted(engine.context.other.items()))
    ports = sorted(engine.streams.server_ports().items(), key=lambda item: (-item[1], item[0]))
    for port, count in ports[:PORTS_NAMED]:
        if port not in engine.context.ports:
            other[f"port {port}"] = count
    return Capture(
        files=[
            CaptureFile(reader.path, reader.frames, reader.bytes, list(reader.link_types))
            for reader in readers
        ],
        frames=sum(reader.frames for reader in readers),
        start_ns=engine.streams.earliest if engine.streams.frames else None,
        end_ns=engine.streams.latest if engine.streams.frames else None,
        digits=max((reader.digits for reader in readers), default=6),
        streams=engine.streams.streams,
        mqtt_connections=engine.context.mqtt_connections,
        control_packets=engine.control_packets(),
        other_traffic=other,
        other_ports=engine.context.other_ports,
        datagrams=engine.streams.datagrams,
        engine=engine.name,
    )
