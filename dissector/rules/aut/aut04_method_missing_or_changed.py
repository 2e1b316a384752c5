"""AUT04: an AUTH without the Authentication Method of its CONNECT."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from dissector.connections.connection import Connection, ConnectionFlag
from dissector.model import Severity, Side, Version
from dissector.mqtt import spec
from dissector.mqtt.defects import DefectKind
from dissector.mqtt.packets import Auth
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
from dissector.rules.gating import unseen_before
from dissector.rules.properties import find
from dissector.text import encode, printable

_ASKS = "S f0 06 18 04 15 00 01 4d"
_GIVES = "C f0 06 18 04 15 00 01 4d"


class MethodMissingOrChanged(ConnectionRule):
    """AUTH has no Authentication Method, or another one than CONNECT.

    What it checks
    --------------
    Every AUTH, of either side, repeats the Authentication Method of CONNECT byte for byte, also in
    a re-authentication. The rule reports each AUTH in which it is missing or different. The short
    form with a Remaining Length of 0, which the standard allows but which cannot hold a method,
    is a warning. Without a method in CONNECT AUT02 speaks; CONNACK's method is ACK10's matter.

    Why it matters
    --------------
    The method says how the data are to be read. Changing it in mid-exchange is a classic way to
    talk a peer down to a weaker one.

    Fix on the client
    -----------------
    Keep the method with the connection and write it into every AUTH. To use another one,
    open a new connection.

    Fix on the server
    -----------------
    The same; compare what comes in, and close with 0x82 on a mismatch.

    Known false alarms
    ------------------
    None: both packets are read whole. AUTH packets whose properties cannot be read are left out.
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
            (CONNECT_5_METHOD, _ASKS, "C f0 06 18 04 15 00 01 4e", *SERVER_CLOSES),
        ),
        Example("no method", (CONNECT_5_METHOD, _ASKS, "C f0 02 18 00", *SERVER_CLOSES)),
        Example(
            "the client re-authenticates by another method",
            (CONNECT_5_METHOD, ACCEPTED_5_METHOD, "C f0 06 19 04 15 00 01 4e", *SERVER_CLOSES),
        ),
        Example(
            "the short form ends a re-authentication",
            (
                CONNECT_5_METHOD,
                ACCEPTED_5_METHOD,
                "C f0 06 19 04 15 00 01 4d",
                "S f0 00",
                *GOODBYE,
            ),
        ),
    )
    good = (
        Example(
            "the same method throughout",
            (CONNECT_5_METHOD, _ASKS, _GIVES, ACCEPTED_5_METHOD, *GOODBYE),
        ),
    )

    def check(self, connection: Connection) -> Verdict:
        """Compare the method of every AUTH with that of CONNECT."""
        method = connection.method()
        if method is None or connection.connect is None:
            return None
        found: list[Failure] = []
        reason: Unevaluated | None = None
        for auth in connection.auths:
            failure = _failure(connection, auth, method)
            if failure is None or auth.side is None:
                continue
            unseen = unseen_before(connection, auth.side, failure.at, from_start=False)
            if unseen is None:
                found.append(failure)
            reason = unseen or reason
        return found or reason


def _failure(connection: Connection, auth: Auth, method: str) -> Failure | None:
    item = find(auth.properties, "authenticationMethod")
    missing = any(d.kind is DefectKind.AUTH_METHOD_MISSING for d in auth.defects)
    if auth.frame is None or (item is None and not missing):
        return None
    if item is not None and item.value == method:
        return None
    again = auth.side is Side.CLIENT and auth.reason_code == 0x19
    wanted = f"it must repeat that of CONNECT, {printable(method)!r}"
    short = item is None and auth.remaining_length == 0
    if short:
        said = "AUTH in its shortest form has no room for the Authentication Method"
    elif item is None:
        said = "AUTH has no Authentication Method"
    else:
        said = f"AUTH has the Authentication Method {printable(str(item.value))!r}"
    connect = connection.connect
    frames = (auth.frame,) if connect is None or connect.frame is None else (
        connect.frame, auth.frame
    )  # fmt: skip
    return Failure(
        message=f"{said}; {wanted}",
        at=auth.frame,
        frames=frames,
        evidence={"method": None if item is None else str(item.value), "expected": method},
        side=auth.side,
        severity=Severity.WARNING if short else None,
        statements=("MQTT-4.12.1-1",) if again else ("MQTT-4.12.0-5",),
        packet=auth,
        span=(0, auth.size) if item is None else (item.offset, len(encode(str(item.value))) + 3),
    )
