"""ACK08: an empty client id, accepted without telling the new one."""

from __future__ import annotations

from dissector.connections.connection import Connection, ConnectionFlag
from dissector.model import Obligation, Severity, Side, Version
from dissector.mqtt.defects import DefectKind
from dissector.rules.base import Example, Failure, HandshakeRule, Unevaluated, Verdict, versions
from dissector.rules.examples import (
    ACCEPTED_5,
    ACCEPTED_311,
    CLIENT_CLOSES,
    CONNECT_5,
    GOODBYE,
    SERVER_CLOSES,
)
from dissector.rules.properties import find, readable

_UNKNOWN_ID = frozenset(
    {
        DefectKind.CLIENT_ID_MISSING,
        DefectKind.FIELD_OVERRUN,
        DefectKind.PROPERTY_LENGTH_MISSING,
        DefectKind.PROPERTY_LENGTH_OVERRUN,
    }
)
# that an id was made up and is unique (MQTT-3.1.3-6) is not in question
_NOT_RETURNED = ("MQTT-3.1.3-7", "MQTT-3.2.2-16")


class ClientIdNotAssigned(HandshakeRule):
    """A client without an id was accepted and not told the id that it was given.

    What it checks
    --------------
    In 5.0 a server that accepts an empty client id makes one up and must return it as Assigned
    Client Identifier. The other way round, an Assigned Client Identifier for a client that
    brought its own id is a note: the standard foresees it only for empty ids.

    Why it matters
    --------------
    Without the assigned id the client cannot come back to its session, appear in logs under a
    known name, or be found by the operator.

    Fix on the client
    -----------------
    Keep the assigned id and use it in later CONNECTs if the session is to live on. If it is
    missing, close and report the server.

    Fix on the server
    -----------------
    Put property 0x12 into every CONNACK that accepts an empty id. A server that does not want
    such clients refuses with 0x85.

    Known false alarms
    ------------------
    None for an unassigned id. That an assigned id is unique is not checked.
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
            "empty, and nothing assigned",
            ("C 10 0d 00 04 4d 51 54 54 05 02 00 3c 00 00 00", ACCEPTED_5, *CLIENT_CLOSES),
        ),
        Example(
            "not empty, and another assigned", (CONNECT_5, "S 20 07 00 00 04 12 00 01 62", *GOODBYE)
        ),
    )
    good = (
        Example(
            "empty, and one assigned",
            (
                "C 10 0d 00 04 4d 51 54 54 05 02 00 3c 00 00 00",
                "S 20 07 00 00 04 12 00 01 62",
                *GOODBYE,
            ),
        ),
        Example(
            "empty, and refused",
            ("C 10 0d 00 04 4d 51 54 54 05 02 00 3c 00 00 00", "S 20 03 00 85 00", *SERVER_CLOSES),
        ),
        Example(
            "3.1.1 assigns without telling",
            ("C 10 0c 00 04 4d 51 54 54 04 02 00 3c 00 00", ACCEPTED_311, *GOODBYE),
        ),
    )

    def check(self, connection: Connection) -> Verdict:
        """Compare the client id with what was assigned."""
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
                message="an Assigned Client Identifier for a client that brought its own",
                at=connack.frame,
                frames=frames,
                evidence={"assignedClientIdentifier": assigned.value},
                severity=Severity.INFO,
                obligation=Obligation.ADVICE,
                statements=(),
                packet=connack,
                span=(assigned.offset, 1),
            )
        if connect.client_id or (assigned is not None and assigned.value):
            return None
        if not readable(connack):
            return Unevaluated("the properties of CONNACK could not be read whole")
        return Failure(
            message="an empty client id was accepted, but no Assigned Client Identifier came back",
            at=connack.frame,
            frames=frames,
            evidence={"clientId": ""},
            statements=_NOT_RETURNED,
            packet=connack,
        )
