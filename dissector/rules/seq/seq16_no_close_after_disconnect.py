"""SEQ16: connection left open by the sender of DISCONNECT."""

from __future__ import annotations

from dissector.rules.authoring import *


class NoCloseAfterDisconnect(ConnectionRule):
    """The sender of DISCONNECT does not close the connection.

    What it checks
    --------------
    The sender of DISCONNECT must close the network connection: the client in 3.1.1, either side in
    5.0. The rule reports a connection that neither side has closed in time; if the other side
    closes first, nothing is wrong. The standard names no time. A failed re-authentication is
    reported by AUT05.

    Why it matters
    --------------
    DISCONNECT ends MQTT only. The TCP connection still occupies a socket on both sides, and a
    server that waits for the client's FIN holds it until the keep alive expires or longer.

    Fix on the client
    -----------------
    Call close() on the socket, or shutdown() and then close(), once DISCONNECT is flushed. On small
    stacks look for a modem command that ends MQTT but leaves the socket open.

    Fix on the server
    -----------------
    5.0: close after your own DISCONNECT. In all versions close after the client's DISCONNECT
    without waiting for its FIN.

    Known false alarms
    ------------------
    A FIN that the capture point cannot see.
    """

    id = "SEQ16"
    name = "no-close-after-disconnect"
    side = Side.CLIENT
    either = True
    severity = Severity.WARNING
    confidence = Confidence.LIKELY
    statements = versions(v311="MQTT-3.14.4-1", v5=("MQTT-3.14.4-2", "MQTT-4.13.2-1"))
    sections = {Version.V3_1_1: "3.14.4", Version.V5_0: "3.14.4"}
    deadlines = ("close-seconds",)
    asks = ConnectionFlag.OPEN_AFTER_DISCONNECT
    bad = (
        Example("3.1.1: never closed", (CONNECT_311, ACCEPTED_311, DISCONNECT, "+6")),
        Example("5.0: never closed by the server", (CONNECT_5, ACCEPTED_5, "S e0 02 8b 00", "+6")),
        Example(
            "3.1.1: closed too late", (CONNECT_311, ACCEPTED_311, DISCONNECT, "+9", *SERVER_CLOSES)
        ),
    )
    good = (
        Example("3.1.1: the client closes", (CONNECT_311, ACCEPTED_311, *GRACEFUL_CLOSE)),
        Example(
            "3.1.1: the server closes first",
            (CONNECT_311, ACCEPTED_311, DISCONNECT, "+2", *SERVER_CLOSES),
        ),
        Example("5.0: reset", (CONNECT_5, ACCEPTED_5, "S e0 02 8b 00", "S RST")),
        Example("the capture ends too early", (CONNECT_311, ACCEPTED_311, DISCONNECT, "+3")),
        Example("3.1: not required", (CONNECT_31, ACCEPTED_311, DISCONNECT, "+6")),
    )

    def check(self, connection: Connection) -> Verdict:
        """Requires a close after the first DISCONNECT."""
        both = connection.version is Version.V5_0
        sides = (Side.CLIENT, Side.SERVER) if both else (Side.CLIENT,)
        disconnects = [ref for side in sides for ref in sent(connection, side, spec.DISCONNECT)]
        if not disconnects or any(finding.rule == "AUT05" for finding in connection.findings):
            return None
        first = min(disconnects, key=lambda ref: ref.order)
        cited = ["MQTT-3.14.4-2" if both else "MQTT-3.14.4-1"]
        if both and (first.code or 0) >= 0x80:
            cited.append("MQTT-4.13.2-1")
        return missing_close(
            connection,
            f"the {first.side.value} has sent DISCONNECT",
            first.frame,
            "it must close the connection",
            side=first.side,
            statements=tuple(cited),
        )
