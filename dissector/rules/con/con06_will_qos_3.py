"""CON06: CONNECT with Will QoS 3, which does not exist."""

from __future__ import annotations

from dissector.rules.authoring import *


class WillQos3(DefectRule):
    """The Will QoS is 3.

    What it checks
    --------------
    Both Will QoS bits of the connect flags are set. No version has QoS 3. In 3.1 the finding is a
    warning.

    Why it matters
    --------------
    The server must treat the CONNECT as malformed and close; the device can never connect, because
    it sends the same packet again.

    Fix on the client
    -----------------
    Limit the QoS of the will to 0, 1 and 2 in the configuration. The usual cause is a mask of 0x18
    that is combined with OR instead of a shifted number.

    Fix on the server
    -----------------
    Check the bits and close; do not lower the QoS silently.

    Known false alarms
    ------------------
    None. The bits are the proof.
    """

    id = "CON06"
    name = "will-qos-3"
    side = Side.CLIENT
    severity = {
        Version.V3_1: Severity.WARNING,
        Version.V3_1_1: Severity.ERROR,
        Version.V5_0: Severity.ERROR,
    }
    statements = versions(v31=(), v311="MQTT-3.1.2-14", v5="MQTT-3.1.2-12")
    sections = {Version.V3_1: "3.1", Version.V3_1_1: "3.1.2.6", Version.V5_0: "3.1.2.6"}
    about = (spec.CONNECT,)
    consumes = {DefectKind.WILL_QOS_3: (spec.CONNECT,)}
    bad = (
        Example(
            "3.1: Will QoS 3",
            (
                "C 10 15 00 06 4d 51 49 73 64 70 03 1e 00 3c 00 01 61 00 01 74 00 01 6d",
                *SERVER_CLOSES,
            ),
        ),
        Example(
            "3.1.1: Will QoS 3",
            ("C 10 13 00 04 4d 51 54 54 04 1e 00 3c 00 01 61 00 01 74 00 01 6d", *SERVER_CLOSES),
        ),
        Example(
            "5.0: Will QoS 3",
            (
                "C 10 15 00 04 4d 51 54 54 05 1e 00 3c 00 00 01 61 00 00 01 74 00 01 6d",
                *SERVER_CLOSES,
            ),
        ),
    )
    good = (
        Example(
            "3.1: Will QoS 2",
            (
                "C 10 15 00 06 4d 51 49 73 64 70 03 16 00 3c 00 01 61 00 01 74 00 01 6d",
                ACCEPTED_311,
                *GRACEFUL_CLOSE,
            ),
        ),
        Example(
            "3.1.1: Will QoS 2",
            (
                "C 10 13 00 04 4d 51 54 54 04 16 00 3c 00 01 61 00 01 74 00 01 6d",
                ACCEPTED_311,
                *GRACEFUL_CLOSE,
            ),
        ),
        Example(
            "5.0: Will QoS 2",
            (
                "C 10 15 00 04 4d 51 54 54 05 16 00 3c 00 00 01 61 00 00 01 74 00 01 6d",
                ACCEPTED_5,
                *GRACEFUL_CLOSE,
            ),
        ),
    )

    def check(self, fact: DefectFact) -> Verdict:
        """Reports the value and the valid ones."""
        return self.failure(fact, "Will QoS is 3; only 0, 1 and 2 exist")
