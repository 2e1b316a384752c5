"""Compares dissector with tshark and capinfos on generated captures; updates the README.

`python benchmarks/run.py --baseline BEFORE/bin/dissector` measures the `dissector` installed with
the Python that runs this file, and beside it another one, of an earlier commit. With `--interpreter
INTERPRETED/bin/python` and `--baseline-interpreter` two that were installed without a C compiler
are compared on small captures. The tables are written between the markers of
`benchmarks/README.md`; a run with other shapes or sizes than all only prints them.
"""

import argparse
import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import handshake_counts
from measure import MIB, Command, Cost, ProcessRun, alternate, own_peak, run
from results import SHAPES, BenchmarkShape, Measurements, Shape, StartUp, render

HERE = Path(__file__).parent
BEGIN, END = "<!-- results: begin -->", "<!-- results: end -->"
# 0 and 1 mean no findings and findings; 2 would be a failure.
DONE = (0, 1)
TINY_FRAMES = 30
MILLION = 1_000_000
LONG = 4
# The interpreted installations read a tenth of the frames, of these shapes.
INTERPRETED_PART, INTERPRETED_SHAPES = 10, ("fleet", "storm")
COMMANDS = {
    "analyze jsonl": ("analyze", "--format", "jsonl"),
    "analyze table": ("analyze", "--format", "table"),
    "audit jsonl": ("audit", "--format", "jsonl"),
    "audit table": ("audit", "--format", "table"),
    "audit html": ("audit", "--format", "html"),
}


@dataclass(frozen=True, slots=True)
class BenchmarkOptions:
    """Options of the command line."""

    shapes: Sequence[str]
    frames: int
    rounds: int
    baseline_rounds: int
    tshark_rounds: int
    long: bool
    seed: int
    directory: Path
    dissector: Path
    baseline: Path | None
    interpreted: Path | None
    baseline_interpreted: Path | None
    readme: Path

    @property
    def compiled(self) -> dict[str, Path]:
        """The compiled `dissector` commands, by the name of their row."""
        found = {"dissector": self.dissector}
        if self.baseline is not None:
            found["baseline"] = self.baseline
        return found

    @property
    def without_compiler(self) -> dict[str, Path]:
        """The interpreted `dissector` commands, by the name of their row."""
        found = {
            "interpreted": self.interpreted,
            "baseline, interpreted": self.baseline_interpreted,
        }
        return {name: path for name, path in found.items() if path is not None}


def capture(options: BenchmarkOptions, kind: str, frames: int) -> Path:
    """Returns a capture of a kind and size; generates it in another process if it is missing."""
    path = options.directory / f"{kind}-{frames}-seed{options.seed}.pcap"
    if not path.exists():
        part = path.with_suffix(".part")
        program = [sys.executable, str(HERE / "generate.py"), "--kind", kind]
        sizes = ["--frames", str(frames), "--seed", str(options.seed), "--output", str(part)]
        subprocess.run([*program, *sizes], check=True, stdout=subprocess.DEVNULL)
        part.rename(path)
    return path


def tshark(path: Path) -> list[str]:
    """Returns the tshark command that prints the handshakes of a capture."""
    wanted = [word for name in handshake_counts.TSHARK_FIELDS for word in ("-e", name)]
    display_filter = "mqtt.msgtype==1||mqtt.msgtype==2"
    return ["tshark", "-r", str(path), "-Y", display_filter, "-T", "fields", *wanted]


def reading(
    dissector: Path, words: Sequence[str], path: Path, shape: Shape, rounds: int | None = None
) -> Command:
    """Returns a command of dissector that reads a capture in the way of a shape."""
    source = "-" if shape.piped else str(path)
    return Command([str(dissector), *words, source], path if shape.piped else None, rounds)


def check_counts(
    options: BenchmarkOptions, shape: Shape, path: Path
) -> tuple[handshake_counts.Counts, ProcessRun]:
    """Returns the counts of handshakes and what tshark used for them.

    SystemExit if tshark and dissector disagree.
    """
    with tempfile.TemporaryDirectory() as directory:
        output = Path(directory) / "output"
        used = run(tshark(path), output)
        expected = handshake_counts.of_output("tshark", output)
        command = reading(options.dissector, COMMANDS["analyze jsonl"], path, shape)
        run(command.words, output, DONE, command.piped)
        seen = handshake_counts.of_output("dissector", output)
    if seen != expected:
        raise SystemExit(f"{path.name}: tshark sees {expected}, dissector {seen}")
    return expected, used


def compare(options: BenchmarkOptions, name: str) -> BenchmarkShape:
    """Measures all programs on the capture of a shape, then on one four times as long."""
    shape = SHAPES[name]
    frames = max(1, options.frames // shape.divisor)
    path = capture(options, shape.kind, frames)
    counts, first = check_counts(options, shape, path)
    commands = {
        f"{program} {command}": reading(
            dissector,
            words,
            path,
            shape,
            None if program == "dissector" else options.baseline_rounds,
        )
        for command, words in COMMANDS.items()
        for program, dissector in options.compiled.items()
    }
    commands["tshark"] = Command(tshark(path), rounds=options.tshark_rounds - 1)
    commands["capinfos"] = Command(["capinfos", "-c", str(path)])
    costs = alternate(commands, options.rounds, DONE)
    costs["tshark"] = Cost((first, *(costs["tshark"].runs if "tshark" in costs else ())))
    long: dict[str, Cost] = {}
    if options.long:
        longer = capture(options, shape.kind, LONG * frames)
        words = COMMANDS["analyze jsonl"]
        long = alternate(
            {
                f"{program} analyze jsonl": reading(dissector, words, longer, shape)
                for program, dissector in options.compiled.items()
            },
            1,
            DONE,
        )
    size = path.stat().st_size / MIB
    return BenchmarkShape(name, frames, size, counts.connect, counts.connack, costs, long)


def compare_interpreted(options: BenchmarkOptions, name: str) -> BenchmarkShape:
    """Measures the interpreted installations on a smaller capture of a shape."""
    frames = max(1, options.frames // INTERPRETED_PART)
    path = capture(options, SHAPES[name].kind, frames)
    words = COMMANDS["analyze jsonl"]
    commands = {
        f"{program} analyze jsonl": reading(dissector, words, path, SHAPES[name])
        for program, dissector in options.without_compiler.items()
    }
    counts, _ = check_counts(options, SHAPES[name], path)
    costs = alternate(commands, options.rounds, DONE)
    size = path.stat().st_size / MIB
    return BenchmarkShape(name, frames, size, counts.connect, counts.connack, costs, {})


def start_up(options: BenchmarkOptions) -> dict[str, StartUp]:
    """Measures the start-up: `--help`, and a capture of 3 KB."""
    path = capture(options, "fleet", TINY_FRAMES)
    result = {}
    for name, dissector in (options.compiled | options.without_compiler).items():
        commands = {
            "help": Command([str(dissector), "--help"]),
            "tiny": Command([str(dissector), "analyze", str(path)]),
        }
        alternate(commands, 2, DONE)
        costs = alternate(commands, 20, DONE)
        result[name] = StartUp(costs["help"], costs["tiny"])
    return result


def versions(options: BenchmarkOptions) -> dict[str, str]:
    """Returns the first line of `--version` of each program, by its name in the table."""
    dissectors = options.compiled | options.without_compiler
    programs = {name: str(path) for name, path in dissectors.items()}
    programs |= {"tshark": "tshark", "capinfos": "capinfos"}
    found = {}
    for name, program in programs.items():
        answer = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
        found[name] = answer.stdout.strip().partition("\n")[0]
    return found


def parse(arguments: Sequence[str] | None = None) -> BenchmarkOptions:
    """Parses the command line; checks that the programs exist."""
    parser = argparse.ArgumentParser(description="Compare dissector with tshark and capinfos.")
    parser.add_argument(
        "--shapes",
        type=lambda text: tuple(text.split(",")),
        default=tuple(SHAPES),
        help=f"separated by commas, of {', '.join(SHAPES)}; default: all",
    )
    parser.add_argument(
        "--frames",
        type=int,
        default=MILLION,
        help="of most shapes; memory is also measured with four times as many",
    )
    parser.add_argument("--rounds", type=int, default=3, help="runs of each command")
    parser.add_argument("--baseline-rounds", type=int, default=1, help="runs of the baseline")
    parser.add_argument("--tshark-rounds", type=int, default=1, help="runs of tshark")
    parser.add_argument("--no-long", action="store_true", help="nothing with four times the frames")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--directory", type=Path, help="where captures are kept between runs")
    parser.add_argument("--dissector", type=Path, help="the command of the compiled install")
    parser.add_argument("--baseline", type=Path, help="the command of an earlier compiled install")
    parser.add_argument("--interpreter", type=Path, help="Python of an interpreted install")
    parser.add_argument(
        "--baseline-interpreter", type=Path, help="Python of an earlier interpreted install"
    )
    parser.add_argument("--readme", type=Path, default=HERE / "README.md")
    given = parser.parse_args(arguments)
    for name in given.shapes:
        if name not in SHAPES:
            parser.error(f"no shape {name!r}: choose from {', '.join(SHAPES)}")
    for name in ("frames", "rounds", "baseline_rounds", "tshark_rounds"):
        if getattr(given, name) < 1:
            parser.error(f"--{name.replace('_', '-')} must be at least 1")
    beside = [
        python.with_name("dissector") if python else None
        for python in (given.interpreter, given.baseline_interpreter)
    ]
    directory = given.directory or HERE / "captures"
    options = BenchmarkOptions(
        shapes=given.shapes,
        frames=given.frames,
        rounds=given.rounds,
        baseline_rounds=min(given.baseline_rounds, given.rounds),
        tshark_rounds=min(given.tshark_rounds, given.rounds),
        long=not given.no_long,
        seed=given.seed,
        directory=directory,
        dissector=given.dissector or Path(sys.executable).with_name("dissector"),
        baseline=given.baseline,
        interpreted=beside[0],
        baseline_interpreted=beside[1],
        readme=given.readme,
    )
    for program in (options.compiled | options.without_compiler).values():
        if not os.access(program, os.X_OK):
            parser.error(f"no dissector command at {program}: install the project there first")
    directory.mkdir(parents=True, exist_ok=True)
    return options


def shown_command(options: BenchmarkOptions) -> str:
    """Returns the command that reproduces these results, without paths of this machine."""
    words = ["python", "benchmarks/run.py"]
    if tuple(options.shapes) != tuple(SHAPES):
        words += ["--shapes", ",".join(options.shapes)]
    words += ["--frames", str(options.frames), "--rounds", str(options.rounds)]
    words += ["--baseline-rounds", str(options.baseline_rounds)]
    words += ["--tshark-rounds", str(options.tshark_rounds), "--seed", str(options.seed)]
    if not options.long:
        words.append("--no-long")
    if options.baseline is not None:
        words += ["--baseline", "BEFORE/bin/dissector"]
    if options.interpreted is not None:
        words += ["--interpreter", "INTERPRETED/bin/python"]
    if options.baseline_interpreted is not None:
        words += ["--baseline-interpreter", "INTERPRETED-BEFORE/bin/python"]
    return shlex.join(words)


def update(readme: Path, text: str) -> None:
    """Writes the results between the markers of a README."""
    before, _, rest = readme.read_text(encoding="utf-8").partition(BEGIN)
    _, marker, after = rest.partition(END)
    if not marker:
        raise SystemExit(f"{readme.name} lacks the markers {BEGIN} and {END}")
    readme.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{after}", encoding="utf-8")


def main() -> None:
    """Measures, prints, and updates the README if everything was measured."""
    options = parse()
    load = os.getloadavg()[0]
    shapes = []
    for name in options.shapes:
        print(f"measuring {name}", file=sys.stderr)
        shapes.append(compare(options, name))
    interpreted = []
    if options.without_compiler:
        for name in INTERPRETED_SHAPES:
            print(f"measuring {name}, interpreted", file=sys.stderr)
            interpreted.append(compare_interpreted(options, name))
    found = Measurements(
        shapes, interpreted, start_up(options), versions(options), load, own_peak()
    )
    text = render(found, shown_command(options))
    print(text)
    if options.long and options.frames >= MILLION and tuple(options.shapes) == tuple(SHAPES):
        update(options.readme, text)
    else:
        print(f"{options.readme.name} is not updated: not everything was measured", file=sys.stderr)


if __name__ == "__main__":
    main()
