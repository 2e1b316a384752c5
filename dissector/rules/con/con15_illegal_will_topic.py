"""CON15: CONNECT with a will topic that is empty or contains a wildcard or U+0000."""

from __future__ import annotations

from dissector.rules.authoring import *

_Cited = dict[Version | None, tuple[str, ...]]
_WILDCARD: _Cited = {Version.V3_1_1: ("MQTT-4.7.1-1",), Version.V5_0: ("MQTT-4.7.0-1",)}
_EMPTY: _Cited = {Version.V3_1_1: ("MQTT-4.7.3-1",), Version.V5_0: ("MQTT-4.7.3-1",)}
_NUL: _Cited = {
    Version.V3_1_1: ("MQTT-1.5.3-2", "MQTT-4.7.3-2"),
    Version.V5_0: ("MQTT-1.5.4-2", "MQTT-4.7.3-2"),
}
_PROBLEMS = {
    DefectKind.WILL_TOPIC_WILDCARD: ("the will topic contains a wildcard, + or #", _WILDCARD),
    DefectKind.WILL_TOPIC_EMPTY: (
        "the will topic is empty; it needs at least one character",
        _EMPTY,
    ),
    DefectKind.WILL_TOPIC_NUL: ("the will topic contains U+0000, which a topic must not", _NUL),
}


class IllegalWillTopic(DefectRule):
    """The will topic is empty, contains a wildcard or contains U+0000.

    What it checks
    --------------
    The will topic must be a topic name: at least one character, no + and no #, no U+0000. A will
    topic that is not UTF-8 is reported by CON12. MQTT 3.1 has no such requirement.

    Why it matters
    --------------
    The will is published long after the CONNECT, when the device is disconnected. A server that did
    not check the topic drops the will then, and nobody is notified.

    Fix on the client
    -----------------
    Publish the will to one topic without wildcards, such as devices/ID/state. Filters with
    wildcards are for subscriptions; an empty topic is usually a variable that was not initialized.

    Fix on the server
    -----------------
    Check the will topic when the CONNECT is received, as for a PUBLISH, and close (5.0: after
    CONNACK 0x81, Malformed Packet).

    Known false alarms
    ------------------
    None. The bytes are the proof.
    """

    id = "CON15"
    name = "illegal-will-topic"
    side = Side.CLIENT
    severity = Severity.ERROR
    statements = versions(
        v311=("MQTT-1.5.3-2", "MQTT-4.7.1-1", "MQTT-4.7.3-1", "MQTT-4.7.3-2"),
        v5=("MQTT-1.5.4-2", "MQTT-4.7.0-1", "MQTT-4.7.3-1", "MQTT-4.7.3-2"),
    )
    sections = {Version.V3_1_1: "4.7", Version.V5_0: "4.7"}
    about = (spec.CONNECT,)
    consumes = dict.fromkeys(_PROBLEMS, (spec.CONNECT,))
    bad = (
        Example(
            "3.1.1: an empty will topic",
            ("C 10 12 00 04 4d 51 54 54 04 06 00 3c 00 01 61 00 00 00 01 6d", *SERVER_CLOSES),
        ),
        Example(
            "5.0: an empty will topic",
            ("C 10 14 00 04 4d 51 54 54 05 06 00 3c 00 00 01 61 00 00 00 00 01 6d", *SERVER_CLOSES),
        ),
        Example(
            "3.1.1: a will topic with a wildcard",
            (
                "C 10 15 00 04 4d 51 54 54 04 06 00 3c 00 01 61 00 03 61 2f 23 00 01 6d",
                *SERVER_CLOSES,
            ),
        ),
        Example(
            "5.0: a will topic with a wildcard",
            (
                ("C 10 17 00 04 4d 51 54 54 05 06 00 3c 00 00 01 61 00 00 03 61 2f 23 00 01 6d"),
                *SERVER_CLOSES,
            ),
        ),
        Example(
            "3.1.1: a will topic with U+0000",
            ("C 10 14 00 04 4d 51 54 54 04 06 00 3c 00 01 61 00 02 61 00 00 01 6d", *SERVER_CLOSES),
        ),
        Example(
            "5.0: a will topic with U+0000",
            (
                ("C 10 16 00 04 4d 51 54 54 05 06 00 3c 00 00 01 61 00 00 02 61 00 00 01 6d"),
                *SERVER_CLOSES,
            ),
        ),
    )
    good = (
        Example(
            "3.1.1: a topic of one slash",
            (
                "C 10 13 00 04 4d 51 54 54 04 06 00 3c 00 01 61 00 01 2f 00 01 6d",
                ACCEPTED_311,
                *GRACEFUL_CLOSE,
            ),
        ),
        Example(
            "5.0: a topic of one slash",
            (
                "C 10 15 00 04 4d 51 54 54 05 06 00 3c 00 00 01 61 00 00 01 2f 00 01 6d",
                ACCEPTED_5,
                *GRACEFUL_CLOSE,
            ),
        ),
        Example(
            "3.1: a wildcard is not forbidden",
            (
                ("C 10 17 00 06 4d 51 49 73 64 70 03 06 00 3c 00 01 61 00 03 61 2f 23 00 01 6d"),
                ACCEPTED_311,
                *GRACEFUL_CLOSE,
            ),
        ),
    )

    def check(self, fact: DefectFact) -> Verdict:
        """Reports which of the three it is, and cites its statement."""
        message, cited = _PROBLEMS[fact.defect.kind]
        return self.failure(fact, message, statements=cited.get(fact.connection.version))
