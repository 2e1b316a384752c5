"""Formats measurements as Markdown: the tables of `benchmarks/README.md`, with targets."""

import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from measure import MIB, Cost

Row = Sequence[str]


@dataclass(frozen=True, slots=True)
class BenchmarkKind:
    """One kind of capture: `costs` by program, `long_costs` on four times as many frames."""

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
    """All results of one run of the benchmarks; `load` is the load average before it."""

    kinds: Sequence[BenchmarkKind]
    start_up: Mapping[str, StartUp]
    versions: Mapping[str, str]
    load: float


def markdown(head: Row, rows: Sequence[Row]) -> str:
    """Formats a Markdown table: first column left-aligned, the others right-aligned."""
    rule = ["---", *("---:" for _ in head[1:])]
    return "\n".join("| " + " | ".join(row) + " |" for row in (head, rule, *rows))


def table(kind: BenchmarkKind) -> str:
    """Formats the costs of all programs on one capture."""
    rows = [
        (
            _label(name),
            str(cost),
            f"{cost.cpu:.2f}",
            f"{cost.wall / kind.frames * 1e6:.2f}",
            f"{cost.peak / MIB:.0f}",
        )
        for name, cost in kind.costs.items()
    ]
    title = (
        f"**{kind.name}**: {kind.frames:,} frames, {kind.size:.0f} MiB, "
        f"{kind.connect:,} CONNECT and {kind.connack:,} CONNACK packets"
    )
    head = ("program", "seconds, median (range)", "CPU seconds", "µs a frame", "peak MiB")
    return f"{title}\n\n{markdown(head, rows)}"


def targets(found: Measurements) -> list[Row]:
    """Returns the rows of the targets: name, measured value, aim, whether it is met."""
    by_name = {kind.name: kind for kind in found.kinds}
    fleet, storm = by_name["fleet"], by_name["storm"]
    rows = [
        _at_least("fleet: tshark / compiled", _ratio(fleet, "tshark", "compiled"), 40),
        _at_least("storm: tshark / compiled", _ratio(storm, "tshark", "compiled"), 15),
        _at_most("fleet: compiled / capinfos", _ratio(fleet, "compiled", "capinfos"), 4, "x"),
    ]
    for form, plain in (("JSON lines", "compiled"), ("table", "compiled, table")):
        audit = plain.replace("compiled", "compiled, audit")
        rows.append(
            _at_most(f"fleet: audit / analyze, {form}", _ratio(fleet, audit, plain), 1.5, "x")
        )
    if "interpreted" in fleet.costs:
        rows += [
            _at_least(
                f"{kind.name}: tshark / interpreted", _ratio(kind, "tshark", "interpreted"), 2
            )
            for kind in found.kinds
        ]
    for kind in found.kinds:
        short, long = kind.costs["compiled"].peak, kind.long_costs["compiled"].peak
        what = f"{kind.name}: peak memory at {4 * kind.frames:,} frames"
        rows.append(_at_most(what, long / MIB, 150, " MiB"))
        rows.append(_at_most(f"{what} / at {kind.frames:,}", long / short, 1.2, "x"))
    start = found.start_up["compiled"]
    rows.append(_at_most("`dissector --help`", start.help.wall * 1000, 80, " ms"))
    rows.append(_at_most("`dissector analyze`, 3 KB", start.tiny.wall * 1000, 250, " ms"))
    return rows


def render(found: Measurements, command: str) -> str:
    """Formats all tables, with machine and versions."""
    start = [
        (_label(name), _milliseconds(cost.help), _milliseconds(cost.tiny))
        for name, cost in found.start_up.items()
    ]
    heads = (
        ("target", "measured", "aim", "met"),
        ("start-up, median of 20 (range), ms", "`--help`", "`analyze`, 3 KB capture"),
    )
    parts = [
        f"```console\n$ {command}\n```",
        machine(found),
        markdown(heads[0], targets(found)),
        *(table(kind) for kind in found.kinds),
        markdown(heads[1], start),
    ]
    return "\n\n".join(parts)


def machine(found: Measurements) -> str:
    """Formats processor, memory, system and versions; nothing that identifies the machine."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30)
    facts = [
        f"{os.cpu_count()} cores of {_processor()}, {memory:.0f} GiB, load {found.load:.1f} before",
        f"{platform.system()}, {platform.python_implementation()} {platform.python_version()}",
        *(f"{_label(name)}: {version}" for name, version in found.versions.items()),
    ]
    return "\n".join(f"- {fact}" for fact in facts)


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.machine()


def _label(name: str) -> str:
    return f"dissector, {name}" if name.startswith(("compiled", "interpreted")) else name


def _milliseconds(cost: Cost) -> str:
    walls = [run.wall * 1000 for run in cost.runs]
    return f"{cost.wall * 1000:.0f} ({min(walls):.0f} to {max(walls):.0f})"


def _ratio(kind: BenchmarkKind, slow: str, fast: str) -> float:
    return kind.costs[slow].wall / kind.costs[fast].wall


def _at_least(what: str, value: float, aim: float) -> Row:
    return (what, f"{value:.1f}x", f"at least {aim:g}x", "yes" if value >= aim else "**no**")


def _at_most(what: str, value: float, aim: float, unit: str) -> Row:
    number = f"{value:.2f}" if unit == "x" else f"{value:.0f}"
    return (what, f"{number}{unit}", f"at most {aim:g}{unit}", "yes" if value <= aim else "**no**")
