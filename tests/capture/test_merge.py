"""Merging captures in order of time, in whatever order they are given."""

from __future__ import annotations

import io
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dissector.capture.merge import merged
from dissector.capture.source import CaptureReader, open_capture
from tests.capture.builders import SECOND, START, frame, pcap, pcap_header, read
from tests.conftest import need_tool

Taken = tuple[int, int, int]  # file, number, time


def _taken(readers: Sequence[CaptureReader]) -> list[Taken]:
    """Merge captures and return the frames in order."""
    return [
        (batch.file, batch.first_number + i, batch.time_ns[i])
        for batch, start, stop in merged(readers)
        for i in range(start, stop)
    ]


def _open(files: Sequence[Sequence[int]]) -> list[CaptureReader]:
    """Open a capture in memory for each list of microseconds."""
    return [
        open_capture(io.BytesIO(pcap([1000 * time for time in times])), file_index=index)
        for index, times in enumerate(files)
    ]


def _expected(files: Sequence[Sequence[int]]) -> list[Taken]:
    """Merge frame by frame: the earliest next frame, of equal times that of the first file."""
    left = [list(enumerate(times, 1)) for times in files]
    order = []
    while any(left):
        _, index = min((rest[0][1], index) for index, rest in enumerate(left) if rest)
        number, time = left[index].pop(0)
        order.append((index, number, 1000 * time))
    return order


def test_one_capture_is_read_in_whole_batches() -> None:
    """A single file is read in whole batches, in its own order."""
    (reader,) = _open([[5, 3, 9]])
    ((batch, start, stop),) = list(merged([reader]))
    assert (start, stop, [batch.time_ns[i] for i in range(3)]) == (0, 3, [5000, 3000, 9000])


def test_ring_buffer_files_are_sorted_and_read_in_whole_batches() -> None:
    """Consecutive files are read in order of time, with their own indices and numbers."""
    readers = _open([[200, 201], [300, 301], [100, 101]])
    runs = [(batch.file, start, stop) for batch, start, stop in merged(readers)]
    assert runs == [(2, 0, 2), (0, 0, 2), (1, 0, 2)]


def test_overlapping_files_interleave_frame_by_frame() -> None:
    """Frames are in order of time; of equal times, those of the earlier reader come first."""
    files = [[1, 4, 5, 5, 9], [2, 4, 4, 5, 6], [4, 5]]
    assert _taken(_open(files)) == _expected(files)


def test_a_clock_that_goes_back_is_taken_as_it_comes() -> None:
    """Frames of one file keep their order."""
    files = [[10, 3, 12, 2], [5, 11]]
    taken = _taken(_open(files))
    assert taken == _expected(files)
    assert [number for file, number, _ in taken if file == 0] == [1, 2, 3, 4]


def test_files_without_frames_do_not_matter() -> None:
    """An empty capture among others gives only its warnings."""
    readers = [open_capture(io.BytesIO(pcap_header() + b"cut")), *_open([[1]])]
    assert len(_taken(readers)) == 1
    assert [warning.kind for warning in readers[0].warnings] == ["cut-record"]
    assert _taken([]) == []


@given(st.lists(st.lists(st.integers(0, 30), max_size=12), max_size=5))
def test_any_files_merge_as_if_taken_one_by_one(files: list[list[int]]) -> None:
    """The runs give the same order as merging frame by frame, for any times."""
    assert _taken(_open(files)) == _expected(files)


def test_files_of_many_batches(tmp_path: Path) -> None:
    """Overlapping files larger than a batch and a window merge like small ones."""
    paths = []
    for index, (first, step) in enumerate([(0, 3), (10_000, 2), (59_999, 1)]):
        path = tmp_path / f"{index}.pcap"
        path.write_bytes(pcap(START + 1000 * (first + step * i) for i in range(20_000)))
        paths.append(path)
    taken = _taken([open_capture(path, file_index=i) for i, path in enumerate(paths)])
    assert len(taken) == 60_000
    assert [(time, file, number) for file, number, time in taken] == sorted(
        (time, file, number) for file, number, time in taken
    )


def test_a_hundred_files_wait_closed(tmp_path: Path) -> None:
    """Only files whose first frame's time is reached are open."""
    readers = []
    for index in range(100):
        path = tmp_path / f"{index}.pcap"
        path.write_bytes(pcap(range(START + index * SECOND, START + (index + 1) * SECOND, 10**8)))
        readers.append(open_capture(path, file_index=index))
    before: set[int] = set()
    most = 0
    steps = merged(readers)
    for _ in steps:
        descriptors = Path("/proc/self/fd")
        if not descriptors.is_dir():
            pytest.skip("no /proc to count open files in")
        names = [os.path.realpath(entry) for entry in descriptors.iterdir()]
        most = max(most, sum(name.startswith(str(tmp_path)) for name in names))
        before.add(most)
    assert most <= 2
    assert sum(reader.frames for reader in readers) == 1000


def test_mergecap_gives_the_same_order(tmp_path: Path) -> None:
    """Merging two captures gives the same order as mergecap."""
    one, two, both = tmp_path / "1.pcap", tmp_path / "2.pcap", tmp_path / "both.pcap"
    one.write_bytes(pcap(START + i * 7000 for i in range(200)))
    two.write_bytes(pcap(START + 352_000 + i * 14_000 for i in range(200)))
    command = [need_tool("mergecap"), "-F", "pcap", "-w", str(both), str(one), str(two)]
    subprocess.run(command, check=True, capture_output=True)
    theirs = [(row.time_ns, row.data) for row in read(both)[0]]
    readers = [open_capture(path, file_index=i) for i, path in enumerate((one, two))]
    assert [(time, frame(number - 1)) for _, number, time in _taken(readers)] == theirs
