"""AUT03: AUTH with a reason code that its sender may not use, or not in this state."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from dissector.rules.authoring import *

_SUCCESS, _CONTINUE, _REAUTHENTICATE = 0x00, 0x18, 0x19
_ALLOWED = {Side.CLIENT: spec.AUTH_CODES_CLIENT, Side.SERVER: spec.AUTH_CODES_SERVER}
_CHALLENGE = "S f0 06 18 04 15 00 01 4d"
_RESPONSE = "C f0 06 18 04 15 00 01 4d"
# what is wrong, and the statements to cite; without any, only the section is cited
_Fault = tuple[str, tuple[str, ...]]


class WrongAuthCode(ConnectionRule):
    """AUTH has a reason code that its sender may not use, or not in this state.

    What it checks
    --------------
    AUTH has three codes: 0x00 (server: success), 0x18 (both: continue), 0x19 (client:
    re-authenticate). Before the CONNACK both sides use only 0x18, because success is reported by
    the CONNACK. After it the client starts with 0x19, the server continues with 0x18 or ends with
    0x00, and the client answers each 0x18 with 0x18. The rule reports every AUTH that does not fit.

    Why it matters
    --------------
    Only the code distinguishes a challenge from the result. A client that receives "success" where
    "continue" was meant considers itself authenticated.

    Fix on the client
    -----------------
    Answer AUTH with AUTH 0x18; use 0x19 only to start a re-authentication.

    Fix on the server
    -----------------
    End the first authentication with CONNACK, a later one with AUTH 0x00, and send 0x18 only during
    an exchange.

    Known false alarms
    ------------------
    None known. Codes that a side may never send are judged by the packet alone; all else needs
    every byte of both sides from the beginning.
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
            "the server reports success before its CONNACK",
            (CONNECT_5_METHOD, "S f0 06 00 04 15 00 01 4d", "C FIN", "S FIN"),
        ),
        Example(
            "the client re-authenticates before the CONNACK",
            (CONNECT_5_METHOD, _CHALLENGE, "C f0 06 19 04 15 00 01 4d", *SERVER_CLOSES),
        ),
        Example(
            "a code that does not exist",
            (CONNECT_5_METHOD, _CHALLENGE, "C f0 06 17 04 15 00 01 4d", *SERVER_CLOSES),
        ),
        Example(
            "the server starts a re-authentication",
            (CONNECT_5_METHOD, ACCEPTED_5_METHOD, _CHALLENGE, "C FIN", "S FIN"),
        ),
        Example(
            "the client continues without a challenge",
            (CONNECT_5_METHOD, ACCEPTED_5_METHOD, _RESPONSE, *SERVER_CLOSES),
        ),
    )
    good = (
        Example(
            "authentication and re-authentication",
            (
                CONNECT_5_METHOD,
                _CHALLENGE,
                _RESPONSE,
                ACCEPTED_5_METHOD,
                "C f0 06 19 04 15 00 01 4d",
                _CHALLENGE,
                _RESPONSE,
                "S f0 06 00 04 15 00 01 4d",
                *GRACEFUL_CLOSE,
            ),
        ),
    )

    def check(self, connection: Connection) -> Verdict:
        """Follows the exchange AUTH by AUTH."""
        found: list[Failure] = []
        reason: Unevaluated | None = None
        accepted = exchange = challenged = False
        for ref in connection.activity:
            if ref.type == spec.CONNACK and ref.side is Side.SERVER:
                accepted = accepted or (ref.code is not None and ref.code < 0x80)
            if ref.type != spec.AUTH:
                continue
            code, side = ref.code or 0, ref.side
            fault, certain = _fault(code, side, accepted, exchange, challenged)
            if fault is not None and not certain and connection.method() is None:
                fault = None  # AUT02
            if fault is not None:
                incomplete = incomplete_before(
                    connection, side, ref.frame, from_start=not certain, across=not certain
                )
                if incomplete is None:
                    found.append(_failure(connection, ref, fault))
                reason = incomplete or reason
            exchange = (
                code == _REAUTHENTICATE if side is Side.CLIENT and code != _CONTINUE else exchange
            )
            if side is Side.SERVER:
                challenged = code == _CONTINUE
                exchange = exchange and code != _SUCCESS
            else:
                challenged = False
        return found or reason


def _fault(
    code: int, side: Side, accepted: bool, exchange: bool, challenged: bool
) -> tuple[_Fault | None, bool]:
    """Returns what is wrong with a code, and whether the packet alone proves it."""
    if code not in _ALLOWED[side]:
        allowed = " or ".join(f"0x{value:02X}" for value in sorted(_ALLOWED[side]))
        return (f"a {side.value} may send {allowed} only", ("MQTT-3.15.2-1",)), True
    if not accepted:
        if side is Side.SERVER and code == _SUCCESS:
            return ("before the CONNACK a server's AUTH has 0x18", ("MQTT-4.12.0-2",)), False
        if side is Side.CLIENT and code == _REAUTHENTICATE:
            return ("before the CONNACK a client's AUTH has 0x18", ("MQTT-4.12.0-3",)), False
    elif side is Side.SERVER and not exchange:
        return ("no re-authentication is open, and only the client may start one", ()), False
    elif side is Side.CLIENT and code == _CONTINUE and not challenged:
        return ("the server sent no challenge; a client starts with 0x19", ()), False
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
