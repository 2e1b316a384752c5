"""ACK04: CONNACK with a return code that is not defined for its MQTT version."""

from __future__ import annotations

from dissector.rules.authoring import *


class UnknownConnackCode(DefectRule):
    """The return code (5.0: reason code) of CONNACK is not defined in its MQTT version.

    What it checks
    --------------
    3.1 and 3.1.1 define the codes 0 to 5, 5.0 those of its table 3-1 (0x00, 0x80 to 0x8A, 0x8C and
    some more up to 0x9F). In 3.1 the finding is a warning.

    Why it matters
    --------------
    The client cannot tell why it was refused, or whether a retry makes sense. Some clients treat
    any unknown code as success.

    Fix on the client
    -----------------
    Treat every code other than 0 as a refusal. Log an unknown code as a number.

    Fix on the server
    -----------------
    Use a code of the client's MQTT version. If none fits, close without CONNACK in 3.1.1, and use
    0x80 or 0x83 in 5.0. Do not send 5.0 codes to older clients, or the codes 1 to 5 to 5.0 clients.

    Known false alarms
    ------------------
    Code 1 in a two-byte answer to a 5.0 client is how an older server refuses the version; it is
    not reported.
    """

    id = "ACK04"
    name = "unknown-connack-code"
    side = Side.SERVER
    severity = {
        Version.V3_1: Severity.WARNING,
        Version.V3_1_1: Severity.ERROR,
        Version.V5_0: Severity.ERROR,
    }
    statements = versions(v31=(), v311="MQTT-3.2.2-6", v5="MQTT-3.2.2-8")
    sections = {Version.V3_1: "3.2", Version.V3_1_1: "3.2.2.3", Version.V5_0: "3.2.2.2"}
    malformed = False
    about = (spec.CONNACK,)
    consumes = {DefectKind.CONNACK_CODE: (spec.CONNACK,)}
    bad = (
        Example("3.1: code 06", (CONNECT_31, "S 20 02 00 06", *SERVER_CLOSES)),
        Example("3.1.1: code 06", (CONNECT_311, "S 20 02 00 06", *SERVER_CLOSES)),
        Example("5.0: code 8B", (CONNECT_5, "S 20 03 00 8b 00", *SERVER_CLOSES)),
    )
    good = (
        Example("3.1: code 05", (CONNECT_31, "S 20 02 00 05", *SERVER_CLOSES)),
        Example("3.1.1: code 05", (CONNECT_311, "S 20 02 00 05", *SERVER_CLOSES)),
        Example("5.0: code 8A", (CONNECT_5, "S 20 03 00 8a 00", *SERVER_CLOSES)),
    )

    def check(self, fact: DefectFact) -> Verdict:
        """Reports the code and the table that does not contain it."""
        code = fact.defect.seen
        connack = fact.packet
        assert isinstance(connack, Connack)
        table = "table 3-1 of 5.0" if connack.version is Version.V5_0 else "the range 0 to 5"
        return self.failure(
            fact, f"{spec.code_word(connack.version)} {code} (0x{code:02X}) is not in {table}"
        )
