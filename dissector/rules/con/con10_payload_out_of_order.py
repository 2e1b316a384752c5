"""CON10: fields of the payload in another order than the standard's."""

from __future__ import annotations

from dissector.model import Confidence, Severity, Side, Version
from dissector.mqtt import spec
from dissector.mqtt.defects import DefectKind
from dissector.rules.base import DefectFact, DefectRule, Example, Verdict, both
from dissector.rules.examples import (
    ACCEPTED_5,
    ACCEPTED_311,
    GOODBYE,
    SERVER_CLOSES,
)


class PayloadOutOfOrder(DefectRule):
    """The fields of the CONNECT payload stand in a wrong order.

    What it checks
    --------------
    The order is client id, (5.0: will properties,) will topic, will message, user name,
    password. Two swapped fields often look just as good, so the rule speaks only where bytes
    tell: in 5.0 where the standard's order does not fit the packet and another order of the
    will's fields fits to the byte; in 3.1.1 where the will topic is no text and the will
    message would be a legal topic.

    Why it matters
    --------------
    The server publishes the will's message under a topic made of its payload, or refuses the
    packet as malformed: the will is lost when it is needed.

    Fix on the client
    -----------------
    Write the will in the standard's order. In 5.0 its properties come before the topic, not
    behind the message.

    Fix on the server
    -----------------
    Read the fields in the standard's order only; do not try others.

    Known false alarms
    ------------------
    In 3.1.1 the evidence is indirect, so the confidence is "possible": a topic in Latin-1 with
    a short text as message looks the same, and breaks the rules as well.
    """

    id = "CON10"
    name = "payload-out-of-order"
    side = Side.CLIENT
    severity = Severity.ERROR
    statements = both("MQTT-3.1.3-1")
    sections = {Version.V3_1_1: "3.1.3", Version.V5_0: "3.1.3"}
    consumes = {DefectKind.FIELD_ORDER: (spec.CONNECT,)}
    bad = (
        Example(
            "3.1.1: will message before will topic",
            ("C 10 13 00 04 4d 51 54 54 04 06 00 3c 00 01 61 00 01 ff 00 01 74", *SERVER_CLOSES),
        ),
        Example(
            "5.0: will properties behind the will message",
            (
                (
                    "C 10 1a 00 04 4d 51 54 54 05 06 00 3c 00 00 01 61 00 01 74 00 01 "
                    "6d 05 18 00 00 00 05"
                ),
                *SERVER_CLOSES,
            ),
        ),
    )
    good = (
        Example(
            "3.1.1: a binary message behind the topic",
            (
                "C 10 13 00 04 4d 51 54 54 04 06 00 3c 00 01 61 00 01 74 00 01 ff",
                ACCEPTED_311,
                *GOODBYE,
            ),
        ),
        Example(
            "5.0: will properties before the topic",
            (
                (
                    "C 10 1a 00 04 4d 51 54 54 05 06 00 3c 00 00 01 61 05 18 00 00 00 "
                    "05 00 01 74 00 01 6d"
                ),
                ACCEPTED_5,
                *GOODBYE,
            ),
        ),
    )

    def check(self, fact: DefectFact) -> Verdict:
        """Say how sure that is: a fit to the byte proves it, swapped contents suggest it."""
        if fact.defect.field == "lastWillTopic":
            return self.failure(
                fact,
                "the will topic is no UTF-8 and the will message is a legal topic: swapped?",
                confidence=Confidence.POSSIBLE,
            )
        return self.failure(
            fact,
            "the will fits the packet only with its fields in another order than the standard's",
        )
