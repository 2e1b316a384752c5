"""The tables that the rules come from: every row has its rule, which cites what the row says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import pytest

from dissector.model import Severity, Version
from dissector.rules.registry import find
from tests.conftest import ROOT

TABLES = ROOT.parent / "shared" / "mqtt_rules.md"
SECTIONS = ("b.1", "b.2", "b.3", "b.4", "b.8")
# They come with whole sessions and transports
LATER = {"ENC08", *(f"SEQ{number}" for number in range(19, 24))}
LETTERS = {"E": Severity.ERROR, "W": Severity.WARNING, "I": Severity.INFO}

# What stands in the text below the tables: MQTT 3.1 has a column in none. Rule to severity.
IN_3_1: dict[str, Severity] = {
    "ENC03": Severity.ERROR, "ENC12": Severity.ERROR, "ENC05": Severity.WARNING,
    "ENC13": Severity.WARNING, "CON01": Severity.ERROR, "CON02": Severity.WARNING,
    "CON06": Severity.WARNING, "CON09": Severity.WARNING, "CON14": Severity.ERROR,
    "ACK01": Severity.ERROR, "ACK04": Severity.WARNING, "SEQ01": Severity.ERROR,
    "SEQ03": Severity.WARNING, "AUT08": Severity.ERROR,  # the last one by its own row
}  # fmt: skip


# Numbers and duties that a row names in words only
ALSO = {("CON05", Version.V3_1_1): {"MQTT-3.1.2-13", "MQTT-3.1.2-15"}}
UNNUMBERED = {("CON14", Version.V3_1_1), ("CON14", Version.V5_0), ("SEQ04", Version.V3_1_1)}
UNNUMBERED |= {("ENC04", Version.V3_1_1), ("AUT09", Version.V5_0), ("AUT08", Version.V3_1_1)}
NOWHERE = {("AUT08", Version.V5_0)}  # its column cites 3.1.1: type 15 is legal in 5.0


class TableRow(NamedTuple):
    """A row: the rule, its cells for 3.1.1 and 5.0, the letters of its severity."""

    rule: str
    cells: dict[Version, str]
    severity: str


def rows() -> list[TableRow]:
    """Read the tables of the sections, and the row of SES-01."""
    if not TABLES.is_file():
        return []
    found = []
    section = ""
    for line in TABLES.read_text().splitlines():
        heading = re.match(r"#+ \(?(\w(?:\.\d)?)", line)
        if heading:
            section = heading[1]
        row = re.match(r"\| ([A-Z]{3})-(\d\d) \| ", line)
        if row is None or (section not in SECTIONS and row[1] + row[2] != "SES01"):
            continue
        parts = [part.strip() for part in line.strip("|\n ").split("|")]
        cells = {Version.V5_0: parts[-3]}
        cells[Version.V3_1_1] = parts[1] if len(parts) == 5 else "-"
        found.append(TableRow(row[1] + row[2], cells, parts[-1]))
    return [row for row in found if row.rule not in LATER]


def cited(cell: str) -> set[str]:
    """Spell the statement ids of a cell: "3.1.2-11, -13" are two."""
    found: set[str] = set()
    chapter = ""
    for part in re.findall(r"\d+\.\d+\.\d+-\d+|(?<![\d.])-\d+", cell):
        if not part.startswith("-"):
            chapter = part.rpartition("-")[0]
        found.add(f"MQTT-{chapter}-{part.rpartition('-')[2]}")
    return found


def applies(row: TableRow, version: Version) -> bool:
    """Whether a row says anything about a version: a bare "-" or "not a rule" does not."""
    if (row.rule, version) in UNNUMBERED:
        return True
    return row.cells[version] not in ("-", "not a rule") and (row.rule, version) not in NOWHERE


ROWS = [pytest.param(row, id=row.rule) for row in rows()]


@pytest.fixture(scope="module")
def tables() -> Path:
    """Skip where the tables are not there."""
    if not TABLES.is_file():
        pytest.skip("../shared/mqtt_rules.md is not there")
    return TABLES


def test_every_row_has_a_rule(tables: Path) -> None:
    """Each row of the tables has a rule of its id, and all tables were read."""
    names = [row.rule for row in rows()]
    assert len(names) == len(set(names)) == 67
    assert [name for name in names if find(name) is None] == []


@pytest.mark.parametrize("row", ROWS)
def test_versions_and_statements_are_those_of_the_table(row: TableRow) -> None:
    """A rule applies in the versions of its row, and may cite exactly the ids of its cells."""
    rule = find(row.rule)
    assert rule is not None
    for version in (Version.V3_1_1, Version.V5_0):
        assert (version in rule.statements) is applies(row, version), version
        ids = cited(row.cells[version]) | ALSO.get((row.rule, version), set())
        assert set(rule.statements.get(version, ())) == ids, version
        sections = re.findall(r"\d+(?:[.-]\d+)+", row.cells[version].partition("(")[2])
        if sections and version in rule.sections:
            said = rule.sections[version]
            assert any(section in said for section in sections), version
    assert (Version.V3_1 in rule.statements) is (row.rule in IN_3_1)
    assert rule.statements.get(Version.V3_1, ()) == ()


@pytest.mark.parametrize("row", ROWS)
def test_severities_are_those_of_the_table(row: TableRow) -> None:
    """A rule's severity in each version is the letter of its row, that of 3.1 the text's."""
    rule = find(row.rule)
    assert rule is not None
    letters = [letter.strip() for letter in row.severity.split("/")]
    for version, cell in row.cells.items():
        if version not in rule.statements:
            continue
        expected = letters[0]
        if row.rule in ("ENC04", "SEQ04") and version is Version.V3_1_1:
            expected = letters[1]  # "3.1.1 only info", "3.1.1: unnumbered, warn"
        if row.rule == "CON14":
            expected = letters[1]  # the first is that of 3.1
        assert rule.severity_in(version) is LETTERS[expected], (version, cell)
    if row.rule in IN_3_1:
        assert rule.severity_in(Version.V3_1) is IN_3_1[row.rule]
