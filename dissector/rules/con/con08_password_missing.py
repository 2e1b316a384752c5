"""CON08: a password that is announced and not there."""

from __future__ import annotations

from dissector.model import Severity, Side, Version
from dissector.mqtt import spec
from dissector.mqtt.defects import DefectKind
from dissector.rules.base import DefectFact, DefectRule, Example, Verdict, versions
from dissector.rules.examples import (
    ACCEPTED_5,
    ACCEPTED_311,
    GOODBYE,
    SERVER_CLOSES,
)

_CITED: dict[Version | None, tuple[str, ...]] = {
    Version.V3_1_1: ("MQTT-3.1.2-21",),
    Version.V5_0: ("MQTT-3.1.2-19",),
}


class PasswordMissing(DefectRule):
    """The Password Flag is set but no password is in the payload.

    What it checks
    --------------
    The payload ends before the password that the flag announces. One of length 0 is there. A
    password that stands in the payload without its flag shows as bytes left over (ENC13):
    nothing says what they were meant to be. In MQTT 3.1 the flag may stand alone.

    Why it matters
    --------------
    The server has to close without looking at the credentials. The device is refused as if its
    password were wrong, and the log of the server says "protocol error".

    Fix on the client
    -----------------
    Set the flag only if the password is written, both from the same condition. A pointer that
    is NULL where an empty string was meant is the usual cause.

    Fix on the server
    -----------------
    Check what is left of the packet before reading the field; do not read beyond it and do not
    assume an empty one.

    Known false alarms
    ------------------
    None from 3.1.1 on. The standard of 3.1 let the Remaining Length win over the flags, so the
    rule does not apply there.
    """

    id = "CON08"
    name = "password-missing"
    side = Side.CLIENT
    severity = Severity.ERROR
    statements = versions(
        v311=("MQTT-3.1.2-20", "MQTT-3.1.2-21"),
        v5=("MQTT-3.1.2-18", "MQTT-3.1.2-19"),
    )
    sections = {Version.V3_1_1: "3.1.2.9", Version.V5_0: "3.1.2.9"}
    consumes = {DefectKind.PASSWORD_MISSING: (spec.CONNECT,)}
    bad = (
        Example(
            "3.1.1: the flag without the field",
            ("C 10 10 00 04 4d 51 54 54 04 c2 00 3c 00 01 61 00 01 75", *SERVER_CLOSES),
        ),
        Example(
            "5.0: the flag without the field",
            ("C 10 11 00 04 4d 51 54 54 05 c2 00 3c 00 00 01 61 00 01 75", *SERVER_CLOSES),
        ),
    )
    good = (
        Example(
            "3.1.1: an empty password",
            (
                "C 10 12 00 04 4d 51 54 54 04 c2 00 3c 00 01 61 00 01 75 00 00",
                ACCEPTED_311,
                *GOODBYE,
            ),
        ),
        Example(
            "5.0: an empty password",
            (
                "C 10 13 00 04 4d 51 54 54 05 c2 00 3c 00 00 01 61 00 01 75 00 00",
                ACCEPTED_5,
                *GOODBYE,
            ),
        ),
        Example(
            "3.1: the flag may stand alone",
            (
                "C 10 12 00 06 4d 51 49 73 64 70 03 c2 00 3c 00 01 61 00 01 75",
                ACCEPTED_311,
                *GOODBYE,
            ),
        ),
    )

    def check(self, fact: DefectFact) -> Verdict:
        """Cite the half of the duty that is broken: the flag is there, the field is not."""
        return self.failure(
            fact,
            "the Password Flag is set but the payload ends before the password",
            statements=_CITED.get(fact.connection.version),
        )
