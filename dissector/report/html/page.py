"""Writes an audit as one self-contained HTML file.

Style and script are inline; a content security policy allows those two by their hashes and nothing
that would have to be fetched. Every text passes `text.printable` on its way into the page (jinja's
`finalize`), and jinja escapes markup. Without scripts all parts are shown one below the other; with
scripts tables can be sorted and filtered, and each device has its own page.
"""

from __future__ import annotations

import base64
import functools
import hashlib
from collections.abc import Sequence
from importlib import resources
from typing import TYPE_CHECKING, Any, Self

from dissector.audit.records import Device, Overview, Server
from dissector.connections.handshake import Handshake
from dissector.model import Capture, CaptureWarning, Finding, NotEvaluated, Outcome, Summary
from dissector.report.folding import finding_bytes
from dissector.report.html.bins import Latencies, Timeline
from dissector.report.html.content import Content, PageRecords
from dissector.report.html.exemplar import FindingPlace
from dissector.report.identity import party
from dissector.report.reporter import ByteStream, ReporterBase, ReportOptions
from dissector.text import printable

if TYPE_CHECKING:
    from jinja2 import Template
    from markupsafe import Markup

    from dissector.connections.tls_handshake import TlsHandshake

FINDINGS_KEPT = 50_000
RECORD_BYTES = 32 << 20  # memory of the findings and of the handshakes that are kept, each
ENCRYPTED_KEPT = 10  # TLS connections of one server
DRAWN_BY_RULE = 10  # handshakes drawn for one rule and party
DRAWN = 5_000
_KINDS = {Outcome.ACCEPTED: 0, Outcome.REFUSED: 1}


class HtmlPage(ReporterBase):
    """The `html` format of an audit."""

    def __init__(self, stream: ByteStream) -> None:
        self._stream = stream
        self._kept = PageRecords()
        self._timeline = Timeline()
        self._latencies = Latencies()
        # by handshake: findings with their places among all
        self._pending: dict[int, list[tuple[int, Finding]]] = {}
        self._drawn: dict[tuple[str, str], int] = {}
        self._last: Handshake | None = None
        self._finding_bytes = self._drawn_bytes = 0

    @classmethod
    def create(cls, stream: ByteStream, options: ReportOptions) -> Self:
        """Creates the reporter with the options that it needs."""
        return cls(stream)

    def handshake(self, record: Handshake) -> None:
        """Counts the handshake and stores it if it has a finding."""
        kept = self._kept
        kept.folding.handshake(record)
        packet = record.connect if record.connect is not None else record.connack
        if packet is not None and packet.frame is not None:
            self._timeline.add(packet.frame.time_ns, _KINDS.get(record.outcome, 2))
        if record.latency is not None and record.latency >= 0:
            self._latencies.add(record.latency)
        self._last = record
        found = self._pending.pop(record.id, None)
        if found is not None:
            self._draw(record, found)

    def finding(self, record: Finding) -> None:
        """Stores the finding; its handshake comes afterwards or was the last one."""
        kept = self._kept
        kept.folding.finding(record)
        index = kept.count
        kept.count += 1
        if len(kept.findings) < FINDINGS_KEPT and self._finding_bytes < RECORD_BYTES:
            kept.findings.append(
                FindingPlace(
                    record.message, record.file, record.frame, record.frames, record.time_ns
                )
            )
            self._finding_bytes += finding_bytes(record)
        if record.handshake is None:
            return
        last = self._last
        if last is not None and last.id == record.handshake:
            self._draw(last, [(index, record)])
        else:
            self._pending.setdefault(record.handshake, []).append((index, record))

    def tls_handshake(self, record: TlsHandshake) -> None:
        """Stores the first connections of each server."""
        place = (record.server.ip, record.server.port)
        count, kept = self._kept.encrypted.get(place, (0, []))
        self._kept.encrypted[place] = (count + 1, kept)
        if len(kept) < ENCRYPTED_KEPT:
            kept.append(record)

    def warning(self, record: CaptureWarning) -> None:
        """Folds the warning by kind."""
        count, first = self._kept.warnings.get(record.kind, (0, record))
        self._kept.warnings[record.kind] = (count + 1, first)

    def device(self, record: Device) -> None:
        """Stores the record."""
        self._kept.devices.add(record)

    def server(self, record: Server) -> None:
        """Stores the record."""
        self._kept.servers.append(record)

    def overview(self, record: Overview) -> None:
        """Stores the record."""
        self._kept.overview = record

    def finish(
        self, capture: Capture, summary: Summary, not_evaluated: Sequence[NotEvaluated]
    ) -> None:
        """Writes the page."""
        content = Content(
            self._kept, self._timeline, self._latencies, capture, summary, not_evaluated
        )
        for chunk in _template().generate(page=content, **_assets()):
            self._stream.write(chunk.encode())

    def _draw(self, handshake: Handshake, found: list[tuple[int, Finding]]) -> None:
        kept = self._kept
        known = kept.drawn.get(handshake.id)
        if known is None:
            kept.flagged += 1
            new = [key for key in ((item.rule, party(item)) for _, item in found)
                   if self._drawn.get(key, 0) < DRAWN_BY_RULE]  # fmt: skip
            if not new or len(kept.drawn) >= DRAWN or self._drawn_bytes >= RECORD_BYTES:
                return
            for packet in (handshake.connect, handshake.connack):
                self._drawn_bytes += 0 if packet is None else 2 * packet.size
            for key in new:
                self._drawn[key] = self._drawn.get(key, 0) + 1
            known = kept.drawn[handshake.id] = (handshake, [])
        for index, finding in found:
            known[1].append(finding)
            kept.drawn_in[index] = handshake.id


def shown(value: Any) -> Any:
    """Escapes a text before it enters the page; our own markup is not of type `str` here."""
    return printable(value) if type(value) is str else value


def _coded(text: str) -> Markup:
    """Returns a sentence of a rule's page with the parts in backticks as code."""
    from markupsafe import Markup, escape

    parts = [escape(printable(part)) for part in text.split("`")]
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if index % 2 else part
        for index, part in enumerate(parts)
    )


@functools.cache
def _asset(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")


def _hashed(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


@functools.cache
def _assets() -> dict[str, Any]:
    from markupsafe import Markup

    style, script = _asset("style.css"), _asset("script.js")
    policy = (
        f"default-src 'none'; style-src '{_hashed(style)}'; script-src '{_hashed(script)}'; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )
    return {"style": Markup(style), "script": Markup(script), "policy": Markup(policy)}


@functools.cache
def _template() -> Template:
    from jinja2 import Environment, FunctionLoader, StrictUndefined

    environment = Environment(
        loader=FunctionLoader(_asset),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=shown,
    )
    environment.filters["grouped"] = lambda value: f"{value:,}"
    environment.filters["coded"] = _coded
    return environment.get_template("page.html.j2")
