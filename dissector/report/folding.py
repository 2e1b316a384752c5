"""Findings in, one exemplar for each rule and party with a count out: repeats fold.

A party is whoever is at fault: a server is its address and port, a client its client id or its
address. Addresses stand in the handshake, which comes after its findings, so these wait for it,
folded already: memory grows with rules and parties, not with findings. A finding of no handshake
brings its addresses along; one whose handshake never comes is folded by client id or stream.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from dissector.connections.handshake import Handshake
from dissector.model import Endpoint, Finding, Side
from dissector.report.identity import address

PLACES_KEPT = 5
PARTIES_KEPT = 1000


class Fold(msgspec.Struct):
    """Repeats of one rule by one party. `places` are the first of the repeats, (file, frame)."""

    exemplar: Finding
    party: str
    count: int = 1
    places: list[tuple[str, int]] = msgspec.field(default_factory=list)

    def add(self, other: Fold) -> None:
        """Take in repeats that were folded apart."""
        if len(self.places) < PLACES_KEPT:
            first = (other.exemplar.file, other.exemplar.frame)
            self.places += [first, *other.places][: PLACES_KEPT - len(self.places)]
        self.count += other.count


class RuleFold:
    """All findings of one rule: a fold for each party, the first `PARTIES_KEPT` of them."""

    def __init__(self, rule: str) -> None:
        self.rule = rule
        self.count = 0
        self.others = 0  # findings of parties that were not kept
        self.severity = 0
        self.folds: list[Fold] = []
        self._by_party: dict[str, Fold] = {}

    def add(self, fold: Fold, names: list[str]) -> None:
        """Take findings of a party, known by any of these names."""
        self.count += fold.count
        self.severity = max(self.severity, fold.exemplar.severity.rank)
        known = next((self._by_party[name] for name in names if name in self._by_party), None)
        if known is not None:
            known.add(fold)
        elif len(self.folds) < PARTIES_KEPT:
            known = fold
            self.folds.append(fold)
        else:
            self.others += fold.count
            return
        if len(self._by_party) < 10 * PARTIES_KEPT:
            for name in names:
                self._by_party.setdefault(name, known)


class Folding:
    """Takes findings, and handshakes after their findings."""

    def __init__(self) -> None:
        self._rules: dict[str, RuleFold] = {}
        self._waiting: dict[int, dict[tuple[str, Side], Fold]] = {}

    def finding(self, finding: Finding) -> None:
        """Take one finding."""
        fold = Fold(finding, "")
        if finding.handshake is None:
            self._settle(fold, finding.client, finding.server)
            return
        waiting = self._waiting.setdefault(finding.handshake, {})
        known = waiting.get((finding.rule, finding.side))
        if known is None:
            waiting[finding.rule, finding.side] = fold
        else:
            known.add(fold)

    def handshake(self, handshake: Handshake) -> list[Finding]:
        """Take the handshake of findings that came before; give one finding for each rule."""
        folds = self._waiting.pop(handshake.id, None)
        if folds is None:
            return []
        found = [fold.exemplar for fold in folds.values()]
        for fold in folds.values():
            self._settle(fold, handshake.client, handshake.server)
        return found

    def rules(self) -> Iterator[RuleFold]:
        """Give the rules, worst severity first, then by id; no more findings may come."""
        for folds in self._waiting.values():
            for fold in folds.values():
                self._settle(fold, None, None)
        self._waiting.clear()
        yield from sorted(self._rules.values(), key=lambda fold: (-fold.severity, fold.rule))

    def _settle(self, fold: Fold, client: Endpoint | None, server: Endpoint | None) -> None:
        finding = fold.exemplar
        if finding.side is Side.SERVER:
            fold.party = address(server) if server else ""
            names = [fold.party or f"stream {finding.stream}"]
        else:
            fold.party = client.ip if client else ""
            names = [f"id {finding.client_id}"] if finding.client_id else []
            names += [fold.party] if fold.party else []
            names = names or [f"stream {finding.stream}"]
        rule = self._rules.get(finding.rule)
        if rule is None:
            rule = self._rules[finding.rule] = RuleFold(finding.rule)
        rule.add(fold, names)
