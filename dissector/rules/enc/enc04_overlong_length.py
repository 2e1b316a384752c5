"""ENC04: a Variable Byte Integer that is written with more bytes than it needs."""

from __future__ import annotations

from dissector.model import Obligation, Severity, Side, Version
from dissector.mqtt.defects import DefectKind
from dissector.rules.base import DefectFact, DefectRule, Example, Verdict, versions
from dissector.rules.examples import (
    ACCEPTED_5,
    ACCEPTED_311,
    CLIENT_CLOSES,
    CONNECT_5,
    CONNECT_311,
    GOODBYE,
    SERVER_CLOSES,
)

_NAMES: dict[str | None, str] = {
    "propertyLength": "Property Length",
    "willPropertyLength": "Will Property Length",
    "propertyIdentifier": "property identifier",
}
_OBLIGATION: dict[Version | None, Obligation] = {Version.V3_1_1: Obligation.ADVICE}


class OverlongLength(DefectRule):
    """A length or identifier is written with more bytes than its value needs.

    What it checks
    --------------
    Variable Byte Integers (Remaining Length, Property Length, property identifiers) end in a
    byte of 0x00 behind others: 5 as 85 00 instead of 05. MQTT 5.0 forbids that. 3.1.1 has no
    such duty, so there it is only worth a note.

    Why it matters
    --------------
    Two spellings of one value let a firewall and a server read the same bytes differently, and
    receivers that compare packets byte for byte, or that allow for one length byte only,
    break.

    Fix on the client
    -----------------
    Write the length after the body is known, with as many bytes as it takes. Code that
    reserves a fixed number of length bytes and fills them in later must move the body instead.

    Fix on the server
    -----------------
    The same for what the server sends. A 5.0 server treats such a packet as malformed and
    closes (0x81).

    Known false alarms
    ------------------
    None in 5.0. In 3.1.1 nothing is broken: the note is for those who plan to move to 5.0.
    """

    id = "ENC04"
    name = "overlong-length"
    side = Side.CLIENT
    either = True
    severity = {Version.V3_1_1: Severity.INFO, Version.V5_0: Severity.ERROR}
    statements = versions(v311=(), v5="MQTT-1.5.5-1")
    sections = {Version.V3_1_1: "2.2.3", Version.V5_0: "1.5.5"}
    consumes = {DefectKind.LENGTH_NOT_MINIMAL: ()}
    bad = (
        Example(
            "3.1.1: PINGREQ with the length 80 00",
            (CONNECT_311, ACCEPTED_311, "C c0 80 00", "S d0 00", *GOODBYE),
        ),
        Example(
            "5.0: PINGREQ with the length 80 00",
            (CONNECT_5, ACCEPTED_5, "C c0 80 00", *SERVER_CLOSES),
        ),
        Example(
            "5.0: Property Length 80 00",
            ("C 10 0f 00 04 4d 51 54 54 05 02 00 3c 80 00 00 01 61", *SERVER_CLOSES),
        ),
        Example(
            "5.0: the server's PINGRESP with the length 80 00",
            (CONNECT_5, ACCEPTED_5, "C c0 00", "S d0 80 00", *CLIENT_CLOSES),
        ),
    )
    good = (
        Example(
            "3.1.1: PINGREQ with the length 00",
            (CONNECT_311, ACCEPTED_311, "C c0 00", "S d0 00", *GOODBYE),
        ),
        Example(
            "5.0: a length that needs its two bytes",
            (CONNECT_5, ACCEPTED_5, "C 30 80 01 00 01 61 00" + " 00" * 124, *GOODBYE),
        ),
    )

    def check(self, fact: DefectFact) -> Verdict:
        """Say which number it is, and how it was written."""
        defect = fact.defect
        what = _NAMES.get(defect.field, "Remaining Length")
        return self.failure(
            fact,
            f"the {what} {defect.seen} is written with {defect.length} bytes; fewer would do",
            obligation=_OBLIGATION.get(fact.connection.version),
        )
