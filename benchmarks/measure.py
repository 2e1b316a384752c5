"""Command lines in, what their processes cost out: wall time, processor time, peak memory.

Always whole processes, start-up included, as a user pays for them. Linux lets a child begin with
its parent's peak memory as its own (it survives `exec`), so the caller has to stay small: captures
are generated in processes of their own.
"""

import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class ProcessRun:
    """One process: seconds on the clock, seconds of processor (user and system), peak bytes."""

    wall: float
    cpu: float
    peak: int


@dataclass(frozen=True, slots=True)
class Cost:
    """Several runs of the same command."""

    runs: tuple[ProcessRun, ...]

    @property
    def wall(self) -> float:
        """Median seconds on the clock."""
        return median(run.wall for run in self.runs)

    @property
    def cpu(self) -> float:
        """Median seconds of processor."""
        return median(run.cpu for run in self.runs)

    @property
    def peak(self) -> float:
        """Highest peak memory of any run, in bytes."""
        return max(run.peak for run in self.runs)

    def __str__(self) -> str:
        """Median wall time, with the fastest and the slowest."""
        walls = [run.wall for run in self.runs]
        return f"{self.wall:.2f} ({min(walls):.2f} to {max(walls):.2f})"


def run(
    command: Sequence[str], output: Path | None = None, good: Sequence[int] = (0,)
) -> ProcessRun:
    """Run `command`, stdout to `output` or nowhere; SystemExit on an exit code that is not good."""
    with open(output or os.devnull, "wb") as stdout:
        begin = time.perf_counter()
        process = subprocess.Popen(command, stdout=stdout, stderr=subprocess.PIPE)
        assert process.stderr is not None
        complaint = process.stderr.read()
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - begin
    process.stderr.close()
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in good:
        tail = complaint.decode(errors="replace")[-2000:]
        raise SystemExit(f"{command[0]} ended with {process.returncode}:\n{tail}")
    return ProcessRun(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024)


def alternate(
    commands: Mapping[str, Sequence[str]], rounds: int, good: Sequence[int] = (0,)
) -> dict[str, Cost]:
    """Run all commands in turn, `rounds` times over, so that a slow spell hits them alike."""
    runs: dict[str, list[ProcessRun]] = {name: [] for name in commands}
    for _ in range(rounds):
        for name, command in commands.items():
            runs[name].append(run(command, good=good))
    return {name: Cost(tuple(each)) for name, each in runs.items()}
