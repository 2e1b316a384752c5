"""Measures processes: wall time, CPU time, peak memory.

Always whole processes, start-up included. On Linux a child inherits the peak memory of its parent
(it survives `exec`), so the caller has to stay small: captures are generated, and reports counted,
in other processes. `own_peak` is what it has used, below which no peak can be measured.
"""

import fcntl
import os
import resource
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


@dataclass(frozen=True, slots=True)
class Command:
    """A command to measure: at most `rounds` times; `piped` is its stdin, in pieces of 4 KiB."""

    words: Sequence[str]
    piped: Path | None = None
    rounds: int | None = None


PIECE = 4096


def own_peak() -> int:
    """Returns the peak memory of this process in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def run(
    command: Sequence[str],
    output: Path | None = None,
    good: Sequence[int] = (0,),
    piped: Path | None = None,
) -> ProcessRun:
    """Runs a command with stdout to `output`, if given; SystemExit if its exit code is not good.

    `piped` is written to its stdin through a pipe that holds `PIECE` bytes, so that no read returns
    more; the process that writes is not measured.
    """
    with open(output or os.devnull, "wb") as stdout:
        stdin, writer = _pipe(piped) if piped else (None, None)
        begin = time.perf_counter()
        process = subprocess.Popen(command, stdin=stdin, stdout=stdout, stderr=subprocess.PIPE)
        if stdin is not None:
            os.close(stdin)
        assert process.stderr is not None
        errors = process.stderr.read()
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - begin
    process.stderr.close()
    process.returncode = os.waitstatus_to_exitcode(status)
    if writer is not None:
        writer.wait()
    if process.returncode not in good:
        tail = errors.decode(errors="replace")[-2000:]
        raise SystemExit(f"{command[0]} ended with {process.returncode}:\n{tail}")
    return ProcessRun(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024)


def _pipe(path: Path) -> tuple[int, subprocess.Popen[bytes]]:
    """Returns the end to read of a pipe of `PIECE` bytes, and the process that writes a file."""
    stdin, target = os.pipe()
    fcntl.fcntl(target, fcntl.F_SETPIPE_SZ, PIECE)
    with path.open("rb") as source:
        writer = subprocess.Popen(
            ["dd", f"bs={PIECE}", "status=none"],
            stdin=source,
            stdout=target,
            stderr=subprocess.DEVNULL,
        )
    os.close(target)
    return stdin, writer


def alternate(
    commands: Mapping[str, Command], rounds: int, good: Sequence[int] = (0,)
) -> dict[str, Cost]:
    """Runs all commands in turn, `rounds` times, so that a slow phase affects all of them."""
    runs: dict[str, list[ProcessRun]] = {name: [] for name in commands}
    for done in range(rounds):
        for name, command in commands.items():
            if command.rounds is None or done < command.rounds:
                runs[name].append(run(command.words, good=good, piped=command.piped))
    return {name: Cost(tuple(each)) for name, each in runs.items() if each}
