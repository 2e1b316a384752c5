"""Writes a report for people: a table of handshakes, the findings and the counts.

Rows with findings come first. At most `ROWS` rows are stored and shown unless all are requested.
Everything is written at the end.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from dissector.connections.encapsulation.record import carried_by
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
from dissector.mqtt import spec
from dissector.report import ending
from dissector.report.clock import rfc3339
from dissector.report.columns import GAP, NARROW, ROWS, file_names, numbered, tabulated, visible
from dissector.report.folding import Folding
from dissector.report.identity import address
from dissector.report.reporter import ByteStream, ReportOptions
from dissector.report.style import Style
from dissector.report.text import rule_blocks
from dissector.text import printable

if TYPE_CHECKING:
    from dissector.connections.tls_handshake import TlsHandshake
    from dissector.report import tls_table

_ORDER = (
    "stream", "file", "frame", "time", "MQTT", "over", "client", "client id", "clean", "pres.",
    "outcome", "closed by", "findings", "server",
)  # fmt: skip
# Columns that are left out if there is no room, the most important first. A page of `_WIDE` columns
# has time and client address; a narrower one has them only if they fit with wide gaps.
_OPTIONAL = ("closed by", "over", "clean", "pres.")
_EXTRA = ("client", "time")
_OPTIONAL_WIDE = ("closed by", "client", "time", "over", "clean", "pres.")
_WIDE = 100
_SHORTEST_ID = 12
_LONGEST_ID = 40
_LONGEST_FILE = 30
_SHORTEST_ADDRESS = 14  # of a client, on a page too narrow for the whole
_BRIDGE = "b"
_NO_CLOSE = "-"
_NO_DISCONNECT = {"fin": " FIN", "rst": " RST", "close-frame": " Close"}
# Meaning of the codes of 3.1 and 3.1.1 where the name is not enough.
_REFUSALS = {
    1: "the server does not support this MQTT version",
    2: "the server does not allow this client id",
    3: "the MQTT service is currently unavailable",
    4: "servers send it for wrong credentials; 3.1.1 means malformed ones",
    5: "many servers also send it for a wrong password",
}
_YES_NO = {True: "yes", False: "no", None: "-"}


class _Row(NamedTuple):
    rank: int  # sort key: negated rank of its worst finding, 1 without findings
    id: int
    file: str
    stream: int
    frame: str
    time_ns: int | None
    version: str
    client: str
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
    """The `table` format."""

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

    @classmethod
    def create(cls, stream: ByteStream, options: ReportOptions) -> Self:
        """Creates the reporter with the options that it needs."""
        return cls(stream, options.style, everything=options.everything, encoding=options.encoding)

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


class FindingsReport(TextReport):
    """The `text` format."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options | {"handshakes": False})


def _row(record: Handshake, found: list[Finding]) -> _Row:
    connect, connack = record.connect, record.connack
    began = record.began
    packet = began if began is not None else connack
    frame = packet.frame if packet is not None else None
    worst = max((finding.severity.rank for finding in found), default=-1)
    return _Row(
        rank=-worst,
        id=record.id,
        file=frame.file if frame is not None else "",
        stream=record.stream,
        frame=str(frame.number) if frame is not None else "-",
        time_ns=None if frame is None else frame.time_ns,
        version=(record.version.value if record.version else "?")
        + (_BRIDGE if record.bridge else ""),
        client=record.client.ip,
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
    """Lays out the rows: columns that do not fit are left out, long names become numbers."""
    times, dates = _times(rows)
    shown = {
        "stream": [str(row.stream) for row in rows],
        "frame": [row.frame for row in rows],
        "MQTT": [row.version for row in rows],
        "client id": [_client_id(row.client_id, _SHORTEST_ID) for row in rows],
        "outcome": [_outcome(row) for row in rows],
        "findings": [_findings(row, style, 1) for row in rows],
    }
    optional = {
        "closed by": [row.closed for row in rows],
        "client": [row.client for row in rows],
        "time": times,
        "over": [row.over or "-" for row in rows],
        "clean": [row.clean for row in rows],
        "pres.": [row.present for row in rows],
    }
    if not any(row.over for row in rows):
        del optional["over"]
    if any(row.outcome in (Outcome.REFUSED, Outcome.UNANSWERED) for row in rows):
        shown["closed by"] = optional.pop("closed by")
    long: dict[str, tuple[list[str], list[str], int]] = {}  # names that may become numbers
    if len(files) > 1:
        names = file_names([*files, *(row.file for row in rows)])
        long["file"] = [names[row.file] for row in rows], list(names.values()), _LONGEST_FILE
    servers = [row.server for row in rows]
    if len(set(servers)) > 1:
        long["server"] = servers, list(dict.fromkeys(servers)), style.width
    for name, (values, known, _) in long.items():
        shown[name] = list(numbered(name, values, 0, known)[0])
    wide = style.width >= _WIDE
    for name in _OPTIONAL_WIDE if wide else _OPTIONAL:
        if name in optional:
            _add(name, optional, shown, style.width, NARROW)
    legend: list[str] = []
    for name, (values, known, longest) in long.items():
        room = style.width - _size(shown, NARROW) + _size({name: shown[name]}, NARROW) + GAP
        named, lines = numbered(name, values, min(room, longest + GAP), known)
        shown[name] = list(named)
        legend += lines
    for name in () if wide else _EXTRA:
        _add(name, optional, shown, style.width, GAP)
    more = {**shown, "findings": [_findings(row, style, 2) for row in rows]}
    if _size(more, GAP) <= style.width:
        shown = more
    room = style.width - _size(shown, GAP) + _size({"": shown["client id"]}, GAP)
    room = min(max(room, _SHORTEST_ID), _LONGEST_ID)
    shown["client id"] = [_client_id(row.client_id, room) for row in rows]
    headers = [name for name in _ORDER if name in shown]
    yield from style.wrapped(_title(rows, dates if "time" in shown else []), 0)
    cells = list(zip(*(shown[name] for name in headers), strict=True))
    yield from tabulated(cells, headers, style.width)
    yield from legend
    if "closed by" in shown and any(" " in row.closed for row in rows):
        yield "FIN, RST or Close after the side: closed without a DISCONNECT"
    if "closed by" in shown and any(row.closed == _NO_CLOSE for row in rows):
        yield f"{_NO_CLOSE} under closed by: no close was captured"
    if any(row.version.endswith(_BRIDGE) for row in rows):
        yield f"{_BRIDGE} after a version: the client sets the bridge bit"
    refused = {
        (row.code, row.code_version)
        for row in rows
        if row.code and row.outcome is not Outcome.ACCEPTED
    }
    for meaning in refusal_meanings(refused):
        yield from style.wrapped(meaning, 0)


def _add(
    name: str, columns: Mapping[str, list[str]], shown: dict[str, list[str]], width: int, gap: int
) -> None:
    """Adds a column if there is room; a long address of a client is shortened for the time."""
    values = columns[name]
    room = width - _size(shown, gap) - gap
    if name == "client":
        left = room - gap - _size({"time": columns["time"]}, gap)
        values = [_end_of(value, max(left, _SHORTEST_ADDRESS)) for value in values]
    if _size({name: values}, gap) <= room:
        shown[name] = values


def _size(columns: Mapping[str, Sequence[str]], gap: int) -> int:
    """Returns the width of columns with gaps between them."""
    sizes = [max(len(name), *map(visible, values)) for name, values in columns.items()]
    return sum(sizes) + gap * (len(sizes) - 1)


def _times(rows: list[_Row]) -> tuple[list[str], list[str]]:
    """Returns the times of the rows, with the day only if there are several, and the days."""
    texts = ["" if row.time_ns is None else rfc3339(row.time_ns, 6) for row in rows]
    dates = sorted({text[:10] for text in texts if text})
    start = 11 if len(dates) == 1 else 5
    return [text[start:19].replace("T", " ") or "-" for text in texts], dates


def _title(rows: list[_Row], dates: list[str]) -> str:
    """Returns the heading: the server if it is one, the order of the rows, the date."""
    servers = {row.server for row in rows}
    text = f"Handshakes with the server {rows[0].server}" if len(servers) == 1 else "Handshakes"
    if len(rows) > 1:
        worst = "worst findings first, then " if any(row.findings for row in rows) else ""
        text += f", {worst}in order of the capture"
    if len(dates) == 1:
        text += f"; times are UTC on {dates[0]}"
    elif dates:
        text += f"; times are UTC, from {dates[0]} to {dates[-1]}"
    return text


def _end_of(address: str, room: int) -> str:
    """Shortens an address at its front: clients of one network differ at the end."""
    return address if len(address) <= room else f"…{address[1 - room :]}"


def _closed(close: Close | None) -> str:
    """Returns which side closed first, and how if there was no DISCONNECT."""
    if close is None:
        return _NO_CLOSE
    return close.by.value + _NO_DISCONNECT.get(close.how, "")


def _outcome(row: _Row) -> str:
    if row.code and row.outcome is not Outcome.ACCEPTED:
        return f"{row.outcome.value} {refusal_code(row.code, row.code_version)}"
    return row.outcome.value


def _findings(row: _Row, style: Style, most: int) -> str:
    """Returns the ids of at most this many rules and the number of others."""
    names = " ".join(row.findings[:most])
    if len(row.findings) > most:
        names += f" +{len(row.findings) - most}"
    if row.findings:
        severity = next(item for item in Severity if item.rank == -row.rank)
        names = style.severity(severity, names)
    return names


def _client_id(client_id: str | None, room: int) -> str:
    """Shortens a client id in its middle: those of one fleet often differ only at the end."""
    if client_id is None:
        return "-"
    text = printable(client_id) or '""'
    if len(text) <= room:
        return text
    end = (room - 1) // 2
    return f"{text[: room - 1 - end]}…{text[-end:]}"


def refusal_code(code: int, version: Version | None) -> str:
    """Formats a code as the standard of its version does: hexadecimal in 5.0."""
    return f"0x{code:02X}" if version is Version.V5_0 else str(code)


def refusal_meanings(refusals: Iterable[tuple[int, Version | None]]) -> Iterator[str]:
    """Returns an explanation for each different code."""
    lines: dict[str, str] = {}
    for code, version in sorted(refusals, key=lambda each: each[0]):
        words = spec.return_code_name(code, version)
        if version is not Version.V5_0 and code in _REFUSALS:
            words += f" ({_REFUSALS[code]})"
        lines.setdefault(refusal_code(code, version), words)
    for shown, words in lines.items():
        yield f"code {shown}: {words}"
