"""Facts of connections in, findings out: which rule is asked about what, and what it is made into.

The judge indexes the rules once: defects by kind, packet type and version; connections by trait. A
clean connection so costs a handful of calls. Every rule is asked, whatever the caller selected:
reactive rules depend on the findings of others; selection happens at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from dissector.connections.connection import Connection, ConnectionFlag
from dissector.model import Finding, FrameRef, Side, Version
from dissector.model import NotEvaluated as NotEvaluatedRecord
from dissector.mqtt import spec
from dissector.mqtt.defects import Defect
from dissector.mqtt.packets import Packet
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

STREAMS_NAMED = 20  # streams that a "not evaluated" names; the rest is only counted
_ByVersion = dict[Version | None, list[tuple[int, HandshakeRule | ConnectionRule]]]
_FINDING = ConnectionFlag.FINDING
_BOTH = -1  # a rule about CONNECT and CONNACK
# what is settled once CONNECT and CONNACK were seen
_OF_HANDSHAKE = (
    ConnectionFlag.CLIENT_FIRST_OTHER | ConnectionFlag.SERVER_FIRST_OTHER | ConnectionFlag.BEFORE_CONNACK | ConnectionFlag.DEFECT
    | ConnectionFlag.SILENT | ConnectionFlag.UNANSWERED | ConnectionFlag.REFUSED
)  # fmt: skip
_VERSIONS: tuple[Version | None, ...] = (*Version, None)


class Judge:
    """Asks the rules and hands each finding to `found` (selected ones only)."""

    def __init__(self, found: Callable[[Finding], None], selected: frozenset[str]) -> None:
        self._found = found
        self._selected = selected
        self._folded: dict[tuple[str, str], NotEvaluatedRecord] = {}
        self._consumers: dict[tuple[Any, int, Version | None], DefectRule | None] = {}
        self._handshake: _ByVersion = {v: [] for v in _VERSIONS}
        self._connection: _ByVersion = {v: [] for v in _VERSIONS}
        # by version, all traits that any rule asks about: most connections have none of them
        self._handshake_asks: dict[Version | None, int] = {}
        self._connection_asks: dict[Version | None, int] = {}
        for rule in sorted(all_rules(), key=lambda rule: getattr(rule, "last", False)):
            for version in _VERSIONS:
                if rule.applies(version):
                    self._index(rule, version)
        for version in _VERSIONS:
            self._handshake_asks[version] = _asked(self._handshake, version)
            self._connection_asks[version] = _asked(self._connection, version)
        # by version, the rules with the packet that each is about
        self._about: dict[Version | None, list[tuple[Rule, int]]] = {
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
        """Judge the defects of one packet."""
        assert packet.frame is not None
        version = connection.version
        for defect in packet.defects:
            rule = self._consumers.get((defect.kind, defect.packet_type, version))
            if rule is not None:
                if rule.either or rule.side is side:  # else the packet is the other side's: ENC12
                    fact = DefectFact(defect, packet, side, packet.frame, connection)
                    self._settle(rule, connection, rule.check(fact))
            elif version is None:
                self._unknown_version(defect, connection)

    def _unknown_version(self, defect: Defect, connection: Connection) -> None:
        for version in (Version.V3_1_1, Version.V5_0):
            rule = self._consumers.get((defect.kind, defect.packet_type, version))
            if rule is not None:
                self._fold(rule, "the version of the connection is unknown", connection)
                return

    def handshake(self, connection: Connection) -> None:
        """Judge a handshake whose CONNACK has come."""
        if self._handshake_asks[connection.version] & connection.connection_flags:
            self._ask(self._handshake, connection)

    def connection(self, connection: Connection) -> None:
        """Judge a connection whose view has ended."""
        if connection.findings:
            connection.connection_flags |= _FINDING
        if self._connection_asks[connection.version] & connection.connection_flags:
            self._ask(self._connection, connection)
        reason = connection.quality.incomplete_reason()
        if reason is not None:
            self._unseen(connection, reason)

    def _ask(self, rules: _ByVersion, connection: Connection) -> None:
        version, connection_flags = connection.version, connection.connection_flags
        for asks, rule in rules[version]:
            if asks & connection.connection_flags:
                verdict = rule.check(connection)
                if verdict is not None:
                    self._settle(rule, connection, verdict)
                    connection.connection_flags |= _FINDING if connection.findings else 0
        if version is None:
            for asks, rule in rules[Version.V3_1_1] + rules[Version.V5_0]:
                known = connection.unjudged is not None and rule.id in connection.unjudged
                if asks & connection_flags and not known and not rule.version_may_be_unknown:
                    self._fold(rule, "the version of the connection is unknown", connection)

    def not_judged(self, connection: Connection, packet: Packet) -> None:
        """Note the rules that a packet would be judged by, were it sure that it was sent so."""
        reason = connection.quality.broken() or "bytes missing"
        version = connection.version
        for defect in packet.defects:
            rule = self._consumers.get((defect.kind, defect.packet_type, version))
            if rule is not None:
                self._fold(rule, reason, connection)
        if packet is connection.connack:
            for asks, handshake_rule in self._handshake[version]:
                if asks & connection.connection_flags:
                    self._fold(handshake_rule, reason, connection)

    def _unseen(self, connection: Connection, reason: str) -> None:
        """Note the rules about packets that may have been sent and were not seen."""
        connect, connack = connection.connect is not None, connection.connack is not None
        for rule, seen in self._about[connection.version]:
            if seen == _BOTH:
                judged = connect and connack
            else:
                judged = (connect if seen == spec.CONNECT else connack) if seen else False
            if isinstance(rule, ConnectionRule):
                # it was asked, and has answered; or it is about a WebSocket that is not there
                judged = (
                    judged
                    or rule.asks & (connection.connection_flags | ConnectionFlag.WEBSOCKET) != 0
                )
            if not judged and (connection.unjudged is None or rule.id not in connection.unjudged):
                self._fold(rule, reason, connection)

    def not_evaluated(self) -> list[NotEvaluatedRecord]:
        """Give what could not be judged, folded by rule and reason, in order of rule id."""
        return [self._folded[key] for key in sorted(self._folded)]

    def _settle(self, rule: Rule, connection: Connection, verdict: Verdict) -> None:
        if verdict is None:
            return
        if isinstance(verdict, Unevaluated):
            self._fold(rule, verdict.reason, connection)
            return
        failures: Iterable[Failure] = (verdict,) if isinstance(verdict, Failure) else verdict
        for failure in failures:
            finding = make_finding(rule, connection, failure)
            connection.findings += (finding,)
            if finding.rule in self._selected:
                self._found(finding)

    def _fold(self, rule: Rule, reason: str, connection: Connection) -> None:
        if rule.id not in self._selected:
            return
        if connection.unjudged is None:
            connection.unjudged = set()
        connection.unjudged.add(rule.id)
        stream = connection.stream
        record = self._folded.get((rule.id, reason))
        if record is None:
            record = self._folded[rule.id, reason] = NotEvaluatedRecord(rule.id, reason)
        record.count += 1
        if len(record.streams) < STREAMS_NAMED and stream not in record.streams[-1:]:
            record.streams.append(stream)


def _subject(rule: Rule) -> int:
    """Give the packet that a rule is about: CONNECT, CONNACK, both of them, or any (0)."""
    if isinstance(rule, ConnectionRule):
        return 0 if rule.last or rule.asks & ~_OF_HANDSHAKE else _BOTH
    if not isinstance(rule, DefectRule):
        return _BOTH
    types = {kind for types in rule.consumes.values() for kind in types or (0,)} - {spec.WILL}
    return types.pop() if types in ({spec.CONNECT}, {spec.CONNACK}) else 0


def _asked(rules: _ByVersion, version: Version | None) -> int:
    """Give all traits that rules ask about, as bits; of an unknown version those of all."""
    bits = 0
    for other in _VERSIONS if version is None else (version,):
        for asks, _ in rules[other]:
            bits |= asks
    return bits


def in_order(frames: tuple[FrameRef, ...]) -> tuple[FrameRef, ...]:
    """Give the frames of a finding in order of time, each of them once."""
    if len(frames) == 1:
        return frames
    if len(frames) == 2:  # nearly always
        first, second = frames
        if first.time_ns < second.time_ns:
            return frames
    return tuple(sorted(set(frames), key=_place))


def _place(frame: FrameRef) -> tuple[int, str, int]:
    return frame.time_ns, frame.file, frame.number


def make_finding(rule: Rule, connection: Connection, failure: Failure) -> Finding:
    """Complete a failure with what the rule and the connection say."""
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
