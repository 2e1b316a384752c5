"""ACK03: CONNACK that refuses the client but has sessionPresent=1."""

from __future__ import annotations

from dissector.rules.authoring import *


class SessionPresentInRefusal(DefectRule):
    """A CONNACK that refuses the client has sessionPresent=1.

    What it checks
    --------------
    With a code other than 0 the server keeps no session for this connection, so Session Present
    must be 0. In MQTT 3.1 the byte is unused.

    Why it matters
    --------------
    A client that reads the flag before the code resumes its session on a connection that is about
    to be closed, and may discard messages that it considers delivered.

    Fix on the client
    -----------------
    Check the code first; after a refusal the flag has no meaning.

    Fix on the server
    -----------------
    Set the flag only where the client is accepted. Often the CONNACK is built when the session is
    looked up, before the credentials are checked.

    Known false alarms
    ------------------
    None. Both bytes are in the same packet.
    """

    id = "ACK03"
    name = "session-present-in-refusal"
    side = Side.SERVER
    severity = Severity.ERROR
    statements = versions(v311="MQTT-3.2.2-4", v5="MQTT-3.2.2-6")
    sections = {Version.V3_1_1: "3.2.2.2", Version.V5_0: "3.2.2.1.1"}
    malformed = False
    about = (spec.CONNACK,)
    consumes = {DefectKind.SESSION_PRESENT_WITH_REFUSAL: (spec.CONNACK,)}
    bad = (
        Example(
            "3.1.1: refused with a session",
            ("C 10 0d 00 04 4d 51 54 54 04 00 00 3c 00 01 61", "S 20 02 01 05", *SERVER_CLOSES),
        ),
        Example(
            "5.0: refused with a session",
            (
                "C 10 0e 00 04 4d 51 54 54 05 00 00 3c 00 00 01 61",
                "S 20 03 01 87 00",
                *SERVER_CLOSES,
            ),
        ),
    )
    good = (
        Example(
            "3.1.1: refused without a session",
            ("C 10 0d 00 04 4d 51 54 54 04 00 00 3c 00 01 61", REFUSED_311, *SERVER_CLOSES),
        ),
        Example(
            "5.0: refused without a session",
            ("C 10 0e 00 04 4d 51 54 54 05 00 00 3c 00 00 01 61", REFUSED_5, *SERVER_CLOSES),
        ),
        Example(
            "3.1.1: accepted with a session",
            ("C 10 0d 00 04 4d 51 54 54 04 00 00 3c 00 01 61", "S 20 02 01 00", *GRACEFUL_CLOSE),
        ),
        Example("3.1: the byte is unused", (CONNECT_31, "S 20 02 01 05", *SERVER_CLOSES)),
    )

    def check(self, fact: DefectFact) -> Verdict:
        """Reports the return code with its name."""
        connack = fact.packet
        assert isinstance(connack, Connack)
        assert connack.return_code is not None
        word = spec.code_word(connack.version)
        name = spec.return_code_name(connack.return_code, connack.version)
        return self.failure(
            fact,
            f"sessionPresent=1 with {word} 0x{connack.return_code:02X} ({name}); "
            "a refusal must have sessionPresent=0",
        )
