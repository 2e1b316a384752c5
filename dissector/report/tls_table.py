"""Formats a table of TLS connections for people: what is visible without keys."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from dissector.connections.tls_handshake import TlsHandshake
from dissector.net.tls_names import alert_name, version_name
from dissector.report.clock import rfc3339
from dissector.report.columns import ROWS, file_names, inserted, numbered, tabulated
from dissector.report.identity import address
from dissector.report.style import Style, counted
from dissector.text import printable

_HEADERS = ["stream", "frame", "TLS", "server", "cert. until", "result"]
_OTHERS = 54  # width of all columns except the server's, including the gaps
_LEAST = 22
_FATAL = 2


class TlsRow(NamedTuple):
    """Row of one connection; plain text, escaped."""

    capture: int
    stream: int
    file: str
    frame: int
    version: str
    server: str
    certificate: str
    result: str


def row(record: TlsHandshake) -> TlsRow:
    """Returns the row of a connection."""
    version = record.version
    frame = record.client_hello_frame or record.first
    return TlsRow(
        record.capture,
        record.stream,
        frame.file,
        frame.number,
        "-" if version is None else version_name(version).removeprefix("TLS "),
        printable(record.server_name or address(record.server)),
        _certificate(record),
        _result(record),
    )


def lines(rows: list[TlsRow], count: int, style: Style, files: Sequence[str]) -> Iterator[str]:
    """Lays rows out; `count` is the total number of connections, `files` are all files."""
    yield style.paint("TLS connections", "bold")
    room = max(_LEAST, style.width - _OTHERS)
    cells = [
        [str(row.stream), str(row.frame), row.version, _cut(row.server, room), row.certificate,
         row.result]
        for row in rows
    ]  # fmt: skip
    headers = [*_HEADERS]
    legend: list[str] = []
    if len(files) > 1:
        names = file_names([*files, *(row.file for row in rows)])
        values = [names[row.file] for row in rows]
        shown, legend = numbered("file", values, room - _LEAST, list(names.values()))
        inserted(cells, headers, 1, "file", shown)
    yield from tabulated(cells, headers, style.width)
    yield from legend
    if count > len(rows):
        yield f"and {counted(count - len(rows), 'more TLS connection')}; --all lists them"
    yield ""


def kept(rows: list[TlsRow], everything: bool) -> list[TlsRow]:
    """Returns the rows to show, in order."""
    ordered = sorted(rows)
    return ordered if everything else ordered[:ROWS]


def _cut(text: str, room: int) -> str:
    return text if len(text) <= room else text[: room - 1] + "…"


def _certificate(record: TlsHandshake) -> str:
    """Returns the date until which the server's certificate is valid."""
    if record.hides_certificates:
        return "hidden"
    if not record.certificates:
        return "-"
    found = record.chain[0]
    return "unreadable" if found is None else rfc3339(found.not_after_ns, 6)[:10]


def _result(record: TlsHandshake) -> str:
    for alert in record.alerts:
        if alert.level == _FATAL and alert.description is not None:
            return f"{alert.side.value}: {alert_name(alert.description)}"
    if record.established:
        return "resumed" if record.resumed else "established"
    if record.alerts and record.alerts[0].description is None:
        return f"{record.alerts[0].side.value}: alert"
    return "incomplete" if record.quality.incomplete_reason() else "not established"
