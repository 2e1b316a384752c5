"""The CSV of audits and analyses, parsed by Python and by a spreadsheet program."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path

import pytest

from dissector.report.csv_table import COLUMNS, LONGEST
from tests.conftest import need_tool
from tests.report.auditing import CREDENTIALS, analyzed, audited

_TABLE = "{urn:oasis:names:tc:opendocument:xmlns:table:1.0}"
_OFFICE = "{urn:oasis:names:tc:opendocument:xmlns:office:1.0}"
_TEXT = "{urn:oasis:names:tc:opendocument:xmlns:text:1.0}"
_FORMULA = tuple("=+-@\t\r\uff1d\uff0b\uff0d\uff20")


def rows(data: bytes) -> list[dict[str, str]]:
    """Reads a CSV."""
    return list(csv.DictReader(io.StringIO(data.decode(), newline="")))


def test_rows_are_the_records_of_the_json() -> None:
    """Findings, devices and servers of the JSON have one row each with the same values."""
    document = json.loads(audited(CREDENTIALS, "json"))
    found = rows(audited(CREDENTIALS, "csv"))
    of = {kind: [row for row in found if row["record"] == kind] for kind in ("device", "server")}
    findings = [row for row in found if row["record"] == "finding"]
    assert [row["rule"] for row in findings] == [item["rule"] for item in document["findings"]]
    assert [row["wireshark"] for row in findings] == [
        item["wireshark"] for item in document["findings"]
    ]
    assert [row["name"] for row in of["device"]] == [item["name"] for item in document["devices"]]
    assert [row["name"] for row in of["server"]] == [item["name"] for item in document["servers"]]
    assert len(found) == sum(len(document[name]) for name in ("findings", "devices", "servers"))


def test_an_analysis_writes_its_findings() -> None:
    """`analyze` writes the same table, without audit rules and without devices."""
    found = rows(analyzed(CREDENTIALS, "csv"))
    assert found
    assert {row["record"] for row in found} == {"finding"}
    assert not [row for row in found if row["rule"].startswith("SEC")]


def test_no_cell_is_a_formula_or_holds_control_characters(hostile: Path) -> None:
    """With any client id a cell is one line of text and not too long."""
    data = audited(hostile, "csv")
    found = rows(data)
    assert len({row["clientId"] for row in found if row["record"] == "device"}) > 15
    for row in found:
        assert list(row) == list(COLUMNS)
        for cell in row.values():
            assert not cell.startswith(_FORMULA)
            assert cell.isprintable()
            assert len(cell) <= LONGEST + 1


def cells(place: Path) -> Iterator[list[tuple[str, str, bool]]]:
    """Returns the rows of a flat spreadsheet: text, type and formula flag of each cell."""
    for row in ElementTree.parse(place).iter(f"{_TABLE}table-row"):
        line: list[tuple[str, str, bool]] = []
        for cell in row.iter(f"{_TABLE}table-cell"):
            kind = cell.get(f"{_OFFICE}value-type", "")
            value = cell.get(f"{_OFFICE}value")
            text = value if value is not None else "\n".join(map(_shown, cell.iter(f"{_TEXT}p")))
            once = (text, kind, f"{_TABLE}formula" in cell.attrib)
            repeated = int(cell.get(f"{_TABLE}number-columns-repeated", "1"))
            line += [once] * min(repeated, len(COLUMNS))
        yield line[: len(COLUMNS)]


def _shown(paragraph: ElementTree.Element) -> str:
    """Returns a paragraph's text; runs of spaces are elements of their own."""
    parts = [paragraph.text or ""]
    for inner in paragraph:
        parts.append(" " * int(inner.get(f"{_TEXT}c", "1")) if inner.tag == f"{_TEXT}s" else "")
        parts += ["".join(inner.itertext()), inner.tail or ""]
    return "".join(parts)


@pytest.mark.parametrize("with_attacks", [False, True], ids=["recorded", "hostile"])
def test_a_spreadsheet_reads_every_cell(hostile: Path, tmp_path: Path, with_attacks: bool) -> None:
    """LibreOffice shows each cell as it is in the file and computes nothing."""
    office = need_tool("soffice")
    data = audited(hostile if with_attacks else CREDENTIALS, "csv")
    place = tmp_path / "audit.csv"
    place.write_bytes(data)
    # comma, quotes, UTF-8, from row 1, no column formats, default language, quoted fields are text
    csv_filter = "--infilter=Text - txt - csv (StarCalc):44,34,76,1,,0,true"
    subprocess.run(
        [
            office, f"-env:UserInstallation=file://{tmp_path}/profile", "--headless", csv_filter,
            "--convert-to", "fods", "--outdir", str(tmp_path), str(place),
        ],
        check=True, capture_output=True, timeout=120,
    )  # fmt: skip
    wanted = [list(COLUMNS), *(list(row.values()) for row in rows(data))]
    shown = [row for row in cells(tmp_path / "audit.fods") if any(text for text, _, _ in row)]
    assert len(shown) == len(wanted)
    for line, row in zip(shown, wanted, strict=True):
        assert not any(formula for _, _, formula in line)
        texts = [text for text, _, _ in line] + [""] * (len(COLUMNS) - len(line))
        assert texts == row
