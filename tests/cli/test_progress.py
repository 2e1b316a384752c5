"""The progress bar on standard error, and interruption by a signal."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dissector.cli import progress
from tests.cli.running import CLEAN, LIMIT, started
from tests.conftest import ROOT


def test_the_bar_appears_after_a_second_and_is_removed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The bar appears after the first second and is removed at the end."""
    now = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    bar = progress.Progress()
    now += 0.5
    bar(10, 100)
    assert capsys.readouterr().err == ""
    bar.clear()
    assert capsys.readouterr().err == ""
    now += 1
    bar(50_000_000, 100_000_000)
    text = capsys.readouterr().err
    assert "50% of 100 MB" in text
    bar(60_000_000, 100_000_000)
    assert capsys.readouterr().err == ""  # too soon after the last update
    now += 1
    bar(60_000_000, None)
    assert "60 MB read" in capsys.readouterr().err
    bar.clear()
    assert capsys.readouterr().err == "\r\x1b[K"


def test_no_bar_without_a_terminal() -> None:
    """There is no bar if standard error is no terminal, as under pytest."""
    assert progress.wanted() is None


def test_an_interruption_reports_what_was_read(bad: Path) -> None:
    """Ctrl-C while a pipe is read gives the report of what was read, and exit 130."""
    with started(
        [sys.executable, "-m", "dissector", "--format", "concise", "-"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=CLEAN,
        cwd=ROOT,
    ) as process:
        assert process.stdin is not None
        process.stdin.write(bad.read_bytes())
        process.stdin.flush()
        time.sleep(1.5)
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=LIMIT)
        assert process.returncode == 130
        assert b"SES01" in out
