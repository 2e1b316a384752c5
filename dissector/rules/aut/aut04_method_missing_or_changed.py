"""AUT04: AUTH whose Authentication Method is missing or differs from that of CONNECT."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from dissector.rules.authoring import *
from dissector.rules.properties import find
from dissector.text import encode, printable

_CHALLENGE = "S f0 06 18 04 15 00 01 4d"
_RESPONSE = "C f0 06 18 04 15 00 01 4d"


class MethodMissingOrChanged(ConnectionRule):
    """AUTH has no Authentication Method, or a different one than CONNECT.

    What it checks
    --------------
    Every AUTH, of either side, must repeat the Authentication Method of CONNECT byte for byte, also
    in a re-authentication. The rule reports each AUTH in which it is missing or different. The
    short form with a Remaining Length of 0, which the standard allows but which cannot contain a
    method, is a warning. AUTH without a method in CONNECT is reported by AUT02, a wrong method in
    CONNACK by ACK10.

    Why it matters
    --------------
    The method defines how the data is to be read. Changing it during the exchange is a known
    downgrade attack.

    Fix on the client
    -----------------
    Store the method with the connection and send it in every AUTH. To use another one, open a new
    connection.

    Fix on the server
    -----------------
    Send the same method in every AUTH; compare that of received packets, and close with 0x82 if it
    differs.

    Known false alarms
    ------------------
    None. Both packets are decoded completely. AUTH packets whose properties cannot be read are not
    judged.
    """

    id = "AUT04"
    name = "method-missing-or-changed"
    side = Side.CLIENT
    either = True
    severity = Severity.ERROR
    statements = versions(v5=("MQTT-4.12.0-5", "MQTT-4.12.1-1"))
    sections = {Version.V5_0: "3.15.2.2.2"}
    asks = ConnectionFlag.AUTH
    consumes: ClassVar[Mapping[DefectKind, tuple[int, ...]]] = {
        DefectKind.AUTH_METHOD_MISSING: (spec.AUTH,)
    }
    bad = (
        Example(
            "another method",
            (CONNECT_5_METHOD, _CHALLENGE, "C f0 06 18 04 15 00 01 4e", *SERVER_CLOSES),
        ),
        Example("no method", (CONNECT_5_METHOD, _CHALLENGE, "C f0 02 18 00", *SERVER_CLOSES)),
        Example(
            "the client re-authenticates with another method",
            (CONNECT_5_METHOD, ACCEPTED_5_METHOD, "C f0 06 19 04 15 00 01 4e", *SERVER_CLOSES),
        ),
        Example(
            "the short form ends a re-authentication",
            (
                CONNECT_5_METHOD,
                ACCEPTED_5_METHOD,
                "C f0 06 19 04 15 00 01 4d",
                "S f0 00",
                *GRACEFUL_CLOSE,
            ),
        ),
    )
    good = (
        Example(
            "the same method throughout",
            (CONNECT_5_METHOD, _CHALLENGE, _RESPONSE, ACCEPTED_5_METHOD, *GRACEFUL_CLOSE),
        ),
    )

    def check(self, connection: Connection) -> Verdict:
        """Compares the method of every AUTH with that of CONNECT."""
        method = connection.method()
        if method is None or connection.connect is None:
            return None
        found: list[Failure] = []
        reason: Unevaluated | None = None
        for auth in connection.auths:
            failure = _failure(connection, auth, method)
            if failure is None or auth.side is None:
                continue
            incomplete = incomplete_before(connection, auth.side, failure.at, from_start=False)
            if incomplete is None:
                found.append(failure)
            reason = incomplete or reason
        return found or reason


def _failure(connection: Connection, auth: Auth, method: str) -> Failure | None:
    item = find(auth.properties, "authenticationMethod")
    missing = any(d.kind is DefectKind.AUTH_METHOD_MISSING for d in auth.defects)
    if auth.frame is None or (item is None and not missing):
        return None
    if item is not None and item.value == method:
        return None
    reauthentication = auth.side is Side.CLIENT and auth.reason_code == 0x19
    wanted = f"it must repeat that of CONNECT, {printable(method)!r}"
    short = item is None and auth.remaining_length == 0
    if short:
        problem = "AUTH in its shortest form has no room for the Authentication Method"
    elif item is None:
        problem = "AUTH has no Authentication Method"
    else:
        problem = f"AUTH has the Authentication Method {printable(str(item.value))!r}"
    connect = connection.connect
    frames = (auth.frame,) if connect is None or connect.frame is None else (
        connect.frame, auth.frame
    )  # fmt: skip
    return Failure(
        message=f"{problem}; {wanted}",
        at=auth.frame,
        frames=frames,
        evidence={"method": None if item is None else str(item.value), "expected": method},
        side=auth.side,
        severity=Severity.WARNING if short else None,
        statements=("MQTT-4.12.1-1",) if reauthentication else ("MQTT-4.12.0-5",),
        packet=auth,
        span=(0, auth.size) if item is None else (item.offset, len(encode(str(item.value))) + 3),
    )
