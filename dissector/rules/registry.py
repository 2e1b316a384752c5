"""Finds and imports all rule files of the package, and selects rules by id, name or prefix.

Audit rules (the groups `sec` and `tls`) are imported separately, on first use: a plain analysis
does not need them, and importing them takes time.
"""

from __future__ import annotations

import functools
import importlib
import os
import re

from dissector import rules as package
from dissector.errors import OptionError
from dissector.rules.base import Rule

AUDIT_GROUPS = ("SEC", "TLS")
_RULE_FILE = re.compile(r"([a-z]{2,3}\d\d)_\w+\.py$")


@functools.cache
def all_rules() -> tuple[Rule, ...]:
    """Returns one instance of every rule about the standard, sorted by group and number."""
    return tuple(_rules_of(audit=False))


@functools.cache
def audit_rules() -> tuple[Rule, ...]:
    """Returns one instance of every audit rule, sorted by group and number."""
    return tuple(_rules_of(audit=True))


def every_rule() -> tuple[Rule, ...]:
    """Returns all rules, those about the standard first."""
    return (*all_rules(), *audit_rules())


def _rules_of(*, audit: bool) -> list[Rule]:
    groups = sorted(
        (entry.name, entry.path)
        for root in package.__path__
        for entry in os.scandir(root)
        if entry.is_dir() and (entry.name.upper() in AUDIT_GROUPS) is audit
    )
    return [
        _rule_of(importlib.import_module(f"{__package__}.{group}.{name[:-3]}"))
        for group, path in groups
        for name in sorted(os.listdir(path))
        if _RULE_FILE.match(name)
    ]


def _rule_of(module: object) -> Rule:
    for value in vars(module).values():
        if (
            isinstance(value, type)
            and issubclass(value, Rule)
            and value.__module__ == module.__name__  # type: ignore[attr-defined]
        ):
            return value()
    raise AssertionError(f"no rule in {module}")


def find(rule_id: str) -> Rule:
    """Returns the rule of that id or name, ignoring case and dashes; raises OptionError."""
    wanted = rule_id.replace("-", "").casefold()
    audited = wanted[:3].upper() in AUDIT_GROUPS
    for rule in audit_rules() if audited else every_rule():
        if wanted in (rule.id.casefold(), rule.name.replace("-", "").casefold()):
            return rule
    raise OptionError(f"no rule {rule_id!r}; `dissector rules` lists them all")


def selected(
    select: tuple[str, ...], ignore: tuple[str, ...], *, audit: bool = False
) -> frozenset[str]:
    """Returns the ids of the rules that begin with a prefix of `select` and with none of `ignore`.

    An empty `select` means all rules. Audit rules are included if `audit` is set, or a prefix names
    their group. Raises OptionError for a prefix that no rule id begins with.
    """
    ids = [rule.id for rule in (every_rule() if audit else all_rules())]
    if not audit and any(map(_is_audit, (*select, *ignore))):
        named = tuple(_normalized(prefix) for prefix in select if _is_audit(prefix))
        ids += [rule.id for rule in audit_rules() if rule.id.startswith(named)]
    for prefix in (*select, *ignore):
        known = [rule.id for rule in audit_rules()] if _is_audit(prefix) else ids
        if not any(identifier.startswith(_normalized(prefix)) for identifier in known):
            raise OptionError(f"no rule begins with {prefix!r}; `dissector rules` lists them all")
    return frozenset(
        identifier
        for identifier in ids
        if (not select or identifier.startswith(tuple(map(_normalized, select))))
        and not identifier.startswith(tuple(map(_normalized, ignore)))
    )


def pedantic_rules(select: tuple[str, ...], everything: bool) -> frozenset[str]:
    """Returns the ids of the pedantic rules that are on: `everything`, or those `select` names."""
    named = set(map(_normalized, select))
    return frozenset(
        rule.id for rule in all_rules() if rule.pedantic and (everything or rule.id in named)
    )


def _is_audit(prefix: str) -> bool:
    return _normalized(prefix).startswith(AUDIT_GROUPS)


def _normalized(prefix: str) -> str:
    return prefix.replace("-", "").upper()
