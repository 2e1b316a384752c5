"""ACK10: CONNACK whose Authentication Method differs from that of CONNECT."""

from __future__ import annotations

from dissector.mqtt.packets import property_value
from dissector.rules.authoring import *
from dissector.rules.properties import find, readable

_CHANGED = ("MQTT-4.12.0-5",)
_INVENTED = ("MQTT-4.12.0-6",)


class WrongMethodInConnack(HandshakeRule):
    """CONNACK adds, omits or changes the Authentication Method of CONNECT.

    What it checks
    --------------
    If CONNECT has an Authentication Method, an accepting CONNACK must repeat it byte for byte; a
    refusal need not. If CONNECT has none, CONNACK must have none. The rule covers CONNACK only:
    AUTH packets without a method in CONNECT are reported by AUT02, AUTH packets whose method is
    missing or different by AUT04. If an AUTH packet before the CONNACK has such an error, this rule
    reports nothing.

    Why it matters
    --------------
    The method defines how the authentication data is to be read. A client that receives another
    method, or none, cannot know whether the server has authenticated itself.

    Fix on the client
    -----------------
    Compare the method of CONNACK with your own, and close with 0x82 if it differs.

    Fix on the server
    -----------------
    Copy the method from the CONNECT into every AUTH packet and into a CONNACK with code 0. A server
    without enhanced authentication must refuse with 0x8C instead of accepting and ignoring the
    method.

    Known false alarms
    ------------------
    None. Both packets are decoded completely. If their properties cannot be read, the rule is not
    evaluated.
    """

    id = "ACK10"
    name = "wrong-method-in-connack"
    side = Side.SERVER
    severity = Severity.ERROR
    statements = versions(v5=("MQTT-4.12.0-5", "MQTT-4.12.0-6"))
    sections = {Version.V5_0: "4.12"}
    asks = ConnectionFlag.AUTH
    bad = (
        Example(
            "a method that CONNECT does not have", (CONNECT_5, ACCEPTED_5_METHOD, *CLIENT_CLOSES)
        ),
        Example("the method is not repeated", (CONNECT_5_METHOD, ACCEPTED_5, *CLIENT_CLOSES)),
        Example(
            "another method", (CONNECT_5_METHOD, "S 20 07 00 00 04 15 00 01 4e", *CLIENT_CLOSES)
        ),
        Example(
            "not repeated, after a correct AUTH exchange",
            (
                CONNECT_5_METHOD,
                "S f0 06 18 04 15 00 01 4d",
                "C f0 06 18 04 15 00 01 4d",
                ACCEPTED_5,
                *CLIENT_CLOSES,
            ),
        ),
    )
    good = (
        Example("the same method", (CONNECT_5_METHOD, ACCEPTED_5_METHOD, *GRACEFUL_CLOSE)),
        Example("no method on either side", (CONNECT_5, ACCEPTED_5, *GRACEFUL_CLOSE)),
        Example(
            "a refusal need not repeat it", (CONNECT_5_METHOD, "S 20 03 00 8c 00", *SERVER_CLOSES)
        ),
    )

    def check(self, connection: Connection) -> Verdict:
        """Compares the two methods, unless AUT02 or AUT04 applies."""
        connect, connack = connection.connect, connection.connack
        if connack is None or connack.frame is None:
            return None
        given = find(connack.properties, "authenticationMethod")
        if connect is None or connect.frame is None:
            return None if given is None else Unevaluated("the CONNECT was not seen")
        wanted = connection.method()
        if wanted is None and given is None:
            return None
        for auth in connection.auths:
            if wanted is None or property_value(auth.properties, "authenticationMethod") != wanted:
                return None  # AUT02, AUT04
        if wanted is None:
            message, cited = "CONNACK has an Authentication Method; CONNECT has none", _INVENTED
            unread = not readable(connect)
        elif connack.return_code != 0 or (given is not None and given.value == wanted):
            return None
        elif given is None:
            message, cited = "the Authentication Method of CONNECT is missing in CONNACK", _CHANGED
            unread = not readable(connack)
        else:
            message, cited = "CONNACK has a different Authentication Method than CONNECT", _CHANGED
            unread = False
        if unread:
            return Unevaluated("the properties of the handshake could not be read completely")
        return Failure(
            message=message,
            at=connack.frame,
            frames=(connect.frame, connack.frame),
            evidence={"wanted": wanted, "given": None if given is None else given.value},
            statements=cited,
            packet=connack,
            span=None if given is None else (given.offset, 1),
        )
