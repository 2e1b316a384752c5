"""CON04: CONNECT with the Will Flag set whose payload lacks a field of the will."""

from __future__ import annotations

from dissector.rules.authoring import *


class WillFieldMissing(DefectRule):
    """The Will Flag is set but a field of the will is missing.

    What it checks
    --------------
    If the Will Flag is set, the payload must have the will topic and the will message, and in 5.0
    the will properties before them. The rule reports a payload that ends before one of them. An
    empty will message is not missing: its length is 0.

    Why it matters
    --------------
    The server cannot tell a will without a message from a truncated packet, so it closes. The
    device can never connect, or, with a lenient server, its will is not published when it
    disconnects unexpectedly.

    Fix on the client
    -----------------
    Write both fields whenever the flag is set, even if they are empty. In 5.0 write the Property
    Length of the will first, one byte 00 if there are no properties: leaving it out is the most
    common mistake in code ported from 3.1.1.

    Fix on the server
    -----------------
    Check how much is left of the packet before reading each field, and close if it ends early.

    Known false alarms
    ------------------
    None. The flags and the end of the packet are the proof. Truncated packets of the capture are
    not judged.
    """

    id = "CON04"
    name = "will-field-missing"
    side = Side.CLIENT
    severity = Severity.ERROR
    statements = both("MQTT-3.1.2-9")
    sections = {Version.V3_1_1: "3.1.2.5", Version.V5_0: "3.1.2.5"}
    about = (spec.CONNECT,)
    consumes = {DefectKind.WILL_FIELD_MISSING: (spec.CONNECT,)}
    bad = (
        Example(
            "3.1.1: no will message",
            ("C 10 10 00 04 4d 51 54 54 04 06 00 3c 00 01 61 00 01 74", *SERVER_CLOSES),
        ),
        Example(
            "3.1.1: no will at all",
            ("C 10 0d 00 04 4d 51 54 54 04 06 00 3c 00 01 61", *SERVER_CLOSES),
        ),
        Example(
            "5.0: no will message",
            ("C 10 12 00 04 4d 51 54 54 05 06 00 3c 00 00 01 61 00 00 01 74", *SERVER_CLOSES),
        ),
    )
    good = (
        Example(
            "3.1.1: an empty will message",
            (
                "C 10 12 00 04 4d 51 54 54 04 06 00 3c 00 01 61 00 01 74 00 00",
                ACCEPTED_311,
                *GRACEFUL_CLOSE,
            ),
        ),
        Example(
            "5.0: an empty will message",
            (
                "C 10 14 00 04 4d 51 54 54 05 06 00 3c 00 00 01 61 00 00 01 74 00 00",
                ACCEPTED_5,
                *GRACEFUL_CLOSE,
            ),
        ),
    )

    def check(self, fact: DefectFact) -> Verdict:
        """Reports the missing field."""
        return self.failure(
            fact, f"the Will Flag is set but the payload ends before {fact.defect.field}"
        )
