"""Captures in, what we and tshark read in them out: the corpus that both oracles go through.

tshark takes a fifth of a second to start, so captures go through it many at a time, put behind each
other, and the answer is taken apart again. Captures that share a connection's addresses and ports
(some are edited copies of each other) would run into each other and go in different lots. The
conversations of all the rules' examples (the made captures are some of these) are one capture from
the beginning, each from an address of its own.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from dissector import analyze
from dissector.crosscheck.compare import Difference, against_tshark
from dissector.crosscheck.headers import split_lengths
from dissector.crosscheck.observation import OwnObservation, PacketObservation, observe
from dissector.crosscheck.wireshark import observe_tshark
from dissector.model import Capture, Endpoint
from dissector.rules.registry import all_rules
from samples.build import START_NS, Frame, conversation, pcap
from samples.describe import entries
from tests.conftest import ROOT, SHARED, need_tool

RECORDED = ROOT / "samples" / "recorded"
MADE = ROOT / "samples" / "made"
EXAMPLE_SECONDS = 1000  # from one example to the next: longer than any of them


class PairedFields(NamedTuple):
    """What we and what tshark say of one capture."""

    ours: OwnObservation
    tshark: list[PacketObservation]
    split: frozenset[int]

    def differences(self) -> list[Difference]:
        """All in which we and tshark differ, with what explains it."""
        return list(against_tshark(self.ours, self.tshark, lambda: self.split))


def files() -> list[Path]:
    """Give all captures that lie about as files."""
    return sorted([*RECORDED.glob("*.pcap*"), *MADE.glob("*.pcap"), *SHARED.glob("*.pcap")])


def read_files(folder: Path, paths: list[Path]) -> Iterator[tuple[str, PairedFields]]:
    """Read captures of ours or others; `folder` takes the lots."""
    ports = frozenset(entry["port"] for entry in entries())
    for number, lot in enumerate(_lots(paths)):
        whole = folder / f"{number}.pcapng"
        parts = [str(path) for path, _ in lot]
        subprocess.run([need_tool("mergecap"), "-a", "-w", str(whole), *parts], check=True)
        answer = observe_tshark(str(whole), ports)
        frames = streams = 0
        for path, size in lot:
            mine = observe(str(path), ports)
            part = [
                seen._replace(frame=seen.frame - frames, stream=seen.stream - streams)
                for seen in answer
                if frames < seen.frame <= frames + size.frames
            ]
            yield path.name, PairedFields(mine, part, split_lengths(str(path), ports))
            frames += size.frames
            streams += size.streams


def _lots(paths: list[Path]) -> list[list[tuple[Path, Capture]]]:
    """Put captures together that have no connection in common.

    One with connections of which we know no handshake goes alone: their ports are not in a report.
    """
    lots: list[list[tuple[Path, Capture]]] = []
    taken: list[set[tuple[Endpoint, Endpoint]]] = []
    for path in paths:
        report = analyze(path)
        size = report.capture
        used = {(record.client, record.server) for record in report.handshakes}
        fits = [index for index, others in enumerate(taken) if others and not others & used]
        if len(used) < size.streams:
            lots.append([(path, size)])
            taken.append(set())
        elif fits:
            lots[fits[0]].append((path, size))
            taken[fits[0]] |= used
        else:
            lots.append([(path, size)])
            taken.append(used)
    return lots


def read_examples(folder: Path) -> Iterator[tuple[str, PairedFields]]:
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
    all_of_ours = observe(str(whole), frozenset(ports))
    split = split_lengths(str(whole), frozenset(ports))
    both = (all_of_ours.seen, observe_tshark(str(whole), ports))
    for name in starts:
        mine, other = (
            [
                seen._replace(frame=seen.frame - starts[name])
                for seen in side
                if owners[seen.frame - 1] == name
            ]
            for side in both
        )
        yield name, PairedFields(all_of_ours._replace(seen=mine), other, split)
