"""Captures in, what we and tshark read in them out: the corpus that both oracles go through.

tshark takes a fifth of a second to start, so recorded captures go through it as one file, and so do
the conversations of all the rules' examples (the made captures are some of these), each from an
address of its own. The captures of others are read one by one: some of them are edited copies of
each other, with the same ports and sequence numbers, which would run into each other.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from dissector import analyze
from dissector.rules.registry import all_rules
from samples.build import START_NS, Frame, conversation, pcap
from samples.describe import entries
from tests.conftest import ROOT, SHARED, need_tool
from tests.oracle.sighting import Sighting, ours
from tests.oracle.wireshark import theirs

RECORDED = ROOT / "samples" / "recorded"
MADE = ROOT / "samples" / "made"
EXAMPLE_SECONDS = 1000  # from one example to the next: longer than any of them


class Both(NamedTuple):
    """What we and what tshark say of one capture."""

    ours: list[Sighting]
    tshark: list[Sighting]


def files() -> list[Path]:
    """Give all captures that lie about as files."""
    return sorted([*RECORDED.glob("*.pcap*"), *MADE.glob("*.pcap"), *SHARED.glob("*.pcap")])


def read_shared(tshark: str) -> Iterator[tuple[str, Both]]:
    """Read the captures of others, each for itself."""
    paths = sorted(SHARED.glob("*.pcap"))
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda path: theirs(tshark, path), paths))
    for path, answer in zip(paths, answers, strict=True):
        yield path.name, Both(ours(path), answer)


def read_recorded(tshark: str, folder: Path) -> Iterator[tuple[str, Both]]:
    """Read the recorded captures, put together in `folder`, and take the answer apart again."""
    described = {entry["file"]: entry for entry in entries()}
    ports = frozenset(entry["port"] for entry in described.values())
    paths = sorted(RECORDED.glob("*.pcap*"))
    whole = folder / "recorded.pcapng"
    parts = [str(path) for path in paths]
    subprocess.run([need_tool("mergecap"), "-a", "-w", str(whole), *parts], check=True)
    answer = theirs(tshark, whole, ports)
    frames = streams = 0
    for path in paths:
        mine = ours(path, ports)
        count = described[path.name]["frames"]
        part = [
            seen._replace(frame=seen.frame - frames, stream=seen.stream - streams)
            for seen in answer
            if frames < seen.frame <= frames + count
        ]
        yield path.name, Both(mine, part)
        frames += count
        streams += analyze(path).capture.streams


def read_examples(tshark: str, folder: Path) -> Iterator[tuple[str, Both]]:
    """Read the conversations of all rules' examples, put together in `folder`."""
    frames: list[Frame] = []
    owners: list[str] = []
    starts: dict[str, int] = {}
    ports: set[int] = set()
    examples = [
        (f"{rule.id} {kind}: {example.title}", example)
        for rule in all_rules()
        for kind, group in (("bad", rule.bad), ("good", rule.good))
        for example in group
    ]
    for index, (name, example) in enumerate(examples):
        ports.add(example.port)
        starts[name] = len(frames)
        played = conversation(
            example.steps,
            server_port=example.port,
            client_ip=bytes((10, 1, index >> 8, index & 0xFF)),
            start_ns=START_NS + index * EXAMPLE_SECONDS * 1_000_000_000,
        )
        frames += played
        owners += [name] * len(played)
    whole = folder / "examples.pcap"
    whole.write_bytes(pcap(frames))
    both = (ours(whole, frozenset(ports)), theirs(tshark, whole, ports))
    for name in starts:
        mine, answer = (
            [
                seen._replace(frame=seen.frame - starts[name])
                for seen in side
                if owners[seen.frame - 1] == name
            ]
            for side in both
        )
        yield name, Both(mine, answer)
