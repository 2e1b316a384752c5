"""Runs the `dissector` command in a subprocess and returns its output and exit code."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from tests.conftest import ROOT

CLEAN = {"PATH": os.environ.get("PATH", ""), "PYTHONPATH": str(ROOT)}


class CompletedRun(NamedTuple):
    """Exit code and output of a run of the command."""

    code: int
    out: str
    err: str


def dissector(
    *arguments: str, cwd: Path | None = None, stdin: bytes = b"", **environment: str
) -> CompletedRun:
    """Runs the command without this user's environment and configuration."""
    done = subprocess.run(
        [sys.executable, "-m", "dissector", *arguments],
        input=stdin,
        capture_output=True,
        cwd=cwd or ROOT,
        env={**CLEAN, **environment},
        check=False,
        timeout=60,
    )
    assert b"Traceback" not in done.stderr, done.stderr.decode()
    return CompletedRun(done.returncode, done.stdout.decode(), done.stderr.decode())
