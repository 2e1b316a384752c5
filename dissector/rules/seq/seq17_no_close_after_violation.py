"""SEQ17: a proven violation that does not cost the connection."""

from __future__ import annotations

from typing import ClassVar

from dissector.connections.connection import Connection, ConnectionFlag
from dissector.model import (
    Confidence,
    Finding,
    Obligation,
    Severity,
    Side,
    Version,
)
from dissector.mqtt import spec
from dissector.rules.base import ConnectionRule, Example, Verdict, versions
from dissector.rules.enc.enc02_no_close_after_bad_flags import provoked as flags_provoked
from dissector.rules.examples import (
    ACCEPTED_5,
    ACCEPTED_311,
    CONNECT_5,
    CONNECT_311,
    GOODBYE,
    SERVER_CLOSES,
)
from dissector.rules.gating import unreacted

# groups of rules whose findings are violations of the protocol
_GROUPS = ("ENC", "CON", "ACK", "SEQ", "AUT", "SES", "PUB", "SUB", "QOS")
# rules that already speak of a missing close, or of what follows a refusal
_REACTIVE = frozenset({"ENC02", "SEQ05", "SEQ06", "SEQ07", "SEQ08", "SEQ09", "SEQ10", "AUT05"})


class NoCloseAfterViolation(ConnectionRule):
    """One side breaks the protocol, and the other one lets the connection live.

    What it checks
    --------------
    Whoever receives a protocol violation must close the connection it came on: both sides in 3.1.1,
    the server in 5.0. For the first proven error of a connection that has no close rule of its own,
    this rule looks whether anybody closed, or sent DISCONNECT, within 5 seconds. It reports once
    per connection, besides the error itself. A malformed CONNECT is left to SEQ05 to SEQ08, bad
    header flags to ENC02, what follows a refusal to SEQ09.

    Why it matters
    --------------
    After a violation the two sides no longer agree on what has been said. Going on means lost or
    doubled messages later, far away from their cause.

    Fix on the client
    -----------------
    Close on a packet that makes no sense, log its bytes, and connect again.

    Fix on the server
    -----------------
    Close on every malformed packet and protocol error; 5.0: DISCONNECT with the reason code first.
    Many servers tolerate on purpose: at least log it.

    Known false alarms
    ------------------
    A side that tolerates deliberately is reported all the same, hence a warning only.
    """

    id = "SEQ17"
    name = "no-close-after-violation"
    side = Side.SERVER
    either = True
    severity = Severity.WARNING
    confidence = Confidence.LIKELY
    statements = versions(v311="MQTT-4.8.0-1", v5="MQTT-4.13.1-1")
    sections = {Version.V3_1_1: "4.8", Version.V5_0: "4.13.1"}
    # whatever can have been reported before; most connections have no findings and end there
    asks = ConnectionFlag.FINDING
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
            "3.1.1: the client goes on after a message before its CONNACK",
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
            "3.1.1: the client leaves first",
            (CONNECT_311, ACCEPTED_311, CONNECT_311, *GOODBYE),
            also=("SEQ02",),
        ),
        Example(
            "5.0: only servers are bound",
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
        """Ask for a close after the first proven violation that nobody closed for."""
        if not connection.findings or connection.connection_flags & ConnectionFlag.REFUSED:
            return None
        silent = {f.side for f in connection.findings if f.rule == "ENC02"}
        provoking = [
            finding
            for finding in connection.findings
            if _obliging(finding, connection.version) and finding.side.other not in silent
        ]
        return unreacted(connection, provoking, "the {side} broke the protocol ({rule}, {name})")


def _obliging(finding: Finding, version: Version | None) -> bool:
    """Whether a finding is a violation that obliges its receiver to close, by this rule."""
    if not finding.rule.startswith(_GROUPS) or finding.rule in _REACTIVE:
        return False
    if finding.severity is not Severity.ERROR or finding.confidence is not Confidence.PROVEN:
        return False
    if finding.obligation is not Obligation.MUST or flags_provoked(finding):
        return False
    if version is Version.V5_0 and finding.side is Side.SERVER:
        return False
    # a malformed CONNECT is SEQ05's; the topic rules of CON15 stand outside of section 3.1
    is_connect = finding.packet is not None and finding.packet[0] >> 4 == spec.CONNECT
    return finding.rule == "CON15" or not is_connect
