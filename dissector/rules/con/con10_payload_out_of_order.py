"""CON10: CONNECT whose payload fields are not in the order of the standard."""

from __future__ import annotations

from dissector.rules.authoring import *


class PayloadOutOfOrder(DefectRule):
    """The fields of the CONNECT payload are in a wrong order.

    What it checks
    --------------
    The order is client id, (5.0: will properties,) will topic, will message, user name, password.
    The order shows only where lengths do: in 5.0, if the standard's order does not fit the packet,
    while another order of the will's fields fits it to the byte and makes the topic a valid one.
    Before 5.0 topic and message have the same layout, so a swap cannot be recognized.

    Why it matters
    --------------
    The server publishes the will under a topic that is its payload, or refuses the packet as
    malformed: the will is lost when it is needed.

    Fix on the client
    -----------------
    Write the will in the standard's order. In 5.0 its properties come before the topic, not after
    the message.

    Fix on the server
    -----------------
    Read the fields in the standard's order only; do not try other orders.

    Known false alarms
    ------------------
    None known. A packet that is broken in another way does not fit another order to the byte.
    """

    id = "CON10"
    name = "payload-out-of-order"
    side = Side.CLIENT
    severity = Severity.ERROR
    statements = versions(v5="MQTT-3.1.3-1")
    sections = {Version.V5_0: "3.1.3"}
    about = (spec.CONNECT,)
    consumes = {DefectKind.FIELD_ORDER: (spec.CONNECT,)}
    bad = (
        Example(
            "will properties after the will message",
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
            "3.1.1: a binary message after the topic",
            (
                "C 10 13 00 04 4d 51 54 54 04 06 00 3c 00 01 61 00 01 74 00 01 ff",
                ACCEPTED_311,
                *GRACEFUL_CLOSE,
            ),
        ),
        Example(
            "will properties before the topic",
            (
                (
                    "C 10 1a 00 04 4d 51 54 54 05 06 00 3c 00 00 01 61 05 18 00 00 00 "
                    "05 00 01 74 00 01 6d"
                ),
                ACCEPTED_5,
                *GRACEFUL_CLOSE,
            ),
        ),
    )

    def check(self, fact: DefectFact) -> Verdict:
        """Reports that only another order fits."""
        return self.failure(
            fact,
            "the fields of the will fit the packet only in another order than the standard's",
        )
