"""SES01: CONNACK with sessionPresent=1 in answer to a clean session."""

from __future__ import annotations

from dissector.rules.authoring import *

_V5_0 = Version.V5_0


class SessionPresentAfterCleanSession(HandshakeRule):
    """The server reports a stored session to a client that asked for a clean one.

    What it checks
    --------------
    A CONNECT with cleanSession=1 (5.0: Clean Start) that is accepted must be answered with
    sessionPresent=0: the server has discarded any stored session, so none can be present. MQTT 3.1
    has no Session Present flag, so the rule does not apply there.

    Why it matters
    --------------
    sessionPresent tells a returning client whether its unacknowledged messages and its
    subscriptions were stored. A client that relies on a wrong 1 does not subscribe again and waits
    for messages that never come, or uses packet identifiers that the server has discarded.

    Fix on the client
    -----------------
    3.1.1: The CONNECT is correct. Until the server is fixed, subscribe again after every clean
    session, whatever sessionPresent says.

    5.0: The CONNECT is correct. A client that sent Clean Start 1 has no session state, so it must
    close the connection if Session Present is 1 (MQTT-3.2.2-4 of 5.0).

    Fix on the server
    -----------------
    Delete the stored session before building the CONNACK, and compute the flag from what is left:
    after a clean session or Clean Start it is always 0.

    Known false alarms
    ------------------
    None. Both packets are decoded completely. Without the CONNECT the rule is not evaluated.
    """

    id = "SES01"
    name = "session-present-after-clean-session"
    side = Side.SERVER
    severity = Severity.ERROR
    statements = versions(v311="MQTT-3.2.2-1", v5="MQTT-3.2.2-2")
    sections = {Version.V3_1_1: "3.2.2.2", Version.V5_0: "3.2.2.1.1"}
    asks = ConnectionFlag.SESSION_PRESENT
    bad = (
        Example(
            "3.1.1: clean session, session present", (CONNECT_311, "S 20 02 01 00", *GRACEFUL_CLOSE)
        ),
        Example(
            "5.0: clean start, session present", (CONNECT_5, "S 20 03 01 00 00", *GRACEFUL_CLOSE)
        ),
    )
    good = (
        Example("3.1.1: clean session, none present", (CONNECT_311, ACCEPTED_311, *GRACEFUL_CLOSE)),
        Example("5.0: clean start, none present", (CONNECT_5, ACCEPTED_5, *GRACEFUL_CLOSE)),
        Example(
            "3.1.1: a session is resumed",
            ("C 10 0d 00 04 4d 51 54 54 04 00 00 3c 00 01 61", "S 20 02 01 00", *GRACEFUL_CLOSE),
        ),
        Example("3.1: the byte is reserved", (CONNECT_31, "S 20 02 01 00", *GRACEFUL_CLOSE)),
    )

    def check(self, connection: Connection) -> Verdict:
        """Compares the clean flag of CONNECT with the flag of CONNACK."""
        connect, connack = connection.connect, connection.connack
        if connack is None or connack.frame is None or not connack.session_present:
            return None
        if connack.return_code != 0:
            return None  # ACK03
        if connect is None or connect.frame is None:
            return Unevaluated("the CONNECT was not seen")
        if not connect.clean_session:
            return None
        is_5 = connection.version is _V5_0
        return Failure(
            message="Session Present 1 in reply to Clean Start 1; a clean start has no stored "
            "session, so it must be 0"
            if is_5
            else "sessionPresent=1 in reply to cleanSession=1; a clean session starts with "
            "nothing kept, so it must be 0",
            at=connack.frame,
            frames=(connect.frame, connack.frame),
            evidence={"cleanSession": True, "sessionPresent": True},
            packet=connack,
            span=(2, 1),
        )
