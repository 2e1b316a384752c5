"""AUT01: client packet other than AUTH or DISCONNECT before enhanced authentication has ended."""

from __future__ import annotations

from dissector.rules.authoring import *

_PUBLISH = "C 30 06 00 01 61 00 68 69"
_ALLOWED = (spec.CONNECT, spec.AUTH, spec.DISCONNECT)


class PacketBeforeAuthenticated(ConnectionRule):
    """A client that announced an Authentication Method sends other packets before its CONNACK.

    What it checks
    --------------
    A client whose 5.0 CONNECT has an Authentication Method may send only AUTH and DISCONNECT until
    it has received CONNACK. The rule reports the first other packet. Without a method, packets
    before the CONNACK are legal; a second CONNECT is reported by SEQ02.

    Why it matters
    --------------
    During the exchange the server does not know the client's identity yet. It must treat the packet
    as a Protocol Error, and the device loses the connection.

    Fix on the client
    -----------------
    Hold back the send queue until CONNACK with 0x00. In libraries that pipeline packets, switch
    that option off when a method is used.

    Fix on the server
    -----------------
    Close with 0x82; do not queue such packets until the authentication has ended.

    Known false alarms
    ------------------
    None known. The rule needs all bytes of both sides before the packet. A frame that was recorded
    too early could mislead it; recordings of one interface keep the order.
    """

    id = "AUT01"
    name = "packet-before-authenticated"
    side = Side.CLIENT
    severity = Severity.ERROR
    statements = versions(v5="MQTT-3.1.2-30")
    sections = {Version.V5_0: "3.1.2.11.9"}
    about = (spec.CONNECT, spec.CONNACK)
    asks = ConnectionFlag.BEFORE_CONNACK
    bad = (
        Example(
            "a PUBLISH before the CONNACK",
            (CONNECT_5_METHOD, _PUBLISH, ACCEPTED_5_METHOD, *GRACEFUL_CLOSE),
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
                *GRACEFUL_CLOSE,
            ),
        ),
        Example(
            "no method: early packets are legal", (CONNECT_5, _PUBLISH, ACCEPTED_5, *GRACEFUL_CLOSE)
        ),
    )

    def check(self, connection: Connection) -> Verdict:
        """Finds a packet of the client between CONNECT and CONNACK."""
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
        incomplete = incomplete_before(connection, Side.CLIENT, ref.frame, across=True)
        if incomplete is not None:
            return incomplete
        name = spec.packet_name(ref.type)
        return Failure(
            message=f"{name} before the CONNACK, although CONNECT announced an Authentication "
            "Method; until then only AUTH and DISCONNECT are allowed",
            at=ref.frame,
            frames=(connect.frame, ref.frame),
            evidence={"packet": name},
        )
