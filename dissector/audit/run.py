"""Runs an audit: analyses captures and builds the inventory of devices and servers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

import msgspec

from dissector import analysis
from dissector.activity.tables import ActivityTables
from dissector.activity.tracker import ActivityTracker
from dissector.analysis import AnalysisResult, Progress, Report, Sink
from dissector.audit import inventory, posture
from dissector.audit.records import Audit, Device, Overview, Server
from dissector.audit.tally import Tallies, tally_of
from dissector.capture.rings import CaptureFiles, Source, groups
from dissector.connections.handshake import Handshake
from dissector.connections.thresholds import Thresholds
from dissector.model import Capture, CaptureWarning, Finding, Side
from dissector.options import Options
from dissector.rules.registry import selected

if TYPE_CHECKING:
    from dissector.connections.tls_handshake import TlsHandshake

HANDSHAKES_KEPT = 100_000  # by `audit`, which collects


class AuditSink(Sink, Protocol):
    """A sink of the analysis that also receives the inventory at the end, before the outcome.

    Findings are passed on as soon as they are known; `Device.findings` are the numbers of the calls
    of `finding`, counted from 0.
    """

    def device(self, record: Device) -> None:
        """Receives a device, in order of id."""

    def server(self, record: Server) -> None:
        """Receives a server, in order of id."""


class AuditResult(msgspec.Struct):
    """Result of an audit: the result of the analysis and the overview."""

    outcome: AnalysisResult
    overview: Overview


class _TallyingSink:
    """Adds findings to the tallies and passes everything on to the sink."""

    def __init__(self, sink: Sink, tallies: Tallies) -> None:
        self.precision = sink.precision
        self.handshake = sink.handshake
        self.warning = sink.warning
        self.tls_handshake = sink.tls_handshake
        self._finding = sink.finding
        self._tallies = tallies

    def finding(self, record: Finding) -> None:
        """Passes the finding on."""
        self._tallies.finding(record)
        self._finding(record)


def _suppressing(known: Callable[[Finding], bool], tallies: Tallies) -> Callable[[Finding], bool]:
    """Returns `known` that also adds the suppressed findings to the tallies."""

    def suppressed(finding: Finding) -> bool:
        found = known(finding)
        if found:
            tallies.suppress(finding)
        return found

    return suppressed


def run(
    captures: Sequence[CaptureFiles],
    options: Options,
    sink: AuditSink,
    progress: Progress | None = None,
    *,
    key: bytes | None = None,
) -> AuditResult:
    """Audits captures in order of time; like `analysis.run`, with the SEC and TLS rules.

    Devices and servers are those of all captures together.

    `key` is the key of fingerprints (random for each run if None). It must be the reporter's, so
    that both give the same fingerprint for the same credentials.
    """
    tallies = Tallies()
    activity = ActivityTracker(key)
    known = None if options.known is None else _suppressing(options.known, tallies)
    options = msgspec.structs.replace(options, audit=True, known=known)
    outcome = analysis.run(
        captures,
        options,
        _TallyingSink(sink, tallies),
        progress,
        activity=activity,
        ended_with=tallies.ended,
    )
    return AuditResult(outcome, inventoried(activity, tallies, options, outcome.capture, sink))


def inventoried(
    activity: ActivityTables, tallies: Tallies, options: Options, capture: Capture, sink: AuditSink
) -> Overview:
    """Passes devices and servers on to the sink, and returns the overview."""
    activity.forget()  # only the profiles are needed from here on
    profiles = list(activity.profiles.values())
    for profile in profiles:
        for number, finding in tallies.shared.get(profile.secret or "", ()):
            faults = tally_of(profile).faults(Side.CLIENT)
            if not faults.has(number, finding.rule):
                faults.add(number, finding.rule, finding.name, finding.severity)
    groups = inventory.clients(profiles)
    holders = inventory.holders(groups)
    checked = selected(options.select, options.ignore, audit=True)
    totals = posture.Totals()
    for device in inventory.devices(groups, holders, checked, totals):
        sink.device(device)
    servers = inventory.servers(profiles, totals.visitors, holders, checked)
    for server in servers:
        sink.server(server)
    return posture.overview(
        totals,
        len(servers),
        profiles,
        other=capture.other_traffic,
        evicted=activity.profiles.evicted,
        seconds=sum(
            ((part.end_ns or 0) - (part.start_ns or 0)) / 1e9 for part in capture.parts or [capture]
        ),
    )


def audit(
    *paths: Source,
    select: Sequence[str] = (),
    ignore: Sequence[str] = (),
    ports: Sequence[int] = (),
    tls_ports: Sequence[int] = (),
    keylog: str | None = None,
    thresholds: Thresholds | None = None,
    key: bytes | None = None,
    join: bool = False,
    separate: bool = False,
) -> Audit:
    """Audits captures and collects all records.

    Arguments and errors are those of `analysis.analyze`; `thresholds` are the limits that the rules
    use.
    """
    options = Options(
        select=tuple(select),
        ignore=tuple(ignore),
        ports=frozenset(ports),
        tls_ports=frozenset(tls_ports),
        keylog=keylog,
        thresholds=thresholds,
    )
    collected = Collector()
    captures = groups(paths, join=join, separate=separate)
    found = run(captures, options, collected, key=key)
    if found.outcome.failed:
        raise found.outcome.failed[0]
    if found.outcome.interrupted:
        raise KeyboardInterrupt
    return collected.audit(found)


class Collector:
    """A sink that stores all records; handshakes without a finding only up to `HANDSHAKES_KEPT`."""

    def __init__(self) -> None:
        self._report = Report(Capture())
        self._devices: list[Device] = []
        self._servers: list[Server] = []
        self._flagged: set[int] = set()

    def precision(self, digits: int) -> None:
        """Ignored: the capture has the precision at the end."""

    def handshake(self, record: Handshake) -> None:
        """Stores the record."""
        if len(self._report.handshakes) < HANDSHAKES_KEPT or record.id in self._flagged:
            self._report.handshakes.append(record)

    def finding(self, record: Finding) -> None:
        """Stores the record."""
        self._report.findings.append(record)
        if record.handshake is not None:
            self._flagged.add(record.handshake)

    def warning(self, record: CaptureWarning) -> None:
        """Stores the record."""
        self._report.warnings.append(record)

    def tls_handshake(self, record: TlsHandshake) -> None:
        """Stores the record, up to `HANDSHAKES_KEPT`."""
        if len(self._report.tls_handshakes) < HANDSHAKES_KEPT:
            self._report.tls_handshakes.append(record)

    def device(self, record: Device) -> None:
        """Stores the record."""
        self._devices.append(record)

    def server(self, record: Server) -> None:
        """Stores the record."""
        self._servers.append(record)

    def audit(self, found: AuditResult) -> Audit:
        """Returns the audit with all records."""
        report, outcome = self._report, found.outcome
        report.capture = outcome.capture
        report.summary = outcome.summary
        report.not_evaluated = outcome.not_evaluated
        report.handshakes.sort(key=lambda record: record.id)
        return Audit(
            report=report, devices=self._devices, servers=self._servers, overview=found.overview
        )
