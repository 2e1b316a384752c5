"""Runs the `dissector` command in a subprocess and returns its output and exit code."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tests.conftest import ROOT

CLEAN = {"PATH": os.environ.get("PATH", ""), "PYTHONPATH": str(ROOT)}


LIMIT = 60.0  # seconds that a command may take on a busy machine


@contextlib.contextmanager
def started(command: Sequence[str], **more: Any) -> Iterator[subprocess.Popen[bytes]]:
    """Starts a program; kills it at the end of the block if it still runs."""
    process = subprocess.Popen(command, **more)
    try:
        yield process
    finally:
        process.kill()
        process.wait(LIMIT)
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream is not None:
                with contextlib.suppress(OSError):  # what was not flushed is lost
                    stream.close()


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
        timeout=LIMIT,
    )
    assert b"Traceback" not in done.stderr, done.stderr.decode()
    return CompletedRun(done.returncode, done.stdout.decode(), done.stderr.decode())
