"""IP fragments are reassembled in any order, in bounded memory."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dissector.net.limits import Limits
from tests.net import wire
from tests.net.recording import run
from tests.net.wire import ACK, PSH, SECOND, START

PAYLOAD = bytes(range(200))
SEGMENT = wire.tcp(40000, 1883, 7, 9, PSH | ACK, PAYLOAD)


def pieces(*cuts: int, ident: int = 1, protocol: int = 6, body: bytes = SEGMENT) -> list[bytes]:
    """The fragments of one IPv4 datagram, cut at these offsets."""
    bounds = [0, *cuts, len(body)]
    return [
        wire.ethernet(
            wire.ipv4(
                body[low:high],
                protocol=protocol,
                ident=ident,
                offset=low,
                more=high < len(body),
            )
        )
        for low, high in itertools.pairwise(bounds)
    ]


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_any_order(order: tuple[int, ...]) -> None:
    """Fragments in any order give the segment, with the frame that completes it."""
    frames = pieces(8, 80)
    recorder = run([frames[i] for i in order]).only
    assert recorder.text(0) == PAYLOAD
    assert recorder.connection.first_frame == 3


def test_ipv6() -> None:
    """IPv6 fragments are reassembled too."""
    parts = [
        wire.ipv6_fragment(SEGMENT[:64], 5, 0, True),
        wire.ipv6_fragment(SEGMENT[64:], 5, 64, False),
    ]
    frames = [wire.ethernet(wire.ipv6(part, protocol=44), 0x86DD) for part in parts]
    assert run(frames).only.text(0) == PAYLOAD


def test_fragmented_tunnel() -> None:
    """A tunnel's outer datagram may be fragmented."""
    inner = wire.udp(50000, 4789, wire.vxlan(wire.ethernet(wire.ipv4(SEGMENT))))
    result = run(pieces(96, protocol=17, body=inner))
    assert result.only.text(0) == PAYLOAD
    assert result.only.connection.direction(0).mac == wire.MAC_A


def test_captured_twice() -> None:
    """Fragments captured twice give the bytes once and no warning."""
    frames = pieces(80)
    result = run([frames[0], frames[0], frames[1], frames[1]])
    assert result.only.text(0) == PAYLOAD
    assert result.kinds == []


def test_overlapping_fragments() -> None:
    """Fragments that overlap give the bytes seen first."""
    first, second = pieces(80)
    middle = wire.ethernet(wire.ipv4(b"\xff" * 48, ident=1, offset=56, more=True))
    assert run([first, middle, second]).only.text(0)[:60] == PAYLOAD[:60]


def test_snap_length() -> None:
    """The bytes before the first cut fragment are delivered, the rest is a gap of known size."""
    frames = pieces(80)
    lengths = [len(frame) for frame in frames]
    recorder = run([frames[0][:-20], frames[1]], originals=lengths).only
    assert recorder.text(0) == PAYLOAD[:40]
    assert recorder.gaps(0)[-1] == (160, "snap length")


def test_missing_fragment_is_reported_at_the_end() -> None:
    """A datagram that was never complete is reported by a warning."""
    result = run(pieces(80)[:1])
    assert result.consumers == []
    assert [(kind, frame) for kind, _, frame, _ in result.warnings] == [("missing-fragment", 1)]


def test_missing_fragment_by_age() -> None:
    """After thirty seconds of capture time a fragment no longer completes its datagram."""
    frames = [*pieces(80)[:1], *pieces(80, ident=2)[:1], *pieces(80)[1:]]
    late = START + Limits().fragment_ns + SECOND
    result = run(frames, times=[START, late, late], finish=False)
    assert result.consumers == []
    assert result.kinds == ["missing-fragment"]


def test_missing_fragments_of_udp_are_not_reported() -> None:
    """Missing fragments of datagrams that carry no TCP are not reported."""
    assert run(pieces(80, protocol=17, body=wire.udp(53, 53, bytes(200)))[:1]).kinds == []


def test_number_is_bounded() -> None:
    """No more datagrams than the limit are kept, and one warning reports it."""
    frames = [pieces(80, ident=number)[0] for number in range(40)]
    result = run(frames, limits=Limits(fragments=10), finish=False)
    assert len(result.streams.fragments.table) == 10
    assert result.kinds.count("fragment-limit") == 1
    assert result.kinds.count("missing-fragment") == 30


def test_bytes_are_bounded() -> None:
    """No more bytes than the limit are kept."""
    frames = [pieces(80, ident=number)[0] for number in range(40)]
    result = run(frames, limits=Limits(fragment_bytes=1000), finish=False)
    assert 0 < result.streams.fragments.size <= 1000


def test_a_datagram_of_too_many_pieces_is_discarded() -> None:
    """Hundreds of tiny fragments of one datagram are not collected."""
    body = wire.tcp(40000, 1883, 7, 9, ACK, bytes(3000))
    result = run(pieces(*range(8, 2900, 8), body=body), finish=False)
    assert "missing-fragment" in result.kinds
    assert result.consumers == []


@given(st.sets(st.integers(1, 27), min_size=1, max_size=6), st.randoms(use_true_random=False))
def test_any_cuts_in_any_order(cuts: set[int], random: object) -> None:
    """Any fragmentation, shuffled and with repeats, gives the same bytes."""
    frames = pieces(*(8 * cut for cut in sorted(cuts)))
    frames += frames[: len(frames) // 2]
    random.shuffle(frames)  # type: ignore[attr-defined]
    result = run(frames)
    assert result.only.text(0) == PAYLOAD
    assert result.kinds == []
