"""SEQ05: malformed CONNECT that the server answers or tolerates instead of closing."""

from __future__ import annotations

from typing import Any

from dissector.mqtt.defects import DefectKind as Kind
from dissector.rules.authoring import *
from dissector.rules.enc.enc02_no_close_after_bad_flags import about_header_flags

_CLIENT, _SERVER, _V5_0 = Side.CLIENT, Side.SERVER, Version.V5_0
_PROTOCOL_NAME = Kind.PROTOCOL_NAME
_CLIENT_ID = frozenset(
    {Kind.CLIENT_ID_MISSING, Kind.CLIENT_ID_NOT_UTF8, Kind.CLIENT_ID_NUL}
)  # fmt: skip
_CREDENTIALS = frozenset(
    {
        Kind.USERNAME_MISSING, Kind.USERNAME_NOT_UTF8, Kind.USERNAME_NUL,
        Kind.PASSWORD_MISSING, Kind.PASSWORD_WITHOUT_USERNAME,
    }
)  # fmt: skip
# Rules about topic names, which section 3.1 of the standard does not define: SEQ17 reports those
TOPIC_RULES = frozenset({"CON15", "CON18"})

_RESERVED_FLAG_311 = "C 10 0d 00 04 4d 51 54 54 04 03 00 3c 00 01 61"
_RESERVED_FLAG_5 = "C 10 0e 00 04 4d 51 54 54 05 03 00 3c 00 00 01 61"


def format_faults(connection: Connection) -> list[Finding]:
    """Returns the findings by which a CONNECT is malformed, except those with a rule of their own.

    ENC02 reports the reaction to bad flags in byte 1, SEQ17 that to a bad topic name.
    """
    return [
        finding
        for finding in connection.connect_faults
        if finding.rule not in TOPIC_RULES and not about_header_flags(finding)
    ]


class MalformedConnectTolerated(ConnectionRule):
    """The server answers or tolerates a malformed CONNECT instead of closing the connection.

    What it checks
    --------------
    A server must close the connection after a CONNECT that violates section 3.1. In 3.1.1 it must
    close without a CONNACK; only code 1 (version), code 2 after an invalid client id and code 4
    after invalid credentials are not reported. In 5.0 a refusing CONNACK may come first, but never
    success, nor an AUTH. An answer that must not come is an error. If no CONNACK comes, either side
    must close in time: the standard names no time, so the finding is a warning then. The error of
    the CONNECT is reported separately. A wrong protocol name or level is left to SEQ06, an empty
    client id without a clean session to SEQ07, bad header flags to ENC02, an illegal topic name to
    SEQ17.

    Why it matters
    --------------
    A server that accepts an unreadable packet has guessed which bytes are the will or the password.
    Lenient parsers hide firmware bugs until the server is replaced, and are the most common targets
    of fuzzing.

    Fix on the client
    -----------------
    Fix the CONNECT as the finding about it says; other servers will refuse it.

    Fix on the server
    -----------------
    Validate the whole packet before any answer, and close the socket (5.0: optionally after CONNACK
    0x81 or 0x82). Many servers have a strict mode for this.

    Known false alarms
    ------------------
    A load balancer in front of the server may keep the TCP connection open longer. Nothing is
    reported if the capture ends, or bytes are missing, before the deadline has passed.
    """

    id = "SEQ05"
    name = "malformed-connect-tolerated"
    side = Side.SERVER
    severity = Severity.ERROR
    statements = both("MQTT-3.1.4-1")
    sections = {Version.V3_1_1: "3.1.4", Version.V5_0: "3.1.4"}
    deadlines = ("close-seconds",)
    about = (spec.CONNECT, spec.CONNACK)
    asks = ConnectionFlag.DEFECT
    causes = Cause.MALFORMED_CONNECT
    bad = (
        Example(
            "3.1.1: accepted", (_RESERVED_FLAG_311, ACCEPTED_311, *GRACEFUL_CLOSE), also=("CON03",)
        ),
        Example(
            "3.1.1: refused with a CONNACK instead of a close",
            (_RESERVED_FLAG_311, REFUSED_311, *SERVER_CLOSES),
            also=("CON03",),
        ),
        Example("3.1.1: left open", (_RESERVED_FLAG_311, "+6"), also=("CON03",)),
        Example(
            "5.0: refused after 6 seconds",
            (_RESERVED_FLAG_5, "+6", "S 20 03 00 81 00", *SERVER_CLOSES),
            also=("CON03",),
        ),
        Example(
            "5.0: answered with AUTH",
            (
                "C 10 12 00 04 4d 51 54 54 05 03 00 3c 04 15 00 01 4d 00 01 61",
                "S f0 06 18 04 15 00 01 4d",
                *SERVER_CLOSES,
            ),
            also=("CON03",),
        ),
        Example("5.0: accepted", (_RESERVED_FLAG_5, ACCEPTED_5, *GRACEFUL_CLOSE), also=("CON03",)),
    )
    good = (
        Example("3.1.1: closed", (_RESERVED_FLAG_311, *SERVER_CLOSES), also=("CON03",)),
        Example(
            "5.0: refused with 0x81, then closed",
            (_RESERVED_FLAG_5, "S 20 03 00 81 00", *SERVER_CLOSES),
            also=("CON03",),
        ),
        Example(
            "3.1.1: the client closes first",
            (_RESERVED_FLAG_311, "+2", "C FIN", "S FIN"),
            also=("CON03",),
        ),
        Example("3.1.1: the capture ends", (_RESERVED_FLAG_311, "+2"), also=("CON03",)),
        Example("a valid CONNECT", (CONNECT_311, ACCEPTED_311, *GRACEFUL_CLOSE)),
    )

    def check(self, connection: Connection) -> Verdict:
        """Checks what follows a CONNECT with defects."""
        connect, connack = connection.connect, connection.connack
        if connect is None or connect.frame is None:
            return None
        faults = format_faults(connection) if connection.connect_faults else ()
        if not faults:
            return None
        kinds = {defect.kind for defect in connect.defects}
        if _PROTOCOL_NAME in kinds:
            return None
        answer = None if connack is None else connack.frame
        permitted = connack is not None and _permitted(connection, connack, kinds)
        deadline = connect.frame.time_ns + connection.deadlines.close_ns
        if permitted and answer and answer.time_ns <= deadline:
            return None  # SEQ09 requires the close
        named = f"{faults[0].rule}, {faults[0].name}"
        evidence: dict[str, Any] = {"defect": faults[0].evidence.get("defect")}
        if connack is None or answer is None or permitted:
            if connection.version is _V5_0:
                auth = next(iter(sent(connection, _SERVER, spec.AUTH)), None)
                if auth is not None:
                    return self._answered(connection, named, auth.frame, "AUTH", evidence)
            return missing_close(
                connection,
                f"the CONNECT is malformed ({named})",
                connect.frame,
                "the server must close it",
                evidence=evidence,
            )
        code = connack.return_code
        shown = "a CONNACK without a code"
        if code is not None:
            word = spec.code_word(connection.version)
            name = spec.return_code_name(code, connection.version)
            shown = f"{word} {spec.shown_code(code)} ({name})"
        evidence["returnCode"] = code
        return self._answered(connection, named, answer, shown, evidence, connack)

    @staticmethod
    def _answered(
        connection: Connection,
        named: str,
        answer: FrameRef,
        shown: str,
        evidence: dict[str, Any],
        packet: Packet | None = None,
    ) -> Verdict:
        """Returns the failure of a server that answers a malformed CONNECT."""
        connect = connection.connect
        assert connect is not None and connect.frame is not None
        for side, frame in ((_CLIENT, connect.frame), (_SERVER, answer)):
            incomplete = incomplete_before(connection, side, frame, from_start=False)
            if incomplete is not None:
                return incomplete
        wanted = (
            "the server must close, at most after a refusal"
            if connection.version is _V5_0
            else "the server must close without a CONNACK"
        )
        return Failure(
            message=f"a malformed CONNECT ({named}) is answered with {shown}; {wanted}",
            at=answer,
            frames=(connect.frame, answer),
            evidence=evidence,
            packet=packet,
        )


def _permitted(connection: Connection, connack: Connack, kinds: set[Kind]) -> bool:
    """Whether this CONNACK may answer a CONNECT with defects of these kinds."""
    code = connack.return_code
    if connection.version is _V5_0:
        return code is not None and (code >= 0x80 or (code == 1 and connack.remaining_length == 2))
    if code in (1, 0x84):
        return True
    if code == 2:
        return bool(kinds & (_CLIENT_ID | {Kind.CLIENT_ID_EMPTY_NOT_CLEAN}))
    return code == 4 and bool(kinds & _CREDENTIALS)
