"""SEQ06: a protocol level that no standard has, and a server that handles it wrongly."""

from __future__ import annotations

from dissector.connections.connection import Connection, ConnectionFlag
from dissector.model import Confidence, FrameRef, Severity, Side, Version
from dissector.mqtt.defects import DefectKind
from dissector.mqtt.packets import Connack
from dissector.rules.base import (
    ConnectionRule,
    Example,
    Failure,
    Unevaluated,
    Verdict,
    both,
)
from dissector.rules.examples import (
    ACCEPTED_5,
    ACCEPTED_311,
    CONNECT_5,
    CONNECT_311,
    GOODBYE,
    SERVER_CLOSES,
)
from dissector.rules.gating import unclosed, unseen_before

_LEVEL_6 = "C 10 0d 00 04 4d 51 54 54 06 02 00 3c 00 01 61"
_SPEAKS_311 = (CONNECT_311, ACCEPTED_311, *GOODBYE, "NEW")
_SPEAKS_5 = (CONNECT_5, ACCEPTED_5, *GOODBYE, "NEW")
_STATEMENT = "MQTT-3.1.2-2"


class UnsupportedLevelMishandled(ConnectionRule):
    """The server does not refuse an unknown protocol level as its own version demands.

    What it checks
    --------------
    CONNECT names a level that is none of 3, 4 and 5. A server that speaks 3.1.1 must answer with
    return code 1 and then close; one that speaks 5.0 may send 0x84, and must close. Which of them
    the server speaks is taken from connections that it accepted earlier in the capture; without
    any the rule is not evaluated.

    Why it matters
    --------------
    Code 1 is how a client learns that it should try an older version. A server that just
    hangs up looks like a network fault, so the client retries with the same level for ever.

    Fix on the client
    -----------------
    Send a level that exists (4 for 3.1.1, 5 for 5.0), see CON02.

    Fix on the server
    -----------------
    Check the level before everything else in the packet, answer `20 02 00 01`, and close.

    Known false alarms
    ------------------
    The same address and port may hide several servers (a load balancer, an upgrade during the
    capture). So the confidence is "likely" only.
    """

    id = "SEQ06"
    name = "unsupported-level-mishandled"
    side = Side.SERVER
    severity = Severity.WARNING
    confidence = Confidence.LIKELY
    statements = both(_STATEMENT)
    sections = {Version.V3_1_1: "3.1.2.2", Version.V5_0: "3.1.2.2"}
    version_may_be_unknown = True
    asks = ConnectionFlag.DEFECT
    bad = (
        Example(
            "a 3.1.1 server closes without a word",
            (*_SPEAKS_311, _LEVEL_6, *SERVER_CLOSES),
            also=("CON02",),
        ),
        Example(
            "a 3.1.1 server answers with another code",
            (*_SPEAKS_311, _LEVEL_6, "S 20 02 00 05", *SERVER_CLOSES),
            also=("CON02",),
        ),
        Example(
            "a 5.0 server neither answers nor closes",
            (*_SPEAKS_5, _LEVEL_6, "+6"),
            also=("CON02",),
        ),
    )
    good = (
        Example(
            "a 3.1.1 server answers with code 1 and closes",
            (*_SPEAKS_311, _LEVEL_6, "S 20 02 00 01", *SERVER_CLOSES),
            also=("CON02",),
        ),
        Example(
            "a 5.0 server may close without a word",
            (*_SPEAKS_5, _LEVEL_6, *SERVER_CLOSES),
            also=("CON02",),
        ),
        Example("nobody knows this server", (_LEVEL_6, *SERVER_CLOSES), also=("CON02",)),
    )

    def check(self, connection: Connection) -> Verdict:
        """Look at what follows a CONNECT of an unknown level."""
        connect, connack = connection.connect, connection.connack
        if connect is None or connect.frame is None:
            return None
        kinds = {defect.kind for defect in connect.defects}
        if DefectKind.PROTOCOL_LEVEL not in kinds or DefectKind.PROTOCOL_NAME in kinds:
            return None
        known = connection.server_versions
        lenient = Version.V5_0 in known  # 5.0 lets the server choose, whatever else it speaks
        if not lenient and Version.V3_1_1 not in known:
            return Unevaluated("no earlier connection shows what the server speaks")
        shown = f"CONNECT with the unknown level {connect.protocol_level}"
        if connack is not None and connack.frame is not None:
            return self._answered(connection, connack, connack.frame, shown, lenient)
        first = connection.closes[0] if connection.closes else None
        if first is None or first.frame.time_ns < connect.frame.time_ns:
            wanted = "the server must close" if lenient else "the server must send code 1 and close"
            return unclosed(
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
            return None  # accepted: then it does support that level
        if not lenient and code not in (1, 0x84):
            unseen = unseen_before(connection, Side.SERVER, at, from_start=False)
            if unseen is not None:
                return unseen
            return Failure(
                message=f"{shown} refused with code {code}; a server of 3.1.1 must send code 1",
                at=at,
                frames=(at,),
                evidence={"returnCode": code},
                packet=connack,
                statements=(_STATEMENT,),
            )
        return unclosed(
            connection, f"{shown} refused", at, "the server must close", statements=(_STATEMENT,)
        )
