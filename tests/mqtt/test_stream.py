"""Framing: any chunking gives the same packets, and large packets are not buffered."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dissector.mqtt.encode import packet, variable
from dissector.mqtt.stream import BROKEN, KEEP_LIMIT, NEED_DATA, PACKET, Framer
from tests import chunking


def frame(chunks: list[bytes]) -> list[tuple[int, int, bytes]]:
    """Returns (byte 1, size, bytes if kept) of every packet."""
    framer = Framer()
    found = []
    for number, chunk in enumerate(chunks):
        framer.feed(chunk, 0, len(chunk), number, number)
        while (got := framer.next()) != NEED_DATA:
            assert got in (PACKET, BROKEN)
            raw = framer.window[framer.start : framer.stop] if framer.kept else b""
            decoded = framer.first >> 4 in (1, 2, 14, 15)
            found.append((framer.first, framer.size, raw if decoded else b""))
        framer.release()
    return found


packets = st.lists(
    st.builds(
        packet,
        st.integers(0x10, 0xFF),
        st.binary(max_size=40) | st.binary(min_size=120, max_size=140),
    ),
    max_size=6,
)


@given(packets, chunking.places)
def test_any_split(parts: list[bytes], cuts: list[int]) -> None:
    """Any chunking of a stream gives the same packets."""
    data = b"".join(parts)
    wanted = [
        (part[0], len(part), part if part[0] >> 4 in (1, 2, 14, 15) else b"") for part in parts
    ]
    for chunks in chunking.ways(data, cuts):
        assert frame(chunks) == wanted


@given(st.binary(max_size=60), chunking.places)
def test_any_bytes_any_split(data: bytes, cuts: list[int]) -> None:
    """Any bytes are framed in the same way with any chunking, and never raise."""
    whole, *others = [frame(chunks) for chunks in chunking.ways(data, cuts)]
    for other in others:
        assert [item[:2] for item in other] == [item[:2] for item in whole]


def test_largest_packet_is_not_buffered() -> None:
    """A PUBLISH of 256 MiB is framed in chunks without being reassembled."""
    size = 268_435_455
    framer = Framer()
    chunk = bytes(1 << 20)
    framer.feed(b"\x30" + variable(size), 0, 5, 1, 1)
    assert framer.next() == NEED_DATA
    left = size
    got = NEED_DATA
    while left:
        step = min(left, len(chunk))
        framer.feed(chunk, 0, step, 2, 2)
        got = framer.next()
        assert framer.parts is None
        left -= step
    assert got == PACKET
    assert (framer.size, framer.kept) == (size + 5, False)


def test_oversized_connect_is_not_kept() -> None:
    """A CONNECT over the limit is framed, but not kept."""
    raw = packet(0x10, bytes(KEEP_LIMIT))
    assert frame([raw[:100], raw[100:]]) == [(0x10, len(raw), b"")]


def test_lengths_above_two_million() -> None:
    """A Remaining Length of 2,097,152 and more is valid, despite the pseudo-code in 3.1.1."""
    framer = Framer()
    framer.feed(b"\x30" + variable(2_097_152), 0, 5, 1, 1)
    assert framer.next() == NEED_DATA
    assert framer.body_left == 2_097_152


def test_five_length_bytes_break_the_framing() -> None:
    """A fourth length byte with its top bit set gives BROKEN, once, also when split."""
    for chunks in (
        [b"\x30\xff\xff\xff\xff\x01abc"],
        [b"\x30\xff", b"\xff\xff", b"\xff\x01", b"abc"],
    ):
        assert [size for _, size, _ in frame(chunks)] == [5]
