"""Evaluates the rules on packets, handshakes and connections, and builds the findings.

The judge indexes the rules once: defects by kind, packet type and version; connections by flag. A
connection without anything unusual therefore costs only a few calls. Every rule is evaluated,
whatever the caller selected, since some depend on findings of others; selection comes last.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from dissector.connections.connection import Connection, ConnectionFlag
from dissector.model import Finding, FrameRef, Side, Version
from dissector.model import NotEvaluated as NotEvaluatedRecord
from dissector.mqtt import spec
from dissector.mqtt.defects import Defect
from dissector.mqtt.packets.packet import Packet
from dissector.rules.base import (
    ConnectionRule,
    DefectFact,
    DefectRule,
    Failure,
    HandshakeRule,
    Rule,
    Unevaluated,
    Verdict,
)
from dissector.rules.registry import all_rules

STREAMS_LISTED = 20  # streams listed in a "not evaluated" record; further ones are only counted
_ByVersion = dict[Version | None, list[tuple[int, HandshakeRule | ConnectionRule]]]
_WITH_FINDING = ConnectionFlag.FINDING
_FREE_FINDINGS = 2  # that do not count, so that a usual connection is never evicted for them
_FINDING_BYTES = 2048  # memory of each finding; the bytes of its packet are shared
_BOTH = -1  # a rule about CONNECT and CONNACK
# flags that cannot change any more once CONNECT and CONNACK were seen
_OF_HANDSHAKE = (
    ConnectionFlag.CLIENT_FIRST_OTHER | ConnectionFlag.SERVER_FIRST_OTHER
    | ConnectionFlag.BEFORE_CONNACK | ConnectionFlag.DEFECT | ConnectionFlag.SILENT
    | ConnectionFlag.UNANSWERED | ConnectionFlag.REFUSED
)  # fmt: skip
_VERSIONS: tuple[Version | None, ...] = (*Version, None)


class Judge:
    """Evaluates the rules, and calls `found` for each finding of a selected rule."""

    def __init__(
        self,
        found: Callable[[Finding], None],
        selected: frozenset[str],
        pedantic: frozenset[str] = frozenset(),
    ) -> None:
        self.capture: int | None = None  # the capture's id if there are several
        self._found = found
        self._selected = selected
        self._pedantic = pedantic
        self._unevaluated: dict[tuple[str, str], NotEvaluatedRecord] = {}
        self._consumers: dict[tuple[Any, int, Version | None], DefectRule | None] = {}
        self._handshake: _ByVersion = {v: [] for v in _VERSIONS}
        self._connection: _ByVersion = {v: [] for v in _VERSIONS}
        # by version, all flags that any rule asks for: most connections have none of them
        self._handshake_asks: dict[Version | None, int] = {}
        self._connection_asks: dict[Version | None, int] = {}
        for rule in sorted(all_rules(), key=lambda rule: getattr(rule, "last", False)):
            for version in _VERSIONS:
                if rule.applies(version):
                    self._index(rule, version)
        for version in _VERSIONS:
            self._handshake_asks[version] = _asked_flags(self._handshake, version)
            self._connection_asks[version] = _asked_flags(self._connection, version)
        # by version, the rules with the packet that each judges
        self._subjects: dict[Version | None, list[tuple[Rule, int]]] = {
            version: [
                (rule, _subject(rule))
                for rule in all_rules()
                if version is None or version in rule.statements
            ]
            for version in _VERSIONS
        }

    def _index(self, rule: Rule, version: Version | None) -> None:
        if isinstance(rule, DefectRule):
            for kind, types in rule.consumes.items():
                for packet_type in types or range(17):
                    if version in rule.only_in.get((kind, packet_type), (version,)):
                        self._consumers[kind, packet_type, version] = rule
        elif isinstance(rule, HandshakeRule):
            self._handshake[version].append((rule.asks, rule))
        elif isinstance(rule, ConnectionRule):
            self._connection[version].append((rule.asks, rule))
            for kind, types in rule.consumes.items():
                for packet_type in types or range(17):
                    self._consumers[kind, packet_type, version] = None

    def defects(self, connection: Connection, packet: Packet, side: Side) -> None:
        """Judges the defects of one packet."""
        assert packet.frame is not None
        version = connection.version
        for defect in packet.defects:
            rule = self._consumers.get((defect.kind, defect.packet_type, version))
            if rule is not None:
                if rule.either or rule.side is side:  # else only the other side sends it: ENC12
                    fact = DefectFact(defect, packet, side, packet.frame, connection)
                    known = len(connection.findings)
                    self._report(rule, connection, rule.check(fact))
                    for finding in connection.findings[known:]:
                        if rule.says_malformed(finding):
                            _add_malformed(connection, packet, finding)
            elif version is None:
                self._unknown_version(defect, connection)

    def _unknown_version(self, defect: Defect, connection: Connection) -> None:
        for version in (Version.V3_1_1, Version.V5_0):
            rule = self._consumers.get((defect.kind, defect.packet_type, version))
            if rule is not None:
                self._skip(rule, "the version of the connection is unknown", connection)
                return

    def handshake(self, connection: Connection) -> None:
        """Judges a handshake whose CONNACK was received."""
        if connection.withheld:
            self._reconsider(connection)
        if self._handshake_asks[connection.version] & connection.connection_flags:
            self._ask(self._handshake, connection)

    def connection(self, connection: Connection) -> None:
        """Judges a connection that has ended in the capture."""
        if connection.findings:
            connection.connection_flags |= _WITH_FINDING
        if self._connection_asks[connection.version] & connection.connection_flags:
            self._ask(self._connection, connection)
        reason = connection.quality.incomplete_reason()
        if reason is not None:
            self._skip_unseen(connection, reason)

    def _ask(self, rules: _ByVersion, connection: Connection) -> None:
        version, connection_flags = connection.version, connection.connection_flags
        for asks, rule in rules[version]:
            if asks & connection.connection_flags:
                verdict = rule.check(connection)
                if verdict is not None:
                    self._report(rule, connection, verdict)
                    connection.connection_flags |= _WITH_FINDING if connection.findings else 0
        if version is None:
            for asks, rule in rules[Version.V3_1_1] + rules[Version.V5_0]:
                known = connection.unjudged is not None and rule.id in connection.unjudged
                if asks & connection_flags and not known and not rule.version_may_be_unknown:
                    self._skip(rule, "the version of the connection is unknown", connection)

    def not_judged(self, connection: Connection, packet: Packet) -> None:
        """Counts the rules that do not judge a packet because its bytes are not certain."""
        reason = connection.quality.broken() or "bytes missing"
        version = connection.version
        for defect in packet.defects:
            rule = self._consumers.get((defect.kind, defect.packet_type, version))
            if rule is not None:
                self._skip(rule, reason, connection)
        if packet is connection.connack:
            for asks, handshake_rule in self._handshake[version]:
                if asks & connection.connection_flags:
                    self._skip(handshake_rule, reason, connection)

    def _skip_unseen(self, connection: Connection, reason: str) -> None:
        """Counts the rules about packets that may have been sent but were not captured."""
        connect, connack = connection.connect is not None, connection.connack is not None
        for rule, subject in self._subjects[connection.version]:
            if subject == _BOTH:
                judged = connect and connack
            else:
                judged = (connect if subject == spec.CONNECT else connack) if subject else False
            if isinstance(rule, ConnectionRule):
                # it was evaluated, or is about WebSocket, which is not used
                judged = (
                    judged
                    or rule.asks & (connection.connection_flags | ConnectionFlag.WEBSOCKET) != 0
                )
            if not judged and (connection.unjudged is None or rule.id not in connection.unjudged):
                self._skip(rule, reason, connection)

    def not_evaluated(self) -> list[NotEvaluatedRecord]:
        """Returns what could not be judged, counted by rule and reason, sorted by rule id."""
        return [self._unevaluated[key] for key in sorted(self._unevaluated)]

    def _report(self, rule: Rule, connection: Connection, verdict: Verdict) -> None:
        if verdict is None:
            return
        if isinstance(verdict, Unevaluated):
            self._skip(rule, verdict.reason, connection)
            return
        failures: Iterable[Failure] = (verdict,) if isinstance(verdict, Failure) else verdict
        for failure in failures:
            finding = make_finding(rule, connection, failure)
            if self._is_off(rule, connection):
                connection.withheld += ((rule, finding),)
            else:
                self._add(connection, finding)

    def _add(self, connection: Connection, finding: Finding) -> None:
        connection.findings += (finding,)
        if len(connection.findings) > _FREE_FINDINGS:
            connection.kept_bytes += _FINDING_BYTES
        if finding.rule in self._selected:
            self._found(finding)

    def _is_off(self, rule: Rule, connection: Connection) -> bool:
        """Whether a rule is pedantic in the connection's version, and not switched on."""
        return connection.version in rule.pedantic and rule.id not in self._pedantic

    def _reconsider(self, connection: Connection) -> None:
        """Reports the findings of pedantic rules that matter now that the CONNACK is known."""
        withheld, connection.withheld = connection.withheld, ()
        for rule, finding in withheld:
            if rule.matters(connection):
                self._add(connection, finding)

    def _skip(self, rule: Rule, reason: str, connection: Connection) -> None:
        if rule.id not in self._selected or self._is_off(rule, connection):
            return
        if connection.unjudged is None:
            connection.unjudged = set()
        connection.unjudged.add(rule.id)
        record = self._unevaluated.get((rule.id, reason))
        if record is None:
            record = self._unevaluated[rule.id, reason] = NotEvaluatedRecord(rule.id, reason)
        count_subject(record, self.capture, connection.stream)


def count_subject(record: NotEvaluatedRecord, capture: int | None, stream: int) -> None:
    """Counts one more subject of a rule that was not evaluated."""
    record.count += 1
    place = stream if capture is None else (capture, stream)
    if len(record.streams) < STREAMS_LISTED and place not in record.streams[-1:]:
        record.streams.append(place)


def _add_malformed(connection: Connection, packet: Packet, finding: Finding) -> None:
    """Records a finding by which a packet of the connection is malformed."""
    connection.malformed += (finding,)
    unfinished = connection.unfinished
    if packet is connection.connect or (unfinished is not None and packet is unfinished.connect):
        connection.connect_faults += (finding,)
    elif packet is connection.connack:
        connection.connack_faults += (finding,)


def _subject(rule: Rule) -> int:
    """Returns the packet that a rule judges: CONNECT, CONNACK, both of them, or any (0)."""
    if isinstance(rule, ConnectionRule):
        return 0 if rule.last or rule.asks & ~_OF_HANDSHAKE else _BOTH
    if not isinstance(rule, DefectRule):
        return _BOTH
    types = {kind for types in rule.consumes.values() for kind in types or (0,)} - {spec.WILL}
    return types.pop() if types in ({spec.CONNECT}, {spec.CONNACK}) else 0


def _asked_flags(rules: _ByVersion, version: Version | None) -> int:
    """Returns all flags that rules ask for, as bits; those of all versions if it is unknown."""
    bits = 0
    for other in _VERSIONS if version is None else (version,):
        for asks, _ in rules[other]:
            bits |= asks
    return bits


def in_order(frames: tuple[FrameRef, ...]) -> tuple[FrameRef, ...]:
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


def make_finding(rule: Rule, connection: Connection, failure: Failure) -> Finding:
    """Builds the finding of a failure from it, its rule and the connection."""
    version = connection.version
    cited = version if version is not None else Version.V3_1_1
    statements = failure.statements
    if statements is None:
        statements = rule.statements.get(cited, ())
    frames = failure.frames or (failure.at,)
    packet = failure.packet
    return Finding(
        rule=rule.id,
        name=rule.name,
        severity=failure.severity or rule.severity_in(version),
        obligation=failure.obligation or rule.obligation,
        confidence=failure.confidence or rule.confidence,
        statements=statements,
        section=failure.section or rule.sections.get(cited),
        version=version,
        side=failure.side or rule.side,
        handshake=None if connection.handshake is None else connection.handshake.id,
        stream=connection.stream,
        client_id=None if connection.connect is None else connection.connect.client_id,
        file=failure.at.file,
        frame=failure.at.number,
        frames=in_order(frames),
        time_ns=failure.at.time_ns if failure.time_ns is None else failure.time_ns,
        message=failure.message,
        evidence=failure.evidence,
        packet=None if packet is None or not packet.raw else packet.masked(),
        span=failure.span,
        client=connection.client,
        server=connection.server,
    )
