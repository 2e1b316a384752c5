"""The width that reports and help are made for."""

import os

import pytest

from dissector.cli.terminal import columns


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
