"""The captures of the benchmarks hold what they say: handshakes, findings, kinds of flows."""

from __future__ import annotations

import json
import struct
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.cli.running import dissector
from tests.conftest import ROOT

BENCHMARKS = ROOT / "benchmarks"
# A debris session has 160 frames.
SIZES = {
    "fleet": 4_000, "storm": 2_000, "crowd": 4_000, "debris": 12_000, "scan": 4_000,
    "chatty-storm": 2_000, "faulty-storm": 2_000, "mirror": 4_000, "long-strings": 1_500,
}  # fmt: skip
# What a limit of foreign or closed flows reports; the other warnings are about MQTT.
LIMITS = {"stream-limit", "flow-limit"}


def script(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs a program of the benchmarks."""
    command = [sys.executable, str(BENCHMARKS / name), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=240)


def generated(kind: str, path: Path, frames: int = 0, seed: int = 1) -> dict[str, int]:
    """Generates a capture; returns the numbers that the generator prints."""
    size = str(frames or SIZES[kind])
    arguments = ["--kind", kind, "--frames", size, "--seed", str(seed), "--output", str(path)]
    done = script("generate.py", *arguments)
    assert done.returncode == 0, done.stderr
    return {name: int(number) for name, _, number in map(split, done.stdout.splitlines())}


def split(line: str) -> tuple[str, str, str]:
    """Splits a line into a name and a number."""
    return line.partition(" ")


class AnalyzedCapture(NamedTuple):
    """A report in JSON lines: findings and warnings by kind, handshakes, and the summary."""

    findings: Counter[str]
    warnings: Counter[str]
    handshakes: list[dict[str, Any]]
    capture: dict[str, Any]

    def count(self, packet: str) -> int:
        """Number of handshakes that have a CONNECT or CONNACK."""
        return sum(handshake[packet] is not None for handshake in self.handshakes)


def report(path: Path) -> AnalyzedCapture:
    """Analyzes a capture."""
    done = dissector("analyze", "--format", "jsonl", str(path))
    assert done.code in (0, 1), done.err
    records = [json.loads(line) for line in done.out.splitlines()]
    of = {
        kind: [one for one in records if one["type"] == kind]
        for kind in ("finding", "captureWarning", "handshake", "summary")
    }
    return AnalyzedCapture(
        Counter(one["rule"] for one in of["finding"]),
        Counter(one["kind"] for one in of["captureWarning"]),
        of["handshake"],
        of["summary"][0]["capture"],
    )


def frames(path: Path) -> Iterator[bytes]:
    """Yields the frames of a pcap file."""
    data, start = path.read_bytes(), 24
    while start < len(data):
        size = struct.unpack_from("<8xI", data, start)[0]
        yield data[start + 16 : start + 16 + size]
        start += 16 + size


@pytest.mark.parametrize("kind", SIZES)
def test_handshakes_and_findings_are_those_generated(kind: str, tmp_path: Path) -> None:
    """Every generated CONNECT and CONNACK is seen, and nothing is found but what was planted."""
    path = tmp_path / "capture.pcap"
    counts, found = generated(kind, path), report(path)
    assert counts["connect"] > 0
    assert (found.count("connect"), found.count("connack")) == (
        counts["connect"],
        counts["connack"],
    )
    assert found.capture["frames"] == counts["frames"]
    if kind == "long-strings":
        assert SIZES[kind] - 150 <= counts["frames"] <= SIZES[kind]
    else:
        assert counts["frames"] == SIZES[kind]
    planted = {"SES01": counts["session-present-after-clean-session"]}
    if kind in ("chatty-storm", "faulty-storm"):
        planted["ENC04"] = counts["connect"]
    if kind == "faulty-storm":
        assert planted["SES01"] == counts["connack"]
    # The fleet's clients go on after the wrong CONNACK, which is found if the capture is long.
    assert found.findings - Counter(SEQ17=planted["SES01"]) == +Counter(planted)
    assert set(found.warnings) <= LIMITS


@pytest.mark.parametrize("kind", SIZES)
def test_the_seed_makes_the_bytes(kind: str, tmp_path: Path) -> None:
    """The same seed gives the same bytes, another one other bytes."""
    paths = [tmp_path / name for name in ("one", "same", "other")]
    for path, seed in zip(paths, (1, 1, 2), strict=True):
        generated(kind, path, frames=1_000, seed=seed)
    one, same, other = (path.read_bytes() for path in paths)
    assert one == same
    assert one != other


def test_a_crowd_is_mostly_foreign(tmp_path: Path) -> None:
    """A crowd has one MQTT connection among about fifteen flows, two in five over IPv6."""
    path = tmp_path / "capture.pcap"
    generated("crowd", path, frames=10_000)
    capture = report(path).capture
    assert 0.04 < capture["mqttConnections"] / capture["streams"] < 0.1
    types = Counter(frame[12:14].hex() for frame in frames(path))
    assert set(types) == {"0800", "86dd"}
    assert 0.3 < types["86dd"] / types.total() < 0.5


def test_debris_has_one_or_two_frames(tmp_path: Path) -> None:
    """Foreign flows of debris have one or two frames and no SYN."""
    path = tmp_path / "capture.pcap"
    generated("debris", path, frames=4_000)
    flows: Counter[frozenset[bytes]] = Counter()
    for frame in frames(path):
        start, size = (14 + 12, 4) if frame[12:14] == b"\x08\0" else (14 + 8, 16)
        tcp = start + 2 * size
        ports = frame[tcp : tcp + 2], frame[tcp + 2 : tcp + 4]
        if struct.pack("!H", 1883) in ports:
            continue
        assert not frame[tcp + 13] & 2
        ends = frame[start : start + size], frame[start + size : tcp]
        flows[frozenset(map(bytes.__add__, ends, ports))] += 1
    assert set(flows.values()) == {1, 2}


def test_a_mirror_has_every_frame_twice(tmp_path: Path) -> None:
    """The second of two frames has a VLAN tag and is otherwise the same."""
    path = tmp_path / "capture.pcap"
    generated("mirror", path, frames=2_000)
    seen: tuple[list[bytes], list[bytes]] = ([], [])
    for frame in frames(path):
        tagged = frame[12:16] == bytes.fromhex("81000064")
        seen[tagged].append(frame[:12] + frame[16:] if tagged else frame)
    # Copies that follow the last frame are missing.
    assert 0 <= len(seen[0]) - len(seen[1]) <= 5
    assert not Counter(seen[1]) - Counter(seen[0])


def test_strings_have_the_greatest_length(tmp_path: Path) -> None:
    """Some client ids, user names and will topics have 65,535 bytes."""
    path = tmp_path / "capture.pcap"
    generated("long-strings", path, frames=3_000)
    connects = [handshake["connect"] for handshake in report(path).handshakes]
    for name in ("clientId", "username", "lastWillTopic"):
        assert max(len(connect[name]) for connect in connects) > 60_000


def test_a_scan_costs_idle_connections_nothing() -> None:
    """The scan test passes, and fails if more memory is used than it allows."""
    sizes = "--idle", "50", "--flows", "2000"
    done = script("scan.py", *sizes)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "idle 50\n" in done.stdout
    done = script("scan.py", *sizes, "--memory", "1")
    assert done.returncode == 1
    assert "fault: peak memory" in done.stdout


def test_the_table_has_every_command_and_the_baseline(tshark: str, tmp_path: Path) -> None:
    """A run prints a table per shape, and targets with their baseline; it keeps the README."""
    ours = str(Path(sys.executable).with_name("dissector"))
    readme = BENCHMARKS / "README.md"
    before = readme.read_bytes()
    done = script(
        "run.py", "--shapes", "small-reads,long-strings", "--frames", "1000", "--rounds", "1",
        "--dissector", ours, "--baseline", ours, "--directory", str(tmp_path),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    for program in ("dissector", "baseline"):
        for command in (
            "analyze jsonl", "analyze table", "audit jsonl", "audit table", "audit html",
        ):  # fmt: skip
            assert done.stdout.count(f"| {program} {command} |") == 2
    assert done.stdout.count("| tshark |") == done.stdout.count("| capinfos |") == 2
    assert "| small-reads: audit / analyze, jsonl |" in done.stdout
    assert readme.read_bytes() == before
