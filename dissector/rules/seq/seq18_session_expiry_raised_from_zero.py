"""SEQ18: DISCONNECT that raises a Session Expiry Interval of 0."""

from __future__ import annotations

from dissector.mqtt.packets import property_value
from dissector.rules.authoring import *
from dissector.rules.properties import find, readable


class SessionExpiryRaisedFromZero(ConnectionRule):
    """DISCONNECT has a Session Expiry Interval although that of CONNECT is 0.

    What it checks
    --------------
    A client may change its Session Expiry Interval with DISCONNECT, but not from 0 to another
    value: with 0, or without the property in CONNECT, the session ends with the connection.

    Why it matters
    --------------
    The server treats the DISCONNECT as a Protocol Error: the session is deleted, the will may be
    published, and messages for the device are not stored although it relies on that.

    Fix on the client
    -----------------
    Send the interval in CONNECT, with at least 1 second, and change it in DISCONNECT if necessary.

    Fix on the server
    -----------------
    Answer with DISCONNECT 0x82, close, and end the session.

    Known false alarms
    ------------------
    None. Both packets are the proof. Without the CONNECT the rule is not evaluated.
    """

    id = "SEQ18"
    name = "session-expiry-raised-from-zero"
    side = Side.CLIENT
    severity = Severity.ERROR
    statements = versions(v5=())
    sections = {Version.V5_0: "3.14.2.2.2"}
    asks = ConnectionFlag.DISCONNECT_PROPERTIES
    bad = (
        Example(
            "absent in CONNECT, 60 in DISCONNECT",
            (CONNECT_5, ACCEPTED_5, "C e0 07 00 05 11 00 00 00 3c", *SERVER_CLOSES),
        ),
        Example(
            "0 in CONNECT, 1 in DISCONNECT",
            (
                "C 10 13 00 04 4d 51 54 54 05 02 00 3c 05 11 00 00 00 00 00 01 61",
                ACCEPTED_5,
                "C e0 07 00 05 11 00 00 00 01",
                *SERVER_CLOSES,
            ),
        ),
    )
    good = (
        Example(
            "1 in CONNECT, 60 in DISCONNECT",
            (
                "C 10 13 00 04 4d 51 54 54 05 02 00 3c 05 11 00 00 00 01 00 01 61",
                ACCEPTED_5,
                "C e0 07 00 05 11 00 00 00 3c",
                *CLIENT_CLOSES,
            ),
        ),
        Example(
            "absent in CONNECT, 0 in DISCONNECT",
            (CONNECT_5, ACCEPTED_5, "C e0 07 00 05 11 00 00 00 00", *CLIENT_CLOSES),
        ),
        Example("3.1.1 has no such property", (CONNECT_311, ACCEPTED_311, *GRACEFUL_CLOSE)),
    )

    def check(self, connection: Connection) -> Verdict:
        """Compares the interval of the client's DISCONNECT with that of its CONNECT."""
        for packet in connection.disconnects:
            wanted = find(packet.properties, "sessionExpiryInterval")
            if packet.side is not Side.CLIENT or packet.frame is None:
                continue
            if wanted is None or not wanted.value:
                continue
            connect = connection.connect
            if connect is None or connect.frame is None:
                return Unevaluated("the CONNECT was not seen")
            if property_value(connect.properties, "sessionExpiryInterval"):
                return None
            if not readable(connect):
                return Unevaluated("the properties of CONNECT could not be read completely")
            return Failure(
                message=f"sessionExpiryInterval is {wanted.value} in DISCONNECT but 0 in CONNECT",
                at=packet.frame,
                frames=(connect.frame, packet.frame),
                evidence={"connect": 0, "disconnect": wanted.value},
                packet=packet,
                span=(wanted.offset, 5),
            )
        return None
