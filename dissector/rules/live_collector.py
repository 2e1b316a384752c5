"""Collects findings and handshakes of a live capture, and reports them as soon as they are certain.

A handshake is reported at its CONNACK, an overdue reaction when its deadline has passed. At its end
a connection is judged as in a file, without reporting anything twice. Counts are those at the end.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from dissector.connections.connection import Connection
from dissector.connections.handshake import Handshake
from dissector.connections.outcome import outcome
from dissector.model import Finding
from dissector.rules.audit_collector import AuditCollector
from dissector.rules.finding_collector import CollectorOptions, FindingCollector, is_selected
from dissector.rules.judge import Judge
from dissector.rules.registry import all_rules

_Reported = Counter[tuple[object, ...]]


class _LiveReporting:
    """Mixin for a collector, before it among the bases, that reports early.

    `reported` is called for handshakes as soon as they are certain; the collector's own callback
    receives those whose connection has ended.
    """

    def __init__(self, options: CollectorOptions, **more: Any) -> None:
        super().__init__(options, **more)  # type: ignore[call-arg]
        self.reported: Callable[[Handshake], None] = options.handshake
        self._options = options
        self._early = Judge(all_rules(), self._found_early, options.selected, options.pedantic)
        self._reported_handshakes: set[int] = set()  # ids, of open connections
        self._reported: dict[int, _Reported] = {}  # by stream: findings reported before its end
        self._remaining: _Reported | None = None  # of the connection that is being judged

    def answered(self, connection: Connection) -> None:
        """Judges a handshake whose CONNACK was received, then reports it."""
        super().answered(connection)  # type: ignore[misc]
        handshake = connection.handshake
        if handshake is None or not self._selects(connection):
            return
        handshake.outcome = outcome(connection)
        handshake.auths = connection.auths
        self._reported_handshakes.add(handshake.id)
        self.reported(handshake)

    def overdue(self, connection: Connection) -> None:
        """Reports the findings on a connection at this time."""
        if not self._selects(connection):
            return
        count = len(connection.findings)
        self._remaining = Counter(self._reported.get(connection.stream, ()))
        self.note_server(connection)  # type: ignore[attr-defined]
        self._early.connection(connection)
        self._remaining = None
        new = connection.findings[count:]
        if new:
            self._reported[connection.stream] = self._reported.get(
                connection.stream, Counter()
            ) | Counter(map(_key, new))
            connection.findings = connection.findings[:count]

    def ended(self, connection: Connection) -> None:
        """Judges a connection that has ended, and reports what was not reported before."""
        self._remaining = self._reported.pop(connection.stream, None)
        handshake = connection.handshake
        super().ended(connection)  # type: ignore[misc]
        self._remaining = None
        if handshake is not None and handshake.id in self._reported_handshakes:
            self._reported_handshakes.discard(handshake.id)
        elif handshake is not None and self._selects(connection):
            self.reported(handshake)

    def found(self, finding: Finding) -> None:
        """Forwards a finding that was not reported before."""
        if not self._reported_before(finding):
            super().found(finding)  # type: ignore[misc]

    def _found_early(self, finding: Finding) -> None:
        if not self._reported_before(finding):
            super().found(finding)  # type: ignore[misc]

    def _selects(self, connection: Connection) -> bool:
        return is_selected(connection, self._options.streams, self._options.clients)

    def _reported_before(self, finding: Finding) -> bool:
        remaining = self._remaining
        if remaining is None:
            return False
        key = _key(finding)
        if remaining[key] <= 0:
            return False
        remaining[key] -= 1
        return True


class LiveCollector(_LiveReporting, FindingCollector):
    """Collects the findings of a live capture."""


class LiveAuditCollector(_LiveReporting, AuditCollector):
    """Collects the findings of a live capture, including those of audit rules."""


def _key(finding: Finding) -> tuple[object, ...]:
    """Returns the key of a finding on its connection, which does not depend on time."""
    return (finding.rule, finding.side, finding.frame, finding.frames, finding.span)
