"""The width that reports and help are made for."""

from __future__ import annotations

import os
from itertools import takewhile
from pathlib import Path

import pytest

from dissector.cli.main import COMMANDS
from dissector.cli.terminal import columns
from tests.cli.running import dissector
from tests.conftest import ROOT


def test_the_environment_goes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """COLUMNS says how wide it is, as for other programs."""
    monkeypatch.setenv("COLUMNS", "132")
    assert columns() == 132


@pytest.mark.parametrize("value", ["", "wide", "0", "-3"])
def test_what_is_no_width_is_passed_over(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    """A COLUMNS that is no width leaves it to the terminal; without one it is 80."""
    monkeypatch.setenv("COLUMNS", value)

    def nowhere(*_: int) -> os.terminal_size:
        raise OSError

    monkeypatch.setattr(os, "get_terminal_size", nowhere)
    assert columns() == 80


@pytest.mark.parametrize("command", ["", *COMMANDS, "rules SEC"])
def test_help_and_lists_fit_eighty_columns(command: str) -> None:
    """Where nobody knows how wide it is, no line of help or of the list of rules is wider."""
    help_of = [] if " " in command else ["--help"]
    said = dissector(*command.split(), *help_of, COLUMNS="").out
    assert [line for line in said.splitlines() if len(line) > 80] == []


def test_tables_of_several_files_and_servers_fit(tmp_path: Path) -> None:
    """Handshakes over WebSocket, behind a proxy, with findings; TLS; and the audit of them all."""
    names = ("mosquitto-*malformed*", "aedes-*proxy*", "aedes-*websocket*", "mosquitto-*tls*")
    files = [path for name in names for path in sorted((ROOT / "samples/recorded").glob(name))]
    for command in ("analyze", "audit"):
        report = tmp_path / command
        dissector(command, "--all", "--output", str(report), *map(str, files))
        lines = report.read_text().splitlines()
        tables = [index for index, line in enumerate(lines) if line and not line.strip("- ")]
        assert len(tables) == 2
        for index in tables:
            table = takewhile(str.strip, lines[index - 1 :])
            assert max(map(len, table)) <= 80
