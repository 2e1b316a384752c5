"""Generates a pcap file of a kind of traffic; the same seed gives the same bytes.

`python benchmarks/generate.py --kind fleet --frames 1000000 --output fleet.pcap`. Prints the
contents of the file, one `name value` per line: frames, seconds from first to last, CONNECT and
CONNACK packets, and the planted defects by the name of their rule.
"""

import argparse
from pathlib import Path
from random import Random
from typing import Protocol

from frames import GeneratedCapture, Mark
from shapes import (
    ChattyStorm,
    Crowd,
    Debris,
    FaultyStorm,
    LongStrings,
    Mirror,
    MirroredCapture,
    Scan,
)  # fmt: skip
from traffic import Fleet, Storm


class GeneratedTraffic(Protocol):
    """Traffic of a kind: fills a capture, which takes `frames` frames, in `run`."""

    def __init__(self, capture: GeneratedCapture, random: Random, frames: int) -> None: ...

    def run(self) -> None:
        """Fills the capture."""


KINDS: dict[str, type[GeneratedTraffic]] = {
    "fleet": Fleet,
    "storm": Storm,
    "crowd": Crowd,
    "debris": Debris,
    "scan": Scan,
    "chatty-storm": ChattyStorm,
    "faulty-storm": FaultyStorm,
    "mirror": Mirror,
    "long-strings": LongStrings,
}


def generate(kind: str, frames: int, path: Path, seed: int) -> GeneratedCapture:
    """Writes `frames` frames of `kind` to `path`; the returned capture has the counts."""
    with path.open("wb", buffering=1 << 20) as output:
        mirrored = KINDS[kind] is Mirror
        capture = (MirroredCapture if mirrored else GeneratedCapture)(output, frames)
        KINDS[kind](capture, Random(seed), frames).run()
    return capture


def main() -> None:
    """Runs the command line."""
    parser = argparse.ArgumentParser(description="Generate a capture for the benchmarks.")
    parser.add_argument("--kind", choices=KINDS, default="fleet")
    parser.add_argument("--frames", type=int, default=1_000_000)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    if arguments.frames < 1:
        parser.error("--frames must be at least 1")
    capture = generate(arguments.kind, arguments.frames, arguments.output, arguments.seed)
    defects = capture.counts[Mark.DEFECTIVE_CONNACK]
    print("frames", capture.written)
    print("seconds", (capture.last_time - capture.first_time) // 1_000_000)
    print("connect", capture.counts[Mark.CONNECT])
    print("connack", capture.counts[Mark.CONNACK] + defects)
    print("session-present-after-clean-session", defects)


if __name__ == "__main__":
    main()
