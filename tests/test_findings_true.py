"""Findings on real captures are exactly those in a list of verified findings.

`findings_true.toml` lists rule, side and frames of each finding, and the reason why it is true. A
finding that is missing there counts as a false alarm until it has been verified.
"""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import pytest

import dissector
from tests.conftest import ROOT, SHARED

RECORDED = ROOT / "samples" / "recorded"
LIST = Path(__file__).with_name("findings_true.toml")
SHARED_PREFIX = "suricata-verify-"
ROW = re.compile(r"\| (?P<rule>[A-Z]+\d+) \| .* \| `(?P<capture>[^`]+)` (?P<frames>[\d, ]+) \|")
CAPTURES = sorted(RECORDED.glob("*.pcap*")) + sorted(SHARED.glob("*.pcap"))


class FindingKey(NamedTuple):
    """Identifies a finding within a capture."""

    rule: str
    side: str
    frame: int


def listed() -> dict[str, Counter[FindingKey]]:
    """Returns the listed findings by the name of the capture."""
    allowed: dict[str, Counter[FindingKey]] = {}
    for entry in tomllib.loads(LIST.read_text())["finding"]:
        for name, frames in entry["frames"].items():
            keys = (FindingKey(entry["rule"], entry["side"], frame) for frame in frames)
            allowed.setdefault(name, Counter()).update(keys)
    return allowed


@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: path.name)
def test_findings_are_those_listed(path: Path) -> None:
    """A real capture gives exactly the findings in the list."""
    report = dissector.analyze(path)
    found = Counter(FindingKey(f.rule, f.side.value, f.frame) for f in report.findings)
    allowed = listed().get(path.name, Counter())
    assert list((found - allowed).elements()) == [], "found, but not listed as true"
    assert list((allowed - found).elements()) == [], "listed as true, but no longer found"


def test_listed_captures_exist() -> None:
    """Every capture in the list exists; the external ones may be missing here."""
    here = {path.name for path in CAPTURES}
    if not SHARED.is_dir():
        here |= {name for name in listed() if name.startswith(SHARED_PREFIX)}
    assert set(listed()) <= here


def test_every_entry_gives_a_reason() -> None:
    """Every entry has a sentence as reason, and no two entries are the same."""
    entries = tomllib.loads(LIST.read_text())["finding"]
    assert all(len(entry["why"]) > 20 and entry["why"].endswith((".", ")")) for entry in entries)
    kinds = [(entry["rule"], entry["side"], entry["why"]) for entry in entries]
    assert len(kinds) == len(set(kinds))


def page_rows() -> Counter[tuple[str, FindingKey]]:
    """Returns the findings in the tables of `docs/servers.md`, by capture."""
    rows: Counter[tuple[str, FindingKey]] = Counter()
    side = "server"
    for line in (ROOT / "docs" / "servers.md").read_text("utf-8").splitlines():
        if line.startswith("## Clients"):
            side = "client"
        row = ROW.match(line)
        if row:
            for frame in row["frames"].split(", "):
                rows[row["capture"], FindingKey(row["rule"], side, int(frame))] += 1
    return rows


def test_servers_page_lists_all_findings_against_servers() -> None:
    """`docs/servers.md` lists each finding against a server once, and no other finding."""
    found: Counter[tuple[str, FindingKey]] = Counter()
    for path in RECORDED.glob("*.pcap*"):
        for finding in dissector.analyze(path).findings:
            key = FindingKey(finding.rule, finding.side.value, finding.frame)
            found[path.name, key] += 1
    rows = page_rows()
    assert sorted((rows - found).elements()) == [], "not found"
    servers = Counter({key: count for key, count in found.items() if key[1].side == "server"})
    assert sorted((servers - rows).elements()) == [], "found, but not on the page"
