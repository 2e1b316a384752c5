"""Writes one table of handshakes and findings (an audit: findings, devices, servers).

RFC 4180, UTF-8, for spreadsheets. The first column holds the kind of record; columns that do not
apply to it are empty. The row of a handshake sums up its findings (rules, number, worst severity,
messages), and their own rows follow it; findings outside of handshakes come first. TLS connections
have no rows. Text is quoted and numbers are not, so an import that treats quoted fields as text
turns no client id into a date. No cell is a formula, and none is longer than a spreadsheet accepts.
Passwords are left out unless they may be shown.
"""

from __future__ import annotations

import csv
import enum
import io
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from math import isfinite
from operator import itemgetter
from typing import Any, Self

import msgspec

from dissector.audit.records import Device, Posture, Server
from dissector.connections.encapsulation.record import carried_by
from dissector.connections.handshake import Handshake
from dissector.model import Capture, Finding, NotEvaluated, Severity, Summary
from dissector.report import fields
from dissector.report.advice import advice
from dissector.report.clock import rfc3339
from dissector.report.fields import Field, FieldKind
from dissector.report.identity import address, name_of
from dissector.report.json_values import json_bytes, set_value
from dissector.report.posture_text import share
from dissector.report.reporter import ByteStream, ReporterBase, ReportOptions
from dissector.report.sorted_lines import SortedLines
from dissector.text import csv_cell, decode, printable

COLUMNS = (
    "record", "severity", "rule", "name", "side", "obligation", "confidence", "message",
    "client", "clientId", "mac", "server", "version", "time", "lastSeen", "file", "frame", "stream",
    "handshake", "evidence", "statements", "fix", "relatesTo", "wireshark", "kind", "vendor",
    "software", "transports", "authentication", "username", "connections", "accepted", "refused",
    "findings", "right", "notSeen", "fingerprint", "outcome", "latency", "port", "bridge",
    "cleanSession", "keepAlive", "password", "lastWillTopic", "lastWillQos", "lastWillMessage",
    "lastWillRetain", "sessionPresent", "returnCode", "returnCodeName", "connackFrame", "closedBy",
    "closedHow", "closeTime",
)  # fmt: skip
_PLACES = frozenset(COLUMNS)
_NO_CELL = (FieldKind.OBJECT, FieldKind.OBJECTS, FieldKind.INLINE, FieldKind.PROPERTIES)
_Cells = dict[str, str | int | float | None]
LONGEST = 32_000  # characters; a spreadsheet cell holds at most 32,767


class CsvTable(ReporterBase):
    """The `csv` format for analyses and audits; `handshakes`: with a row for each handshake."""

    def __init__(
        self, stream: ByteStream, *, handshakes: bool = False, show_secrets: bool = False
    ) -> None:
        self._stream = stream
        self._handshakes = handshakes
        self._show_secrets = show_secrets
        # rows by handshake: a finding may be proven before its handshake ends, or long after
        self._by_handshake = SortedLines()
        self._text = io.StringIO()
        self._writer = csv.DictWriter(
            self._text, COLUMNS, restval="", quoting=csv.QUOTE_NONNUMERIC, lineterminator="\r\n"
        )
        self._writer.writeheader()

    @classmethod
    def create(cls, stream: ByteStream, options: ReportOptions) -> Self:
        """Creates the reporter with the options that it needs."""
        return cls(stream, handshakes=True, show_secrets=options.show_secrets)

    def finding(self, record: Finding) -> None:
        """Writes the row of a finding."""
        rule = advice(record.rule, record.version)
        client, server = record.client, record.server
        self._row_of(
            record.handshake,
            {
                "record": "finding",
                **self._cells(fields.CLASSIFICATION, record.classification),
                **self._cells(fields.FINDING, record),
                "client": None if client is None else client.ip,
                "mac": None if client is None else client.mac,
                "server": None if server is None else address(server),
                "fix": rule.fix(record.side),
                "relatesTo": "; ".join(rule.references),
                "fingerprint": name_of(record),
            },
        )

    def handshake(self, record: Handshake) -> None:
        """Stores the row of a handshake."""
        if not self._handshakes:
            return
        connect, connack, close = record.connect, record.connack, record.close
        unfinished = record.unfinished
        packet = connack if record.began is None else record.began
        frame = None if packet is None else packet.frame
        cells: _Cells = {
            "record": "handshake",
            **self._cells(fields.HANDSHAKE, record),
            "client": record.client.ip,
            "port": record.client.port,
            "mac": record.client.mac,
            "server": address(record.server),
            "handshake": record.id,
            "transports": carried_by(record.transport, record.encapsulation) or record.transport,
        }
        if frame is not None:
            cells |= self._cells(fields.FRAME, frame)
        if connect is not None:
            cells |= self._cells(fields.CONNECT, connect)
        elif unfinished is not None:
            came = self._cells(fields.CONNECT, unfinished.connect).items()
            cells |= {name: value for name, value in came if name in unfinished.fields}
        if connack is not None:
            cells |= self._cells(fields.CONNACK, connack)
            cells["connackFrame"] = None if connack.frame is None else connack.frame.number
        if close is not None:
            cells |= {
                "closedBy": close.by.value,
                "closedHow": close.how,
                "closeTime": rfc3339(close.frame.time_ns, self.digits),
            }
        self._row_of(record.id, cells)

    def _cells(self, members: Sequence[Field], record: object) -> _Cells:
        """Returns the cells of those members of a record that have a column."""
        return {
            field.name: self._content(field, field.value(record))
            for field in members
            if field.name in _PLACES and field.kind not in _NO_CELL
        }

    def _content(self, field: Field, value: Any) -> str | int | float | None:
        """Returns the content of a cell."""
        if value is None:
            return None
        if field.kind is FieldKind.TIME:
            return rfc3339(value, self.digits)
        if field.kind is FieldKind.SECRET and not self._show_secrets:
            return "redacted"
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, enum.Enum):
            return str(value.value)
        if isinstance(value, bytes):
            return decode(value)
        if isinstance(value, tuple):
            return _listed(value)
        if isinstance(value, dict):
            made: dict[str, Any] = {}
            for name, item in value.items():
                set_value(made, name, item)
            return json_bytes(made).decode() if made else None
        content: str | int | float = value
        return content

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
        """Writes the rows of handshakes, each with those of its findings, and all that is left."""
        for _, lines in groupby(self._by_handshake.keyed_lines(), key=itemgetter(0)):
            rows = [msgspec.json.decode(line, type=_Cells) for _, line in lines]
            findings = [row for row in rows if row["record"] == "finding"]
            for row in rows:
                if row["record"] == "handshake":
                    self._write(row | _summed(findings))
            for row in findings:
                self._write(row)
        self._flush()

    def _row_of(self, handshake: int | None, cells: _Cells) -> None:
        """Stores a row that belongs to a handshake; writes it if there are none."""
        if handshake is None or not self._handshakes:
            self._row(cells)
            return
        shown = {key: _cell(value) for key, value in cells.items() if value is not None}
        self._by_handshake.add(handshake, msgspec.json.encode(shown))

    def _row(self, cells: _Cells) -> None:
        self._write({key: _cell(value) for key, value in cells.items()})

    def _write(self, cells: _Cells) -> None:
        """Writes cells that are safe already."""
        self._writer.writerow(cells)
        if self._text.tell() > 65_536:
            self._flush()

    def _flush(self) -> None:
        self._stream.write(self._text.getvalue().encode())
        self._text.seek(0)
        self._text.truncate()


class AuditCsvTable(CsvTable):
    """The `csv` format of an audit: without handshakes."""

    @classmethod
    def create(cls, stream: ByteStream, options: ReportOptions) -> Self:
        """Creates the reporter."""
        return cls(stream)


def _cell(value: str | float | None) -> str | float:
    """Returns the content of a cell; a number that is not finite becomes an empty one."""
    if isinstance(value, str):
        return csv_cell(printable(value, LONGEST))
    return value if value is not None and isfinite(value) else ""


def _summed(findings: Sequence[_Cells]) -> _Cells:
    """Returns the cells of a handshake that sum up its findings."""
    messages: dict[str, str] = {}
    for row in findings:
        messages.setdefault(str(row["rule"]), str(row["message"]))
    severities = [Severity(row["severity"]) for row in findings]
    worst = max(severities, key=lambda severity: severity.rank, default=None)
    return {
        "findings": len(findings),
        "severity": None if worst is None else worst.value,
        "rule": " ".join(messages),
        "message": "; ".join(f"{rule}: {text}" for rule, text in messages.items())[:LONGEST],
    }


def _judged(posture: Posture) -> _Cells:
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
