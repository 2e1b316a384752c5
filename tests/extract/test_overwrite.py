"""Overwriting of all bytes of an extract that could be part of a secret."""

from __future__ import annotations

import random
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dissector.extract.overwrite import overwritten
from samples.frames import checksum
from tests.extract.extracting import (
    FALSE_SESSION,
    SECRET,
    block,
    connect,
    extracted,
    frames,
    written,
)
from tests.net import wire
from tests.transport.connection_builder import C, ConnectionBuilder, S, Wrapping, ether, four, six
from tests.transport.encapsulations import (
    fragments,
    fragments_6,
    fragments_of_tunnel,
    inner,
    over_udp,
    quoting,
)

PROXY = b"PROXY TCP4 192.0.2.7 10.0.0.2 50000 1883\r\n"
PART = 6  # bytes of a secret that must not be left


def left(data: bytes) -> bool:
    """Whether any part of the secret is in a file."""
    return any(SECRET[at : at + PART] in data for at in range(len(SECRET) - PART + 1))


def ended(talk: ConnectionBuilder) -> ConnectionBuilder:
    """Answers with a false Session Present, so that the connection is flagged."""
    return talk.send_acked(S, FALSE_SESSION).close()


WRAPPINGS = {
    "vlan": Wrapping(1, lambda segment, side: [ether(four(segment, side), side, vlans=(0x8100,))]),
    "ipv6": Wrapping(1, lambda segment, side: [ether(six(segment, side), side, 0x86DD)]),
    "vxlan": Wrapping(
        1, lambda segment, side: [over_udp(wire.vxlan(inner(segment, side)), side, 4789)]
    ),
    "raw": Wrapping(101, lambda segment, side: [four(segment, side)]),
    "cooked": Wrapping(113, lambda segment, side: [wire.cooked(four(segment, side))]),
    "fragments": Wrapping(1, fragments),
    "fragments, late first": Wrapping(1, lambda segment, side: fragments(segment, side, (2, 1, 0))),
    "fragments of IPv6": Wrapping(1, fragments_6),
    "fragments of a tunnel": Wrapping(1, fragments_of_tunnel),
    "quoted by an error": Wrapping(1, quoting),
}


@pytest.mark.parametrize("name", WRAPPINGS)
def test_any_encapsulation(tmp_path: Path, name: str) -> None:
    """No secret is left after tags, in tunnels, in fragments or in a quoting ICMP error."""
    talk = ConnectionBuilder(40_000, WRAPPINGS[name]).open().send_acked(C, connect())
    path = written(tmp_path / "a.pcap", ended(talk).frames)
    data, made = extracted(path)
    assert left(path.read_bytes()) or "fragments" in name
    assert made.frames == len(
        ended(ConnectionBuilder(40_000, WRAPPINGS[name]).open().send_acked(C, connect())).frames
    )
    assert not left(data)


AUTH = bytes.fromhex("f0") + bytes((2 + 1 + 4 + 3 + len(SECRET),)) + b"\x18" + bytes(
    (4 + 3 + len(SECRET),)
) + b"\x15\0\1M\x16" + block(SECRET)  # fmt: skip
TALKS = {
    "plain": [connect()],
    "twice on one connection": [connect(), connect(b"c2")],
    "after a PROXY header": [PROXY + connect()],
    "truncated": [connect()[:-3]],
    "longer than its length": [connect()[:1] + bytes((len(connect()) - 6,)) + connect()[2:]],
    "shorter than its length": [connect()[:1] + bytes((len(connect()) + 40,)) + connect()[2:]],
    "with a reserved flag": [connect(flags=0xC3)],
    "without its flag": [connect(flags=0x82)],
    "unknown bytes": [connect(), b"\0\0" + SECRET],
    "AUTH of 3.1.1": [connect(), AUTH],
}


@pytest.mark.parametrize("name", TALKS)
def test_any_malformed_packet(tmp_path: Path, name: str) -> None:
    """No secret is left in malformed packets, in undecoded bytes or in a second CONNECT."""
    talk = ConnectionBuilder(40_000).open()
    for data in TALKS[name]:
        talk.send_acked(C, data)
    path = written(tmp_path / "a.pcap", ended(talk).frames)
    out, made = extracted(path, flagged=False, streams=frozenset({0}))
    assert not left(out)
    if made.frames:
        assert [len(frame) for _, _, frame in frames(out)] == [
            len(shot.data) for shot in ended(talk).frames[: made.frames]
        ] or made.frames != len(talk.frames)


@settings(max_examples=30)
@given(
    cuts=st.lists(st.integers(1, len(connect()) - 1), max_size=5),
    again=st.lists(st.tuples(st.integers(0, len(connect()) - 1), st.integers(1, 40)), max_size=4),
    seed=st.integers(0, 1000),
)
def test_any_segmentation(
    tmp_path_factory: pytest.TempPathFactory,
    cuts: list[int],
    again: list[tuple[int, int]],
    seed: int,
) -> None:
    """No part of the secret is left with any segmentation, out of order, with retransmissions."""
    packet = connect()
    edges = sorted({0, len(packet), *cuts})
    parts = [(low, packet[low:high]) for low, high in pairwise(edges)]
    parts += [(at, packet[at : at + size]) for at, size in again]
    random.Random(seed).shuffle(parts)
    talk = ConnectionBuilder(40_000).open()
    for at, data in parts:
        talk.send_at(C, at, data)
    frames = ended(talk.advance(C, len(packet)).ack(S)).frames
    path = written(tmp_path_factory.mktemp("sent") / "a.pcap", frames)
    data, made = extracted(path, flagged=False)
    assert made.frames == len(frames)
    assert not left(data)


def test_a_differing_retransmission_is_overwritten(tmp_path: Path) -> None:
    """A retransmission with other bytes is overwritten entirely, as its content is unknown."""
    packet = connect()
    talk = (
        ConnectionBuilder(40_000)
        .open()
        .send_at(C, 0, packet)
        .send_at(C, 4, SECRET + b"!")
        .advance(C, len(packet))
    )
    data, _ = extracted(written(tmp_path / "a.pcap", ended(talk).frames), flagged=False)
    assert not left(data)


def test_bytes_that_are_not_secret_are_kept(tmp_path: Path) -> None:
    """In a CONNECT only the password is overwritten; the answer is unchanged."""
    frames = ended(ConnectionBuilder(40_000).open().send_acked(C, connect())).frames
    data, made = extracted(written(tmp_path / "a.pcap", frames))
    assert made.overwritten == len(SECRET)
    assert connect().replace(SECRET, b"*" * len(SECRET)) in data
    assert FALSE_SESSION in data


@given(
    payload=st.binary(min_size=1, max_size=60),
    spans=st.lists(st.tuples(st.integers(0, 59), st.integers(1, 20)), max_size=4),
    odd=st.integers(0, 3),
)
def test_a_correct_checksum_stays_correct(
    payload: bytes, spans: list[tuple[int, int]], odd: int
) -> None:
    """The checksum is correct after any overwriting, at any header offset."""
    segment = bytearray(wire.tcp(40_000, 1883, 1, 1, 24, payload))
    segment[16:18] = checksum(bytes(segment)).to_bytes(2, "big")
    assert checksum(bytes(segment)) == 0
    runs = [(odd + 20 + low, odd + min(20 + low + size, len(segment))) for low, size in spans]
    made = overwritten(bytes(odd) + bytes(segment), runs, odd)
    assert len(made) == odd + len(segment)
    assert checksum(made[odd:]) == 0
