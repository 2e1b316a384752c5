"""Extracts have exactly the frames of flagged connections, with the findings as comments."""

from __future__ import annotations

import io
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from dissector.analysis import analyze
from samples.build import conversation, pcap
from tests.cli.running import dissector
from tests.conftest import ROOT
from tests.extract.extracting import FALSE_SESSION, connect, extracted, frames, written
from tests.report.test_no_secrets import HOUSEHOLD, holds, secrets
from tests.transport.connection_builder import C, ConnectionBuilder, S

RECORDED = ROOT / "samples" / "recorded"
MIXED = RECORDED / "mosquitto-several-mixed-at-work.pcapng"
MALFORMED = RECORDED / "mosquitto-raw-3.1.1-malformed-connects.pcap"
SAMPLES = sorted({*sorted(RECORDED.glob("*.pcap*"))[::4], MIXED, MALFORMED, HOUSEHOLD})
SES01 = ROOT / "samples" / "made" / "ses01-session-present-after-clean-session.pcap"


def lines(tshark: str, path: Path, *options: str) -> list[str]:
    """Returns the lines that tshark prints."""
    done = subprocess.run(
        [tshark, "-r", path, *options], check=True, capture_output=True, timeout=120
    )
    return done.stdout.decode().splitlines()


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.name)
def test_the_streams_are_those_of_wireshark(tshark: str, tmp_path: Path, path: Path) -> None:
    """The frames and times are those that tshark shows for the streams with findings."""
    streams = {finding.stream for finding in analyze(str(path)).findings}
    data, made = extracted(path)
    assert made.connections == len(streams)
    if not streams:
        assert frames(data) == []
        return
    wanted = "||".join(f"tcp.stream=={stream}" for stream in sorted(streams))
    fields = ("-T", "fields", "-e", "frame.time_epoch", "-e", "frame.len", "-e", "tcp.len")
    place = tmp_path / "flagged.pcapng"
    place.write_bytes(data)
    shown = [line.split("\t") for line in lines(tshark, path, "-Y", wanted, *fields)]
    again = [line.split("\t") for line in lines(tshark, place, *fields)]
    assert [[float(line[0]), *line[1:]] for line in again] == [
        [float(line[0]), *line[1:]] for line in shown
    ]


@pytest.mark.parametrize("path", [MIXED, MALFORMED, SES01], ids=lambda path: path.name)
def test_the_extract_has_the_same_findings(path: Path) -> None:
    """An analysis of the extract has the same findings with the same messages."""
    data, _ = extracted(path)
    again = Counter((item.rule, item.message) for item in analyze(io.BytesIO(data)).findings)
    assert again == Counter((item.rule, item.message) for item in analyze(str(path)).findings)


def test_findings_are_comments(tshark: str, tmp_path: Path) -> None:
    """The comment on the frame at fault has rule and message; other frames refer to it."""
    place = tmp_path / "flagged.pcapng"
    place.write_bytes(extracted(SES01)[0])
    fields = ("-T", "fields", "-e", "frame.number", "-e", "frame.comment")
    first = [line for line in lines(tshark, place, *fields) if line.partition("\t")[2]]
    (finding, *_) = analyze(str(SES01)).findings
    numbers = {int(line.partition("\t")[0]): line.partition("\t")[2] for line in first}
    at_fault = [text for text in numbers.values() if text.startswith("SES01 session-present")]
    assert any(f"frame {finding.frame} of" in text for text in at_fault)
    assert any("error, at fault is the server" in text for text in at_fault)
    assert any(text.startswith("SES01: belongs to") for text in numbers.values())


def test_captured_text_in_comments_is_escaped(hostile: Path, tshark: str, tmp_path: Path) -> None:
    """No client id puts control characters into a comment."""
    place = tmp_path / "hostile.pcapng"
    place.write_bytes(extracted(hostile, audit=True)[0])
    shown = lines(tshark, place, "-T", "fields", "-e", "frame.comment")
    assert any(shown)
    assert all(line.isprintable() for line in shown)


@pytest.mark.parametrize("path", list(secrets()), ids=lambda path: path.name)
def test_no_secret_of_a_recording_is_left(path: Path) -> None:
    """Passwords, authentication data and signed queries are overwritten by default."""
    kept, _ = extracted(path, flagged=False, keep_secrets=True)
    data, made = extracted(path, flagged=False)
    assert made.overwritten > 0
    for text in secrets()[path]:
        if text.isalpha():
            continue  # a plain word may occur in other payloads
        assert not holds(data, text.encode())
    assert len(kept) <= len(data) + 64  # only the section comment differs in length
    assert [len(frame) for _, _, frame in frames(kept)] == [
        len(frame) for _, _, frame in frames(data)
    ]


def test_kept_frames_are_unchanged() -> None:
    """With --keep-secrets no byte of a frame changes."""
    original = frames(MIXED.read_bytes())
    kept = frames(extracted(MIXED, flagged=False, keep_secrets=True)[0])
    assert kept
    assert set(kept) <= set(original)


def test_checksums_keep_their_status(tshark: str, tmp_path: Path) -> None:
    """Correct checksums are correct after overwriting, bad ones stay bad."""
    good = tmp_path / "good.pcap"
    talk = (f"C {connect().hex()}", f"S {FALSE_SESSION.hex()}", "C FIN", "S FIN")
    good.write_bytes(pcap(conversation(talk)))
    bad = written(
        tmp_path / "bad.pcap",
        ConnectionBuilder(40_000)
        .open()
        .send_acked(C, connect())
        .send_acked(S, FALSE_SESSION)
        .frames,
    )
    check = ("-o", "tcp.check_checksum:TRUE", "-T", "fields", "-e", "tcp.checksum.status")
    for path, right in ((good, {"1"}), (bad, {"0"})):
        place = tmp_path / "out.pcapng"
        data, made = extracted(path)
        assert made.overwritten == 14
        place.write_bytes(data)
        assert set(lines(tshark, path, *check)) == right
        assert set(lines(tshark, place, *check)) == right


def test_several_files_are_one_capture(tmp_path: Path) -> None:
    """A connection that continues in the next file is complete; comments name the file."""
    frames = (
        ConnectionBuilder(40_000)
        .open()
        .send_acked(C, connect())
        .send_acked(S, FALSE_SESSION)
        .close()
        .frames
    )
    one = written(tmp_path / "one.pcap", frames[:5])
    later = [shot._replace(pause=shot.pause + (10**9 if at == 5 else 0))
             for at, shot in enumerate(frames)]  # fmt: skip
    two = written(tmp_path / "two.pcap", later[5:])
    data, made = extracted(one, two)
    assert made.frames == len(frames)
    assert b"frame 1 of two.pcap" in data


class TestCommand:
    """`dissector extract`."""

    def test_only_the_owner_can_read_the_file(self, bad: Path, tmp_path: Path) -> None:
        """The file has mode 0600, and the counts are printed."""
        place = tmp_path / "out.pcapng"
        ran = dissector("extract", "--flagged", "-w", str(place), str(bad))
        assert (ran.code, ran.out) == (0, "")
        assert "1 connection, 1 finding as comments" in ran.err
        assert "holds no frame" not in ran.err
        assert place.stat().st_mode & 0o777 == 0o600
        assert analyze(str(place)).summary.error == 1

    def test_a_clean_capture_gives_an_empty_file(self, good: Path, tmp_path: Path) -> None:
        """An extract without frames is no failure; a message reports it."""
        place = tmp_path / "out.pcapng"
        ran = dissector("extract", "--flagged", "-w", str(place), str(good))
        assert ran.code == 0
        assert f"{place} holds no frame" in ran.err
        assert frames(place.read_bytes()) == []

    def test_a_stream_can_be_selected(self, good: Path, tmp_path: Path) -> None:
        """--stream and --client also write connections without a finding."""
        for option in (("--stream", "0"), ("--client", "a")):
            place = tmp_path / "out.pcapng"
            dissector("extract", *option, "-w", str(place), str(good))
            assert len(frames(place.read_bytes())) == len(frames(good.read_bytes()))

    @pytest.mark.parametrize(
        "arguments", [("--flagged",), ("-w", "x"), ("--flagged", "-w", "x", "-"),
                      ("--flagged", "-w", "x", "--engine", "scapy")],
    )  # fmt: skip
    def test_missing_options_are_reported(self, bad: Path, arguments: tuple[str, ...]) -> None:
        """Output, selection and files instead of pipes are required, with one line of error."""
        ran = dissector("extract", *arguments, *([] if "-" in arguments else [str(bad)]))
        assert ran.code == 2
        assert ran.err.count("\n") == 1

    def test_it_does_not_overwrite_what_it_reads(self, bad: Path) -> None:
        """-w must be another file."""
        before = bad.read_bytes()
        ran = dissector("extract", "--flagged", "-w", str(bad), str(bad))
        assert ran.code == 2
        assert "-w" in ran.err
        assert bad.read_bytes() == before
