"""Every transport case as a capture: its handshakes are found, and damage adds no finding."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

import dissector
from dissector.mqtt.packets.packet import Packet
from tests.judging import keys_of
from tests.transport import containers, encapsulations, endings, segments
from tests.transport.handshakes import connack_fields, connect_fields
from tests.transport.row import Place, Timed, TransportRow

TCP: dict[str, TransportRow] = {**segments.ROWS, **endings.ROWS}
ROWS: dict[str, TransportRow] = {**containers.ROWS, **encapsulations.ROWS, **TCP}
Keys = Callable[[dissector.Report], set[Any]]
WINDOW = 8  # how far a frame is moved at most when a capture is shuffled


def analyse(row: TransportRow, frames: Sequence[Timed], folder: Path) -> dissector.Report:
    """Writes frames to the case's files and analyses those."""
    paths = []
    for at, data in enumerate(row.files(frames)):
        path = folder / f"{at}.pcap"
        path.write_bytes(data)
        paths.append(str(path))
    return dissector.analyze(*row.path_order(paths), join=True)


def place(packet: Packet | None) -> Place | None:
    """Returns the frame of a packet in the notation of the cases."""
    if packet is None or packet.frame is None:
        return None
    return where(packet.frame.file, packet.frame.number)


def where(path: str, number: int) -> Place:
    """Returns a frame number, with the file index if it is not 0."""
    file = int(Path(path).stem)
    return (file, number) if file else number


@pytest.mark.parametrize("name", ROWS)
def test_handshakes_are_found(name: str, tmp_path: Path) -> None:
    """A capture of this kind gives exactly the expected handshakes, findings and warnings."""
    row = ROWS[name]
    frames = row.timed()
    report = analyse(row, frames, tmp_path)
    found = [
        (
            connect_fields(handshake), connack_fields(handshake),
            place(handshake.connect),
            place(handshake.connack),
            handshake.stream, handshake.outcome, handshake.server.port,
        )
        for handshake in report.handshakes
    ]  # fmt: skip
    expected = [
        (
            None if seen.connect is None else seen.sample.connect_fields,
            None if seen.connack is None else seen.sample.connack_fields,
            seen.connect, seen.connack, seen.stream, seen.outcome or seen.sample.outcome,
            row.server_port,
        )
        for seen in row.seen
    ]  # fmt: skip
    assert found == expected
    findings = [(item.rule, where(item.file, item.frame)) for item in report.findings]
    assert findings == row.expected()
    assert {warning.kind for warning in report.warnings} == set(row.warnings)
    if len(report.capture.files) == 1 and not row.timeless:
        for handshake in report.handshakes:
            for packet in (handshake.connect, handshake.connack):
                if packet is not None and packet.frame is not None:
                    reported = packet.frame.time_ns
                    assert abs(reported - frames[packet.frame.number - 1].time_ns) < 1000


@pytest.mark.parametrize("name", ROWS)
def test_a_lost_frame_adds_no_finding(name: str, tmp_path: Path) -> None:
    """With any one frame removed, there is no finding that the whole capture does not give."""
    row = ROWS[name]
    frames = row.timed()
    keys: Keys = parties if row.copies else keys_of
    whole = keys(analyse(row, frames, tmp_path))
    for at in range(len(frames)):
        added = keys(analyse(row, frames[:at] + frames[at + 1 :], tmp_path)) - whole
        assert not added, f"without frame {at + 1}"


@pytest.mark.parametrize("name", ROWS)
def test_duplicate_frames_change_no_finding(name: str, tmp_path: Path) -> None:
    """With every frame captured twice, the findings are the same."""
    row = ROWS[name]
    frames = row.timed()
    doubled = [frame for frame in frames for _ in range(2)]
    again = keys_of(analyse(row, doubled, tmp_path))
    assert again == keys_of(analyse(row, frames, tmp_path))


@pytest.mark.parametrize("name", ROWS)
def test_a_shuffled_capture_adds_no_finding(name: str, tmp_path: Path) -> None:
    """Swapped or moved frames add no finding; a finding's frame may be another one."""
    row = ROWS[name]
    frames = row.timed()
    whole = parties(analyse(row, frames, tmp_path))
    for at in range(len(frames) - 1 if name in TCP else 0):
        swapped = list(frames)
        swapped[at : at + 2] = swapped[at + 1], swapped[at]
        added = parties(analyse(row, in_time(frames, swapped), tmp_path)) - whole
        assert not added, f"frames {at + 1} and {at + 2} swapped"
    for seed in range(3):
        moved = shuffled(frames, seed)
        added = parties(analyse(row, in_time(frames, moved), tmp_path)) - whole
        assert not added, f"shuffled, seed {seed}"
        added = parties(analyse(row, moved, tmp_path)) - whole
        assert not added, f"shuffled with their times, seed {seed}"


def parties(report: dissector.Report) -> set[tuple[str, str, str | None]]:
    """Returns what identifies findings without their frames: rule, side and client."""
    return {(item.rule, item.side.value, item.client_id) for item in report.findings}


def in_time(frames: Sequence[Timed], moved: Sequence[Timed]) -> list[Timed]:
    """Gives moved frames the times of their new positions."""
    return [
        Timed(frame.time_ns, other.captured) for frame, other in zip(frames, moved, strict=True)
    ]


def shuffled(frames: Sequence[Timed], seed: int) -> list[Timed]:
    """Moves every frame by up to `WINDOW` positions."""
    rng = random.Random(seed)
    places = [at + rng.uniform(0, WINDOW) for at in range(len(frames))]
    return [frames[at] for at in sorted(range(len(frames)), key=places.__getitem__)]
