"""A command that is killed, by whatever signal at whatever moment, leaves nothing behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from dissector.capture.source import open_capture
from tests.cli.running import CLEAN, LIMIT
from tests.conftest import ROOT, need_tool
from tests.live.harness import need_root, wait_until

RECORDED = ROOT / "samples" / "recorded"
TLS = "mosquitto-mqttjs-3.1-tls13-persistent-session"
MADE = [str(path) for path in sorted((ROOT / "samples" / "made").glob("*.pcap"))[:40]]
MOMENTS = (0.1, 0.3, 0.5, 0.8, 1.1, 1.4, 1.8, 2.2, 2.7, 3.3)  # seconds after the start
GONE = 5.0  # seconds after which nothing may be left
SIGNALS = ("SIGTERM", "SIGHUP", "SIGKILL")
EARLIER = b"earlier"


class KilledCommand(NamedTuple):
    """A command to kill; `stdin` is a file that it reads, `check` raises if its output is cut."""

    arguments: tuple[str, ...]
    check: Callable[[Path], object] = lambda path: pytest.fail("no output was asked for")
    stdin: Path | None = None
    live: bool = False
    tool: str = ""


def _is_capture(path: Path) -> None:
    with open_capture(str(path)) as reader:
        while reader.next_batch() is not None:
            pass
        assert not reader.warnings


KEYS = str(RECORDED / f"{TLS}.keys")
CAPTURE = RECORDED / f"{TLS}.pcap"
SCENARIOS = {
    "decrypting files": KilledCommand(
        ("--keylog", KEYS, "--format", "json", "--output", "report", *[str(CAPTURE)] * 3),
        lambda path: json.loads(path.read_bytes()),
        tool="tshark",
    ),
    "decrypting a pipe": KilledCommand(
        ("--keylog", KEYS, "--format", "json", "--output", "report", "-"),
        lambda path: json.loads(path.read_bytes()),
        stdin=CAPTURE,
        tool="tshark",
    ),
    "extract": KilledCommand(("extract", "--flagged", "-w", "report", *MADE), _is_capture),
    "audit": KilledCommand(
        ("audit", "--format", "json", "--output", "report", *MADE),
        lambda path: json.loads(path.read_bytes()),
    ),
    "live, socket": KilledCommand(("live", "-i", "lo", "--means", "socket"), live=True),
    "live, dumpcap": KilledCommand(
        ("live", "-i", "lo", "--means", "dumpcap"), live=True, tool="dumpcap"
    ),
    "live, scapy": KilledCommand(("live", "-i", "lo", "--means", "scapy"), live=True),
    "live, pipe": KilledCommand(("live", "-"), live=True),
}


@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize("name", SCENARIOS)
def test_nothing_is_left(tmp_path: Path, name: str, number: str) -> None:
    """No process and no file is left, and the earlier output is untouched or replaced whole."""
    scenario = SCENARIOS[name]
    if scenario.tool:
        need_tool(scenario.tool)
    if scenario.live:
        need_root()
    shared = _shared_memory()
    mark = uuid.uuid4().hex
    began = time.monotonic()
    ran: list[bool] = []
    tool_ran = False
    runs = [_started(scenario, tmp_path / f"{moment}", f"{mark}-{moment}") for moment in MOMENTS]
    try:
        for moment, run in zip(MOMENTS, runs, strict=True):
            time.sleep(max(began + moment - time.monotonic(), 0))
            if moment > 1:
                _wait(run, scenario, tmp_path / f"{moment}", f"{mark}-{moment}")
            ran.append(run.poll() is None)
            tool_ran = tool_ran or any(scenario.tool in command for command in _processes(mark))
            run.send_signal(getattr(signal, number))
        end = time.monotonic() + GONE
        while time.monotonic() < end and _processes(mark):
            for run in runs:
                run.poll()  # reaps it
            time.sleep(0.05)
        assert not _processes(mark)
        assert tool_ran
        assert all(ran) if scenario.live else any(ran)
    finally:
        for run in runs:
            run.kill()
            run.wait(LIMIT)
            if run.stdin is not None:
                run.stdin.close()
    for moment in MOMENTS:
        assert not list((tmp_path / f"{moment}" / "tmp").iterdir())
        (report,) = (tmp_path / f"{moment}" / "cwd").iterdir()
        if report.read_bytes() != EARLIER:
            scenario.check(report)
    assert _shared_memory() <= shared


def _started(scenario: KilledCommand, place: Path, mark: str) -> subprocess.Popen[bytes]:
    """Starts the command in an own directory, with an earlier report and own temporary files."""
    for name in ("tmp", "cwd"):
        (place / name).mkdir(parents=True)
    (place / "cwd" / "report").write_bytes(EARLIER)
    stdin: int = subprocess.PIPE
    if scenario.stdin is not None:
        stdin = os.open(scenario.stdin, os.O_RDONLY)
    errors = os.open(place / "errors", os.O_WRONLY | os.O_CREAT)
    try:
        return subprocess.Popen(
            [sys.executable, "-m", "dissector", *scenario.arguments],
            stdin=stdin,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            cwd=place / "cwd",
            env={**CLEAN, "TMPDIR": str(place / "tmp"), "KILLED_TEST": mark},
        )
    finally:
        os.close(errors)
        if scenario.stdin is not None:
            os.close(stdin)


def _wait(run: subprocess.Popen[bytes], scenario: KilledCommand, place: Path, mark: str) -> None:
    """Waits until a command captures, has started its tool, or has ended."""

    def started() -> bool:
        if scenario.live:
            return b"listening" in (place / "errors").read_bytes()
        return any(scenario.tool in command for command in _processes(mark))

    wait_until(lambda: run.poll() is not None or started(), "the start")


def _processes(mark: str) -> list[str]:
    """Returns the command lines of all processes that inherited the mark."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if mark.encode() in (folder / "environ").read_bytes():
                found.append((folder / "cmdline").read_text(errors="replace"))
        except OSError:
            continue  # it has ended, or belongs to another user
    return found


def _shared_memory() -> set[str]:
    """Returns the names of files in shared memory that may be ours."""
    return {each.name for each in Path("/dev/shm").glob("*dissector*")}
