"""SEQ11: valid CONNECT that is neither answered nor followed by a close within 30 seconds."""

from __future__ import annotations

from dissector.connections.connection import Connection, ConnectionFlag
from dissector.connections.deadlines import HANDSHAKE_TIMEOUT_NS
from dissector.model import Confidence, Severity, Side, Version
from dissector.mqtt.defects import DefectKind
from dissector.rules.base import ConnectionRule, Example, Unevaluated, Verdict, versions
from dissector.rules.examples import (
    ACCEPTED_311,
    CLIENT_CLOSES,
    CONNECT_5,
    CONNECT_311,
    GRACEFUL_CLOSE,
    SERVER_CLOSES,
)
from dissector.rules.gating import missing_close, seconds, server_sent_auth

_HARMLESS = frozenset(
    {
        DefectKind.TEXT_CONTROL,
        DefectKind.CLIENT_ID_NOT_PORTABLE,
        DefectKind.WILL_PAYLOAD_NOT_UTF8,
    }
)


class ConnectUnanswered(ConnectionRule):
    """A valid CONNECT gets neither an answer nor a close within 30 seconds.

    What it checks
    --------------
    A CONNECT without errors must be answered with CONNACK; in 5.0 an AUTH may come first. A server
    may also close without an answer. The rule reports that nothing happened within 30 seconds
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
    A server that delays its answer intentionally, to slow attackers down. The standard gives no
    time; 30 seconds is our choice.
    """

    id = "SEQ11"
    name = "connect-unanswered"
    side = Side.SERVER
    severity = Severity.WARNING
    confidence = Confidence.LIKELY
    statements = versions(v311="MQTT-3.1.4-4", v5="MQTT-3.1.4-5")
    sections = {Version.V3_1_1: "3.1.4", Version.V5_0: "3.1.4"}
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
        is_3_1_1 = connection.version is Version.V3_1_1
        for defect in connect.defects:
            advice_only = is_3_1_1 and defect.kind is DefectKind.LENGTH_NOT_MINIMAL
            if defect.kind not in _HARMLESS and not advice_only:
                return None
        if connection.answered_within(HANDSHAKE_TIMEOUT_NS) or server_sent_auth(connection):
            return None
        verdict = missing_close(
            connection,
            f"CONNECT got no answer within {seconds(HANDSHAKE_TIMEOUT_NS)}",
            connect.frame,
            "the server must answer it with CONNACK, or close",
            grace_ns=HANDSHAKE_TIMEOUT_NS,
        )
        if verdict is not None and not connection.connect_delivered:
            return Unevaluated("the server's TCP has not acknowledged the CONNECT")
        return verdict
