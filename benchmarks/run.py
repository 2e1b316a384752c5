"""Compares dissector with tshark and capinfos on generated captures; updates the README.

`python benchmarks/run.py --interpreter INTERPRETED/bin/python` measures the `dissector` installed
with the Python that runs this file, and a second one, installed without a C compiler, of
INTERPRETED/bin/python. The tables are written between the markers of `benchmarks/README.md`.
`--baselines` measures only tshark and capinfos, and only prints.
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
from measure import MIB, Cost, alternate, run
from results import BenchmarkKind, Measurements, StartUp, render, table

HERE = Path(__file__).parent
BEGIN, END = "<!-- results: begin -->", "<!-- results: end -->"
# 0 and 1 mean no findings and findings; 2 would be a failure.
DONE = (0, 1)
TINY_FRAMES = 30


@dataclass(frozen=True, slots=True)
class BenchmarkOptions:
    """Options of the command line."""

    frames: int
    rounds: int
    seed: int
    directory: Path
    dissector: Path
    interpreted: Path | None
    baselines: bool
    readme: Path


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


def analyze(dissector: Path, path: Path, form: str = "jsonl") -> list[str]:
    """Returns the dissector command that analyzes a capture."""
    return [str(dissector), "analyze", "--format", form, str(path)]


def audit(dissector: Path, path: Path, form: str) -> list[str]:
    """Returns the dissector command that audits a capture."""
    return [str(dissector), "audit", "--format", form, str(path)]


def check_counts(options: BenchmarkOptions, path: Path) -> handshake_counts.Counts:
    """Returns the counts of handshakes; SystemExit if tshark and a dissector disagree."""
    with tempfile.TemporaryDirectory() as directory:
        output = Path(directory) / "output"
        run(tshark(path), output)
        expected = handshake_counts.of_tshark(output)
        for dissector in _dissectors(options).values():
            run(analyze(dissector, path), output, DONE)
            seen = handshake_counts.of_dissector(output)
            if seen != expected:
                raise SystemExit(f"{path.name}: tshark sees {expected}, dissector {seen}")
    return expected


def compare(options: BenchmarkOptions, kind: str) -> BenchmarkKind:
    """Measures all programs on a capture, then dissector on one four times as long."""
    path = capture(options, kind, options.frames)
    counts = check_counts(options, path)
    commands: dict[str, Sequence[str]] = {
        name: analyze(dissector, path) for name, dissector in _dissectors(options).items()
    }
    if kind == "fleet" and not options.baselines:
        commands |= {
            "compiled, audit": audit(options.dissector, path, "jsonl"),
            "compiled, table": analyze(options.dissector, path, "table"),
            "compiled, audit, table": audit(options.dissector, path, "table"),
        }
    commands |= {"tshark": tshark(path), "capinfos": ["capinfos", "-c", str(path)]}
    costs = alternate(commands, options.rounds, DONE)
    long: dict[str, Cost] = {}
    if not options.baselines:
        longer = capture(options, kind, 4 * options.frames)
        long = alternate({"compiled": analyze(options.dissector, longer)}, 1, DONE)
    size = path.stat().st_size / MIB
    return BenchmarkKind(kind, options.frames, size, counts.connect, counts.connack, costs, long)


def start_up(options: BenchmarkOptions) -> dict[str, StartUp]:
    """Measures the start-up: `--help`, and a capture of 3 KB."""
    path = capture(options, "fleet", TINY_FRAMES)
    result = {}
    for name, dissector in _dissectors(options).items():
        commands = {
            "help": [str(dissector), "--help"],
            "tiny": [str(dissector), "analyze", str(path)],
        }
        alternate(commands, 2, DONE)
        costs = alternate(commands, 20, DONE)
        result[name] = StartUp(costs["help"], costs["tiny"])
    return result


def versions(options: BenchmarkOptions) -> dict[str, str]:
    """Returns the first line of `--version` of each program, by its name in the table."""
    programs = {name: str(path) for name, path in _dissectors(options).items()}
    programs |= {"tshark": "tshark", "capinfos": "capinfos"}
    found = {}
    for name, program in programs.items():
        answer = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
        found[name] = answer.stdout.strip().partition("\n")[0]
    return found


def _dissectors(options: BenchmarkOptions) -> dict[str, Path]:
    if options.baselines:
        return {}
    found = {"compiled": options.dissector}
    if options.interpreted is not None:
        found["interpreted"] = options.interpreted
    return found


def parse(arguments: Sequence[str] | None = None) -> BenchmarkOptions:
    """Parses the command line; checks that the programs exist."""
    parser = argparse.ArgumentParser(description="Compare dissector with tshark and capinfos.")
    parser.add_argument(
        "--frames",
        type=int,
        default=1_000_000,
        help="memory is also measured with four times as many",
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--directory", type=Path, help="where captures are kept between runs")
    parser.add_argument("--dissector", type=Path, help="the command of the compiled install")
    parser.add_argument("--interpreter", type=Path, help="Python of an interpreted install")
    parser.add_argument("--baselines", action="store_true", help="only tshark and capinfos")
    parser.add_argument("--readme", type=Path, default=HERE / "README.md")
    given = parser.parse_args(arguments)
    dissector = given.dissector or Path(sys.executable).with_name("dissector")
    interpreted = given.interpreter.with_name("dissector") if given.interpreter else None
    for program in (dissector, interpreted):
        if program and not given.baselines and not os.access(program, os.X_OK):
            parser.error(f"no dissector command at {program}: install the project there first")
    directory = given.directory or HERE / "captures"
    directory.mkdir(parents=True, exist_ok=True)
    return BenchmarkOptions(
        frames=given.frames,
        rounds=given.rounds,
        seed=given.seed,
        directory=directory,
        dissector=dissector,
        interpreted=interpreted,
        baselines=given.baselines,
        readme=given.readme,
    )


def shown_command(options: BenchmarkOptions) -> str:
    """Returns the command that reproduces these results, without paths of this machine."""
    words = ["python", "benchmarks/run.py", "--frames", str(options.frames)]
    words += ["--rounds", str(options.rounds), "--seed", str(options.seed)]
    if options.interpreted is not None:
        words += ["--interpreter", "INTERPRETED/bin/python"]
    return shlex.join(words)


def main() -> None:
    """Measures, then updates the README or prints."""
    options = parse()
    load = os.getloadavg()[0]
    kinds = [compare(options, kind) for kind in ("fleet", "storm")]
    if options.baselines:
        print("\n\n".join(table(kind) for kind in kinds))
        return
    found = Measurements(kinds, start_up(options), versions(options), load)
    text = render(found, shown_command(options))
    readme = options.readme.read_text(encoding="utf-8")
    before, _, rest = readme.partition(BEGIN)
    _, marker, after = rest.partition(END)
    if not marker:
        raise SystemExit(f"{options.readme.name} lacks the markers {BEGIN} and {END}")
    updated = f"{before}{BEGIN}\n\n{text}\n\n{END}{after}"
    options.readme.write_text(updated, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
