"""What the trackers see in, findings and handshakes out: filtered, judged and counted.

The hearing stands between the engine and the sink. A connection that was not asked for is neither
judged nor counted.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from dissector.connections.analysis_context import EventSink
from dissector.connections.connection import Connection
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
from dissector.mqtt.packets import Packet
from dissector.rules.judge import Judge

if TYPE_CHECKING:
    from dissector.connections.tls_handshake import TlsHandshake

FINDINGS_LIMIT = 1000  # findings of one connection that packets raise one by one
_ACCEPTED = Outcome.ACCEPTED


class CollectorOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What a hearing judges, and who takes what comes of it.

    `selected` are the ids of the rules whose findings are wanted. None for `streams` or `clients`
    means all of them.
    """

    handshake: Callable[[Handshake], None]
    finding: Callable[[Finding], None]
    warning: Callable[[CaptureWarning], None]
    encrypted: Callable[[TlsHandshake], None]
    selected: frozenset[str]
    streams: frozenset[int] | None = None
    clients: frozenset[str] | None = None


class FindingCollector(EventSink):
    """Hands what it is told to the judge."""

    def __init__(self, terms: CollectorOptions) -> None:
        self._handshake = terms.handshake
        self._encrypted = terms.encrypted
        self._finding = terms.finding
        self._warning = terms.warning
        self._streams = terms.streams
        self._clients = terms.clients
        self._all = terms.streams is None and terms.clients is None
        self._judge = Judge(self.found, terms.selected)
        self.known: Callable[[Finding], bool] | None = None  # findings that nobody wants to see
        self._outcomes = dict.fromkeys(Outcome, 0)  # all but ACCEPTED, the most of them
        self._accepted = 0
        self._severities = dict.fromkeys(Severity, 0)
        self.unread = 0  # TLS connections that nothing opened

    def defects(self, connection: Connection, packet: Packet, side: Side) -> None:
        """Judge a packet with at least one defect, while the connection has not many findings."""
        if len(connection.findings) < FINDINGS_LIMIT and (self._all or self._wanted(connection)):
            self._judge.defects(connection, packet, side)
            if len(connection.findings) >= FINDINGS_LIMIT:
                what = f"{FINDINGS_LIMIT:,} findings on one connection: no more of its packets"
                self.limited(
                    "finding-limit", f"{what} are judged by themselves", packet.frame,
                    connection.stream,
                )  # fmt: skip

    def answered(self, connection: Connection) -> None:
        """Judge a handshake that has its CONNACK."""
        if self._all or self._wanted(connection):
            self._judge.handshake(connection)

    def not_judged(self, connection: Connection, packet: Packet) -> None:
        """Note what cannot be judged."""
        if self._all or self._wanted(connection):
            self._judge.not_judged(connection, packet)

    def ended(self, connection: Connection) -> None:
        """Judge a connection whose view has ended, and hand its handshake on."""
        if not (self._all or self._wanted(connection)):
            return
        self._judge.connection(connection)
        handshake = connection.handshake
        if handshake is not None:
            if handshake.outcome is _ACCEPTED:
                self._accepted += 1
            else:
                self._outcomes[handshake.outcome] += 1
            self._handshake(handshake)

    def encrypted(self, record: TlsHandshake) -> None:
        """Hand on a TLS connection; what client ids are in it is unknown."""
        if self._clients is None and (self._streams is None or record.stream in self._streams):
            self.unread += not record.decrypted
            self._encrypted(record)

    def limited(self, kind: str, message: str, frame: FrameRef | None, stream: int) -> None:
        """Hand on a limit of our own view."""
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
        """Count a finding and hand it on, unless it is known."""
        if self.known is not None and self.known(finding):
            return
        self._severities[finding.severity] += 1
        self._finding(finding)

    def not_evaluated(self) -> list[NotEvaluated]:
        """Give what could not be judged."""
        return self._judge.not_evaluated()

    def summary(self) -> Summary:
        """Give the counts so far."""
        outcomes = self._outcomes | {_ACCEPTED: self._accepted}
        return Summary(
            handshakes=sum(outcomes.values()),
            encrypted=self.unread,
            **{outcome.value: count for outcome, count in outcomes.items()},
            **{severity.value: count for severity, count in self._severities.items()},
        )

    def _wanted(self, connection: Connection) -> bool:
        return wanted(connection, self._streams, self._clients)


def wanted(
    connection: Connection, streams: frozenset[int] | None, clients: frozenset[str] | None
) -> bool:
    """Whether a connection was asked for: by its stream, and by the client id of its CONNECT."""
    if streams is not None and connection.stream not in streams:
        return False
    if clients is None:
        return True
    connect = connection.connect
    return connect is not None and connect.client_id in clients
