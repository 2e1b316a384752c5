"""SEQ04: second CONNACK of the server on one connection."""

from __future__ import annotations

from dissector.rules.authoring import *


class SecondConnack(ConnectionRule):
    """The server sends more than one CONNACK on a connection.

    What it checks
    --------------
    5.0 allows one CONNACK per network connection. 3.1.1 does not state this explicitly, but CONNACK
    answers CONNECT, of which there is one, so the finding is a warning there. The rule reports the
    first repetition, also in answer to a repeated CONNECT (SEQ02 reports the client).

    Why it matters
    --------------
    The packet fits no state of a connected client: most libraries close at once, others reset their
    packet identifiers and limits and then lose acknowledgements.

    Fix on the client
    -----------------
    Treat it as a protocol error and close, in 5.0 after DISCONNECT with 0x82.

    Fix on the server
    -----------------
    Look for two places that answer, typically the authentication plugin and the session layer, or a
    retry timer. Limits cannot be changed after the handshake in MQTT.

    Known false alarms
    ------------------
    None known. TCP retransmissions are removed before this check; after missing bytes of the server
    the rule is not evaluated.
    """

    id = "SEQ04"
    name = "second-connack"
    side = Side.SERVER
    severity = {Version.V5_0: Severity.ERROR, Version.V3_1_1: Severity.WARNING}
    statements = versions(v311=(), v5="MQTT-3.2.0-2")
    sections = {Version.V3_1_1: "3.2", Version.V5_0: "3.2"}
    asks = ConnectionFlag.EXTRA_CONNACK
    bad = (
        Example("5.0: accepted twice", (CONNECT_5, ACCEPTED_5, ACCEPTED_5, *GRACEFUL_CLOSE)),
        Example(
            "3.1.1: accepted twice", (CONNECT_311, ACCEPTED_311, ACCEPTED_311, *GRACEFUL_CLOSE)
        ),
    )
    good = (
        Example("5.0: accepted once", (CONNECT_5, ACCEPTED_5, *GRACEFUL_CLOSE)),
        Example("3.1: not forbidden", (CONNECT_31, ACCEPTED_311, ACCEPTED_311, *GRACEFUL_CLOSE)),
    )

    def check(self, connection: Connection) -> Verdict:
        """Finds the second CONNACK of the server."""
        connacks = sent(connection, Side.SERVER, spec.CONNACK)
        if len(connacks) < 2:
            return None
        first, second = connacks[0].frame, connacks[1].frame
        incomplete = incomplete_before(connection, Side.SERVER, second, from_start=False)
        if incomplete is not None:
            return incomplete
        numbered = connection.version is Version.V5_0
        return Failure(
            message=f"second CONNACK on this connection, {after(first, second)} the first; "
            + ("only one is allowed" if numbered else "CONNECT is answered once"),
            at=second,
            frames=(first, second),
            evidence={"connacks": len(connacks), "codes": [ref.code for ref in connacks[:8]]},
            obligation=None if numbered else Obligation.ADVICE,
        )
