"""Hundreds of random segments with tiny limits: the consumer contract holds, and nothing leaks."""

from __future__ import annotations

import random

import pytest

from dissector.net.limits import Limits
from tests.net import wire
from tests.net.recording import A, B, run
from tests.net.wire import ACK, FIN, PSH, RST, SECOND, START, SYN

FLAGS = [SYN, SYN | ACK, ACK, ACK, ACK, PSH | ACK, PSH | ACK, FIN | ACK, RST, RST | ACK]
STEPS = [0, 1000, SECOND // 10, SECOND, 11 * SECOND, -2 * SECOND]
TINY = Limits(
    direction_bytes=600,
    buffered_bytes=900,
    connections=2,
    closed=2,
    hole_segments=5,
    hole_ns=1_000_000,
    fragments=2,
    fragment_bytes=2000,
)


def random_segments(seed: int) -> tuple[list[bytes], list[int], list[int]]:
    """Build frames, times and original lengths."""
    rng = random.Random(seed)
    frames, times, originals = [], [], []
    now = START
    for _ in range(200):
        base, port = rng.choice([0, 1000, 0xFFFFFFF0]), 40000 + rng.randrange(3)
        seq, ack = base + rng.randrange(60), base + rng.randrange(60)
        payload = rng.randbytes(rng.choice([0, 1, 5, 20]))
        flags = rng.choice(FLAGS)
        if rng.random() < 0.5:
            datagram = wire.ipv4(wire.tcp(port, 1883, seq, ack, flags, payload), A, B)
        else:
            datagram = wire.ipv4(wire.tcp(1883, port, seq, ack, flags, payload), B, A)
        how = rng.randrange(3)
        if how == 0:
            frame = wire.ethernet(datagram)
        elif how == 1:
            frame = wire.ethernet(datagram, vlans=[0x8100])
        else:
            frame = wire.ethernet(wire.ipv4(wire.gre(datagram, 0x0800), protocol=47))
        if rng.random() < 0.1:
            at = rng.randrange(len(frame))
            frame = frame[:at] + rng.randbytes(1) + frame[at + 1 :]
        originals.append(len(frame))
        frames.append(frame[: rng.randrange(len(frame))] if rng.random() < 0.1 else frame)
        now += rng.choice(STEPS)
        times.append(now)
    return frames, times, originals


@pytest.mark.parametrize("seed", range(60))
def test_random_segments(seed: int) -> None:
    """Calls keep the contract, counts agree, and nothing is kept after the end."""
    frames, times, originals = random_segments(seed)
    result = run(frames, times=times, originals=originals, limits=TINY, size=7)
    streams = result.streams
    assert (streams.flows.count, streams.connections, streams.buffered) == (0, {}, 0)
    assert streams.fragments.size == 0
    for recorder in result.consumers:
        assert recorder.ended
        for side in (0, 1):
            direction = recorder.connection.direction(side)
            assert direction.next == recorder.reached(side)
            assert direction.gap == bool(recorder.gaps(side))
            assert [why for _, why in recorder.gaps(side)[1:]].count("mid-stream") == 0
            own = [(name, frame) for name, who, frame, _ in recorder.frames if who == side]
            order = [frame for name, frame in own if name != "closed"]
            assert order == sorted(order)
            assert [name for name, _ in own].count("closed") <= 1
