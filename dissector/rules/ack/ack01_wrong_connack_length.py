"""ACK01: CONNACK with a Remaining Length that is wrong for its MQTT version."""

from __future__ import annotations

from dissector.rules.authoring import *

_WANTED: dict[Version | None, str] = {Version.V5_0: "3 or more"}


class WrongConnackLength(DefectRule):
    """The Remaining Length of CONNACK is not the one that the client's MQTT version requires.

    What it checks
    --------------
    CONNACK has a Remaining Length of 2 in 3.1 and 3.1.1, and of 3 or more in 5.0 (flags, reason
    code, Property Length). Two refusals of a version that the server does not support are treated
    differently: 20 02 00 01 to a 5.0 client is not reported, and a longer CONNACK with code 0x84 to
    an older client, from a server that supports only 5.0, has severity info.

    Why it matters
    --------------
    The client waits for bytes that do not come, or reads a Property Length as the next packet. Most
    such handshakes end in a timeout without a useful error.

    Fix on the client
    -----------------
    Read as many bytes as the Remaining Length gives before parsing the fields, and close if it is
    not the expected value.

    Fix on the server
    -----------------
    Answer in the version of the CONNECT. A server that was upgraded to 5.0 must keep the two-byte
    form for older clients, and send the Property Length (00 without properties) to 5.0 clients.

    Known false alarms
    ------------------
    None. The version is known from the CONNECT.
    """

    id = "ACK01"
    name = "wrong-connack-length"
    side = Side.SERVER
    severity = Severity.ERROR
    statements = versions(v31=(), v311=(), v5="MQTT-2.2.2-1")
    sections = {Version.V3_1: "3.2", Version.V3_1_1: "3.2.1", Version.V5_0: "3.2.1"}
    about = (spec.CONNACK,)
    consumes = {DefectKind.CONNACK_LENGTH: (spec.CONNACK,)}
    bad = (
        Example("3.1: three bytes", (CONNECT_31, "S 20 03 00 00 00", *CLIENT_CLOSES)),
        Example("3.1.1: three bytes", (CONNECT_311, "S 20 03 00 00 00", *CLIENT_CLOSES)),
        Example(
            "3.1.1: a 5.0 server refuses the version",
            (CONNECT_311, "S 20 03 00 84 00", *SERVER_CLOSES),
        ),
        Example("5.0: two bytes", (CONNECT_5, "S 20 02 00 00", *CLIENT_CLOSES)),
    )
    good = (
        Example("3.1: 2 bytes", (CONNECT_31, ACCEPTED_311, *GRACEFUL_CLOSE)),
        Example("3.1.1: 2 bytes", (CONNECT_311, ACCEPTED_311, *GRACEFUL_CLOSE)),
        Example("5.0: 3 bytes", (CONNECT_5, ACCEPTED_5, *GRACEFUL_CLOSE)),
        Example(
            "5.0: an older server refuses the version", (CONNECT_5, "S 20 02 00 01", *SERVER_CLOSES)
        ),
    )

    def check(self, fact: DefectFact) -> Verdict:
        """Lowers the severity where a server that supports only 5.0 refuses an older client."""
        length, code = fact.defect.seen
        wanted = _WANTED.get(fact.connection.version, "2")
        message = f"CONNACK has a Remaining Length of {length}; in this version it must be {wanted}"
        if length > 2 and code == 0x84:
            return self.failure(
                fact,
                message + " (the server supports only 5.0 and refuses in the 5.0 format)",
                severity=Severity.INFO,
                obligation=Obligation.ADVICE,
            )
        return self.failure(fact, message)
