"""Prepares the records of an audit for the template: sorted, counted, truncated and linked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from dissector.audit.records import Device, Overview, Posture, Problem, Server
from dissector.connections.handshake import Handshake
from dissector.model import Capture, CaptureWarning, Finding, NotEvaluated, Severity, Summary
from dissector.report import tls_table
from dissector.report.advice import Advice, advice
from dissector.report.clock import duration
from dissector.report.fields import display_filter, tool
from dissector.report.folding import Folding, RuleFold
from dissector.report.html import charts, exemplar
from dissector.report.html.bins import Latencies, Timeline
from dissector.report.html.diagram import Diagram, diagram, short
from dissector.report.html.facts import ID_SHOWN, of_device, of_server, timestamp
from dissector.report.identity import address
from dissector.report.posture_text import WorstDevices, connections, rank, share
from dissector.report.style import counted

if TYPE_CHECKING:
    from dissector.connections.tls_handshake import TlsHandshake

PAGES = 1_000  # devices, and servers, that are shown; those with the worst findings come first
PARTIES = 30  # devices listed for a rule
SENTENCES = 3
FILES = 3
MESSAGE = 400
ENCRYPTED = ("stream", "frame", "client", "TLS", "cipher suite", "server name",
             "certificate until", "result")  # fmt: skip
DIAGRAMS = 2  # least number shown for a device or server; more if there are few devices
DIAGRAMS_OF_ALL = 200


class Link(NamedTuple):
    """A party on which a rule has findings."""

    target: str
    name: str
    times: int


class RuleBlock(NamedTuple):
    """All about one rule with findings."""

    about: Advice
    severity: str
    times: int
    parties: int
    message: str
    fault: str
    where: str
    statements: list[str]
    display_filter: str
    packet: tuple[str, str, str] | None
    links: list[Link]
    more: int
    diagram: Diagram | None
    diagram_elsewhere: str | None


class ProblemLine(NamedTuple):
    """Findings of one rule on one party."""

    rule: str
    name: str
    severity: str
    times: int
    message: str
    display_filter: str


class PartyPage(NamedTuple):
    """A device or a server with the content of its page. `facts` are pairs of label and value.

    `encrypted` are TLS connections in the columns of `ENCRYPTED`; `more` others are not shown.
    """

    anchor: str
    name: str
    kind: str
    worst: str
    rules: str
    cells: list[str]
    facts: list[tuple[str, str]]
    evidence: list[tuple[str, str, str, int]]
    problems: list[ProblemLine]
    right: list[str]
    unseen: list[str]
    diagrams: list[Diagram]
    encrypted: list[list[str]]
    more: int


class PageRecords:
    """The records stored for the page.

    `findings` are the first ones, in order; `drawn` the handshakes with diagrams, by id, and
    `drawn_in` the id of the one in which a finding is, by its place among all findings.
    """

    def __init__(self) -> None:
        self.folding = Folding()
        self.findings: list[exemplar.FindingPlace] = []
        self.count = 0
        self.warnings: dict[str, tuple[int, CaptureWarning]] = {}
        self.devices = WorstDevices(PAGES, _rank)
        self.servers: list[Server] = []
        self.overview = Overview()
        self.drawn: dict[int, tuple[Handshake, list[Finding]]] = {}
        self.drawn_in: dict[int, int] = {}
        self.flagged = 0
        # by address and port of the server: number of TLS connections, and the first of them
        self.encrypted: dict[tuple[str, int], tuple[int, list[TlsHandshake]]] = {}


class Content:
    """The content of the page, part by part. Captured text in it is not yet escaped."""

    def __init__(
        self,
        kept: PageRecords,
        timeline: Timeline,
        latencies: Latencies,
        capture: Capture,
        summary: Summary,
        not_evaluated: Sequence[NotEvaluated],
    ) -> None:
        self._kept = kept
        self.capture = capture
        self.summary = summary
        self.overview = kept.overview
        self.tool = tool(capture)
        self.not_evaluated = sorted(not_evaluated, key=lambda item: (-item.count, item.rule))
        self.warnings = [
            (kind, count, first.message) for kind, (count, first) in kept.warnings.items()
        ]
        self._folds = list(kept.folding.rules())
        self._diagrams = {
            number: diagram(handshake, found) for number, (handshake, found) in kept.drawn.items()
        }
        self._by_finding = {
            id(finding): number for number, (_, found) in kept.drawn.items() for finding in found
        }
        self._links: dict[str, list[Link]] = {}
        # of each rule, including those that are not shown
        self._parties = dict(kept.devices.parties)
        devices = kept.devices.ranked()
        servers = sorted(kept.servers, key=_rank)
        shown = {_anchor(record) for record in devices}
        shown |= {_anchor(record) for record in servers[:PAGES]}
        for server in kept.servers:
            for problem in server.posture.wrong:
                self._parties[problem.rule] = self._parties.get(problem.rule, 0) + 1
        by_id: list[Device | Server] = [*sorted(devices, key=_number), *kept.servers]
        for record in by_id:
            anchor = _anchor(record)
            for problem in record.posture.wrong:
                links = self._links.setdefault(problem.rule, [])
                if anchor in shown and len(links) < PARTIES:
                    links.append(Link(anchor, short(record.name, ID_SHOWN), problem.count))
        counts = [
            (fold.rule, advice(fold.rule).name, _severity(fold.severity), fold.count)
            for fold in self._folds
        ]
        self.charts = [
            charts.findings_by_rule(counts),
            charts.connections_over_time(timeline),
            charts.latency(latencies),
            charts.share_in_clear(self.overview.clear, self.overview.encrypted),
        ]
        self.encrypted_columns = ENCRYPTED
        self.flagged = kept.flagged
        self._used: set[int] = set()
        self._each = max(DIAGRAMS, DIAGRAMS_OF_ALL // max(kept.devices.total, 1))
        # a handshake is drawn once: with its device, else its server, else its rule
        self.devices = [self._party(record) for record in devices]
        self.servers = [self._party(record) for record in servers[:PAGES]]
        self.more_devices = kept.devices.total - len(self.devices)
        self.more_servers = len(servers) - len(self.servers)
        self.severities = list(self._severities())

    @property
    def drawn(self) -> int:
        """Number of handshakes drawn."""
        return len(self._used)

    @property
    def files(self) -> list[str]:
        """Names of the first captures and the number of others."""
        files = self.capture.files
        names = [short(file.path.rpartition("/")[2], ID_SHOWN) for file in files[:FILES]]
        return names + ([f"{len(files) - FILES:,} more files"] if len(files) > FILES else [])

    @property
    def span(self) -> str:
        """Time range of the capture."""
        start, end = self.capture.start_ns, self.capture.end_ns
        if start is None or end is None:
            return "no timestamps"
        return f"{timestamp(start)} to {timestamp(end)} UTC ({duration(end - start)})"

    @property
    def worst(self) -> Mapping[str, int]:
        """Number of devices by the severity of their worst finding."""
        names = ("error", "warning", "info", "none")
        return {name: self.overview.devices_by_worst.get(name, 0) for name in names}

    @property
    def summary_sentences(self) -> list[str]:
        """The result in a few sentences."""
        overview, worst = self.overview, self.worst
        devices = counted(overview.devices, "device")
        sentences = [f"{devices} and {counted(overview.servers, 'server')} were seen."]
        errors, warnings = worst["error"], worst["warning"]
        if errors:
            noun = counted(errors, "device")
            sentences.append(f"{noun} {_have(errors)} findings of severity error.")
        if warnings:
            noun = counted(warnings, "more device" if errors else "device")
            sentences.append(f"{noun} {_have(warnings)} findings of severity warning.")
        if not self.summary.error and not self.summary.warning:
            sentences.append("No errors or warnings were found.")
        elif not errors and not warnings:
            sentences.append("Errors or warnings were found on servers only.")
        sentences.append(f"{connections(overview)}.")
        return sentences

    @property
    def to_do(self) -> list[tuple[str, str, str]]:
        """The most urgent errors and warnings: (rule, what is wrong, how to fix it)."""
        ranked = sorted(
            (fold for fold in self._folds if fold.severity),
            key=lambda fold: (-fold.severity, -self._parties.get(fold.rule, 0), fold.rule),
        )
        return [
            (
                fold.rule,
                advice(fold.rule).summary,
                advice(fold.rule).fix(fold.folds[0].exemplar.side),
            )
            for fold in ranked[:SENTENCES]
        ]

    @property
    def right(self) -> list[str]:
        """What is right, and on how many connections."""
        return [share(point) for point in self.overview.right]

    def _severities(self) -> Iterator[tuple[str, str, list[RuleBlock]]]:
        """Returns (severity, heading, rules) for each severity."""
        headings = {"error": "Errors", "warning": "Warnings", "info": "Notes"}
        for severity in sorted(Severity, key=lambda item: -item.rank):
            folds = [fold for fold in self._folds if fold.severity == severity.rank]
            name = severity.value
            yield name, headings[name], [self._rule(fold, name) for fold in folds]

    def _rule(self, fold: RuleFold, severity: str) -> RuleBlock:
        worst = max(fold.folds, key=lambda item: item.exemplar.severity.rank)
        finding = worst.exemplar
        links = self._links.get(fold.rule, [])
        parties = self._parties.get(fold.rule, 0)
        number = self._by_finding.get(id(finding))
        elsewhere = number is not None and number in self._used
        drawn = None if number is None or elsewhere else self._diagrams[number]
        if drawn is not None:
            self._used.add(drawn.id)
        return RuleBlock(
            advice(fold.rule), severity, fold.count, parties or len(fold.folds),
            short(finding.message, MESSAGE), exemplar.fault(finding), exemplar.where(finding),
            exemplar.statements(finding), display_filter(finding), exemplar.packet(finding),
            links, max(parties - len(links), 0), drawn,
            f"handshake-{number}" if elsewhere else None,
        )  # fmt: skip

    def _party(self, record: Device | Server) -> PartyPage:
        facts = of_device(record) if isinstance(record, Device) else of_server(record)
        posture = record.posture
        encrypted, more = self._encrypted(record) if isinstance(record, Server) else ([], 0)
        numbers = dict.fromkeys(
            number
            for index in record.findings
            if index < len(self._kept.findings)
            for number in [self._kept.drawn_in.get(index)]
            if number is not None and number not in self._used
        )
        chosen = list(numbers)[: self._each]
        self._used.update(chosen)
        return PartyPage(
            _anchor(record),
            short(record.name, ID_SHOWN),
            record.kind.value if isinstance(record, Device) else "server",
            "none" if posture.worst is None else posture.worst.value,
            " ".join(problem.rule for problem in posture.wrong),
            facts.cells,
            facts.reported,
            facts.evidence,
            [self._problem(problem) for problem in posture.wrong],
            [share(point) for point in posture.right],
            list(posture.unseen),
            [self._diagrams[number] for number in chosen],
            encrypted,
            more,
        )

    def _encrypted(self, record: Server) -> tuple[list[list[str]], int]:
        """Returns the rows of a server's TLS connections and how many are not shown."""
        count, kept = self._kept.encrypted.get((record.ip, record.port), (0, []))
        rows = []
        for item in kept:
            row = tls_table.row(item)
            server_name = short(item.server_name or "", ID_SHOWN)
            file = short(row.file.rpartition("/")[2], ID_SHOWN)
            frame = f"{file} {row.frame}" if self.capture.parts else str(row.frame)
            rows.append(
                [str(row.stream), frame, address(item.client), row.version,
                 item.suite or "-", server_name, row.certificate, row.result]
            )  # fmt: skip
        return rows, count - len(rows)

    def _problem(self, problem: Problem) -> ProblemLine:
        message = shown = ""
        for index in problem.findings:
            if index < len(self._kept.findings):
                finding = self._kept.findings[index]
                message, shown = short(finding.message, MESSAGE), display_filter(finding)
                if self.capture.parts:
                    message += f" ({exemplar.where(finding)})"
                break
        return ProblemLine(
            problem.rule, problem.name, problem.severity.value, problem.count, message, shown
        )


def _anchor(record: Device | Server) -> str:
    return f"{'device' if isinstance(record, Device) else 'server'}-{record.id}"


def _severity(rank: int) -> Severity:
    return next(item for item in Severity if item.rank == rank)


def _rank(record: Device | Server) -> tuple[int, int, int]:
    posture: Posture = record.posture
    return (-rank(posture), -len(posture.wrong), record.id)


def _number(record: Device) -> int:
    return record.id


def _have(count: int) -> str:
    return "has" if count == 1 else "have"
