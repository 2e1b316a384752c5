"""Counts for each profile what happened on its connections; the inventory is built from it.

A finding is reported before its connection ends, so it is stored by stream until then and added to
the connection's profile. Memory grows with profiles, not with connections.
"""

from __future__ import annotations

from dissector.activity.context import AuditContext
from dissector.activity.profile import Profile
from dissector.activity.tls import TlsAuditContext
from dissector.audit.records import LISTED
from dissector.model import Finding, Outcome, Severity, Side

_RANKS = {severity: severity.rank for severity in Severity}
_RANKED = sorted(Severity, key=lambda severity: severity.rank)


_NONE: frozenset[str] = frozenset()


class RuleCount:
    """Findings of one rule: how many, the highest rank of severity, and the first numbers."""

    __slots__ = ("count", "name", "numbers", "rank", "rule")

    def __init__(
        self, rule: str, name: str, rank: int, count: int, numbers: tuple[int, ...]
    ) -> None:
        self.rule = rule
        self.name = name
        self.rank = rank
        self.count = count
        self.numbers = numbers


class Faults:
    """Findings of one party, by rule in the order of their first finding."""

    __slots__ = ("counts",)

    def __init__(self) -> None:
        self.counts: tuple[RuleCount, ...] = ()

    def add(self, number: int, rule: str, name: str, severity: Severity) -> None:
        """Counts one finding."""
        self._add(rule, name, _RANKS[severity], 1, (number,))

    def merge(self, other: Faults) -> None:
        """Adds the findings of another party."""
        for item in other.counts:
            self._add(item.rule, item.name, item.rank, item.count, item.numbers)

    def has(self, number: int, rule: str) -> bool:
        """Whether a finding of a rule is one of the first."""
        for item in self.counts:
            if item.rule == rule:
                return number in item.numbers
        return False

    def rules(self) -> tuple[str, ...]:
        """Returns the rules, in the order of their first finding."""
        return tuple([item.rule for item in self.counts])

    def of(self, rules: frozenset[str]) -> bool:
        """Whether one of these rules has a finding."""
        for item in self.counts:
            if item.rule in rules:
                return True
        return False

    def _add(self, rule: str, name: str, rank: int, count: int, numbers: tuple[int, ...]) -> None:
        for known in self.counts:
            if known.rule == rule:
                break
        else:
            self.counts += (RuleCount(rule, name, rank, count, numbers),)
            return
        known.rank = max(known.rank, rank)
        known.count += count
        if len(known.numbers) < LISTED:
            new = tuple([number for number in numbers if number not in known.numbers])
            known.numbers = (known.numbers + new)[:LISTED]

    def severity(self, rank: int) -> Severity:
        """Returns the severity of a rank."""
        return _RANKED[rank]


class Tally:
    """What happened on the connections of one profile.

    `suppressed` are the rules whose findings the user does not want to see: they are not counted,
    but nothing that they contradict is right.
    """

    __slots__ = (
        "accepted", "client_faults", "last_ns", "refused", "server_faults", "suppressed",
        "takeovers", "unanswered",
    )  # fmt: skip

    def __init__(self) -> None:
        self.accepted = self.refused = self.unanswered = self.takeovers = 0
        self.last_ns = 0
        self.client_faults: Faults | None = None  # None without findings, as most have none
        self.server_faults: Faults | None = None
        self.suppressed: frozenset[str] = _NONE

    def faults(self, side: Side) -> Faults:
        """Returns the findings of one side, to add to them."""
        if side is Side.CLIENT:
            if self.client_faults is None:
                self.client_faults = Faults()
            return self.client_faults
        if self.server_faults is None:
            self.server_faults = Faults()
        return self.server_faults

    def has_finding(self, rules: frozenset[str]) -> bool:
        """Whether one of these rules has a finding on one of the connections, on either side."""
        if self.client_faults is not None and self.client_faults.of(rules):
            return True
        if self.server_faults is not None and self.server_faults.of(rules):
            return True
        return bool(self.suppressed) and not rules.isdisjoint(self.suppressed)


class Tallies:
    """Updates the tallies, stored as `extra` of the profiles. `findings` counts all findings."""

    def __init__(self) -> None:
        self.findings = 0
        self.shared: dict[str, list[tuple[int, Finding]]] = {}
        # by the id of the capture and the stream
        self._pending: dict[tuple[int, int], list[tuple[int, Finding]]] = {}
        self._suppressed: dict[tuple[int, int], set[str]] = {}

    def finding(self, finding: Finding) -> None:
        """Stores a finding; its connection has not ended yet."""
        number = self.findings
        self.findings += 1
        place = (finding.capture, finding.stream)
        self._pending.setdefault(place, []).append((number, finding))
        credentials = finding.evidence.get("credentials")
        if isinstance(credentials, str) and len(self.shared) < LISTED:
            self.shared.setdefault(credentials, []).append((number, finding))

    def suppress(self, finding: Finding) -> None:
        """Stores the rule of a finding that is not reported; its connection has not ended yet."""
        place = (finding.capture, finding.stream)
        self._suppressed.setdefault(place, set()).add(finding.rule)

    def ended(self, context: AuditContext | TlsAuditContext) -> None:
        """Called when a connection has ended."""
        profile = context.profile
        assert profile is not None
        tally = tally_of(profile)
        if isinstance(context, TlsAuditContext):
            tally.last_ns = max(tally.last_ns, profile.last_ns)
            self._assign(tally, (context.record.capture, context.record.stream))
            return
        connection = context.connection
        if profile.code is not None:
            if profile.code:
                tally.refused += 1
            else:
                tally.accepted += 1
        elif connection.handshake is not None:
            tally.unanswered += connection.outcome is not Outcome.INCOMPLETE
        if context.takeovers_by:
            tally.takeovers += 1
        last = profile.last_ns if connection.closes else max(profile.last_ns, context.now)
        for event in connection.closes:
            last = max(last, event.frame.time_ns)
        tally.last_ns = max(tally.last_ns, last)
        self._assign(tally, (context.activity.capture or 0, connection.stream))

    def _assign(self, tally: Tally, place: tuple[int, int]) -> None:
        """Adds the pending findings of a connection to the party at fault."""
        if self._suppressed:
            tally.suppressed |= self._suppressed.pop(place, _NONE)
        for number, finding in self._pending.pop(place, ()):
            tally.faults(finding.side).add(number, finding.rule, finding.name, finding.severity)


def tally_of(profile: Profile) -> Tally:
    """Returns the tally of a profile; creates it if necessary."""
    if not isinstance(profile.extra, Tally):
        profile.extra = Tally()
    return profile.extra
