"""On real captures nothing is found but what is true: each finding is listed, with the reason.

`findings_true.toml` says of each finding which rule spoke of which side in which frame, and why
that is so. A finding that is missing there is a false alarm until somebody has shown the opposite.
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


class Judged(NamedTuple):
    """What identifies a finding within a capture."""

    rule: str
    side: str
    frame: int


def listed() -> dict[str, Counter[Judged]]:
    """Give what the list allows, by the name of the capture."""
    allowed: dict[str, Counter[Judged]] = {}
    for entry in tomllib.loads(LIST.read_text())["finding"]:
        for name, frames in entry["frames"].items():
            judged = (Judged(entry["rule"], entry["side"], frame) for frame in frames)
            allowed.setdefault(name, Counter()).update(judged)
    return allowed


@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: path.name)
def test_what_is_found_is_true(path: Path) -> None:
    """A real capture shows the findings that the list explains, each of them and no other."""
    report = dissector.analyze(path)
    found = Counter(Judged(f.rule, f.side.value, f.frame) for f in report.findings)
    allowed = listed().get(path.name, Counter())
    assert list((found - allowed).elements()) == [], "found, but nobody has shown that it is true"
    assert list((allowed - found).elements()) == [], "listed as true, but no longer found"


def test_list_names_captures_that_are_there() -> None:
    """The list speaks of no capture that does not exist; those of others may be absent here."""
    here = {path.name for path in CAPTURES}
    if not SHARED.is_dir():
        here |= {name for name in listed() if name.startswith(SHARED_PREFIX)}
    assert set(listed()) <= here


def test_every_entry_gives_a_reason() -> None:
    """Every entry has a sentence that says why, and no two entries explain the same finding."""
    entries = tomllib.loads(LIST.read_text())["finding"]
    assert all(len(entry["why"]) > 20 and entry["why"].endswith((".", ")")) for entry in entries)
    kinds = [(entry["rule"], entry["side"], entry["why"]) for entry in entries]
    assert len(kinds) == len(set(kinds))


def page_rows() -> Counter[tuple[str, Judged]]:
    """Give the findings that `docs/servers.md` speaks of, by capture."""
    rows: Counter[tuple[str, Judged]] = Counter()
    side = "server"
    for line in (ROOT / "docs" / "servers.md").read_text("utf-8").splitlines():
        if line.startswith("## Clients"):
            side = "client"
        row = ROW.match(line)
        if row:
            for frame in row["frames"].split(", "):
                rows[row["capture"], Judged(row["rule"], side, int(frame))] += 1
    return rows


def test_servers_page_tells_all_and_nothing_else() -> None:
    """`docs/servers.md` holds each finding against a server once, and no other finding."""
    found: Counter[tuple[str, Judged]] = Counter()
    for path in RECORDED.glob("*.pcap*"):
        for finding in dissector.analyze(path).findings:
            judged = Judged(finding.rule, finding.side.value, finding.frame)
            found[path.name, judged] += 1
    rows = page_rows()
    assert sorted((rows - found).elements()) == [], "not found"
    servers = Counter({key: count for key, count in found.items() if key[1].side == "server"})
    assert sorted((servers - rows).elements()) == [], "found, but not on the page"
