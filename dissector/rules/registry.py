"""The rule files in, the rules out: found by walking the package, imported once, in order of id."""

from __future__ import annotations

import functools
import importlib
import os
import re
from pathlib import Path

from dissector.errors import OptionError
from dissector.rules.base import AnyRule, ConnectionRule, DefectRule, HandshakeRule, Rule

_RULE_FILE = re.compile(r"([a-z]{2,3}\d\d)_\w+\.py$")


@functools.cache
def all_rules() -> tuple[AnyRule, ...]:
    """Give one instance of every rule, sorted by group and number."""
    root = Path(__file__).parent
    rules: list[AnyRule] = []
    for group in sorted(entry.name for entry in os.scandir(root) if entry.is_dir()):
        for name in sorted(os.listdir(root / group)):
            if _RULE_FILE.match(name):
                module = importlib.import_module(f"{__package__}.{group}.{name[:-3]}")
                rules.append(_rule_of(module))
    return tuple(rules)


def _rule_of(module: object) -> AnyRule:
    for value in vars(module).values():
        if (
            isinstance(value, type)
            and issubclass(value, Rule)
            and value.__module__ == module.__name__  # type: ignore[attr-defined]
        ):
            rule = value()
            assert isinstance(rule, DefectRule | HandshakeRule | ConnectionRule)
            return rule
    raise AssertionError(f"no rule in {module}")


def find(rule_id: str) -> AnyRule:
    """Give the rule of that id or name, whatever its case and dashes; else OptionError."""
    wanted = rule_id.replace("-", "").casefold()
    for rule in all_rules():
        if wanted in (rule.id.casefold(), rule.name.replace("-", "").casefold()):
            return rule
    raise OptionError(f"no rule {rule_id!r}; `dissector rules` lists them all")


def selected(select: tuple[str, ...], ignore: tuple[str, ...]) -> frozenset[str]:
    """Give the ids of the rules that begin with a prefix of `select` and with none of `ignore`.

    An empty `select` means all. A prefix that no rule begins with is an OptionError.
    """
    ids = [rule.id for rule in all_rules()]
    for prefix in (*select, *ignore):
        if not any(identifier.startswith(_spelt(prefix)) for identifier in ids):
            raise OptionError(f"no rule begins with {prefix!r}; `dissector rules` lists them all")
    return frozenset(
        identifier
        for identifier in ids
        if (not select or identifier.startswith(tuple(map(_spelt, select))))
        and not identifier.startswith(tuple(map(_spelt, ignore)))
    )


def _spelt(prefix: str) -> str:
    return prefix.replace("-", "").upper()
