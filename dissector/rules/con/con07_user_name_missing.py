"""CON07: CONNECT with the User Name Flag set but no user name in the payload."""

from __future__ import annotations

from dissector.rules.authoring import *


class UserNameMissing(DefectRule):
    """The User Name Flag is set but no user name is in the payload.

    What it checks
    --------------
    The payload ends before the user name that the flag announces. A user name of length 0 is not
    missing. A user name in the payload without its flag is reported as bytes left over (ENC13),
    because it cannot be recognized as such. In MQTT 3.1 the flag may be set without the field.

    Why it matters
    --------------
    The server must close without checking the credentials. The device is refused as if its user
    name were wrong, while the log of the server says "protocol error".

    Fix on the client
    -----------------
    Set the flag only if the user name is written, both on the same condition. The usual cause is a
    NULL pointer instead of an empty string.

    Fix on the server
    -----------------
    Check how much is left of the packet before reading the field; do not read beyond it, and do not
    assume an empty field.

    Known false alarms
    ------------------
    None from 3.1.1 on. In 3.1 the Remaining Length takes precedence over the flags, so the rule
    does not apply there.
    """

    id = "CON07"
    name = "user-name-missing"
    side = Side.CLIENT
    severity = Severity.ERROR
    statements = versions(v311="MQTT-3.1.2-19", v5="MQTT-3.1.2-17")
    sections = {Version.V3_1_1: "3.1.2.8", Version.V5_0: "3.1.2.8"}
    about = (spec.CONNECT,)
    consumes = {DefectKind.USERNAME_MISSING: (spec.CONNECT,)}
    bad = (
        Example(
            "3.1.1: the flag without the field",
            ("C 10 0d 00 04 4d 51 54 54 04 82 00 3c 00 01 61", *SERVER_CLOSES),
        ),
        Example(
            "5.0: the flag without the field",
            ("C 10 0e 00 04 4d 51 54 54 05 82 00 3c 00 00 01 61", *SERVER_CLOSES),
        ),
    )
    good = (
        Example(
            "3.1.1: an empty user name",
            ("C 10 0f 00 04 4d 51 54 54 04 82 00 3c 00 01 61 00 00", ACCEPTED_311, *GRACEFUL_CLOSE),
        ),
        Example(
            "5.0: an empty user name",
            (
                "C 10 10 00 04 4d 51 54 54 05 82 00 3c 00 00 01 61 00 00",
                ACCEPTED_5,
                *GRACEFUL_CLOSE,
            ),
        ),
        Example(
            "3.1: the flag may be set without the field",
            ("C 10 0f 00 06 4d 51 49 73 64 70 03 82 00 3c 00 01 61", ACCEPTED_311, *GRACEFUL_CLOSE),
        ),
    )

    def check(self, fact: DefectFact) -> Verdict:
        """Reports that the flag is set, but the field is missing."""
        return self.failure(
            fact, "the User Name Flag is set but the payload ends before the user name"
        )
