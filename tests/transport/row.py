"""One transport case: the frames of a capture, the files with them, the expected results."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from dissector.model import Outcome
from tests.capture import builders
from tests.transport.connection_builder import CapturedFrame
from tests.transport.handshakes import SampleHandshake

PORT = 40000
START = builders.START

Place = int | tuple[int, int]  # a frame number, or file index and frame number


class Timed(NamedTuple):
    """A frame with its time."""

    time_ns: int
    captured: CapturedFrame


Files = Callable[[Sequence[Timed]], list[bytes]]


class Seen(NamedTuple):
    """An expected handshake, and the frames that complete its packets (None: not seen)."""

    sample: SampleHandshake
    connect: Place | None = 4
    connack: Place | None = 6
    stream: int = 0
    outcome: Outcome | None = None  # None: that of the sample


def one_pcap(frames: Sequence[Timed]) -> list[bytes]:
    """Writes one pcap file, in nanoseconds; all frames must have the same link type."""
    links = {frame.captured.link for frame in frames} or {1}
    assert len(links) == 1
    return [builders.pcap_header(magic=builders.NANO, link=links.pop()) + records(frames, unit=1)]


def records(frames: Sequence[Timed], order: str = "<", unit: int = 1000) -> bytes:
    """Returns the records of a pcap file."""
    return b"".join(
        builders.pcap_record(frame.data[: frame.cut], time_ns, order, unit, sent=len(frame.data))
        for time_ns, frame in frames
    )


@dataclass
class TransportRow:
    """One case. `make_frames` makes the frames, with client ports from the given one on.

    `warnings` are the expected kinds, `files` writes the frames to files (named 0, 1, …),
    `path_order` is the order in which the files are passed; `timeless`: the format has no times;
    `copies`: packets are sent more than once, so that without one frame another completes them.
    """

    make_frames: Callable[[int], list[CapturedFrame]]
    seen: Sequence[Seen]
    warnings: Iterable[str] = ()
    files: Files = one_pcap
    server_port: int = 1883
    path_order: Callable[[list[str]], list[str]] = list
    timeless: bool = False
    copies: bool = False

    def timed(self) -> list[Timed]:
        """Returns its frames with their times."""
        return timed(self.make_frames(PORT))

    def expected(self) -> list[tuple[str, Place]]:
        """Returns the expected findings: rule and frame."""
        return [
            (seen.sample.rule, seen.connack)
            for seen in self.seen
            if seen.sample.rule and seen.connect is not None and seen.connack is not None
        ]


def timed(captured: Iterable[CapturedFrame], start: int = START) -> list[Timed]:
    """Adds times to frames, by their pauses."""
    frames = []
    now = start
    for frame in captured:
        now += frame.pause
        frames.append(Timed(now, frame))
    return frames
