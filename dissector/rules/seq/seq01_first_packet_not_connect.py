"""SEQ01: a connection that begins with something else than CONNECT."""

from __future__ import annotations

from dissector.connections.connection import Connection, ConnectionFlag
from dissector.model import Severity, Side, Version
from dissector.mqtt import spec
from dissector.rules.base import ConnectionRule, Example, Failure, Unevaluated, Verdict, versions
from dissector.rules.examples import ACCEPTED_311, CONNECT_311, GOODBYE, SERVER_CLOSES
from dissector.rules.gating import sent, unseen_before

_STATEMENT = "MQTT-3.1.0-1"


class FirstPacketNotConnect(ConnectionRule):
    """The client begins a connection with another packet than CONNECT.

    What it checks
    --------------
    The first control packet that a client sends after the TCP handshake must be a CONNECT. The
    rule names the packet that came instead. The version is unknown then, since only CONNECT tells
    it; 3.1.1 and 5.0 have the same statement under the same number.

    Why it matters
    --------------
    Without CONNECT the server knows no client id, no version and no credentials, so it drops the
    connection. A device that does this loses what it published, usually after each reconnect, and
    often without noticing because QoS 0 gets no answer.

    Fix on the client
    -----------------
    Bind the send queue to the MQTT state and not to the TCP state: after every new TCP connection
    send CONNECT, then release what was queued. A typical cause is a socket that was reopened
    underneath a library that still believes itself connected.

    Fix on the server
    -----------------
    Close the connection at once, and log the address: there is no client id to log.

    Known false alarms
    ------------------
    None known. Needs the SYN and every byte before the packet, so that a capture that
    starts in mid-stream is not judged. Other bytes ahead of the CONNECT, such as a PROXY header,
    are no MQTT and do not get here.
    """

    id = "SEQ01"
    name = "first-packet-not-connect"
    side = Side.CLIENT
    severity = Severity.ERROR
    statements = versions(v31=(), v311=_STATEMENT, v5=_STATEMENT)
    sections = {Version.V3_1: "3.1", Version.V3_1_1: "3.1", Version.V5_0: "3.1"}
    version_may_be_unknown = True
    asks = ConnectionFlag.CLIENT_FIRST_OTHER
    bad = (
        Example("a PUBLISH instead of CONNECT", ("C 30 05 00 01 61 68 69", *SERVER_CLOSES)),
        Example(
            "a SUBSCRIBE instead of CONNECT", ("C 82 06 00 01 00 01 61 00", "S RST"), port=1883
        ),
    )
    good = (
        Example("CONNECT comes first", (CONNECT_311, ACCEPTED_311, *GOODBYE)),
        Example(
            "a PUBLISH right behind CONNECT is legal",
            (CONNECT_311, "C 30 05 00 01 61 68 69", ACCEPTED_311, *GOODBYE),
        ),
    )

    def check(self, connection: Connection) -> Verdict:
        """Look at the first packet of the client."""
        first = next(iter(sent(connection, Side.CLIENT)), None)
        if first is None or first.type == spec.CONNECT:
            return None
        if connection.quality.foreign:
            return Unevaluated("the server sends something other than MQTT")
        unseen = unseen_before(connection, Side.CLIENT, first.frame)
        if unseen is not None:
            return unseen
        name = spec.packet_name(first.type)
        return Failure(
            message=f"the client's first packet is {name}; it must be CONNECT",
            at=first.frame,
            frames=(first.frame,),
            evidence={"firstPacket": name},
            statements=(_STATEMENT,) if connection.version is None else None,
        )
