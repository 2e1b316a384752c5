"""ACK09: will accepted by a server whose CONNACK says that it does not support it."""

from __future__ import annotations

from dissector.rules.authoring import *
from dissector.rules.properties import find


class WillBeyondServerAbility(HandshakeRule):
    """The server accepted a will whose QoS or Retain it does not support according to its CONNACK.

    What it checks
    --------------
    A server that sends Maximum QoS 0 or 1 must refuse a will of a higher QoS, and one that sends
    Retain Available 0 must refuse a retained will. The rule reports such a CONNECT that was
    answered with code 0. With which code a server refuses is not judged: 0x9B and 0x9A are only
    recommended ("should").

    Why it matters
    --------------
    The client relies on its will. If it disconnects unexpectedly, the will is published with a
    lower QoS, not retained, or not at all.

    Fix on the client
    -----------------
    Check Maximum QoS and Retain Available of CONNACK. If the will needs more, connect again with a
    will that the server supports.

    Fix on the server
    -----------------
    Check the will against the server's own limits before accepting. It must refuse, and should do
    so with 0x9B (QoS not supported) or 0x9A (Retain not supported).

    Known false alarms
    ------------------
    None. Both packets are the proof. Without the CONNECT the rule is not evaluated.
    """

    id = "ACK09"
    name = "will-beyond-server-ability"
    side = Side.SERVER
    severity = Severity.ERROR
    statements = versions(v5=("MQTT-3.2.2-12", "MQTT-3.2.2-13"))
    sections = {Version.V5_0: "3.2.2.3"}
    asks = ConnectionFlag.WILL_LIMITS
    bad = (
        Example(
            "Maximum QoS 0, will of QoS 1",
            (
                "C 10 15 00 04 4d 51 54 54 05 0e 00 3c 00 00 01 61 00 00 01 74 00 01 6d",
                "S 20 05 00 00 02 24 00",
                *CLIENT_CLOSES,
            ),
        ),
        Example(
            "Retain Available 0, retained will",
            (
                "C 10 15 00 04 4d 51 54 54 05 26 00 3c 00 00 01 61 00 00 01 74 00 01 6d",
                "S 20 05 00 00 02 25 00",
                *CLIENT_CLOSES,
            ),
        ),
    )
    good = (
        Example(
            "Maximum QoS 1, will of QoS 1",
            (
                "C 10 15 00 04 4d 51 54 54 05 0e 00 3c 00 00 01 61 00 00 01 74 00 01 6d",
                "S 20 05 00 00 02 24 01",
                *GRACEFUL_CLOSE,
            ),
        ),
        Example(
            "Retain Available 0, will not retained",
            (
                "C 10 15 00 04 4d 51 54 54 05 06 00 3c 00 00 01 61 00 00 01 74 00 01 6d",
                "S 20 05 00 00 02 25 00",
                *GRACEFUL_CLOSE,
            ),
        ),
        Example(
            "refused for its QoS",
            (
                "C 10 15 00 04 4d 51 54 54 05 0e 00 3c 00 00 01 61 00 00 01 74 00 01 6d",
                "S 20 05 00 9b 02 24 00",
                *SERVER_CLOSES,
            ),
        ),
    )

    def check(self, connection: Connection) -> Verdict:
        """Compares the will with both limits."""
        connect, connack = connection.connect, connection.connack
        if connack is None or connack.frame is None or connack.return_code != 0:
            return None
        limit = find(connack.properties, "maximumQos")
        retain = find(connack.properties, "retainAvailable")
        if limit is None and retain is None:
            return None
        if connect is None or connect.frame is None:
            return Unevaluated("the CONNECT was not seen")
        if not connect.will_flag:
            return None
        failures: list[Failure] = []
        qos = connect.last_will_qos
        if limit is not None and limit.value < qos < 3:  # QoS 3 is CON06's, a limit of 2 ACK05's
            failures.append(
                Failure(
                    message=f"a will of QoS {qos} was accepted, but Maximum QoS is {limit.value}",
                    at=connack.frame,
                    frames=(connect.frame, connack.frame),
                    evidence={"lastWillQos": qos, "maximumQos": limit.value},
                    statements=("MQTT-3.2.2-12",),
                    section="3.2.2.3.4",
                    packet=connack,
                    span=(limit.offset, 2),
                )
            )
        if retain is not None and retain.value == 0 and connect.last_will_retain:
            failures.append(
                Failure(
                    message="a retained will was accepted, but Retain Available is 0",
                    at=connack.frame,
                    frames=(connect.frame, connack.frame),
                    evidence={"lastWillRetain": True, "retainAvailable": 0},
                    statements=("MQTT-3.2.2-13",),
                    section="3.2.2.3.5",
                    packet=connack,
                    span=(retain.offset, 2),
                )
            )
        return failures or None
