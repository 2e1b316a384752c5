"""Reads the JSON of an earlier run and tells which findings are already known (`--baseline`).

A finding is known if the same rule had a finding on the same party before (`identity.py`);
frames, times and counts are ignored. Accepts documents and lines of `audit` and `analyze`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from dissector.errors import OptionError
from dissector.model import Finding
from dissector.report.identity import name, name_of


class Baseline:
    """Names of the findings of an earlier report."""

    def __init__(self, names: frozenset[str]) -> None:
        self._names = names

    def __call__(self, finding: Finding) -> bool:
        """Whether a finding is known."""
        return name_of(finding) in self._names


def read(path: str) -> Baseline:
    """Reads a report. Raises OptionError if it is not a report of this program."""
    try:
        with open(path, "rb") as file:
            data = file.read()
    except OSError as error:
        raise OptionError(f"--baseline {path}: {error.strerror}") from error
    try:
        return Baseline(frozenset(map(_name, _findings(data))))
    except (msgspec.DecodeError, ValueError, LookupError, TypeError, RecursionError) as error:
        wanted = "expected a report written by --format json or jsonl in an earlier run"
        raise OptionError(f"--baseline {path}: {wanted}") from error


def _findings(data: bytes) -> Iterator[dict[str, Any]]:
    first = data.split(b"\n", 1)[0]
    if first.startswith(b'{"type"'):
        for line in data.splitlines():
            record = msgspec.json.decode(line)
            if record["type"] == "finding":
                yield record
        return
    document = msgspec.json.decode(data)
    if document["schema"] != 1:
        raise KeyError("schema")
    yield from document["findings"]


def _name(record: dict[str, Any]) -> str:
    """Returns the name of a finding, the same as `identity.name_of` gives for the record."""
    client, server = record["client"], record["server"]
    if record["side"] == "server":
        who = ""
        if server is not None:
            ip, port = server["ip"], server["port"]
            who = f"[{ip}]:{port}" if ":" in ip else f"{ip}:{port}"
    else:
        who = record["clientId"] or ("" if client is None else client["ip"])
    return name(record["rule"], record["side"], who)
