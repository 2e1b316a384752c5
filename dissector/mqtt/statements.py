"""Looks up the numbered normative statements of the MQTT standards, by version and id.

The catalogue is `statements.csv` beside this file: every normative statement of MQTT 3.1.1 (141)
and 5.0 (251), paraphrased in one line, with the side it obliges. Ids are not unique across
versions, so a key is always a pair. MQTT 3.1 has no numbered statements. Importing this module
reads the file (a millisecond), so it is imported only where a paraphrase is shown.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import NamedTuple

from dissector.model import Side, Version


class Statement(NamedTuple):
    """One numbered statement. `side` is the side that it obliges; None for both."""

    id: str
    version: Version
    side: Side | None
    summary: str


def _read() -> dict[tuple[Version, str], Statement]:
    with Path(__file__).with_suffix(".csv").open(encoding="utf-8", newline="") as lines:
        statements = (
            Statement(
                row["id"],
                Version(row["version"]),
                None if row["side"] == "both" else Side(row["side"]),
                row["summary"],
            )
            for row in csv.DictReader(lines)
        )
        return {(statement.version, statement.id): statement for statement in statements}


STATEMENTS: dict[tuple[Version, str], Statement] = _read()


def paraphrase(version: Version | None, identifier: str) -> str:
    """Returns a statement's one-line paraphrase; "" if the version has no such id."""
    if version is None:
        return ""
    statement = STATEMENTS.get((version, identifier))
    return statement.summary if statement is not None else ""
