"""pcap files of either byte order and time unit, complete, cut, damaged, and variants."""

from __future__ import annotations

import io
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dissector.capture import linktypes
from dissector.capture.batch import ROOM
from dissector.capture.source import open_capture
from dissector.errors import CaptureError
from tests.capture.builders import (
    MICRO,
    NANO,
    SECOND,
    START,
    frame,
    pcap,
    pcap_header,
    pcap_record,
    read,
)
from tests.conftest import need_tool

TIMES = [START, START + 1_234_567_000, START + 5, START + 3600 * SECOND]


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(("magic", "digits"), [(MICRO, 6), (NANO, 9)])
def test_each_byte_order_and_unit_gives_the_same_frames(
    order: str, magic: int, digits: int
) -> None:
    """Frames, times and lengths are those written, in either byte order and unit."""
    found, warnings, reader = read(io.BytesIO(pcap(TIMES, order, magic)))
    unit = 1 if magic == NANO else 1000
    assert [row.time_ns for row in found] == [time - time % unit for time in TIMES]
    assert [row.data for row in found] == [frame(i) for i in range(len(TIMES))]
    assert [row.original for row in found] == [len(row.data) for row in found]
    assert [row.number for row in found] == [1, 2, 3, 4]
    assert (reader.digits, reader.link_types, reader.frames) == (digits, ["EN10MB"], 4)
    assert reader.bytes == len(pcap(TIMES, order, magic))
    assert not warnings


def test_a_frame_cut_by_the_snap_length_keeps_both_lengths() -> None:
    """Captured and original length are distinguished."""
    data = pcap_header() + pcap_record(b"a" * 60, sent=1500)
    (row,), warnings, _ = read(io.BytesIO(data))
    assert (len(row.data), row.original, warnings) == (60, 1500, [])


def test_the_latest_second_that_the_format_can_hold() -> None:
    """Seconds are unsigned: a time in 2106 is not one in 1969."""
    data = pcap_header(magic=NANO) + pcap_record(b"", 0xFFFFFFFF * SECOND + 999_999_999, unit=1)
    (row,), _, _ = read(io.BytesIO(data))
    assert row.time_ns == 0xFFFFFFFF * SECOND + 999_999_999


def test_the_frame_check_sequence_bits_are_no_part_of_the_link_type() -> None:
    """The upper bits of the link type field are about the FCS."""
    data = pcap_header(link=0x4400_0001) + pcap_record(frame(0))
    (row,), _, reader = read(io.BytesIO(data))
    assert (row.link, reader.link_types) == (1, ["EN10MB"])


def test_lengths_of_old_files_may_be_swapped() -> None:
    """In pcap 2.3 the length on the wire may come first."""
    data = pcap_header(version=(2, 3)) + pcap_record(b"a" * 60, held=100, sent=60)
    (row,), warnings, _ = read(io.BytesIO(data))
    assert (len(row.data), row.original, warnings) == (60, 100, [])


@pytest.mark.parametrize("minor", [0, 1, 4, 5, 6])
def test_minor_versions_of_pcap_2(minor: int) -> None:
    """Files of any 2.x but AIX's are read."""
    data = pcap_header(version=(2, minor)) + pcap_record(frame(0)) + pcap_record(frame(1))
    found, warnings, _ = read(io.BytesIO(data))
    assert (len(found), warnings) == (2, [])


def test_a_file_without_frames_is_a_capture() -> None:
    """A file header alone is a capture without frames."""
    found, warnings, reader = read(io.BytesIO(pcap_header()))
    assert (found, warnings, reader.bytes) == ([], [], 24)


def test_more_frames_than_a_batch_has_room_for() -> None:
    """Batches follow each other without a frame lost or numbered twice."""
    count = 2 * ROOM + 3
    found, _, reader = read(io.BytesIO(pcap(range(START, START + count * 1000, 1000))))
    assert reader.frames == count
    assert [row.number for row in found] == list(range(1, count + 1))
    assert found[-1].data == frame(count - 1)


@pytest.mark.parametrize("there", [0, 7, 15, 16, 17, 75])
def test_a_cut_last_record_is_a_warning(there: int) -> None:
    """Frames before a cut record are read, and the cut is reported."""
    data = pcap_header() + pcap_record(frame(0)) + pcap_record(b"a" * 60)[:there]
    found, warnings, reader = read(io.BytesIO(data))
    assert [row.data for row in found] == [frame(0)]
    assert [(warning.kind, warning.frame) for warning in warnings] == (
        [("cut-record", 1)] if there else []
    )
    assert reader.bytes == len(data)


@pytest.mark.parametrize("held", [0xFFFFFFFF, 0x80000000, (1 << 28) + 1, 300_000])
def test_an_absurd_length_ends_the_file_with_a_warning(held: int) -> None:
    """A record longer than any captured frame is damage; the frames before it are read."""
    bad = pcap_record(b"", held=held)
    data = pcap_header() + pcap_record(frame(0)) + bad + pcap_record(frame(1))
    found, (warning,), _ = read(io.BytesIO(data))
    assert [row.data for row in found] == [frame(0)]
    assert (warning.kind, warning.frame) == ("damaged", 1)
    assert str(held) in warning.message


def test_a_frame_larger_than_a_window(tmp_path: Path) -> None:
    """A record larger than a window is read completely, from a file and from a stream."""
    big = bytes(range(256)) * (9 << 12)
    path = tmp_path / "big.pcap"
    header = pcap_header(snaplen=1 << 28)
    path.write_bytes(header + pcap_record(frame(0)) + pcap_record(big) + pcap_record(frame(1)))
    for source in (path, io.BytesIO(path.read_bytes())):
        found, warnings, _ = read(source)
        assert [row.data for row in found] == [frame(0), big, frame(1)]
        assert not warnings


@pytest.mark.parametrize(
    ("magic", "name"),
    [
        (0xA1B2CD34, "Kuznetzov"),
        (0xA1B234CD, "Mesquita"),
        (0xA12B3C4D, "Navtel"),
        (0x1C0001AC, "IXIA"),
        (0x1C0001AB, "IXIA"),
    ],
)
@pytest.mark.parametrize("order", ["<", ">"])
def test_variants_with_a_magic_of_their_own_are_refused_by_name(
    magic: int, name: str, order: str
) -> None:
    """The one-line error names the variant and says what to do."""
    with pytest.raises(CaptureError, match=f"{name}.*editcap") as caught:
        open_capture(io.BytesIO(pcap_header(order, magic)))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("variant", "name"),
    [
        ("nokiapcap", "Nokia"),
        ("rh6_1pcap", "patched"),
        ("modpcap", "Kuznetzov"),
        ("suse6_3pcap", "Kuznetzov"),
    ],
)
def test_variants_that_editcap_writes_are_refused_by_name(
    variant: str, name: str, tmp_path: Path
) -> None:
    """Variants that share pcap's magic are recognized by their longer record headers."""
    editcap = need_tool("editcap")
    plain, other = tmp_path / "plain.pcap", tmp_path / "other.pcap"
    plain.write_bytes(pcap(range(START, START + 9 * SECOND, SECOND)))
    subprocess.run([editcap, "-F", variant, plain, other], check=True, capture_output=True)
    with pytest.raises(CaptureError, match=name):
        open_capture(other)


@pytest.mark.parametrize("version", [(2, 2), (1, 0), (3, 1), (543, 0)])
def test_other_versions_are_refused(version: tuple[int, int]) -> None:
    """An unsupported version is refused."""
    with pytest.raises(CaptureError, match=r"AIX|version"):
        open_capture(io.BytesIO(pcap_header(version=version)))


def test_a_file_that_ends_in_its_header_is_refused() -> None:
    """A magic without a complete header is not a capture."""
    with pytest.raises(CaptureError, match="ends inside"):
        open_capture(io.BytesIO(pcap_header()[:20]))


def test_real_captures_have_the_frames_that_tshark_sees(
    shared_captures: list[Path], tshark: str
) -> None:
    """Numbers, times and lengths of all frames are the same as tshark's."""
    fields = ("frame.number", "frame.time_epoch", "frame.cap_len", "frame.len")
    options = [option for field in fields for option in ("-e", field)]
    for path in shared_captures[:8]:
        run = subprocess.run(
            [tshark, "-n", "-r", path, "-T", "fields", *options],
            check=True,
            capture_output=True,
            text=True,
        )
        theirs = [line.split("\t") for line in run.stdout.splitlines()]
        found, warnings, _ = read(path)
        assert not warnings
        assert [
            [
                str(row.number),
                f"{row.time_ns // SECOND}.{row.time_ns % SECOND:09}",
                str(len(row.data)),
                str(row.original),
            ]
            for row in found
        ] == theirs


@given(
    st.binary(max_size=300),
    st.sampled_from(["<", ">"]),
    st.sampled_from([MICRO, NANO]),
    st.tuples(st.just(2), st.sampled_from([3, 4])),
)
def test_any_records_after_a_header_are_read_or_reported(
    data: bytes, order: str, magic: int, version: tuple[int, int]
) -> None:
    """Random bytes after a valid header never raise; frames lie within the file."""
    try:
        found, warnings, reader = read(
            io.BytesIO(pcap_header(order, magic, version=version) + data)
        )
    except CaptureError:  # they may look like a variant's records
        return
    assert len(warnings) <= 1
    assert sum(len(row.data) + 16 for row in found) <= len(data)
    assert reader.bytes <= 24 + len(data)


@pytest.mark.parametrize(
    ("number", "name"),
    [
        (0, "NULL"),
        (1, "EN10MB"),
        (101, "RAW"),
        (108, "LOOP"),
        (113, "LINUX_SLL"),
        (127, "IEEE802_11_RADIO"),
        (147, "USER0"),
        (162, "USER15"),
        (276, "LINUX_SLL2"),
        (60000, "LINKTYPE_60000"),
    ],
)
def test_names_of_link_types(number: int, name: str) -> None:
    """Link types have libpcap's names; one without a name has its number."""
    assert linktypes.name(number) == name
