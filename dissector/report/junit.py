"""Writes JUnit XML for CI servers, with one test case for each selected rule.

A rule with findings at or above `--fail-on` failed. A rule without findings that could not be
evaluated everywhere is skipped, with the reasons. The others passed, with findings below
`--fail-on` in their output. A suite is a group of rules. Handshakes and TLS connections are no test
cases; only their findings are reported.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple, Self
from xml.sax.saxutils import escape, quoteattr

from dissector.connections.handshake import Handshake
from dissector.model import Capture, Finding, NotEvaluated, Severity, Summary
from dissector.report.advice import advice
from dissector.report.clock import rfc3339
from dissector.report.fields import display_filter, tool
from dissector.report.folding import Fold, Folding, RuleFold
from dissector.report.reporter import ByteStream, ReporterBase, ReportOptions
from dissector.report.style import counted
from dissector.text import printable

PARTIES = 20
TEXT_SHOWN = 500


class _Case(NamedTuple):
    rule: str
    folds: RuleFold | None
    failed: bool
    not_evaluated: list[NotEvaluated]

    @property
    def skipped(self) -> bool:
        return self.folds is None and bool(self.not_evaluated)


class JUnit(ReporterBase):
    """The `junit` format. `rules` are the ids of the selected rules."""

    def __init__(self, stream: ByteStream, rules: Collection[str], fail_on: str) -> None:
        self._stream = stream
        self._rules = sorted(rules)
        self._least = {"error": 2, "warning": 1, "info": 0, "never": 3}[fail_on]
        self._folding = Folding(by_capture=True)

    @classmethod
    def create(cls, stream: ByteStream, options: ReportOptions) -> Self:
        """Creates the reporter with the options that it needs."""
        return cls(stream, options.rules, options.fail_on)

    def handshake(self, record: Handshake) -> None:
        """Completes the findings of the handshake."""
        self._folding.handshake(record)

    def finding(self, record: Finding) -> None:
        """Folds the record."""
        self._folding.finding(record)

    def finish(
        self, capture: Capture, summary: Summary, not_evaluated: Sequence[NotEvaluated]
    ) -> None:
        """Writes the suites."""
        folds = {fold.rule: fold for fold in self._folding.rules()}
        by_rule: dict[str, list[NotEvaluated]] = {}
        for record in not_evaluated:
            by_rule.setdefault(record.rule, []).append(record)
        suites: dict[str, list[_Case]] = {}
        for rule in self._rules:
            found = folds.get(rule)
            failed = found is not None and found.severity >= self._least
            case = _Case(rule, found, failed, by_rule.get(rule, []))
            suites.setdefault(rule.rstrip("0123456789"), []).append(case)
        for line in _document(suites, capture):
            self._stream.write(line.encode() + b"\n")


def _document(suites: dict[str, list[_Case]], capture: Capture) -> Iterator[str]:
    every = [case for cases in suites.values() for case in cases]
    yield '<?xml version="1.0" encoding="UTF-8"?>'
    yield f'<testsuites name="mqtt-dissector" {_counts(every)}>'
    for group, cases in suites.items():
        when = ""
        if capture.start_ns is not None:
            when = f' timestamp="{rfc3339(capture.start_ns, 6)[:19]}"'
        yield f' <testsuite name="{group}" {_counts(cases)}{when}>'
        yield "  <properties>"
        about = tool(capture)
        files = ", ".join(file.path for file in capture.files)
        for name, value in (("version", about["version"]), ("captures", files),
                            ("frames", str(capture.frames))):  # fmt: skip
            yield f'   <property name="{name}" value={_quoted(value)}/>'
        yield "  </properties>"
        for case in cases:
            yield from _case(group, case)
        yield " </testsuite>"
    yield "</testsuites>"


def _counts(cases: list[_Case]) -> str:
    failures = sum(case.failed for case in cases)
    skipped = sum(case.skipped for case in cases)
    return f'tests="{len(cases)}" failures="{failures}" errors="0" skipped="{skipped}" time="0.000"'


def _case(group: str, case: _Case) -> Iterator[str]:
    about = advice(case.rule)
    head = f'  <testcase classname="mqtt.{group}" name="{case.rule} {about.name}" time="0.000"'
    if case.folds is None and not case.not_evaluated:
        yield f"{head}/>"
        return
    yield f"{head}>"
    reasons = [f"{counted(record.count, 'time')}: {record.reason}" for record in case.not_evaluated]
    if case.folds is None:
        yield f"   <skipped message={_quoted('; '.join(reasons))}/>"
    else:
        worst = next(item for item in Severity if item.rank == case.folds.severity)
        lines = [*_findings(case.folds), "", f"Why it matters: {about.why}",
                 f"Fix on the client: {about.fix_client}",
                 f"Fix on the server: {about.fix_server}"]  # fmt: skip
        lines += [f"Not evaluated {reason}" for reason in reasons]
        text = escape("\n".join(printable(line, 2000) for line in lines))
        if case.failed:
            message = f"{counted(case.folds.count, 'finding')}. {about.summary}"
            yield f'   <failure type="{worst.value}" message={_quoted(message)}>{text}</failure>'
        else:
            yield f"   <system-out>{text}</system-out>"
    yield "  </testcase>"


def _findings(rule: RuleFold) -> Iterator[str]:
    for fold in rule.folds[:PARTIES]:
        yield _line(fold)
    left = rule.count - sum(fold.count for fold in rule.folds[:PARTIES])
    if left:
        yield f"and {counted(left, 'more finding')}"


def _line(fold: Fold) -> str:
    finding = fold.exemplar
    who = f"{finding.side.value} {fold.party}".rstrip()
    if finding.client_id:
        who += f" (client id {printable(finding.client_id, 64)})"
    times = "" if fold.count == 1 else f" ({counted(fold.count, 'time')})"
    where = f"{finding.file}:{finding.frame}"
    return (
        f"{where}: {finding.severity.value}: {who}: {printable(finding.message, TEXT_SHOWN)}{times}"
        f" [{display_filter(finding)}]"
    )


def _quoted(text: str) -> str:
    return quoteattr(printable(text, 2000))
