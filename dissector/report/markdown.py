"""Writes an audit as a Markdown report for tickets and wikis.

Findings come first, each rule with exemplars, why it matters and how to fix it; then servers and
devices, then what was not seen. Tables of parties are cut at `PARTIES`; the JSON has all.
"""

from __future__ import annotations

from collections.abc import Iterator

from dissector.audit.records import Audit, Device, Posture, Server
from dissector.model import Severity
from dissector.report import ending
from dissector.report.advice import advice
from dissector.report.clock import rfc3339
from dissector.report.folding import Fold, Folding, RuleFold
from dissector.report.markup import code, prose, rule_text, table
from dissector.report.posture_text import connections, rank, share, versions
from dissector.report.reporter import ByteStream
from dissector.report.style import counted
from dissector.report.wireshark import display_filter

PARTIES = 20
ROWS = 200
ID_SHOWN = 64
_HEADINGS = {Severity.ERROR: "Errors", Severity.WARNING: "Warnings", Severity.INFO: "Notes"}


def write(audit: Audit, stream: ByteStream) -> None:
    """Writes the `markdown` format."""
    for line in _lines(audit):
        stream.write(line.encode() + b"\n")


def _lines(audit: Audit) -> Iterator[str]:
    yield "# MQTT audit"
    yield ""
    yield from _summary(audit)
    yield from _findings(audit)
    yield from _servers(audit.servers)
    yield from _devices(audit.devices)
    yield from _incomplete_reason(audit)
    for file in audit.report.capture.config:
        yield ""
        yield f"Configuration: {code(file.path)} {', '.join(map(code, file.settings))}"


def _summary(audit: Audit) -> Iterator[str]:
    capture, overview = audit.report.capture, audit.overview
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
    yield ending.findings(audit.report.summary)
    yield ""
    if overview.right:
        yield "What is right:"
        yield ""
        for point in overview.right:
            yield f"- {prose(share(point))}"
        yield ""


def _findings(audit: Audit) -> Iterator[str]:
    folding = Folding()
    for finding in audit.report.findings:
        folding.finding(finding)
    for handshake in audit.report.handshakes:
        folding.handshake(handshake)
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


def _devices(devices: list[Device]) -> Iterator[str]:
    if not devices:
        return
    yield "## Devices"
    yield ""
    ranked = sorted(devices, key=lambda record: (-rank(record.posture), record.id))
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
        for record in ranked[:ROWS]
    ]
    headers = ["device", "address", "kind", "vendor", "software", "logs in by", "connections"]
    yield from table([*headers, "findings"], rows)
    yield from _more(len(devices), "device")


def _more(total: int, noun: str) -> Iterator[str]:
    yield ""
    if total > ROWS:
        yield f"… and {counted(total - ROWS, f'more {noun}')}; `--format json` has all."
        yield ""


def _incomplete_reason(audit: Audit) -> Iterator[str]:
    overview, report = audit.overview, audit.report
    yield "## Method, limits, and what was not seen"
    yield ""
    for text in overview.method:
        yield f"- method: {prose(text)}"
    for text in overview.limits:
        yield f"- limit: {prose(text)}"
    for text in overview.not_seen:
        yield f"- not seen: {prose(text)}"
    kinds: dict[str, int] = {}
    for warning in report.warnings:
        kinds[warning.kind] = kinds.get(warning.kind, 0) + 1
    for kind, count in kinds.items():
        yield f"- limit of the capture: {counted(count, 'time')} {prose(kind)}"
    for record in report.not_evaluated:
        times = counted(record.count, "time")
        yield f"- not evaluated: {record.rule}, {times}: {prose(record.reason)}"
