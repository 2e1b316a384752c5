"""`docs/audit.md` lists every threshold with its default, and no others."""

from __future__ import annotations

import re

import msgspec

from dissector.connections.thresholds import Thresholds
from dissector.rules.registry import audit_rules
from tests.conftest import ROOT

PAGE = (ROOT / "docs" / "audit.md").read_text("utf-8")
ROW = re.compile(r"^\| `([a-z-]+)` \| (\S+) \| .*$", re.MULTILINE)


def test_every_threshold_is_listed_with_its_default() -> None:
    """The page has to change with every threshold that is added, removed or changed."""
    listed = dict(ROW.findall(PAGE))
    known = {
        field.encode_name: str(field.default or "none")
        for field in msgspec.structs.fields(Thresholds)
    }
    assert listed == known


def test_rules_that_the_page_names_exist() -> None:
    """The page names existing rules, and those that it announces for later."""
    named = set(re.findall(r"\b(?:SEC|TLS)\d\d\b", PAGE))
    assert named - {rule.id for rule in audit_rules()} == {"SEC24", "SEC26", "SEC28", "SEC35"}
