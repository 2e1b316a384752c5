"""ENC07: text field that contains a control character or a Unicode non-character."""

from __future__ import annotations

from dissector.rules.authoring import *


class ControlCharacterInText(DefectRule):
    """A text field contains a control character or a Unicode non-character.

    What it checks
    --------------
    U+0001 to U+001F, U+007F to U+009F and the non-characters (such as U+FFFF) in client id, user
    name, will topic or a text property. The standard only discourages them: a receiver may close
    the connection, but need not.

    Why it matters
    --------------
    One server accepts the packet, another one closes without giving a reason. Control characters
    also corrupt logs and can control a terminal that displays them.

    Fix on the client
    -----------------
    Remove line ends and other control characters from names that come from files, AT commands or
    user input: a trailing carriage return is by far the most common.

    Fix on the server
    -----------------
    Do not send them in Reason Strings and assigned identifiers; decide whether clients that send
    them are disconnected, and document it.

    Known false alarms
    ------------------
    The packet is legal. The finding is a hint, whatever the server did.
    """

    id = "ENC07"
    name = "control-character-in-text"
    side = Side.CLIENT
    either = True
    severity = Severity.INFO
    obligation = Obligation.SHOULD
    statements = versions(v311=(), v5=())
    sections = {Version.V3_1_1: "1.5.3", Version.V5_0: "1.5.4"}
    consumes = {DefectKind.TEXT_CONTROL: ()}
    bad = (
        Example(
            "3.1.1: a user name that ends in a carriage return",
            (
                "C 10 11 00 04 4d 51 54 54 04 82 00 3c 00 01 61 00 02 75 0d",
                ACCEPTED_311,
                *GRACEFUL_CLOSE,
            ),
        ),
        Example(
            "5.0: a user name that ends in U+007F",
            (
                "C 10 12 00 04 4d 51 54 54 05 82 00 3c 00 00 01 61 00 02 75 7f",
                ACCEPTED_5,
                *GRACEFUL_CLOSE,
            ),
        ),
        Example(
            "5.0: a Reason String with a line end",
            (CONNECT_5, "S 20 09 00 87 06 1f 00 03 6e 6f 0a", *SERVER_CLOSES),
        ),
    )
    good = (
        Example(
            "3.1.1: a user name that ends in a space",
            (
                "C 10 11 00 04 4d 51 54 54 04 82 00 3c 00 01 61 00 02 75 20",
                ACCEPTED_311,
                *GRACEFUL_CLOSE,
            ),
        ),
        Example(
            "5.0: a user name that ends in U+007E",
            (
                "C 10 12 00 04 4d 51 54 54 05 82 00 3c 00 00 01 61 00 02 75 7e",
                ACCEPTED_5,
                *GRACEFUL_CLOSE,
            ),
        ),
        Example(
            "3.1: not discouraged",
            (
                "C 10 13 00 06 4d 51 49 73 64 70 03 82 00 3c 00 01 61 00 02 75 0d",
                ACCEPTED_311,
                *GRACEFUL_CLOSE,
            ),
        ),
    )

    def check(self, fact: DefectFact) -> Verdict:
        """Reports the field."""
        field = fact.defect.field or "a text field"
        return self.failure(
            fact, f"{field} contains a control character or non-character; receivers may refuse it"
        )
