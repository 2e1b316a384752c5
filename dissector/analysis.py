"""Runs analyses of captures: connects sources, engine and rules with a sink for the records.

Records reach a `Sink` as soon as they are proven, so that a report can be written in bounded
memory; `analyze` collects them. What is known only at the end (counts, rules that were not
evaluated) is the `AnalysisResult`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, BinaryIO, Protocol

import msgspec

from dissector import opening
from dissector.capture.source import CaptureReader
from dissector.connections.connection import Connection
from dissector.connections.handshake import Handshake
from dissector.engines.native import NativeEngine, PacketSink
from dissector.errors import CaptureError
from dissector.model import (
    Capture,
    CaptureFile,
    CaptureWarning,
    Finding,
    NotEvaluated,
    Report,
    Side,
    Summary,
)
from dissector.mqtt.packets import Packet
from dissector.rules.finding_collector import CollectorOptions, FindingCollector, is_selected
from dissector.rules.registry import AUDIT_GROUPS, selected

if TYPE_CHECKING:
    from dissector.capture.live_source import LiveSource
    from dissector.connections.activity_tracker import ActivityTracker
    from dissector.connections.audit_context import AuditContext
    from dissector.connections.tls_activity import TlsAuditContext
    from dissector.connections.tls_handshake import TlsHandshake
    from dissector.rules.audit_collector import AuditCollector
    from dissector.rules.thresholds import Thresholds

PORTS_NAMED = 5  # number of busiest other ports in a capture's record

Source = str | os.PathLike[str] | BinaryIO
Progress = Callable[[int, int | None], None]


class Options(msgspec.Struct, kw_only=True, frozen=True):
    """Options of an analysis.

    `select` and `ignore` are prefixes of rule ids. `ports` are MQTT ports besides 1883, `tls_ports`
    ports of MQTT inside TLS besides the well-known ones, `keylog` is a TLS key log file. `streams`
    and `clients` restrict the analysis to TCP connections and client ids, None means all. `audit`
    adds the SEC and TLS rules, with their `thresholds`. `engine` is "auto" (native, with
    scapy or tshark for link types that it does not read), "native", "scapy" or "tshark".
    Findings for which `known` is true are neither counted nor passed on.
    """

    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    ports: frozenset[int] = frozenset()
    tls_ports: frozenset[int] = frozenset()
    keylog: str | None = None
    streams: frozenset[int] | None = None
    clients: frozenset[str] | None = None
    audit: bool = False
    thresholds: Thresholds | None = None
    engine: str = "auto"
    known: Callable[[Finding], bool] | None = None


class Sink(Protocol):
    """Receives records as soon as they are proven."""

    def precision(self, digits: int) -> None:
        """Called before the first record with the precision of times, 6 or 9 decimal digits."""

    def handshake(self, record: Handshake) -> None:
        """Called with a handshake when its connection, or the capture of it, has ended."""

    def finding(self, record: Finding) -> None:
        """Called with a finding; its handshake may come before or after."""

    def warning(self, record: CaptureWarning) -> None:
        """Called with a capture warning."""

    def tls_handshake(self, record: TlsHandshake) -> None:
        """Called with a TLS connection that seems to carry MQTT, when it or its capture ended."""


class AnalysisResult(msgspec.Struct):
    """Result of an analysis. `failed` are errors of inputs that could not be read."""

    capture: Capture
    summary: Summary
    not_evaluated: list[NotEvaluated]
    failed: list[CaptureError]
    interrupted: bool = False


def run(
    paths: Sequence[Source],
    options: Options,
    sink: Sink,
    progress: Progress | None = None,
    activity: ActivityTracker | None = None,
    ended_with: Callable[[AuditContext | TlsAuditContext], None] | None = None,
) -> AnalysisResult:
    """Analyzes captures as one, in time order; "-" is standard input.

    `progress` is called with the bytes read and the total bytes (None if unknown). `activity` and
    `ended_with` are for an audit: its tracker of hosts, and a callback for each connection that has
    ended. Raises CaptureError if no input could be read at all, EngineError if TLS is to be
    decrypted and tshark is missing or fails.
    """
    collector = make_collector(options, sink, activity, ended_with)
    stack = ExitStack()
    readers, failed, more = opening.opened(paths, options, sink, stack)
    if failed and not readers:
        stack.close()
        raise failed[0]
    sink.precision(max(reader.digits for reader in readers))
    engine = opening.engine_named(options.engine)(
        [reader.path for reader in readers],
        collector,
        options.ports,
        tls_ports=options.tls_ports,
        **more,
    )
    interrupted = False
    try:
        engine.run(readers, _ProgressReporter(readers, progress))
    except KeyboardInterrupt:
        interrupted = True
    finally:
        for reader in readers:
            reader.close()
        stack.close()
    if "decrypted" not in more and collector.undecrypted and options.keylog is None:
        opening.warn_of_unused_secrets(readers, sink)
    failed.extend(engine.unknown_files(readers))
    return AnalysisResult(
        capture=describe(engine, readers),
        summary=collector.summary(),
        not_evaluated=collector.not_evaluated(),
        failed=failed,
        interrupted=interrupted,
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
        streams=options.streams,
        clients=options.clients,
    )
    if not options.audit and not any(rule.startswith(AUDIT_GROUPS) for rule in chosen):
        collector = plain(terms)
    else:
        # imported here: it has many rules, which a plain analysis does not need
        from dissector.rules.audit_collector import AuditCollector
        from dissector.rules.thresholds import DEFAULT

        collector = (audit or AuditCollector)(
            terms,
            activity=activity,
            thresholds=options.thresholds or DEFAULT,
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
) -> Report:
    """Analyzes captures as one and returns the report.

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

    Raises:
        CaptureError: an input is missing, unreadable, or not a capture.
        OptionError: a prefix in `select` or `ignore` matches no rule; `keylog` is no key log.
        EngineError: TLS is to be decrypted and tshark is missing or fails.
    """
    report = Report(Capture())
    sink = _ReportSink(report)
    outcome = run(
        paths,
        Options(
            select=tuple(select),
            ignore=tuple(ignore),
            ports=frozenset(ports),
            tls_ports=frozenset(tls_ports),
            keylog=keylog,
            engine=engine,
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


def packets(paths: Sequence[Source], options: Options) -> Iterator[tuple[Connection, Packet, Side]]:
    """Yields every control packet of captures with its connection and side, as it is completed."""
    stack = ExitStack()
    readers, failed, more = opening.opened(paths, options, _NullSink(), stack)
    if failed:
        stack.close()
        raise failed[0]
    sink = PacketSink()
    engine = opening.engine_named(options.engine)(
        [reader.path for reader in readers],
        sink,
        options.ports,
        keep_all=True,
        **more,
    )
    try:
        for _ in engine.steps(readers):
            ready, sink.packets = sink.packets, []
            for connection, packet, side in ready:
                if is_selected(connection, options.streams, options.clients):
                    yield connection, packet, side
    finally:
        for reader in readers:
            reader.close()
        stack.close()


class _ReportSink:
    def __init__(self, report: Report) -> None:
        self.precision = _ignore
        self.handshake = report.handshakes.append
        self.finding = report.findings.append
        self.warning = report.warnings.append
        self.tls_handshake = report.tls_handshakes.append


class _NullSink:
    def __init__(self) -> None:
        self.precision = self.handshake = self.finding = self.warning = _ignore
        self.tls_handshake = _ignore


def _ignore(record: object) -> None:
    """Ignores a record."""


class _ProgressReporter:
    """Calls `progress` with the position and the total size of the readers."""

    def __init__(self, readers: list[CaptureReader], progress: Progress | None) -> None:
        self._readers = readers
        self._progress = progress

    def __call__(self) -> None:
        if self._progress is None:
            return
        sizes = [reader.size for reader in self._readers]
        known = [size for size in sizes if size is not None]
        total = sum(known) if len(known) == len(sizes) else None
        self._progress(sum(reader.position for reader in self._readers), total)


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
