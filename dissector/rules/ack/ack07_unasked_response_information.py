"""ACK07: CONNACK with Response Information that the client did not request."""

from __future__ import annotations

from dissector.mqtt.packets import property_value
from dissector.rules.authoring import *
from dissector.rules.properties import find, readable


class UnaskedResponseInformation(HandshakeRule):
    """CONNACK has Response Information although the client did not request it.

    What it checks
    --------------
    Response Information may only be sent to a client whose CONNECT has Request Response Information
    1. If the property is missing, its value is 0.

    Why it matters
    --------------
    The text says to which topic responses may be sent, often a topic prefix of one client. Clients
    that did not request it have no use for it, and small ones no memory.

    Fix on the client
    -----------------
    The CONNECT is correct. To get the information, send property 0x19 with the value 1.

    Fix on the server
    -----------------
    Check the client's request before adding the property; the default is "not requested".

    Known false alarms
    ------------------
    None. Both packets are decoded completely. If the properties of CONNECT cannot be read, the rule
    is not evaluated.
    """

    id = "ACK07"
    name = "unasked-response-information"
    side = Side.SERVER
    severity = Severity.ERROR
    statements = versions(v5="MQTT-3.1.2-28")
    sections = {Version.V5_0: "3.1.2.11.6"}
    asks = ConnectionFlag.RESPONSE_INFORMATION
    bad = (
        Example(
            "nothing was requested", (CONNECT_5, "S 20 07 00 00 04 1a 00 01 72", *CLIENT_CLOSES)
        ),
        Example(
            "the client sent 0",
            (
                "C 10 10 00 04 4d 51 54 54 05 02 00 3c 02 19 00 00 01 61",
                "S 20 07 00 00 04 1a 00 01 72",
                *CLIENT_CLOSES,
            ),
        ),
    )
    good = (
        Example(
            "the client sent 1",
            (
                "C 10 10 00 04 4d 51 54 54 05 02 00 3c 02 19 01 00 01 61",
                "S 20 07 00 00 04 1a 00 01 72",
                *GRACEFUL_CLOSE,
            ),
        ),
        Example(
            "requested, but not sent",
            (
                "C 10 10 00 04 4d 51 54 54 05 02 00 3c 02 19 01 00 01 61",
                ACCEPTED_5,
                *GRACEFUL_CLOSE,
            ),
        ),
    )

    def check(self, connection: Connection) -> Verdict:
        """Checks whether the CONNECT requests the property."""
        connect, connack = connection.connect, connection.connack
        if connack is None or connack.frame is None:
            return None
        given = find(connack.properties, "responseInformation")
        if given is None:
            return None
        if connect is None or connect.frame is None:
            return Unevaluated("the CONNECT was not seen")
        asked = property_value(connect.properties, "requestResponseInformation")
        if asked:
            return None
        if not readable(connect):
            return Unevaluated("the properties of CONNECT could not be read completely")
        return Failure(
            message="CONNACK has responseInformation; the CONNECT did not request it",
            at=connack.frame,
            frames=(connect.frame, connack.frame),
            evidence={"requestResponseInformation": asked, "responseInformation": given.value},
            packet=connack,
            span=(given.offset, 1),
        )
