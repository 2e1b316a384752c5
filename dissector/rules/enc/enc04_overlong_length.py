"""ENC04: Variable Byte Integer that is encoded with more bytes than it needs."""

from __future__ import annotations

from dissector.rules.authoring import *

_NAMES: dict[str | None, str] = {
    "propertyLength": "Property Length",
    "willPropertyLength": "Will Property Length",
    "propertyIdentifier": "property identifier",
}
_OBLIGATION: dict[Version | None, Obligation] = {Version.V3_1_1: Obligation.ADVICE}


class OverlongLength(DefectRule):
    """A length or identifier is encoded with more bytes than its value needs.

    What it checks
    --------------
    A Variable Byte Integer (Remaining Length, Property Length, property identifier) of several
    bytes ends in 0x00: 5 as 85 00 instead of 05. MQTT 5.0 forbids this. 3.1.1 does not, so the
    severity is info there.

    Why it matters
    --------------
    If a value has two encodings, a firewall and a server may interpret the same bytes differently.
    Receivers that compare packets as bytes, or that support only one length byte, fail.

    Fix on the client
    -----------------
    Write the length after the body is known, with as many bytes as it needs. Code that reserves a
    fixed number of length bytes and fills them in later must move the body instead.

    Fix on the server
    -----------------
    The same for packets that the server sends. A 5.0 server must treat such a packet as malformed
    and close (0x81).

    Known false alarms
    ------------------
    None in 5.0. In 3.1.1 nothing is violated: the finding is meant for a migration to 5.0.
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
            (CONNECT_311, ACCEPTED_311, "C c0 80 00", "S d0 00", *GRACEFUL_CLOSE),
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
            (CONNECT_311, ACCEPTED_311, "C c0 00", "S d0 00", *GRACEFUL_CLOSE),
        ),
        Example(
            "5.0: a length that needs its two bytes",
            (CONNECT_5, ACCEPTED_5, "C 30 80 01 00 01 61 00" + " 00" * 124, *GRACEFUL_CLOSE),
        ),
    )

    def check(self, fact: DefectFact) -> Verdict:
        """Reports the value and the number of bytes of its encoding."""
        defect = fact.defect
        what = _NAMES.get(defect.field, "Remaining Length")
        return self.failure(
            fact,
            f"the {what} {defect.seen} is encoded with {defect.length} bytes; fewer are enough",
            obligation=_OBLIGATION.get(fact.connection.version),
        )
