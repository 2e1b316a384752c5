"""AUT02: AUTH on a connection whose CONNECT named no Authentication Method."""

from __future__ import annotations

from dissector.connections.connection import Connection, ConnectionFlag
from dissector.model import Severity, Side, Version
from dissector.rules.base import (
    ConnectionRule,
    Example,
    Failure,
    Unevaluated,
    Verdict,
    versions,
)
from dissector.rules.examples import (
    ACCEPTED_5,
    ACCEPTED_5_METHOD,
    CONNECT_5,
    CONNECT_5_METHOD,
    GOODBYE,
    SERVER_CLOSES,
)
from dissector.rules.gating import unseen_before
from dissector.rules.properties import readable

_AUTH = "f0 06 18 04 15 00 01 4d"
_CITED = {Side.SERVER: "MQTT-4.12.0-6", Side.CLIENT: "MQTT-4.12.0-7"}


class AuthWithoutMethod(ConnectionRule):
    """One side sends AUTH although the client did not ask for enhanced authentication.

    What it checks
    --------------
    Enhanced authentication begins with an Authentication Method in CONNECT. Without one neither
    side may send AUTH. The rule reports the first AUTH of each side, whatever is in it. A method
    that only the CONNACK invents is ACK10's matter.

    Why it matters
    --------------
    The peer has no method under which it could read the packet, and has to close.

    Fix on the client
    -----------------
    Put the Authentication Method into CONNECT, or send no AUTH. Re-authentication, too, is for
    connections that began with a method.

    Fix on the server
    -----------------
    Decide by the CONNECT: without a method check user name and password, and refuse with CONNACK
    0x86, 0x87 or 0x8C if that is not enough.

    Known false alarms
    ------------------
    None: the CONNECT has to be seen and readable to the end of its properties.
    """

    id = "AUT02"
    name = "auth-without-method"
    side = Side.SERVER
    either = True
    severity = Severity.ERROR
    statements = versions(v5=("MQTT-4.12.0-6", "MQTT-4.12.0-7"))
    sections = {Version.V5_0: "4.12"}
    asks = ConnectionFlag.AUTH
    bad = (
        Example("the server asks for more", (CONNECT_5, f"S {_AUTH}", "C FIN", "S FIN")),
        Example(
            "the client re-authenticates",
            (CONNECT_5, ACCEPTED_5, "C f0 06 19 04 15 00 01 4d", *SERVER_CLOSES),
        ),
    )
    good = (
        Example(
            "CONNECT named the method",
            (CONNECT_5_METHOD, f"S {_AUTH}", f"C {_AUTH}", ACCEPTED_5_METHOD, *GOODBYE),
        ),
        Example("no AUTH at all", (CONNECT_5, ACCEPTED_5, *GOODBYE)),
    )

    def check(self, connection: Connection) -> Verdict:
        """Report the first AUTH of each side where CONNECT has no method."""
        connect = connection.connect
        if not connection.auths or connect is None or connect.frame is None:
            return None
        if connection.method() is not None:
            return None
        if not readable(connect):
            return Unevaluated("the properties of CONNECT cannot be read")
        found: list[Failure] = []
        reason: Unevaluated | None = None
        for side, statement in _CITED.items():
            auth = next((auth for auth in connection.auths if auth.side is side), None)
            if auth is None or auth.frame is None:
                continue
            unseen = unseen_before(connection, side, auth.frame, from_start=False)
            if unseen is not None:
                reason = unseen
                continue
            found.append(
                Failure(
                    message=f"AUTH from the {side.value}, but CONNECT names no Authentication "
                    "Method; without one there is no AUTH",
                    at=auth.frame,
                    frames=(connect.frame, auth.frame),
                    evidence={"reasonCode": auth.reason_code},
                    side=side,
                    statements=(statement,),
                    packet=auth,
                    span=(0, 1),
                )
            )
        return found or reason
