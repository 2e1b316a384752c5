"""ENC09: a User Property whose name or value is no legal text."""

from __future__ import annotations

from dissector.model import Severity, Side, Version
from dissector.mqtt.defects import DefectKind
from dissector.rules.base import DefectFact, DefectRule, Example, Verdict, versions
from dissector.rules.examples import (
    ACCEPTED_5,
    ACCEPTED_311,
    CONNECT_5,
    CONNECT_311,
    GOODBYE,
    SERVER_CLOSES,
)


class UserPropertyNotText(DefectRule):
    """The name or the value of a User Property is not UTF-8 or holds U+0000.

    What it checks
    --------------
    A User Property is a pair of texts, and both halves follow the rules for text: well-formed
    UTF-8, no U+0000. Every packet of 5.0 that may carry User Properties is read.

    Why it matters
    --------------
    User Properties travel unchanged from publisher to subscriber, through servers and bridges.
    One bad pair makes the whole packet malformed, and the connection of whoever receives it
    may be cut.

    Fix on the client
    -----------------
    Put only text in them; encode binary values as hex or base64, and check lengths: a value
    that starts in the middle of a pair comes from a wrong length of the name.

    Fix on the server
    -----------------
    The same for those that the server adds itself, such as trace ids and host names.

    Known false alarms
    ------------------
    None: the bytes prove it.
    """

    id = "ENC09"
    name = "user-property-not-text"
    side = Side.CLIENT
    either = True
    severity = Severity.ERROR
    statements = versions(v5="MQTT-1.5.7-1")
    sections = {Version.V5_0: "1.5.7"}
    consumes = {DefectKind.USER_PROPERTY_NOT_UTF8: (), DefectKind.USER_PROPERTY_NUL: ()}
    bad = (
        Example(
            "a value that is not UTF-8",
            (
                "C 10 15 00 04 4d 51 54 54 05 02 00 3c 07 26 00 01 6b 00 01 ff 00 01 61",
                *SERVER_CLOSES,
            ),
        ),
        Example(
            "a name with U+0000",
            (CONNECT_5, "S 20 0b 00 87 08 26 00 02 6b 00 00 01 76", *SERVER_CLOSES),
        ),
    )
    good = (
        Example(
            "both halves are UTF-8",
            (
                ("C 10 16 00 04 4d 51 54 54 05 02 00 3c 08 26 00 01 6b 00 02 c3 a9 00 01 61"),
                ACCEPTED_5,
                *GOODBYE,
            ),
        ),
        Example(
            "both halves are empty",
            (
                "C 10 13 00 04 4d 51 54 54 05 02 00 3c 05 26 00 00 00 00 00 01 61",
                ACCEPTED_5,
                *GOODBYE,
            ),
        ),
        Example("3.1.1 has no properties", (CONNECT_311, ACCEPTED_311, *GOODBYE)),
    )

    def check(self, fact: DefectFact) -> Verdict:
        """Say which of the two rules for text is broken."""
        if fact.defect.kind is DefectKind.USER_PROPERTY_NUL:
            return self.failure(
                fact, "a User Property holds U+0000; both halves must be plain text"
            )
        return self.failure(
            fact, "a User Property holds bytes that are not UTF-8, in name or value"
        )
