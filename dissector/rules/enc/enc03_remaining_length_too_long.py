"""ENC03: Remaining Length that is encoded with more than four bytes."""

from __future__ import annotations

from dissector.rules.authoring import *


class RemainingLengthTooLong(DefectRule):
    """The Remaining Length continues after its fourth byte.

    What it checks
    --------------
    The length of a packet is encoded in one to four bytes; the top bit of each says whether another
    byte follows. A fourth byte with that bit set would require a fifth, which no version of MQTT
    has.

    Why it matters
    --------------
    The end of such a packet is unknown, so all later data on the connection is lost. A receiver
    that continues reading gets a length above 256 MiB or an integer overflow: a known way to crash
    small stacks.

    Fix on the client
    -----------------
    Refuse to send more than 268,435,455 bytes in one packet. If nothing that large was intended,
    the header was overwritten or packet boundaries were lost: look for two tasks that write to one
    socket without a lock.

    Fix on the server
    -----------------
    The same for packets that the server sends. On receipt stop after the fourth byte and close; do
    not wait for more bytes.

    Known false alarms
    ------------------
    None known. A connection is only judged after a CONNECT, or if this header is that of a CONNECT
    with the protocol name behind it.
    """

    id = "ENC03"
    name = "remaining-length-too-long"
    side = Side.CLIENT
    either = True
    severity = Severity.ERROR
    statements = versions(v31=(), v311=(), v5=())
    version_may_be_unknown = True
    sections = {Version.V3_1: "2.1", Version.V3_1_1: "2.2.3", Version.V5_0: "1.5.5"}
    consumes = {DefectKind.LENGTH_FIVE_BYTES: ()}
    bad = (
        Example(
            "3.1: PINGREQ with a length of five bytes",
            (CONNECT_31, ACCEPTED_311, "C c0 80 80 80 80 01", *SERVER_CLOSES),
        ),
        Example(
            "3.1.1: PINGREQ with a length of five bytes",
            (CONNECT_311, ACCEPTED_311, "C c0 80 80 80 80 01", *SERVER_CLOSES),
        ),
        Example(
            "5.0: PINGREQ with a length of five bytes",
            (CONNECT_5, ACCEPTED_5, "C c0 80 80 80 80 01", *SERVER_CLOSES),
        ),
        Example(
            "the CONNECT itself has a length of five bytes",
            (
                "C 10 8d 80 80 80 00 00 04 4d 51 54 54 04 02 00 3c 00 01 61",
                *SERVER_CLOSES,
            ),
        ),
        Example(
            "3.1.1: the server's PINGRESP with a length of five bytes",
            (CONNECT_311, ACCEPTED_311, "C c0 00", "S d0 80 80 80 80 01", *CLIENT_CLOSES),
        ),
    )
    good = (
        Example(
            "3.1.1: a length of two bytes",
            (CONNECT_311, ACCEPTED_311, "C 30 80 01 00 01 61" + " 00" * 125, *GRACEFUL_CLOSE),
        ),
        Example(
            "5.0: a length of two bytes",
            (CONNECT_5, ACCEPTED_5, "C 30 80 01 00 01 61 00" + " 00" * 124, *GRACEFUL_CLOSE),
        ),
    )

    def check(self, fact: DefectFact) -> Verdict:
        """Reports the maximum length of the field."""
        return self.failure(
            fact, "the Remaining Length continues after four bytes; four bytes are the maximum"
        )
