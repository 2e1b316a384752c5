"""ACK02: CONNACK with a reserved bit set in its acknowledge flags."""

from __future__ import annotations

from dissector.rules.authoring import *


class ReservedConnackFlags(DefectRule):
    """A reserved bit of the acknowledge flags of CONNACK is set.

    What it checks
    --------------
    Only bit 0 of the first byte (Session Present) has a meaning; bits 7 to 1 must be 0. In MQTT 3.1
    the whole byte is unused and not checked.

    Why it matters
    --------------
    Many clients test the whole byte instead of bit 0: they read 0x02 as "session present", or treat
    the packet as malformed and drop the connection.

    Fix on the client
    -----------------
    Treat a reserved bit as malformed and close; read Session Present from bit 0 only.

    Fix on the server
    -----------------
    Write 0 or 1. Values such as 0xFF or 0x80 come from a signed boolean or from a byte that was
    never initialized.

    Known false alarms
    ------------------
    None. The bits are the proof.
    """

    id = "ACK02"
    name = "reserved-connack-flags"
    side = Side.SERVER
    severity = Severity.ERROR
    statements = versions(v311=(), v5="MQTT-3.2.2-1")
    sections = {Version.V3_1_1: "3.2.2.1", Version.V5_0: "3.2.2.1"}
    about = (spec.CONNACK,)
    consumes = {DefectKind.CONNACK_FLAGS: (spec.CONNACK,)}
    bad = (
        Example("3.1.1: flags 02", (CONNECT_311, "S 20 02 02 00", *CLIENT_CLOSES)),
        Example("5.0: flags 02", (CONNECT_5, "S 20 03 02 00 00", *CLIENT_CLOSES)),
    )
    good = (
        Example("3.1.1: flags 00", (CONNECT_311, ACCEPTED_311, *GRACEFUL_CLOSE)),
        Example("5.0: flags 00", (CONNECT_5, ACCEPTED_5, *GRACEFUL_CLOSE)),
        Example(
            "3.1.1: flags 01, the session was stored",
            ("C 10 0d 00 04 4d 51 54 54 04 00 00 3c 00 01 61", "S 20 02 01 00", *GRACEFUL_CLOSE),
        ),
        Example("3.1: the byte is unused", (CONNECT_31, "S 20 02 02 00", *GRACEFUL_CLOSE)),
    )

    def check(self, fact: DefectFact) -> Verdict:
        """Reports the value of the flags byte."""
        return self.failure(
            fact, f"the acknowledge flags are {fact.defect.seen:08b}; bits 7 to 1 must be 0"
        )
