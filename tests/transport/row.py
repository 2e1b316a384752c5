"""One case of transport: the frames of a capture, the files that hold them, what must be found."""

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

Place = int | tuple[int, int]  # a frame's number, or the index of its file and its number


class Timed(NamedTuple):
    """A frame with its time."""

    time_ns: int
    captured: CapturedFrame


Files = Callable[[Sequence[Timed]], list[bytes]]


class Seen(NamedTuple):
    """A handshake that must be found, and the frames that complete its packets (None: not seen)."""

    sample: SampleHandshake
    connect: Place | None = 4
    connack: Place | None = 6
    stream: int = 0
    outcome: Outcome | None = None  # as the sample has it


def one_pcap(frames: Sequence[Timed]) -> list[bytes]:
    """One pcap file, in nanoseconds; all frames are of one link type."""
    links = {frame.captured.link for frame in frames} or {1}
    assert len(links) == 1
    return [builders.pcap_header(magic=builders.NANO, link=links.pop()) + records(frames, unit=1)]


def records(frames: Sequence[Timed], order: str = "<", unit: int = 1000) -> bytes:
    """The records of a pcap file."""
    return b"".join(
        builders.pcap_record(frame.data[: frame.cut], time_ns, order, unit, sent=len(frame.data))
        for time_ns, frame in frames
    )


@dataclass
class TransportRow:
    """`make_frames` makes the frames, with client ports from the one given on.

    `warnings` are the kinds that the capture must give, `files` puts its frames into files (named
    0, 1, …), `path_order` the order in which they are given; `timeless`: the format has no times;
    `copies`: packets come more than once, so that without one frame another completes them.
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
        """Its frames with their times."""
        return timed(self.make_frames(PORT))

    def expected(self) -> list[tuple[str, Place]]:
        """The rules that must fire, and where."""
        return [
            (seen.sample.rule, seen.connack)
            for seen in self.seen
            if seen.sample.rule and seen.connect is not None and seen.connack is not None
        ]


def timed(captured: Iterable[CapturedFrame], start: int = START) -> list[Timed]:
    """Give frames their times, one after the other."""
    frames = []
    now = start
    for frame in captured:
        now += frame.pause
        frames.append(Timed(now, frame))
    return frames
