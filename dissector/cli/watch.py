"""Passes records to the reporter and notes damaged input, which decides the exit code."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dissector.model import CaptureWarning
from dissector.report.reporter import Reporter

if TYPE_CHECKING:
    from dissector.report.reporter import AuditReporter


class Watch:
    """Sink in front of a reporter.

    `damaged` is whether a warning of one of the kinds in `damage` came, `contradicting` whether
    files that were read as one capture contradict each other.
    """

    def __init__(self, reporter: Reporter, damage: frozenset[str]) -> None:
        self.reporter = reporter
        self.handshake = reporter.handshake  # without a call in between: there are many
        self.finding = reporter.finding
        self.tls_handshake = reporter.tls_handshake
        self.damaged = self.contradicting = False
        self._damage = damage

    def precision(self, digits: int) -> None:
        """Passes on the precision."""
        self.reporter.precision(digits)

    def warning(self, record: CaptureWarning) -> None:
        """Passes on a warning and notes its kind."""
        self.damaged = self.damaged or record.kind in self._damage
        self.contradicting = self.contradicting or record.kind == "contradicting-files"
        self.reporter.warning(record)


class AuditWatch(Watch):
    """Like `Watch`, for an audit."""

    reporter: AuditReporter

    def __init__(self, reporter: AuditReporter, damage: frozenset[str]) -> None:
        super().__init__(reporter, damage)
        self.device = reporter.device
        self.server = reporter.server
