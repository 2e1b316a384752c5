"""CON11: CONNECT that ends before the client identifier."""

from __future__ import annotations

from dissector.rules.authoring import *


class ClientIdMissing(DefectRule):
    """The payload has no client identifier field.

    What it checks
    --------------
    The payload of CONNECT always begins with the client id, if only as a length of 0. The rule
    reports a packet that ends before that length. In MQTT 3.1 this is reported by ENC13.

    Why it matters
    --------------
    The server must treat the packet as malformed, and closes without giving a reason.

    Fix on the client
    -----------------
    Write 00 00 for an empty client id instead of omitting the field. Check that the Remaining
    Length covers the payload as well as the variable header.

    Fix on the server
    -----------------
    Check how much is left of the packet before reading the length; do not treat a missing field as
    an empty client id.

    Known false alarms
    ------------------
    None. The end of the packet is the proof.
    """

    id = "CON11"
    name = "client-id-missing"
    side = Side.CLIENT
    severity = Severity.ERROR
    statements = both("MQTT-3.1.3-3")
    sections = {Version.V3_1_1: "3.1.3.1", Version.V5_0: "3.1.3.1"}
    about = (spec.CONNECT,)
    consumes = {DefectKind.CLIENT_ID_MISSING: (spec.CONNECT,)}
    bad = (
        Example("3.1.1: no payload", ("C 10 0a 00 04 4d 51 54 54 04 02 00 3c", *SERVER_CLOSES)),
        Example("5.0: no payload", ("C 10 0b 00 04 4d 51 54 54 05 02 00 3c 00", *SERVER_CLOSES)),
    )
    good = (
        Example(
            "3.1.1: an empty client id",
            ("C 10 0c 00 04 4d 51 54 54 04 02 00 3c 00 00", ACCEPTED_311, *GRACEFUL_CLOSE),
        ),
        Example(
            "5.0: an empty client id",
            (
                "C 10 0d 00 04 4d 51 54 54 05 02 00 3c 00 00 00",
                "S 20 07 00 00 04 12 00 01 78",
                *GRACEFUL_CLOSE,
            ),
        ),
    )

    def check(self, fact: DefectFact) -> Verdict:
        """Reports the minimum that the payload must contain."""
        return self.failure(
            fact,
            "CONNECT ends before its client identifier; even an empty one has two bytes, 00 00",
        )
