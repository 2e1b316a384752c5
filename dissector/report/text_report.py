"""Writes a report for people: a table of handshakes, the findings and the counts.

Rows with findings come first. At most `ROWS` rows are stored and shown unless all are requested.
Everything is written at the end.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from dissector.connections.encapsulation import carried_by
from dissector.connections.handshake import Close, Handshake
from dissector.model import (
    Capture,
    CaptureWarning,
    Finding,
    NotEvaluated,
    Outcome,
    Severity,
    Summary,
    Version,
)
from dissector.report import ending
from dissector.report.columns import GAP, file_names, inserted, numbered, tabulated, visible
from dissector.report.folding import Folding
from dissector.report.identity import address
from dissector.report.refusals import meanings, short
from dissector.report.reporter import ByteStream
from dissector.report.style import Style
from dissector.report.text import rule_blocks
from dissector.text import printable

if TYPE_CHECKING:
    from dissector.connections.tls_handshake import TlsHandshake
    from dissector.report import tls_table

ROWS = 50
_HEADERS = ("stream", "frame", "MQTT", "client id", "clean", "pres.", "outcome", "findings")
_SHORTEST_ID = 12
_LONGEST_ID = 40
_LONGEST_FILE = 30
_BRIDGE = "b"
_NO_DISCONNECT = {"fin": " FIN", "rst": " RST", "close-frame": " Close"}
_YES_NO = {True: "yes", False: "no", None: "-"}


class _Row(NamedTuple):
    rank: int  # sort key: negated rank of its worst finding, 1 without findings
    id: int
    file: str
    stream: int
    frame: str
    version: str
    client_id: str | None
    clean: str
    present: str
    outcome: Outcome
    code: int | None
    closed: str  # which side closed first, and how
    code_version: Version | None  # an older server may answer a 5.0 client with its own codes
    findings: tuple[str, ...]
    server: str
    over: str  # encapsulation besides TCP


class TextReport:
    """The `table` format; without handshakes the `text` format."""

    def __init__(
        self,
        stream: ByteStream,
        style: Style,
        *,
        everything: bool = False,
        handshakes: bool = True,
        encoding: str = "utf-8",
    ) -> None:
        self._stream = stream
        self._style = style
        self._everything = everything
        self._handshakes = handshakes
        self._encoding = encoding
        self._rows: list[_Row] = []
        self._folding = Folding()
        self._warnings = ending.Warnings()
        self._count = 0
        self._tls_rows: list[tls_table.TlsRow] = []
        self._tls_count = 0

    def precision(self, digits: int) -> None:
        """Ignored: `finish` gets the precision with the capture."""

    def handshake(self, record: Handshake) -> None:
        """Stores its row if it can be shown."""
        found = self._folding.handshake(record)
        self._count += 1
        if not self._handshakes:
            return
        self._rows.append(_row(record, found))
        if not self._everything and len(self._rows) > 20 * ROWS:
            self._rows = sorted(self._rows)[:ROWS]

    def tls_handshake(self, record: TlsHandshake) -> None:
        """Stores its row if it can be shown."""
        from dissector.report import tls_table

        self._tls_count += 1
        if self._handshakes:
            self._tls_rows.append(tls_table.row(record))
            if len(self._tls_rows) > 20 * ROWS:
                self._tls_rows = tls_table.kept(self._tls_rows, self._everything)

    def finding(self, record: Finding) -> None:
        """Folds the record."""
        self._folding.finding(record)

    def warning(self, record: CaptureWarning) -> None:
        """Folds the record."""
        self._warnings.add(record)

    def finish(
        self, capture: Capture, summary: Summary, not_evaluated: Sequence[NotEvaluated]
    ) -> None:
        """Writes everything."""
        style = self._style
        for line in self._table(capture):
            self._line(line)
        for line in self._encrypted(capture):
            self._line(line)
        for rule in self._folding.rules():
            for line in rule_blocks(
                rule, style, everything=self._everything, digits=capture.digits
            ):
                self._line(line)
        for line in ending.counts(capture, summary, style):
            self._line(line)
        for line in self._warnings.lines(style):
            self._line(line)
        for line in ending.not_evaluated(not_evaluated, style, everything=self._everything):
            self._line(line)
        for line in ending.configuration(capture):
            self._line(line)

    def _line(self, line: str) -> None:
        self._stream.write(line.encode(self._encoding, "backslashreplace") + b"\n")

    def _table(self, capture: Capture) -> Iterator[str]:
        rows = sorted(self._rows)
        if not self._everything:
            rows = rows[:ROWS]
        if not rows:
            return
        yield from _render(rows, self._style, [file.path for file in capture.files])
        if self._count > len(rows):
            yield f"and {self._count - len(rows):,} more handshakes; --all lists them"
        yield ""

    def _encrypted(self, capture: Capture) -> Iterator[str]:
        if not self._tls_rows:
            return
        from dissector.report import tls_table

        rows = tls_table.kept(self._tls_rows, self._everything)
        yield from tls_table.lines(
            rows, self._tls_count, self._style, [file.path for file in capture.files]
        )


def _row(record: Handshake, found: list[Finding]) -> _Row:
    connect, connack = record.connect, record.connack
    began = connect if record.unfinished is None else record.unfinished.connect
    packet = began if began is not None else connack
    frame = packet.frame if packet is not None else None
    worst = max((finding.severity.rank for finding in found), default=-1)
    return _Row(
        rank=-worst,
        id=record.id,
        file=frame.file if frame is not None else "",
        stream=record.stream,
        frame=str(frame.number) if frame is not None else "-",
        version=(record.version.value if record.version else "?")
        + (_BRIDGE if record.bridge else ""),
        client_id=None if connect is None else connect.client_id[: 2 * _LONGEST_ID],
        clean="-" if connect is None else _YES_NO[connect.clean_session],
        present="-" if connack is None else _YES_NO[connack.session_present],
        outcome=record.outcome,
        code=None if connack is None else connack.return_code,
        code_version=None if connack is None else connack.version,
        closed=_closed(record.close),
        findings=tuple(dict.fromkeys(finding.rule for finding in found)),
        server=address(record.server),
        over=carried_by(record.transport, record.encapsulation),
    )


def _render(rows: list[_Row], style: Style, files: Sequence[str]) -> Iterator[str]:
    headers = [*_HEADERS]
    cells = [_cells(row, style) for row in rows]
    if any(row.over for row in rows):
        at = headers.index("MQTT") + 1
        inserted(cells, headers, at, "over", [row.over or "-" for row in rows])
    column = headers.index("client id")
    room = (
        style.width
        - _SHORTEST_ID
        - sum(
            max(len(header), *(visible(line[index]) for line in cells)) + GAP
            for index, header in enumerate(headers)
            if index != column
        )
    )
    legend: list[str] = []
    if len(files) > 1:
        names = file_names([*files, *(row.file for row in rows)])
        values = [names[row.file] for row in rows]
        shown, lines = numbered("file", values, min(room, _LONGEST_FILE), list(names.values()))
        room -= inserted(cells, headers, 1, "file", shown)
        legend += lines
    servers = [row.server for row in rows]
    if len(set(servers)) > 1:
        shown, lines = numbered("server", servers, room)
        room -= inserted(cells, headers, len(headers), "server", shown)
        legend += lines
    else:
        yield f"Handshakes with the server {servers[0]}"
    longest = max(len(_client_id(row.client_id, _LONGEST_ID)) for row in rows)
    closes = [row.closed for row in rows]
    if room - max(longest - _SHORTEST_ID, 0) >= max(map(len, closes)) + GAP:
        at = headers.index("outcome") + 1
        room -= inserted(cells, headers, at, "closed by", closes)
    column = headers.index("client id")
    room = min(_SHORTEST_ID + max(room, 0), _LONGEST_ID)
    for row, line in zip(rows, cells, strict=True):
        line[column] = _client_id(row.client_id, room)
    yield from tabulated(cells, headers, style.width)
    yield from legend
    if "closed by" in headers and any(" " in row.closed for row in rows):
        yield "FIN, RST or Close after the side: closed without a DISCONNECT"
    if any(row.version.endswith(_BRIDGE) for row in rows):
        yield f"{_BRIDGE} after a version: the client sets the bridge bit"
    refused = {
        (row.code, row.code_version)
        for row in rows
        if row.code and row.outcome is not Outcome.ACCEPTED
    }
    for meaning in meanings(refused):
        yield from style.wrapped(meaning, 0)


def _closed(close: Close | None) -> str:
    """Returns which side closed first, and how if there was no DISCONNECT."""
    if close is None:
        return "-"
    return close.by.value + _NO_DISCONNECT.get(close.how, "")


def _cells(row: _Row, style: Style) -> list[str]:
    outcome = row.outcome.value
    if row.code and row.outcome is not Outcome.ACCEPTED:
        outcome += f" {short(row.code, row.code_version)}"
    names = " ".join(row.findings[:2])
    if len(row.findings) > 2:
        names += f" +{len(row.findings) - 2}"
    if row.findings:
        severity = next(item for item in Severity if item.rank == -row.rank)
        names = style.severity(severity, names)
    return [
        str(row.stream), row.frame, row.version, "", row.clean, row.present, outcome, names
    ]  # fmt: skip


def _client_id(client_id: str | None, room: int) -> str:
    if client_id is None:
        return "-"
    return printable(client_id, room) if client_id else '""'
