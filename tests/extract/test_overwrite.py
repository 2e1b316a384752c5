"""Which bytes of an extract are overwritten: all that could hold a secret, wherever they lie."""

from __future__ import annotations

import random
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dissector.extract.overwrite import overwritten
from samples.build import _checksum as checksum
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
PARTS = 6  # of a secret that must not be left, in bytes


def left(data: bytes) -> bool:
    """Whether any piece of the secret is in a file."""
    return any(SECRET[at : at + PARTS] in data for at in range(len(SECRET) - PARTS + 1))


def ended(talk: ConnectionBuilder) -> ConnectionBuilder:
    """Answer with a session that cannot be there: the connection is flagged."""
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
def test_whatever_it_is_wrapped_in(tmp_path: Path, name: str) -> None:
    """Behind tags and tunnels, in fragments, in an error that quotes it: no secret is left."""
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
    "behind PROXY": [PROXY + connect()],
    "not whole": [connect()[:-3]],
    "longer than it says": [connect()[:1] + bytes((len(connect()) - 6,)) + connect()[2:]],
    "more than it holds": [connect()[:1] + bytes((len(connect()) + 40,)) + connect()[2:]],
    "with a reserved flag": [connect(flags=0xC3)],
    "without its flag": [connect(flags=0x82)],
    "unknown bytes": [connect(), b"\0\0" + SECRET],
    "AUTH of 3.1.1": [connect(), AUTH],
}


@pytest.mark.parametrize("name", TALKS)
def test_whatever_is_wrong_with_it(tmp_path: Path, name: str) -> None:
    """In malformed packets, in what could not be decoded, in a second CONNECT: none is left."""
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
def test_however_it_is_sent(
    tmp_path_factory: pytest.TempPathFactory,
    cuts: list[int],
    again: list[tuple[int, int]],
    seed: int,
) -> None:
    """Cut anywhere, out of order, parts sent again: no piece of the secret is left."""
    packet = connect()
    edges = sorted({0, len(packet), *cuts})
    parts = [(low, packet[low:high]) for low, high in pairwise(edges)]
    parts += [(at, packet[at : at + size]) for at, size in again]
    random.Random(seed).shuffle(parts)
    talk = ConnectionBuilder(40_000).open()
    for at, data in parts:
        talk.send_at(C, at, data)
    shots = ended(talk.advance(C, len(packet)).ack(S)).frames
    path = written(tmp_path_factory.mktemp("sent") / "a.pcap", shots)
    data, made = extracted(path, flagged=False)
    assert made.frames == len(shots)
    assert not left(data)


def test_a_piece_that_says_something_else_goes_whole(tmp_path: Path) -> None:
    """Bytes sent again with another content are overwritten: nobody knows what they are."""
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


def test_what_is_no_secret_stays(tmp_path: Path) -> None:
    """Of a CONNECT only the password is overwritten; the answer stays as it is."""
    shots = ended(ConnectionBuilder(40_000).open().send_acked(C, connect())).frames
    data, made = extracted(written(tmp_path / "a.pcap", shots))
    assert made.overwritten == len(SECRET)
    assert connect().replace(SECRET, b"*" * len(SECRET)) in data
    assert FALSE_SESSION in data


@given(
    payload=st.binary(min_size=1, max_size=60),
    spans=st.lists(st.tuples(st.integers(0, 59), st.integers(1, 20)), max_size=4),
    odd=st.integers(0, 3),
)
def test_a_right_checksum_stays_right(
    payload: bytes, spans: list[tuple[int, int]], odd: int
) -> None:
    """However many bytes change, and wherever the header begins."""
    segment = bytearray(wire.tcp(40_000, 1883, 1, 1, 24, payload))
    segment[16:18] = checksum(bytes(segment)).to_bytes(2, "big")
    assert checksum(bytes(segment)) == 0
    runs = [(odd + 20 + low, odd + min(20 + low + size, len(segment))) for low, size in spans]
    made = overwritten(bytes(odd) + bytes(segment), runs, odd)
    assert len(made) == odd + len(segment)
    assert checksum(made[odd:]) == 0
