"""CON03: CONNECT with the reserved bit 0 of the connect flags set."""

from __future__ import annotations

from dissector.rules.authoring import *


class ReservedConnectFlag(DefectRule):
    """Bit 0 of the connect flags is set.

    What it checks
    --------------
    The lowest bit of the connect flags is reserved and must be 0 from 3.1.1 on. In 3.1 it is unused
    and not checked.

    Why it matters
    --------------
    The server must check the bit and close the connection. If it is set, the flags were usually
    shifted by one bit, so every other flag is wrong as well.

    Fix on the client
    -----------------
    Build the flags from named masks (0x02 clean, 0x04 will, 0x20 retain, 0x40 password, 0x80 user
    name) and start from 0.

    Fix on the server
    -----------------
    Check the bit and close without further parsing; a 3.1.1 server sends no CONNACK.

    Known false alarms
    ------------------
    None. The bit is the proof.
    """

    id = "CON03"
    name = "reserved-connect-flag"
    side = Side.CLIENT
    severity = Severity.ERROR
    statements = both("MQTT-3.1.2-3")
    sections = {Version.V3_1_1: "3.1.2.3", Version.V5_0: "3.1.2.3"}
    about = (spec.CONNECT,)
    consumes = {DefectKind.CONNECT_RESERVED_FLAG: (spec.CONNECT,)}
    bad = (
        Example(
            "3.1.1: connect flags 03",
            ("C 10 0d 00 04 4d 51 54 54 04 03 00 3c 00 01 61", *SERVER_CLOSES),
        ),
        Example(
            "5.0: connect flags 03",
            ("C 10 0e 00 04 4d 51 54 54 05 03 00 3c 00 00 01 61", *SERVER_CLOSES),
        ),
    )
    good = (
        Example(
            "3.1.1: connect flags 02",
            ("C 10 0d 00 04 4d 51 54 54 04 02 00 3c 00 01 61", ACCEPTED_311, *GRACEFUL_CLOSE),
        ),
        Example(
            "5.0: connect flags 02",
            ("C 10 0e 00 04 4d 51 54 54 05 02 00 3c 00 00 01 61", ACCEPTED_5, *GRACEFUL_CLOSE),
        ),
        Example(
            "3.1: the bit is unused",
            ("C 10 0f 00 06 4d 51 49 73 64 70 03 03 00 3c 00 01 61", ACCEPTED_311, *GRACEFUL_CLOSE),
        ),
    )

    def check(self, fact: DefectFact) -> Verdict:
        """Reports the flags."""
        flags = fact.defect.seen
        return self.failure(
            fact, f"the connect flags are {flags:08b}; bit 0 is reserved and must be 0"
        )
