"""CON14: client id that not every server must accept, by its length or its characters."""

from __future__ import annotations

from dissector.rules.authoring import *

_NOT_TEXT = (DefectKind.CLIENT_ID_NOT_UTF8, DefectKind.CLIENT_ID_NUL)


class ClientIdNotPortable(DefectRule):
    """The client id has a length or characters that not every server must accept.

    What it checks
    --------------
    MQTT 3.1 requires a client id of 1 to 23 characters: any other length is an error there. From
    3.1.1 on a server must accept ids of 1 to 23 letters and digits (0-9, A-Z, a-z). Longer ids and
    other characters are legal, but a server may refuse them, so the severity is info. Nearly all
    servers accept them, so the rule is pedantic there: it reports such an id only with --pedantic,
    if the rule is selected by its id, or if the server rejects the id (code 2; 5.0: 0x85).

    Why it matters
    --------------
    A fleet that uses UUIDs (36 characters) or names with slashes and colons works until the server
    is replaced. A 3.1 server answers with code 2, and the device cannot connect.

    Fix on the client
    -----------------
    If the server may change, use at most 23 letters and digits: a MAC address in hex takes 12, a
    UUID in base 62 takes 22.

    Fix on the server
    -----------------
    Accept at least 23 letters and digits. Document what else is accepted.

    Known false alarms
    ------------------
    From 3.1.1 on the id is legal, and nearly all current servers accept it. A server that rejects
    it may have another reason to.
    """

    id = "CON14"
    name = "client-id-not-portable"
    side = Side.CLIENT
    severity = {
        Version.V3_1: Severity.ERROR,
        Version.V3_1_1: Severity.INFO,
        Version.V5_0: Severity.INFO,
    }
    statements = versions(v31=(), v311=(), v5=())
    sections = {Version.V3_1: "3.1", Version.V3_1_1: "3.1.3.1", Version.V5_0: "3.1.3.1"}
    malformed = False
    pedantic = (Version.V3_1_1, Version.V5_0)
    about = (spec.CONNECT,)
    consumes = {
        DefectKind.CLIENT_ID_LENGTH: (spec.CONNECT,),
        DefectKind.CLIENT_ID_NOT_PORTABLE: (spec.CONNECT,),
    }
    bad = (
        Example(
            "3.1: an empty client id",
            ("C 10 0e 00 06 4d 51 49 73 64 70 03 02 00 3c 00 00", "S 20 02 00 02", *SERVER_CLOSES),
        ),
        Example(
            "3.1: 24 characters",
            (
                (
                    "C 10 26 00 06 4d 51 49 73 64 70 03 02 00 3c 00 18 61 61 61 61 61 "
                    "61 61 61 61 61 61 61 61 61 61 61 61 61 61 61 61 61 61 61"
                ),
                "S 20 02 00 02",
                *SERVER_CLOSES,
            ),
        ),
        Example(
            "3.1.1: 24 letters, rejected",
            (
                (
                    "C 10 24 00 04 4d 51 54 54 04 02 00 3c 00 18 61 61 61 61 61 61 61 "
                    "61 61 61 61 61 61 61 61 61 61 61 61 61 61 61 61 61"
                ),
                "S 20 02 00 02",
                *SERVER_CLOSES,
            ),
        ),
        Example(
            "5.0: a hyphen, rejected",
            (
                "C 10 10 00 04 4d 51 54 54 05 02 00 3c 00 00 03 61 2d 62",
                "S 20 03 00 85 00",
                *SERVER_CLOSES,
            ),
        ),
    )
    good = (
        Example(
            "5.0: a hyphen, accepted",
            (
                "C 10 10 00 04 4d 51 54 54 05 02 00 3c 00 00 03 61 2d 62",
                ACCEPTED_5,
                *GRACEFUL_CLOSE,
            ),
        ),
        Example(
            "3.1: 23 characters",
            (
                (
                    "C 10 25 00 06 4d 51 49 73 64 70 03 02 00 3c 00 17 61 61 61 61 61 "
                    "61 61 61 61 61 61 61 61 61 61 61 61 61 61 61 61 2d 62"
                ),
                ACCEPTED_311,
                *GRACEFUL_CLOSE,
            ),
        ),
        Example(
            "3.1.1: 23 letters",
            (
                (
                    "C 10 23 00 04 4d 51 54 54 04 02 00 3c 00 17 61 61 61 61 61 61 61 "
                    "61 61 61 61 61 61 61 61 61 61 61 61 61 61 61 61"
                ),
                ACCEPTED_311,
                *GRACEFUL_CLOSE,
            ),
        ),
        Example(
            "5.0: letters and digits",
            (
                "C 10 11 00 04 4d 51 54 54 05 02 00 3c 00 00 04 61 5a 30 39",
                ACCEPTED_5,
                *GRACEFUL_CLOSE,
            ),
        ),
    )

    @classmethod
    def matters(cls, connection: Connection) -> bool:
        """Whether the server rejected the client id."""
        connack, version = connection.connack, connection.version
        if connack is None or version is None or connack.return_code is None:
            return False
        return connack.return_code == spec.IDENTIFIER_REJECTED.get(version)

    def check(self, fact: DefectFact) -> Verdict:
        """Reports the length in 3.1, and what is portable in later versions."""
        if fact.defect.kind is DefectKind.CLIENT_ID_LENGTH:
            return self.failure(
                fact, f"the client id has {fact.defect.seen} characters; MQTT 3.1 allows 1 to 23"
            )
        if any(defect.kind in _NOT_TEXT for defect in fact.packet.defects):
            return None  # CON12
        return self.failure(
            fact,
            "a server need not accept this client id, only 1 to 23 letters and digits",
            obligation=Obligation.ADVICE,
        )
