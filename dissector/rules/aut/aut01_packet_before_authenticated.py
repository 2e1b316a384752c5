"""AUT01: a client that goes on before its enhanced authentication is done."""

from __future__ import annotations

from dissector.connections.connection import Connection, ConnectionFlag
from dissector.model import Severity, Side, Version
from dissector.mqtt import spec
from dissector.rules.base import ConnectionRule, Example, Failure, Verdict, versions
from dissector.rules.examples import (
    ACCEPTED_5,
    ACCEPTED_5_METHOD,
    CONNECT_5,
    CONNECT_5_METHOD,
    GOODBYE,
)
from dissector.rules.gating import sent, unseen_before

_PUBLISH = "C 30 06 00 01 61 00 68 69"
_ALLOWED = (spec.CONNECT, spec.AUTH, spec.DISCONNECT)


class PacketBeforeAuthenticated(ConnectionRule):
    """A client that announced an Authentication Method sends more before its CONNACK.

    What it checks
    --------------
    A client whose 5.0 CONNECT holds an Authentication Method may send nothing but AUTH and
    DISCONNECT until it has its CONNACK. The rule names the first other packet. Without a method,
    sending ahead of the CONNACK is legal; a second CONNECT is SEQ02's matter.

    Why it matters
    --------------
    During the exchange the server does not yet know who speaks. It has to treat the packet as a
    Protocol Error, and the device loses the connection it was about to get.

    Fix on the client
    -----------------
    Hold back the queue until CONNACK says 0x00. Libraries that pipeline need the option switched
    off when a method is used.

    Fix on the server
    -----------------
    Close with 0x82; never keep such packets for after the authentication.

    Known false alarms
    ------------------
    None known. Needs all bytes of both sides before the packet. A frame that the capture
    recorded ahead of its time could mislead; recordings of one interface keep the order.
    """

    id = "AUT01"
    name = "packet-before-authenticated"
    side = Side.CLIENT
    severity = Severity.ERROR
    statements = versions(v5="MQTT-3.1.2-30")
    sections = {Version.V5_0: "3.1.2.11.9"}
    asks = ConnectionFlag.BEFORE_CONNACK
    bad = (
        Example(
            "a PUBLISH before the CONNACK",
            (CONNECT_5_METHOD, _PUBLISH, ACCEPTED_5_METHOD, *GOODBYE),
        ),
        Example(
            "a PUBLISH in the middle of the exchange",
            (CONNECT_5_METHOD, "S f0 06 18 04 15 00 01 4d", _PUBLISH, "S FIN", "C FIN"),
        ),
    )
    good = (
        Example(
            "AUTH only",
            (
                CONNECT_5_METHOD,
                "S f0 06 18 04 15 00 01 4d",
                "C f0 06 18 04 15 00 01 4d",
                ACCEPTED_5_METHOD,
                _PUBLISH,
                *GOODBYE,
            ),
        ),
        Example("no method: sending ahead is legal", (CONNECT_5, _PUBLISH, ACCEPTED_5, *GOODBYE)),
    )

    def check(self, connection: Connection) -> Verdict:
        """Find a packet of the client between CONNECT and CONNACK."""
        connect = connection.connect
        if connect is None or connect.frame is None or connection.method() is None:
            return None
        done = next(iter(sent(connection, Side.SERVER, spec.CONNACK)), None)
        for ref in sent(connection, Side.CLIENT):
            if done is not None and ref.order > done.order:
                return None
            if ref.type not in _ALLOWED:
                break
        else:
            return None
        unseen = unseen_before(connection, Side.CLIENT, ref.frame, across=True)
        if unseen is not None:
            return unseen
        name = spec.packet_name(ref.type)
        return Failure(
            message=f"{name} before the CONNACK, although CONNECT announced an Authentication "
            "Method; until then only AUTH and DISCONNECT are allowed",
            at=ref.frame,
            frames=(connect.frame, ref.frame),
            evidence={"packet": name},
        )
