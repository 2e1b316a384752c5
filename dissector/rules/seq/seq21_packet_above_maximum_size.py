"""SEQ21: packet that is larger than its receiver's Maximum Packet Size."""

from __future__ import annotations

from dissector.mqtt.packets import property_value
from dissector.rules.authoring import *
from dissector.rules.properties import find

_CITED = {Side.SERVER: "MQTT-3.1.2-24", Side.CLIENT: "MQTT-3.2.2-15"}
# properties that the sender must omit where they make the packet too large, with the statements for
# DISCONNECT; ACK06 and AUT07 report CONNACK and AUTH with one of them
_OPTIONAL = {"reasonString": "MQTT-3.14.2-3", "userProperty": "MQTT-3.14.2-4"}


class PacketAboveMaximumSize(ConnectionRule):
    """A packet is larger than the Maximum Packet Size that its receiver announced.

    What it checks
    --------------
    The client's Maximum Packet Size in CONNECT limits what the server sends, the server's in
    CONNACK what the client sends: CONNACK, AUTH and DISCONNECT are judged by this version, whole
    packets with their fixed header. A CONNACK or AUTH with a Reason String or User Property, which
    must be omitted then, is reported by ACK06 or AUT07 instead. A client's DISCONNECT is judged
    only if its TCP had acknowledged the CONNACK, so that the client could know the limit.

    Why it matters
    --------------
    The limit is usually the size of the receive buffer. The receiver must treat the packet as a
    Protocol Error and close, so a device that is sent too large a CONNACK can never connect.

    Fix on the client
    -----------------
    Compare the size of each packet with the limit from CONNACK, and leave out Reason String and
    User Properties of DISCONNECT where they do not fit. As receiver, close with 0x95 (Packet too
    large).

    Fix on the server
    -----------------
    Compare the size of each packet with the limit from CONNECT. Long Assigned Client Identifiers,
    Response Information and Authentication Data are the usual causes.

    Known false alarms
    ------------------
    None. Both numbers are in the packets.
    """

    id = "SEQ21"
    name = "packet-above-maximum-size"
    side = Side.SERVER
    either = True
    severity = Severity.ERROR
    statements = versions(v5=(*_CITED.values(), *_OPTIONAL.values()))
    sections = {Version.V5_0: "3.1.2.11.4"}
    asks = ConnectionFlag.SIZE_LIMIT
    bad = (
        Example(
            "CONNACK",
            (
                "C 10 12 00 04 4d 51 54 54 05 02 00 3c 05 27 00 00 00 0a 00 00",
                "S 20 0b 00 00 08 12 00 05 61 62 63 64 65",
                *CLIENT_CLOSES,
            ),
        ),
        Example(
            "the server's AUTH",
            (
                "C 10 17 00 04 4d 51 54 54 05 02 00 3c 09 27 00 00 00 0a 15 00 01 4d 00 01 61",
                "S f0 0a 18 08 15 00 01 4d 16 00 01 78",
                *CLIENT_CLOSES,
            ),
        ),
        Example(
            "the server's DISCONNECT with a Reason String",
            (
                "C 10 13 00 04 4d 51 54 54 05 02 00 3c 05 27 00 00 00 0a 00 01 61",
                ACCEPTED_5,
                "S e0 09 8b 07 1f 00 04 64 6f 77 6e",
                *SERVER_CLOSES,
            ),
        ),
        Example(
            "the client's DISCONNECT with a User Property",
            (
                CONNECT_5,
                "S 20 08 00 00 05 27 00 00 00 0a",
                "C e0 09 00 07 26 00 01 6b 00 01 76",
                *CLIENT_CLOSES,
            ),
        ),
        Example(
            "the client's AUTH",
            (
                CONNECT_5_METHOD,
                "S 20 0c 00 00 09 15 00 01 4d 27 00 00 00 0a",
                "C f0 0a 19 08 15 00 01 4d 16 00 01 78",
                *SERVER_CLOSES,
            ),
        ),
    )
    good = (
        Example(
            "just as large as allowed",
            (
                "C 10 12 00 04 4d 51 54 54 05 02 00 3c 05 27 00 00 00 0a 00 00",
                "S 20 08 00 00 05 12 00 02 61 62",
                *GRACEFUL_CLOSE,
            ),
        ),
        Example(
            "no limit",
            (
                "C 10 0d 00 04 4d 51 54 54 05 02 00 3c 00 00 00",
                "S 20 0b 00 00 08 12 00 05 61 62 63 64 65",
                *GRACEFUL_CLOSE,
            ),
        ),
        Example(
            "the CONNECT, which comes before the limit",
            (CONNECT_5, "S 20 08 00 00 05 27 00 00 00 0a", *GRACEFUL_CLOSE),
        ),
    )

    def check(self, connection: Connection) -> Verdict:
        """Compares CONNACK, AUTH and DISCONNECT with the limits of their receivers."""
        connect, connack = connection.connect, connection.connack
        limits: dict[Side, tuple[Connack | None, int]] = {}
        if connect is not None:
            limit = property_value(connect.properties, "maximumPacketSize")
            limits[Side.SERVER] = (None, limit if isinstance(limit, int) else 0)
        if connack is not None:
            limit = property_value(connack.properties, "maximumPacketSize")
            limits[Side.CLIENT] = (connack, limit if isinstance(limit, int) else 0)
        found: list[Failure] = []
        reason: Unevaluated | None = None
        for packet in (connack, *connection.auths, *connection.disconnects):
            if packet is None or packet.frame is None:
                continue
            side = Side.SERVER if isinstance(packet, Connack) else packet.side
            if side is None or not limits.get(side, (None, 0))[1]:
                continue
            announced, limit = limits[side]
            if packet.size <= limit or (
                announced is not None and not _knew(connection, packet, announced)
            ):
                continue
            incomplete = incomplete_before(connection, side, packet.frame, from_start=False)
            if incomplete is not None:
                reason = reason or incomplete
            else:
                found += _failures(packet, side, limit)
        return found or reason


def _knew(connection: Connection, packet: Connack | Auth | Disconnect, announced: Connack) -> bool:
    """Whether a client knew the limit of its server when it sent a packet."""
    if packet.frame is None or announced.frame is None:
        return False
    if packet.frame.time_ns <= announced.frame.time_ns:
        return False
    return isinstance(packet, Auth) or (
        packet is _first_of_client(connection) and connection.connack_read
    )


def _first_of_client(connection: Connection) -> Disconnect | None:
    return next((item for item in connection.disconnects if item.side is Side.CLIENT), None)


def _failures(packet: Connack | Auth | Disconnect, side: Side, limit: int) -> list[Failure]:
    """Returns the failure of a packet, none if another rule reports it."""
    optional = [name for name in _OPTIONAL if find(packet.properties, name) is not None]
    if optional and not isinstance(packet, Disconnect):
        return []  # ACK06, AUT07
    assert packet.frame is not None
    extras = f", with {' and '.join(optional)}" if optional else ""
    return [
        Failure(
            message=f"{spec.packet_name(packet.type)} has {packet.size} bytes{extras}; "
            f"the {side.other.value} accepts {limit}",
            at=packet.frame,
            frames=(packet.frame,),
            evidence={"size": packet.size, "maximumPacketSize": limit},
            side=side,
            statements=(_CITED[side], *(_OPTIONAL[name] for name in optional)),
            section="3.2.2.3.6" if side is Side.CLIENT else None,
            packet=packet,
            span=(1, 1),
        )
    ]
