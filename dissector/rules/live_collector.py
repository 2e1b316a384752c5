"""What the trackers of a live capture see in, handshakes and findings out as soon as they are sure.

A handshake is told with its CONNACK, and what is overdue when the deadline passes; what was told
then is not told again at the connection's end, where everything is judged as in a file. The counts
are those of the end.
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
from dissector.rules.finding_collector import CollectorOptions, FindingCollector, wanted
from dissector.rules.judge import Judge

_Reported = Counter[tuple[object, ...]]


class _LiveCollection:
    """What makes a hearing prompt: it stands before it among the bases.

    `reported` takes handshakes as soon as they are sure; the hearing's own takes those that are over.
    """

    def __init__(self, terms: CollectorOptions, **more: Any) -> None:
        super().__init__(terms, **more)  # type: ignore[call-arg]
        self.reported: Callable[[Handshake], None] = terms.handshake
        self._terms = terms
        self._early = Judge(self._found_early, terms.selected)
        self._known: set[int] = set()  # handshakes of open connections that were told
        self._reported: dict[
            int, _Reported
        ] = {}  # by stream: findings that were told before its end
        self._left: _Reported | None = None  # of the connection that is being judged

    def answered(self, connection: Connection) -> None:
        """Judge a handshake that has its CONNACK, then tell it."""
        super().answered(connection)  # type: ignore[misc]
        handshake = connection.handshake
        if handshake is None or not self._within(connection):
            return
        handshake.outcome = outcome(connection)
        handshake.auths = connection.auths
        self._known.add(handshake.id)
        self.reported(handshake)

    def overdue(self, connection: Connection) -> None:
        """Tell what is wrong with a connection as of now."""
        if not self._within(connection):
            return
        count = len(connection.findings)
        self._left = Counter(self._reported.get(connection.stream, ()))
        self._early.connection(connection)
        self._left = None
        new = connection.findings[count:]
        if new:
            self._reported[connection.stream] = self._reported.get(
                connection.stream, Counter()
            ) | Counter(map(_key, new))
            connection.findings = connection.findings[:count]

    def ended(self, connection: Connection) -> None:
        """Judge a connection whose view has ended; tell what was not told before."""
        self._left = self._reported.pop(connection.stream, None)
        handshake = connection.handshake
        super().ended(connection)  # type: ignore[misc]
        self._left = None
        if handshake is not None and handshake.id in self._known:
            self._known.discard(handshake.id)
        elif handshake is not None and self._within(connection):
            self.reported(handshake)

    def found(self, finding: Finding) -> None:
        """Hand a finding on that was not told before."""
        if not self._reported_before(finding):
            super().found(finding)  # type: ignore[misc]

    def _found_early(self, finding: Finding) -> None:
        if not self._reported_before(finding):
            super().found(finding)  # type: ignore[misc]

    def _within(self, connection: Connection) -> bool:
        return wanted(connection, self._terms.streams, self._terms.clients)

    def _reported_before(self, finding: Finding) -> bool:
        left = self._left
        if left is None:
            return False
        key = _key(finding)
        if left[key] <= 0:
            return False
        left[key] -= 1
        return True


class LiveCollector(_LiveCollection, FindingCollector):
    """Hears a live capture."""


class LiveAuditCollector(_LiveCollection, AuditCollector):
    """Hears a live capture, with rules of an audit."""


def _key(finding: Finding) -> tuple[object, ...]:
    """What makes two findings of one connection the same, however long it is open by now."""
    return (finding.rule, finding.side, finding.frame, finding.frames, finding.span)
