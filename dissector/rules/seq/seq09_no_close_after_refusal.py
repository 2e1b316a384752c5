"""SEQ09: connection left open after the server refused it."""

from __future__ import annotations

from dissector.rules.authoring import *

# rules that report the same for a special case
_SPECIAL_CASES = frozenset({"AUT05", "SEQ06", "SEQ07", "SEQ08"})


class NoCloseAfterRefusal(ConnectionRule):
    """The server refuses the connection but does not close it.

    What it checks
    --------------
    After a CONNACK with a return code other than 0 (5.0: a reason code of 0x80 or more) the server
    must close. The rule reports a connection that neither side has closed in time. The standard
    names no time, so the finding is a warning. It does not report what SEQ06, SEQ07, SEQ08 or AUT05
    report for a special case.

    Why it matters
    --------------
    The client was refused, but its socket stays open: firmware that only checks the socket
    considers itself connected. Each refused device occupies a socket on the server, so one wrong
    password in a fleet can use up all of them.

    Fix on the client
    -----------------
    Close as soon as a CONNACK refuses, then wait before the next attempt, longer after every
    failure.

    Fix on the server
    -----------------
    Close right after the CONNACK is flushed. A half-closed connection needs a timeout of a few
    seconds.

    Known false alarms
    ------------------
    A FIN that the capture point cannot see. If the client closes first, the capture ends before the
    deadline, or bytes are missing, nothing is reported.
    """

    id = "SEQ09"
    name = "no-close-after-refusal"
    side = Side.SERVER
    severity = Severity.WARNING
    confidence = Confidence.LIKELY
    statements = versions(v311="MQTT-3.2.2-5", v5=("MQTT-3.1.4-2", "MQTT-3.2.2-7", "MQTT-4.13.2-1"))
    sections = {Version.V3_1_1: "3.2.2.3", Version.V5_0: "3.2.2.2"}
    deadlines = ("close-seconds",)
    about = (spec.CONNECT, spec.CONNACK)
    asks = ConnectionFlag.REFUSED
    bad = (
        Example("3.1.1: code 5, left open", (CONNECT_311, REFUSED_311, "+6")),
        Example("5.0: 0x87, left open", (CONNECT_5, REFUSED_5, "+6")),
        Example("3.1.1: closed too late", (CONNECT_311, REFUSED_311, "+8", *SERVER_CLOSES)),
    )
    good = (
        Example("3.1.1: closed at once", (CONNECT_311, REFUSED_311, *SERVER_CLOSES)),
        Example("5.0: closed in time", (CONNECT_5, REFUSED_5, "+4", *SERVER_CLOSES)),
        Example("the client closes first", (CONNECT_311, REFUSED_311, *CLIENT_CLOSES)),
        Example("the capture ends too early", (CONNECT_311, REFUSED_311, "+3")),
        Example("accepted", (CONNECT_311, ACCEPTED_311, *GRACEFUL_CLOSE)),
        Example("3.1: not required", (CONNECT_31, REFUSED_311, "+6")),
    )

    def check(self, connection: Connection) -> Verdict:
        """Requires a close after a CONNACK that refuses."""
        connack = connection.connack
        if connack is None or connack.frame is None or not connack.return_code:
            return None
        code = connack.return_code
        if connection.version is Version.V5_0 and code < 0x80:
            return None  # not a code of CONNACK; reported by ACK04
        if any(finding.rule in _SPECIAL_CASES for finding in connection.findings):
            return None
        name = spec.return_code_name(code, connection.version)
        return missing_close(
            connection,
            f"refused with {spec.code_word(connection.version)} {spec.shown_code(code)} ({name})",
            connack.frame,
            "the server must close after a refusal",
            evidence={"returnCode": code},
        )
