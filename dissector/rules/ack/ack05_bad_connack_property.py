"""ACK05: CONNACK with a property that is not allowed there, repeated, or out of range."""

from __future__ import annotations

from dissector.rules.authoring import *
from dissector.rules.properties import describe


class BadConnackProperty(DefectRule):
    """A property of CONNACK is unknown, not allowed there, repeated, out of range or too long.

    What it checks
    --------------
    Every property of CONNACK must exist, be allowed there, occur once (except User Property) and
    have a valid value: Receive Maximum and Maximum Packet Size not 0, Maximum QoS and the
    availability bytes 0 or 1. All lengths must add up. Authentication Data without an
    Authentication Method is a warning: the standard does not forbid it explicitly.

    Why it matters
    --------------
    The properties of CONNACK are the limits that the client must observe. A client that cannot read
    them must close; one that guesses sends packets that the server rejects.

    Fix on the client
    -----------------
    Close, after DISCONNECT 0x82 (Protocol Error) if the library can send one. Do not clamp a value:
    a server that sends Maximum QoS 2 may have other limits wrong as well.

    Fix on the server
    -----------------
    To announce "everything is available", omit the property. Send Maximum QoS only if it is 0 or 1;
    a Receive Maximum or Maximum Packet Size of 0 does not mean "no limit".

    Known false alarms
    ------------------
    A property of a later standard would be reported as unknown; no later standard exists yet.
    """

    id = "ACK05"
    name = "bad-connack-property"
    side = Side.SERVER
    severity = Severity.ERROR
    statements = versions(v5=())
    sections = {Version.V5_0: "3.2.2.3"}
    about = (spec.CONNACK,)
    consumes = dict.fromkeys(
        (
            DefectKind.PROPERTY_LENGTH_OVERRUN,
            DefectKind.PROPERTY_OVERRUN,
            DefectKind.PROPERTY_UNKNOWN,
            DefectKind.PROPERTY_NOT_ALLOWED,
            DefectKind.PROPERTY_REPEATED,
            DefectKind.PROPERTY_VALUE,
            DefectKind.AUTH_DATA_WITHOUT_METHOD,
        ),
        (spec.CONNACK,),
    )
    bad = (
        Example("Receive Maximum 0", (CONNECT_5, "S 20 06 00 00 03 21 00 00", *CLIENT_CLOSES)),
        Example("Maximum QoS 2", (CONNECT_5, "S 20 05 00 00 02 24 02", *CLIENT_CLOSES)),
        Example("Retain Available 2", (CONNECT_5, "S 20 05 00 00 02 25 02", *CLIENT_CLOSES)),
        Example(
            "Request Problem Information is allowed only in CONNECT",
            (CONNECT_5, "S 20 05 00 00 02 17 01", *CLIENT_CLOSES),
        ),
        Example(
            "Server Keep Alive twice",
            (CONNECT_5, "S 20 09 00 00 06 13 00 3c 13 00 3c", *CLIENT_CLOSES),
        ),
    )
    good = (
        Example("Receive Maximum 1", (CONNECT_5, "S 20 06 00 00 03 21 00 01", *GRACEFUL_CLOSE)),
        Example(
            "Maximum QoS 1 and Retain Available 0",
            (CONNECT_5, "S 20 07 00 00 04 24 01 25 00", *GRACEFUL_CLOSE),
        ),
        Example(
            "User Property twice",
            (
                CONNECT_5,
                "S 20 11 00 00 0e 26 00 01 6b 00 01 76 26 00 01 6b 00 01 76",
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
