"""SEQ17: connection left open by the receiver of a proven protocol violation."""

from __future__ import annotations

import functools
from typing import ClassVar

from dissector.model import Classification
from dissector.rules.authoring import *
from dissector.rules.enc.enc02_no_close_after_bad_flags import about_header_flags
from dissector.rules.seq.seq05_malformed_connect_tolerated import TOPIC_RULES

_ERROR, _PROVEN, _MUST = Severity.ERROR, Confidence.PROVEN, Obligation.MUST
_CONNECT, _REFUSED = spec.CONNECT, ConnectionFlag.REFUSED
_SERVER, _V5_0 = Side.SERVER, Version.V5_0
# groups of rules whose findings are violations of the protocol
_GROUPS = ("ENC", "CON", "ACK", "SEQ", "AUT", "SES", "PUB", "SUB", "QOS")
# rules that already report a missing close, or packets after a refusal
_REACTIVE = frozenset({"ENC02", "SEQ05", "SEQ06", "SEQ07", "SEQ08", "SEQ09", "SEQ10", "AUT05"})


class NoCloseAfterViolation(ConnectionRule):
    """One side violates the protocol, and the other one does not close the connection.

    What it checks
    --------------
    The receiver of a protocol violation must close the connection: both sides in 3.1.1, the server
    in 5.0. For the first proven error of a connection that has no close rule of its own, this rule
    checks whether either side closed, or sent DISCONNECT, in time. The standard names no time, so
    the finding is a warning; it is an error where the server's own answer accepts the violation,
    such as a CONNACK with code 0 to a second CONNECT or to one with an illegal topic name. It
    reports once per connection, in addition to the error itself. A malformed CONNECT is left to
    SEQ05 to SEQ08, bad header flags to ENC02, missing closes after a refusal to SEQ09.

    Why it matters
    --------------
    After a violation the states of the two sides may differ. Continuing leads to lost or duplicated
    messages later, far from their cause.

    Fix on the client
    -----------------
    Close after a packet that is invalid, log its bytes, and connect again.

    Fix on the server
    -----------------
    Close after every malformed packet and protocol error; 5.0: send DISCONNECT with the reason code
    first. Many servers are tolerant intentionally: they should at least log it.

    Known false alarms
    ------------------
    A side that is tolerant intentionally is reported as well.
    """

    id = "SEQ17"
    name = "no-close-after-violation"
    side = Side.SERVER
    either = True
    severity = Severity.WARNING
    confidence = Confidence.LIKELY
    statements = versions(v311="MQTT-4.8.0-1", v5="MQTT-4.13.1-1")
    sections = {Version.V3_1_1: "4.8", Version.V5_0: "4.13.1"}
    # any finding; most connections have none
    deadlines = ("close-seconds",)
    asks = ConnectionFlag.FINDING
    causes = Cause.VIOLATION
    last: ClassVar[bool] = True
    bad = (
        Example(
            "3.1.1: a second CONNECT is tolerated",
            (CONNECT_311, ACCEPTED_311, CONNECT_311, "+6"),
            also=("SEQ02",),
        ),
        Example(
            "5.0: a second CONNECT is tolerated",
            (CONNECT_5, ACCEPTED_5, CONNECT_5, "+6"),
            also=("SEQ02",),
        ),
        Example(
            "3.1.1: a second CONNECT is accepted",
            (CONNECT_311, ACCEPTED_311, CONNECT_311, ACCEPTED_311, *GRACEFUL_CLOSE),
            also=("SEQ02", "SEQ04"),
        ),
        Example(
            "5.0: a will topic with a wildcard is accepted",
            (
                "C 10 17 00 04 4d 51 54 54 05 06 00 3c 00 00 01 61 00 00 03 61 2f 23 00 01 6d",
                ACCEPTED_5,
                *GRACEFUL_CLOSE,
            ),
            also=("CON15",),
        ),
        Example(
            "3.1.1: the client tolerates a message before its CONNACK",
            (CONNECT_311, "S 30 05 00 01 61 68 69", ACCEPTED_311, "+6"),
            also=("SEQ03",),
        ),
    )
    good = (
        Example(
            "3.1.1: the server closes",
            (CONNECT_311, ACCEPTED_311, CONNECT_311, *SERVER_CLOSES),
            also=("SEQ02",),
        ),
        Example(
            "3.1.1: the client closes first",
            (CONNECT_311, ACCEPTED_311, CONNECT_311, *GRACEFUL_CLOSE),
            also=("SEQ02",),
        ),
        Example(
            "5.0: clients need not close",
            (CONNECT_5, "S 30 06 00 01 61 00 68 69", ACCEPTED_5, "+6"),
            also=("SEQ03",),
        ),
        Example(
            "the capture ends too early",
            (CONNECT_311, ACCEPTED_311, CONNECT_311, "+3"),
            also=("SEQ02",),
        ),
    )

    def check(self, connection: Connection) -> Verdict:
        """Requires a close after the first proven violation that was not followed by one."""
        if connection.connection_flags & _REFUSED:
            return None
        findings, version = connection.findings, connection.version
        violations = [finding for finding in findings if _requires_close(finding, version)]
        if violations:
            reported = {finding.side for finding in findings if finding.rule == "ENC02"}
            if reported:
                violations = [each for each in violations if each.side.other not in reported]
        if not violations:
            return None
        return missing_close_after(
            connection, violations, "the {side} violated the protocol ({rule}, {name})"
        )


def _requires_close(finding: Finding, version: Version | None) -> bool:
    """Whether a finding is a violation after which its receiver must close, by this rule."""
    about, packet = finding.classification, finding.packet
    if not _of_such_a_kind(about, version):
        return False
    # SEQ05 reports a CONNECT that violates section 3.1
    if packet is not None and packet[0] >> 4 == _CONNECT and about.rule not in TOPIC_RULES:
        return False
    return not about_header_flags(finding)


@functools.lru_cache(1000)
def _of_such_a_kind(about: Classification, version: Version | None) -> bool:
    """Whether findings with a classification may be such violations."""
    return (
        about.severity is _ERROR
        and about.confidence is _PROVEN
        and about.obligation is _MUST
        and about.rule.startswith(_GROUPS)
        and about.rule not in _REACTIVE
        and not (version is _V5_0 and about.side is _SERVER)
    )
