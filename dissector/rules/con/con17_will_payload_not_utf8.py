"""CON17: will payload that is declared as UTF-8 but is not."""

from __future__ import annotations

from dissector.rules.authoring import *


class WillPayloadNotUtf8(DefectRule):
    """The will payload is declared as UTF-8, but is not.

    What it checks
    --------------
    With Payload Format Indicator 1 among the will properties, the will payload must be well-formed
    UTF-8.

    Why it matters
    --------------
    Receivers rely on the indicator and decode the payload as text; some servers check it and refuse
    the CONNECT with 0x99. In both cases the will is lost when it is needed.

    Fix on the client
    -----------------
    Omit the indicator for binary payloads, or encode the text as UTF-8.

    Fix on the server
    -----------------
    A server may check the payload and refuse with 0x99 (Payload format invalid), but need not.

    Known false alarms
    ------------------
    None. The bytes contradict the indicator.
    """

    id = "CON17"
    name = "will-payload-not-utf8"
    side = Side.CLIENT
    severity = Severity.WARNING
    statements = versions(v5=())
    sections = {Version.V5_0: "3.1.3.2.3"}
    malformed = False
    about = (spec.CONNECT,)
    consumes = {DefectKind.WILL_PAYLOAD_NOT_UTF8: (spec.CONNECT,)}
    bad = (
        Example(
            "indicator 1, payload FF",
            (
                ("C 10 17 00 04 4d 51 54 54 05 06 00 3c 00 00 01 61 02 01 01 00 01 74 00 01 ff"),
                "S 20 03 00 99 00",
                *SERVER_CLOSES,
            ),
        ),
    )
    good = (
        Example(
            "indicator 0, payload FF",
            (
                ("C 10 17 00 04 4d 51 54 54 05 06 00 3c 00 00 01 61 02 01 00 00 01 74 00 01 ff"),
                ACCEPTED_5,
                *GRACEFUL_CLOSE,
            ),
        ),
        Example(
            "indicator 1, payload in two bytes of UTF-8",
            (
                ("C 10 18 00 04 4d 51 54 54 05 06 00 3c 00 00 01 61 02 01 01 00 01 74 00 02 c3 a9"),
                ACCEPTED_5,
                *GRACEFUL_CLOSE,
            ),
        ),
        Example(
            "3.1.1 has no indicator",
            (
                "C 10 13 00 04 4d 51 54 54 04 06 00 3c 00 01 61 00 01 74 00 01 ff",
                ACCEPTED_311,
                *GRACEFUL_CLOSE,
            ),
        ),
    )

    def check(self, fact: DefectFact) -> Verdict:
        """Reports the indicator and the payload that contradict each other."""
        return self.failure(
            fact, "payloadFormatIndicator is 1 but the will's payload is not well-formed UTF-8"
        )
