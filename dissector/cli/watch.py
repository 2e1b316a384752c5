"""Records in, the same records to the reporter out; remembers what decides the exit code."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dissector.model import CaptureWarning
from dissector.report.reporter import Reporter

if TYPE_CHECKING:
    from dissector.report.reporter import AuditReporter


class Watch:
    """Stands between analysis and reporter; `damaged` is whether a warning was of those kinds."""

    def __init__(self, reporter: Reporter, damage: frozenset[str]) -> None:
        self.reporter = reporter
        self.handshake = reporter.handshake  # as they are: there are many of them
        self.finding = reporter.finding
        self.tls_handshake = reporter.tls_handshake
        self.damaged = False
        self._damage = damage

    def precision(self, digits: int) -> None:
        """Hand on."""
        self.reporter.precision(digits)

    def warning(self, record: CaptureWarning) -> None:
        """Hand on, and remember damage."""
        self.damaged = self.damaged or record.kind in self._damage
        self.reporter.warning(record)


class AuditWatch(Watch):
    """The same for an audit."""

    reporter: AuditReporter

    def __init__(self, reporter: AuditReporter, damage: frozenset[str]) -> None:
        super().__init__(reporter, damage)
        self.device = reporter.device
        self.server = reporter.server
