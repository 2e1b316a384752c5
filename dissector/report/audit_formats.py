"""The name of a format in, a reporter of audits out: the one place that knows them all.

A reporter of an audit is a `Reporter` that takes `device`, `server` and `overview`, too. Formats
that want the whole at once (a page, a list) are functions of an `Audit` and a stream; `Whole`
collects for them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from dissector.analysis import Outcome
from dissector.audit.records import Audit, Device, Overview, Server
from dissector.audit.run import AuditOutcome, Collector
from dissector.model import Capture, NotEvaluated, Summary
from dissector.report.reporter import ByteStream, Reporter
from dissector.report.style import Style


class AuditReporter(Reporter, Protocol):
    """One format of an audit: devices and servers come after all else, the overview last."""

    def device(self, record: Device) -> None:
        """Take one device."""

    def server(self, record: Server) -> None:
        """Take one server."""

    def overview(self, record: Overview) -> None:
        """Take the overview; `finish` is next."""


class Look:
    """How a report looks and what it may show."""

    def __init__(
        self,
        style: Style,
        *,
        encoding: str = "utf-8",
        everything: bool = False,
        show_secrets: bool = False,
        key: bytes | None = None,
    ) -> None:
        self.style = style
        self.encoding = encoding
        self.everything = everything
        self.show_secrets = show_secrets
        self.key = key


class Whole(Collector):
    """Collects an audit for a format that is a function of the whole."""

    def __init__(
        self, write: Callable[[Audit, ByteStream, Look], None], stream: ByteStream, look: Look
    ) -> None:
        super().__init__()
        self._write = write
        self._stream = stream
        self._look = look
        self._overview = Overview()

    def overview(self, record: Overview) -> None:
        """Keep it."""
        self._overview = record

    def finish(
        self, capture: Capture, summary: Summary, not_evaluated: Sequence[NotEvaluated]
    ) -> None:
        """Write the report."""
        outcome = Outcome(capture, summary, list(not_evaluated), [])
        self._write(self.audit(AuditOutcome(outcome, self._overview)), self._stream, self._look)


def reporter(name: str, stream: ByteStream, look: Look) -> AuditReporter:
    """Make the reporter of a format; `name` is one of `cli.options.AUDIT_FORMATS`."""
    if name == "json":
        from dissector.report.json_audit import AuditDocument

        return AuditDocument(stream, show_secrets=look.show_secrets, key=look.key)
    if name == "jsonl":
        from dissector.report.json_audit import AuditLines

        return AuditLines(stream, show_secrets=look.show_secrets, key=look.key)
    from dissector.report.audit_table import AuditTable

    return AuditTable(stream, look.style, everything=look.everything, encoding=look.encoding)
