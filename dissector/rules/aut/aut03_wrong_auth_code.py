"""AUT03: an AUTH whose reason code does not fit its sender or its moment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from dissector.connections.connection import Connection, ConnectionFlag, PacketRef
from dissector.model import Severity, Side, Version
from dissector.mqtt import spec
from dissector.mqtt.defects import DefectKind
from dissector.rules.base import (
    ConnectionRule,
    Example,
    Failure,
    Unevaluated,
    Verdict,
    versions,
)
from dissector.rules.examples import (
    ACCEPTED_5_METHOD,
    CONNECT_5_METHOD,
    GOODBYE,
    SERVER_CLOSES,
)
from dissector.rules.gating import decoded, unseen_before

_DONE, _CONTINUE, _AGAIN = 0x00, 0x18, 0x19
_ALLOWED = {Side.CLIENT: spec.AUTH_CODES_CLIENT, Side.SERVER: spec.AUTH_CODES_SERVER}
_ASKS = "S f0 06 18 04 15 00 01 4d"
_GIVES = "C f0 06 18 04 15 00 01 4d"
# statements that a fault cites; those without a number cite the section alone
_Fault = tuple[str, tuple[str, ...]]


class WrongAuthCode(ConnectionRule):
    """AUTH carries a reason code that its sender does not have, or not at this moment.

    What it checks
    --------------
    AUTH knows three codes: 0x00 (server: done), 0x18 (both: go on), 0x19 (client: again). Before
    the CONNACK both sides use 0x18 only, for there the CONNACK says "done". After it the client
    opens with 0x19, the server goes on with 0x18 or ends with 0x00, and the client answers 0x18 to
    a 0x18. The rule reports every AUTH that does not fit.

    Why it matters
    --------------
    The code is all that tells a challenge from a verdict. A client that reads "done" where
    "go on" was meant takes itself for logged in.

    Fix on the client
    -----------------
    Answer AUTH with AUTH 0x18; start a re-authentication, and nothing else, with 0x19.

    Fix on the server
    -----------------
    End the first authentication with CONNACK, a later one with AUTH 0x00, and ask with 0x18 only
    while an exchange is open.

    Known false alarms
    ------------------
    None known. Codes that a side never has are judged by the packet alone; the rest needs every
    byte of both sides from the beginning.
    """

    id = "AUT03"
    name = "wrong-auth-code"
    side = Side.SERVER
    either = True
    severity = Severity.ERROR
    statements = versions(v5=("MQTT-3.15.2-1", "MQTT-4.12.0-2", "MQTT-4.12.0-3"))
    sections = {Version.V5_0: "4.12"}
    asks = ConnectionFlag.AUTH
    consumes: ClassVar[Mapping[DefectKind, tuple[int, ...]]] = {DefectKind.AUTH_CODE: (spec.AUTH,)}
    bad = (
        Example(
            "the server says done before its CONNACK",
            (CONNECT_5_METHOD, "S f0 06 00 04 15 00 01 4d", "C FIN", "S FIN"),
        ),
        Example(
            "the client re-authenticates before the CONNACK",
            (CONNECT_5_METHOD, _ASKS, "C f0 06 19 04 15 00 01 4d", *SERVER_CLOSES),
        ),
        Example(
            "a code that does not exist",
            (CONNECT_5_METHOD, _ASKS, "C f0 06 17 04 15 00 01 4d", *SERVER_CLOSES),
        ),
        Example(
            "the server starts a re-authentication",
            (CONNECT_5_METHOD, ACCEPTED_5_METHOD, _ASKS, "C FIN", "S FIN"),
        ),
        Example(
            "the client goes on unasked",
            (CONNECT_5_METHOD, ACCEPTED_5_METHOD, _GIVES, *SERVER_CLOSES),
        ),
    )
    good = (
        Example(
            "authentication and re-authentication",
            (
                CONNECT_5_METHOD,
                _ASKS,
                _GIVES,
                ACCEPTED_5_METHOD,
                "C f0 06 19 04 15 00 01 4d",
                _ASKS,
                _GIVES,
                "S f0 06 00 04 15 00 01 4d",
                *GOODBYE,
            ),
        ),
    )

    def check(self, connection: Connection) -> Verdict:
        """Walk through the exchange."""
        found: list[Failure] = []
        reason: Unevaluated | None = None
        accepted = exchange = asked = False
        for ref in connection.activity:
            if ref.type == spec.CONNACK and ref.side is Side.SERVER:
                accepted = accepted or (ref.code is not None and ref.code < 0x80)
            if ref.type != spec.AUTH:
                continue
            code, side = ref.code or 0, ref.side
            fault, certain = _fault(code, side, accepted, exchange, asked)
            if fault is not None and not certain and connection.method() is None:
                fault = None  # AUT02
            if fault is not None:
                unseen = unseen_before(
                    connection, side, ref.frame, from_start=not certain, across=not certain
                )
                if unseen is None:
                    found.append(_failure(connection, ref, fault))
                reason = unseen or reason
            exchange = code == _AGAIN if side is Side.CLIENT and code != _CONTINUE else exchange
            if side is Side.SERVER:
                asked = code == _CONTINUE
                exchange = exchange and code != _DONE
            else:
                asked = False
        return found or reason


def _fault(
    code: int, side: Side, accepted: bool, exchange: bool, asked: bool
) -> tuple[_Fault | None, bool]:
    """Say what is wrong with a code, and whether the packet alone proves it."""
    if code not in _ALLOWED[side]:
        allowed = " or ".join(f"0x{value:02X}" for value in sorted(_ALLOWED[side]))
        return (f"a {side.value} may send {allowed} only", ("MQTT-3.15.2-1",)), True
    if not accepted:
        if side is Side.SERVER and code == _DONE:
            return ("before the CONNACK a server's AUTH has 0x18", ("MQTT-4.12.0-2",)), False
        if side is Side.CLIENT and code == _AGAIN:
            return ("before the CONNACK a client's AUTH has 0x18", ("MQTT-4.12.0-3",)), False
    elif side is Side.SERVER and not exchange:
        return ("no re-authentication is open, and only the client may start one", ()), False
    elif side is Side.CLIENT and code == _CONTINUE and not asked:
        return ("the server has asked for nothing; a client starts with 0x19", ()), False
    return None, False


def _failure(connection: Connection, ref: PacketRef, fault: _Fault) -> Failure:
    text, statements = fault
    code = ref.code or 0
    packet = decoded(connection.auths, ref)
    return Failure(
        message=f"AUTH with 0x{code:02X} ({spec.reason_code_name(code)}) from the "
        f"{ref.side.value}: {text}",
        at=ref.frame,
        frames=(ref.frame,),
        evidence={"reasonCode": code},
        side=ref.side,
        statements=statements,
        section=None if statements else "4.12.1",
        packet=packet,
        span=(2, 1) if ref.size > 2 else (0, 1),
    )
