"""Compares the rules with the tables that define them: ids, statements and severities."""

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
# Rules about sessions and transports that do not exist yet
NOT_YET = {"ENC08", "SEQ19", "SEQ20", "SEQ22", "SEQ23"}
LETTERS = {"E": Severity.ERROR, "W": Severity.WARNING, "I": Severity.INFO}

# Severities in MQTT 3.1, from the text below the tables, which have no column for it
IN_3_1: dict[str, Severity] = {
    "ENC03": Severity.ERROR, "ENC12": Severity.ERROR, "ENC05": Severity.WARNING,
    "ENC13": Severity.WARNING, "CON01": Severity.ERROR, "CON02": Severity.WARNING,
    "CON06": Severity.WARNING, "CON09": Severity.WARNING, "CON14": Severity.ERROR,
    "ACK01": Severity.ERROR, "ACK04": Severity.WARNING, "SEQ01": Severity.ERROR,
    "SEQ03": Severity.WARNING, "AUT08": Severity.ERROR,  # from its row
    "SEQ12": Severity.INFO,  # a CONNECT that never ends is the same in every version
}  # fmt: skip


# Statement ids and requirements that a row has only as text, or that were decided later
ALSO = {
    ("CON05", Version.V3_1_1): {"MQTT-3.1.2-13", "MQTT-3.1.2-15"},
    ("CON12", Version.V3_1_1): {"MQTT-1.5.3-1", "MQTT-1.5.3-2"},
    ("CON12", Version.V5_0): {"MQTT-1.5.4-1", "MQTT-1.5.4-2"},
    ("CON15", Version.V3_1_1): {"MQTT-1.5.3-2"},
    ("CON15", Version.V5_0): {"MQTT-1.5.4-2"},
    ("ENC09", Version.V5_0): {"MQTT-1.5.4-1", "MQTT-1.5.4-2"},
    ("SEQ09", Version.V5_0): {"MQTT-3.1.4-2"},
    ("SEQ21", Version.V5_0): {"MQTT-3.14.2-3", "MQTT-3.14.2-4"},
}
# ids of a row that bytes cannot prove, and versions in which a rule therefore cannot fire
UNPROVABLE = {
    ("CON07", Version.V3_1_1): {"MQTT-3.1.2-18"}, ("CON07", Version.V5_0): {"MQTT-3.1.2-16"},
    ("CON08", Version.V3_1_1): {"MQTT-3.1.2-20"}, ("CON08", Version.V5_0): {"MQTT-3.1.2-18"},
    ("ENC13", Version.V3_1_1): {"MQTT-4.8.0-1"},
}  # fmt: skip
CANNOT_FIRE = {
    ("ENC05", Version.V3_1_1), ("ENC06", Version.V3_1_1), ("CON10", Version.V3_1_1),
}  # fmt: skip
# Rules that have only a deadline of ours as evidence: warnings, whatever their rows say
DEADLINE_ONLY = {"SEQ09", "AUT05"}
UNNUMBERED = {("CON14", Version.V3_1_1), ("CON14", Version.V5_0), ("SEQ04", Version.V3_1_1)}
UNNUMBERED |= {("ENC04", Version.V3_1_1), ("AUT09", Version.V5_0), ("AUT08", Version.V3_1_1)}
NOWHERE = {("AUT08", Version.V5_0)}  # its column cites 3.1.1: type 15 is legal in 5.0


class TableRow(NamedTuple):
    """A row: the rule id, its cells for 3.1.1 and 5.0, the letters of its severity."""

    rule: str
    cells: dict[Version, str]
    severity: str


def rows() -> list[TableRow]:
    """Reads the tables of the sections, and the row of SES-01."""
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
    return [row for row in found if row.rule not in NOT_YET]


def cited(cell: str) -> set[str]:
    """Returns the statement ids of a cell: "3.1.2-11, -13" are two."""
    found: set[str] = set()
    chapter = ""
    for part in re.findall(r"\d+\.\d+\.\d+-\d+|(?<![\d.])-\d+", cell):
        if not part.startswith("-"):
            chapter = part.rpartition("-")[0]
        found.add(f"MQTT-{chapter}-{part.rpartition('-')[2]}")
    return found


def applies(row: TableRow, version: Version) -> bool:
    """Whether a row applies to a version: not if the cell is "-" or "not a rule"."""
    if (row.rule, version) in UNNUMBERED:
        return True
    if (row.rule, version) in CANNOT_FIRE:
        return False
    return row.cells[version] not in ("-", "not a rule") and (row.rule, version) not in NOWHERE


ROWS = [pytest.param(row, id=row.rule) for row in rows()]


@pytest.fixture(scope="module")
def tables() -> Path:
    """Skips the test if the tables are missing."""
    if not TABLES.is_file():
        pytest.skip("../shared/mqtt_rules.md is missing")
    return TABLES


def test_every_row_has_a_rule(tables: Path) -> None:
    """Each row has a rule with its id, and all tables were read."""
    names = [row.rule for row in rows()]
    assert len(names) == len(set(names)) == 68
    assert [name for name in names if find(name) is None] == []


@pytest.mark.parametrize("row", ROWS)
def test_versions_and_statements_are_those_of_the_table(row: TableRow) -> None:
    """A rule applies in the versions of its row, and may cite exactly the ids of its cells."""
    rule = find(row.rule)
    assert rule is not None
    for version in (Version.V3_1_1, Version.V5_0):
        assert (version in rule.statements) is applies(row, version), version
        if not applies(row, version):
            continue
        ids = cited(row.cells[version]) | ALSO.get((row.rule, version), set())
        ids -= UNPROVABLE.get((row.rule, version), set())
        assert set(rule.statements.get(version, ())) == ids, version
        sections = re.findall(r"\d+(?:[.-]\d+)+", row.cells[version].partition("(")[2])
        if sections and version in rule.sections:
            own = rule.sections[version]
            assert any(section in own for section in sections), version
    assert (Version.V3_1 in rule.statements) is (row.rule in IN_3_1)
    assert rule.statements.get(Version.V3_1, ()) == ()


@pytest.mark.parametrize("row", ROWS)
def test_severities_are_those_of_the_table(row: TableRow) -> None:
    """A rule's severity in each version is that of its row, or of the text for 3.1."""
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
        if row.rule in DEADLINE_ONLY:
            expected = "W"
        assert rule.severity_in(version) is LETTERS[expected], (version, cell)
    if row.rule in IN_3_1:
        assert rule.severity_in(Version.V3_1) is IN_3_1[row.rule]
