"""Evaluates the audit rules (SEC, TLS) in addition to those of `FindingCollector`.

The activity tracker is updated first; then each rule that asks for one of the connection's events
is checked. Imported only for an audit, or if a rule of SEC or TLS is selected by name.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import cython

from dissector.activity.context import AuditContext, Event
from dissector.activity.tls import TlsActivityTracker, TlsAuditContext
from dissector.activity.tracker import ActivityTracker
from dissector.connections.connection import Connection
from dissector.connections.record import ConnectionRecord, RecordMaker
from dissector.connections.thresholds import DEFAULT, Thresholds
from dissector.model import FrameRef
from dissector.rules.finding_collector import CollectorOptions, FindingCollector
from dissector.rules.registry import all_rules, audit_rules

if TYPE_CHECKING:
    from dissector.connections.tls_handshake import TlsHandshake

if cython.compiled:
    from cython.cimports.dissector.rules.identifiers import (  # type: ignore[import-not-found]
        profile_may_hold_identifier,
    )
else:
    from dissector.rules.identifiers import profile_may_hold_identifier

_PROFILE, _IDENTIFIER = Event.PROFILE, Event.IDENTIFIER
_WITHOUT_BYTES = Event.ENDED | Event.TLS_PORT  # do not depend on the bytes of the connection


class AuditCollector(FindingCollector):
    """Collects the findings of the audit rules, too.

    `ended_with` is called for every connection that has ended, including TLS connections that seem
    to carry MQTT.
    """

    def __init__(
        self,
        options: CollectorOptions,
        *,
        activity: ActivityTracker | None = None,
        thresholds: Thresholds = DEFAULT,
        ended_with: Callable[[AuditContext | TlsAuditContext], None] | None = None,
    ) -> None:
        chosen = [rule for rule in audit_rules() if rule.id in options.selected]
        super().__init__(options, (*all_rules(), *chosen))
        self.activity = ActivityTracker() if activity is None else activity
        self.tls = TlsActivityTracker(self.activity)
        self.activity.set_limits(thresholds)
        self.thresholds = thresholds
        self._records = RecordMaker(
            self.activity.key, thresholds.short_password, thresholds.derived_length
        )
        self._ended_with = ended_with
        self._limit_reported = False

    @property
    def in_order_of_time(self) -> bool:
        """Whether several captures have to be analyzed in the order of their start."""
        return True

    def begin_capture(self, number: int, streams: frozenset[int] | None, *, overlaps: bool) -> None:
        """Begins one of several captures; the activity so far counts unless it overlaps."""
        FindingCollector.begin_capture(self, number, streams, overlaps=overlaps)
        self.activity.begin_capture(number)
        self._records.begin_capture()
        if overlaps:
            self.activity.forget()
            self.tls.forget()

    def answered(self, connection: Connection) -> None:
        """Judges a handshake whose CONNACK was received."""
        FindingCollector.answered(self, connection)
        if self._all or self._is_selected(connection):
            record = self._records.answered(connection)
            if record is not None:
                self.record_answered(record)

    def record_answered(self, record: ConnectionRecord) -> None:
        """Judges the record of a handshake whose CONNACK was received."""
        self._judge_activity(self.activity.answered(record))

    def closing(self, connection: Connection) -> None:
        """Records that one side has closed a connection."""
        self.activity.closing(connection.stream)

    def ended(self, connection: Connection) -> None:
        """Judges a connection that has ended in the capture."""
        FindingCollector.ended(self, connection)
        if not (self._all or self._is_selected(connection)):
            return
        self.record_ended(self._records.ended(connection))

    def record_ended(self, record: ConnectionRecord) -> None:
        """Judges the record of a connection that has ended."""
        context = self.activity.ended(record)
        self._judge_activity(context)
        if self._ended_with is not None:
            self._ended_with(context)
        self._check_memory(record.first, record.stream)

    def _check_memory(self, frame: FrameRef, stream: int) -> None:
        """Reports once that the history of hosts and clients is no longer complete."""
        if not self._limit_reported and (self.activity.evicted or self.tls.evicted):
            self._limit_reported = True
            what = (
                "too many hosts, client ids or long texts: the oldest history is evicted, "
                "so devices, counts and findings about repeats may be missing"
            )
            self.limited("audit-limit", what, frame, stream)

    def encrypted(self, record: TlsHandshake) -> None:
        """Judges a TLS connection."""
        FindingCollector.encrypted(self, record)
        if self._clients is not None or not (
            self._streams is None or record.stream in self._streams
        ):
            return
        context = self.tls.ended(record)
        if not record.quality.conflict:  # otherwise the true bytes are unknown
            context.limits = self.thresholds
            self._judge.tls_connection(context)
        if self._ended_with is not None:
            self._ended_with(context)
        self._check_memory(record.first, record.stream)

    def _judge_activity(self, context: AuditContext) -> None:
        event = context.event
        record = context.connection
        if event & ~_WITHOUT_BYTES and record.conflict:
            return  # the true bytes are unknown
        if event & _PROFILE:
            assert context.profile is not None
            if profile_may_hold_identifier(context.profile, record):
                event |= _IDENTIFIER
        self._judge.activity(context, event)
