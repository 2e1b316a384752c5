"""A rule's id in, what its page tells a reader of a report out: why it matters, how to fix it."""

from __future__ import annotations

import functools
from typing import NamedTuple

from dissector.errors import OptionError
from dissector.model import Severity, Side
from dissector.rules.registry import find


class Advice(NamedTuple):
    """A rule in sentences. A text holds paragraphs, parted by a blank line; none has line ends."""

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
        """Say what the side at fault does about it."""
        return self.fix_client if side is Side.CLIENT else self.fix_server


@functools.cache
def advice(rule_id: str) -> Advice:
    """Give a rule's advice; of a rule that is not known here only the id."""
    try:
        rule = find(rule_id)
    except OptionError:
        return Advice(rule_id, rule_id.lower(), Severity.WARNING)
    page = rule.page()
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
