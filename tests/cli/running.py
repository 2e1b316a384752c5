"""Arguments in, what the command prints and its exit code out."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from tests.conftest import ROOT

CLEAN = {"PATH": os.environ.get("PATH", ""), "PYTHONPATH": str(ROOT)}


class Ran(NamedTuple):
    """What a run of the command left behind."""

    code: int
    out: str
    err: str


def dissector(
    *arguments: str, cwd: Path | None = None, stdin: bytes = b"", **environment: str
) -> Ran:
    """Run the command with nothing of this user's environment or configuration."""
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
    return Ran(done.returncode, done.stdout.decode(), done.stderr.decode())
