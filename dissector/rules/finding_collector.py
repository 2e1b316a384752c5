"""Collects findings and handshakes: filters connections, evaluates the rules, counts the results.

The collector receives the events of the trackers and forwards its results to the sink. Connections
that are not selected are neither judged nor counted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import msgspec

from dissector.activity.servers import AcceptingServers
from dissector.connections.connection import Connection, ConnectionFlag
from dissector.connections.event_sink import EventSink
from dissector.connections.handshake import Handshake
from dissector.model import (
    CaptureWarning,
    Finding,
    FrameRef,
    NotEvaluated,
    Outcome,
    Severity,
    Side,
    Summary,
)
from dissector.mqtt.packets.packet import Packet
from dissector.rules.base import Rule
from dissector.rules.judge import Judge
from dissector.rules.registry import all_rules

if TYPE_CHECKING:
    from dissector.connections.tls_handshake import TlsHandshake

FINDINGS_LIMIT = 1000  # per connection, of findings about single packets
_ACCEPTED = Outcome.ACCEPTED
_WITH_DEFECT = ConnectionFlag.DEFECT


class CollectorOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What a collector judges, and the callbacks for its results.

    `selected` holds the ids of the rules whose findings are reported, `pedantic` those of pedantic
    rules that are switched on. None for `streams` or
    `clients` means all of them.
    """

    handshake: Callable[[Handshake], None]
    finding: Callable[[Finding], None]
    warning: Callable[[CaptureWarning], None]
    encrypted: Callable[[TlsHandshake], None]
    selected: frozenset[str]
    pedantic: frozenset[str] = frozenset()
    streams: frozenset[int] | None = None
    clients: frozenset[str] | None = None


class FindingCollector(EventSink):
    """Passes the events of selected connections to the judge, and counts the findings.

    `rules` are those to evaluate, by default all about the standard.
    """

    def __init__(self, options: CollectorOptions, rules: Sequence[Rule] | None = None) -> None:
        rules = all_rules() if rules is None else rules
        self._handshake = options.handshake
        self._encrypted = options.encrypted
        self._finding = options.finding
        self._warning = options.warning
        self._streams = options.streams
        self._clients = options.clients
        self._all = options.streams is None and options.clients is None
        self._judge = Judge(rules, self.found, options.selected, options.pedantic)
        self.known: Callable[[Finding], bool] | None = None  # whether to suppress a finding
        self._outcomes = dict.fromkeys(Outcome, 0)  # all but ACCEPTED, which is the most frequent
        self._accepted = 0
        self._servers = AcceptingServers()
        self._severities = dict.fromkeys(Severity, 0)
        self.undecrypted = 0  # TLS connections that were not decrypted

    @property
    def in_order_of_time(self) -> bool:
        """Whether several captures have to be analyzed in the order of their start."""
        return False

    def begin_capture(self, number: int, streams: frozenset[int] | None, *, overlaps: bool) -> None:
        """Begins one of several captures; `overlaps`: in time with one that was analyzed before.

        `streams` are the selected ones of this capture, None for all.
        """
        self._judge.capture = number
        self._servers.clear()
        self._streams = streams

    def defects(self, connection: Connection, packet: Packet, side: Side) -> None:
        """Judges a packet with at least one defect, up to `FINDINGS_LIMIT` findings."""
        if len(connection.findings) < FINDINGS_LIMIT and (
            self._all or self._is_selected(connection)
        ):
            self._judge.defects(connection, packet, side)
            if len(connection.findings) >= FINDINGS_LIMIT:
                what = f"{FINDINGS_LIMIT:,} findings on one connection: its further packets"
                self.limited(
                    "finding-limit", f"{what} are not judged one by one", packet.frame,
                    connection.stream,
                )  # fmt: skip

    def answered(self, connection: Connection) -> None:
        """Judges a handshake whose CONNACK was received."""
        self._servers.accepted(connection)
        if self._all or self._is_selected(connection):
            self._judge.handshake(connection)

    def not_judged(self, connection: Connection, packet: Packet) -> None:
        """Counts the rules that cannot be evaluated for a packet."""
        if packet is connection.connack:
            self._servers.accepted(connection)
        if self._all or self._is_selected(connection):
            self._judge.not_judged(connection, packet)

    def ended(self, connection: Connection) -> None:
        """Judges a connection that has ended in the capture, and forwards its handshake."""
        if self._all or self._is_selected(connection):
            self.note_server(connection)
            self._judge.connection(connection)
            self._count(connection)
        self._servers.ended(connection)

    def note_server(self, connection: Connection) -> None:
        """Sets what is known of the connection's server, before the connection is judged."""
        if connection.connection_flags & _WITH_DEFECT:
            connection.server_versions = self._servers.versions(connection)

    def _count(self, connection: Connection) -> None:
        """Counts and forwards the handshake of a connection."""
        handshake = connection.handshake
        if handshake is not None:
            if handshake.outcome is _ACCEPTED:
                self._accepted += 1
            else:
                self._outcomes[handshake.outcome] += 1
            self._handshake(handshake)

    def encrypted(self, record: TlsHandshake) -> None:
        """Forwards a TLS connection, unless clients are selected: its client ids are unknown."""
        if self._clients is None and (self._streams is None or record.stream in self._streams):
            self.undecrypted += not record.decrypted
            self._encrypted(record)

    def limited(self, kind: str, message: str, frame: FrameRef | None, stream: int) -> None:
        """Forwards a capture warning."""
        if self._streams is not None and stream >= 0 and stream not in self._streams:
            return
        self._warning(
            CaptureWarning(
                kind,
                message,
                None if frame is None else frame.file,
                None if frame is None else frame.number,
                stream if stream >= 0 else None,
            )
        )

    def found(self, finding: Finding) -> None:
        """Counts and forwards a finding, unless it is known."""
        if self.known is not None and self.known(finding):
            return
        self._severities[finding.severity] += 1
        self._finding(finding)

    def not_evaluated(self) -> list[NotEvaluated]:
        """Returns what could not be judged."""
        return self._judge.not_evaluated()

    def summary(self) -> Summary:
        """Returns the counts so far."""
        outcomes = self._outcomes | {_ACCEPTED: self._accepted}
        return Summary(
            handshakes=sum(outcomes.values()),
            encrypted=self.undecrypted,
            **{outcome.value: count for outcome, count in outcomes.items()},
            **{severity.value: count for severity, count in self._severities.items()},
        )

    def _is_selected(self, connection: Connection) -> bool:
        return is_selected(connection, self._streams, self._clients)


def is_selected(
    connection: Connection, streams: frozenset[int] | None, clients: frozenset[str] | None
) -> bool:
    """Whether a connection is selected: by its stream, and by the client id of its CONNECT."""
    if streams is not None and connection.stream not in streams:
        return False
    if clients is None:
        return True
    connect = connection.connect
    return connect is not None and connect.client_id in clients
