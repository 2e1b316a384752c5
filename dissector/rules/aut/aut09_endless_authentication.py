"""AUT09: enhanced authentication with more than 10 rounds, or that takes too long."""

from __future__ import annotations

from dissector.rules.authoring import *

MAX_ROUNDS = 10

_CHALLENGE = "S f0 06 18 04 15 00 01 4d"
_RESPONSE = "C f0 06 18 04 15 00 01 4d"


class EndlessAuthentication(ConnectionRule):
    """An enhanced authentication takes more than 10 rounds or too long.

    What it checks
    --------------
    Between CONNECT and CONNACK the server may send as many challenges as its method needs. No
    common method needs more than three rounds. The rule reports an exchange of more than 10 AUTH
    packets of the server, or one in which an AUTH or the CONNACK comes after the deadline.

    Why it matters
    --------------
    Such an exchange usually is a loop: the sides answer each other without progress, and the device
    drains its battery without connecting.

    Fix on the client
    -----------------
    Count the rounds, and send DISCONNECT after a few of them.

    Fix on the server
    -----------------
    Limit rounds and time, and refuse with CONNACK 0x87.

    Known false alarms
    ------------------
    Methods that require a user to press a button or type a code.
    """

    id = "AUT09"
    name = "endless-authentication"
    side = Side.SERVER
    severity = Severity.INFO
    obligation = Obligation.ADVICE
    statements = versions(v5=())
    sections = {Version.V5_0: "4.12"}
    deadlines = ("authentication-seconds",)
    asks = ConnectionFlag.AUTH
    bad = (
        Example(
            "eleven rounds",
            (CONNECT_5_METHOD, *((_CHALLENGE, _RESPONSE) * 11), ACCEPTED_5_METHOD, *GRACEFUL_CLOSE),
        ),
        Example(
            "one round of 61 seconds",
            (CONNECT_5_METHOD, _CHALLENGE, "+61", _RESPONSE, ACCEPTED_5_METHOD, *GRACEFUL_CLOSE),
        ),
    )
    good = (
        Example(
            "ten rounds",
            (CONNECT_5_METHOD, *((_CHALLENGE, _RESPONSE) * 10), ACCEPTED_5_METHOD, *GRACEFUL_CLOSE),
        ),
        Example(
            "one round of 30 seconds",
            (CONNECT_5_METHOD, _CHALLENGE, "+30", _RESPONSE, ACCEPTED_5_METHOD, *GRACEFUL_CLOSE),
        ),
    )

    def check(self, connection: Connection) -> Verdict:
        """Finds the packet between CONNECT and CONNACK at which a limit is exceeded."""
        connect, connack = connection.connect, connection.connack
        if connect is None or connect.frame is None:
            return None
        end = None if connack is None else connack.frame
        steps = [
            (auth.frame, auth.side)
            for auth in connection.auths
            if auth.frame is not None and (end is None or auth.frame.time_ns <= end.time_ns)
        ]
        if not steps:
            return None
        if end is not None:
            steps.append((end, None))
        rounds = 0
        limit = connection.deadlines.authentication_ns
        for at, side in steps:
            rounds += side is Side.SERVER
            lasted = at.time_ns - connect.frame.time_ns
            if lasted > limit and not connection.quality.monotonic_clock:
                return Unevaluated("the capture's clock goes back")
            if rounds > MAX_ROUNDS or lasted > limit:
                break
        else:
            return None
        incomplete = incomplete_before(connection, side or Side.SERVER, at, across=True)
        if incomplete is not None:
            return incomplete
        return Failure(
            message=f"the authentication has taken {rounds} rounds and {seconds(lasted)} so far; "
            f"more than {MAX_ROUNDS} rounds or {seconds(limit)} suggest a loop",
            at=at,
            frames=(connect.frame, at),
            evidence={"rounds": rounds, "seconds": round(lasted / SECOND_NS, 3)},
        )
