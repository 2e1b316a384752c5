"""Captures that are made to exhaust memory or time: `benchmarks/attacks.py`, in small.

Each runs in a process of its own, whose peak memory and CPU time the kernel measures. The sizes are
such that each would take more without a bound.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.conftest import ROOT

ATTACKS = ROOT / "benchmarks" / "attacks.py"
MIB = 1 << 20
PEAK = 200  # MiB
GROWTH = 7  # times the CPU time for four times the input; 16 if it grows with the square
SECONDS = 120  # that one process may take at most


class Child(NamedTuple):
    """What a process used, and its output."""

    peak: int
    cpu: float
    output: str


def attack(name: str, size: int, place: Path) -> Path:
    """Generates a capture in another process: a child inherits the peak memory of its parent."""
    path = place / f"{name}-{size}"
    command = [sys.executable, str(ATTACKS), "--generate", name, str(size), str(path)]
    subprocess.run(command, check=True, timeout=SECONDS)
    return path


# Runs a command and writes what it used. It is a small process of its own, since the peak of a
# process counts that of its parent.
MEASURE = """
import resource, subprocess, sys
code = subprocess.run(sys.argv[2:], timeout=float(sys.argv[1])).returncode
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(code, used.ru_maxrss * 1024, used.ru_utime + used.ru_stime, file=sys.stderr)
"""


def run(command: str, path: Path) -> Child:
    """Runs a command of dissector, which must end with 0 or 1, on a capture as standard input."""
    program = [sys.executable, "-m", "dissector", *command.split(), "-"]
    with path.open("rb") as given:
        child = subprocess.run(
            [sys.executable, "-S", "-c", MEASURE, str(SECONDS), *program],
            stdin=given, capture_output=True, cwd=ROOT, check=True, timeout=2 * SECONDS,
        )  # fmt: skip
    code, peak, cpu = child.stderr.decode().splitlines()[-1].split()
    assert code in ("0", "1")
    return Child(int(peak), float(cpu), child.stdout.decode())


@pytest.mark.parametrize(
    ("name", "size", "command", "warning"),
    [
        ("deflate-bombs", 300, "analyze --format jsonl", "memory-limit"),
        ("deflate-bombs", 300, "live --format jsonl", "memory-limit"),
        ("deflated-connects", 300, "audit --format jsonl", "memory-limit"),
        ("large-connects", 300, "analyze --format jsonl", "memory-limit"),
        ("long-texts", 400, "audit --format jsonl", "audit-limit"),
        ("long-texts", 400, "audit --format html", "audit-limit"),
        ("zstd-skippable", 30_000, "analyze --format jsonl", ""),
    ],
)
def test_memory_is_bounded(
    name: str, size: int, command: str, warning: str, tmp_path: Path
) -> None:
    """The attack takes at most 200 MiB, and what is given up for that is reported."""
    child = run(command, attack(name, size, tmp_path))
    assert child.peak < PEAK * MIB
    assert warning in child.output


def test_many_link_types_take_linear_time(tmp_path: Path) -> None:
    """Four times as many link types in a pcapng file take about four times the CPU time."""
    cpu = [
        run("analyze --format jsonl", attack("pcapng-link-types", size, tmp_path)).cpu
        for size in (16_384, 65_536)
    ]
    assert cpu[1] < GROWTH * cpu[0]


def test_a_page_shows_the_worst_devices(tmp_path: Path) -> None:
    """HTML has pages for 1,000 devices, and says how many others there are."""
    child = run("audit --format html", attack("users", 1100, tmp_path))
    assert "<p>100 more devices are not shown;" in child.output
    anchors = set(re.findall(r'id="(device-\d+)"', child.output))
    assert len(anchors) == 1000
    assert set(re.findall(r'href="#(device-\d+)"', child.output)) <= anchors
