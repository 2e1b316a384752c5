"""Extracting the message bytes of one WebSocket direction, however it is segmented."""

from __future__ import annotations

import zlib

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dissector.net.inflate import (
    ALLOWANCE,
    LIMIT,
    PACKET_RATIO,
    PACKETS,
    PIECE,
    RATIO,
    Inflater,
    Inflaters,
)
from dissector.net.websocket import BINARY, BROKEN, CLOSED, DATA, NEED_DATA, TEXT, FrameReader
from tests.chunking import places, ways

MASK = bytes.fromhex("37fa213d")


def framed(payload: bytes, first: int = 0x82, *, masked: bool = True) -> bytes:
    """Build one frame (RFC 6455 section 5.2)."""
    size = len(payload)
    flag = 0x80 if masked else 0
    if size < 126:
        head = bytes((first, flag | size))
    elif size < 1 << 16:
        head = bytes((first, flag | 126)) + size.to_bytes(2, "big")
    else:
        head = bytes((first, flag | 127)) + size.to_bytes(8, "big")
    if not masked:
        return head + payload
    return head + MASK + bytes(byte ^ MASK[at % 4] for at, byte in enumerate(payload))


def read(reader: FrameReader, chunks: list[bytes]) -> tuple[bytes, int]:
    """Return all message bytes of a direction, and how it ended."""
    got = b""
    last = NEED_DATA
    for chunk in chunks:
        reader.feed(chunk, 0, len(chunk))
        while (last := reader.next()) == DATA:
            got += reader.payload
        if last in (CLOSED, BROKEN):
            break
    return got, last


def deflated(*messages: bytes) -> list[bytes]:
    """Compress messages as permessage-deflate does, with one window for all."""
    stream = zlib.compressobj(wbits=-15)
    return [
        (stream.compress(each) + stream.flush(zlib.Z_SYNC_FLUSH)).removesuffix(b"\x00\x00\xff\xff")
        for each in messages
    ]


CASES = {
    "one message": ([(0x82, b"\xc0\x00")], b"\xc0\x00"),
    "a control packet over two messages": ([(0x82, b"\x10"), (0x82, b"\x0c\x00")], b"\x10\x0c\x00"),
    "fragments, a ping between": (
        [(0x02, b"ab"), (0x89, b"?"), (0x00, b"cd"), (0x80, b"ef")],
        b"abcdef",
    ),
    "sixteen bits of length": ([(0x82, bytes(300))], bytes(300)),
    "sixty-four bits of length": ([(0x82, bytes(70000))], bytes(70000)),
    "nothing in it": ([(0x82, b""), (0x82, b"x")], b"x"),
}


@pytest.mark.parametrize("masked", [True, False])
@pytest.mark.parametrize("name", CASES)
def test_frames_are_read_however_they_are_cut(name: str, masked: bool) -> None:
    """As a whole, byte by byte and in thirds, the frames give the same message bytes."""
    frames, expected = CASES[name]
    wire = b"".join(framed(data, first, masked=masked) for first, data in frames)
    for chunks in ways(wire, [len(wire) // 3, 2 * len(wire) // 3]):
        assert read(FrameReader(masked), chunks) == (expected, NEED_DATA)


def test_text_frames_are_read_and_distinguished() -> None:
    """MQTT in a text frame is read; `opcode` lets a rule report the frame type."""
    reader = FrameReader(masked=True)
    wire = framed(b"\xc0\x00", 0x81)
    reader.feed(wire, 0, len(wire))
    assert reader.next() == DATA
    assert (reader.opcode, reader.payload) == (TEXT, b"\xc0\x00")
    assert reader.opcode != BINARY


def test_nothing_follows_a_close() -> None:
    """Bytes after a Close frame are ignored."""
    wire = framed(b"a") + framed(b"\x03\xe8", 0x88) + framed(b"b")
    assert read(FrameReader(masked=True), [wire]) == (b"a", CLOSED)


@given(cuts=places)
def test_compressed_messages_are_inflated(cuts: list[int]) -> None:
    """Messages that share a window are inflated, however they are segmented."""
    messages = (b"\xe0\x00" * 40, b"\xe0\x00" * 40 + b"tail")
    wire = b"".join(framed(data, 0xC2) for data in deflated(*messages))
    for chunks in ways(wire, cuts):
        reader = FrameReader(True, Inflater(True, Inflaters()))
        assert read(reader, chunks) == (b"".join(messages), NEED_DATA)


def test_a_decompression_bomb_is_cut() -> None:
    """No more output than the bounds allow, and the reason is set."""
    (bomb,) = deflated(bytes(64 << 20))
    inflater = Inflater(True, Inflaters())
    got, last = read(FrameReader(True, inflater), [framed(bomb, 0xC2)])
    assert last == BROKEN
    assert len(got) <= ALLOWANCE + RATIO * (len(bomb) + 4) + PIECE
    assert len(got) < 64 << 20
    assert inflater.failed is not None and inflater.failed[0] == LIMIT


def test_a_bomb_of_control_packets_is_cut() -> None:
    """The control packets in compressed bytes are bounded by their number; the reason is set."""
    (bomb,) = deflated(bytes(512 << 10))
    inflater = Inflater(True, Inflaters())
    reader = FrameReader(True, inflater)
    wire = framed(bomb, 0xC2)
    reader.feed(wire, 0, len(wire))
    packets = 0
    while reader.next() == DATA:
        packets += len(reader.payload) // 2
        inflater.count_packets(len(reader.payload) // 2)
    assert packets <= PACKETS + PACKET_RATIO * (len(bomb) + 4) + PIECE // 2
    assert reader.reason is not None and reader.reason[0] == LIMIT


def test_many_packets_within_the_ratio_are_read() -> None:
    """Messages within the ratio to their bytes are all read, however many they are."""
    inflater = Inflater(True, Inflaters())
    reader = FrameReader(True, inflater)
    messages = [bytes((0x30, 3, 0, 1, at % 251)) for at in range(3 * PACKETS)]
    got = b""
    for one in deflated(*messages):
        wire = framed(one, 0xC2)
        reader.feed(wire, 0, len(wire))
        while reader.next() == DATA:
            got += reader.payload
            inflater.count_packets(1)
    assert got == b"".join(messages)


@given(data=st.binary(max_size=200), cuts=places, masked=st.booleans(), packed=st.booleans())
@example(data=b"A\x04\n@\x04\x00", cuts=[], masked=False, packed=True)  # damaged behind a byte
def test_any_bytes_end_the_same_in_any_cut(
    data: bytes, cuts: list[int], masked: bool, packed: bool
) -> None:
    """Bytes that are no frames raise nothing, and segmentation makes no difference."""
    ends = set()
    for chunks in ways(data, cuts):
        inflater = Inflater(True, Inflaters()) if packed else None
        ends.add(read(FrameReader(masked, inflater), chunks))
    assert len(ends) == 1
