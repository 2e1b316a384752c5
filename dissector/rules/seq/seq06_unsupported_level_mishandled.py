"""SEQ06: unknown protocol level that the server does not refuse as the standard requires."""

from __future__ import annotations

from dissector.rules.authoring import *

_LEVEL_6 = "C 10 0d 00 04 4d 51 54 54 06 02 00 3c 00 01 61"
_ACCEPTS_311 = (CONNECT_311, ACCEPTED_311, *GRACEFUL_CLOSE, "NEW")
_ACCEPTS_5 = (CONNECT_5, ACCEPTED_5, *GRACEFUL_CLOSE, "NEW")
_STATEMENT = "MQTT-3.1.2-2"
_PROTOCOL_LEVEL, _PROTOCOL_NAME = DefectKind.PROTOCOL_LEVEL, DefectKind.PROTOCOL_NAME


class UnsupportedLevelMishandled(ConnectionRule):
    """The server does not refuse an unknown protocol level as its own version requires.

    What it checks
    --------------
    CONNECT has a level other than 3, 4 and 5. A 3.1.1 server must answer with return code 1 and
    then close; a 5.0 server may send 0x84, and must close. Which versions the server supports is
    taken from connections that it accepted earlier in the capture; if there are none, the rule is
    not evaluated.

    Why it matters
    --------------
    Code 1 tells the client to try an older version. A server that only closes looks like a network
    fault, so the client retries with the same level without end.

    Fix on the client
    -----------------
    Send a level that exists (4 for 3.1.1, 5 for 5.0), see CON02.

    Fix on the server
    -----------------
    Check the level before everything else in the packet, answer `20 02 00 01`, and close.

    Known false alarms
    ------------------
    Several servers may share the address and port (a load balancer, an upgrade during the capture),
    so the confidence is "likely". The standard names no time for the close.
    """

    id = "SEQ06"
    name = "unsupported-level-mishandled"
    side = Side.SERVER
    severity = Severity.WARNING
    confidence = Confidence.LIKELY
    statements = both(_STATEMENT)
    sections = {Version.V3_1_1: "3.1.2.2", Version.V5_0: "3.1.2.2"}
    version_may_be_unknown = True
    deadlines = ("close-seconds",)
    about = (spec.CONNECT, spec.CONNACK)
    asks = ConnectionFlag.DEFECT
    causes = Cause.UNKNOWN_LEVEL
    bad = (
        Example(
            "a 3.1.1 server closes without a CONNACK",
            (*_ACCEPTS_311, _LEVEL_6, *SERVER_CLOSES),
            also=("CON02",),
        ),
        Example(
            "a 3.1.1 server answers with another code",
            (*_ACCEPTS_311, _LEVEL_6, "S 20 02 00 05", *SERVER_CLOSES),
            also=("CON02",),
        ),
        Example(
            "a 5.0 server neither answers nor closes",
            (*_ACCEPTS_5, _LEVEL_6, "+6"),
            also=("CON02",),
        ),
    )
    good = (
        Example(
            "a 3.1.1 server answers with code 1 and closes",
            (*_ACCEPTS_311, _LEVEL_6, "S 20 02 00 01", *SERVER_CLOSES),
            also=("CON02",),
        ),
        Example(
            "a 5.0 server may close without a CONNACK",
            (*_ACCEPTS_5, _LEVEL_6, *SERVER_CLOSES),
            also=("CON02",),
        ),
        Example("the server's versions are unknown", (_LEVEL_6, *SERVER_CLOSES), also=("CON02",)),
    )

    def check(self, connection: Connection) -> Verdict:
        """Checks what follows a CONNECT with an unknown level."""
        connect, connack = connection.connect, connection.connack
        if connect is None or connect.frame is None:
            return None
        kinds = {defect.kind for defect in connect.defects}
        if _PROTOCOL_LEVEL not in kinds or _PROTOCOL_NAME in kinds:
            return None
        known = connection.server_versions
        lenient = Version.V5_0 in known  # 5.0 makes the CONNACK optional
        if not lenient and Version.V3_1_1 not in known:
            return Unevaluated("no earlier connection shows which versions the server supports")
        shown = f"CONNECT with the unknown level {connect.protocol_level}"
        if connack is not None and connack.frame is not None:
            return self._answered(connection, connack, connack.frame, shown, lenient)
        first = connection.closes[0] if connection.closes else None
        if first is None or first.frame.time_ns < connect.frame.time_ns:
            wanted = "the server must close" if lenient else "the server must send code 1 and close"
            return missing_close(
                connection,
                f"{shown} got no answer",
                connect.frame,
                wanted,
                statements=(_STATEMENT,),
            )
        if lenient or first.side is Side.CLIENT:
            return None
        incomplete_reason = connection.quality.incomplete_reason()
        if incomplete_reason is not None:
            return Unevaluated(incomplete_reason)
        return Failure(
            message=f"{shown}: the server closed without a CONNACK; "
            "a server of 3.1.1 must send return code 1 first",
            at=connect.frame,
            frames=(connect.frame, first.frame),
            evidence={"protocolLevel": connect.protocol_level},
            time_ns=first.frame.time_ns,
            statements=(_STATEMENT,),
        )

    def _answered(
        self, connection: Connection, connack: Connack, at: FrameRef, shown: str, lenient: bool
    ) -> Verdict:
        code = connack.return_code
        if not code:
            return None  # accepted: the server supports that level
        if not lenient and code not in (1, 0x84):
            incomplete = incomplete_before(connection, Side.SERVER, at, from_start=False)
            if incomplete is not None:
                return incomplete
            return Failure(
                message=f"{shown} refused with code {code}; a server of 3.1.1 must send code 1",
                at=at,
                frames=(at,),
                evidence={"returnCode": code},
                packet=connack,
                statements=(_STATEMENT,),
            )
        return missing_close(
            connection, f"{shown} refused", at, "the server must close", statements=(_STATEMENT,)
        )
