"""CON18: will with a Response Topic that is empty or contains a wildcard."""

from __future__ import annotations

from dissector.rules.authoring import *

_PROBLEMS = {
    DefectKind.RESPONSE_TOPIC_WILDCARD: "contains a wildcard, + or #",
    DefectKind.RESPONSE_TOPIC_EMPTY: "is empty; it needs at least one character",
}


class IllegalWillResponseTopic(DefectRule):
    """The Response Topic of the will is empty or contains a wildcard.

    What it checks
    --------------
    A Response Topic is a topic name: at least one character, no + and no #. The rule checks the one
    among the will properties of CONNECT. One that is not UTF-8 is reported by ENC05, one with
    U+0000 by ENC06.

    Why it matters
    --------------
    Whoever receives the will is to publish its response to that topic, and a PUBLISH to a topic
    with a wildcard disconnects its sender: each receiver that responds loses its connection.

    Fix on the client
    -----------------
    Use one topic without wildcards, such as devices/ID/response. To receive responses, subscribe to
    a filter that matches it; the filter itself is not a Response Topic.

    Fix on the server
    -----------------
    Check the topic when the CONNECT is received, as for the will topic, and refuse with 0x81
    (Malformed Packet).

    Known false alarms
    ------------------
    None. The bytes are the proof.
    """

    id = "CON18"
    name = "illegal-will-response-topic"
    side = Side.CLIENT
    severity = Severity.ERROR
    statements = versions(v5=())
    sections = {Version.V5_0: "3.1.3.2"}
    consumes = dict.fromkeys(_PROBLEMS, (spec.WILL,))
    bad = (
        Example(
            "a wildcard",
            (
                "C 10 1c 00 04 4d 51 54 54 05 06 00 3c 00 00 01 61 06 08 00 03 61 2f 23 "
                "00 02 77 2f 00 01 6d",
                "S 20 03 00 81 00",
                *SERVER_CLOSES,
            ),
        ),
        Example(
            "empty",
            (
                "C 10 19 00 04 4d 51 54 54 05 06 00 3c 00 00 01 61 03 08 00 00 "
                "00 02 77 2f 00 01 6d",
                "S 20 03 00 81 00",
                *SERVER_CLOSES,
            ),
        ),
    )
    good = (
        Example(
            "a topic name",
            (
                "C 10 1c 00 04 4d 51 54 54 05 06 00 3c 00 00 01 61 06 08 00 03 61 2f 62 "
                "00 02 77 2f 00 01 6d",
                ACCEPTED_5,
                *GRACEFUL_CLOSE,
            ),
        ),
    )

    def check(self, fact: DefectFact) -> Verdict:
        """Reports what is wrong with the topic."""
        return self.failure(fact, f"the will's Response Topic {_PROBLEMS[fact.defect.kind]}")
