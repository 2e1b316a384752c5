"""ACK06: CONNACK larger than the client's Maximum Packet Size because of optional properties."""

from __future__ import annotations

from dissector.mqtt.packets import property_value
from dissector.rules.authoring import *

_CITED = {"reasonString": "MQTT-3.2.2-19", "userProperty": "MQTT-3.2.2-20"}


class ConnackTooLargeForClient(HandshakeRule):
    """CONNACK exceeds the client's Maximum Packet Size because of optional properties.

    What it checks
    --------------
    The client sent a Maximum Packet Size in CONNECT. The server must omit Reason String and User
    Property where they would make the CONNACK larger than that. The size is that of the whole
    packet with its fixed header. A CONNACK that is too large without them is reported by SEQ21.

    Why it matters
    --------------
    Small devices announce the size of their receive buffer. They discard a CONNACK that does not
    fit, and with it the reason for the refusal that the text was meant to explain.

    Fix on the client
    -----------------
    Announce the true size of the buffer. If a larger packet comes, close with 0x95; do not write
    beyond the buffer.

    Fix on the server
    -----------------
    Build the CONNACK, compare its size with the client's limit, and remove first the User
    Properties, then the Reason String.

    Known false alarms
    ------------------
    None. Both numbers are in the packets. Without the CONNECT the rule is not evaluated.
    """

    id = "ACK06"
    name = "connack-too-large-for-client"
    side = Side.SERVER
    severity = Severity.ERROR
    statements = versions(v5=("MQTT-3.2.2-19", "MQTT-3.2.2-20"))
    sections = {Version.V5_0: "3.2.2.3"}
    asks = ConnectionFlag.CONNACK_EXTRAS
    bad = (
        Example(
            "a Reason String beyond the limit",
            (
                "C 10 13 00 04 4d 51 54 54 05 02 00 3c 05 27 00 00 00 10 00 01 61",
                "S 20 10 00 87 0d 1f 00 0a 30 31 32 33 34 35 36 37 38 39",
                *SERVER_CLOSES,
            ),
        ),
        Example(
            "a User Property beyond the limit",
            (
                "C 10 13 00 04 4d 51 54 54 05 02 00 3c 05 27 00 00 00 0b 00 01 61",
                "S 20 0a 00 87 07 26 00 01 6b 00 01 76",
                *SERVER_CLOSES,
            ),
        ),
    )
    good = (
        Example(
            "a Reason String that just fits",
            (
                "C 10 13 00 04 4d 51 54 54 05 02 00 3c 05 27 00 00 00 10 00 01 61",
                "S 20 0e 00 87 0b 1f 00 08 30 31 32 33 34 35 36 37",
                *SERVER_CLOSES,
            ),
        ),
        Example(
            "no limit",
            (CONNECT_5, "S 20 10 00 87 0d 1f 00 0a 30 31 32 33 34 35 36 37 38 39", *SERVER_CLOSES),
        ),
    )

    def check(self, connection: Connection) -> Verdict:
        """Compares the size with the limit; cites the statement of each optional property found."""
        connect, connack = connection.connect, connection.connack
        if connack is None or connack.frame is None:
            return None
        names = {item.name for item in connack.properties}
        cited = tuple(_CITED[name] for name in _CITED if name in names)
        if not cited:
            return None
        if connect is None or connect.frame is None:
            return Unevaluated("the CONNECT was not seen")
        limit = property_value(connect.properties, "maximumPacketSize")
        if not limit or connack.size <= limit:
            return None
        extras = " and ".join(name for name in _CITED if name in names)
        return Failure(
            message=f"CONNACK has {connack.size} bytes, with {extras}; the client accepts {limit}",
            at=connack.frame,
            frames=(connect.frame, connack.frame),
            evidence={"size": connack.size, "maximumPacketSize": limit},
            statements=cited,
            packet=connack,
            span=(1, 1),
        )
