"""CON13: CONNECT of 3.1.1 with an empty client id and cleanSession=0."""

from __future__ import annotations

from dissector.rules.authoring import *


class EmptyClientIdNotClean(DefectRule):
    """The client id is empty but cleanSession is 0.

    What it checks
    --------------
    In 3.1.1 a client may send an empty id and let the server assign one, but only with
    cleanSession=1. In 5.0 an empty id is allowed with any Clean Start; in 3.1 an empty id is
    illegal anyway (CON14).

    Why it matters
    --------------
    The server assigns a new id to every connection, so a stored session could never be resumed. It
    must refuse with code 2, and the device can never connect.

    Fix on the client
    -----------------
    Set cleanSession=1, or give the device a permanent id, such as its serial number.

    Fix on the server
    -----------------
    Refuse with return code 2 and close; do not set the flag silently.

    Known false alarms
    ------------------
    None. Length and flag are the proof.
    """

    id = "CON13"
    name = "empty-client-id-not-clean"
    side = Side.CLIENT
    severity = Severity.ERROR
    statements = versions(v311="MQTT-3.1.3-7")
    sections = {Version.V3_1_1: "3.1.3.1"}
    malformed = False
    about = (spec.CONNECT,)
    consumes = {DefectKind.CLIENT_ID_EMPTY_NOT_CLEAN: (spec.CONNECT,)}
    bad = (
        Example(
            "empty and not clean",
            ("C 10 0c 00 04 4d 51 54 54 04 00 00 3c 00 00", "S 20 02 00 02", *SERVER_CLOSES),
        ),
    )
    good = (
        Example(
            "empty and clean",
            ("C 10 0c 00 04 4d 51 54 54 04 02 00 3c 00 00", ACCEPTED_311, *GRACEFUL_CLOSE),
        ),
        Example(
            "an id and not clean",
            ("C 10 0d 00 04 4d 51 54 54 04 00 00 3c 00 01 61", ACCEPTED_311, *GRACEFUL_CLOSE),
        ),
        Example(
            "5.0: empty without Clean Start",
            (
                "C 10 0d 00 04 4d 51 54 54 05 00 00 3c 00 00 00",
                "S 20 07 00 00 04 12 00 01 78",
                *GRACEFUL_CLOSE,
            ),
        ),
    )

    def check(self, fact: DefectFact) -> Verdict:
        """Reports the two values that exclude each other."""
        return self.failure(
            fact, "the client id is empty and cleanSession is 0; an empty id needs cleanSession=1"
        )
