"""Scan test: checks that foreign flows cost an idle MQTT connection nothing.

A capture holds ten thousand idle MQTT connections, then a scan of two million flows, then a ping on
each connection. The report must have one handshake, one connection and one stream for each of them,
with its ping, no finding, and no connection that starts in mid-stream. Prints one `name value` per
line, and a line for each fault; the exit code is 1 if there is one.

    python benchmarks/scan.py --idle 10000 --flows 2000000
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from frames import GeneratedCapture
from measure import run
from shapes import Scan

MEMORY = 160  # MB
FRAMES_PER_FLOW = sum(
    share * frames for share, frames in zip(Scan.SHARES, Scan.FRAMES, strict=True)
) / sum(Scan.SHARES)
# Warnings of a limit of foreign flows; all others would be about the MQTT connections.
ALLOWED_WARNINGS = {"flow-limit", "stream-limit"}


@dataclass(slots=True)
class ScanReport:
    """What a report in JSON lines has: handshakes by stream, findings and warnings by kind."""

    streams: list[int] = field(default_factory=list)
    findings: Counter[str] = field(default_factory=Counter)
    warnings: Counter[str] = field(default_factory=Counter)
    capture: dict[str, Any] = field(default_factory=dict)


def generate(path: Path, idle: int, flows: int, seed: int) -> int:
    """Writes a capture with `idle` idle connections; returns the number of foreign flows.

    It is about one in a hundred more than `flows`, never less.
    """
    frames = int(flows * FRAMES_PER_FLOW * 1.01) + 100 + idle * (Scan.BEFORE + Scan.AFTER)
    with path.open("wb", buffering=1 << 20) as output:
        scan = Scan(GeneratedCapture(output, frames), Random(seed), frames, idle)
        scan.run()
    return scan.foreign


def read(path: Path) -> ScanReport:
    """Reads a report in JSON lines."""
    report = ScanReport()
    with path.open("rb") as lines:
        for line in lines:
            record = json.loads(line)
            if record["type"] == "handshake":
                report.streams.append(record["stream"])
            elif record["type"] == "finding":
                report.findings[record["rule"]] += 1
            elif record["type"] == "captureWarning":
                report.warnings[record["kind"]] += 1
            elif record["type"] == "summary":
                report.capture = record["capture"]
    return report


def faults(report: ScanReport, idle: int, foreign: int) -> Iterator[str]:
    """Yields what is wrong with a report, one line each."""
    packets = report.capture["controlPackets"]
    for name, seen, wanted in (
        ("handshakes", len(report.streams), idle),
        ("streams of handshakes", len(set(report.streams)), idle),
        ("MQTT connections", report.capture["mqttConnections"], idle),
        ("streams", report.capture["streams"], idle + foreign),
        ("PINGREQ packets", packets.get("PINGREQ", 0), idle),
        ("PINGRESP packets", packets.get("PINGRESP", 0), idle),
        ("findings", report.findings.total(), 0),
    ):
        if seen != wanted:
            yield f"{name}: {seen}, not {wanted}"
    for kind, number in report.warnings.items():
        if kind not in ALLOWED_WARNINGS:
            yield f"{number} warnings {kind}"


def main() -> int:
    """Generates, analyzes, checks; returns the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--idle", type=int, default=10_000, help="idle MQTT connections")
    parser.add_argument("--flows", type=int, default=2_000_000, help="foreign flows, at least")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--memory", type=int, default=MEMORY, help="most that it may use, MB")
    parser.add_argument(
        "--dissector", type=Path, default=Path(sys.executable).with_name("dissector")
    )
    parser.add_argument("--generate", type=Path, metavar="FILE", help="only write the capture")
    given = parser.parse_args()
    if given.idle < 1 or given.flows < 0:
        parser.error("--idle must be at least 1, --flows at least 0")
    if given.generate:
        print(generate(given.generate, given.idle, given.flows, given.seed))
        return 0
    with tempfile.TemporaryDirectory() as directory:
        path, output = Path(directory, "scan.pcap"), Path(directory, "report.jsonl")
        # In a process of its own: the peak of a process counts that of its parent.
        words = [sys.executable, __file__, "--generate", str(path), "--seed", str(given.seed)]
        words += ["--idle", str(given.idle), "--flows", str(given.flows)]
        foreign = int(subprocess.run(words, check=True, stdout=subprocess.PIPE).stdout)
        used = run(
            [str(given.dissector), "analyze", "--format", "jsonl", str(path)], output, (0, 1)
        )
        report = read(output)
    found = list(faults(report, given.idle, foreign))
    if used.peak > given.memory * 1_000_000:
        found.append(f"peak memory: more than {given.memory} MB")
    print("idle", given.idle)
    print("foreign", foreign)
    print("frames", report.capture["frames"])
    print("seconds", round(used.cpu, 2))
    print("peak-mb", round(used.peak / 1_000_000))
    for fault in found:
        print("fault:", fault)
    return 1 if found else 0


if __name__ == "__main__":
    raise SystemExit(main())
