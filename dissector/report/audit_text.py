"""Writes the `table` format of an audit: servers, devices, findings and counts.

Devices with the most severe findings come first. What is right follows, one line for each point.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from dissector.audit.records import Device, Kind, Overview, Posture, Server
from dissector.model import Capture, NotEvaluated, Summary
from dissector.report.columns import tabulated
from dissector.report.posture_text import WorstDevices, connections, share, versions
from dissector.report.style import Style, counted
from dissector.report.text_report import TextReport
from dissector.text import printable

ROWS = 50
_NAME, _LIST = 40, 80  # characters of a cell; captured names may be very long
WORDS = 3  # login methods or refusal codes listed in a cell
NAMES = 3  # hosts and paths listed for a server
_DEVICE = ("device", "address", "kind", "MQTT", "logs in by", "vendor or software", "findings")
_SERVER = ("server", "accepts", "refusals", "MQTT", "software", "findings")


class AuditTextReport(TextReport):
    """The `table` format of an audit."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options | {"handshakes": False})
        self._devices = WorstDevices(None if self._everything else ROWS)
        self._servers: list[Server] = []
        self._overview = Overview()

    def device(self, record: Device) -> None:
        """Stores one device."""
        self._devices.add(record)

    def server(self, record: Server) -> None:
        """Stores one server."""
        self._servers.append(record)

    def overview(self, record: Overview) -> None:
        """Stores the overview; called before `finish`."""
        self._overview = record

    def finish(
        self, capture: Capture, summary: Summary, not_evaluated: Sequence[NotEvaluated]
    ) -> None:
        """Writes everything."""
        for line in self._inventory():
            self._line(line)
        super().finish(capture, summary, not_evaluated)

    def _inventory(self) -> Iterator[str]:
        style = self._style
        if self._servers:
            rows = [_server(record, style) for record in self._servers]
            yield from tabulated(rows, _SERVER, style.width)
            for record in self._servers:
                for text in _access(record):
                    first, *rest = style.wrapped(f"{record.name} {text}", 2)
                    yield from (first, *(f"  {line}" for line in rest))
            yield ""
        shown = self._devices.ranked()
        if shown:
            rows = [_device(record, style) for record in shown]
            yield from tabulated(rows, _DEVICE, style.width)
        more = self._devices.total - len(shown)
        if more:
            yield f"and {counted(more, 'more device')}; --all lists them"
        yield ""
        overview = self._overview
        if shown:
            yield from style.wrapped(connections(overview), 0)
        for point in overview.right:
            yield from style.wrapped(f"right: {share(point)}", 0)
        for text in overview.not_seen:
            yield from style.wrapped(f"not seen: {text}", 0)
        for text in overview.limits:
            yield from style.wrapped(f"limit: {text}", 0)
        yield ""


def _findings(posture: Posture, style: Style) -> str:
    if posture.worst is None:
        return "-"
    names = [problem.rule for problem in posture.wrong]
    text = " ".join(names[:3]) + (f" +{len(names) - 3}" if len(names) > 3 else "")
    return style.severity(posture.worst, text)


def _few(names: Iterable[str]) -> str:
    """Lists the first names; MQTT versions write some of them in different case."""
    first: dict[str, str] = {}
    for name in names:
        first.setdefault(name.casefold(), name)
    known = list(first.values())
    text = printable(", ".join(known[:WORDS]), _LIST) or "-"
    return text + (f" +{len(known) - WORDS}" if len(known) > WORDS else "")


def _device(record: Device, style: Style) -> list[str]:
    made = record.vendor or (record.software.name if record.software else "-")
    return [
        printable(record.name, _NAME),
        " ".join(record.addresses[:1]) + (" …" if len(record.addresses) > 1 else ""),
        "-" if record.kind is Kind.DEVICE else record.kind.value,
        versions(record),
        _few(record.authentication),
        printable(made, _LIST),
        _findings(record.posture, style),
    ]


def _access(record: Server) -> Iterator[str]:
    """Describes how clients reach a server over WebSocket or through a proxy."""
    if record.hosts or record.paths:
        hosts = ", ".join(printable(host, 40) for host in record.hosts[:NAMES]) or "no host"
        paths = ", ".join(printable(path, 40) for path in record.paths[:NAMES]) or "no path"
        yield f"is requested as {hosts} over WebSocket, path {paths}"
    if record.forwarders:
        ways = ", ".join(f"{way} ({count:,})" for way, count in record.forwarders.items())
        yield f"is behind a proxy that gives client addresses by {ways}"


def _server(record: Server, style: Style) -> list[str]:
    return [
        record.name,
        _few(record.accepts),
        _few(record.refusals),
        versions(record),
        printable(record.software.name, _NAME) if record.software else "-",
        _findings(record.posture, style),
    ]
