"""CON05: CONNECT with Will QoS or Will Retain set but the Will Flag 0."""

from __future__ import annotations

from dissector.rules.authoring import *

_QOS: dict[Version | None, tuple[str, ...]] = {
    Version.V3_1_1: ("MQTT-3.1.2-11", "MQTT-3.1.2-13"),
    Version.V5_0: ("MQTT-3.1.2-11",),
}
_RETAIN: dict[Version | None, tuple[str, ...]] = {
    Version.V3_1_1: ("MQTT-3.1.2-11", "MQTT-3.1.2-15"),
    Version.V5_0: ("MQTT-3.1.2-13",),
}


class WillBitsWithoutWill(DefectRule):
    """Will QoS or Will Retain is set although the Will Flag is 0.

    What it checks
    --------------
    If the Will Flag is 0, both Will QoS bits and Will Retain must be 0. MQTT 3.1 ignores them. A
    will topic or will message in the payload without the flag is reported as bytes left over
    (ENC13), because it cannot be recognized as such.

    Why it matters
    --------------
    The server must refuse the packet. If it does not, the device relies on a will that does not
    exist, and its loss goes unnoticed.

    Fix on the client
    -----------------
    Set the three together from one structure: without a will, none of them. The usual cause is a
    default QoS that is combined with OR even if there is no will.

    Fix on the server
    -----------------
    Check the bits and close.

    Known false alarms
    ------------------
    None. The bits are the proof.
    """

    id = "CON05"
    name = "will-bits-without-will"
    side = Side.CLIENT
    severity = Severity.ERROR
    statements = versions(
        v311=("MQTT-3.1.2-11", "MQTT-3.1.2-13", "MQTT-3.1.2-15"),
        v5=("MQTT-3.1.2-11", "MQTT-3.1.2-13"),
    )
    sections = {Version.V3_1_1: "3.1.2.5", Version.V5_0: "3.1.2.5"}
    about = (spec.CONNECT,)
    consumes = {
        DefectKind.WILL_QOS_WITHOUT_FLAG: (spec.CONNECT,),
        DefectKind.WILL_RETAIN_WITHOUT_FLAG: (spec.CONNECT,),
    }
    bad = (
        Example(
            "3.1.1: Will QoS 1", ("C 10 0d 00 04 4d 51 54 54 04 0a 00 3c 00 01 61", *SERVER_CLOSES)
        ),
        Example(
            "5.0: Will QoS 1", ("C 10 0e 00 04 4d 51 54 54 05 0a 00 3c 00 00 01 61", *SERVER_CLOSES)
        ),
        Example(
            "3.1.1: Will Retain", ("C 10 0d 00 04 4d 51 54 54 04 22 00 3c 00 01 61", *SERVER_CLOSES)
        ),
        Example(
            "5.0: Will Retain",
            ("C 10 0e 00 04 4d 51 54 54 05 22 00 3c 00 00 01 61", *SERVER_CLOSES),
        ),
    )
    good = (
        Example(
            "3.1.1: both with a will",
            (
                "C 10 13 00 04 4d 51 54 54 04 2e 00 3c 00 01 61 00 01 74 00 01 6d",
                ACCEPTED_311,
                *GRACEFUL_CLOSE,
            ),
        ),
        Example(
            "5.0: both with a will",
            (
                "C 10 15 00 04 4d 51 54 54 05 2e 00 3c 00 00 01 61 00 00 01 74 00 01 6d",
                ACCEPTED_5,
                *GRACEFUL_CLOSE,
            ),
        ),
        Example(
            "3.1: the bits are ignored",
            ("C 10 0f 00 06 4d 51 49 73 64 70 03 2a 00 3c 00 01 61", ACCEPTED_311, *GRACEFUL_CLOSE),
        ),
    )

    def check(self, fact: DefectFact) -> Verdict:
        """Cites the statements of the bits that are set."""
        retain = fact.defect.kind is DefectKind.WILL_RETAIN_WITHOUT_FLAG
        what = "Will Retain is 1" if retain else f"Will QoS is {fact.defect.seen}"
        cited = _RETAIN if retain else _QOS
        return self.failure(
            fact,
            f"{what} although the Will Flag is 0; without a will it must be 0",
            statements=cited.get(fact.connection.version),
        )
