"""AUT09: an enhanced authentication that takes very long."""

from __future__ import annotations

from dissector.connections.connection import Connection, Trait
from dissector.model import FrameRef, Obligation, Severity, Side, Version
from dissector.rules.base import (
    ConnectionRule,
    Example,
    Failure,
    NotEvaluated,
    Verdict,
    versions,
)
from dissector.rules.examples import ACCEPTED_5_METHOD, CONNECT_5_METHOD, GOODBYE
from dissector.rules.gating import SECOND_NS, seconds

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
    server, or one that has lasted more than 60 seconds at its CONNACK or its last AUTH.

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
    asks = Trait.AUTH
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
        """Count rounds and time between CONNECT and CONNACK."""
        connect, connack = connection.connect, connection.connack
        if connect is None or connect.frame is None:
            return None
        end: FrameRef | None = None if connack is None else connack.frame
        auths = [
            (auth, auth.frame)
            for auth in connection.auths
            if auth.frame is not None and (end is None or auth.frame.time_ns <= end.time_ns)
        ]
        if not auths:
            return None
        end = end or auths[-1][1]
        rounds = sum(1 for auth, _ in auths if auth.side is Side.SERVER)
        lasted = end.time_ns - connect.frame.time_ns
        if rounds <= MAX_ROUNDS and lasted <= MAX_NS:
            return None
        broken = connection.view.broken()
        if broken is not None:
            return NotEvaluated(broken)
        return Failure(
            message=f"the authentication took {rounds} rounds and {seconds(lasted)}; "
            f"more than {MAX_ROUNDS} rounds or {MAX_NS // SECOND_NS} s look like a loop",
            at=auths[-1][1],
            frames=(connect.frame, auths[-1][1], end),
            evidence={"rounds": rounds, "seconds": round(lasted / SECOND_NS, 3)},
        )
