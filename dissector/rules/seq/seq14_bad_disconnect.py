"""SEQ14: DISCONNECT with wrong header flags, length, reason code or Session Expiry Interval."""

from __future__ import annotations

from dissector.rules.authoring import *

_CITED: dict[DefectKind, tuple[tuple[str, ...], str]] = {
    DefectKind.DISCONNECT_FLAGS: (("MQTT-3.14.1-1",), "3.14.1"),
    DefectKind.DISCONNECT_LENGTH: ((), "3.14.1"),
    DefectKind.DISCONNECT_CODE: (("MQTT-3.14.2-1",), "3.14.2.1"),
    DefectKind.DISCONNECT_CODE_SENDER: (("MQTT-3.14.2-1",), "3.14.2.1"),
    DefectKind.DISCONNECT_EXPIRY_FROM_SERVER: (("MQTT-3.14.2-2",), "3.14.2.2.2"),
}


def _lowered(kind: DefectKind, code: int, side: Side) -> tuple[Severity | None, Obligation | None]:
    """Lowers the severity for ambiguous codes of the standard and for codes of the other side."""
    if code == 0x8C or (code == 0x9B and side is Side.CLIENT):
        return Severity.INFO, Obligation.ADVICE
    return (Severity.WARNING if kind is DefectKind.DISCONNECT_CODE_SENDER else None), None


class BadDisconnect(DefectRule):
    """DISCONNECT has header flags, a length, a reason code or a property that it must not have.

    What it checks
    --------------
    In 3.1.1 DISCONNECT is exactly E0 00. In 5.0 its header flags must be 0, its reason code must be
    in table 3-10 and allowed for the side that sends it, and a server must not send a Session
    Expiry Interval. A code of the other side is a warning. 0x8C, which is in one table of the
    standard but not in another, and 0x9B from a client, which one section allows, have severity
    info.

    Why it matters
    --------------
    DISCONNECT determines whether the will is published and how long the session is stored. A
    receiver that cannot read it closes as after an error, and publishes the will although the
    client disconnected intentionally.

    Fix on the client
    -----------------
    3.1.1: Send E0 00.

    5.0: Use 0x00, or 0x04 to have the will published. To report an error of the server, a client
    may send 0x80 to 0x83, 0x90 and 0x93 to 0x99; the other codes from 0x80 are for servers.

    Fix on the server
    -----------------
    Use the server's codes to give the client a reason (0x8B shutting down, 0x8D keep alive timeout,
    0x8E session taken over); the session expiry was agreed in CONNACK.

    Known false alarms
    ------------------
    None. The bytes are the proof.
    """

    id = "SEQ14"
    name = "bad-disconnect"
    side = Side.CLIENT
    either = True
    severity = Severity.ERROR
    statements = versions(
        v311="MQTT-3.14.1-1", v5=("MQTT-3.14.1-1", "MQTT-3.14.2-1", "MQTT-3.14.2-2")
    )
    sections = {Version.V3_1_1: "3.14.1", Version.V5_0: "3.14"}
    consumes = dict.fromkeys(_CITED, (spec.DISCONNECT,))
    bad = (
        Example("3.1.1: flags 0001", (CONNECT_311, ACCEPTED_311, "C e1 00", *SERVER_CLOSES)),
        Example("3.1.1: a reason code", (CONNECT_311, ACCEPTED_311, "C e0 01 00", *SERVER_CLOSES)),
        Example("5.0: flags 0001", (CONNECT_5, ACCEPTED_5, "C e1 00", *SERVER_CLOSES)),
        Example(
            "5.0: a code that does not exist", (CONNECT_5, ACCEPTED_5, "C e0 01 01", *SERVER_CLOSES)
        ),
        Example(
            "5.0: a server's code from the client",
            (CONNECT_5, ACCEPTED_5, "C e0 01 8b", *CLIENT_CLOSES),
        ),
        Example(
            "5.0: a session expiry from the server",
            (CONNECT_5, ACCEPTED_5, "S e0 07 8b 05 11 00 00 00 01", *SERVER_CLOSES),
        ),
    )
    good = (
        Example("3.1.1: E0 00", (CONNECT_311, ACCEPTED_311, *GRACEFUL_CLOSE)),
        Example("5.0: with the will", (CONNECT_5, ACCEPTED_5, "C e0 01 04", *CLIENT_CLOSES)),
        Example(
            "5.0: a session expiry from the client",
            (
                "C 10 13 00 04 4d 51 54 54 05 02 00 3c 05 11 00 00 00 01 00 01 61",
                ACCEPTED_5,
                "C e0 07 00 05 11 00 00 00 02",
                *CLIENT_CLOSES,
            ),
        ),
        Example(
            "5.0: the server shuts down", (CONNECT_5, ACCEPTED_5, "S e0 01 8b", *SERVER_CLOSES)
        ),
    )

    def check(self, fact: DefectFact) -> Verdict:
        """Reports the wrong field, and cites its statement."""
        kind, seen = fact.defect.kind, fact.defect.seen
        statement, section = _CITED[kind]
        severity = obligation = None
        if kind is DefectKind.DISCONNECT_FLAGS:
            message = f"DISCONNECT has the header flags {fact.packet.flags:04b}; they must be 0000"
        elif kind is DefectKind.DISCONNECT_LENGTH:
            message = f"DISCONNECT has a Remaining Length of {seen}; in 3.1.1 it is 0"
        elif kind is DefectKind.DISCONNECT_EXPIRY_FROM_SERVER:
            message = "a server's DISCONNECT has a Session Expiry Interval; only a client's may"
        else:
            code = f"reason code 0x{seen:02X} ({spec.reason_code_name(seen)})"
            severity, obligation = _lowered(kind, seen, fact.side)
            if kind is DefectKind.DISCONNECT_CODE or seen == 0x8C:
                message = f"{code} is not defined for DISCONNECT"
            else:
                message = f"{code} of DISCONNECT is not allowed for the {fact.side.value}"
        return self.failure(
            fact,
            message,
            statements=statement,
            section=section,
            severity=severity,
            obligation=obligation,
        )
