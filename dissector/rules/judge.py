"""Evaluates the rules on their subjects, and builds the findings: the only place that does.

The judge indexes the rules once: defects by kind, packet type and version; all others by subject
and version, with the bits that they ask for. A connection without anything unusual therefore costs
only a few calls. What all findings of a rule in one version share is prepared in that index. Every
rule about the standard is evaluated, whatever the caller selected, since some depend on findings of
others; selection comes last. Collectors decide when to ask the judge, and what to remember.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import cython

from dissector.connections.connection import Connection, ConnectionFlag
from dissector.connections.record import ConnectionRecord
from dissector.model import (
    Classification,
    Confidence,
    Finding,
    FrameRef,
    Obligation,
    Severity,
    Side,
    Stream,
    Version,
)
from dissector.model import NotEvaluated as NotEvaluatedRecord
from dissector.mqtt import spec
from dissector.mqtt.defects import Defect, DefectKind
from dissector.mqtt.packets.packet import Packet
from dissector.rules.base import (
    HEADER_FLAGS_DEFECTS,
    Cause,
    Rule,
    Subject,
    Unevaluated,
    Verdict,
)
from dissector.rules.failure import Failure
from dissector.rules.registry import AUDIT_GROUPS

if cython.compiled:
    from cython.cimports.dissector.rules.failure import defect_fact  # type: ignore[import-not-found]
else:
    from dissector.rules.failure import defect_fact

STREAMS_LISTED = 20  # streams listed in a "not evaluated" record; further ones are only counted
_WITH_FINDING = ConnectionFlag.FINDING
_WEBSOCKET = ConnectionFlag.WEBSOCKET
_FREE_FINDINGS = 2  # that do not count, so that a usual connection is never evicted for them
_CLASSIFICATIONS_KEPT = 16  # for each rule and version
_FINDING_BYTES = 2048  # memory of each finding; the bytes of its packet are shared
_CONNECT, _CONNACK = 1 << spec.CONNECT, 1 << spec.CONNACK
_V3_1_1, _V5_0 = Version.V3_1_1, Version.V5_0
_INFO, _ERROR = Severity.INFO, Severity.ERROR
_MUST, _PROVEN = Obligation.MUST, Confidence.PROVEN
_MALFORMED_CONNECT, _VIOLATION = Cause.MALFORMED_CONNECT, Cause.VIOLATION
_HEADER_FLAGS, _HEADER_FLAGS_DEFECTS = Cause.HEADER_FLAGS, HEADER_FLAGS_DEFECTS
# causes that are defects of a CONNECT
_CONNECT_CAUSES = {
    DefectKind.PROTOCOL_LEVEL: Cause.UNKNOWN_LEVEL,
    DefectKind.CLIENT_ID_EMPTY_NOT_CLEAN: Cause.EMPTY_CLIENT_ID,
}
_PACKET_SUBJECT, _CONNECTION_SUBJECT = Subject.PACKET, Subject.CONNECTION
_OF_AUDIT = frozenset({Subject.ACTIVITY, Subject.TLS_CONNECTION})
_VERSIONS: tuple[Version | None, ...] = (*Version, None)
_UNKNOWN_VERSION = "the version of the connection is unknown"


class NotEvaluatedCount:
    """How often a rule was not evaluated for one reason, and on which streams."""

    def __init__(self) -> None:
        self.count = 0
        self.streams: list[Stream] = []


class IndexedRule:
    """A rule in one version: what the judge needs of it, and what its findings share there.

    `unevaluated` counts by reason how often the rule, in any version, could not be evaluated.
    """

    def __init__(
        self,
        rule: Rule,
        version: Version | None,
        selected: frozenset[str],
        pedantic: frozenset[str],
        unevaluated: dict[str, NotEvaluatedCount],
    ) -> None:
        self.rule = rule
        self.id = rule.id
        self.name = rule.name
        self.check = rule.check
        self.asks = rule.asks
        self.causes = rule.causes
        self.of_audit = not _OF_AUDIT.isdisjoint(rule.subjects)
        self.of_connection = _CONNECTION_SUBJECT in rule.subjects
        self.about = 0  # packet types, as bits
        for packet_type in rule.about:
            self.about |= 1 << packet_type
        self.severity = rule.severity_in(version)
        self.obligation = rule.obligation
        self.confidence = rule.confidence
        self.side = rule.side
        self.either = rule.either
        self.malformed = rule.malformed
        cited = _V3_1_1 if version is None else version
        self.statements = rule.statements.get(cited, ())
        self.section = rule.sections.get(cited)
        self.classifications: list[Classification] = []  # of its findings so far
        self.selected = rule.id in selected
        # pedantic in this version, and not switched on
        self.off = version in rule.pedantic and rule.id not in pedantic
        self.unevaluated = unevaluated

    def classification(self, failure: Failure, version: Version | None) -> Classification:
        """Returns the classification of a failure on a connection of that version."""
        severity = self.severity if failure.severity is None else failure.severity
        obligation = self.obligation if failure.obligation is None else failure.obligation
        confidence = self.confidence if failure.confidence is None else failure.confidence
        statements = self.statements if failure.statements is None else failure.statements
        section = failure.section or self.section
        side = self.side if failure.side is None else failure.side
        for known in self.classifications:
            if (
                known.side is side
                and known.severity is severity
                and known.obligation is obligation
                and known.confidence is confidence
                and known.version is version
                and (known.statements is statements or known.statements == statements)
                and (known.section is section or known.section == section)
            ):
                return known
        made = Classification(
            self.id, self.name, severity, obligation, confidence, statements, section, version, side
        )
        if len(self.classifications) < _CLASSIFICATIONS_KEPT:
            self.classifications.append(made)
        return made


class Asked:
    """The rules about one subject in one version, in order, and all bits that they ask for."""

    def __init__(self) -> None:
        self.rules: list[IndexedRule] = []
        self.bits = 0

    def add(self, entry: IndexedRule) -> None:
        """Adds a rule."""
        self.rules.append(entry)
        self.bits |= entry.asks

    def count(self, other: Asked) -> None:
        """Adds the bits of another version's rules, which cannot be evaluated, only counted."""
        self.bits |= other.bits


class Judge:
    """Evaluates rules, and calls `found` for each finding of a selected rule.

    `rules` are those about the standard and, in an audit, the chosen ones of SEC and TLS.
    """

    def __init__(
        self,
        rules: Sequence[Rule],
        found: Callable[[Finding], None],
        selected: frozenset[str],
        pedantic: frozenset[str] = frozenset(),
    ) -> None:
        self.capture: int | None = None  # the capture's id if there are several
        self._found = found
        self._unevaluated: dict[str, dict[str, NotEvaluatedCount]] = {}  # by rule and reason
        # None: the rule about the subject CONNECTION that consumes the kind judges it
        self._consumers: dict[tuple[Any, int, Version | None], IndexedRule | None] = {}
        asked: dict[Subject, dict[Version | None, Asked]] = {
            subject: {version: Asked() for version in _VERSIONS} for subject in Subject
        }
        self._handshake = asked[Subject.HANDSHAKE]
        self._connection = asked[Subject.CONNECTION]
        self._last = {version: Asked() for version in _VERSIONS}  # of connections, asked afterwards
        self._activity = asked[Subject.ACTIVITY][None]
        self._tls_connection = asked[Subject.TLS_CONNECTION][None]
        # by version, all rules that may be reported as not evaluated if little was captured
        self._by_version: dict[Version | None, list[IndexedRule]] = {v: [] for v in _VERSIONS}
        for rule in rules:
            counts = self._unevaluated[rule.id] = {}
            for version in _VERSIONS:
                entry = IndexedRule(rule, version, selected, pedantic, counts)
                if rule.applies(version):
                    self._index(entry, version)
                    for subject in rule.subjects:
                        lists = self._last if rule.last else asked[subject]
                        lists[version].add(entry)
                if not entry.of_audit and (version is None or version in rule.statements):
                    self._by_version[version].append(entry)
        for lists in (self._handshake, self._connection, self._last):
            unknown = lists[None]
            for known_version in Version:  # where it is unknown, they are at least counted
                unknown.count(lists[known_version])

    def _index(self, entry: IndexedRule, version: Version | None) -> None:
        rule = entry.rule
        own = _PACKET_SUBJECT in rule.subjects
        only_in = getattr(rule, "only_in", {})
        for kind, types in rule.consumes.items():
            for packet_type in types or range(17):
                if version in only_in.get((kind, packet_type), (version,)):
                    self._consumers[kind, packet_type, version] = entry if own else None

    def defects(self, connection: Connection, packet: Packet, side: Side) -> None:
        """Judges the defects of one packet."""
        version = connection.version
        for defect in packet.defects:
            entry = self._consumers.get((defect.kind, defect.packet_type, version))
            if entry is not None:
                if entry.either or entry.side is side:  # else only the other side sends it: ENC12
                    known = len(connection.findings)
                    verdict = entry.check(defect_fact(defect, packet, side, connection))
                    if verdict is not None:
                        self._settle(entry, connection, verdict)
                        if entry.malformed:
                            for index in range(known, len(connection.findings)):
                                _add_malformed(connection, packet, connection.findings[index])
            elif version is None:
                self._unknown_version(defect, connection)

    def _unknown_version(self, defect: Defect, connection: Connection) -> None:
        for version in (_V3_1_1, _V5_0):
            entry = self._consumers.get((defect.kind, defect.packet_type, version))
            if entry is not None:
                self._skip(entry, _UNKNOWN_VERSION, connection)
                return

    def handshake(self, connection: Connection) -> None:
        """Judges a handshake whose CONNACK was received."""
        if connection.withheld:
            self._reconsider(connection)
        asked = self._handshake[connection.version]
        flags = connection.connection_flags
        if asked.bits & flags:
            self._ask(asked, connection, connection, flags, 0)
            if connection.version is None:
                self._skip_by_version(self._handshake, connection, flags)

    def connection(self, connection: Connection) -> None:
        """Judges a connection that has ended in the capture."""
        version = connection.version
        if connection.findings:
            connection.connection_flags |= _WITH_FINDING
        flags = connection.connection_flags
        asked = self._connection[version]
        if asked.bits & flags:
            self._ask(asked, connection, connection, flags, _causes(connection))
        asked = self._last[version]
        if asked.bits & connection.connection_flags:
            for entry in asked.rules:  # each may depend on findings of the one before
                if entry.asks & connection.connection_flags:
                    if entry.causes and not entry.causes & _causes(connection):
                        continue
                    verdict = entry.check(connection)
                    if verdict is not None:
                        self._settle(entry, connection, verdict)
        if version is None:
            self._skip_by_version(self._connection, connection, flags)
            self._skip_by_version(self._last, connection, flags)
        reason = connection.quality.incomplete_reason()
        if reason is not None:
            self._skip_unseen(connection, reason)

    def activity(self, context: Any, event: int) -> None:
        """Judges a connection with what an audit remembers; `event` has bits of `Event`."""
        if self._activity.bits & event:
            self._ask(self._activity, context.connection, context, event, 0)

    def tls_connection(self, context: Any) -> None:
        """Judges a TLS connection that has ended in the capture."""
        asked = self._tls_connection
        self._ask(asked, context.record, context, asked.bits, 0)

    def _ask(self, asked: Asked, record: Any, context: Any, bits: int, causes: int) -> None:
        """Evaluates the rules that ask for one of the bits; their findings are about `record`.

        `causes` are those of a connection.
        """
        for entry in asked.rules:
            if entry.asks & bits:
                if entry.causes and not entry.causes & causes:
                    continue
                verdict = entry.check(context)
                if verdict is not None:
                    self._settle(entry, record, verdict)

    def _skip_by_version(
        self, lists: dict[Version | None, Asked], connection: Connection, flags: int
    ) -> None:
        """Counts the rules that would have been evaluated if the version were known."""
        for version in (_V3_1_1, _V5_0):
            asked = lists[version]
            for entry in asked.rules:
                known = connection.unjudged is not None and entry.id in connection.unjudged
                if entry.asks & flags and not known and not entry.rule.version_may_be_unknown:
                    self._skip(entry, _UNKNOWN_VERSION, connection)

    def not_judged(self, connection: Connection, packet: Packet) -> None:
        """Counts the rules that do not judge a packet because its bytes are not certain."""
        reason = connection.quality.broken() or "bytes missing"
        version = connection.version
        for defect in packet.defects:
            entry = self._consumers.get((defect.kind, defect.packet_type, version))
            if entry is not None:
                self._skip(entry, reason, connection)
        if packet is connection.connack:
            asked = self._handshake[version]
            for entry in asked.rules:
                if entry.asks & connection.connection_flags:
                    self._skip(entry, reason, connection)

    def _skip_unseen(self, connection: Connection, reason: str) -> None:
        """Counts the rules about packets that may have been sent but were not captured."""
        seen = _CONNECT if connection.connect is not None else 0
        if connection.connack is not None:
            seen |= _CONNACK
        flags = connection.connection_flags | _WEBSOCKET
        for entry in self._by_version[connection.version]:
            if entry.about and entry.about & seen == entry.about:
                continue
            if entry.of_connection and entry.asks & flags:
                continue  # it was evaluated, or is about WebSocket, which is not used
            if connection.unjudged is None or entry.id not in connection.unjudged:
                self._skip(entry, reason, connection)

    def not_evaluated(self) -> list[NotEvaluatedRecord]:
        """Returns what could not be judged, by rule and reason: first those about the standard."""
        records = []
        for rule in sorted(self._unevaluated, key=_rule_order):
            for reason in sorted(self._unevaluated[rule]):
                counted = self._unevaluated[rule][reason]
                streams = list(counted.streams)
                records.append(NotEvaluatedRecord(rule, reason, counted.count, streams))
        return records

    def _settle(self, entry: IndexedRule, record: Any, verdict: Verdict) -> None:
        """Turns a verdict into findings about `record`, or counts what was not evaluated."""
        if isinstance(verdict, Failure):
            self._add(entry, record, _finding(entry, record, verdict))
        elif isinstance(verdict, Unevaluated):
            self._skip(entry, verdict.reason, record)
        else:
            failures: Iterable[Failure] = verdict or ()
            for failure in failures:
                self._add(entry, record, _finding(entry, record, failure))

    def _add(self, entry: IndexedRule, record: Any, finding: Finding) -> None:
        """Reports a finding; one about the standard is kept with its connection."""
        if entry.of_audit:
            self._found(finding)
            return
        connection: Connection = record
        if entry.off:
            connection.withheld += ((entry, finding),)
        else:
            self._keep(entry, connection, finding)

    def _keep(self, entry: IndexedRule, connection: Connection, finding: Finding) -> None:
        connection.findings += (finding,)
        connection.connection_flags |= _WITH_FINDING
        if len(connection.findings) > _FREE_FINDINGS:
            connection.kept_bytes += _FINDING_BYTES
        if entry.selected:
            self._found(finding)

    def _reconsider(self, connection: Connection) -> None:
        """Reports the findings of pedantic rules that matter now that the CONNACK is known."""
        withheld, connection.withheld = connection.withheld, ()
        for entry, finding in withheld:
            if entry.rule.matters(connection):
                self._keep(entry, connection, finding)

    def _skip(self, entry: IndexedRule, reason: str, record: Any) -> None:
        if not entry.selected or entry.off:
            return
        if not entry.of_audit:
            connection: Connection = record
            if connection.unjudged is None:
                connection.unjudged = set()
            connection.unjudged.add(entry.id)
        counted = entry.unevaluated.get(reason)
        if counted is None:
            counted = entry.unevaluated[reason] = NotEvaluatedCount()
        counted.count += 1
        if len(counted.streams) < STREAMS_LISTED:
            stream = record.stream
            place = stream if self.capture is None else (self.capture, stream)
            if place not in counted.streams[-1:]:
                counted.streams.append(place)


def _rule_order(rule: str) -> tuple[bool, str]:
    return rule.startswith(AUDIT_GROUPS), rule


def _causes(connection: Connection) -> int:
    """Returns the bits of `Cause` that a connection has."""
    causes = 0
    if connection.connect is not None:
        for defect in connection.connect.defects:
            causes |= _CONNECT_CAUSES.get(defect.kind, 0)
    if connection.findings:
        if connection.connect_faults:
            causes |= _MALFORMED_CONNECT
        for finding in connection.findings:
            about = finding.classification
            if (
                about.severity is _ERROR
                and about.confidence is _PROVEN
                and about.obligation is _MUST
            ):
                causes |= _VIOLATION
            if finding.evidence.get("defect") in _HEADER_FLAGS_DEFECTS:
                causes |= _HEADER_FLAGS
    return causes


def _add_malformed(connection: Connection, packet: Packet, finding: Finding) -> None:
    """Records a finding by which a packet of the connection is malformed."""
    about = finding.classification
    if about.severity is _INFO or about.obligation is not _MUST:
        return  # as `Rule.says_malformed`
    connection.malformed += (finding,)
    unfinished = connection.unfinished
    if packet is connection.connect or (unfinished is not None and packet is unfinished.connect):
        connection.connect_faults += (finding,)
    elif packet is connection.connack:
        connection.connack_faults += (finding,)


def _in_order(frames: tuple[FrameRef, ...]) -> tuple[FrameRef, ...]:
    """Returns the frames of a finding sorted by time, each of them once."""
    if len(frames) == 1:
        return frames
    if len(frames) == 2:  # nearly always
        first, second = frames
        if first.time_ns < second.time_ns:
            return frames
    return tuple(sorted(set(frames), key=_frame_order))


def _frame_order(frame: FrameRef) -> tuple[int, str, int]:
    return frame.time_ns, frame.file, frame.number


def _finding(entry: IndexedRule, record: Any, failure: Failure) -> Finding:
    """Makes the finding of a failure of a rule about a connection, or a TLS connection.

    Besides the constructor, this is the only place that makes findings.
    """
    version: Version | None = None
    handshake: int | None = None
    client_id: str | None = None
    made = Finding.__new__(Finding)
    if isinstance(record, Connection):
        connection = record
        version = connection.version
        handshake = None if connection.handshake is None else connection.handshake.id
        client_id = None if connection.connect is None else connection.connect.client_id
        made.stream = connection.stream
        made.client = connection.client
        made.server = connection.server
    else:
        if isinstance(record, ConnectionRecord):
            version, handshake = record.version, record.handshake
            client_id = record.client_id if record.has_connect else None
        made.stream = record.stream
        made.client = record.client
        made.server = record.server
    at: FrameRef = failure.at
    packet = failure.packet
    made.classification = entry.classification(failure, version)
    made.handshake = handshake
    made.client_id = client_id
    made.file = at.file
    made.frame = at.number
    made.frames = _in_order(failure.frames) if failure.frames else (at,)
    made.time_ns = at.time_ns if failure.time_ns is None else failure.time_ns
    made.message = failure.message
    made.evidence = failure.evidence
    made.packet = None if packet is None or not packet.raw else packet.masked()
    made.span = failure.span
    made.capture = 0
    return made
