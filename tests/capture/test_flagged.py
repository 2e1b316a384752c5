"""Frames buffered until a finding: the first ones and the latest, within limits."""

from __future__ import annotations

from pathlib import Path

import pytest

from dissector.capture import flagged
from dissector.capture.flagged import FlaggedFrames
from dissector.capture.recorder import Recorder
from tests.capture.builders import START, frame, read


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "out.pcapng"


def numbered(path: Path) -> list[int]:
    """Return the numbers contained in the frames of a file."""
    return [int.from_bytes(row.data[14:18], "big") for row in read(path)[0]]


def test_a_long_connection_is_kept_by_its_first_and_its_latest_frame(path: Path) -> None:
    """The first frames, the one with the finding and all later ones are written."""
    recorder = Recorder(str(path), "tests")
    kept = FlaggedFrames(recorder)
    for number in range(1, 501):
        kept.put(number, (frame(number), START + number, 60, 1), "eth0", 7)
    kept.found(7, 500, "here")
    kept.put(501, (frame(501), START + 501, 60, 1), "eth0", 7)
    kept.flush()
    recorder.close()
    assert numbered(path) == [*range(1, flagged.FIRST_FRAMES + 1), 500, 501]
    assert path.read_bytes().count(b"here") == 1


def test_the_buffer_is_bounded(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the buffer is full, the oldest connections are dropped; later findings still count."""
    monkeypatch.setattr(flagged, "ROOM", 3000)
    recorder = Recorder(str(path), "tests")
    kept = FlaggedFrames(recorder)
    for number in range(1, 101):
        kept.put(number, (frame(number), START + number, 60, 1), "eth0", number)
    kept.found(1, 1, "forgotten")
    kept.found(100, 100, "known")
    kept.put(101, (frame(101), START + 101, 60, 1), "eth0", 1)
    kept.flush()
    recorder.close()
    assert numbered(path) == [100, 101]
