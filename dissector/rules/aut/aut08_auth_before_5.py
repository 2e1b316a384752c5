"""AUT08: AUTH packet (type 15) in MQTT 3.1 or 3.1.1, which do not have it."""

from __future__ import annotations

from dissector.rules.authoring import *


class AuthBefore5(DefectRule):
    """A packet of type 15 on a connection of MQTT 3.1 or 3.1.1.

    What it checks
    --------------
    Type 15 is AUTH in 5.0 and reserved before: neither side may send it on a connection whose
    CONNECT has level 3 or 4.

    Why it matters
    --------------
    The receiver does not know the packet and must close. A client that waits for an authentication
    exchange can never connect.

    Fix on the client
    -----------------
    Use level 5 if enhanced authentication is needed; older versions have only user name and
    password.

    Fix on the server
    -----------------
    Never send AUTH to an older client. On receipt close the connection.

    Known false alarms
    ------------------
    None while the stream is complete: when packet boundaries are lost, decoding of the stream stops
    before this rule is evaluated.
    """

    id = "AUT08"
    name = "auth-before-5"
    side = Side.CLIENT
    either = True
    severity = Severity.ERROR
    statements = versions(v31=(), v311=())
    sections = {Version.V3_1: "2.1", Version.V3_1_1: "table 2.1"}
    consumes = {DefectKind.TYPE_AUTH_BEFORE_5: (spec.AUTH,)}
    bad = (
        Example(
            "3.1: AUTH from the client",
            (CONNECT_31, ACCEPTED_311, "C f0 06 18 04 15 00 01 4d", *SERVER_CLOSES),
        ),
        Example(
            "3.1.1: AUTH from the server",
            (CONNECT_311, ACCEPTED_311, "S f0 06 18 04 15 00 01 4d", *CLIENT_CLOSES),
        ),
    )
    good = (
        Example("3.1.1: no AUTH", (CONNECT_311, ACCEPTED_311, *GRACEFUL_CLOSE)),
        Example(
            "5.0: AUTH exists",
            (
                CONNECT_5_METHOD,
                "S f0 06 18 04 15 00 01 4d",
                "C f0 06 18 04 15 00 01 4d",
                ACCEPTED_5_METHOD,
                *GRACEFUL_CLOSE,
            ),
        ),
    )

    def check(self, fact: DefectFact) -> Verdict:
        """Reports the version that introduced the type."""
        return self.failure(fact, "packet type 15 (AUTH) does not exist before MQTT 5.0")
