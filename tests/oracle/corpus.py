"""The captures with which decoders are compared, and their packets as read by dissector and tshark.

tshark takes a fifth of a second to start, so many captures are concatenated for one run, and its
output is split again. Captures that share addresses and ports of a connection (some are edited
copies of each other) would affect each other and go in different batches. The conversations of all
rule examples (some of which are the made captures) are one capture, each with its own client
address.
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
    """The packets of one capture as read by dissector and by tshark."""

    ours: OwnObservation
    tshark: list[PacketObservation]
    split: frozenset[int]

    def differences(self) -> list[Difference]:
        """Returns all differences, each with the known fault that explains it, if any."""
        return list(against_tshark(self.ours, self.tshark, lambda: self.split))


def files() -> list[Path]:
    """Returns all capture files."""
    return sorted([*RECORDED.glob("*.pcap*"), *MADE.glob("*.pcap"), *SHARED.glob("*.pcap")])


def read_files(folder: Path, paths: list[Path]) -> Iterator[tuple[str, PairedFields]]:
    """Reads capture files with both; batches are written to `folder`."""
    ports = frozenset(entry["port"] for entry in entries())
    for number, batch in enumerate(_batches(paths)):
        whole = folder / f"{number}.pcapng"
        parts = [str(path) for path, _ in batch]
        subprocess.run([need_tool("mergecap"), "-a", "-w", str(whole), *parts], check=True)
        answer = observe_tshark(str(whole), ports)
        frames = streams = 0
        for path, size in batch:
            mine = observe(str(path), ports)
            part = [
                seen._replace(frame=seen.frame - frames, stream=seen.stream - streams)
                for seen in answer
                if frames < seen.frame <= frames + size.frames
            ]
            yield path.name, PairedFields(mine, part, split_lengths(str(path), ports))
            frames += size.frames
            streams += size.streams


def _batches(paths: list[Path]) -> list[list[tuple[Path, Capture]]]:
    """Groups captures that have no connection in common.

    A capture with connections without handshake is alone in its batch, because the report does not
    contain their ports.
    """
    batches: list[list[tuple[Path, Capture]]] = []
    taken: list[set[tuple[Endpoint, Endpoint]]] = []
    for path in paths:
        report = analyze(path)
        size = report.capture
        used = {(record.client, record.server) for record in report.handshakes}
        fits = [index for index, others in enumerate(taken) if others and not others & used]
        if len(used) < size.streams:
            batches.append([(path, size)])
            taken.append(set())
        elif fits:
            batches[fits[0]].append((path, size))
            taken[fits[0]] |= used
        else:
            batches.append([(path, size)])
            taken.append(used)
    return batches


def read_examples(folder: Path) -> Iterator[tuple[str, PairedFields]]:
    """Reads the conversations of all rule examples with both; the capture is in `folder`."""
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
