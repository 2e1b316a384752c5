"""Writes a SARIF 2.1.0 log for code scanning, with repeats folded.

There is one result for each rule, capture and party at fault, with the count of its occurrences and
a fingerprint that is the same in the next capture, so a scanner can track it over time. The log
holds only findings, no handshakes and no TLS connections. A capture has no lines: `startLine` is
the frame number, which is what a reader looks for in Wireshark.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self
from urllib.parse import quote

import msgspec

from dissector.connections.handshake import Handshake
from dissector.model import Capture, CaptureWarning, Finding, NotEvaluated, Severity, Summary
from dissector.report.advice import Advice, advice
from dissector.report.clock import rfc3339
from dissector.report.fields import display_filter, tool
from dissector.report.folding import Fold, Folding
from dissector.report.identity import name_of, party
from dissector.report.json_values import json_bytes
from dissector.report.reporter import ByteStream, ReporterBase, ReportOptions
from dissector.report.style import counted
from dissector.text import printable

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
TEXT_SHOWN = 1000
_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "note"}
# as code scanning ranks results tagged "security": critical is above 9, high above 7
_SCORES = {Severity.ERROR: "8.0", Severity.WARNING: "5.0", Severity.INFO: "2.0"}
_PRECISION = {"proven": "very-high", "likely": "high", "possible": "medium"}


class Sarif(ReporterBase):
    """The `sarif` format for analyses and audits."""

    def __init__(self, stream: ByteStream) -> None:
        self._stream = stream
        self._folding = Folding(by_capture=True)
        self._warnings: dict[tuple[str, int], tuple[int, CaptureWarning]] = {}

    @classmethod
    def create(cls, stream: ByteStream, options: ReportOptions) -> Self:
        """Creates the reporter with the options that it needs."""
        return cls(stream)

    def handshake(self, record: Handshake) -> None:
        """Completes the findings of the handshake."""
        self._folding.handshake(record)

    def finding(self, record: Finding) -> None:
        """Folds the record."""
        self._folding.finding(record)

    def warning(self, record: CaptureWarning) -> None:
        """Folds the warning by kind and capture."""
        key = (record.kind, record.capture)
        count, first = self._warnings.get(key, (0, record))
        self._warnings[key] = (count + 1, first)

    def finish(
        self, capture: Capture, summary: Summary, not_evaluated: Sequence[NotEvaluated]
    ) -> None:
        """Writes the log."""
        folds = list(self._folding.rules())
        places = {file.path: index for index, file in enumerate(capture.files)}
        results = [
            _result(fold, index, places) for index, rule in enumerate(folds) for fold in rule.folds
        ]
        about = tool(capture)
        driver = {
            "name": about["name"],
            "semanticVersion": about["version"],
            "rules": [
                _rule(advice(fold.rule), fold.folds[0].exemplar, fold.severity) for fold in folds
            ],
        }
        run: dict[str, Any] = {
            "tool": {"driver": driver},
            "invocations": [self._invocation(capture, not_evaluated)],
            "artifacts": [
                {
                    "location": {"uri": _uri(file.path)},
                    "roles": ["analysisTarget"],
                    "mimeType": "application/vnd.tcpdump.pcap",
                    "length": file.bytes,
                    "properties": {"frames": file.frames},
                }
                for file in capture.files
            ],
            "results": results,
            "properties": {"lines": "startLine of a region is the number of the frame"},
        }
        log = {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}
        self._stream.write(msgspec.json.format(json_bytes(log), indent=1) + b"\n")

    def _invocation(
        self, capture: Capture, not_evaluated: Sequence[NotEvaluated]
    ) -> dict[str, Any]:
        places = {file.path: index for index, file in enumerate(capture.files)}
        notes = [
            _note("warning", f"{counted(count, 'time')} {first.kind}: {first.message}")
            | _located(first, places)
            for count, first in self._warnings.values()
        ]
        notes += [
            _note("note", f"{record.rule} not evaluated, {counted(record.count, 'time')}: "
                          f"{record.reason}")
            for record in not_evaluated
        ]  # fmt: skip
        made: dict[str, Any] = {
            "executionSuccessful": True,
            "toolExecutionNotifications": notes,
            "properties": {"frames": capture.frames, "streams": capture.streams},
        }
        if capture.start_ns is not None and capture.end_ns is not None:
            made["properties"]["captureStart"] = rfc3339(capture.start_ns, capture.digits)
            made["properties"]["captureEnd"] = rfc3339(capture.end_ns, capture.digits)
        return made


def _note(level: str, text: str) -> dict[str, Any]:
    return {"level": level, "message": {"text": printable(text, TEXT_SHOWN)}}


def _located(warning: CaptureWarning, places: dict[str, int]) -> dict[str, Any]:
    if warning.file is None or len(places) < 2:
        return {}
    return {"locations": [{"physicalLocation": _physical(warning.file, warning.frame, places)}]}


def _rule(about: Advice, finding: Finding, severity: int) -> dict[str, Any]:
    worst = next(item for item in Severity if item.rank == severity)
    security = bool(about.references)
    parts = [
        ("What it checks", about.checks),
        ("Why it matters", about.why),
        ("Fix on the client", about.fix_client),
        ("Fix on the server", about.fix_server),
        ("Known false alarms", about.false_alarms),
        ("Relates to", ", ".join(about.references)),
    ]
    used = [(title, text) for title, text in parts if text]
    properties: dict[str, Any] = {
        "tags": ["mqtt", *(["security", *map(_tag, about.references)] if security else [])],
        "precision": _PRECISION[finding.confidence.value],
        "problem.severity": "recommendation" if worst is Severity.INFO else worst.value,
    }
    if security:
        properties["security-severity"] = _SCORES[worst]
    return {
        "id": about.rule,
        "name": "".join(part.capitalize() for part in about.name.split("-")),
        "shortDescription": {"text": about.summary or about.name},
        "fullDescription": {"text": about.checks or about.summary or about.name},
        "defaultConfiguration": {"level": _LEVELS[worst]},
        "help": {
            "text": "\n\n".join(f"{title}: {text}" for title, text in used) or about.name,
            "markdown": "\n\n".join(f"**{title}.** {text}" for title, text in used) or about.name,
        },
        "properties": properties,
    }


def _tag(reference: str) -> str:
    """Formats a reference as a tag; CWE ids in the form that code scanning links."""
    number = reference.removeprefix("CWE-")
    return f"external/cwe/cwe-{number}" if number != reference else reference


def _result(fold: Fold, index: int, places: dict[str, int]) -> dict[str, Any]:
    finding = fold.exemplar
    who = printable(party(finding), TEXT_SHOWN) or "unknown"
    name = name_of(finding)
    message = printable(finding.message, TEXT_SHOWN)
    times = "" if fold.count == 1 else f" ({counted(fold.count, 'time')})"
    result: dict[str, Any] = {
        "ruleId": finding.rule,
        "ruleIndex": index,
        "level": _LEVELS[finding.severity],
        "message": {"text": f"{finding.side.value} {who}: {message}{times}"},
        "locations": [
            {
                "physicalLocation": _physical(finding.file, finding.frame, places),
                "logicalLocations": [
                    {"name": who, "kind": "object", "decoratedName": finding.side.value}
                ],
            }
        ],
        "occurrenceCount": fold.count,
        # the first is the key that code scanning matches, the second our own name for the same
        "partialFingerprints": {"primaryLocationLineHash": f"{name}:1", "mqttDissector/v1": name},
        "properties": {
            "confidence": finding.confidence.value,
            "obligation": finding.obligation.value,
            "statements": [
                f"{statement} of {finding.cited_version}" for statement in finding.statements
            ],
            "wireshark": display_filter(finding),
        },
    }
    if fold.places:
        result["relatedLocations"] = [
            {"id": number, "physicalLocation": _physical(file, frame, places)}
            for number, (file, frame) in enumerate(fold.places)
        ]
    return result


def _physical(file: str, frame: int | None, places: dict[str, int]) -> dict[str, Any]:
    artifact: dict[str, Any] = {"uri": _uri(file)}
    if file in places:
        artifact["index"] = places[file]
    region = {} if frame is None else {"region": {"startLine": frame}}
    return {"artifactLocation": artifact, **region}


def _uri(path: str) -> str:
    if path == "-":
        return "stdin"
    quoted = quote(path.encode("utf-8", "surrogateescape"))
    return f"file://{quoted}" if path.startswith("/") else quoted
