"""pcapng files: sections, interfaces, the three packet blocks, times, and damage."""

from __future__ import annotations

import io
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dissector.capture.batch import ROOM
from dissector.capture.pcapng import MAX_INTERFACES
from dissector.capture.source import open_capture
from dissector.errors import CaptureError
from tests.capture.builders import (
    SECOND,
    START,
    block,
    enhanced,
    frame,
    interface,
    offset,
    old_packet,
    option,
    pcap,
    read,
    resolution,
    section,
    simple,
)
from tests.conftest import need_tool

BEGIN = section() + interface()
ONE = enhanced(frame(0))


@pytest.mark.parametrize("order", ["<", ">"])
def test_each_byte_order_gives_the_same_frames(order: str) -> None:
    """Frames are those written, in either byte order."""
    data = section(order) + interface(order=order)
    data += b"".join(enhanced(frame(i), START // 1000 + i, order=order) for i in range(5))
    found, warnings, reader = read(io.BytesIO(data))
    assert [row.data for row in found] == [frame(i) for i in range(5)]
    assert [row.time_ns for row in found] == [START + 1000 * i for i in range(5)]
    assert (reader.frames, reader.bytes, reader.digits) == (5, len(data), 6)
    assert (reader.link_types, warnings) == (["EN10MB"], [])


def test_sections_of_both_byte_orders_are_one_capture() -> None:
    """A section has its own byte order and interfaces; frames are numbered over all sections."""
    data = BEGIN + interface(101) + enhanced(frame(0)) + enhanced(frame(1), number=1)
    data += section(">") + interface(276, order=">") + enhanced(frame(2), order=">")
    data += BEGIN + enhanced(frame(3))
    found, warnings, reader = read(io.BytesIO(data))
    assert [row.link for row in found] == [1, 101, 276, 1]
    assert [row.number for row in found] == [1, 2, 3, 4]
    assert reader.link_types == ["EN10MB", "RAW", "LINUX_SLL2"]
    assert not warnings


def test_interfaces_of_one_section_have_their_own_clocks() -> None:
    """Ticks are those of the frame's interface; `digits` is that of the finest interface."""
    data = BEGIN + interface(options=resolution(9)) + interface(options=resolution(3))
    data += enhanced(frame(0), 1_000_001) + enhanced(frame(1), 1_000_000_001, 1)
    data += enhanced(frame(2), 1001, 2)
    found, _, reader = read(io.BytesIO(data))
    assert [row.time_ns for row in found] == [1_000_001_000, 1_000_000_001, 1_001_000_000]
    assert reader.digits == 9


@pytest.mark.parametrize(
    ("value", "seconds", "ticks", "expected"),
    [
        (0, 0, 7, 7 * SECOND),
        (6, 0, 1, 1000),
        (9, 0, START + 1, START + 1),
        (12, 0, 7 * SECOND * 1000 + 1999, 7 * SECOND + 1),
        (0x7F, 0, 1 << 63, 0),
        (0x80, 0, 5, 5 * SECOND),
        (0x80 | 10, 0, 1023, 1023 * SECOND >> 10),
        (0x80 | 32, 0, (3 << 32) + 1, 3 * SECOND),
        (0x80 | 60, 0, (1 << 64) - 1, ((1 << 64) - 1) * SECOND >> 60),
        (0xFF, 0, (1 << 64) - 1, 0),
        (6, START // SECOND, 5, START + 5000),
        (6, -10, 11_000_000, SECOND),
        (9, -10, 0, -10 * SECOND),
        (12, 100, 1, 100 * SECOND),
    ],
)
def test_ticks_become_nanoseconds(value: int, seconds: int, ticks: int, expected: int) -> None:
    """Resolutions in powers of ten and of two and offsets in seconds are exact, rounded down."""
    options = resolution(value) + offset(seconds)
    data = section() + interface(options=options) + enhanced(frame(0), ticks)
    (row,), warnings, _ = read(io.BytesIO(data))
    assert (row.time_ns, warnings) == (expected, [])


@pytest.mark.parametrize(
    ("value", "seconds", "ticks"),
    [(6, 0, (1 << 64) - 1), (0, 0, 1 << 62), (9, (1 << 62) - 1, 0), (9, -(1 << 63), 0)],
)
def test_times_out_of_range_are_reported(value: int, seconds: int, ticks: int) -> None:
    """A time out of range is clamped, with one warning per file."""
    options = resolution(value) + offset(seconds)
    data = section() + interface(options=options) + 3 * enhanced(frame(0), ticks)
    found, (warning,), _ = read(io.BytesIO(data))
    assert {abs(row.time_ns) for row in found} == {(1 << 62) - 1}
    assert warning.kind == "time-out-of-range"


def test_the_three_packet_blocks_are_numbered_together() -> None:
    """All three packet blocks are frames; a Simple one gets the time of the frame before."""
    data = BEGIN + ONE + simple(frame(1)) + old_packet(frame(2), START // 1000 + 7)
    found, (warning,), _ = read(io.BytesIO(data))
    assert [row.data for row in found] == [frame(0), frame(1), frame(2)]
    assert [row.time_ns for row in found] == [START, START, START + 7000]
    assert [row.number for row in found] == [1, 2, 3]
    assert warning.kind == "no-time"


def test_a_simple_packet_is_cut_by_the_snap_length() -> None:
    """A Simple Packet Block is cut to the snap length of interface 0, without padding."""
    data = section() + interface(snaplen=21) + simple(b"a" * 24, sent=1500)
    (row,), _, _ = read(io.BytesIO(data))
    assert (row.data, row.original) == (b"a" * 21, 1500)


def test_a_frame_cut_by_the_snap_length_keeps_both_lengths() -> None:
    """Captured and original length are distinguished."""
    (row,), _, _ = read(io.BytesIO(BEGIN + enhanced(b"a" * 61, sent=1500)))
    assert (row.data, row.original) == (b"a" * 61, 1500)


def test_packet_options_are_no_frame_data() -> None:
    """Options after a frame are not part of it."""
    comment = option(1, b"look here") + option(0, b"")
    (row,), warnings, _ = read(io.BytesIO(BEGIN + enhanced(frame(1), options=comment)))
    assert (row.data, warnings) == (frame(1), [])


def test_other_blocks_are_skipped() -> None:
    """Name resolution, statistics and unknown blocks are ignored."""
    others = block(4, bytes(4)) + block(5, bytes(12)) + block(0x7777, b"what") + block(0, b"")
    found, warnings, _ = read(io.BytesIO(BEGIN + others + ONE + others + ONE))
    assert [row.number for row in found] == [1, 2]
    assert not warnings


def test_custom_blocks_and_journal_entries_take_a_number() -> None:
    """Wireshark numbers them like frames, so later frames have its numbers."""
    custom = block(0xBAD, bytes(8)) + block(0x40000BAD, bytes(8)) + block(9, b"MESSAGE=hello\n" * 3)
    data = BEGIN + custom + ONE + ONE + custom + ONE + custom
    found, warnings, reader = read(io.BytesIO(data))
    assert [row.number for row in found] == [4, 5, 9]
    assert (reader.frames, warnings) == (3, [])


def test_section_comments_and_secrets_are_kept() -> None:
    """Section comments and Decryption Secrets Blocks are kept in the reader."""
    keys = b"CLIENT_RANDOM 00 11\n"
    body = (0x544C534B).to_bytes(4, "little") + len(keys).to_bytes(4, "little") + keys
    data = section(options=option(1, b"two") + option(4, b"tool") + option(1, b"words\xff"))
    _, warnings, reader = read(io.BytesIO(data + interface() + block(10, body) + ONE))
    assert reader.comments == ["two", "words\udcff"]
    assert reader.secrets == [(0x544C534B, keys)]
    assert not warnings


def test_more_frames_than_a_batch_has_room_for() -> None:
    """Batches follow each other without a frame lost or numbered twice."""
    found, _, _ = read(io.BytesIO(BEGIN + ONE * (ROOM + 5)))
    assert [row.number for row in found] == list(range(1, ROOM + 6))


DAMAGE = {
    "trailing length differs": block(0x7777, b"four", trailer=20),
    "length of nothing": b"\x06\0\0\0" + bytes(28),
    "length below a block's": b"\x06\0\0\0\x08\0\0\0" + bytes(28),
    "length not a multiple of four": b"\x06\0\0\0\x21\0\0\0" + bytes(60),
    "length beyond all reason": b"\x06\0\0\0\0\0\0\xf0" + bytes(60),
    "enhanced packet too short": block(6, bytes(12)),
    "old packet too short": block(2, bytes(12)),
    "simple packet too short": block(3, b""),
    "frame longer than its block": enhanced(b"abcd", held=5),
    "frame longer than anything": enhanced(b"abcd", held=0xFFFFFFFF),
    "interface that was not described": enhanced(b"abcd", number=1),
    "interface too short": block(1, bytes(4)),
    "interface option beyond its block": block(1, bytes(8) + b"\x09\0\xff\0"),
    "section without magic": b"\n\r\r\n\x1c\0\0\0" + bytes(20),
    "section of another version": section(version=(2, 0)),
    "section too short": block(0x0A0D0D0A, b"\x4d\x3c\x2b\x1a\1\0\0\0"),
    "secrets beyond their block": block(10, bytes(4) + b"\xff\0\0\0"),
}


@pytest.mark.parametrize("bad", DAMAGE.values(), ids=DAMAGE.keys())
def test_damage_ends_the_file_with_one_warning(bad: bytes) -> None:
    """The frames before an invalid block are read; nothing after it is trusted."""
    found, (warning,), reader = read(io.BytesIO(BEGIN + ONE + bad + ONE))
    assert len(found) == 1
    assert (warning.kind, warning.frame) == ("damaged", 1)
    assert reader.bytes == len(BEGIN + ONE)


def test_a_simple_packet_without_interface_is_damage() -> None:
    """Interface 0 must have been described before."""
    found, (warning,), _ = read(io.BytesIO(section() + simple(frame(0))))
    assert (found, warning.kind) == ([], "damaged")


@pytest.mark.parametrize("missing", [1, 4, 40, len(ONE) - 1])
def test_a_cut_last_block_is_a_warning(missing: int) -> None:
    """The frames before a cut block are read."""
    found, (warning,), _ = read(io.BytesIO((BEGIN + ONE + ONE)[:-missing]))
    assert (len(found), warning.kind) == (1, "cut-record")


def test_the_number_of_interfaces_is_bounded() -> None:
    """A file with too many interfaces is damaged, so memory is bounded."""
    data = section() + interface() * (MAX_INTERFACES + 1)
    _, (warning,), _ = read(io.BytesIO(data))
    assert (warning.kind, str(MAX_INTERFACES) in warning.message) == ("damaged", True)


@pytest.mark.parametrize("version", [(0, 9), (1, 1), (2, 0)])
def test_other_versions_are_refused(version: tuple[int, int]) -> None:
    """An unsupported version is refused when opening."""
    with pytest.raises(CaptureError, match="version"):
        open_capture(io.BytesIO(section(version=version)))


def test_what_editcap_makes_of_a_pcap_has_the_same_frames(tmp_path: Path) -> None:
    """A pcapng that editcap made from a pcap has the same frames."""
    plain, other = tmp_path / "plain.pcap", tmp_path / "other.pcapng"
    plain.write_bytes(pcap(range(START, START + 99 * SECOND, SECOND + 7000)))
    command = [need_tool("editcap"), "-F", "pcapng", str(plain), str(other)]
    subprocess.run(command, check=True, capture_output=True)
    ours, warnings, _ = read(other)
    theirs, _, _ = read(plain)
    assert [(row.time_ns, row.data) for row in ours] == [(row.time_ns, row.data) for row in theirs]
    assert not warnings


def test_tshark_sees_the_same_numbers_and_times(tmp_path: Path, tshark: str) -> None:
    """Numbers and times across sections, resolutions and block types are the same as tshark's."""
    data = section(">") + interface(order=">", options=resolution(9, ">") + offset(100, ">"))
    data += enhanced(frame(0), START + 1, order=">") + block(0xBAD, bytes(8), ">")
    data += BEGIN + interface(options=resolution(0x80 | 20)) + enhanced(frame(1))
    data += enhanced(frame(2), (1_700_000_000 << 20) + 12345, 1) + block(9, b"MESSAGE=hello\n" * 3)
    data += old_packet(frame(3), START // 1000 + 5)
    path = tmp_path / "mixed.pcapng"
    path.write_bytes(data)
    fields = ("-e", "frame.number", "-e", "frame.time_epoch")
    run = subprocess.run(
        [tshark, "-n", "-r", path, "-Y", "eth", "-T", "fields", *fields],
        check=True,
        capture_output=True,
        text=True,
    )
    found, _, _ = read(path)
    assert [
        f"{row.number}\t{row.time_ns // SECOND}.{row.time_ns % SECOND:09}" for row in found
    ] == run.stdout.splitlines()


BLOCKS = st.sampled_from([BEGIN, ONE, simple(frame(1)), *DAMAGE.values()]) | st.binary(max_size=40)


@given(st.lists(BLOCKS, max_size=8))
def test_any_blocks_after_a_section_are_read_or_reported(blocks: list[bytes]) -> None:
    """Valid and invalid blocks and random bytes never raise; frames lie within the file."""
    data = BEGIN + b"".join(blocks)
    found, warnings, reader = read(io.BytesIO(data))
    assert len([warning for warning in warnings if warning.kind != "no-time"]) <= 1
    assert sum(len(row.data) for row in found) <= len(data)
    assert reader.bytes <= len(data)
