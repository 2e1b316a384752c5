"""Zeek logs of audits and analyses, parsed as `zeek-cut` does."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dissector.report.zeek import text
from tests.conftest import ROOT
from tests.report.auditing import CREDENTIALS, analyzed, audited
from tests.tls_peers import NAME

SAMPLES = sorted((ROOT / "samples").glob("[hr]*/*.pcap*"))


def logs(data: bytes) -> dict[str, list[dict[str, str]]]:
    """Reads logs by path: rows by field."""
    found: dict[str, list[dict[str, str]]] = {}
    path, fields, types = "", [""], [""]
    for line in data.decode().split("\n")[:-1]:
        assert line.isprintable() or "\t" in line
        if line.startswith("#"):
            key, _, rest = line.partition("\t")
            if key == "#path":
                path = rest
                found[path] = []
            elif key == "#fields":
                fields = rest.split("\t")
            elif key == "#types":
                types = rest.split("\t")
                assert len(types) == len(fields)
            continue
        cells = line.split("\t")
        assert len(cells) == len(fields)
        row = dict(zip(fields, cells, strict=True))
        for name, kind in zip(fields, types, strict=True):
            if kind in ("time", "interval"):
                float(row[name])
            if kind in ("port", "count") and row[name] != "-":
                int(row[name])
        found[path].append(row)
    return found


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.name)
def test_rows_are_the_records_of_the_json(path: Path) -> None:
    """A handshake is a row of mqtt_connect, a finding a row of notice."""
    document = json.loads(audited(path, "json"))
    found = logs(audited(path, "zeek"))
    kinds = ["mqtt_connect", *(["ssl"] if document["tlsHandshakes"] else []), "notice"]
    assert list(found) == kinds
    assert len(found["mqtt_connect"]) == len(document["handshakes"])
    assert sorted(row["note"].split("::")[1][:5] for row in found["notice"]) == sorted(
        item["rule"] for item in document["findings"]
    )
    assert list(logs(analyzed(path, "zeek"))) == kinds


def test_both_logs_have_the_same_uids() -> None:
    """The uid of a notice is that of its handshake's row."""
    found = logs(audited(CREDENTIALS, "zeek"))
    names = {row["uid"] for row in found["mqtt_connect"]}
    assert len(names) == len(found["mqtt_connect"])
    assert {row["uid"] for row in found["notice"]} <= names


def test_hostile_names_stay_in_their_fields(hostile: Path) -> None:
    """Tabs, line ends and control characters of a client id are escaped."""
    found = logs(audited(hostile, "zeek"))
    assert len(found["mqtt_connect"]) == len({row["client_id"] for row in found["mqtt_connect"]})
    for row in (*found["mqtt_connect"], *found["notice"]):
        assert all(cell.isprintable() for cell in row.values())


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("", "(empty)"),
        ("-", "\\x2d"),
        ("(empty)", "\\x28empty)"),
        ("#close", "\\x23close"),
        ("a\tb", "a\\x09b"),
        ("\\", "\\x5c"),
        ("\u202e", "\\xe2\\x80\\xae"),
        ("\udcff", "\\xff"),
        ("grün", "grün"),
    ],
)
def test_text_is_escaped_as_in_zeek(value: str, shown: str) -> None:
    """Unset, empty and unprintable text is written as Zeek does."""
    assert text(value) == shown


def test_tls_rows_have_zeeks_fields(encrypted: Path) -> None:
    """A TLS connection is a row of ssl with its visible parameters."""
    made = json.loads(audited(encrypted, "json"))["tlsHandshakes"]
    first, resumed, newer, refused = logs(audited(encrypted, "zeek"))["ssl"]
    assert (first["version"], first["cipher"], first["server_name"], first["next_protocol"]) == (
        "TLSv12", made[0]["serverHello"]["suite"], NAME, "mqtt",
    )  # fmt: skip
    assert first["cert_chain_fps"].split(",") == [
        item["fingerprint"] for item in made[0]["certificates"]
    ]
    assert (first["subject"], first["client_subject"]) == (f"CN={NAME}", "CN=device-7")
    assert [row["resumed"] for row in (first, resumed, newer, refused)] == ["F", "T", "F", "F"]
    assert (newer["version"], newer["curve"], newer["subject"]) == (
        "TLSv13", made[2]["serverHello"]["group"], "-",
    )  # fmt: skip
    assert (refused["established"], refused["last_alert"]) == ("F", "unknown_ca")
