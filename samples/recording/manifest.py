"""Reads and writes `manifest.toml`, which describes the recorded captures; keeps its `rules`."""

import tomllib
from pathlib import Path
from typing import Any

import server_programs
from recording_session import CLIENTS, SERVERS, Scenario

_HEAD = """\
# Written by samples/recording/record.py, except `rules`, which are written by hand: the ids of the
# rules that a capture must raise. A new recording keeps them.
"""


def entry(scenario: Scenario, codes: list[int], frames: int) -> dict[str, Any]:
    """Returns the manifest entry of a new capture, without rules."""
    return {
        "file": scenario.file,
        "server": _product(SERVERS[scenario.server]),
        "clients": [_product(CLIENTS[key]) for key in scenario.all_clients],
        "mqtt_versions": list(scenario.all_versions),
        "ip_version": 6 if ":" in scenario.host else 4,
        "port": scenario.port,
        "frames": frames,
        "contains": scenario.contains,
        "return_codes": codes,
        "rules": [],
    } | ({"tls": scenario.tls} if scenario.tls else {})


def _product(name: str) -> dict[str, str]:
    return {"name": name, "version": server_programs.version_of(name)}


def read(path: Path) -> dict[str, dict[str, Any]]:
    """Returns the entries by file name; none if the manifest is missing."""
    if not path.exists():
        return {}
    return {each["file"]: each for each in tomllib.loads(path.read_text("utf-8"))["capture"]}


def write(path: Path, entries: dict[str, dict[str, Any]], scenarios: list[Scenario]) -> None:
    """Writes the entries of `scenarios`, in their order and with their current descriptions."""
    blocks = [_HEAD]
    for scenario in scenarios:
        if scenario.file not in entries:
            continue
        lines = ["[[capture]]"]
        for key, value in (entries[scenario.file] | {"contains": scenario.contains}).items():
            if key == "return_codes":
                codes = (f"0x{code:02X}" if code >= 0x80 else str(code) for code in value)
                lines.append(f"return_codes = [{', '.join(codes)}]")
            else:
                lines.append(f"{key} = {_toml(value)}")
        blocks.append("\n".join(lines) + "\n")
    path.write_text("\n".join(blocks), encoding="utf-8")


def _toml(value: object) -> str:
    match value:
        case str():
            return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
        case list():
            return "[" + ", ".join(map(_toml, value)) + "]"
        case dict():
            return "{ " + ", ".join(f"{key} = {_toml(item)}" for key, item in value.items()) + " }"
        case _:
            return str(value)
