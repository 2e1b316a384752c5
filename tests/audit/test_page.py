"""`docs/audit.md` says what is so: every threshold with its default, and no other."""

from __future__ import annotations

import re

import msgspec

from dissector.rules.registry import audit_rules
from dissector.rules.thresholds import Thresholds
from tests.conftest import ROOT

PAGE = (ROOT / "docs" / "audit.md").read_text("utf-8")
ROW = re.compile(r"^\| `([a-z-]+)` \| (\S+) \| .*$", re.MULTILINE)


def test_every_threshold_stands_there_with_its_default() -> None:
    """A key that is added, dropped or changed changes the page, too."""
    reported = dict(ROW.findall(PAGE))
    known = {
        field.encode_name: str(field.default or "none")
        for field in msgspec.structs.fields(Thresholds)
    }
    assert reported == known


def test_rules_that_the_page_names_exist() -> None:
    """The page names rules that are there, and says of the missing ones that they come later."""
    named = set(re.findall(r"\b(?:SEC|TLS)\d\d\b", PAGE))
    assert named - {rule.id for rule in audit_rules()} == {"SEC24", "SEC26", "SEC28", "SEC35"}
