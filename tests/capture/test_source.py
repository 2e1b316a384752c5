"""Opening captures: paths, standard input, pipes, file objects; and the files refused."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import dissector
from dissector.capture.source import open_capture
from dissector.capture.windows import FIRST, WINDOW
from dissector.errors import CaptureError
from samples.build import conversation
from samples.build import pcap as conversation_pcap
from tests.capture.builders import (
    SECOND,
    START,
    attempt,
    enhanced,
    frame,
    interface,
    pcap,
    pcap_header,
    pcap_record,
    read,
    section,
)
from tests.cli.running import LIMIT, started
from tests.conftest import need_tool

GOOD = pcap(range(START, START + 20 * SECOND, SECOND))


def test_the_file_name_does_not_matter(tmp_path: Path) -> None:
    """A pcapng file named .pcap is read as pcapng."""
    path = tmp_path / "wrong.pcap"
    path.write_bytes(section() + interface() + enhanced(frame(0)))
    found, _, reader = read(path)
    assert [row.data for row in found] == [frame(0)]
    assert reader.path == str(path)
    assert reader.position == reader.size == path.stat().st_size


def test_a_batch_carries_the_index_of_its_file(tmp_path: Path) -> None:
    """`file_index` is set in every batch."""
    path = tmp_path / "a.pcap"
    path.write_bytes(GOOD)
    with open_capture(path, file_index=7) as reader:
        batch = reader.next_batch()
        assert batch is not None
        assert (batch.file, batch.first_number, batch.count) == (7, 1, 20)
        assert reader.next_batch() is None
        assert reader.next_batch() is None


def test_a_file_of_many_windows(tmp_path: Path) -> None:
    """Records across window boundaries are read completely, from a file and a stream."""
    sizes = [0, 1, 1460, 65_535, 199_999] * 40
    data = pcap_header() + b"".join(
        pcap_record(bytes((i & 0xFF,)) * size, START + i) for i, size in enumerate(sizes)
    )
    assert len(data) > 2 * WINDOW > FIRST
    path = tmp_path / "many.pcap"
    path.write_bytes(data)
    for source in (path, io.BytesIO(data)):
        found, warnings, reader = read(source)
        assert [len(row.data) for row in found] == sizes
        assert all(row.data[:1] in (b"", bytes((i & 0xFF,))) for i, row in enumerate(found))
        assert (reader.bytes, reader.position, warnings) == (len(data), len(data), [])


@given(st.lists(st.integers(0, 3000), min_size=1, max_size=60), st.integers(0, 4))
def test_a_file_read_ahead_is_read_as_a_stream_is(sizes: list[int], overlap: int) -> None:
    """With windows read ahead by a thread, every frame is read once."""
    data = pcap_header() + b"".join(
        pcap_record(bytes([number % 251]) * size, START + number)
        for number, size in enumerate(sizes)
    )
    bounds = {"WINDOW": 1024, "LARGE": 1024, "OVERLAP": 1 << 2 * overlap}
    with tempfile.NamedTemporaryFile() as file, pytest.MonkeyPatch.context() as patch:
        file.write(data)
        file.flush()
        for name, value in bounds.items():
            patch.setattr(f"dissector.capture.windows.{name}", value)
        ahead = read(Path(file.name))
        stream = read(io.BytesIO(data))
    assert [row.data for row in ahead[0]] == [row.data for row in stream[0]]
    assert ahead[1] == stream[1] == []
    assert ahead[2].bytes == len(data)


@pytest.mark.parametrize("data", [GOOD, section() + interface() + 30 * enhanced(frame(0))])
def test_a_stream_in_pieces_of_any_size(data: bytes) -> None:
    """The frames are the same in whatever pieces a stream arrives."""

    class SlowStream(io.BytesIO):
        piece = 1

        def read1(self, size: int | None = -1, /) -> bytes:
            return super().read(self.piece)

    whole = [(row.number, row.time_ns, row.data) for row in read(io.BytesIO(data))[0]]
    for piece in (1, 3, 24, 100):
        source = SlowStream(data)
        source.piece = piece
        found, warnings, _ = read(source)
        assert [(row.number, row.time_ns, row.data) for row in found] == whole
        assert not warnings


def test_the_first_time_is_known_before_a_frame_is_taken(tmp_path: Path) -> None:
    """Looking ahead neither loses nor counts frames."""
    path = tmp_path / "a.pcap"
    path.write_bytes(GOOD)
    with open_capture(path) as reader:
        assert reader.first_time_ns == START
        assert reader.frames == 0
        batch = reader.next_batch()
        assert batch is not None
        assert batch.count == reader.frames == 20
    with open_capture(io.BytesIO(pcap_header())) as reader:
        assert reader.first_time_ns is None


def test_a_parked_file_is_read_from_its_beginning(tmp_path: Path) -> None:
    """Parking closes the file; its frames and warnings are read once, later."""
    path = tmp_path / "cut.pcap"
    path.write_bytes(GOOD[:-1])
    warnings: list[object] = []
    reader = open_capture(path, warn=warnings.append)
    assert reader.first_time_ns == START
    assert reader.park()
    assert not warnings
    batch = reader.next_batch()
    assert batch is not None
    assert batch.count == 19
    assert not reader.park()
    assert reader.next_batch() is None
    assert len(warnings) == 1


def test_warnings_are_collected_in_the_reader_without_warn() -> None:
    """Without `warn` no warning is lost."""
    with open_capture(io.BytesIO(GOOD[:-1])) as reader:
        while reader.next_batch() is not None:
            pass
    assert [warning.kind for warning in reader.warnings] == ["cut-record"]
    assert reader.warnings[0].file == reader.path


def test_a_file_object_stays_open(tmp_path: Path) -> None:
    """A file object of the caller is not closed."""
    path = tmp_path / "a.pcap"
    path.write_bytes(GOOD)
    with path.open("rb") as file:
        found, _, reader = read(file)
        assert not file.closed
        assert (len(found), reader.path, reader.size) == (20, str(path), None)


def test_a_file_still_growing_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    """Frames that are written while the file is read are read too."""
    path = tmp_path / "growing.pcap"
    path.write_bytes(GOOD)
    with open_capture(path) as reader:
        reader.next_batch()
        with path.open("ab") as file:
            file.write(pcap_record(frame(20)))
        batch = reader.next_batch()
        assert batch is not None
        assert (batch.first_number, batch.count) == (21, 1)


@pytest.mark.parametrize("keep", [0, 24, 40, 700])
def test_a_file_that_shrinks_is_a_warning(keep: int, tmp_path: Path) -> None:
    """The frames before stand, and the warning says how many bytes are gone."""
    path = tmp_path / "shrinking.pcap"
    data = pcap(range(START, START + 2000 * SECOND, SECOND))
    assert len(data) > FIRST
    path.write_bytes(data)
    with open_capture(path) as reader:
        first = reader.next_batch()
        assert first is not None
        before = first.count
        os.truncate(path, keep)
        while reader.next_batch() is not None:
            pass
        assert reader.frames >= before
    (warning,) = reader.warnings
    assert warning.kind == "shrunk"
    assert f"{len(data) - keep:,} bytes shorter" in warning.message


REFUSED = {
    "empty": (b"", "empty"),
    "text": (b"hello world\n", "text"),
    "json": (b'[\n  {"_index": "packets"}]', "JSON"),
    "xml": (b'<?xml version="1.0"?>\n<pdml>', "XML"),
    "html": (b"<!DOCTYPE html><html>", "web page"),
    "key log": (b"CLIENT_RANDOM 0011 2233\n", "--keylog"),
    "pem": (b"-----BEGIN CERTIFICATE-----\n", "PEM"),
    "hex dump": (b"0000  00 11 22 33 44 55 66 77 88 99\n", "text2pcap"),
    "hex with text": (b"0000  00 11 22 33 44 55 66 77 88 99 aa bb cc  ..MQTT\n", "text2pcap"),
    "hex string": (b"d4c3b2a1020004000000000000000000", "text2pcap"),
    "tcpdump's text": (b"12:00:00.0 IP 10.0.0.1.40000 > 10.0.0.2.1883: Flags [S]\n", "tcpdump -w"),
    "snoop": (b"snoop\0\0\0\0\0\0\2\0\0\0\4", "snoop.*editcap"),
    "lanalyzer": (b"\1\x10\x4c\0\1\5Trace", "LANalyzer.*editcap"),
    "toshiba": (b"\r\nT O S H I B A  router\r\n", "Toshiba.*editcap"),
    "iseries": (b"1  COMMUNICATIONS TRACE  Title:\r\n", "iSeries.*editcap"),
    "iseries, unicode": (
        "\ufeff  COMMUNICATIONS TRACE".encode("utf-16-le"),
        "iSeries.*editcap",
    ),
    "vms": (b"\n TCPIPtrace full display RCV packet 8 at ", "VMS.*editcap"),
    "eyesdn": (b"EyeSDN\xff", "EyeSDN.*editcap"),
    "capsa": (b"cpse\2\0", "Capsa.*editcap"),
    "peek": (b"\x7fver\0\0\0\0<?xml", "Peek.*editcap"),
    "rf5": (b"\0\0\2\0\x12\5\0\x10", "K12.*editcap"),
    "erf": (
        (b"\0\0\0\0\0\xf1\x53\x65\2\4\0\x50\0\0\0\x3e" + bytes(64)) * 4,
        "ERF.*editcap",
    ),
    "network monitor": (b"GMBU\0\2\1\0", "Network Monitor.*editcap"),
    "zip": (b"PK\3\4aaaa", "zip archive"),
    "tar": (bytes(257) + b"ustar\0" + bytes(100), "tar archive"),
    "zeros": (bytes(100), "zeros"),
    "noise": (b"\x80\x81\x82\x83\x84", "80 81 82 83"),
    "legacy lz4": (b"\x02\x21\x4c\x18", "lz4"),
    "text mode": (section().replace(b"\n\r\r\n", b"\n\r\n"), "binary mode"),
    "start of a section": (b"\n\r\r\n\0\0", "byte-order magic"),
}


@pytest.mark.parametrize(("data", "words"), REFUSED.values(), ids=REFUSED.keys())
def test_other_files_are_refused_with_a_description(
    data: bytes, words: str, tmp_path: Path
) -> None:
    """The one-line error names the file, what it looks like, and what to do."""
    path = tmp_path / "thing.pcap"
    path.write_bytes(data)
    with pytest.raises(CaptureError, match=words) as caught:
        open_capture(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)
    assert len(str(caught.value).removeprefix(str(path))) < 150


@pytest.mark.parametrize(
    "name",
    [
        "5views", "commview-ncf", "k12text", "lanalyzer", "netmon1", "netmon2",
        "nettl", "ngsniffer", "ngwsniffer_1_1", "ngwsniffer_2_0", "snoop", "visual", "modpcap",
        "nokiapcap", "rh6_1pcap", "suse6_3pcap", "toshiba",
    ],
)  # fmt: skip
def test_the_advice_for_foreign_formats_works(name: str, tmp_path: Path) -> None:
    """A capture that Wireshark wrote in another format is read after the command of the advice."""
    need_tool("editcap")
    frames = conversation(["C 10 0c 00 04 4d 51 54 54 04 02 00 3c 00 00", "S 20 02 00 00"])
    made, written = tmp_path / "made.pcap", tmp_path / "written"
    made.write_bytes(conversation_pcap(frames))
    if name == "toshiba":
        written.write_text(toshiba([b"\xff\3\0\x21" + frame.data[14:] for frame in frames]))
    else:
        subprocess.run(["editcap", "-F", name, made, written], check=True, timeout=60)
    with pytest.raises(CaptureError, match="editcap") as caught:
        open_capture(written)
    assert "it looks like" in str(caught.value) or "this is" in str(caught.value)
    advised = re.search(r"editcap( -\w \w+)? IN OUT(\.\w+)?", str(caught.value))
    assert advised is not None
    converted = tmp_path / "converted"
    names = {"IN": str(written), "OUT": str(converted), "OUT.pcapng": str(converted)}
    command = [names.get(word, word) for word in advised.group().split()]
    subprocess.run(command, check=True, timeout=60)
    report = dissector.analyze(converted)
    assert [handshake.outcome.value for handshake in report.handshakes] == ["accepted"]
    assert [warning.kind for warning in report.warnings if warning.kind != "engine"] == []


def toshiba(frames: list[bytes]) -> str:
    """Returns a router's trace of these frames as text."""
    lines = ["|   T O S H I B A    T R - 6 0 0   |", ""]
    columns = "0001-0203-0405-0607-0809-0A0B-0C0D-0E0F 0123456789ABCDEF"
    for number, data in enumerate(frames, 1):
        lines.append(f"[No.{number}] 00:00:{number:02}.00 B1:1 Tx 10.0.0.1->10.0.0.2 TCP")
        lines.append(f"OFFSET {columns} LEN={len(data)}")
        for at in range(0, len(data), 16):
            words = [data[n : n + 2].hex().upper() for n in range(at, min(at + 16, len(data)), 2)]
            lines.append(f"{at:04X} : {' '.join(words):<39} {'.' * 16}")
        lines.append("")
    return "\n".join(lines)


def test_what_cannot_be_opened_is_refused(tmp_path: Path) -> None:
    """A missing file, a directory, an invalid name."""
    with pytest.raises(CaptureError, match="no such file"):
        open_capture(tmp_path / "none.pcap")
    with pytest.raises(CaptureError, match="directory"):
        open_capture(tmp_path)
    with pytest.raises(CaptureError, match="cannot be read"):
        open_capture("a\0b")
    with pytest.raises(CaptureError, match=r"\\n"):
        open_capture("a\nb")
    with pytest.raises(CaptureError, match="empty"):
        open_capture(os.devnull)


def test_no_permission_is_refused(tmp_path: Path) -> None:
    """The error says that permission is missing."""
    path = tmp_path / "secret.pcap"
    path.write_bytes(GOOD)
    path.chmod(0)
    root = os.geteuid() == 0  # root may read everything, so the test switches to another user
    if root:
        os.seteuid(65534)
    try:
        with pytest.raises(CaptureError, match="permission"):
            open_capture(path)
    finally:
        if root:
            os.seteuid(0)


def test_text_files_are_refused() -> None:
    """A file object must be binary."""
    with pytest.raises(CaptureError, match="binary mode"):
        open_capture(io.StringIO("text"))  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["pcap", "pcapng"])
def test_a_frame_in_a_pipe_is_delivered_when_it_arrives(kind: str, tmp_path: Path) -> None:
    """A frame written to a FIFO is read before the writer closes it."""
    path = tmp_path / "fifo"
    os.mkfifo(path)
    step, done = threading.Semaphore(0), threading.Event()
    begin = pcap_header() if kind == "pcap" else section() + interface()
    record = pcap_record(frame(0)) if kind == "pcap" else enhanced(frame(0))

    def write() -> None:
        with path.open("wb", buffering=0) as pipe:
            pipe.write(begin)
            for _ in range(5):
                pipe.write(record[:20])
                pipe.write(record[20:])
                # Without the reader's response neither another byte nor the end follows.
                if not step.acquire(timeout=20):
                    return
        done.set()

    writer = threading.Thread(target=write, daemon=True)
    writer.start()
    with open_capture(path) as reader:
        assert reader.size is None
        for number in range(1, 6):
            batch = reader.next_batch()
            assert batch is not None
            assert (batch.first_number, batch.count) == (number, 1)
            assert not done.is_set()
            step.release()
        assert reader.next_batch() is None
    writer.join(LIMIT)
    assert done.is_set()


READ_STDIN = """
import sys
from dissector.capture.source import open_capture
with open_capture("-") as reader:
    while (batch := reader.next_batch()) is not None:
        print(batch.count, flush=True)
    print("end", reader.path, reader.frames, reader.size)
"""


def test_standard_input_as_a_pipe_gives_frames_before_its_end() -> None:
    """`tcpdump -U -w - | dissector -`: each frame is read while the pipe is open."""
    with started(
        [sys.executable, "-c", READ_STDIN],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        bufsize=0,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        lines = io.BufferedReader(process.stdout)  # type: ignore[type-var]
        process.stdin.write(pcap_header() + pcap_record(frame(0)))
        assert lines.readline() == b"1\n"
        process.stdin.write(pcap_record(frame(1)) + pcap_record(frame(2)))
        assert lines.readline() == b"2\n"
        process.stdin.close()
        assert lines.readline() == b"end - 3 None\n"


def test_standard_input_from_a_file(tmp_path: Path) -> None:
    """`dissector - < FILE` knows the size of the file."""
    path = tmp_path / "a.pcap"
    path.write_bytes(GOOD)
    with path.open("rb") as file:
        run = subprocess.run(
            [sys.executable, "-c", READ_STDIN], stdin=file, check=True, capture_output=True
        )
    assert run.stdout == f"20\nend - 20 {len(GOOD)}\n".encode()


def test_cat_into_a_pipe_gives_all_frames(tmp_path: Path) -> None:
    """A file piped through `cat` has the same frames."""
    path = tmp_path / "a.pcap"
    path.write_bytes(pcap(range(START, START + 30_000_000, 1000)))
    with started(["cat", str(path)], stdout=subprocess.PIPE) as cat:
        assert cat.stdout is not None
        found, warnings, _ = read(cat.stdout)
    assert [row.data for row in found] == [row.data for row in read(path)[0]]
    assert not warnings


@given(st.binary(max_size=200))
def test_any_bytes_are_a_capture_or_refused_in_one_line(data: bytes) -> None:
    """Any bytes are read or raise a CaptureError of one line."""
    attempt(io.BytesIO(data))


@given(data=st.data())
def test_changed_captures_never_raise(data: st.DataObject) -> None:
    """Valid files with bytes changed, removed or inserted are read or refused."""
    original = data.draw(
        st.sampled_from([GOOD, section() + interface() + 5 * enhanced(frame(0)) + section(">")])
    )
    changed = bytearray(original)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(changed)))
        length = data.draw(st.integers(0, 6))
        changed[at : at + length] = data.draw(st.binary(max_size=6))
    found, _, _ = attempt(io.BytesIO(bytes(changed)))
    assert sum(len(row.data) for row in found) <= len(changed)


@given(data=st.data())
def test_changed_real_captures_never_raise(
    shared_captures: list[Path], data: st.DataObject
) -> None:
    """Real captures with bytes overwritten are read or refused."""
    path = data.draw(st.sampled_from(shared_captures[:6]))
    changed = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 8))):
        at = data.draw(st.integers(0, min(len(changed), 400) - 1))
        changed[at] = data.draw(st.integers(0, 255))
    attempt(io.BytesIO(bytes(changed)))
