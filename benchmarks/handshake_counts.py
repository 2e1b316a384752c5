"""Counts the CONNECT and CONNACK packets in the output file of a program.

The times of two programs are comparable only if both decoded the same packets.
`python benchmarks/handshake_counts.py tshark|dissector FILE` prints both counts: the output is read
in a process of its own, so that the memory for it is not that of the process that measures.
"""

import argparse
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

# Fields that tshark prints; 3.x and 5.0 have the code of a CONNACK in different fields.
TSHARK_FIELDS = (
    "frame.number",
    "tcp.stream",
    "mqtt.clientid",
    "mqtt.conflag.cleansess",
    "mqtt.kalive",
    "mqtt.username",
    "mqtt.conack.flags.sp",
    "mqtt.conack.val",
    "mqtt.connack.reason_code",
)


@dataclass(frozen=True, slots=True)
class Counts:
    """Numbers of CONNECT and CONNACK packets that a program reported."""

    connect: int
    connack: int


def of_tshark(path: Path) -> Counts:
    """Counts in `tshark -T fields` output; two packets in a frame give a field `a,b`."""
    connect = connack = 0
    keep_alive, code, reason = (
        TSHARK_FIELDS.index(name)
        for name in ("mqtt.kalive", "mqtt.conack.val", "mqtt.connack.reason_code")
    )
    with path.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            row = line.rstrip("\n").split("\t")
            connect += _values(row[keep_alive])
            connack += _values(row[code]) + _values(row[reason])
    return Counts(connect, connack)


def of_dissector(path: Path) -> Counts:
    """Counts in `dissector analyze --format jsonl` output."""
    connect = connack = 0
    with path.open("rb") as lines:
        for line in lines:
            record = json.loads(line)
            if record["type"] == "handshake":
                connect += record["connect"] is not None
                connack += record["connack"] is not None
    return Counts(connect, connack)


def _values(cell: str) -> int:
    return cell.count(",") + 1 if cell else 0


def of_output(program: str, path: Path) -> Counts:
    """Counts in the output of tshark or dissector, read in another process."""
    command = [sys.executable, str(Path(__file__)), program, str(path)]
    answer = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    connect, connack = answer.split()
    return Counts(int(connect), int(connack))


def main() -> None:
    """Runs the command line."""
    parser = argparse.ArgumentParser(description="Count the handshakes in an output file.")
    parser.add_argument("program", choices=("tshark", "dissector"))
    parser.add_argument("path", type=Path)
    arguments = parser.parse_args()
    read = of_tshark if arguments.program == "tshark" else of_dissector
    counts = read(arguments.path)
    print(counts.connect, counts.connack)


if __name__ == "__main__":
    main()
