"""SEQ01: connection on which the client's first packet is not CONNECT."""

from __future__ import annotations

from dissector.rules.authoring import *

_STATEMENT = "MQTT-3.1.0-1"


class FirstPacketNotConnect(ConnectionRule):
    """The first packet of the client on a connection is not CONNECT.

    What it checks
    --------------
    The first control packet that a client sends after the TCP handshake must be a CONNECT. The rule
    reports the packet that came instead. The version is unknown then, since only CONNECT contains
    it; 3.1.1 and 5.0 have the same statement with the same number.

    Why it matters
    --------------
    Without CONNECT the server knows no client id, version or credentials, so it closes the
    connection. The device loses what it published, usually after each reconnect, and often
    unnoticed because QoS 0 is not acknowledged.

    Fix on the client
    -----------------
    Tie the send queue to the MQTT state instead of the TCP state: after every new TCP connection
    send CONNECT, then the queued packets. A typical cause is a socket that was reopened while the
    library still considers itself connected.

    Fix on the server
    -----------------
    Close the connection at once, and log the address, since there is no client id.

    Known false alarms
    ------------------
    None known. The rule needs the SYN and every byte before the packet, so a capture that starts in
    mid-stream is not judged. Other bytes before the CONNECT, such as a PROXY header, are not MQTT
    packets and are removed before this check.
    """

    id = "SEQ01"
    name = "first-packet-not-connect"
    side = Side.CLIENT
    severity = Severity.ERROR
    statements = versions(v31=(), v311=_STATEMENT, v5=_STATEMENT)
    sections = {Version.V3_1: "3.1", Version.V3_1_1: "3.1", Version.V5_0: "3.1"}
    version_may_be_unknown = True
    about = (spec.CONNECT, spec.CONNACK)
    asks = ConnectionFlag.CLIENT_FIRST_OTHER
    bad = (
        Example("a PUBLISH instead of CONNECT", ("C 30 05 00 01 61 68 69", *SERVER_CLOSES)),
        Example(
            "a SUBSCRIBE instead of CONNECT", ("C 82 06 00 01 00 01 61 00", "S RST"), port=1883
        ),
    )
    good = (
        Example("CONNECT comes first", (CONNECT_311, ACCEPTED_311, *GRACEFUL_CLOSE)),
        Example(
            "a PUBLISH right after CONNECT is legal",
            (CONNECT_311, "C 30 05 00 01 61 68 69", ACCEPTED_311, *GRACEFUL_CLOSE),
        ),
    )

    def check(self, connection: Connection) -> Verdict:
        """Checks the first packet of the client."""
        first = next(iter(sent(connection, Side.CLIENT)), None)
        if first is None or first.type == spec.CONNECT:
            return None
        if connection.quality.foreign:
            return Unevaluated("the server sends something other than MQTT")
        incomplete = incomplete_before(connection, Side.CLIENT, first.frame)
        if incomplete is not None:
            return incomplete
        name = spec.packet_name(first.type)
        return Failure(
            message=f"the client's first packet is {name}; it must be CONNECT",
            at=first.frame,
            frames=(first.frame,),
            evidence={"firstPacket": name},
            statements=(_STATEMENT,) if connection.version is None else None,
        )
