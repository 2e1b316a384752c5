"""ENC12: packet type that is reserved, or that only the other side may send."""

from __future__ import annotations

from dissector.rules.authoring import *


class PacketTypeNotAllowed(DefectRule):
    """The packet type is reserved, or only the other side may send it.

    What it checks
    --------------
    Type 0 exists in no version. CONNECT, SUBSCRIBE, UNSUBSCRIBE and PINGREQ come from clients only;
    CONNACK, SUBACK, UNSUBACK and PINGRESP from servers only; DISCONNECT of 3.1 from clients only
    (in 3.1.1 a server's DISCONNECT is reported by SEQ13). Type 15 before 5.0 is reported by AUT08.

    Why it matters
    --------------
    The packet has no meaning for the receiver, which must close. Type 0 in particular is a sign of
    lost packet boundaries: bytes of a payload, or after a wrong length, are read as headers.

    Fix on the client
    -----------------
    Look for code that answers PINGREQ with PINGREQ, or sends acknowledgements that only a server
    sends. With type 0, check the lengths of the previous packet.

    Fix on the server
    -----------------
    The same. A server never sends PINGREQ to check whether a client is still connected; the
    client's keep alive serves that purpose.

    Known false alarms
    ------------------
    A capture in which both ends act as client and server on one port pair cannot be separated;
    bridges do not do this.
    """

    id = "ENC12"
    name = "packet-type-not-allowed"
    side = Side.CLIENT
    either = True
    severity = Severity.ERROR
    statements = versions(v31=(), v311=(), v5=())
    sections = {Version.V3_1: "2.1", Version.V3_1_1: "table 2.1", Version.V5_0: "table 2-1"}
    version_may_be_unknown = True
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
            (CONNECT_31, ACCEPTED_311, "C c0 00", "S d0 00", *GRACEFUL_CLOSE),
        ),
        Example(
            "3.1.1: PINGREQ from the client",
            (CONNECT_311, ACCEPTED_311, "C c0 00", "S d0 00", *GRACEFUL_CLOSE),
        ),
        Example(
            "5.0: PINGREQ from the client",
            (CONNECT_5, ACCEPTED_5, "C c0 00", "S d0 00", *GRACEFUL_CLOSE),
        ),
    )

    def check(self, fact: DefectFact) -> Verdict:
        """Distinguishes a reserved type from one of the other side."""
        if fact.defect.kind is DefectKind.TYPE_ZERO:
            return self.failure(fact, "packet type 0 is reserved and must not be sent")
        side = fact.side
        return self.failure(
            fact, f"{fact.packet.name} from the {side.value}: only a {side.other.value} may send it"
        )
