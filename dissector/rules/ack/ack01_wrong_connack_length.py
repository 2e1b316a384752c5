"""ACK01: a CONNACK whose Remaining Length its version does not have."""

from __future__ import annotations

from dissector.model import Obligation, Severity, Side, Version
from dissector.mqtt import spec
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

_WANTED: dict[Version | None, str] = {Version.V5_0: "3 or more"}


class WrongConnackLength(DefectRule):
    """The Remaining Length of CONNACK is not that of the version that the client speaks.

    What it checks
    --------------
    CONNACK has a Remaining Length of 2 in 3.1 and 3.1.1, and of 3 or more in 5.0 (flags,
    reason code, Property Length). Two answers to a version that the server does not know are
    softened: 20 02 00 01 to a 5.0 client is fine, and a longer CONNACK with code 0x84 to an
    older client, from a server that knows 5.0 only, is a note.

    Why it matters
    --------------
    The client waits for bytes that do not come, or takes a Property Length for the next
    packet. Most end in a timeout without an error that means anything.

    Fix on the client
    -----------------
    Read as many bytes as the Remaining Length says before looking at the fields, and close if
    it is not the expected one.

    Fix on the server
    -----------------
    Answer in the version of the CONNECT. A server that moved to 5.0 must keep the two-byte
    form for older clients and add the Property Length, if only 00, for new ones.

    Known false alarms
    ------------------
    None: the version is known from the CONNECT.
    """

    id = "ACK01"
    name = "wrong-connack-length"
    side = Side.SERVER
    severity = Severity.ERROR
    statements = versions(v31=(), v311=(), v5="MQTT-2.2.2-1")
    sections = {Version.V3_1: "3.2", Version.V3_1_1: "3.2.1", Version.V5_0: "3.2.1"}
    consumes = {DefectKind.CONNACK_LENGTH: (spec.CONNACK,)}
    bad = (
        Example("3.1: three bytes", (CONNECT_31, "S 20 03 00 00 00", *CLIENT_CLOSES)),
        Example("3.1.1: three bytes", (CONNECT_311, "S 20 03 00 00 00", *CLIENT_CLOSES)),
        Example(
            "3.1.1: a 5.0 server refuses the version",
            (CONNECT_311, "S 20 03 00 84 00", *SERVER_CLOSES),
        ),
        Example("5.0: two bytes", (CONNECT_5, "S 20 02 00 00", *CLIENT_CLOSES)),
    )
    good = (
        Example("3.1: 2 bytes", (CONNECT_31, ACCEPTED_311, *GOODBYE)),
        Example("3.1.1: 2 bytes", (CONNECT_311, ACCEPTED_311, *GOODBYE)),
        Example("5.0: 3 bytes", (CONNECT_5, ACCEPTED_5, *GOODBYE)),
        Example(
            "5.0: an older server refuses the version", (CONNECT_5, "S 20 02 00 01", *SERVER_CLOSES)
        ),
    )

    def check(self, fact: DefectFact) -> Verdict:
        """Soften the refusal of a server that knows 5.0 only."""
        length, code = fact.defect.seen
        wanted = _WANTED.get(fact.connection.version, "2")
        message = f"CONNACK has a Remaining Length of {length}; here it must be {wanted}"
        if length > 2 and code == 0x84:
            return self.failure(
                fact,
                message + " (the server knows 5.0 only and says so in its own format)",
                severity=Severity.INFO,
                obligation=Obligation.ADVICE,
            )
        return self.failure(fact, message)
