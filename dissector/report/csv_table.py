"""Writes one table of findings (and devices and servers) for spreadsheets.

RFC 4180, UTF-8. The first column holds the kind of record; columns that do not apply to it are
empty. Handshakes and TLS connections have no rows: findings, devices and servers hold what matters
of them. Text is quoted and numbers are not, so an import that treats quoted fields as text turns
no client id into a date. No cell is a formula, and none is longer than a spreadsheet accepts.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence

from dissector.audit.records import Device, Posture, Server
from dissector.model import Capture, Finding, NotEvaluated, Summary
from dissector.report.advice import advice
from dissector.report.clock import rfc3339
from dissector.report.identity import address, name_of
from dissector.report.json_values import json_bytes, set_value
from dissector.report.posture_text import share
from dissector.report.reporter import ByteStream, ReporterBase
from dissector.report.wireshark import display_filter
from dissector.text import csv_cell, printable

COLUMNS = (
    "record", "severity", "rule", "name", "side", "obligation", "confidence", "message",
    "client", "clientId", "mac", "server", "version", "time", "lastSeen", "file", "frame", "stream",
    "handshake", "evidence", "statements", "fix", "relatesTo", "wireshark", "kind", "vendor",
    "software", "transports", "authentication", "username", "connections", "accepted", "refused",
    "findings", "right", "notSeen", "fingerprint",
)  # fmt: skip
LONGEST = 32_000  # characters; a spreadsheet cell holds at most 32,767


class CsvTable(ReporterBase):
    """The `csv` format for analyses and audits."""

    def __init__(self, stream: ByteStream) -> None:
        self._stream = stream
        self._text = io.StringIO()
        self._writer = csv.DictWriter(
            self._text, COLUMNS, restval="", quoting=csv.QUOTE_NONNUMERIC, lineterminator="\r\n"
        )
        self._writer.writeheader()

    def finding(self, record: Finding) -> None:
        """Writes the row of a finding."""
        rule = advice(record.rule, record.version)
        evidence: dict[str, object] = {}
        for key, value in record.evidence.items():
            set_value(evidence, key, value)
        self._row(
            {
                "record": "finding",
                "severity": record.severity.value,
                "rule": record.rule,
                "name": record.name,
                "side": record.side.value,
                "obligation": record.obligation.value,
                "confidence": record.confidence.value,
                "message": record.message,
                "client": None if record.client is None else record.client.ip,
                "clientId": record.client_id,
                "mac": None if record.client is None else record.client.mac,
                "server": None if record.server is None else address(record.server),
                "version": None if record.version is None else record.version.value,
                "time": rfc3339(record.time_ns, self.digits),
                "file": record.file,
                "frame": record.frame,
                "stream": record.stream,
                "handshake": record.handshake,
                "evidence": json_bytes(evidence).decode() if evidence else None,
                "statements": " ".join(record.statements),
                "fix": rule.fix(record.side),
                "relatesTo": "; ".join(rule.references),
                "wireshark": display_filter(record),
                "fingerprint": name_of(record),
            }
        )

    def device(self, record: Device) -> None:
        """Writes the row of a device."""
        self._row(
            {
                "record": "device",
                "name": record.name,
                "client": _listed(record.addresses),
                "clientId": _listed(record.client_ids),
                "mac": _listed(record.macs),
                "server": _listed(record.servers),
                "version": _listed(record.versions),
                "time": rfc3339(record.first_seen_ns, self.digits),
                "lastSeen": rfc3339(record.last_seen_ns, self.digits),
                "kind": record.kind.value,
                "vendor": record.vendor,
                "software": None if record.software is None else record.software.name,
                "transports": _listed(record.transports),
                "authentication": _counted(record.authentication),
                "username": _listed(record.usernames),
                "connections": record.connections,
                "accepted": record.accepted,
                "refused": record.refused,
                **_judged(record.posture),
            }
        )

    def server(self, record: Server) -> None:
        """Writes the row of a server."""
        self._row(
            {
                "record": "server",
                "name": record.name,
                "mac": _listed(record.macs),
                "server": record.name,
                "version": _listed(record.versions),
                "time": rfc3339(record.first_seen_ns, self.digits),
                "lastSeen": rfc3339(record.last_seen_ns, self.digits),
                "vendor": record.vendor,
                "software": None if record.software is None else record.software.name,
                "transports": _listed(record.transports),
                "authentication": _counted(record.accepts),
                "connections": record.connections,
                "accepted": record.accepted,
                "refused": record.refused,
                **_judged(record.posture),
            }
        )

    def finish(
        self, capture: Capture, summary: Summary, not_evaluated: Sequence[NotEvaluated]
    ) -> None:
        """Writes the buffered rows."""
        self._flush()

    def _row(self, cells: Mapping[str, str | int | None]) -> None:
        self._writer.writerow({key: _cell(value) for key, value in cells.items()})
        if self._text.tell() > 65_536:
            self._flush()

    def _flush(self) -> None:
        self._stream.write(self._text.getvalue().encode())
        self._text.seek(0)
        self._text.truncate()


def _cell(value: str | int | None) -> str | int:
    if value is None:
        return ""
    return value if isinstance(value, int) else csv_cell(printable(value, LONGEST))


def _judged(posture: Posture) -> dict[str, str | int | None]:
    return {
        "severity": None if posture.worst is None else posture.worst.value,
        "rule": " ".join(problem.rule for problem in posture.wrong),
        "findings": sum(problem.count for problem in posture.wrong),
        "right": "; ".join(map(share, posture.right)),
        "notSeen": "; ".join(posture.unseen),
    }


def _listed(items: Iterable[str]) -> str:
    return " ".join(items)


def _counted(items: Mapping[str, int]) -> str:
    return "; ".join(f"{name}: {count}" for name, count in items.items())
