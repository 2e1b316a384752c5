"""Formats measurements as Markdown: the tables of `benchmarks/README.md`, with targets.

`SHAPES` is the list of what is measured, with the targets of each shape.
"""

import os
import platform
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from measure import MIB, Cost

Row = Sequence[str]
MB = 1_000_000
ANALYZE, AUDIT = "analyze jsonl", "audit jsonl"
AUDIT_MEMORY = 150  # MB


@dataclass(frozen=True, slots=True)
class Shape:
    """A kind of traffic and how it is read, with its targets.

    `divisor` is by how much the number of frames is smaller than that of other shapes; `piped`
    captures are read from a pipe in pieces of 4 KiB. `capinfos` is how many times the time of
    capinfos `analyze` may take, `tshark` how many times faster than tshark it must be at least, and
    `tshark_aim` ought to be. `memory` is the most that `analyze` may use for four times the frames,
    `short_memory` for the frames themselves, in MB.
    """

    kind: str
    divisor: int = 1
    piped: bool = False
    capinfos: float | None = None
    tshark: float | None = None
    tshark_aim: float | None = None
    memory: int = 100
    short_memory: int | None = None


SHAPES = {
    "fleet": Shape("fleet", capinfos=2.8),
    "storm": Shape("storm", tshark=20, tshark_aim=40),
    "crowd": Shape("crowd", capinfos=3.5, tshark=35),
    # In four million frames 560,000 and three million foreign flows are open.
    "debris": Shape("debris", capinfos=4, memory=160, short_memory=100),
    "scan": Shape("scan", memory=160),
    "chatty-storm": Shape("chatty-storm", tshark=20, tshark_aim=40),
    "faulty-storm": Shape("faulty-storm", tshark=20, tshark_aim=40),
    "mirror": Shape("mirror"),
    "small-reads": Shape("fleet", piped=True),
    "long-strings": Shape("long-strings", divisor=50),
}


@dataclass(frozen=True, slots=True)
class BenchmarkShape:
    """A measured shape: `costs` by program and command, `long_costs` on four times the frames."""

    name: str
    frames: int
    size: float
    connect: int
    connack: int
    costs: Mapping[str, Cost]
    long_costs: Mapping[str, Cost]


@dataclass(frozen=True, slots=True)
class StartUp:
    """Costs of `dissector --help` and of a capture of 3 KB."""

    help: Cost
    tiny: Cost


@dataclass(frozen=True, slots=True)
class Measurements:
    """All results of one run of the benchmarks.

    `load` is the load average before it, `floor` the peak below which none can be measured, bytes.
    """

    shapes: Sequence[BenchmarkShape]
    interpreted: Sequence[BenchmarkShape]
    start_up: Mapping[str, StartUp]
    versions: Mapping[str, str]
    load: float
    floor: int


class Value(NamedTuple):
    """A measured value: by wall time, and by CPU time where it is one of times."""

    value: float
    by_cpu: float | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """What is measured, its bound (with a greater aim, if any), and the value of the baseline."""

    what: str
    measured: Value
    baseline: Value | None
    bound: float
    unit: str = "x"
    at_least: bool = False
    aim: float | None = None

    def row(self) -> Row:
        """Returns the cells of the table."""
        value, bound = self.measured.value, self.bound
        met = value >= bound if self.at_least else value <= bound
        word = "at least" if self.at_least else "at most"
        aim = f"{word} {bound:g}{self.unit}"
        if self.aim is not None:
            aim += f" (aim {self.aim:g}{self.unit})"
        cells = [*self._cells(self.measured), *self._cells(self.baseline)]
        return (self.what, *cells, aim, "yes" if met else "**no**")

    def _cells(self, given: Value | None) -> list[str]:
        numbers = (None, None) if given is None else (given.value, given.by_cpu)
        digits = 0 if self.unit != "x" else 1 if self.at_least else 2
        return ["-" if one is None else f"{one:.{digits}f}{self.unit}" for one in numbers]


def markdown(head: Row, rows: Sequence[Row]) -> str:
    """Formats a Markdown table: first column left-aligned, the others right-aligned."""
    rule = ["---", *("---:" for _ in head[1:])]
    return "\n".join("| " + " | ".join(row) + " |" for row in (head, rule, *rows))


def table(shape: BenchmarkShape) -> str:
    """Formats the costs of all programs on one capture."""
    rows = [
        (
            name,
            str(cost),
            str(len(cost.runs)),
            f"{cost.cpu:.2f}",
            f"{cost.wall / shape.frames * 1e6:.2f}",
            f"{cost.peak / MIB:.0f}",
        )
        for name, cost in shape.costs.items()
    ]
    rows += [
        (
            f"{name}, {_long(shape):,} frames",
            str(cost),
            str(len(cost.runs)),
            f"{cost.cpu:.2f}",
            f"{cost.wall / _long(shape) * 1e6:.2f}",
            f"{cost.peak / MIB:.0f}",
        )
        for name, cost in shape.long_costs.items()
    ]
    title = (
        f"**{shape.name}**: up to {shape.frames:,} frames, {shape.size:.0f} MiB, "
        f"{shape.connect:,} CONNECT and {shape.connack:,} CONNACK packets"
    )
    head = ("program", "seconds, median (range)", "runs", "CPU seconds", "µs a frame", "peak MiB")
    return f"{title}\n\n{markdown(head, rows)}"


def _long(shape: BenchmarkShape) -> int:
    return 4 * shape.frames


def targets(found: Measurements) -> list[Target]:
    """Returns the targets of what was measured."""
    rows = [target for shape in found.shapes for target in _speed(shape)]
    rows += [target for shape in found.shapes for target in _audit(shape)]
    rows += [target for shape in found.shapes for target in _memory(shape)]
    for shape in found.interpreted:
        ours, before = f"interpreted {ANALYZE}", f"baseline, interpreted {ANALYZE}"
        if ours in shape.costs and before in shape.costs:
            what = f"{shape.name}, {shape.frames:,} frames, interpreted: time / baseline"
            rows.append(Target(what, _ratio(shape.costs, ours, before), None, 1.1))
    start, earlier = found.start_up["dissector"], found.start_up.get("baseline")
    for what, cost, before_cost, bound in (
        ("`dissector --help`", start.help, earlier and earlier.help, 80),
        ("`dissector analyze`, 3 KB", start.tiny, earlier and earlier.tiny, 250),
    ):
        before_value = _milliseconds(before_cost) if before_cost else None
        rows.append(Target(what, _milliseconds(cost), before_value, bound, " ms"))
    return rows


def _speed(shape: BenchmarkShape) -> Iterator[Target]:
    """Yields the targets of the time of `analyze` beside other programs."""
    aims, costs = SHAPES[shape.name], shape.costs
    ours, before = f"dissector {ANALYZE}", f"baseline {ANALYZE}"
    if aims.capinfos is not None:
        earlier = _ratio(costs, before, "capinfos") if before in costs else None
        what = f"{shape.name}: analyze / capinfos"
        yield Target(what, _ratio(costs, ours, "capinfos"), earlier, aims.capinfos)
    if aims.tshark is not None:
        earlier = _ratio(costs, "tshark", before) if before in costs else None
        yield Target(
            f"{shape.name}: tshark / analyze",
            _ratio(costs, "tshark", ours),
            earlier,
            aims.tshark,
            at_least=True,
            aim=aims.tshark_aim,
        )


def _audit(shape: BenchmarkShape) -> Iterator[Target]:
    """Yields the targets of time and memory of `audit`."""
    costs = shape.costs
    for form in ("jsonl", "table"):
        values = [
            _ratio(costs, f"{program} audit {form}", f"{program} analyze {form}")
            for program in ("dissector", "baseline")
            if f"{program} audit {form}" in costs
        ]
        earlier = values[1] if len(values) > 1 else None
        yield Target(f"{shape.name}: audit / analyze, {form}", values[0], earlier, 1.5)
    peaks = [
        Value(max(cost.peak for name, cost in costs.items() if name.startswith(start)) / MB)
        for start in ("dissector audit", "baseline audit")
        if f"{start} jsonl" in costs
    ]
    earlier = peaks[1] if len(peaks) > 1 else None
    what = f"{shape.name}: peak memory of audit, all formats"
    yield Target(what, peaks[0], earlier, AUDIT_MEMORY, " MB")


def _memory(shape: BenchmarkShape) -> Iterator[Target]:
    """Yields the targets of the memory of `analyze`."""
    aims = SHAPES[shape.name]
    for costs, bound, frames in (
        (shape.costs, aims.short_memory, shape.frames),
        (shape.long_costs, aims.memory, _long(shape)),
    ):
        if bound is not None and costs:
            ours, earlier = costs[f"dissector {ANALYZE}"], costs.get(f"baseline {ANALYZE}")
            before = Value(earlier.peak / MB) if earlier else None
            what = f"{shape.name}: peak memory of analyze at {frames:,} frames"
            yield Target(what, Value(ours.peak / MB), before, bound, " MB")


def render(found: Measurements, command: str) -> str:
    """Formats all tables, with machine and versions."""
    start = [
        (name, _start_up(cost.help), _start_up(cost.tiny)) for name, cost in found.start_up.items()
    ]
    heads = (
        ("target", "measured", "by CPU time", "baseline", "by CPU time", "aim", "met"),
        ("start-up, median of 20 (range), ms", "`--help`", "`analyze`, 3 KB capture"),
    )
    parts = [
        f"```console\n$ {command}\n```",
        machine(found),
        markdown(heads[0], [target.row() for target in targets(found)]),
        *(table(shape) for shape in (*found.shapes, *found.interpreted)),
        markdown(heads[1], start),
    ]
    return "\n\n".join(parts)


def machine(found: Measurements) -> str:
    """Formats processor, memory, system and versions; nothing that identifies the machine."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30)
    facts = [
        f"{os.cpu_count()} cores of {_processor()}, {memory:.0f} GiB, load {found.load:.1f} before",
        f"{platform.system()}, {platform.python_implementation()} {platform.python_version()}",
        *(f"{name}: {version}" for name, version in found.versions.items()),
        f"peaks below {found.floor / MIB:.0f} MiB cannot be measured",
    ]
    return "\n".join(f"- {fact}" for fact in facts)


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.machine()


def _start_up(cost: Cost) -> str:
    walls = [run.wall * 1000 for run in cost.runs]
    return f"{cost.wall * 1000:.0f} ({min(walls):.0f} to {max(walls):.0f})"


def _milliseconds(cost: Cost) -> Value:
    return Value(cost.wall * 1000, cost.cpu * 1000)


def _ratio(costs: Mapping[str, Cost], above: str, below: str) -> Value:
    return Value(costs[above].wall / costs[below].wall, costs[above].cpu / costs[below].cpu)
