"""AUT02: AUTH on a connection whose CONNECT has no Authentication Method."""

from __future__ import annotations

from dissector.rules.authoring import *
from dissector.rules.properties import readable

_AUTH = "f0 06 18 04 15 00 01 4d"
_CITED = {Side.SERVER: "MQTT-4.12.0-6", Side.CLIENT: "MQTT-4.12.0-7"}


class AuthWithoutMethod(ConnectionRule):
    """One side sends AUTH although the client did not request enhanced authentication.

    What it checks
    --------------
    Enhanced authentication begins with an Authentication Method in CONNECT. Without one neither
    side may send AUTH. The rule reports the first AUTH of each side, whatever it contains. A method
    that only CONNACK has is reported by ACK10.

    Why it matters
    --------------
    The peer has no method by which to interpret the packet, and must close.

    Fix on the client
    -----------------
    Send the Authentication Method in CONNECT, or send no AUTH. Re-authentication, too, requires a
    method in CONNECT.

    Fix on the server
    -----------------
    Decide by the CONNECT: without a method check user name and password, and refuse with CONNACK
    0x86, 0x87 or 0x8C if that is not sufficient.

    Known false alarms
    ------------------
    None. The rule is evaluated only if the CONNECT was captured and its properties can be read
    completely.
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
        Example("the server sends a challenge", (CONNECT_5, f"S {_AUTH}", "C FIN", "S FIN")),
        Example(
            "the client re-authenticates",
            (CONNECT_5, ACCEPTED_5, "C f0 06 19 04 15 00 01 4d", *SERVER_CLOSES),
        ),
    )
    good = (
        Example(
            "CONNECT has the method",
            (CONNECT_5_METHOD, f"S {_AUTH}", f"C {_AUTH}", ACCEPTED_5_METHOD, *GRACEFUL_CLOSE),
        ),
        Example("no AUTH at all", (CONNECT_5, ACCEPTED_5, *GRACEFUL_CLOSE)),
    )

    def check(self, connection: Connection) -> Verdict:
        """Reports the first AUTH of each side where CONNECT has no method."""
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
            incomplete = incomplete_before(connection, side, auth.frame, from_start=False)
            if incomplete is not None:
                reason = incomplete
                continue
            found.append(
                Failure(
                    message=f"AUTH from the {side.value}, but CONNECT has no Authentication "
                    "Method; without one AUTH is not allowed",
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
