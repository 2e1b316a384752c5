"""CON15: a will topic that nothing can be published to."""

from __future__ import annotations

from dissector.model import Severity, Side, Version
from dissector.mqtt import spec
from dissector.mqtt.defects import DefectKind
from dissector.rules.base import DefectFact, DefectRule, Example, Verdict, versions
from dissector.rules.examples import (
    ACCEPTED_5,
    ACCEPTED_311,
    GOODBYE,
    SERVER_CLOSES,
)

_Cited = dict[Version | None, tuple[str, ...]]
_WILDCARD: _Cited = {Version.V3_1_1: ("MQTT-4.7.1-1",), Version.V5_0: ("MQTT-4.7.0-1",)}
_EMPTY: _Cited = {Version.V3_1_1: ("MQTT-4.7.3-1",), Version.V5_0: ("MQTT-4.7.3-1",)}
_NUL: _Cited = {Version.V3_1_1: ("MQTT-4.7.3-2",), Version.V5_0: ("MQTT-4.7.3-2",)}
_TROUBLE = {
    DefectKind.WILL_TOPIC_WILDCARD: ("the will topic holds a wildcard, + or #", _WILDCARD),
    DefectKind.WILL_TOPIC_EMPTY: ("the will topic is empty; it needs one character", _EMPTY),
    DefectKind.WILL_TOPIC_NUL: ("the will topic holds U+0000, which no topic may", _NUL),
}


class IllegalWillTopic(DefectRule):
    """The will topic is empty, holds a wildcard or holds U+0000.

    What it checks
    --------------
    The will topic is a topic name: at least one character, no + and no #, no U+0000. A will
    topic that is not UTF-8 is CON12's. MQTT 3.1 gives it no such duty.

    Why it matters
    --------------
    The will is published long after the CONNECT, when the device is gone. A server that did
    not check then drops it, and nobody learns that the device died.

    Fix on the client
    -----------------
    Publish the will to one plain topic, such as devices/ID/state. Filters with wildcards are
    for subscribing; an empty topic is mostly a variable that was not set yet.

    Fix on the server
    -----------------
    Check the will topic when the CONNECT comes, as for a PUBLISH, and close (5.0: 0x90 or
    0x81).

    Known false alarms
    ------------------
    None: the bytes prove it.
    """

    id = "CON15"
    name = "illegal-will-topic"
    side = Side.CLIENT
    severity = Severity.ERROR
    statements = versions(
        v311=("MQTT-4.7.1-1", "MQTT-4.7.3-1", "MQTT-4.7.3-2"),
        v5=("MQTT-4.7.0-1", "MQTT-4.7.3-1", "MQTT-4.7.3-2"),
    )
    sections = {Version.V3_1_1: "4.7", Version.V5_0: "4.7"}
    consumes = dict.fromkeys(_TROUBLE, (spec.CONNECT,))
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
                *GOODBYE,
            ),
        ),
        Example(
            "5.0: a topic of one slash",
            (
                "C 10 15 00 04 4d 51 54 54 05 06 00 3c 00 00 01 61 00 00 01 2f 00 01 6d",
                ACCEPTED_5,
                *GOODBYE,
            ),
        ),
        Example(
            "3.1: says nothing about it",
            (
                ("C 10 17 00 06 4d 51 49 73 64 70 03 06 00 3c 00 01 61 00 03 61 2f 23 00 01 6d"),
                ACCEPTED_311,
                *GOODBYE,
            ),
        ),
    )

    def check(self, fact: DefectFact) -> Verdict:
        """Say which of the three it is, and cite the statement of that one."""
        message, cited = _TROUBLE[fact.defect.kind]
        return self.failure(fact, message, statements=cited.get(fact.connection.version))
