"""ENC06: text property that contains the character U+0000."""

from __future__ import annotations

from dissector.rules.authoring import *


class NulInText(DefectRule):
    """A text field contains the character U+0000.

    What it checks
    --------------
    A byte 00 within a text property of 5.0; earlier versions have no properties. Client id, user
    name and will topic are reported by CON12 and CON15, User Properties by ENC09. The two bytes C0
    80, which some runtimes write for U+0000, are not UTF-8 and are reported by ENC05.

    Why it matters
    --------------
    C code treats NUL as the end of the string: two programs see two different values, which has
    been used to bypass access lists. Receivers must treat the packet as malformed.

    Fix on the client
    -----------------
    Send the length of the text, not the size of the buffer: the usual cause is a sizeof or strlen +
    1 that counts the terminator. Reject NUL in user input.

    Fix on the server
    -----------------
    The same for Reason String, Response Information, Server Reference and the Assigned Client
    Identifier.

    Known false alarms
    ------------------
    None. The byte is the proof.
    """

    id = "ENC06"
    name = "nul-in-text"
    side = Side.CLIENT
    either = True
    severity = Severity.ERROR
    statements = versions(v5="MQTT-1.5.4-2")
    sections = {Version.V5_0: "1.5.4"}
    consumes = {DefectKind.TEXT_NUL: ()}
    bad = (
        Example(
            "a Reason String with its terminator",
            (CONNECT_5, "S 20 09 00 87 06 1f 00 03 6e 6f 00", *SERVER_CLOSES),
        ),
        Example(
            "a Content Type with its terminator",
            (
                (
                    "C 10 1a 00 04 4d 51 54 54 05 06 00 3c 00 00 01 61 05 03 00 02 78 "
                    "00 00 01 74 00 01 6d"
                ),
                *SERVER_CLOSES,
            ),
        ),
    )
    good = (
        Example(
            "a Reason String without terminator",
            (CONNECT_5, "S 20 08 00 87 05 1f 00 02 6e 6f", *SERVER_CLOSES),
        ),
        Example(
            "3.1.1: NUL in a password is legal",
            (
                "C 10 13 00 04 4d 51 54 54 04 c2 00 3c 00 01 61 00 01 75 00 01 00",
                ACCEPTED_311,
                *GRACEFUL_CLOSE,
            ),
        ),
    )

    def check(self, fact: DefectFact) -> Verdict:
        """Reports the property."""
        return self.failure(
            fact, f"the property {fact.defect.field} contains U+0000, which text must not"
        )
