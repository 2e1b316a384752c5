"""Records in as they are proven, a report out at the end: what every format implements.

A reporter is a sink of the analysis (`handshake`, `finding`, `warning`) that is told at the end
what is known only then. It writes to a binary stream and never closes it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from dissector.connections.handshake import Handshake
from dissector.model import Capture, CaptureWarning, Finding, NotEvaluated, Report, Summary

if TYPE_CHECKING:
    from dissector.audit.records import Device, Overview, Server
    from dissector.connections.tls_handshake import TlsHandshake


class ByteStream(Protocol):
    """Where a report goes."""

    def write(self, data: bytes, /) -> object:
        """Take all the bytes."""

    def flush(self) -> object:
        """Hand on what was taken."""


class Reporter(Protocol):
    """One format of a report."""

    def precision(self, digits: int) -> None:
        """Take the capture's precision, 6 or 9 digits, as soon as it is known."""

    def handshake(self, record: Handshake) -> None:
        """Take one handshake."""

    def finding(self, record: Finding) -> None:
        """Take one finding; formats with a table want it before its handshake."""

    def warning(self, record: CaptureWarning) -> None:
        """Take one limit of our own view."""

    def tls_handshake(self, record: TlsHandshake) -> None:
        """Take one TLS connection that seems to carry MQTT."""

    def finish(
        self, capture: Capture, summary: Summary, not_evaluated: Sequence[NotEvaluated]
    ) -> None:
        """Take what is known at the end and write the rest."""


class AuditReporter(Reporter, Protocol):
    """One format of an audit: devices and servers come after all else, the overview last."""

    def device(self, record: Device) -> None:
        """Take one device."""

    def server(self, record: Server) -> None:
        """Take one server."""

    def overview(self, record: Overview) -> None:
        """Take the overview; `finish` is next."""


class ReporterBase:
    """An audit's reporter that has no use for any record: formats derive from it, and take some.

    `digits` is the capture's precision.
    """

    digits = 6

    def precision(self, digits: int) -> None:
        """Keep the precision."""
        self.digits = digits

    def handshake(self, record: Handshake) -> None:
        """Nothing is said about a handshake."""

    def finding(self, record: Finding) -> None:
        """Nothing is said about a finding."""

    def warning(self, record: CaptureWarning) -> None:
        """Nothing is said about a warning."""

    def tls_handshake(self, record: TlsHandshake) -> None:
        """Nothing is said about a TLS connection."""

    def device(self, record: Device) -> None:
        """Nothing is said about a device."""

    def server(self, record: Server) -> None:
        """Nothing is said about a server."""

    def overview(self, record: Overview) -> None:
        """Nothing is said about the whole."""


def write_report(report: Report, reporter: Reporter) -> None:
    """Write a report that was collected before."""
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
