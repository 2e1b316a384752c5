"""What the trackers see in, findings of an audit out, on top of those of `Hearing`.

The history is told first, then the rules whose events came up are asked. Imported only for an
audit, or where a rule of SEC or TLS is selected by name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from dissector.connections.connection import Connection
from dissector.connections.history import History
from dissector.connections.moment import Event, Moment
from dissector.connections.tls_history import TlsHistory, TlsMoment
from dissector.model import NotEvaluated as NotEvaluatedRecord
from dissector.rules.audited import AuditedRule, MomentRule, TlsRule, tls_finding
from dissector.rules.base import Failure, NotEvaluated, Verdict
from dissector.rules.hearing import Hearing, Terms
from dissector.rules.judge import STREAMS_NAMED, make_finding
from dissector.rules.registry import audit_rules
from dissector.rules.thresholds import DEFAULT, Thresholds

if TYPE_CHECKING:
    from dissector.connections.tls_handshake import TlsHandshake

_ENDED = Event.ENDED
_Check = Callable[[Moment, Thresholds], Verdict]


class Inspection(Hearing):
    """A hearing that asks the rules of an audit, too.

    `ended_with` hears of every connection, and of every TLS connection that seems to carry MQTT.
    """

    def __init__(
        self,
        terms: Terms,
        *,
        history: History | None = None,
        thresholds: Thresholds = DEFAULT,
        ended_with: Callable[[Moment | TlsMoment], None] | None = None,
    ) -> None:
        super().__init__(terms)
        self.history = History() if history is None else history
        self.tls = TlsHistory(self.history)
        self.thresholds = thresholds
        self._ended_with = ended_with
        self._unjudged: dict[tuple[str, str], NotEvaluatedRecord] = {}
        chosen = [rule for rule in audit_rules() if rule.id in terms.selected]
        self._rules = [rule for rule in chosen if isinstance(rule, MomentRule)]
        self._asked: dict[int, list[tuple[MomentRule, _Check]]] = {}  # by event: few differ
        self._tls_rules = [rule for rule in chosen if isinstance(rule, TlsRule)]

    def answered(self, connection: Connection) -> None:
        """Judge a handshake that has its CONNACK."""
        Hearing.answered(self, connection)
        if self._all or self._wanted(connection):
            moment = self.history.answered(connection)
            if moment is not None:
                self._ask(moment)

    def ended(self, connection: Connection) -> None:
        """Judge a connection whose view has ended."""
        Hearing.ended(self, connection)
        if not (self._all or self._wanted(connection)):
            return
        moment = self.history.ended(connection)
        self._ask(moment)
        if self._ended_with is not None:
            self._ended_with(moment)

    def encrypted(self, record: TlsHandshake) -> None:
        """Judge a TLS connection."""
        Hearing.encrypted(self, record)
        if self._clients is not None or not (
            self._streams is None or record.stream in self._streams
        ):
            return
        moment = self.tls.ended(record)
        if not record.view.conflict:  # else whose bytes those are nobody knows
            for rule in self._tls_rules:
                verdict = rule.check_tls(moment, self.thresholds)
                for failure in self._failures(rule, record.stream, verdict):
                    self.found(tls_finding(rule, record, failure))
        if self._ended_with is not None:
            self._ended_with(moment)

    def not_evaluated(self) -> list[NotEvaluatedRecord]:
        """Give what could not be judged, in order of rule id."""
        mine = [self._unjudged[key] for key in sorted(self._unjudged)]
        return super().not_evaluated() + mine

    def _ask(self, moment: Moment) -> None:
        event = moment.event
        connection = moment.connection
        if event & ~_ENDED and connection.view.conflict:
            return  # whose bytes those are nobody knows
        rules = self._asked.get(event)
        if rules is None:
            chosen = [rule for rule in self._rules if rule.asks & event]
            rules = self._asked[event] = [(rule, rule.check) for rule in chosen]
        for rule, check in rules:
            verdict = check(moment, self.thresholds)
            if verdict is not None:  # rarely
                for failure in self._failures(rule, connection.stream, verdict):
                    self.found(make_finding(rule, connection, failure))

    def _failures(self, rule: AuditedRule, stream: int, verdict: Verdict) -> Iterable[Failure]:
        """Give the failures of a verdict; count it where it is none because nobody could judge."""
        if verdict is None:
            return ()
        if isinstance(verdict, NotEvaluated):
            key = (rule.id, verdict.reason)
            record = self._unjudged.setdefault(key, NotEvaluatedRecord(*key))
            record.count += 1
            if len(record.streams) < STREAMS_NAMED:
                record.streams.append(stream)
            return ()
        return (verdict,) if isinstance(verdict, Failure) else verdict
