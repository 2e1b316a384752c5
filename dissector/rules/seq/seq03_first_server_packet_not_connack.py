"""SEQ03: server packet before the CONNACK."""

from __future__ import annotations

from dissector.rules.authoring import *

# what a server may send, but not first; ENC12, AUT08 and SEQ13 report all other types
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
    Until its CONNACK a server must not send any other packet; in 5.0 it may send AUTH before. The
    rule reports the first other one, also behind AUTH. Packets that a server may never send are
    reported by ENC12 and AUT08, an early DISCONNECT by SEQ13.

    Why it matters
    --------------
    A client that waits for CONNACK treats anything else as a protocol error and closes, or stores a
    message for a session that is not confirmed yet. The symptom is a device that reconnects
    repeatedly while messages are queued for it.

    Fix on the client
    -----------------
    The CONNECT is correct. Close and retry; do not deliver messages that came before the CONNACK.

    Fix on the server
    -----------------
    Send the CONNACK before attaching the stored session to the connection. The usual cause is a
    race between the thread that sends queued messages and the one that accepts the client.

    Known false alarms
    ------------------
    None known. If the version is unknown, the rule judges by what all versions have in common. It
    needs the beginning of the connection, its CONNECT, and all bytes of the
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
    version_may_be_unknown = True
    about = (spec.CONNECT, spec.CONNACK)
    asks = ConnectionFlag.SERVER_FIRST_OTHER
    bad = (
        Example(
            "3.1.1: a queued message before the CONNACK",
            (CONNECT_311, "S 30 05 00 01 61 68 69", ACCEPTED_311, *GRACEFUL_CLOSE),
        ),
        Example(
            "5.0: a queued message before the CONNACK",
            (CONNECT_5, "S 30 06 00 01 61 00 68 69", ACCEPTED_5, *GRACEFUL_CLOSE),
        ),
        Example(
            "5.0: a queued message behind AUTH",
            (
                CONNECT_5_METHOD,
                "S f0 06 18 04 15 00 01 4d",
                "S 30 06 00 01 61 00 68 69",
                "C f0 06 18 04 15 00 01 4d",
                ACCEPTED_5_METHOD,
                *GRACEFUL_CLOSE,
            ),
        ),
        Example(
            "3.1: a queued message before the CONNACK",
            (CONNECT_31, "S 30 05 00 01 61 68 69", ACCEPTED_311, *GRACEFUL_CLOSE),
        ),
    )
    good = (
        Example(
            "3.1.1: the message comes after the CONNACK",
            (CONNECT_311, ACCEPTED_311, "S 30 05 00 01 61 68 69", *GRACEFUL_CLOSE),
        ),
        Example(
            "5.0: AUTH may come first",
            (
                CONNECT_5_METHOD,
                "S f0 06 18 04 15 00 01 4d",
                "C f0 06 18 04 15 00 01 4d",
                ACCEPTED_5_METHOD,
                *GRACEFUL_CLOSE,
            ),
        ),
    )

    def check(self, connection: Connection) -> Verdict:
        """Checks the first packet of the server that is not AUTH."""
        packets = sent(connection, Side.SERVER)
        first = next((ref for ref in packets if ref.type != spec.AUTH), None)
        connect = connection.connect
        if first is None or first.type not in _TOO_EARLY or connect is None:
            return None
        incomplete = incomplete_before(connection, Side.SERVER, first.frame)
        if incomplete is not None:
            return incomplete
        name = spec.packet_name(first.type)
        wanted = "CONNACK or AUTH" if connection.version is Version.V5_0 else "CONNACK"
        which = "first packet" if first is packets[0] else "first packet besides AUTH"
        frames = (first.frame,) if connect.frame is None else (connect.frame, first.frame)
        return Failure(
            message=f"the server's {which} is {name}; it must be {wanted}",
            at=first.frame,
            frames=frames,
            evidence={"firstPacket": name},
        )
