"""ACK08: empty client id accepted without an id of its own, returned in CONNACK."""

from __future__ import annotations

from dissector.rules.authoring import *
from dissector.rules.properties import find, readable

_UNKNOWN_ID = frozenset(
    {
        DefectKind.CLIENT_ID_MISSING,
        DefectKind.FIELD_OVERRUN,
        DefectKind.PROPERTY_LENGTH_MISSING,
        DefectKind.PROPERTY_LENGTH_OVERRUN,
    }
)
_NOT_RETURNED = ("MQTT-3.1.3-7", "MQTT-3.2.2-16")


class ClientIdNotAssigned(HandshakeRule):
    """A client with an empty client id was accepted, but not given an id of its own in CONNACK.

    What it checks
    --------------
    In 5.0 a server that accepts an empty client id assigns one and must return it as Assigned
    Client Identifier. The id must be unique: the rule reports one that the same server has assigned
    to another client of this capture which is still connected, or whose Session has not expired
    ("likely", because the end of a connection can be hidden from the capture). An Assigned Client
    Identifier for a client that sent its own id has severity info: the standard provides it for
    empty ids only.

    Why it matters
    --------------
    Without the assigned id the client cannot resume its session, and it has no known name in logs
    or for the operator.

    Fix on the client
    -----------------
    Store the assigned id and use it in later CONNECTs if the session is to continue. If it is
    missing, close and report the server.

    Fix on the server
    -----------------
    Put property 0x12 into every CONNACK that accepts an empty client id. A server that does not
    want such clients must refuse with 0x85.

    Known false alarms
    ------------------
    None for a missing id. A server that was restarted between two connections of the capture may
    have lost the Session of the first.
    """

    id = "ACK08"
    name = "client-id-not-assigned"
    side = Side.SERVER
    severity = Severity.ERROR
    statements = versions(v5=("MQTT-3.1.3-7", "MQTT-3.2.2-16", "MQTT-3.1.3-6"))
    sections = {Version.V5_0: "3.2.2.3.7"}
    asks = ConnectionFlag.ASSIGNED_CLIENT_ID | ConnectionFlag.NO_CLIENT_ID
    bad = (
        Example(
            "empty, none assigned",
            ("C 10 0d 00 04 4d 51 54 54 05 02 00 3c 00 00 00", ACCEPTED_5, *CLIENT_CLOSES),
        ),
        Example(
            "the id of another client that is connected",
            (
                "C 10 0d 00 04 4d 51 54 54 05 02 00 3c 00 00 00",
                "S 20 07 00 00 04 12 00 01 62",
                "NEW",
                "C 10 0d 00 04 4d 51 54 54 05 02 00 3c 00 00 00",
                "S 20 07 00 00 04 12 00 01 62",
                *CLIENT_CLOSES,
                "ON 0",
                *GRACEFUL_CLOSE,
            ),
        ),
        Example(
            "not empty, another one assigned",
            (CONNECT_5, "S 20 07 00 00 04 12 00 01 62", *GRACEFUL_CLOSE),
        ),
    )
    good = (
        Example(
            "empty, one assigned",
            (
                "C 10 0d 00 04 4d 51 54 54 05 02 00 3c 00 00 00",
                "S 20 07 00 00 04 12 00 01 62",
                *GRACEFUL_CLOSE,
            ),
        ),
        Example(
            "the id of a client whose connection and Session have ended",
            (
                "C 10 0d 00 04 4d 51 54 54 05 02 00 3c 00 00 00",
                "S 20 07 00 00 04 12 00 01 62",
                *GRACEFUL_CLOSE,
                "NEW",
                "C 10 0d 00 04 4d 51 54 54 05 02 00 3c 00 00 00",
                "S 20 07 00 00 04 12 00 01 62",
                *GRACEFUL_CLOSE,
            ),
        ),
        Example(
            "empty, refused",
            ("C 10 0d 00 04 4d 51 54 54 05 02 00 3c 00 00 00", "S 20 03 00 85 00", *SERVER_CLOSES),
        ),
        Example(
            "3.1.1 does not return the assigned id",
            ("C 10 0c 00 04 4d 51 54 54 04 02 00 3c 00 00", ACCEPTED_311, *GRACEFUL_CLOSE),
        ),
    )

    def check(self, connection: Connection) -> Verdict:
        """Compares the client id with the assigned one."""
        connect, connack = connection.connect, connection.connack
        if connack is None or connack.frame is None or connack.return_code != 0:
            return None
        assigned = find(connack.properties, "assignedClientIdentifier")
        if connect is None or connect.frame is None:
            return Unevaluated("the CONNECT was not seen")
        if any(defect.kind in _UNKNOWN_ID for defect in connect.defects):
            return Unevaluated("the client id of CONNECT could not be read")
        frames = (connect.frame, connack.frame)
        if assigned is not None and connect.client_id:
            return Failure(
                message="an Assigned Client Identifier for a client that sent its own client id",
                at=connack.frame,
                frames=frames,
                evidence={"assignedClientIdentifier": assigned.value},
                severity=Severity.INFO,
                obligation=Obligation.ADVICE,
                statements=(),
                packet=connack,
                span=(assigned.offset, 1),
            )
        before = connection.id_assigned_before
        if assigned is not None and before is not None:
            return Failure(
                message="the Assigned Client Identifier is that of another client, assigned "
                f"{after(before, connack.frame).removesuffix(' after')} earlier; it must be unique",
                at=connack.frame,
                frames=(before, connack.frame),
                evidence={"assignedClientIdentifier": assigned.value},
                confidence=Confidence.LIKELY,
                statements=("MQTT-3.1.3-6",),
                packet=connack,
                span=(assigned.offset, 1),
            )
        if connect.client_id or (assigned is not None and assigned.value):
            return None
        if not readable(connack):
            return Unevaluated("the properties of CONNACK could not be read completely")
        return Failure(
            message="an empty client id was accepted without an Assigned Client Identifier",
            at=connack.frame,
            frames=frames,
            evidence={"clientId": ""},
            statements=_NOT_RETURNED,
            packet=connack,
        )
