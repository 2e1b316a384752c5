"""Lines sorted in bounded memory, and the formats that are in the order of time."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dissector.report.sorted_lines import SortedLines
from tests.cli.running import dissector
from tests.conftest import ROOT
from tests.report.test_zeek import logs

CAPTURES = sorted(map(str, (ROOT / "samples/recorded").glob("*malformed*.pcap*")))
_TIMES = st.integers(-(2**63), 2**63 - 1) | st.integers(0, 5)


@given(st.lists(st.tuples(_TIMES, st.binary(max_size=300))), st.integers(0, 2000))
def test_lines_come_out_by_time(records: list[tuple[int, bytes]], in_memory: int) -> None:
    """With any memory all lines come out by time, those of the same time in their order."""
    order = SortedLines(in_memory)
    for time_ns, line in records:
        order.add(time_ns, line)
    assert bool(order) is bool(records)
    assert list(order.lines()) == [line for _, line in sorted(records, key=lambda each: each[0])]


def test_memory_is_bounded() -> None:
    """Sorting twenty times the memory that is allowed takes no more than three times it."""
    order = SortedLines(1 << 18)
    tracemalloc.start()
    for number in range(50_000):
        order.add(number * 7919 % 50_000, b"%99d\n" % number)
    count = sum(1 for _ in order.lines())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 50_000
    assert peak < 3 << 18


@pytest.mark.parametrize("command", ["analyze", "audit"])
def test_eve_is_in_time_order(command: str) -> None:
    """Events of several captures, handshakes, TLS and alerts are in the order of time."""
    ran = dissector(command, "--separate", "--format", "eve", *reversed(CAPTURES))
    times = [json.loads(line)["timestamp"] for line in ran.out.splitlines()]
    assert len(times) > 100
    assert times == sorted(times)


def test_zeek_logs_are_in_time_order_each_in_a_file(tmp_path: Path) -> None:
    """A directory gets one file per log with the rows of the stream, in the order of time."""
    words = ("--format", "zeek", *reversed(CAPTURES))
    in_stream = logs(dissector(*words).out.encode())
    for directory in ("new/", "there"):
        place = tmp_path / directory
        if directory == "there":
            place.mkdir()
            (place / "ssl.log").write_text("of an earlier run")
        assert dissector(*words, "--output", f"{tmp_path}/{directory}").out == ""
        assert {path.name for path in place.iterdir()} == {
            "mqtt_connect.log", "ssl.log", "notice.log",
        }  # fmt: skip
        for path in place.iterdir():
            text = path.read_bytes()
            assert text.startswith(b"#separator") and text.count(b"#close") == 1
            (name, rows), *_ = logs(text).items()
            assert path.name == f"{name}.log"
            assert rows == in_stream.get(name, [])
            assert [row["ts"] for row in rows] == sorted(row["ts"] for row in rows)


def test_other_formats_need_a_file(tmp_path: Path) -> None:
    """A directory for another format is refused in one line."""
    ran = dissector("--format", "eve", "--output", str(tmp_path), CAPTURES[0])
    assert (ran.code, ran.out, ran.err.count("\n")) == (2, "", 1)
    assert "only --format zeek writes into one" in ran.err
