"""SEQ02: second CONNECT of the client on one connection."""

from __future__ import annotations

from dissector.rules.authoring import *


class SecondConnect(ConnectionRule):
    """The client sends CONNECT again on a connection on which it has already sent one.

    What it checks
    --------------
    A client may send CONNECT once per network connection. The rule reports the first repetition,
    once per connection, whatever the answer to the first CONNECT was. A server that does not close
    after it is reported by SEQ17. MQTT 3.1 does not forbid it.

    Why it matters
    --------------
    The server must close the connection, and since there was no DISCONNECT, publishes the will. A
    client that sends CONNECT on the same socket to log in again loses its connection each time.

    Fix on the client
    -----------------
    To log in again, send DISCONNECT, close the socket, open a new one, and then send CONNECT. If a
    timer repeats CONNECT while the client waits for CONNACK, remove it: TCP retransmits lost bytes.

    Fix on the server
    -----------------
    Treat a second CONNECT as a protocol violation (5.0: reason code 0x82) and close; the standard
    requires it.

    Known false alarms
    ------------------
    None known. TCP retransmissions are removed before this check, a reused port counts as a new
    connection, and after missing bytes the rule is not evaluated.
    """

    id = "SEQ02"
    name = "second-connect"
    side = Side.CLIENT
    severity = Severity.ERROR
    statements = both("MQTT-3.1.0-2")
    sections = {Version.V3_1_1: "3.1", Version.V5_0: "3.1"}
    asks = ConnectionFlag.EXTRA_CONNECT
    bad = (
        Example(
            "3.1.1: CONNECT again, the server closes",
            (CONNECT_311, ACCEPTED_311, CONNECT_311, *SERVER_CLOSES),
        ),
        Example("5.0: CONNECT again before the CONNACK", (CONNECT_5, CONNECT_5, "S FIN", "C FIN")),
    )
    good = (
        Example("5.0: one CONNECT", (CONNECT_5, ACCEPTED_5, *GRACEFUL_CLOSE)),
        Example(
            "3.1: not forbidden",
            (CONNECT_31, ACCEPTED_311, CONNECT_31, *SERVER_CLOSES),
        ),
    )

    def check(self, connection: Connection) -> Verdict:
        """Finds the second CONNECT of the client."""
        connects = sent(connection, Side.CLIENT, spec.CONNECT)
        if len(connects) < 2:
            return None
        first, second = connects[0].frame, connects[1].frame
        incomplete = incomplete_before(connection, Side.CLIENT, second, from_start=False)
        if incomplete is not None:
            return incomplete
        return Failure(
            message=f"second CONNECT on this connection, {after(first, second)} the first; "
            "one is allowed, and the server must close",
            at=second,
            frames=(first, second),
            evidence={"connects": len(connects)},
        )
