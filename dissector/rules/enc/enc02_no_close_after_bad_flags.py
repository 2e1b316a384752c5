"""ENC02: connection left open after a packet with wrong header flags."""

from __future__ import annotations

from typing import ClassVar

from dissector.rules.authoring import *
from dissector.rules.base import HEADER_FLAGS_DEFECTS

# PINGREQ with a flag set
_BAD_FLAGS = "C c1 00"
_REFUSED = ConnectionFlag.REFUSED
_ERROR, _CLIENT, _V5_0 = Severity.ERROR, Side.CLIENT, Version.V5_0


def about_header_flags(finding: Finding) -> bool:
    """Whether a finding is about the flags of a fixed header, whichever rule reports it."""
    return finding.evidence.get("defect") in HEADER_FLAGS_DEFECTS


class NoCloseAfterBadFlags(ConnectionRule):
    """A packet has wrong flags in its first byte, and its receiver does not close the connection.

    What it checks
    --------------
    The flags of the fixed header are defined for all types except PUBLISH. A receiver of other
    values must close: both sides in 3.1.1, the server in 5.0. After such a packet (reported by
    ENC01, AUT06 or SEQ14) the rule checks whether either side closed, or sent DISCONNECT, in time.
    The standard names no time, so the finding is a warning; it is an error where the server's own
    answer accepts the packet: CONNACK with code 0 or, in 5.0, AUTH.

    Why it matters
    --------------
    Wrong flags are often the first sign that the two sides disagree about packet boundaries: the
    assumed header may be the middle of a payload. What is read after it may then be meaningless.

    Fix on the client
    -----------------
    Take the flags from a table: 2 for PUBREL, SUBSCRIBE and UNSUBSCRIBE, 0 for the rest. Close when
    the server sends others.

    Fix on the server
    -----------------
    Check byte 1 of every packet before reading its body, and close if it is wrong (5.0: DISCONNECT
    0x81 first).

    Known false alarms
    ------------------
    A server that tolerates such flags intentionally is reported as well.
    """

    id = "ENC02"
    name = "no-close-after-bad-flags"
    side = Side.SERVER
    either = True
    severity = Severity.WARNING
    confidence = Confidence.LIKELY
    statements = versions(v311="MQTT-2.2.2-2", v5="MQTT-4.13.1-1")
    sections = {Version.V3_1_1: "2.2.2", Version.V5_0: "4.13.1"}
    deadlines = ("close-seconds",)
    asks = ConnectionFlag.DEFECT
    causes = Cause.HEADER_FLAGS
    last: ClassVar[bool] = True
    bad = (
        Example(
            "3.1.1: a CONNECT with flags 1111 is accepted",
            ("C 1f 0d 00 04 4d 51 54 54 04 02 00 3c 00 01 61", ACCEPTED_311, *GRACEFUL_CLOSE),
            also=("ENC01",),
        ),
        Example(
            "5.0: a CONNECT with flags 0001 is accepted",
            ("C 11 0e 00 04 4d 51 54 54 05 02 00 3c 00 00 01 61", ACCEPTED_5, *GRACEFUL_CLOSE),
            also=("ENC01",),
        ),
        Example(
            "3.1.1: a PINGREQ with a flag is tolerated",
            (CONNECT_311, ACCEPTED_311, _BAD_FLAGS, "+6"),
            also=("ENC01",),
        ),
        Example(
            "5.0: a PINGREQ with a flag is tolerated",
            (CONNECT_5, ACCEPTED_5, _BAD_FLAGS, "+6"),
            also=("ENC01",),
        ),
        Example(
            "3.1.1: the client tolerates a PINGRESP with a flag",
            (CONNECT_311, ACCEPTED_311, "C c0 00", "S d1 00", "+6"),
            also=("ENC01",),
        ),
    )
    good = (
        Example(
            "3.1.1: the server closes",
            (CONNECT_311, ACCEPTED_311, _BAD_FLAGS, *SERVER_CLOSES),
            also=("ENC01",),
        ),
        Example(
            "5.0: DISCONNECT 0x81, then a close",
            (CONNECT_5, ACCEPTED_5, _BAD_FLAGS, "S e0 02 81 00", *SERVER_CLOSES),
            also=("ENC01",),
        ),
        Example(
            "the capture ends too early",
            (CONNECT_311, ACCEPTED_311, _BAD_FLAGS, "+3"),
            also=("ENC01",),
        ),
    )

    def check(self, connection: Connection) -> Verdict:
        """Requires a close after the first packet with bad flags that was not followed by one."""
        if connection.connection_flags & _REFUSED:
            return None  # SEQ09 requires the close
        violations = [
            finding
            for finding in connection.findings
            if about_header_flags(finding)
            and finding.severity is _ERROR
            and (finding.side is _CLIENT or connection.version is not _V5_0)
        ]
        if not violations:
            return None
        return missing_close_after(
            connection, violations, "the {side} sent a packet with bad flags ({rule})"
        )
