"""SEQ12: connection on which the MQTT handshake is not started or not completed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dissector.rules.authoring import *

if TYPE_CHECKING:
    from dissector.mqtt.unfinished_connect import UnfinishedConnect


_UNFINISHED: dict[Version | None, str] = {Version.V3_1: "3.1"}  # sections, where not 3.1.4


class HandshakeStalled(ConnectionRule):
    """A TCP connection without CONNECT, or a client that waits for its CONNACK without a timeout.

    What it checks
    --------------
    On a port that is known for MQTT: a TCP connection on which neither side has sent a byte in
    time. On any MQTT connection: a client that has waited too long for CONNACK and has not closed.
    Also a CONNECT that is begun and never completed: one that is cut, stalls, or has a Remaining
    Length that promises more than the client sends. In all cases the standard recommends to close
    after "a reasonable amount of time".

    Why it matters
    --------------
    The number of sockets is limited. Devices that stop between TCP and MQTT look connected in every
    network statistic and deliver nothing; attackers do the same intentionally.

    Fix on the client
    -----------------
    Send CONNECT as soon as TCP is connected, whole: a packet that stops at its first zero byte is
    handled as a C string somewhere, and a wrong Remaining Length makes the server wait. Set a
    timeout of 10 to 30 seconds for the CONNACK.

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
    statements = versions(v31=(), v311=(), v5=())
    sections = {Version.V3_1: "3.2", Version.V3_1_1: "3.2", Version.V5_0: "3.2"}
    version_may_be_unknown = True
    deadlines = ("connect-seconds", "client-wait-seconds")
    asks = ConnectionFlag.SILENT | ConnectionFlag.UNANSWERED | ConnectionFlag.UNFINISHED_CONNECT
    bad = (
        Example("opened, and nothing sent", ("+32",)),
        Example("3.1: waits for 40 seconds", (CONNECT_31, "+40")),
        Example("3.1.1: waits for 40 seconds", (CONNECT_311, "+40"), also=("SEQ11",)),
        Example("5.0: waits for 40 seconds", (CONNECT_5, "+40"), also=("SEQ11",)),
        Example("the CONNECT is cut at its first zero byte", ("C 10 12", "+20", *SERVER_CLOSES)),
        Example(
            "3.1.1: the Remaining Length promises more",
            ("C 10 8d 0c 00 04 4d 51 54 54 04 02 00 3c 00 01 61", "+40", *SERVER_CLOSES),
        ),
        Example("a CONNECT stalls, and nobody closes", ("C 10 0d 00 04 4d 51", "+32")),
    )
    good = (
        Example("opened and closed again", ("+5", *CLIENT_CLOSES)),
        Example("the server closes in time", ("+20", *SERVER_CLOSES)),
        Example("the client closes in time", (CONNECT_311, "+25", *CLIENT_CLOSES)),
        Example("the capture ends too early", ("+10",)),
        Example(
            "the CONNECT comes in two parts",
            (
                "C 10 0d 00 04 4d 51",
                "+5",
                "C 54 54 04 02 00 3c 00 01 61",
                ACCEPTED_311,
                *GRACEFUL_CLOSE,
            ),
        ),
        Example("answered late", (CONNECT_311, "+20", ACCEPTED_311, *GRACEFUL_CLOSE)),
    )

    def check(self, connection: Connection) -> Verdict:
        """Checks how long a connection had no progress before its handshake was complete."""
        if connection.connection_flags & ConnectionFlag.SILENT:
            if connection.client_sent_bytes or connection.server_sent_bytes:
                return None
            first = connection.first
            verdict = missing_close(
                connection,
                "TCP connection without a CONNECT",
                FrameRef(first.file, first.number, connection.opened_ns),
                "the client should send CONNECT at once, and the server should close",
                grace_ns=connection.deadlines.connect_ns,
                severity=Severity.INFO,
                section="3.1.4",
            )
            if isinstance(verdict, Failure) and verdict.confidence is Confidence.POSSIBLE:
                return Unevaluated("no segment of the connection was seen after the deadline")
            broken = connection.quality.broken()
            if verdict is None and broken is not None:
                return Unevaluated(broken)  # the missing bytes may be the beginning of a CONNECT
            return verdict
        if connection.unfinished is not None:
            return _unfinished(connection, connection.unfinished)
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


def _unfinished(connection: Connection, unfinished: UnfinishedConnect) -> Verdict:
    """Reports a CONNECT that began and never ended, once the connection or a deadline has passed.

    The bytes in view are all that the client sent, so there is no need to wait after a close.
    """
    if connection.connack is not None or (unfinished.length is None and unfinished.received > 4):
        return None  # the server took it as it was, or ENC03 reports its length
    at = unfinished.connect.frame
    assert at is not None
    what = f"CONNECT unfinished: {unfinished.amount}"
    evidence = {"received": unfinished.received, "length": unfinished.length}
    wanted = "the client should send all of it at once, and the server should close"
    section = _UNFINISHED.get(connection.version, "3.1.4")
    if not connection.closes:
        verdict = missing_close(
            connection,
            what,
            at,
            wanted,
            grace_ns=connection.deadlines.connect_ns,
            severity=Severity.INFO,
            section=section,
            evidence=evidence,
        )
        if isinstance(verdict, Failure):
            verdict.time_ns = at.time_ns  # as below, whatever comes later
        return verdict
    incomplete = incomplete_before(connection, Side.CLIENT, connection.closes[0].frame)
    if incomplete is not None:
        return incomplete
    event = connection.closes[0]
    idle = max(event.frame.time_ns - connection.last_data_ns, 0)
    return Failure(
        message=f"{what}, idle {seconds(idle)}, closed by the {event.side.value}; {wanted}",
        at=at,
        frames=(at, event.frame),
        section=section,
        evidence=evidence | {"idleSeconds": round(idle / SECOND_NS, 3)},
    )
