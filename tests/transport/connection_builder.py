"""Builds the captured frames of a TCP connection, in any encapsulation and any order.

The frame numbers of a plain connection, on which the cases rely: 1 SYN, 2 SYN/ACK, 3 ACK,
4 CONNECT, 5 ACK, 6 CONNACK, 7 ACK, 8 DISCONNECT, 9 ACK, 10 FIN, 11 FIN/ACK, 12 ACK.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import NamedTuple

from samples.frames import SegmentBuilder
from tests.net import wire
from tests.transport.handshakes import DISCONNECT, SampleHandshake

C, S = 0, 1  # sides: client, server
FOUR = ("10.0.0.1", "10.0.0.2")
SIX = ("fd00::1", "fd00::2")
MACS = (wire.MAC_A, wire.MAC_B)
STEP_NS = 1_000_000


class CapturedFrame(NamedTuple):
    """One captured frame: its first `cut` bytes, `pause` nanoseconds after the previous one."""

    data: bytes
    link: int = 1
    cut: int | None = None
    pause: int = STEP_NS


class Wrapping(NamedTuple):
    """How a TCP segment of a side is encapsulated in frames."""

    link: int
    frames: Callable[[bytes, int], Sequence[bytes]]


def four(segment: bytes, side: int, **fields: int) -> bytes:
    """An IPv4 datagram of a side."""
    return wire.ipv4(segment, FOUR[side], FOUR[1 - side], **fields)  # type: ignore[arg-type]


def six(segment: bytes, side: int, protocol: int = 6, length: int | None = None) -> bytes:
    """An IPv6 datagram of a side."""
    return wire.ipv6(segment, SIX[side], SIX[1 - side], protocol, length)


def ether(datagram: bytes, side: int, kind: int = 0x0800, vlans: Sequence[int] = ()) -> bytes:
    """An Ethernet frame of a side."""
    return wire.ethernet(datagram, kind, MACS[side], MACS[1 - side], vlans)


PLAIN = Wrapping(1, lambda segment, side: [ether(four(segment, side), side)])


class ConnectionBuilder(SegmentBuilder):
    """Builds the frames of one TCP connection in any encapsulation."""

    def __init__(
        self,
        port: int,
        wrapping: Wrapping = PLAIN,
        *,
        server_port: int = 1883,
        first: tuple[int, int] = (1000, 5000),
        options: bytes = b"",
    ) -> None:
        super().__init__((port, server_port), first, options=options)
        self.wrapping = wrapping
        self.frames: list[CapturedFrame] = []

    def captured(self, side: int, segment: bytes, payload: bytes, pause: int | None) -> None:
        """Adds the frames of a segment."""
        pause = STEP_NS if pause is None else pause
        for frame in self.wrapping.frames(segment, side):
            self.frames.append(CapturedFrame(frame, self.wrapping.link, pause=pause))

    def advance(self, side: int, size: int) -> ConnectionBuilder:
        """Advances the sequence number by what `send_at` has sent."""
        self.seq[side] += size
        return self

    def connack(self, sample: SampleHandshake) -> ConnectionBuilder:
        """Sends the CONNACK, which the client acknowledges."""
        return self.send_acked(S, sample.connack)

    def close(self) -> ConnectionBuilder:
        """Sends DISCONNECT, then FIN in both directions."""
        return self.send_acked(C, DISCONNECT).fin()

    def complete(self, sample: SampleHandshake) -> ConnectionBuilder:
        """Adds a complete connection from SYN to FIN."""
        return self.open().send_acked(C, sample.connect).connack(sample).close()

    def drop(self, *numbers: int) -> ConnectionBuilder:
        """Removes frames, by their numbers: they were not captured."""
        self.frames = [frame for at, frame in enumerate(self.frames, 1) if at not in numbers]
        return self

    def reorder(self, *numbers: int) -> ConnectionBuilder:
        """Puts these consecutive frames into this order."""
        low = min(numbers) - 1
        self.frames[low : low + len(numbers)] = [self.frames[number - 1] for number in numbers]
        return self


def pieces(data: bytes, *places: int) -> list[bytes]:
    """Cuts data at these offsets."""
    edges = [0, *places, len(data)]
    return [data[low:high] for low, high in itertools.pairwise(edges)]
