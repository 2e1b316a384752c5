"""ENC11: property that is unknown, not allowed there, repeated, out of range or too long."""

from __future__ import annotations

from dissector.rules.authoring import *
from dissector.rules.properties import describe

_PACKETS = (spec.CONNECT, spec.WILL, spec.DISCONNECT, spec.AUTH)


class BadProperty(DefectRule):
    """A property is unknown, not allowed there, repeated, out of range, or longer than its section.

    What it checks
    --------------
    The properties of CONNECT, wills, DISCONNECT and AUTH: the identifier must exist, be allowed in
    that packet and for that sender, occur once (except User Property), and have a value in its
    range, and all lengths must add up. Wrong values of CONNECT's own properties are reported by
    CON16, properties of CONNACK by ACK05. Authentication Data without a method in AUTH is only a
    warning: the standard does not forbid it explicitly.

    Why it matters
    --------------
    An unknown or misplaced property makes the packet malformed: the receiver must close, and cannot
    skip an unknown one, because the length of its value is unknown. A misplaced one often means
    that a limit was announced where the receiver does not look for it.

    Fix on the client
    -----------------
    Check each property against the table of section 2.2.2.2. Will properties (delay, content type,
    message expiry) belong in the will's section, not in CONNECT's; Session Expiry and Receive
    Maximum belong in CONNECT's.

    Fix on the server
    -----------------
    The same for DISCONNECT and AUTH that the server sends. Close with 0x81 (malformed) or 0x82
    (repeated, out of range).

    Known false alarms
    ------------------
    A property of a later standard would be reported as unknown; no later standard exists yet.
    """

    id = "ENC11"
    name = "bad-property"
    side = Side.CLIENT
    either = True
    severity = Severity.ERROR
    statements = versions(v5=())
    sections = {Version.V5_0: "2.2.2.2"}
    consumes = {
        DefectKind.PROPERTY_LENGTH_OVERRUN: _PACKETS,
        DefectKind.PROPERTY_OVERRUN: _PACKETS,
        DefectKind.PROPERTY_UNKNOWN: _PACKETS,
        DefectKind.PROPERTY_NOT_ALLOWED: _PACKETS,
        DefectKind.PROPERTY_REPEATED: _PACKETS,
        DefectKind.PROPERTY_VALUE: _PACKETS,
        DefectKind.AUTH_DATA_WITHOUT_METHOD: (spec.AUTH,),
    }
    bad = (
        Example(
            "an identifier that does not exist",
            ("C 10 0f 00 04 4d 51 54 54 05 02 00 3c 01 7f 00 01 61", *SERVER_CLOSES),
        ),
        Example(
            "Topic Alias in CONNECT",
            ("C 10 11 00 04 4d 51 54 54 05 02 00 3c 03 23 00 01 00 01 61", *SERVER_CLOSES),
        ),
        Example(
            "Session Expiry Interval twice",
            (
                ("C 10 18 00 04 4d 51 54 54 05 02 00 3c 0a 11 00 00 00 01 11 00 00 00 01 00 01 61"),
                *SERVER_CLOSES,
            ),
        ),
        Example(
            "a property that is cut short",
            ("C 10 10 00 04 4d 51 54 54 05 02 00 3c 02 21 00 00 01 61", *SERVER_CLOSES),
        ),
        Example(
            "a will with Payload Format Indicator 2",
            (
                ("C 10 17 00 04 4d 51 54 54 05 06 00 3c 00 00 01 61 02 01 02 00 01 74 00 01 6d"),
                *SERVER_CLOSES,
            ),
        ),
        Example(
            "a client's DISCONNECT with Server Reference",
            (CONNECT_5, ACCEPTED_5, "C e0 06 00 04 1c 00 01 73", *SERVER_CLOSES),
        ),
        Example(
            "the server's DISCONNECT with Topic Alias",
            (CONNECT_5, ACCEPTED_5, "S e0 05 8b 03 23 00 01", *SERVER_CLOSES),
        ),
    )
    good = (
        Example(
            "Topic Alias Maximum in CONNECT",
            (
                "C 10 11 00 04 4d 51 54 54 05 02 00 3c 03 22 00 01 00 01 61",
                ACCEPTED_5,
                *GRACEFUL_CLOSE,
            ),
        ),
        Example(
            "User Property twice",
            (
                (
                    "C 10 1c 00 04 4d 51 54 54 05 02 00 3c 0e 26 00 01 6b 00 01 76 26 "
                    "00 01 6b 00 01 76 00 01 61"
                ),
                ACCEPTED_5,
                *GRACEFUL_CLOSE,
            ),
        ),
        Example(
            "a will with Payload Format Indicator 1",
            (
                ("C 10 17 00 04 4d 51 54 54 05 06 00 3c 00 00 01 61 02 01 01 00 01 74 00 01 6d"),
                ACCEPTED_5,
                *GRACEFUL_CLOSE,
            ),
        ),
        Example("3.1.1 has no properties", (CONNECT_311, ACCEPTED_311, *GRACEFUL_CLOSE)),
    )

    def check(self, fact: DefectFact) -> Verdict:
        """Describes the error of the property; a warning where the standard is not explicit."""
        message = describe(fact.defect, fact.side)
        if fact.defect.kind is DefectKind.AUTH_DATA_WITHOUT_METHOD:
            return self.failure(
                fact, message, severity=Severity.WARNING, obligation=Obligation.ADVICE
            )
        return self.failure(fact, message)
