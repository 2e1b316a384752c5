"""SEQ03: a server that answers CONNECT with something else than CONNACK."""

from __future__ import annotations

from dissector.connections.connection import Connection, ConnectionFlag
from dissector.model import Severity, Side, Version
from dissector.mqtt import spec
from dissector.rules.base import ConnectionRule, Example, Failure, Verdict, versions
from dissector.rules.examples import (
    ACCEPTED_5,
    ACCEPTED_5_METHOD,
    ACCEPTED_311,
    CONNECT_5,
    CONNECT_5_METHOD,
    CONNECT_31,
    CONNECT_311,
    GOODBYE,
)
from dissector.rules.gating import sent, unseen_before

# what a server may send at all, but not first; the rest is for ENC12, AUT08 and SEQ13
_TOO_EARLY = frozenset(
    {
        spec.PUBLISH,
        spec.PUBACK,
        spec.PUBREC,
        spec.PUBREL,
        spec.PUBCOMP,
        spec.SUBACK,
        spec.UNSUBACK,
        spec.PINGRESP,
    }
)


class FirstServerPacketNotConnack(ConnectionRule):
    """The server sends another packet before its CONNACK.

    What it checks
    --------------
    The first packet from server to client must be CONNACK, in 5.0 CONNACK or AUTH. The rule names
    the one that came instead. Packets that a server may never send are reported by the rules about
    direction, an early DISCONNECT by SEQ13.

    Why it matters
    --------------
    A client that waits for CONNACK takes anything else as a broken server and closes, or stores a
    message for a session that it has not yet been told about. It shows as a device that reconnects
    over and over once messages are waiting for it.

    Fix on the client
    -----------------
    Nothing is wrong in the CONNECT. Close and try again; do not deliver what came before the
    CONNACK.

    Fix on the server
    -----------------
    Write the CONNACK before the stored session is attached to the connection. A race between
    the thread that replays queued messages and the one that accepts the client is the usual cause.

    Known false alarms
    ------------------
    None known. Needs the beginning of the connection, its CONNECT, and all bytes of the
    server up to the packet.
    """

    id = "SEQ03"
    name = "first-server-packet-not-connack"
    side = Side.SERVER
    severity = {
        Version.V3_1_1: Severity.ERROR,
        Version.V5_0: Severity.ERROR,
        Version.V3_1: Severity.WARNING,
    }
    statements = versions(v31=(), v311="MQTT-3.2.0-1", v5="MQTT-3.2.0-1")
    sections = {Version.V3_1: "3.2", Version.V3_1_1: "3.2", Version.V5_0: "3.2"}
    asks = ConnectionFlag.SERVER_FIRST_OTHER
    bad = (
        Example(
            "3.1.1: a queued message overtakes the CONNACK",
            (CONNECT_311, "S 30 05 00 01 61 68 69", ACCEPTED_311, *GOODBYE),
        ),
        Example(
            "5.0: a queued message overtakes the CONNACK",
            (CONNECT_5, "S 30 06 00 01 61 00 68 69", ACCEPTED_5, *GOODBYE),
        ),
        Example(
            "3.1: a queued message overtakes the CONNACK",
            (CONNECT_31, "S 30 05 00 01 61 68 69", ACCEPTED_311, *GOODBYE),
        ),
    )
    good = (
        Example(
            "3.1.1: the message follows the CONNACK",
            (CONNECT_311, ACCEPTED_311, "S 30 05 00 01 61 68 69", *GOODBYE),
        ),
        Example(
            "5.0: AUTH may come first",
            (
                CONNECT_5_METHOD,
                "S f0 06 18 04 15 00 01 4d",
                "C f0 06 18 04 15 00 01 4d",
                ACCEPTED_5_METHOD,
                *GOODBYE,
            ),
        ),
    )

    def check(self, connection: Connection) -> Verdict:
        """Look at the first packet of the server."""
        first = next(iter(sent(connection, Side.SERVER)), None)
        connect = connection.connect
        if first is None or first.type not in _TOO_EARLY or connect is None:
            return None
        unseen = unseen_before(connection, Side.SERVER, first.frame)
        if unseen is not None:
            return unseen
        name = spec.packet_name(first.type)
        wanted = "CONNACK or AUTH" if connection.version is Version.V5_0 else "CONNACK"
        frames = (first.frame,) if connect.frame is None else (connect.frame, first.frame)
        return Failure(
            message=f"the server's first packet is {name}; it must be {wanted}",
            at=first.frame,
            frames=frames,
            evidence={"firstPacket": name},
        )
