"""The text output of a live capture: immediate lines, suppressed repeats, the summary."""

from __future__ import annotations

import io
import re

import pytest

import dissector
from dissector.cli.status import status_line
from dissector.live import LiveCounters
from dissector.model import CaptureWarning
from dissector.report import live_text
from dissector.report.live_text import LiveText
from dissector.report.style import Style
from samples.build import conversation, pcap

BAD = (
    "C 10 0d 00 04 4d 51 54 54 04 02 00 3c 00 01 61",
    "S 20 02 01 00",
    "C e0 00",
    "C FIN",
    "S FIN",
)


def report_of(*steps: str) -> dissector.Report:
    return dissector.analyze(io.BytesIO(pcap(conversation(steps))))


class Clock:
    """A clock that tests advance by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr("dissector.report.live_text.time.monotonic", made.monotonic)
    return made


def lines(stream: io.BytesIO) -> list[str]:
    return stream.getvalue().decode().splitlines()


def test_a_handshake_is_one_line_with_its_fields() -> None:
    """The line has will, user name and a masked password; captured text is escaped."""
    stream = io.BytesIO()
    text = LiveText(stream, Style())
    steps = (
        "C 10 26 00 04 4d 51 54 54 04 f6 00 05 00 03 63 1b 31 00 04 67 6f 6e 65 00 03 62 79 65"
        " 00 04 75 73 65 72 00 04 70 77 70 77",
        "S 20 02 00 05",
    )
    (record,) = report_of(*steps).handshakes
    text.handshake(record)
    (line,) = lines(stream)
    assert re.match(r"\d\d:\d\d:\d\d\.\d{6}Z refused 5 \(not authorized\) MQTT 3\.1\.1 ", line)
    assert r'"c\x1b1" 10.0.0.1:40000 > 10.0.0.2:1883 cleanSession=1 keepAlive=5' in line
    assert (
        'username="user" password=*** lastWillTopic="gone" lastWillQos=2 lastWillRetain=1' in line
    )
    assert "pwpw" not in line
    assert line.endswith("sessionPresent=0 after 2 ms (stream 0)")


@pytest.mark.parametrize("width", [40, 80, 100])
@pytest.mark.parametrize("color", [False, True])
def test_lines_break_between_words_on_a_terminal(width: int, color: bool) -> None:
    """On a terminal no word is divided and nothing is lost; elsewhere a record is one line."""
    report = report_of(*BAD)
    whole, wrapped = io.BytesIO(), io.BytesIO()
    for stream, columns in ((whole, None), (wrapped, lambda: width)):
        text = LiveText(stream, Style(color=color), columns=columns)
        text.handshake(report.handshakes[0])
        text.finding(report.findings[0])
    assert len(lines(whole)) == 2
    assert max(len(re.sub(r"\x1b\[\d+(;\d+)*m", "", line)) for line in lines(wrapped)) <= width
    assert wrapped.getvalue().split() == whole.getvalue().split()


@pytest.mark.parametrize("width", [10, 25, 60, 80, 100])
def test_the_status_line_fits(width: int) -> None:
    """Counters that matter least are left out; the number of findings is the last to go."""
    counters = LiveCounters(12_345_678, 1234, 5678, 91, 234, 5, 6)
    line = status_line(counters, width)
    assert len(line) <= width
    assert "91 finding" in line
    assert ("dropped" in line) is (width >= 60)


def test_repeats_of_a_finding_are_suppressed(clock: Clock) -> None:
    """Repeats of one client are suppressed, then counted in one line; another client's are not."""
    stream = io.BytesIO()
    text = LiveText(stream, Style(), repeat=60)
    (finding,) = report_of(*BAD).findings
    other = finding.replace(client_id="b")
    for _ in range(3):
        text.finding(finding)
    text.finding(other)
    assert len(lines(stream)) == 2
    clock.now += 59
    text.tick()
    text.finding(finding)
    assert len(lines(stream)) == 2
    clock.now += 2
    text.tick()
    assert len(lines(stream)) == 3
    assert "(client id a)" in lines(stream)[2]
    assert lines(stream)[2].endswith("(and 2 more like it)")
    clock.now += 61
    text.tick()
    text.finding(finding)
    assert len(lines(stream)) == 4
    assert "more like it" not in lines(stream)[3]


def test_the_memory_of_repeats_is_bounded(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """With more clients than are kept, a finding of the oldest is shown again."""
    monkeypatch.setattr(live_text, "_REPEATS_KEPT", 10)
    stream = io.BytesIO()
    text = LiveText(stream, Style(), repeat=60)
    (finding,) = report_of(*BAD).findings
    for number in (*range(11), 0, 10):
        text.finding(finding.replace(client_id=f"c{number}"))
    assert len(lines(stream)) == 12  # c0 twice, c10 once


def test_warnings_about_the_whole_capture_are_shown_at_once() -> None:
    """A warning about drops is a line; a warning about one stream is in the summary."""
    stream = io.BytesIO()
    text = LiveText(stream, Style())
    text.warning(CaptureWarning("dropped", "the kernel dropped 7 frames, 7 in total", "eth0"))
    text.warning(CaptureWarning("gap", "bytes are missing", "eth0", 4, 1))
    (line,) = lines(stream)
    assert line.endswith("NOTE dropped: the kernel dropped 7 frames, 7 in total")
    report = report_of(*BAD)
    for finding in report.findings:
        text.finding(finding)
    for record in report.handshakes:
        text.handshake(record)
        text.closed(record)
    report.capture.dropped = 7
    text.finish(report.capture, report.summary, report.not_evaluated)
    end = "\n".join(lines(stream))
    assert "7 frames dropped by the kernel." in end
    assert "   gap: bytes are missing" in end
    assert 'id "a"' in end
    assert "1 finding: 1 error." in end
