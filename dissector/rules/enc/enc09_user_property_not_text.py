"""ENC09: User Property whose name or value is not valid text."""

from __future__ import annotations

from dissector.rules.authoring import *


class UserPropertyNotText(DefectRule):
    """The name or the value of a User Property is not UTF-8 or contains U+0000.

    What it checks
    --------------
    A User Property is a pair of texts, a name and a value. Both must be well-formed UTF-8 without
    U+0000. All packets of 5.0 that may have User Properties are checked.

    Why it matters
    --------------
    User Properties are forwarded unchanged from publisher to subscriber, through servers and
    bridges. One bad pair makes the packet malformed, and its receiver may close the connection.

    Fix on the client
    -----------------
    Send only text in them; encode binary values as hex or base64, and check lengths: a value that
    begins in the middle of a pair comes from a wrong length of the name.

    Fix on the server
    -----------------
    The same for those that the server adds, such as trace ids and host names.

    Known false alarms
    ------------------
    None. The bytes are the proof.
    """

    id = "ENC09"
    name = "user-property-not-text"
    side = Side.CLIENT
    either = True
    severity = Severity.ERROR
    statements = versions(v5=("MQTT-1.5.4-1", "MQTT-1.5.4-2", "MQTT-1.5.7-1"))
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
            "name and value are UTF-8",
            (
                ("C 10 16 00 04 4d 51 54 54 05 02 00 3c 08 26 00 01 6b 00 02 c3 a9 00 01 61"),
                ACCEPTED_5,
                *GRACEFUL_CLOSE,
            ),
        ),
        Example(
            "name and value are empty",
            (
                "C 10 13 00 04 4d 51 54 54 05 02 00 3c 05 26 00 00 00 00 00 01 61",
                ACCEPTED_5,
                *GRACEFUL_CLOSE,
            ),
        ),
        Example("3.1.1 has no properties", (CONNECT_311, ACCEPTED_311, *GRACEFUL_CLOSE)),
    )

    def check(self, fact: DefectFact) -> Verdict:
        """Reports which of the two requirements for text is violated."""
        if fact.defect.kind is DefectKind.USER_PROPERTY_NUL:
            return self.failure(
                fact,
                "a User Property contains U+0000, in name or value; text must not",
                statements=("MQTT-1.5.4-2", "MQTT-1.5.7-1"),
            )
        return self.failure(
            fact,
            "a User Property contains bytes that are not UTF-8, in name or value",
            statements=("MQTT-1.5.4-1", "MQTT-1.5.7-1"),
        )
