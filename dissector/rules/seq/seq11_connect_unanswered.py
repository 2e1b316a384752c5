"""SEQ11: valid CONNECT that is neither answered nor followed by a close in time."""

from __future__ import annotations

from dissector.rules.authoring import *


class ConnectUnanswered(ConnectionRule):
    """A valid CONNECT gets neither an answer nor a close in time.

    What it checks
    --------------
    A CONNECT without errors must be answered with CONNACK; in 5.0 an AUTH may come first. A server
    may also close without an answer. The rule reports that nothing happened before the deadline
    although the server's TCP has acknowledged the CONNECT and the connection stayed open.

    Why it matters
    --------------
    The device stays in its connecting state. If it has no timeout, it stays there until it is
    restarted.

    Fix on the client
    -----------------
    Set a timeout for the CONNACK, 10 to 30 seconds, then close and retry with increasing delays.

    Fix on the server
    -----------------
    Find out what the CONNECT waits for, usually a credential check in a database or a web service
    that does not answer. Refuse with code 3 (5.0: 0x88) when it takes too long.

    Known false alarms
    ------------------
    A server that delays its answer intentionally, to slow attackers down. The standard names no
    time.
    """

    id = "SEQ11"
    name = "connect-unanswered"
    side = Side.SERVER
    severity = Severity.WARNING
    confidence = Confidence.LIKELY
    statements = versions(v311="MQTT-3.1.4-4", v5="MQTT-3.1.4-5")
    sections = {Version.V3_1_1: "3.1.4", Version.V5_0: "3.1.4"}
    deadlines = ("connack-seconds",)
    about = (spec.CONNECT, spec.CONNACK)
    asks = ConnectionFlag.UNANSWERED
    bad = (
        Example("3.1.1: nothing for 32 seconds", (CONNECT_311, "+32")),
        Example("5.0: nothing for 32 seconds", (CONNECT_5, "+32")),
        Example(
            "3.1.1: answered after 32 seconds", (CONNECT_311, "+32", ACCEPTED_311, *GRACEFUL_CLOSE)
        ),
    )
    good = (
        Example("3.1.1: slow, but answered", (CONNECT_311, "+20", ACCEPTED_311, *GRACEFUL_CLOSE)),
        Example("5.0: the server closes", (CONNECT_5, "+10", *SERVER_CLOSES)),
        Example("5.0: the client closes", (CONNECT_5, "+10", *CLIENT_CLOSES)),
        Example("the capture ends too early", (CONNECT_311, "+10")),
    )

    def check(self, connection: Connection) -> Verdict:
        """Requires an answer to a valid CONNECT."""
        connect = connection.connect
        if connect is None or connect.frame is None:
            return None
        if any(_about_connect(finding) for finding in connection.findings):
            return None  # the CONNECT is not valid
        limit = connection.deadlines.connack_ns
        if connection.answered_within(limit) or server_sent_auth(connection):
            return None
        verdict = missing_close(
            connection,
            f"CONNECT got no answer within {seconds(limit)}",
            connect.frame,
            "the server must answer it with CONNACK, or close",
            grace_ns=limit,
        )
        if verdict is not None and not connection.connect_delivered:
            return Unevaluated("the server's TCP has not acknowledged the CONNECT")
        return verdict


def _about_connect(finding: Finding) -> bool:
    """Whether a finding is about an error in the bytes of a CONNECT."""
    return (
        finding.side is Side.CLIENT
        and finding.severity is Severity.ERROR
        and finding.packet is not None
        and finding.packet[0] >> 4 == spec.CONNECT
    )
