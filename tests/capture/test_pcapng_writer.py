"""Files of the pcapng writer, read back by our reader and by tshark."""

from __future__ import annotations

import io
import json
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dissector.capture.batch import Batch
from dissector.capture.pcapng_writer import PcapngWriter
from dissector.capture.source import open_capture
from tests.capture.builders import START, attempt, frame, pcap, read


@given(
    st.lists(
        st.tuples(
            st.binary(max_size=70),
            st.integers(0, (1 << 62) - 1),
            st.sampled_from([1, 101, 113, 276]),
            st.integers(0, 100),
            st.lists(st.text(max_size=20), max_size=2),
        ),
        max_size=12,
    )
)
def test_frames_are_read_as_they_were_written(
    frames: list[tuple[bytes, int, int, int, list[str]]],
) -> None:
    """Data, times in nanoseconds, link types and lengths are read back without a warning."""
    stream = io.BytesIO()
    writer = PcapngWriter(stream, "tests", comment="what this is")
    for data, time_ns, link, more, comments in frames:
        writer.frame(data, time_ns, len(data) + more, writer.interface(link), comments)
    writer.flush()
    assert writer.size == len(stream.getvalue())
    assert writer.frames == len(frames)
    found, warnings, reader = read(io.BytesIO(stream.getvalue()))
    assert not warnings
    assert reader.comments == ["what this is"]
    assert [(row.data, row.time_ns, row.link, row.original) for row in found] == [
        (data, time_ns, link, len(data) + more) for data, time_ns, link, more, _ in frames
    ]


def test_frames_of_a_batch_are_copied(tmp_path: Path) -> None:
    """The frames of a batch are written one by one, without changes."""
    path = tmp_path / "in.pcap"
    path.write_bytes(pcap(START + 1000 * i for i in range(9)))
    stream = io.BytesIO()
    writer = PcapngWriter(stream, "tests")
    with open_capture(path) as reader:
        while (batch := reader.next_batch()) is not None:
            for index in range(batch.count):
                writer.frame_of(batch, index)
    writer.flush()
    before, _, _ = read(path)
    after, _, _ = read(io.BytesIO(stream.getvalue()))
    assert [(row.data, row.time_ns, row.link) for row in before] == [
        (row.data, row.time_ns, row.link) for row in after
    ]


def test_a_whole_batch_is_copied_as_its_frames_are(tmp_path: Path) -> None:
    """A batch written at once gives the same bytes as its frames written one by one."""
    path = tmp_path / "in.pcap"
    path.write_bytes(pcap(START + 1000 * i for i in range(9)))
    files = []
    for at_once in (True, False):
        stream = io.BytesIO()
        writer = PcapngWriter(stream, "tests")
        with open_capture(path) as reader:
            while (batch := reader.next_batch()) is not None:
                if at_once:
                    length = writer.batch(batch, "", "")
                else:
                    for index in range(batch.count):
                        writer.frame_of(batch, index)
        writer.flush()
        files.append(stream.getvalue())
        assert writer.size == len(files[-1])
    assert files[0] == files[1]
    assert files[0][-length:][:4] == b"\x06\0\0\0"


def test_a_batch_of_many_link_types_and_bytes_is_whole() -> None:
    """No frame is lost if an interface is described while many frames are buffered."""
    batch = Batch()
    batch.window = bytes(range(256)) * 400
    batch.count = 200
    for index in range(batch.count):
        batch.captured[index] = batch.original[index] = 20_000 - index
        batch.link[index] = 100 + index
        batch.time_ns[index] = START + index
    stream = io.BytesIO()
    writer = PcapngWriter(stream, "tests")
    writer.batch(batch, "eth0", "")
    writer.flush()
    found, warnings, _ = read(io.BytesIO(stream.getvalue()))
    assert not warnings
    assert [(row.link, len(row.data)) for row in found] == [
        (100 + index, 20_000 - index) for index in range(200)
    ]


def test_wireshark_shows_comments_interfaces_and_drops(tmp_path: Path, tshark: str) -> None:
    """Comments are shown on their frames, in order, and interfaces have their names."""
    path = tmp_path / "out.pcapng"
    with path.open("wb", buffering=0) as stream:
        writer = PcapngWriter(stream, "mqtt-dissector tests")
        number = writer.interface(1, "eth7", capture_filter="tcp port 1883")
        writer.frame(frame(0), START, 60, number)
        writer.frame(frame(1), START + 5, 70, number, ["first: ünïcode", "second"])
        writer.statistics(number, START + 9, 3, 1)
        writer.flush()
    done = subprocess.run(
        [tshark, "-r", str(path), "-T", "json", "-e", "frame.comment", "-e", "frame.number",
         "-e", "frame.interface_name", "-e", "frame.time_epoch"],
        capture_output=True, check=True, timeout=60,
    )  # fmt: skip
    one, two = (packet["_source"]["layers"] for packet in json.loads(done.stdout))
    assert "frame.comment" not in one
    assert two["frame.comment"] == ["first: ünïcode", "second"]
    assert two["frame.interface_name"] == ["eth7"]
    assert two["frame.time_epoch"] == ["1700000000.000000005"]
    assert b"cut short" not in done.stderr


def test_secrets_are_kept() -> None:
    """A Decryption Secrets Block is read back with its type and bytes."""
    stream = io.BytesIO()
    writer = PcapngWriter(stream, "tests")
    writer.secrets(0x544C534B, b"CLIENT_RANDOM 00 11\n")
    writer.frame(frame(0), START, 60, writer.interface(1))
    writer.flush()
    _, _, reader = read(io.BytesIO(stream.getvalue()))
    assert reader.secrets == [(0x544C534B, b"CLIENT_RANDOM 00 11\n")]


def test_a_long_comment_is_cut_between_characters() -> None:
    """A comment longer than an option can be is cut, and the file is valid."""
    stream = io.BytesIO()
    writer = PcapngWriter(stream, "tests")
    writer.frame(frame(0), START, 60, writer.interface(1), ["ü" * 70_000])
    writer.flush()
    found, warnings, _ = read(io.BytesIO(stream.getvalue()))
    assert (len(found), warnings) == (1, [])
    assert stream.getvalue().decode("latin-1").encode("latin-1").count("ü".encode()) == 32_500


class _Full(io.BytesIO):
    """A disk with `room` bytes left; it writes at most 100 at a time."""

    def __init__(self, room: int) -> None:
        super().__init__()
        self.room = room

    def write(self, data: bytes, /) -> int:  # type: ignore[override]
        if not self.room:
            raise OSError(28, "No space left on device")
        part = data[: min(self.room, 100)]
        self.room -= len(part)
        return super().write(part)


@pytest.mark.parametrize("room", range(0, 700, 23))
def test_a_full_disk_leaves_a_whole_file(room: int) -> None:
    """Up to `size` the file is valid, wherever the disk was full."""
    stream = _Full(room)
    writer = PcapngWriter(stream, "tests")
    number = writer.interface(1)
    for index in range(8):
        writer.frame(frame(index), START + index, 60, number)
    with pytest.raises(OSError, match="No space"):
        writer.flush()
    assert writer.size <= room
    whole = stream.getvalue()[: writer.size]
    found, warnings, refusal = attempt(io.BytesIO(whole))
    assert not warnings
    assert not (whole and refusal)
    assert [row.data for row in found] == [frame(index) for index in range(len(found))]
    assert writer.size + 200 > room or len(found) == 8


def test_the_buffer_is_bounded() -> None:
    """Many frames are written without a call of `flush`."""
    stream = io.BytesIO()
    writer = PcapngWriter(stream, "tests")
    batch = Batch()
    batch.window = bytes(1000)
    batch.captured[0] = batch.original[0] = 1000
    batch.link[0] = 1
    for _ in range(1000):
        writer.frame_of(batch, 0)
    assert len(stream.getvalue()) > 700_000
