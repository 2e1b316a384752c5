"""ENC03: a Remaining Length that does not end after four bytes."""

from __future__ import annotations

from dissector.model import Severity, Side, Version
from dissector.mqtt.defects import DefectKind
from dissector.rules.base import DefectFact, DefectRule, Example, Verdict, versions
from dissector.rules.examples import (
    ACCEPTED_5,
    ACCEPTED_311,
    CLIENT_CLOSES,
    CONNECT_5,
    CONNECT_31,
    CONNECT_311,
    GOODBYE,
    SERVER_CLOSES,
)


class RemainingLengthTooLong(DefectRule):
    """The Remaining Length goes on after its fourth byte.

    What it checks
    --------------
    The length of a packet is written in one to four bytes, each with a top bit that says that
    another follows. A fourth byte with that bit set makes a fifth, which no version of MQTT
    has.

    Why it matters
    --------------
    Nobody can tell where such a packet ends, so everything behind it on that connection is
    lost. A receiver that goes on reading computes a length beyond 256 MiB or overflows its
    integer: a classic way to crash small stacks.

    Fix on the client
    -----------------
    Refuse to send more than 268,435,455 bytes in one packet. If nothing that large was meant,
    the header was overwritten or the stream lost its place: look for two tasks that write to
    one socket without a lock.

    Fix on the server
    -----------------
    The same for what the server sends. On receipt give up after the fourth byte and close; do
    not wait for more.

    Known false alarms
    ------------------
    Traffic that is no MQTT at all on an MQTT port may look like this; a connection is only
    judged once it has shown a CONNECT.
    """

    id = "ENC03"
    name = "remaining-length-too-long"
    side = Side.CLIENT
    either = True
    severity = Severity.ERROR
    statements = versions(v31=(), v311=(), v5=())
    sections = {Version.V3_1: "2.1", Version.V3_1_1: "2.2.3", Version.V5_0: "1.5.5"}
    consumes = {DefectKind.LENGTH_FIVE_BYTES: ()}
    bad = (
        Example(
            "3.1: PINGREQ with a length of five bytes",
            (CONNECT_31, ACCEPTED_311, "C c0 80 80 80 80 01", *SERVER_CLOSES),
        ),
        Example(
            "3.1.1: PINGREQ with a length of five bytes",
            (CONNECT_311, ACCEPTED_311, "C c0 80 80 80 80 01", *SERVER_CLOSES),
        ),
        Example(
            "5.0: PINGREQ with a length of five bytes",
            (CONNECT_5, ACCEPTED_5, "C c0 80 80 80 80 01", *SERVER_CLOSES),
        ),
        Example(
            "3.1.1: the server's PINGRESP with a length of five bytes",
            (CONNECT_311, ACCEPTED_311, "C c0 00", "S d0 80 80 80 80 01", *CLIENT_CLOSES),
        ),
    )
    good = (
        Example(
            "3.1.1: a length of two bytes",
            (CONNECT_311, ACCEPTED_311, "C 30 80 01 00 01 61" + " 00" * 125, *GOODBYE),
        ),
        Example(
            "5.0: a length of two bytes",
            (CONNECT_5, ACCEPTED_5, "C 30 80 01 00 01 61 00" + " 00" * 124, *GOODBYE),
        ),
    )

    def check(self, fact: DefectFact) -> Verdict:
        """Say where the length should have ended."""
        return self.failure(
            fact, "the Remaining Length goes on after four bytes; four is the most that it may take"
        )
