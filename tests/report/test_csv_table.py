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
from tests.cli.running import dissector
from tests.conftest import ROOT, need_tool
from tests.report.auditing import CREDENTIALS, analyzed, audited

NOT_PLAIN = {"file", "frame", "time", "password"}  # elsewhere or redacted
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


@pytest.mark.parametrize("select", [(), ("SEC", "CON", "SEQ")])
@pytest.mark.parametrize("files", ["several", "one"])
def test_an_analysis_has_a_row_for_each_handshake(select: tuple[str, ...], files: str) -> None:
    """A handshake is a row with its fields and the sum of its findings, whose rows follow it.

    Handshakes without findings have one, too, and several captures are one table.
    """
    paths = [str(ROOT / "samples/household/household.pcap")]
    if files == "several":
        paths = sorted(map(str, (ROOT / "samples/recorded").glob("*malformed*")))
    words = ["--separate", *(["--select", ",".join(select)] if select else []), *paths]
    document = json.loads(dissector("--format", "json", *words).out)
    table = rows(dissector("--format", "csv", *words).out.encode())
    handshakes = [row for row in table if row["record"] == "handshake"]
    assert [int(row["handshake"]) for row in handshakes] == [
        item["id"] for item in sorted(document["handshakes"], key=lambda item: item["id"])
    ]
    assert len(table) == len(document["handshakes"]) + len(document["findings"])
    by_id = {item["id"]: item for item in document["handshakes"]}
    for row in handshakes:
        item = by_id[int(row["handshake"])]
        found = [each for each in document["findings"] if each["handshake"] == item["id"]]
        assert int(row["findings"]) == len(found)
        assert set(row["rule"].split()) == {each["rule"] for each in found}
        assert row["outcome"] == item["outcome"]
        for packet in ("connect", "connack"):
            for name, value in (item[packet] or {}).items():
                if name in COLUMNS and isinstance(value, (int, str)) and name not in NOT_PLAIN:
                    shown = str(value).lower() if isinstance(value, bool) else str(value)
                    assert row[name] == shown or "\\" in row[name] + shown, name
        first = item["connect"] or item["connack"]
        assert (row["file"], row["frame"]) == (first["file"], str(first["frame"]))
        assert row["closedBy"] == ((item["close"] or {}).get("by") or "")
    place = {id(row): number for number, row in enumerate(table)}
    for row in table:
        if row["record"] == "finding" and row["handshake"]:
            before = [each for each in handshakes if place[id(each)] < place[id(row)]]
            assert before[-1]["handshake"] == row["handshake"]
    assert {row["rule"][:3] for row in table if row["record"] == "finding"} <= (
        set(select) if select else {"ACK", "AUT", "CON", "ENC", "SEQ", "SES"}
    )


def test_passwords_are_in_the_table_only_on_request() -> None:
    """A password is `redacted`, with `--show-secrets` its text; without one the cell is empty."""
    for show in (False, True):
        table = rows(analyzed(CREDENTIALS, "csv", show_secrets=show))
        cells = {row["password"] for row in table if row["record"] == "handshake"}
        assert ("redacted" in cells) is not show
        assert "" in cells
        assert len(cells) > 1


def test_no_cell_is_a_formula_or_holds_control_characters(hostile: Path) -> None:
    """With any client id a cell is one line of text and not too long."""
    found = rows(analyzed(hostile, "csv"))
    assert len({row["clientId"] for row in found if row["record"] == "handshake"}) > 15
    found += rows(audited(hostile, "csv"))
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
