"""ENC01: fixed header whose flag bits are not those that the packet type requires."""

from __future__ import annotations

from dissector.rules.authoring import *


class ReservedHeaderFlags(DefectRule):
    """The low four bits of a packet's first byte are not those that its type requires.

    What it checks
    --------------
    The flags of every packet except PUBLISH are fixed: 0010 for PUBREL, SUBSCRIBE and UNSUBSCRIBE,
    0000 for the others. DISCONNECT of 5.0 and AUTH have their own rules (SEQ14, AUT06). In MQTT 3.1
    the bits are only unused, so the rule does not apply there.

    Why it matters
    --------------
    The receiver must close the connection at once, so one wrong bit disconnects the device. Wrong
    flags are often also the first sign that packet boundaries are lost: if a length is off by one,
    payload is read as a header.

    Fix on the client
    -----------------
    Build the first byte from a table of constants, one per packet type, instead of shifting the
    type and adding DUP or QoS. A library for MQTT 3.1 that sets DUP in repeated SUBSCRIBE or PUBREL
    packets must not do so from 3.1.1 on.

    Fix on the server
    -----------------
    Use constants for the packets that the server sends: PUBREL is 0x62, all its other
    acknowledgements end in 0. On receipt, compare all four bits and close; do not mask them.

    Known false alarms
    ------------------
    None where the stream is complete. After lost bytes, packets are judged only once their
    boundaries are known again.
    """

    id = "ENC01"
    name = "reserved-header-flags"
    side = Side.CLIENT
    either = True
    severity = Severity.ERROR
    statements = versions(v311="MQTT-2.2.2-1", v5="MQTT-2.1.3-1")
    sections = {Version.V3_1_1: "2.2.2", Version.V5_0: "2.1.3"}
    consumes = {DefectKind.HEADER_FLAGS: ()}
    bad = (
        Example(
            "3.1.1: SUBSCRIBE with flags 0000",
            (CONNECT_311, ACCEPTED_311, "C 80 06 00 01 00 01 61 00", *SERVER_CLOSES),
        ),
        Example("5.0: PINGREQ with flags 0001", (CONNECT_5, ACCEPTED_5, "C c1 00", *SERVER_CLOSES)),
        Example(
            "3.1.1: the server's PINGRESP with flags 0001",
            (CONNECT_311, ACCEPTED_311, "C c0 00", "S d1 00", *CLIENT_CLOSES),
        ),
    )
    good = (
        Example(
            "3.1.1: SUBSCRIBE with flags 0010",
            (
                CONNECT_311,
                ACCEPTED_311,
                "C 82 06 00 01 00 01 61 00",
                "S 90 03 00 01 00",
                *GRACEFUL_CLOSE,
            ),
        ),
        Example(
            "5.0: PINGREQ with flags 0000",
            (CONNECT_5, ACCEPTED_5, "C c0 00", "S d0 00", *GRACEFUL_CLOSE),
        ),
        Example(
            "3.1: a repeated SUBSCRIBE may have DUP",
            (
                CONNECT_31,
                ACCEPTED_311,
                "C 8a 06 00 01 00 01 61 00",
                "S 90 03 00 01 00",
                *GRACEFUL_CLOSE,
            ),
        ),
    )

    def check(self, fact: DefectFact) -> Verdict:
        """Compares the flags with those that the type requires."""
        packet = fact.packet
        wanted = spec.REQUIRED_FLAGS[packet.type & 15]
        return self.failure(
            fact,
            f"{packet.name} has the header flags {packet.flags:04b}; it must have {wanted:04b}",
        )
