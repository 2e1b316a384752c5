"""SEQ08: connection left open after the server rejected the client id."""

from __future__ import annotations

from dissector.rules.authoring import *

_REJECTED_311 = "S 20 02 00 02"
_REJECTED_5 = "S 20 03 00 85 00"


class NoCloseAfterRejectedId(ConnectionRule):
    """The server rejects a client id but does not close the connection.

    What it checks
    --------------
    CONNACK with return code 2 (5.0: 0x85) means that the client id is not allowed; the server must
    close right after it. The rule reports a connection that neither side has closed in time; the
    standard names no time. An empty client id with cleanSession=0 in 3.1.1 is reported by SEQ07, a
    refusal during enhanced authentication by AUT05.

    Why it matters
    --------------
    A simple client keeps waiting on the open socket and does not retry. On the server each
    misconfigured device occupies a socket.

    Fix on the client
    -----------------
    Do not wait for the server: close as soon as a CONNACK refuses, and correct the id before the
    next attempt (1 to 23 of 0-9, a-z, A-Z is accepted everywhere).

    Fix on the server
    -----------------
    Close the socket once the CONNACK is written; flush it first, so that the client receives the
    reason.

    Known false alarms
    ------------------
    A FIN that the capture point cannot see, for example behind a load balancer that keeps its own
    connections.
    """

    id = "SEQ08"
    name = "no-close-after-rejected-id"
    side = Side.SERVER
    severity = Severity.WARNING
    confidence = Confidence.LIKELY
    statements = versions(v311="MQTT-3.1.3-9", v5="MQTT-3.1.3-8")
    sections = {Version.V3_1_1: "3.1.3.1", Version.V5_0: "3.1.3.1"}
    deadlines = ("close-seconds",)
    about = (spec.CONNECT, spec.CONNACK)
    asks = ConnectionFlag.REFUSED
    bad = (
        Example("3.1.1: code 2, left open", (CONNECT_311, _REJECTED_311, "+6")),
        Example("5.0: 0x85, left open", (CONNECT_5, _REJECTED_5, "+6")),
    )
    good = (
        Example("3.1.1: code 2, then closed", (CONNECT_311, _REJECTED_311, *SERVER_CLOSES)),
        Example("5.0: the client closes first", (CONNECT_5, _REJECTED_5, "+3", *CLIENT_CLOSES)),
        Example("the capture ends too early", (CONNECT_311, _REJECTED_311, "+3")),
    )

    def check(self, connection: Connection) -> Verdict:
        """Requires a close after a CONNACK that rejects the id."""
        connack = connection.connack
        if connack is None or connack.frame is None or connection.version is None:
            return None
        code = connack.return_code
        if code is None or code != spec.IDENTIFIER_REJECTED.get(connection.version):
            return None
        if any(finding.rule in ("AUT05", "SEQ07") for finding in connection.findings):
            return None
        shown = f"{spec.code_word(connection.version)} {spec.shown_code(code)}"
        return missing_close(
            connection,
            f"the client id was rejected ({shown})",
            connack.frame,
            "the server must close after it",
            evidence={"returnCode": code},
        )
