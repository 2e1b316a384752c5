"""SEQ10: server that processes packets of a client after refusing its CONNECT."""

from __future__ import annotations

from dissector.rules.authoring import *

_SERVING = (
    spec.PUBLISH,
    spec.PUBACK,
    spec.PUBREC,
    spec.PUBCOMP,
    spec.SUBACK,
    spec.UNSUBACK,
    spec.PINGRESP,
)
_SUBSCRIBE_311 = "C 82 06 00 01 00 01 61 00"
_SUBSCRIBE_5 = "C 82 07 00 01 00 00 01 61 00"


class ServedAfterRefusal(ConnectionRule):
    """The server refuses a CONNECT but still answers other packets of that client.

    What it checks
    --------------
    A client may send packets before it has read the CONNACK. If the CONNACK refuses, the server
    must ignore them (5.0: except AUTH). Any SUBACK, UNSUBACK, PUBACK, PUBREC, PUBCOMP, PINGRESP or
    PUBLISH after the refusal shows that it did not. Packets that the client sent early are not an
    error.

    Why it matters
    --------------
    An unauthenticated client gets its messages published or its subscription granted: the refusal
    has no effect, so access control is bypassed.

    Fix on the client
    -----------------
    Sending early is legal. To avoid sending data to an unverified server, wait for the CONNACK.

    Fix on the server
    -----------------
    Discard the input buffer of a connection as soon as its CONNECT is refused, and stop reading.

    Known false alarms
    ------------------
    None. Only MQTT packets of the server count, not TCP acknowledgements.
    """

    id = "SEQ10"
    name = "served-after-refusal"
    side = Side.SERVER
    severity = Severity.ERROR
    statements = versions(v311="MQTT-3.1.4-5", v5="MQTT-3.1.4-6")
    sections = {Version.V3_1_1: "3.1.4", Version.V5_0: "3.1.4"}
    asks = ConnectionFlag.AFTER_REFUSAL
    bad = (
        Example(
            "3.1.1: refused and subscribed",
            (CONNECT_311, _SUBSCRIBE_311, REFUSED_311, "S 90 03 00 01 00", *SERVER_CLOSES),
        ),
        Example(
            "5.0: refused and subscribed",
            (CONNECT_5, _SUBSCRIBE_5, REFUSED_5, "S 90 04 00 01 00 00", *SERVER_CLOSES),
        ),
    )
    good = (
        Example(
            "the server ignores the early packet",
            (CONNECT_311, _SUBSCRIBE_311, REFUSED_311, *SERVER_CLOSES),
        ),
        Example(
            "the client publishes before it can have read the refusal",
            (CONNECT_5, REFUSED_5, "C 30 06 00 01 61 00 68 69", *SERVER_CLOSES),
        ),
    )

    def check(self, connection: Connection) -> Verdict:
        """Finds a packet that serves the client after the refusing CONNACK."""
        refusing = 0x80 if connection.version is Version.V5_0 else 1
        connack = next(iter(sent(connection, Side.SERVER, spec.CONNACK)), None)
        if connack is None or connack.code is None or connack.code < refusing:
            return None
        served = [r for r in sent(connection, Side.SERVER, *_SERVING) if r.order > connack.order]
        if not served:
            return None
        first = served[0]
        incomplete = incomplete_before(connection, Side.SERVER, first.frame, from_start=False)
        if incomplete is not None:
            return incomplete
        name = spec.packet_name(first.type)
        code = f"{spec.code_word(connection.version)} {spec.shown_code(connack.code)}"
        return Failure(
            message=f"{name} from the server {after(connack.frame, first.frame)} its refusal "
            f"({code}); it must not process what a refused client sends",
            at=first.frame,
            frames=(connack.frame, first.frame),
            evidence={"packet": name, "returnCode": connack.code, "packets": len(served)},
        )
