"""Measures processes: wall time, CPU time, peak memory.

Always whole processes, start-up included. On Linux a child inherits the peak memory of its parent
(it survives `exec`), so the caller has to stay small: captures are generated in other processes.
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
    """One process: seconds of wall time, seconds of CPU time (user and system), peak bytes."""

    wall: float
    cpu: float
    peak: int


@dataclass(frozen=True, slots=True)
class Cost:
    """Several runs of the same command."""

    runs: tuple[ProcessRun, ...]

    @property
    def wall(self) -> float:
        """Median wall time in seconds."""
        return median(run.wall for run in self.runs)

    @property
    def cpu(self) -> float:
        """Median CPU time in seconds."""
        return median(run.cpu for run in self.runs)

    @property
    def peak(self) -> float:
        """Maximum peak memory of all runs, in bytes."""
        return max(run.peak for run in self.runs)

    def __str__(self) -> str:
        """Formats the median wall time with minimum and maximum."""
        walls = [run.wall for run in self.runs]
        return f"{self.wall:.2f} ({min(walls):.2f} to {max(walls):.2f})"


def run(
    command: Sequence[str], output: Path | None = None, good: Sequence[int] = (0,)
) -> ProcessRun:
    """Runs a command with stdout to `output`, if given; SystemExit if its exit code is not good."""
    with open(output or os.devnull, "wb") as stdout:
        begin = time.perf_counter()
        process = subprocess.Popen(command, stdout=stdout, stderr=subprocess.PIPE)
        assert process.stderr is not None
        errors = process.stderr.read()
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - begin
    process.stderr.close()
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in good:
        tail = errors.decode(errors="replace")[-2000:]
        raise SystemExit(f"{command[0]} ended with {process.returncode}:\n{tail}")
    return ProcessRun(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024)


def alternate(
    commands: Mapping[str, Sequence[str]], rounds: int, good: Sequence[int] = (0,)
) -> dict[str, Cost]:
    """Runs all commands in turn, `rounds` times, so that a slow phase affects all of them."""
    runs: dict[str, list[ProcessRun]] = {name: [] for name in commands}
    for _ in range(rounds):
        for name, command in commands.items():
            runs[name].append(run(command, good=good))
    return {name: Cost(tuple(each)) for name, each in runs.items()}
