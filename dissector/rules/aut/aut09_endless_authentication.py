"""AUT09: an enhanced authentication that takes very long."""

from __future__ import annotations

from dissector.connections.connection import Connection, ConnectionFlag
from dissector.model import Obligation, Severity, Side, Version
from dissector.rules.base import (
    ConnectionRule,
    Example,
    Failure,
    Unevaluated,
    Verdict,
    versions,
)
from dissector.rules.examples import ACCEPTED_5_METHOD, CONNECT_5_METHOD, GOODBYE
from dissector.rules.gating import SECOND_NS, seconds, unseen_before

MAX_ROUNDS = 10
MAX_NS = 60 * SECOND_NS

_ASKS = "S f0 06 18 04 15 00 01 4d"
_GIVES = "C f0 06 18 04 15 00 01 4d"


class EndlessAuthentication(ConnectionRule):
    """An enhanced authentication takes more than 10 rounds or more than 60 seconds.

    What it checks
    --------------
    Between CONNECT and CONNACK the server may ask as often as its method needs. No common method
    needs more than three rounds. The rule notes an exchange of more than 10 AUTH packets of the
    server, or one in which an AUTH or the CONNACK comes more than 60 seconds after CONNECT.

    Why it matters
    --------------
    Such an exchange usually is a loop: each side answers the other one without progress, and the
    device drains its battery in "connecting".

    Fix on the client
    -----------------
    Count the rounds, and give up with DISCONNECT after a handful of them.

    Fix on the server
    -----------------
    Limit rounds and time, and refuse with CONNACK 0x87.

    Known false alarms
    ------------------
    Methods with a human in them, who has to press a button or type a code.
    """

    id = "AUT09"
    name = "endless-authentication"
    side = Side.SERVER
    severity = Severity.INFO
    obligation = Obligation.ADVICE
    statements = versions(v5=())
    sections = {Version.V5_0: "4.12"}
    asks = ConnectionFlag.AUTH
    bad = (
        Example(
            "eleven rounds",
            (CONNECT_5_METHOD, *((_ASKS, _GIVES) * 11), ACCEPTED_5_METHOD, *GOODBYE),
        ),
        Example(
            "one round of 61 seconds",
            (CONNECT_5_METHOD, _ASKS, "+61", _GIVES, ACCEPTED_5_METHOD, *GOODBYE),
        ),
    )
    good = (
        Example(
            "ten rounds",
            (CONNECT_5_METHOD, *((_ASKS, _GIVES) * 10), ACCEPTED_5_METHOD, *GOODBYE),
        ),
        Example(
            "one round of 30 seconds",
            (CONNECT_5_METHOD, _ASKS, "+30", _GIVES, ACCEPTED_5_METHOD, *GOODBYE),
        ),
    )

    def check(self, connection: Connection) -> Verdict:
        """Find the packet between CONNECT and CONNACK at which it has become too much."""
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
        for at, side in steps:
            rounds += side is Side.SERVER
            lasted = at.time_ns - connect.frame.time_ns
            if lasted > MAX_NS and not connection.quality.monotonic_clock:
                return Unevaluated("the capture's clock goes back")
            if rounds > MAX_ROUNDS or lasted > MAX_NS:
                break
        else:
            return None
        unseen = unseen_before(connection, side or Side.SERVER, at, across=True)
        if unseen is not None:
            return unseen
        return Failure(
            message=f"the authentication has taken {rounds} rounds and {seconds(lasted)} here; "
            f"more than {MAX_ROUNDS} rounds or {MAX_NS // SECOND_NS} s look like a loop",
            at=at,
            frames=(connect.frame, at),
            evidence={"rounds": rounds, "seconds": round(lasted / SECOND_NS, 3)},
        )
