"""Looks up what a rule's page says about a finding: why it matters and how to fix it."""

from __future__ import annotations

import functools
from typing import NamedTuple

from dissector.errors import OptionError
from dissector.model import Severity, Side, Version
from dissector.rules.registry import find


class Advice(NamedTuple):
    """Texts of a rule. Paragraphs are separated by a blank line and contain no line breaks."""

    rule: str
    name: str
    severity: Severity
    summary: str = ""
    checks: str = ""
    why: str = ""
    fix_client: str = ""
    fix_server: str = ""
    false_alarms: str = ""
    references: tuple[str, ...] = ()

    def fix(self, side: Side) -> str:
        """Returns how the side at fault fixes it."""
        return self.fix_client if side is Side.CLIENT else self.fix_server


@functools.cache
def advice(rule_id: str, version: Version | None = None) -> Advice:
    """Returns a rule's texts, those for a version if one is given; of an unknown rule its id."""
    try:
        rule = find(rule_id)
    except OptionError:
        return Advice(rule_id, rule_id.lower(), Severity.WARNING)
    page = rule.page(version)
    return Advice(
        rule.id,
        rule.name,
        max((rule.severity_in(version) for version in rule.statements), key=_rank, default=None)
        or rule.severity_in(None),
        summary=_unwrapped(page.summary),
        checks=_unwrapped(page.checks),
        why=_unwrapped(page.why),
        fix_client=_unwrapped(page.fix_client),
        fix_server=_unwrapped(page.fix_server),
        false_alarms=_unwrapped(page.false_alarms),
        references=tuple(getattr(rule, "relates_to", tuple)()),
    )


def _rank(severity: Severity) -> int:
    return severity.rank


def _unwrapped(text: str) -> str:
    return "\n\n".join(" ".join(part.split()) for part in text.split("\n\n"))
