"""Folds repeated findings: one exemplar with a count for each rule and party.

A party is the side at fault: a server by address and port, a client by its client id or address.
The addresses are in the handshake, which comes after its findings, so findings wait for it, already
folded: memory grows with rules and parties, not with findings. A finding without a handshake has
its own addresses. If the handshake never comes, findings are folded by client id or stream.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

import msgspec

from dissector.connections.handshake import Handshake
from dissector.model import Endpoint, Finding, Side
from dissector.net.limits import ByteBudget
from dissector.report.identity import address

PLACES_KEPT = 5
PARTIES_KEPT = 1000
EXEMPLAR_BYTES = 32 << 20  # of all rules; a rule keeps at least one


def finding_bytes(finding: Finding) -> int:
    """Returns the approximate memory of a finding: its packet and its texts, and about 1 KiB."""
    texts = [finding.message, finding.client_id or "", *map(str, finding.evidence.values())]
    return 1024 + len(finding.packet or b"") + sum(map(sys.getsizeof, texts))


class Fold(msgspec.Struct):
    """Repeats of one rule by one party. `places` are the first repeats as (file, frame).

    `one_id` and `one_address`: all are by clients with the same client id, from the same address.
    """

    exemplar: Finding
    party: str
    count: int = 1
    one_id: bool = True
    one_address: bool = True
    places: list[tuple[str, int]] = msgspec.field(default_factory=list)

    def add(self, other: Fold) -> None:
        """Merges repeats that were folded separately."""
        if len(self.places) < PLACES_KEPT:
            first = (other.exemplar.file, other.exemplar.frame)
            self.places += [first, *other.places][: PLACES_KEPT - len(self.places)]
        self.count += other.count
        mine, its = self.exemplar.client_id, other.exemplar.client_id
        self.one_id = self.one_id and other.one_id and mine == its and bool(mine)
        self.one_address = self.one_address and other.one_address and self.party == other.party


class RuleFold:
    """All findings of one rule: a fold for each party, the first `PARTIES_KEPT` of them.

    There are fewer if the exemplars of all rules, which share `budget`, are too large.
    """

    def __init__(self, rule: str, budget: ByteBudget) -> None:
        self.rule = rule
        self.count = 0
        self.others = 0  # findings of parties that were not kept
        self.severity = 0
        self.folds: list[Fold] = []
        self._by_party: dict[str, Fold] = {}
        self._budget = budget

    def add(self, fold: Fold, names: list[str]) -> None:
        """Adds findings of a party that is known by any of these names."""
        self.count += fold.count
        self.severity = max(self.severity, fold.exemplar.severity.rank)
        known = next((self._by_party[name] for name in names if name in self._by_party), None)
        if known is not None:
            known.add(fold)
        elif not self.folds or (
            len(self.folds) < PARTIES_KEPT and self._budget.used < self._budget.limit
        ):
            known = fold
            self.folds.append(fold)
            self._budget.keep((self.rule, len(self.folds)), finding_bytes(fold.exemplar))
        else:
            self.others += fold.count
            return
        if len(self._by_party) < 10 * PARTIES_KEPT:
            for name in names:
                self._by_party.setdefault(name, known)


class Folding:
    """Folds findings; receives each handshake after its findings.

    `by_capture`: parties of different captures are different, even if they have the same name.
    """

    def __init__(self, *, by_capture: bool = False) -> None:
        self._by_capture = by_capture
        self._rules: dict[str, RuleFold] = {}
        self._budget = ByteBudget(EXEMPLAR_BYTES)
        self._pending: dict[int, dict[tuple[str, Side], Fold]] = {}  # by handshake

    def finding(self, finding: Finding) -> None:
        """Adds one finding."""
        fold = Fold(finding, "")
        if finding.handshake is None:
            self._assign_party(fold, finding.client, finding.server)
            return
        pending = self._pending.setdefault(finding.handshake, {})
        known = pending.get((finding.rule, finding.side))
        if known is None:
            pending[finding.rule, finding.side] = fold
        else:
            known.add(fold)

    def handshake(self, handshake: Handshake) -> list[Finding]:
        """Completes the pending findings of a handshake and returns one finding for each rule."""
        folds = self._pending.pop(handshake.id, None)
        if folds is None:
            return []
        found = [fold.exemplar for fold in folds.values()]
        for fold in folds.values():
            self._assign_party(fold, handshake.client, handshake.server)
        return found

    def rules(self) -> Iterator[RuleFold]:
        """Returns the rules by descending severity, then by id; no finding may follow."""
        for folds in self._pending.values():
            for fold in folds.values():
                self._assign_party(fold, None, None)
        self._pending.clear()
        yield from sorted(self._rules.values(), key=lambda fold: (-fold.severity, fold.rule))

    def _assign_party(self, fold: Fold, client: Endpoint | None, server: Endpoint | None) -> None:
        finding = fold.exemplar
        if finding.side is Side.SERVER:
            fold.party = address(server) if server else ""
            names = [fold.party or f"stream {finding.capture}:{finding.stream}"]
        else:
            fold.party = client.ip if client else ""
            names = [f"id {finding.client_id}"] if finding.client_id else []
            names += [fold.party] if fold.party else []
            names = names or [f"stream {finding.capture}:{finding.stream}"]
        if self._by_capture:
            names = [f"capture {finding.capture}, {name}" for name in names]
        rule = self._rules.get(finding.rule)
        if rule is None:
            rule = self._rules[finding.rule] = RuleFold(finding.rule, self._budget)
        rule.add(fold, names)
