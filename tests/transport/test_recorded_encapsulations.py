"""Recorded WebSocket and PROXY captures with split, lost, duplicate and reordered frames."""

from __future__ import annotations

import io
import random
from collections.abc import Sequence
from typing import Any

import pytest

import dissector
from dissector.report.json_document import document
from tests.fuzz.records import Record, pcap
from tests.judging import keys_of
from tests.transport.recorded import RECORDED, byte_by_byte, frames_of, has_payload

NAMES = sorted(
    path.name
    for path in RECORDED.glob("*.pcap")
    if "-websocket" in path.name or "-proxy" in path.name
)
WINDOW = 8  # how far a frame is moved at most


def analysed(frames: Sequence[Record]) -> dissector.Report:
    """Returns the report on frames."""
    return dissector.analyze(io.BytesIO(pcap(list(frames))))


def parties(report: dissector.Report) -> set[tuple[str, str, str | None]]:
    """Returns what identifies findings without their frames: rule, side and client."""
    return {(item.rule, item.side.value, item.client_id) for item in report.findings}


def handshakes(report: dissector.Report) -> list[Any]:
    """Returns the handshakes without frame numbers."""
    found: list[Any] = document(report, key=b"k" * 32)["handshakes"]
    for handshake in found:
        for part in (*handshake.values(), *(handshake.get("http") or {}).values()):
            if isinstance(part, dict):
                part.pop("frame", None)
    return found


def kinds(report: dissector.Report) -> list[tuple[str, int | None]]:
    """Returns kind and stream of each warning."""
    return sorted((warning.kind, warning.stream or 0) for warning in report.warnings)


@pytest.mark.parametrize("name", NAMES)
def test_byte_by_byte(name: str) -> None:
    """Segments of one byte give the same handshakes, findings and warnings."""
    frames = frames_of(name)
    whole, cut = analysed(frames), analysed(byte_by_byte(frames))
    assert handshakes(cut) == handshakes(whole)
    assert keys_of(cut) == keys_of(whole)
    assert kinds(cut) == kinds(whole)


@pytest.mark.parametrize("name", NAMES)
def test_doubled(name: str) -> None:
    """Frames that are all captured twice give the same handshakes, findings and warnings."""
    frames = frames_of(name)
    whole, twice = analysed(frames), analysed([frame for frame in frames for _ in range(2)])
    assert handshakes(twice) == handshakes(whole)
    assert keys_of(twice) == keys_of(whole)
    assert kinds(twice) == kinds(whole)


@pytest.mark.parametrize("name", NAMES)
def test_lossy(name: str) -> None:
    """With any one frame removed, there is no finding that the whole capture does not give."""
    frames = frames_of(name)
    whole = keys_of(analysed(frames))
    for at in range(len(frames)):
        assert keys_of(analysed(frames[:at] + frames[at + 1 :])) <= whole, f"without frame {at + 1}"


@pytest.mark.parametrize("name", NAMES)
def test_lossy_byte_by_byte(name: str) -> None:
    """With single bytes removed from HTTP and frame headers and masks, there is no new finding."""
    frames = byte_by_byte(frames_of(name))
    whole = keys_of(analysed(frames))
    rng = random.Random(name)
    for rate in (0.001, 0.01, 0.1, 0.5):
        left = [frame for frame in frames if rng.random() >= rate]
        assert keys_of(analysed(left)) <= whole, f"without {rate} of the frames"


@pytest.mark.parametrize("name", NAMES)
def test_a_missing_beginning_or_end(name: str) -> None:
    """No part of a capture gives a finding that the whole capture does not give."""
    frames = frames_of(name)
    whole = keys_of(analysed(frames))
    for at in range(1, len(frames), 3):
        assert keys_of(analysed(frames[at:])) <= whole, f"from frame {at + 1}"
        assert keys_of(analysed(frames[:at])) <= whole, f"the first {at} frames"


@pytest.mark.parametrize("name", NAMES)
def test_out_of_order(name: str) -> None:
    """Reordered segments give the same handshakes except for times, and no other finding."""
    frames = frames_of(name)
    whole = analysed(frames)
    for seed in range(4):
        for each in (frames, byte_by_byte(frames)):
            late = analysed(moved(each, delayed_order(each, seed, every=False)))
            assert fields(late) == fields(whole), f"seed {seed}"
            assert parties(late) == parties(whole), f"seed {seed}"


@pytest.mark.parametrize("name", NAMES)
def test_captured_in_disorder(name: str) -> None:
    """If SYN and FIN are reordered, too, handshakes may be missed, but no finding is added."""
    frames = frames_of(name)
    whole = parties(analysed(frames))
    for at in range(len(frames) - 1):
        order = [*range(at), at + 1, at, *range(at + 2, len(frames))]
        assert parties(analysed(moved(frames, order))) <= whole, f"{at + 1} and {at + 2}"
    for seed in range(4):
        for each in (frames, byte_by_byte(frames)):
            assert parties(analysed(moved(each, delayed_order(each, seed, every=True)))) <= whole, (
                seed
            )


def delayed_order(frames: Sequence[Record], seed: int, *, every: bool) -> list[int]:
    """Returns an order in which frames are delayed: all, or only those with payload."""
    rng = random.Random(seed)
    places = [
        at + (rng.uniform(0, WINDOW) if every or has_payload(frame) else 0)
        for at, frame in enumerate(frames)
    ]
    return sorted(range(len(frames)), key=places.__getitem__)


def moved(frames: Sequence[Record], order: Sequence[int]) -> list[Record]:
    """Puts frames into another order, with the times of their new positions."""
    return [
        frames[index]._replace(time_ns=place.time_ns)
        for place, index in zip(frames, order, strict=True)
    ]


def fields(report: dissector.Report) -> list[Any]:
    """Returns the fields of handshakes that do not depend on frame order."""
    found = handshakes(report)
    for handshake in found:
        for part in ("connect", "connack", "http"):
            (handshake.get(part) or {}).pop("time", None)
        for part in ("latency", "close", "stream", "id"):
            handshake.pop(part, None)
    return sorted(found, key=repr)
