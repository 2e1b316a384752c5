r"""Writes an audit as a Markdown report for tickets and wikis.

Findings come first, each rule with exemplars, why it matters and how to fix it; then servers and
devices, then what was not seen. Tables of parties are cut at `PARTIES`; the JSON has all.

No captured text acts as markup: it is put into code spans, where nothing is, with longer fences
than any run of backticks in it, and `\|` for the only character that a table parses before code
spans. In our own sentences with captured parts (messages) punctuation is escaped; where an escape
does not help (links and mentions recognised in plain text) they become code spans as well.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Self

from dissector.audit.records import Device, Overview, Posture, Server
from dissector.connections.handshake import Handshake
from dissector.model import Capture, CaptureWarning, Finding, NotEvaluated, Severity, Summary
from dissector.report import ending
from dissector.report.advice import advice
from dissector.report.clock import rfc3339
from dissector.report.fields import display_filter
from dissector.report.folding import Fold, Folding, RuleFold
from dissector.report.posture_text import WorstDevices, connections, share, versions
from dissector.report.reporter import ByteStream, ReporterBase, ReportOptions
from dissector.report.style import counted
from dissector.text import printable

PARTIES = 20
ROWS = 200
ID_SHOWN = 64
_PUNCTUATION = re.compile(r"([\\`*_\[\]<>|~&$])")
_AUTOLINKED = re.compile(r"@|://|www\.", re.IGNORECASE)
_BACKTICKS = re.compile(r"`+")
_HEADINGS = {Severity.ERROR: "Errors", Severity.WARNING: "Warnings", Severity.INFO: "Notes"}


class MarkdownReport(ReporterBase):
    """The `markdown` format of an audit: folds findings as they come, writes at the end."""

    def __init__(self, stream: ByteStream) -> None:
        self._stream = stream
        self._folding = Folding()
        self._warnings: dict[str, int] = {}
        self._devices = WorstDevices(ROWS)
        self._servers: list[Server] = []
        self._overview = Overview()

    @classmethod
    def create(cls, stream: ByteStream, options: ReportOptions) -> Self:
        """Creates the reporter with the options that it needs."""
        return cls(stream)

    def handshake(self, record: Handshake) -> None:
        """Completes the findings of the handshake."""
        self._folding.handshake(record)

    def finding(self, record: Finding) -> None:
        """Folds the finding."""
        self._folding.finding(record)

    def warning(self, record: CaptureWarning) -> None:
        """Counts the warning by kind."""
        self._warnings[record.kind] = self._warnings.get(record.kind, 0) + 1

    def device(self, record: Device) -> None:
        """Stores the device."""
        self._devices.add(record)

    def server(self, record: Server) -> None:
        """Stores the server."""
        self._servers.append(record)

    def overview(self, record: Overview) -> None:
        """Stores the overview."""
        self._overview = record

    def finish(
        self, capture: Capture, summary: Summary, not_evaluated: Sequence[NotEvaluated]
    ) -> None:
        """Writes the report."""
        for line in self._lines(capture, summary, not_evaluated):
            self._stream.write(line.encode() + b"\n")

    def _lines(
        self, capture: Capture, summary: Summary, not_evaluated: Sequence[NotEvaluated]
    ) -> Iterator[str]:
        yield "# MQTT audit"
        yield ""
        yield from _summary(capture, summary, self._overview)
        yield from _findings(self._folding)
        yield from _servers(self._servers)
        yield from _devices(self._devices)
        yield from _incomplete_reason(self._overview, self._warnings, not_evaluated)
        for file in capture.config:
            yield ""
            yield f"Configuration: {code(file.path)} {', '.join(map(code, file.settings))}"


def _summary(capture: Capture, summary: Summary, overview: Overview) -> Iterator[str]:
    files = ", ".join(code(file.path) for file in capture.files[:PARTIES])
    more = len(capture.files) - PARTIES
    files += f" and {more:,} more files" if more > 0 else ""
    yield f"{counted(capture.frames, 'frame')} of {files}"
    if capture.start_ns is not None and capture.end_ns is not None:
        start, end = (rfc3339(time, 6) for time in (capture.start_ns, capture.end_ns))
        yield f"from {start} to {end}."
    yield ""
    worst = overview.devices_by_worst
    yield from table(
        ["", "count"],
        [
            ["devices", f"{overview.devices:,}"],
            ["… with errors", f"{worst.get('error', 0):,}"],
            ["… with warnings at worst", f"{worst.get('warning', 0):,}"],
            ["servers", f"{overview.servers:,}"],
        ],
    )
    yield ""
    yield f"{connections(overview)}."
    yield ""
    yield ending.findings(summary)
    yield ""
    if overview.right:
        yield "What is right:"
        yield ""
        for point in overview.right:
            yield f"- {prose(share(point))}"
        yield ""


def _findings(folding: Folding) -> Iterator[str]:
    rules = list(folding.rules())
    for severity in sorted(Severity, key=lambda item: -item.rank):
        chosen = [rule for rule in rules if rule.severity == severity.rank]
        if chosen:
            yield f"## {_HEADINGS[severity]}"
            yield ""
        for rule in chosen:
            yield from _rule(rule)


def _rule(rule: RuleFold) -> Iterator[str]:
    about = advice(rule.rule)
    sides = {fold.exemplar.side.value for fold in rule.folds}
    yield f"### {rule.rule} {about.name}"
    yield ""
    yield f"{rule_text(about.summary)} {counted(rule.count, 'finding')}."
    yield ""
    rows = [_party(fold) for fold in rule.folds[:PARTIES]]
    yield from table(["at fault", "what", "times", "where", "Wireshark"], rows)
    left = rule.count - sum(fold.count for fold in rule.folds[:PARTIES])
    if left:
        yield ""
        yield f"… and {counted(left, 'more finding')}."
    yield ""
    yield f"**Why it matters.** {rule_text(about.why)}"
    yield ""
    for side, text in (("client", about.fix_client), ("server", about.fix_server)):
        if side in sides or len(text) < 400:
            yield f"**Fix on the {side}.** {rule_text(text)}"
            yield ""
    if about.references:
        yield f"Relates to {', '.join(map(prose, about.references))}."
        yield ""


def _party(fold: Fold) -> list[str]:
    finding = fold.exemplar
    who = f"{finding.side.value} {code(fold.party)}" if fold.party else finding.side.value
    if finding.client_id and fold.one_id:
        who += f", client id {code(finding.client_id, ID_SHOWN)}"
    return [
        who,
        prose(finding.message, 300),
        f"{fold.count:,}",
        f"{code(finding.file.rpartition('/')[2], ID_SHOWN)} frame {finding.frame}",
        code(display_filter(finding)),
    ]


def _problems(posture: Posture) -> str:
    problems = [f"{problem.rule} ({problem.severity.value})" for problem in posture.wrong]
    return ", ".join(problems) or "none"


def _servers(servers: list[Server]) -> Iterator[str]:
    if not servers:
        return
    yield "## Servers"
    yield ""
    rows = [
        [
            code(record.name),
            prose(", ".join(record.accepts), 100) or "none seen",
            prose(", ".join(record.refusals), 100) or "none seen",
            versions(record),
            prose(record.software.name) if record.software else "",
            f"{record.connections:,}",
            _problems(record.posture),
        ]
        for record in servers[:ROWS]
    ]
    headers = ["server", "accepts login by", "refusals", "MQTT", "software", "connections"]
    yield from table([*headers, "findings"], rows)
    yield from _more(len(servers), "server")


def _devices(devices: WorstDevices) -> Iterator[str]:
    if not devices.total:
        return
    yield "## Devices"
    yield ""
    rows = [
        [
            code(record.name, ID_SHOWN),
            ", ".join(map(code, record.addresses[:3])),
            record.kind.value,
            prose(record.vendor or ""),
            prose(record.software.name) if record.software else "",
            prose(", ".join(record.authentication), 100),
            f"{record.connections:,}",
            _problems(record.posture),
        ]
        for record in devices.ranked()
    ]
    headers = ["device", "address", "kind", "vendor", "software", "logs in by", "connections"]
    yield from table([*headers, "findings"], rows)
    yield from _more(devices.total, "device")


def _more(total: int, noun: str) -> Iterator[str]:
    yield ""
    if total > ROWS:
        yield f"… and {counted(total - ROWS, f'more {noun}')}; `--format json` has all."
        yield ""


def _incomplete_reason(
    overview: Overview, warnings: dict[str, int], not_evaluated: Sequence[NotEvaluated]
) -> Iterator[str]:
    yield "## Method, limits, and what was not seen"
    yield ""
    for text in overview.method:
        yield f"- method: {prose(text)}"
    for text in overview.limits:
        yield f"- limit: {prose(text)}"
    for text in overview.not_seen:
        yield f"- not seen: {prose(text)}"
    for kind, count in warnings.items():
        yield f"- limit of the capture: {counted(count, 'time')} {prose(kind)}"
    for record in not_evaluated:
        times = counted(record.count, "time")
        yield f"- not evaluated: {record.rule}, {times}: {prose(record.reason)}"


def code(text: str, limit: int | None = None) -> str:
    """Returns captured text as a code span that is safe in a table."""
    shown = printable(text, limit)
    if not shown:
        return '""'
    longest = max((len(run) for run in _BACKTICKS.findall(shown)), default=0)
    fence = "`" * (longest + 1)
    pad = " " if shown[0] in "` " or shown[-1] in "` " else ""
    return f"{fence}{pad}{shown}{pad}{fence}".replace("|", "\\|")


def prose(text: str, limit: int | None = None) -> str:
    """Escapes a sentence that may contain captured text."""
    shown = printable(text, limit)
    if _AUTOLINKED.search(shown):
        return code(text, limit)
    return _PUNCTUATION.sub(r"\\\1", shown)


def rule_text(text: str) -> str:
    """Escapes a text of a rule's page; parts in backticks become code."""
    parts = text.split("`")
    if len(parts) % 2 == 0:
        return prose(text)
    return "".join(code(part) if index % 2 else prose(part) for index, part in enumerate(parts))


def table(headers: list[str], rows: list[list[str]]) -> list[str]:
    """Formats cells that are already Markdown as a table."""
    lines = [headers, ["---"] * len(headers), *rows]
    return [f"| {' | '.join(cells)} |" for cells in lines]
