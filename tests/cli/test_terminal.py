"""The terminal width, and that reports and help fit it."""

from __future__ import annotations

import os
from itertools import takewhile
from pathlib import Path

import pytest

from dissector.cli.main import COMMANDS
from dissector.cli.terminal import columns
from tests.cli.running import dissector
from tests.conftest import ROOT


def test_columns_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment variable COLUMNS overrides the terminal."""
    monkeypatch.setenv("COLUMNS", "132")
    assert columns() == 132


@pytest.mark.parametrize("value", ["", "wide", "0", "-3"])
def test_invalid_columns_are_ignored(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    """With an invalid COLUMNS the terminal's width is used; without a terminal it is 80."""
    monkeypatch.setenv("COLUMNS", value)

    def no_terminal(*_: int) -> os.terminal_size:
        raise OSError

    monkeypatch.setattr(os, "get_terminal_size", no_terminal)
    assert columns() == 80


@pytest.mark.parametrize("command", ["", *COMMANDS, "rules SEC"])
def test_help_and_lists_fit_eighty_columns(command: str) -> None:
    """Without a known width no line of help or of the list of rules exceeds 80 columns."""
    help_of = [] if " " in command else ["--help"]
    text = dissector(*command.split(), *help_of, COLUMNS="").out
    assert [line for line in text.splitlines() if len(line) > 80] == []


def test_tables_of_several_files_and_servers_fit(tmp_path: Path) -> None:
    """Tables of several files (WebSocket, proxies, TLS, findings) and audits fit 80 columns."""
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
