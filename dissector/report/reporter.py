"""Defines the interface that every output format implements.

A reporter is a sink of the analysis (`handshake`, `finding`, `warning`) that also receives what is
known only at the end. It writes to a binary stream and never closes it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from dissector.analysis import Report
from dissector.connections.handshake import Handshake
from dissector.model import Capture, CaptureWarning, Finding, NotEvaluated, Summary

if TYPE_CHECKING:
    from dissector.audit.records import Device, Overview, Server
    from dissector.connections.tls_handshake import TlsHandshake
    from dissector.report.style import Style


class ByteStream(Protocol):
    """Output of a report."""

    def write(self, data: bytes, /) -> object:
        """Writes all bytes."""

    def flush(self) -> object:
        """Flushes buffered bytes."""


@runtime_checkable
class LogStream(ByteStream, Protocol):
    """Output of a report of several logs, each in a file of its own."""

    def begin_log(self, name: str) -> None:
        """Begins a log; what is written next belongs to it."""


class ReportOptions:
    """Appearance of a report, and what it may show.

    `rules` are the ids of the selected rules; findings of severity `fail_on` or above are failures.
    `several`: there is more than one capture. `key` is the key of fingerprints.
    `notes` is where a format writes what is not part of the report.
    """

    def __init__(
        self,
        style: Style,
        *,
        encoding: str = "utf-8",
        everything: bool = False,
        show_secrets: bool = False,
        key: bytes | None = None,
        rules: Collection[str] = (),
        fail_on: str = "error",
        several: bool = False,
        notes: ByteStream | None = None,
    ) -> None:
        self.style = style
        self.encoding = encoding
        self.everything = everything
        self.show_secrets = show_secrets
        self.key = key
        self.rules = rules
        self.fail_on = fail_on
        self.several = several
        self.notes = notes


class Reporter(Protocol):
    """One format of a report."""

    def precision(self, digits: int) -> None:
        """Receives the precision of times, 6 or 9 digits, as soon as it is known."""

    def handshake(self, record: Handshake) -> None:
        """Receives one handshake."""

    def finding(self, record: Finding) -> None:
        """Receives one finding; formats with a table need it before its handshake."""

    def warning(self, record: CaptureWarning) -> None:
        """Receives one capture warning."""

    def tls_handshake(self, record: TlsHandshake) -> None:
        """Receives one TLS connection that seems to carry MQTT."""

    def finish(
        self, capture: Capture, summary: Summary, not_evaluated: Sequence[NotEvaluated]
    ) -> None:
        """Receives what is known only at the end and writes the rest."""


class AuditReporter(Reporter, Protocol):
    """One format of an audit: devices and servers come after other records, the overview last."""

    def device(self, record: Device) -> None:
        """Receives one device."""

    def server(self, record: Server) -> None:
        """Receives one server."""

    def overview(self, record: Overview) -> None:
        """Receives the overview; `finish` follows."""


class ReporterBase:
    """An audit reporter that ignores all records; formats override the methods they need.

    `digits` is the precision of times.
    """

    digits = 6

    def precision(self, digits: int) -> None:
        """Stores the precision."""
        self.digits = digits

    def handshake(self, record: Handshake) -> None:
        """Ignored by default."""

    def finding(self, record: Finding) -> None:
        """Ignored by default."""

    def warning(self, record: CaptureWarning) -> None:
        """Ignored by default."""

    def tls_handshake(self, record: TlsHandshake) -> None:
        """Ignored by default."""

    def device(self, record: Device) -> None:
        """Ignored by default."""

    def server(self, record: Server) -> None:
        """Ignored by default."""

    def overview(self, record: Overview) -> None:
        """Ignored by default."""


def write_report(report: Report, reporter: Reporter) -> None:
    """Writes a report that is already complete."""
    reporter.precision(report.capture.digits)
    for finding in report.findings:
        reporter.finding(finding)
    for handshake in report.handshakes:
        reporter.handshake(handshake)
    for encrypted in report.tls_handshakes:
        reporter.tls_handshake(encrypted)
    for warning in report.warnings:
        reporter.warning(warning)
    reporter.finish(report.capture, report.summary, report.not_evaluated)
