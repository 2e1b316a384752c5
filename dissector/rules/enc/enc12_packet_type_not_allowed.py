"""ENC12: a packet type that is reserved, or that only the other side may send."""

from __future__ import annotations

from dissector.model import Severity, Side, Version
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


class PacketTypeNotAllowed(DefectRule):
    """The packet type is reserved, or belongs to the other side.

    What it checks
    --------------
    Type 0 exists in no version. CONNECT, SUBSCRIBE, UNSUBSCRIBE and PINGREQ come from clients
    only; CONNACK, SUBACK, UNSUBACK and PINGRESP from servers only; DISCONNECT of 3.1 from
    clients only (in 3.1.1 a server's DISCONNECT is SEQ13's). Type 15 before 5.0 is AUT08's.

    Why it matters
    --------------
    The receiver has no meaning for the packet and must close. Type 0 in particular is what a
    stream looks like that lost its place: the bytes of a payload or of a wrong length are read
    as headers.

    Fix on the client
    -----------------
    Look for code that answers PINGREQ with PINGREQ, or sends acknowledgements that only a
    server makes. With type 0, check the lengths of the packet before it.

    Fix on the server
    -----------------
    The same: a server never sends PINGREQ to see whether a client lives; the client's keep
    alive is there for that.

    Known false alarms
    ------------------
    A capture in which both ends act as client and server on one port pair cannot be told
    apart; bridges are no such case.
    """

    id = "ENC12"
    name = "packet-type-not-allowed"
    side = Side.CLIENT
    either = True
    severity = Severity.ERROR
    statements = versions(v31=(), v311=(), v5=())
    sections = {Version.V3_1: "2.1", Version.V3_1_1: "table 2.1", Version.V5_0: "table 2-1"}
    consumes = {DefectKind.TYPE_ZERO: (), DefectKind.WRONG_DIRECTION: ()}
    only_in = {(DefectKind.WRONG_DIRECTION, spec.DISCONNECT): (Version.V3_1,)}
    bad = (
        Example("3.1: type 0", (CONNECT_31, ACCEPTED_311, "C 00 00", *SERVER_CLOSES)),
        Example("3.1.1: type 0", (CONNECT_311, ACCEPTED_311, "C 00 00", *SERVER_CLOSES)),
        Example("5.0: type 0", (CONNECT_5, ACCEPTED_5, "C 00 00", *SERVER_CLOSES)),
        Example(
            "3.1: the server sends PINGREQ", (CONNECT_31, ACCEPTED_311, "S c0 00", *CLIENT_CLOSES)
        ),
        Example(
            "3.1.1: the server sends PINGREQ",
            (CONNECT_311, ACCEPTED_311, "S c0 00", *CLIENT_CLOSES),
        ),
        Example(
            "5.0: the server sends PINGREQ", (CONNECT_5, ACCEPTED_5, "S c0 00", *CLIENT_CLOSES)
        ),
        Example(
            "3.1: the server sends DISCONNECT",
            (CONNECT_31, ACCEPTED_311, "S e0 00", *SERVER_CLOSES),
        ),
    )
    good = (
        Example(
            "3.1: PINGREQ from the client",
            (CONNECT_31, ACCEPTED_311, "C c0 00", "S d0 00", *GOODBYE),
        ),
        Example(
            "3.1.1: PINGREQ from the client",
            (CONNECT_311, ACCEPTED_311, "C c0 00", "S d0 00", *GOODBYE),
        ),
        Example(
            "5.0: PINGREQ from the client", (CONNECT_5, ACCEPTED_5, "C c0 00", "S d0 00", *GOODBYE)
        ),
    )

    def check(self, fact: DefectFact) -> Verdict:
        """Tell a reserved type from one of the other side."""
        if fact.defect.kind is DefectKind.TYPE_ZERO:
            return self.failure(fact, "packet type 0 is reserved: no packet has it")
        side = fact.side
        return self.failure(
            fact, f"{fact.packet.name} from the {side.value}: only a {side.other.value} sends it"
        )
