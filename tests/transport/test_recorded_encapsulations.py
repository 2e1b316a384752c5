"""Recorded WebSocket and PROXY captures, cut, lost, doubled, out of order: like the plain ones."""

from __future__ import annotations

import io
import random
from collections.abc import Sequence
from typing import Any

import pytest

import dissector
from dissector.report.json_v1 import document
from tests.fuzz.records import Record, pcap
from tests.judging import keys_of
from tests.transport.recorded import RECORDED, byte_by_byte, frames_of, has_payload

NAMES = sorted(
    path.name
    for path in RECORDED.glob("*.pcap")
    if "-websocket" in path.name or "-proxy" in path.name
)
WINDOW = 8  # how far a frame strays when a capture is shuffled


def judged(frames: Sequence[Record]) -> dissector.Report:
    """Analyse frames as a capture."""
    return dissector.analyze(io.BytesIO(pcap(list(frames))))


def parties(report: dissector.Report) -> set[tuple[str, str, str | None]]:
    """Give what identifies a finding wherever its frame is: rule, side and client."""
    return {(item.rule, item.side.value, item.client_id) for item in report.findings}


def handshakes(report: dissector.Report) -> list[Any]:
    """Give the handshakes without the numbers of their frames."""
    found: list[Any] = document(report, key=b"k" * 32)["handshakes"]
    for handshake in found:
        for part in (*handshake.values(), *(handshake.get("http") or {}).values()):
            if isinstance(part, dict):
                part.pop("frame", None)
    return found


def kinds(report: dissector.Report) -> list[tuple[str, int | None]]:
    """Give kind and stream of each warning."""
    return sorted((warning.kind, warning.stream or 0) for warning in report.warnings)


@pytest.mark.parametrize("name", NAMES)
def test_byte_by_byte(name: str) -> None:
    """Every byte in a segment of its own: the same handshakes, findings and warnings."""
    frames = frames_of(name)
    whole, cut = judged(frames), judged(byte_by_byte(frames))
    assert handshakes(cut) == handshakes(whole)
    assert keys_of(cut) == keys_of(whole)
    assert kinds(cut) == kinds(whole)


@pytest.mark.parametrize("name", NAMES)
def test_doubled(name: str) -> None:
    """Every frame captured twice: the same handshakes, findings and warnings."""
    frames = frames_of(name)
    whole, twice = judged(frames), judged([frame for frame in frames for _ in range(2)])
    assert handshakes(twice) == handshakes(whole)
    assert keys_of(twice) == keys_of(whole)
    assert kinds(twice) == kinds(whole)


@pytest.mark.parametrize("name", NAMES)
def test_lossy(name: str) -> None:
    """With any one frame removed, nothing is found that the whole capture does not show."""
    frames = frames_of(name)
    whole = keys_of(judged(frames))
    for at in range(len(frames)):
        assert keys_of(judged(frames[:at] + frames[at + 1 :])) <= whole, f"without frame {at + 1}"


@pytest.mark.parametrize("name", NAMES)
def test_lossy_byte_by_byte(name: str) -> None:
    """With single bytes removed, too, in heads, frame headers and masks, nothing new is found."""
    frames = byte_by_byte(frames_of(name))
    whole = keys_of(judged(frames))
    rng = random.Random(name)
    for rate in (0.001, 0.01, 0.1, 0.5):
        left = [frame for frame in frames if rng.random() >= rate]
        assert keys_of(judged(left)) <= whole, f"without {rate} of the frames"


@pytest.mark.parametrize("name", NAMES)
def test_a_missing_beginning_or_end(name: str) -> None:
    """Whatever of a capture is left, it shows nothing that the whole capture does not show."""
    frames = frames_of(name)
    whole = keys_of(judged(frames))
    for at in range(1, len(frames), 3):
        assert keys_of(judged(frames[at:])) <= whole, f"from frame {at + 1}"
        assert keys_of(judged(frames[:at])) <= whole, f"the first {at} frames"


@pytest.mark.parametrize("name", NAMES)
def test_out_of_order(name: str) -> None:
    """Segments that come late: the same handshakes but for their times, and no other finding."""
    frames = frames_of(name)
    whole = judged(frames)
    for seed in range(4):
        for each in (frames, byte_by_byte(frames)):
            late = judged(moved(each, delayed_order(each, seed, every=False)))
            assert fields(late) == fields(whole), f"seed {seed}"
            assert parties(late) == parties(whole), f"seed {seed}"


@pytest.mark.parametrize("name", NAMES)
def test_captured_in_disorder(name: str) -> None:
    """Where even SYN and FIN stray, handshakes may be missed, but nothing new is found."""
    frames = frames_of(name)
    whole = parties(judged(frames))
    for at in range(len(frames) - 1):
        order = [*range(at), at + 1, at, *range(at + 2, len(frames))]
        assert parties(judged(moved(frames, order))) <= whole, f"{at + 1} and {at + 2}"
    for seed in range(4):
        for each in (frames, byte_by_byte(frames)):
            assert parties(judged(moved(each, delayed_order(each, seed, every=True)))) <= whole, (
                seed
            )


def delayed_order(frames: Sequence[Record], seed: int, *, every: bool) -> list[int]:
    """Give an order in which frames come late, those with a payload only unless it is every one."""
    rng = random.Random(seed)
    places = [
        at + (rng.uniform(0, WINDOW) if every or has_payload(frame) else 0)
        for at, frame in enumerate(frames)
    ]
    return sorted(range(len(frames)), key=places.__getitem__)


def moved(frames: Sequence[Record], order: Sequence[int]) -> list[Record]:
    """Put frames into another order, with the times of their new places."""
    return [
        frames[index]._replace(time_ns=place.time_ns)
        for place, index in zip(frames, order, strict=True)
    ]


def fields(report: dissector.Report) -> list[Any]:
    """Give what CONNECT and CONNACK say, what carried them, and how it ended."""
    found = handshakes(report)
    for handshake in found:
        for part in ("connect", "connack", "http"):
            (handshake.get(part) or {}).pop("time", None)
        for part in ("latency", "close", "stream", "id"):
            handshake.pop(part, None)
    return sorted(found, key=repr)
