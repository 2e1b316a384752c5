"""Records in, the same records to the reporter out; remembers what decides the exit code."""

from __future__ import annotations

from dissector.connections.handshake import Handshake
from dissector.model import CaptureWarning, Finding
from dissector.report.reporter import Reporter


class Watch:
    """Stands between analysis and reporter; `damaged` is whether a warning was of those kinds."""

    def __init__(self, reporter: Reporter, damage: frozenset[str]) -> None:
        self.reporter = reporter
        self.damaged = False
        self._damage = damage

    def precision(self, digits: int) -> None:
        """Hand on."""
        self.reporter.precision(digits)

    def handshake(self, record: Handshake) -> None:
        """Hand on."""
        self.reporter.handshake(record)

    def finding(self, record: Finding) -> None:
        """Hand on."""
        self.reporter.finding(record)

    def warning(self, record: CaptureWarning) -> None:
        """Hand on, and remember damage."""
        self.damaged = self.damaged or record.kind in self._damage
        self.reporter.warning(record)
