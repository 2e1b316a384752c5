"""SEQ13: DISCONNECT from the server in 3.1.1, or before acceptance in 5.0."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from dissector.rules.authoring import *


class DisconnectFromServerTooEarly(ConnectionRule):
    """The server sends DISCONNECT where it must not: in 3.1.1 at all, in 5.0 before acceptance.

    What it checks
    --------------
    In 3.1.1 only the client sends DISCONNECT; a server that wants to end a connection closes it. In
    5.0 a server may send DISCONNECT, but only after a CONNACK with a code below 0x80: until then it
    must refuse with CONNACK.

    Why it matters
    --------------
    A 3.1.1 client treats the packet as malformed and reports a protocol error instead of the real
    cause. A 5.0 client that waits for CONNACK may hang or consider the server faulty.

    Fix on the client
    -----------------
    The client is correct. Treat the packet as a close, and wait before the next attempt.

    Fix on the server
    -----------------
    Decide by the version and state of the connection: no CONNACK sent yet, refuse with CONNACK
    (5.0: 0x80 and above); 3.1.1, only close; 5.0 and accepted, DISCONNECT with a reason code and
    close.

    Known false alarms
    ------------------
    None known. In 5.0 the rule needs the beginning of the connection and all bytes of the server up
    to the DISCONNECT, since a CONNACK that was not captured would make it legal.
    """

    id = "SEQ13"
    name = "disconnect-from-server-too-early"
    side = Side.SERVER
    severity = Severity.ERROR
    statements = versions(v311=(), v5="MQTT-3.14.0-1")
    sections = {Version.V3_1_1: "table 2.1", Version.V5_0: "3.14"}
    asks = ConnectionFlag.SERVER_DISCONNECT
    consumes: ClassVar[Mapping[DefectKind, tuple[int, ...]]] = {
        DefectKind.WRONG_DIRECTION: (spec.DISCONNECT,)
    }
    bad = (
        Example(
            "3.1.1: the server sends DISCONNECT",
            (CONNECT_311, ACCEPTED_311, "S e0 00", *SERVER_CLOSES),
        ),
        Example("5.0: instead of a CONNACK", (CONNECT_5, "S e0 02 87 00", *SERVER_CLOSES)),
        Example("5.0: after a refusal", (CONNECT_5, REFUSED_5, "S e0 02 87 00", *SERVER_CLOSES)),
    )
    good = (
        Example("5.0: after acceptance", (CONNECT_5, ACCEPTED_5, "S e0 02 8b 00", *SERVER_CLOSES)),
        Example("3.1.1: the server only closes", (CONNECT_311, ACCEPTED_311, *SERVER_CLOSES)),
        Example("3.1.1: the client sends DISCONNECT", (CONNECT_311, ACCEPTED_311, *GRACEFUL_CLOSE)),
    )

    def check(self, connection: Connection) -> Verdict:
        """Checks the first DISCONNECT of the server."""
        early = next(iter(sent(connection, Side.SERVER, spec.DISCONNECT)), None)
        if early is None:
            return None
        before_5 = connection.version is Version.V3_1_1
        incomplete = incomplete_before(
            connection, Side.SERVER, early.frame, from_start=not before_5
        )
        if before_5:
            message = "DISCONNECT from the server; in 3.1.1 only a client may send it"
        else:
            if any(
                ref.order < early.order and ref.code is not None and ref.code < 0x80
                for ref in sent(connection, Side.SERVER, spec.CONNACK)
            ):
                return None
            message = (
                f"DISCONNECT (0x{early.code or 0:02X}) from the server before it has accepted "
                "the connection; until then it has to refuse with CONNACK"
            )
        if incomplete is not None:
            return incomplete
        return Failure(
            message=message,
            at=early.frame,
            frames=(early.frame,),
            evidence={"reasonCode": early.code},
            packet=decoded(connection.disconnects, early),
            span=(0, 1),
        )
