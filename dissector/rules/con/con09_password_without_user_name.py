"""CON09: CONNECT with the Password Flag but without the User Name Flag (3.1 and 3.1.1)."""

from __future__ import annotations

from dissector.rules.authoring import *


class PasswordWithoutUserName(DefectRule):
    """The Password Flag is set and the User Name Flag is not.

    What it checks
    --------------
    MQTT 3.1 and 3.1.1 allow a password only together with a user name. MQTT 5.0 allows it alone,
    for tokens. In 3.1 the finding is a warning.

    Why it matters
    --------------
    A 3.1.1 server must close. Clients that send a token as password work with 5.0 and fail with
    3.1.1.

    Fix on the client
    -----------------
    With 3.1.1 send a user name, an empty one if the server accepts that; or use 5.0.

    Fix on the server
    -----------------
    Check the two flags together and close. To accept tokens without a user name, support 5.0.

    Known false alarms
    ------------------
    None. The flags are the proof.
    """

    id = "CON09"
    name = "password-without-user-name"
    side = Side.CLIENT
    severity = {Version.V3_1: Severity.WARNING, Version.V3_1_1: Severity.ERROR}
    statements = versions(v31=(), v311="MQTT-3.1.2-22")
    sections = {Version.V3_1: "3.1", Version.V3_1_1: "3.1.2.9"}
    about = (spec.CONNECT,)
    consumes = {DefectKind.PASSWORD_WITHOUT_USERNAME: (spec.CONNECT,)}
    bad = (
        Example(
            "3.1: a password without user name",
            ("C 10 12 00 06 4d 51 49 73 64 70 03 42 00 3c 00 01 61 00 01 70", *SERVER_CLOSES),
        ),
        Example(
            "3.1.1: a password without user name",
            ("C 10 10 00 04 4d 51 54 54 04 42 00 3c 00 01 61 00 01 70", *SERVER_CLOSES),
        ),
    )
    good = (
        Example(
            "3.1.1: a password with an empty user name",
            (
                "C 10 12 00 04 4d 51 54 54 04 c2 00 3c 00 01 61 00 00 00 01 70",
                ACCEPTED_311,
                *GRACEFUL_CLOSE,
            ),
        ),
        Example(
            "3.1: a user name without password",
            (
                "C 10 12 00 06 4d 51 49 73 64 70 03 82 00 3c 00 01 61 00 01 75",
                ACCEPTED_311,
                *GRACEFUL_CLOSE,
            ),
        ),
        Example(
            "5.0: a password without user name is legal",
            (
                "C 10 11 00 04 4d 51 54 54 05 42 00 3c 00 00 01 61 00 01 70",
                ACCEPTED_5,
                *GRACEFUL_CLOSE,
            ),
        ),
    )

    def check(self, fact: DefectFact) -> Verdict:
        """Reports the missing flag."""
        return self.failure(fact, "the Password Flag is set without the User Name Flag")
