"""Which files are one capture: rings by their names, times and link types."""

from __future__ import annotations

import gzip
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from dissector.capture import rings
from dissector.capture.rings import CaptureFiles, described, groups
from dissector.capture.source import open_capture
from samples.frames import SECOND, pcap_file

START = 1_700_000_000  # 2023-11-14 22:13:20


def pcap(times: Sequence[float], link: int = 1, size: int = 60, *, swapped: bool = False) -> bytes:
    """Returns a capture with a frame at each time, in seconds from `START`."""
    order = ">" if swapped else "<"
    frames = [
        (bytes(size), int(START + time) * SECOND + round((START + time) % 1 * 1_000_000) * 1000)
        for time in times
    ]
    return pcap_file(frames, link=link, order=order)


def made(folder: Path, files: Mapping[str, Sequence[float]]) -> list[str]:
    """Writes captures and returns their paths."""
    for name, times in files.items():
        data = pcap(times)
        (folder / name).write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    return [str(folder / name) for name in files]


def names(found: Sequence[CaptureFiles]) -> list[list[str]]:
    """Returns the base names of the files of each capture."""
    return [[Path(str(path)).name for path in files.paths] for files in found]


RINGS = [
    ["a_00001_20231114221320.pcapng", "a_00002_20231114221325.pcapng"],
    ["a_00009_20231114221320.pcap", "a_00010_20231114221325.pcap"],
    ["a_20231114221320_00001.pcap.gz", "a_20231114221325_00002.pcap.gz"],
    ["a_00001_20231114221320", "a_00002_20231114221325"],
    ["x.pcap", "x.pcap1", "x.pcap2"],
    ["x.pcap9", "x.pcap10"],
    ["x.pcap.gz", "x.pcap1.gz"],
    ["x.pcap00", "x.pcap01", "x.pcap02"],
    ["x", "x1", "x2"],
    ["x-2023-11-14_22:13:20.pcap", "x-2023-11-14_22:13:25.pcap"],
    ["x-20231114-221320.pcap", "x-20231114-221325.pcap"],
    ["x-20231114T221320Z.pcap", "x-20231114T221325Z.pcap"],
    ["2023.11.14-22.13.20.pcap", "2023.11.14-22.13.25.pcap"],
    ["x-14-11-2023_22-13.pcap", "x-14-11-2023_22-14.pcap"],
    ["x-31Oct2023.pcap", "x-01Nov2023.pcap"],
    ["x-2023-11-14.pcap", "x-2023-11-15.pcap"],
    ["x-1700000000.pcap", "x-1700000005.pcap"],
    ["x.pcap1700000000", "x.pcap1700000005"],
    ["x-22:13:20.pcap", "x-22:13:25.pcap"],
    ["x-235955.pcap", "x-000000.pcap"],
    ["x-221320.pcap", "x-221320.pcap1", "x-221325.pcap", "x-221325.pcap1"],
]


@pytest.mark.parametrize("ring", RINGS, ids=lambda ring: ring[0])
def test_files_of_a_ring_are_one_capture(ring: list[str], tmp_path: Path) -> None:
    """Each way of dumpcap, tshark and tcpdump to name files is recognised, in any order given."""
    paths = made(tmp_path, {name: (5 * at, 5 * at + 4) for at, name in enumerate(ring)})
    for given in (paths, paths[::-1]):
        (found,) = groups(given)
        assert found == CaptureFiles(tuple(paths), ring=True)


@pytest.mark.parametrize(
    "files",
    [
        ["a-1.pcap", "a-2.pcap"],
        ["a1.pcap", "a2.pcap"],
        ["a_00001.pcap", "a_00002.pcap"],
        ["x1", "x2"],
        ["mqtt-3.1.pcap", "mqtt-3.1.1.pcap"],
        ["10.0.0.1.pcap", "10.0.0.2.pcap"],
        ["x-v1", "x-v2"],
        ["a_00001_20231114221320.pcapng", "b_00002_20231114221325.pcapng"],
        ["a_00001_20231114221320.pcapng", "a_00002_20231114221325.pcap"],
        ["x.pcap", "x.cap1"],
    ],
    ids=lambda files: files[0],
)
def test_other_numbers_in_names_mean_nothing(files: list[str], tmp_path: Path) -> None:
    """Files whose names differ in another way are captures of their own, without a note."""
    paths = made(tmp_path, {name: (5 * at, 5 * at + 4) for at, name in enumerate(files)})
    assert groups(paths) == [CaptureFiles((path,)) for path in paths]


def test_files_of_different_folders_are_no_ring(tmp_path: Path) -> None:
    """A ring is in one folder."""
    paths = []
    for folder, name, at in (("a", "x.pcap", 0), ("b", "x.pcap1", 5)):
        (tmp_path / folder).mkdir()
        paths += made(tmp_path / folder, {name: (at, at + 4)})
    assert len(groups(paths)) == 2


@pytest.mark.parametrize(
    ("files", "captures", "reason"),
    [
        ({"x.pcap": (0, 9), "x.pcap1": (5, 12)}, 2, "their times overlap"),
        ({"x.pcap": (0, 0.02), "x.pcap1": (0, 0.02)}, 2, "their times overlap"),
        ({"x.pcap": (10, 14), "x.pcap1": (0, 4)}, 2, "their counter begins again"),
        (
            {"a_00001_20231114221320.pcap": (10, 14), "a_00002_20231114221310.pcap": (0, 4)},
            2,
            "their counter begins again",
        ),
        ({"x-20231114.pcap": (50, 59), "x-20231115.pcap": (0, 9)}, 2, "not in order of time"),
        ({"x-20231114.pcap": (0, 9), "x-20231115.pcap": (86400, 86409)}, 2, "much time passes"),
        ({"x.pcap0": (100, 104), "x.pcap1": (0, 4), "x.pcap2": (5, 9)}, 2, "begins again"),
    ],
)
def test_names_of_a_ring_that_do_not_fit(
    files: dict[str, Sequence[float]], captures: int, reason: str, tmp_path: Path
) -> None:
    """If times overlap or names are not in their order, the files are several captures; why."""
    found = groups(made(tmp_path, files))
    assert len(found) == captures
    (note,) = (each.note for each in found if each.note)
    assert reason in note
    assert "--join makes one of all files" in note


def test_a_counter_that_wraps(tmp_path: Path) -> None:
    """Tcpdump -W begins again with its first name; the ring begins with the oldest file."""
    paths = made(tmp_path, {"x.pcap0": (20, 24), "x.pcap1": (25, 29), "x.pcap2": (10, 19)})
    assert names(groups(paths)) == [["x.pcap2", "x.pcap0", "x.pcap1"]]


def test_an_earlier_run_with_the_same_names(tmp_path: Path) -> None:
    """Files that an earlier tcpdump -C left are another capture."""
    files = {"x.pcap": (500, 504), "x.pcap1": (505, 509), "x.pcap2": (10, 14), "x.pcap3": (15, 19)}
    assert names(groups(made(tmp_path, files))) == [["x.pcap", "x.pcap1"], ["x.pcap2", "x.pcap3"]]


def test_missing_numbers_are_known(tmp_path: Path) -> None:
    """A number that the counter skips does not end the ring, but is known to be missing."""
    numbers = (1, 2, 4, 8)
    files = {f"a_{n:05}_2023111422{10 + n}20.pcap": (5 * n, 5 * n + 4) for n in numbers}
    (found,) = groups(made(tmp_path, files))
    assert found.missing == (3, 5, 6, 7)
    assert described(found.missing) == "3, 5 to 7"
    assert described(range(1, 100, 2)).endswith(", …")


def test_the_start_of_a_ring_may_be_gone(tmp_path: Path) -> None:
    """Dumpcap deletes the oldest files: a ring may begin with any number."""
    files = {f"a_{n:05}_2023111422{n}20.pcap": (5 * n, 5 * n + 4) for n in (37, 38)}
    (found,) = groups(made(tmp_path, files))
    assert found.ring
    assert not found.missing


def test_different_link_types_are_no_ring(tmp_path: Path) -> None:
    """Files of different link types are different captures."""
    (tmp_path / "x.pcap").write_bytes(pcap((0, 4)))
    (tmp_path / "x.pcap1").write_bytes(pcap((5, 9), link=113))
    found = groups([str(tmp_path / "x.pcap"), str(tmp_path / "x.pcap1")])
    assert len(found) == 2
    assert "link types differ" in "".join(each.note for each in found)


def test_files_that_cannot_be_read_are_captures_of_their_own(tmp_path: Path) -> None:
    """Missing files, no captures, a folder, standard input and a file given twice."""
    paths = made(tmp_path, {"x.pcap": (0, 4), "x.pcap1": (5, 9)})
    (tmp_path / "x.pcap2").write_text("no capture")
    (tmp_path / "x.pcap4").mkdir()
    others = [str(tmp_path / f"x.pcap{n}") for n in (2, 3, 4)] + ["-"]
    found = groups([*paths, *others, paths[0]])
    assert found[0].paths == tuple(paths)
    assert [each.paths for each in found[1:]] == [(path,) for path in (*others, paths[0])]


def test_an_empty_file_belongs_to_its_ring(tmp_path: Path) -> None:
    """The last file of a running capture holds no frame yet."""
    paths = made(tmp_path, {"x.pcap": (0, 4), "x.pcap1": (5, 9), "x.pcap2": ()})
    (found,) = groups(paths)
    assert found.paths == tuple(paths)


def test_join_and_separate(tmp_path: Path) -> None:
    """`join` makes one capture of all files, in the order given, `separate` one of each."""
    paths = made(tmp_path, {"x.pcap1": (5, 9), "x.pcap": (0, 4), "y.pcap": (0, 4)})
    assert groups(paths, join=True) == [CaptureFiles(tuple(paths))]
    assert groups(paths, separate=True) == [CaptureFiles((path,)) for path in paths]
    assert names(groups(paths)) == [["x.pcap", "x.pcap1"], ["y.pcap"]]


@pytest.mark.parametrize("swapped", [False, True])
@pytest.mark.parametrize("cut", [0, 7, 30])
def test_the_last_frame_of_a_large_file_is_found_at_its_end(
    tmp_path: Path, swapped: bool, cut: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a large pcap file only the start and the end are read, also if the end is cut short."""
    data = pcap([at / 10 for at in range(3000)], size=1000, swapped=swapped)
    paths = [tmp_path / "x.pcap", tmp_path / "x.pcap1"]
    paths[0].write_bytes(data[: len(data) - cut])
    paths[1].write_bytes(pcap((300, 301), swapped=swapped))

    def whole(source: str, **_: object) -> object:
        assert str(source) != str(paths[0]), "the large file was read whole"
        return reader(source, warn=lambda warning: None)

    reader = open_capture
    monkeypatch.setattr(rings, "open_capture", whole)
    (found,) = groups([str(path) for path in paths])
    assert found.ring
    paths[1].write_bytes(pcap((250, 301), swapped=swapped))
    assert len(groups([str(path) for path in paths])) == 2


def test_the_last_frame_of_a_large_pcapng_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a large pcapng file the last block with a frame is found backwards, behind statistics."""

    def block(kind: int, body: bytes) -> bytes:
        length = struct.pack("<I", len(body) + 12)
        return struct.pack("<I", kind) + length + body + length

    def frame(time: float) -> bytes:
        ticks = round((START + time) * 1000)
        head = struct.pack("<5I", 0, ticks >> 32, ticks & 0xFFFFFFFF, 1000, 1000)
        return block(6, head + bytes(1000))

    section = block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1))
    options = struct.pack("<HHBxxxHH", 9, 1, 3, 0, 0)  # milliseconds
    head = section + block(1, struct.pack("<HHI", 1, 0, 0) + options)
    statistics = block(5, struct.pack("<3I", 0, 0, 0))
    files = []
    for number, (start, count) in enumerate(((0, 3000), (300, 2000)), 1):
        path = tmp_path / f"a_0000{number}_2023111422132{number}.pcapng"
        frames = b"".join(frame(start + at / 10) for at in range(count))
        path.write_bytes(head + frames + statistics)
        files.append(str(path))
    monkeypatch.setattr(rings, "open_capture", None)
    (found,) = groups(files)
    assert found.ring
