"""SEQ12: connection on which the MQTT handshake is not started or not completed."""

from __future__ import annotations

from dissector.connections.connection import Connection, ConnectionFlag
from dissector.model import Confidence, FrameRef, Obligation, Severity, Side, Version
from dissector.rules.base import ConnectionRule, Example, Verdict, versions
from dissector.rules.examples import (
    ACCEPTED_311,
    CLIENT_CLOSES,
    CONNECT_5,
    CONNECT_311,
    GRACEFUL_CLOSE,
    SERVER_CLOSES,
)
from dissector.rules.gating import missing_close, server_sent_auth


class HandshakeStalled(ConnectionRule):
    """A TCP connection without CONNECT, or a client that waits for its CONNACK without a timeout.

    What it checks
    --------------
    On a port that is known for MQTT: a TCP connection on which neither side has sent a byte in
    time. On any MQTT connection: a client that has waited too long for CONNACK and has not closed.
    In both cases the standard recommends to close after "a reasonable amount of time".

    Why it matters
    --------------
    The number of sockets is limited. Devices that stop between TCP and MQTT look connected in every
    network statistic and deliver nothing; attackers do the same intentionally.

    Fix on the client
    -----------------
    Send CONNECT as soon as TCP is connected, and set a timeout of 10 to 30 seconds for the CONNACK.

    Fix on the server
    -----------------
    Close connections that have not sent a complete CONNECT after a few seconds; most servers have
    an option for it.

    Known false alarms
    ------------------
    Health checks of load balancers, and connection pools that open sockets in advance. The standard
    names no times.
    """

    id = "SEQ12"
    name = "handshake-stalled"
    side = Side.CLIENT
    severity = Severity.INFO
    obligation = Obligation.SHOULD
    confidence = Confidence.LIKELY
    statements = versions(v311=(), v5=())
    sections = {Version.V3_1_1: "3.2", Version.V5_0: "3.2"}
    version_may_be_unknown = True
    deadlines = ("connect-seconds", "client-wait-seconds")
    asks = ConnectionFlag.SILENT | ConnectionFlag.UNANSWERED
    bad = (
        Example("opened, and nothing sent", ("+32",)),
        Example("3.1.1: waits for 40 seconds", (CONNECT_311, "+40"), also=("SEQ11",)),
        Example("5.0: waits for 40 seconds", (CONNECT_5, "+40"), also=("SEQ11",)),
    )
    good = (
        Example("opened and closed again", ("+5", *CLIENT_CLOSES)),
        Example("the server closes in time", ("+20", *SERVER_CLOSES)),
        Example("the client closes in time", (CONNECT_311, "+25", *CLIENT_CLOSES)),
        Example("the capture ends too early", ("+10",)),
        Example("answered late", (CONNECT_311, "+20", ACCEPTED_311, *GRACEFUL_CLOSE)),
    )

    def check(self, connection: Connection) -> Verdict:
        """Checks how long a connection had no progress before its handshake was complete."""
        if connection.connection_flags & ConnectionFlag.SILENT:
            if connection.client_sent_bytes or connection.server_sent_bytes:
                return None
            first = connection.first
            return missing_close(
                connection,
                "TCP connection without a CONNECT",
                FrameRef(first.file, first.number, connection.opened_ns),
                "the client should send CONNECT at once, and the server should close",
                grace_ns=connection.deadlines.connect_ns,
                severity=Severity.INFO,
                section="3.1.4",
            )
        connect = connection.connect
        if connect is None or connect.frame is None:
            return None
        limit = connection.deadlines.client_wait_ns
        if connection.answered_within(limit) or server_sent_auth(connection):
            return None
        return missing_close(
            connection,
            "the client waits for a CONNACK",
            connect.frame,
            "it should close after a reasonable time",
            grace_ns=limit,
            severity=Severity.INFO,
        )
