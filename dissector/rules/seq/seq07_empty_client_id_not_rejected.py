"""SEQ07: empty client id with cleanSession=0 (3.1.1) not answered with code 2 and a close."""

from __future__ import annotations

from dissector.rules.authoring import *

_EMPTY_NOT_CLEAN = DefectKind.CLIENT_ID_EMPTY_NOT_CLEAN
_EMPTY = "C 10 0c 00 04 4d 51 54 54 04 00 00 3c 00 00"


class EmptyClientIdNotRejected(ConnectionRule):
    """An empty client id with cleanSession=0 is not answered with code 2 and a close.

    What it checks
    --------------
    In 3.1.1 a CONNECT with an empty client id and cleanSession=0 must be answered by CONNACK with
    return code 2, and then the server must close. The rule reports an acceptance and another code,
    which are errors. A close without CONNACK is a warning: section 3.1.4 of the standard allows it
    for every CONNECT that is not valid, and section 3.1.3.1 does not. A connection that stays open
    is a warning, too: the standard names no time. Code 1 is not reported, since the version is
    checked first. 5.0 allows such a CONNECT.

    Why it matters
    --------------
    cleanSession=0 asks the server to store a session, but without an id the session cannot be found
    again. If the server accepts and assigns an id, the session can never be resumed: every
    reconnect leaves another orphaned session with its message queue.

    Fix on the client
    -----------------
    Send a client id that is the same after every restart, or set cleanSession=1. See CON13.

    Fix on the server
    -----------------
    Answer `20 02 00 02` and close. If the server assigns ids, it must do so with cleanSession=1
    only.

    Known false alarms
    ------------------
    An overloaded server may refuse with another code before it reads the client id.
    """

    id = "SEQ07"
    name = "empty-client-id-not-rejected"
    side = Side.SERVER
    severity = Severity.ERROR
    statements = versions(v311="MQTT-3.1.3-8")
    sections = {Version.V3_1_1: "3.1.3.1"}
    deadlines = ("close-seconds",)
    about = (spec.CONNECT, spec.CONNACK)
    asks = ConnectionFlag.DEFECT
    causes = Cause.EMPTY_CLIENT_ID
    bad = (
        Example("accepted", (_EMPTY, ACCEPTED_311, *GRACEFUL_CLOSE), also=("CON13",)),
        Example("closed without a CONNACK", (_EMPTY, *SERVER_CLOSES), also=("CON13",)),
        Example("code 2 without a close", (_EMPTY, "S 20 02 00 02", "+6"), also=("CON13",)),
    )
    good = (
        Example("code 2, then a close", (_EMPTY, "S 20 02 00 02", *SERVER_CLOSES), also=("CON13",)),
        Example(
            "the client closes first", (_EMPTY, "S 20 02 00 02", "C FIN", "S FIN"), also=("CON13",)
        ),
        Example("the capture ends too early", (_EMPTY, "S 20 02 00 02", "+2"), also=("CON13",)),
        Example(
            "empty with cleanSession=1",
            ("C 10 0c 00 04 4d 51 54 54 04 02 00 3c 00 00", ACCEPTED_311, *GRACEFUL_CLOSE),
        ),
    )

    def check(self, connection: Connection) -> Verdict:
        """Checks what follows such a CONNECT."""
        connect, connack = connection.connect, connection.connack
        if connect is None or connect.frame is None or connection.connect_faults:
            return None
        for defect in connect.defects:
            if defect.kind is _EMPTY_NOT_CLEAN:
                break
        else:
            return None
        shown = "CONNECT with an empty client id and cleanSession=0"
        wanted = "the server must send return code 2 and close"
        if connack is None or connack.frame is None:
            incomplete_reason = connection.quality.incomplete_reason()
            if incomplete_reason is not None:
                return Unevaluated(incomplete_reason)
            first = connection.closes[0] if connection.closes else None
            if first is None or first.side is Side.CLIENT:
                return missing_close(connection, f"{shown} got no answer", connect.frame, wanted)
            return Failure(
                message=f"{shown}: the server closed without a CONNACK; it must send code 2 first, "
                "though another section of the standard lets it just close",
                severity=Severity.WARNING,
                at=connect.frame,
                frames=(connect.frame, first.frame),
                time_ns=first.frame.time_ns,
            )
        code = connack.return_code
        if code in (1, 0x84, None):
            return None
        if code != 2:
            incomplete = incomplete_before(connection, Side.SERVER, connack.frame, from_start=False)
            if incomplete is not None:
                return incomplete
            name = spec.return_code_name(code, connection.version)
            return Failure(
                message=f"{shown} answered with code {code} ({name}); {wanted}",
                at=connack.frame,
                frames=(connect.frame, connack.frame),
                evidence={"returnCode": code},
                packet=connack,
                span=(3, 1),
            )
        return missing_close(
            connection,
            f"{shown} answered with code 2",
            connack.frame,
            "the server must close after it",
        )
