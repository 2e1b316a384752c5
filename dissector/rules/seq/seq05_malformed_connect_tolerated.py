"""SEQ05: malformed CONNECT that the server answers or tolerates instead of closing."""

from __future__ import annotations

from dissector.connections.connection import Connection, ConnectionFlag
from dissector.connections.deadlines import CLOSE_GRACE_NS
from dissector.model import Confidence, Severity, Side, Version
from dissector.mqtt import spec
from dissector.mqtt.defects import Defect
from dissector.mqtt.defects import DefectKind as Kind
from dissector.mqtt.packets import Connack, Connect
from dissector.rules.base import ConnectionRule, Example, Failure, Verdict, both
from dissector.rules.examples import (
    ACCEPTED_5,
    ACCEPTED_311,
    CONNECT_311,
    GRACEFUL_CLOSE,
    REFUSED_311,
    SERVER_CLOSES,
)
from dissector.rules.gating import incomplete_before, missing_close

_CLIENT_ID = frozenset(
    {Kind.CLIENT_ID_MISSING, Kind.CLIENT_ID_NOT_UTF8, Kind.CLIENT_ID_NUL}
)  # fmt: skip
_CREDENTIALS = frozenset(
    {
        Kind.USERNAME_MISSING, Kind.USERNAME_NOT_UTF8, Kind.USERNAME_NUL,
        Kind.PASSWORD_MISSING, Kind.PASSWORD_WITHOUT_USERNAME,
    }
)  # fmt: skip
# Defects by which a CONNECT violates section 3.1. Not those of other rules: name and level
# (SEQ06), an empty id without a clean session (SEQ07), bad flags in byte 1 (ENC02), a Will Topic
# that is empty or has a wildcard (section 4.7; SEQ17).
_MALFORMED = _CLIENT_ID | _CREDENTIALS | {
    Kind.CONNECT_RESERVED_FLAG, Kind.WILL_FIELD_MISSING, Kind.WILL_QOS_WITHOUT_FLAG,
    Kind.WILL_RETAIN_WITHOUT_FLAG, Kind.WILL_QOS_3, Kind.FIELD_ORDER, Kind.WILL_TOPIC_NOT_UTF8,
    Kind.WILL_TOPIC_NUL, Kind.FIELD_OVERRUN, Kind.TRAILING_BYTES, Kind.TEXT_NOT_UTF8,
    Kind.TEXT_NUL, Kind.USER_PROPERTY_NOT_UTF8,
    Kind.USER_PROPERTY_NUL, Kind.PROPERTY_LENGTH_MISSING, Kind.PROPERTY_LENGTH_OVERRUN,
    Kind.PROPERTY_OVERRUN, Kind.PROPERTY_UNKNOWN, Kind.PROPERTY_NOT_ALLOWED, Kind.PROPERTY_REPEATED,
    Kind.PROPERTY_VALUE, Kind.AUTH_DATA_WITHOUT_METHOD, Kind.RECEIVE_MAXIMUM_ZERO,
    Kind.MAXIMUM_PACKET_SIZE_ZERO, Kind.REQUEST_INFORMATION_VALUE,
}  # fmt: skip
MALFORMED = {
    Version.V3_1_1: _MALFORMED,
    Version.V5_0: (_MALFORMED | {Kind.LENGTH_NOT_MINIMAL}) - {Kind.PASSWORD_WITHOUT_USERNAME},
}

_RESERVED_FLAG_311 = "C 10 0d 00 04 4d 51 54 54 04 03 00 3c 00 01 61"
_RESERVED_FLAG_5 = "C 10 0e 00 04 4d 51 54 54 05 03 00 3c 00 00 01 61"


def malformed(connect: Connect) -> list[Defect]:
    """Returns the defects that make a CONNECT malformed in its own version."""
    kinds = MALFORMED.get(connect.version) if connect.version else None
    return [defect for defect in connect.defects if kinds and defect.kind in kinds]


class MalformedConnectTolerated(ConnectionRule):
    """The server answers or tolerates a malformed CONNECT instead of closing the connection.

    What it checks
    --------------
    A server must close the connection after a CONNECT that violates section 3.1. In 3.1.1 it must
    close without a CONNACK; only code 1 (version), code 2 after an invalid client id and code 4
    after invalid credentials are not reported. In 5.0 a refusing CONNACK may come first, but never
    success. If no CONNACK comes in time, either side must close within 5 seconds. The error of the
    CONNECT is reported separately. A wrong protocol name or level is left to SEQ06, an empty client
    id without a clean session to SEQ07.

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
    reported if the capture ends, or bytes are missing, before the 5 seconds have passed.
    """

    id = "SEQ05"
    name = "malformed-connect-tolerated"
    side = Side.SERVER
    severity = Severity.ERROR
    statements = both("MQTT-3.1.4-1")
    sections = {Version.V3_1_1: "3.1.4", Version.V5_0: "3.1.4"}
    asks = ConnectionFlag.DEFECT
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
        faults = malformed(connect)
        kinds = {defect.kind for defect in connect.defects}
        if not faults or Kind.PROTOCOL_NAME in kinds:
            return None
        answer = None if connack is None else connack.frame
        permitted = connack is not None and _permitted(connection, connack, kinds)
        if permitted and answer and answer.time_ns <= connect.frame.time_ns + CLOSE_GRACE_NS:
            return None  # SEQ09 requires the close
        if connack is None or answer is None or permitted:
            return missing_close(
                connection,
                f"the CONNECT is malformed ({_named(connection, faults)})",
                connect.frame,
                "the server must close it",
                evidence={"defect": faults[0].kind.value},
                confidence=Confidence.LIKELY,
            )
        for side, frame in ((Side.CLIENT, connect.frame), (Side.SERVER, answer)):
            incomplete = incomplete_before(connection, side, frame, from_start=False)
            if incomplete is not None:
                return incomplete
        code = connack.return_code
        shown = "a CONNACK without a code"
        if code is not None:
            name = spec.return_code_name(code, connection.version)
            shown = f"code {spec.shown_code(code)} ({name})"
        wanted = (
            "the server must close, at most after a refusal"
            if connection.version is Version.V5_0
            else "the server must close without a CONNACK"
        )
        return Failure(
            message=f"a malformed CONNECT ({_named(connection, faults)}) is answered with {shown}; "
            f"{wanted}",
            at=answer,
            frames=(connect.frame, answer),
            evidence={"defect": faults[0].kind.value, "returnCode": code},
            packet=connack,
        )


def _named(connection: Connection, faults: list[Defect]) -> str:
    """Returns rule and name of the finding about the CONNECT, else the kind of its defect."""
    kind = faults[0].kind.value
    for finding in connection.findings:
        if finding.side is Side.CLIENT and finding.evidence.get("defect") == kind:
            return f"{finding.rule}, {finding.name}"
    return kind.replace("-", " ")


def _permitted(connection: Connection, connack: Connack, kinds: set[Kind]) -> bool:
    """Whether this CONNACK may answer a CONNECT with defects of these kinds."""
    code = connack.return_code
    if connection.version is Version.V5_0:
        return code is not None and (code >= 0x80 or (code == 1 and connack.remaining_length == 2))
    if code in (1, 0x84):
        return True
    if code == 2:
        return bool(kinds & (_CLIENT_ID | {Kind.CLIENT_ID_EMPTY_NOT_CLEAN}))
    return code == 4 and bool(kinds & _CREDENTIALS)
