"""AUT06: AUTH with reserved header flags that are not 0."""

from __future__ import annotations

from dissector.rules.authoring import *


class ReservedAuthFlags(DefectRule):
    """The header flags of AUTH are not 0.

    What it checks
    --------------
    The first byte of AUTH is 0xF0: its low four bits are reserved and must be 0.

    Why it matters
    --------------
    The receiver must treat the packet as malformed and close during the authentication: the device
    cannot connect.

    Fix on the client
    -----------------
    Write 0xF0 as a constant.

    Fix on the server
    -----------------
    Write 0xF0 as a constant; on receipt compare the whole byte, and close if it differs.

    Known false alarms
    ------------------
    None. The bits are the proof.
    """

    id = "AUT06"
    name = "reserved-auth-flags"
    side = Side.CLIENT
    either = True
    severity = Severity.ERROR
    statements = versions(v5="MQTT-3.15.1-1")
    sections = {Version.V5_0: "3.15.1"}
    consumes = {DefectKind.AUTH_FLAGS: (spec.AUTH,)}
    bad = (
        Example(
            "the server's AUTH has the flags 0001",
            (CONNECT_5_METHOD, "S f1 06 18 04 15 00 01 4d", *CLIENT_CLOSES),
        ),
        Example(
            "the client's AUTH has the flags 0010",
            (
                CONNECT_5_METHOD,
                "S f0 06 18 04 15 00 01 4d",
                "C f2 06 18 04 15 00 01 4d",
                *SERVER_CLOSES,
            ),
        ),
    )
    good = (
        Example(
            "both have 0000",
            (
                CONNECT_5_METHOD,
                "S f0 06 18 04 15 00 01 4d",
                "C f0 06 18 04 15 00 01 4d",
                ACCEPTED_5_METHOD,
                *GRACEFUL_CLOSE,
            ),
        ),
        Example("3.1.1 has no AUTH", (CONNECT_311, ACCEPTED_311, *GRACEFUL_CLOSE)),
    )

    def check(self, fact: DefectFact) -> Verdict:
        """Reports the flags."""
        return self.failure(
            fact, f"AUTH has the header flags {fact.packet.flags:04b}; they must be 0000"
        )
