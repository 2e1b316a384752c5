"""ENC10: 5.0 packet that ends before its Property Length."""

from __future__ import annotations

from dissector.rules.authoring import *


class PropertyLengthMissing(DefectRule):
    """A packet that has a property section ends before its Property Length.

    What it checks
    --------------
    CONNECT, wills, DISCONNECT and AUTH of 5.0 have a Property Length even if there are no
    properties: one byte 00. Only the short forms may omit it: DISCONNECT with a Remaining Length of
    0 or 1, AUTH with 0. A CONNACK that is too short is reported by ACK01.

    Why it matters
    --------------
    The packet is malformed and the connection is closed. The usual cause is 3.1.1 code in which
    only the level byte was changed: if payload follows, the next two bytes are read as a Property
    Length and the error appears elsewhere (ENC13).

    Fix on the client
    -----------------
    Write the byte 00 after the Keep Alive (and, with a will, before the will topic) whenever the
    level byte is 5.

    Fix on the server
    -----------------
    Write the byte 00 after the reason code of DISCONNECT and AUTH, or use a legal short form.

    Known false alarms
    ------------------
    None. The end of the packet is known from its header.
    """

    id = "ENC10"
    name = "property-length-missing"
    side = Side.CLIENT
    either = True
    severity = Severity.ERROR
    statements = versions(v5="MQTT-2.2.2-1")
    sections = {Version.V5_0: "2.2.2.1"}
    consumes = {
        DefectKind.PROPERTY_LENGTH_MISSING: (spec.CONNECT, spec.WILL, spec.DISCONNECT, spec.AUTH)
    }
    bad = (
        Example(
            "CONNECT ends after the Keep Alive",
            ("C 10 0a 00 04 4d 51 54 54 05 02 00 3c", *SERVER_CLOSES),
        ),
        Example(
            "the server's AUTH ends after its reason code",
            (CONNECT_5_METHOD, "S f0 01 18", *CLIENT_CLOSES),
        ),
    )
    good = (
        Example("a Property Length of 0", (CONNECT_5, ACCEPTED_5, *GRACEFUL_CLOSE)),
        Example(
            "DISCONNECT in its short form", (CONNECT_5, ACCEPTED_5, "C e0 01 00", *CLIENT_CLOSES)
        ),
        Example("3.1.1 has no Property Length", (CONNECT_311, ACCEPTED_311, *GRACEFUL_CLOSE)),
    )

    def check(self, fact: DefectFact) -> Verdict:
        """Reports the packet in which it is missing."""
        return self.failure(
            fact, f"{fact.packet.name} ends before its Property Length; without properties it is 0"
        )
