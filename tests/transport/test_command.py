"""The command on captures from pipes, standard input and several files, and on rejected files."""

from __future__ import annotations

import gzip
import io
import json
import os
import struct
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

import dissector as package
from dissector.errors import CaptureError
from tests.capture import builders
from tests.cli.running import CLEAN, LIMIT, CompletedRun, dissector
from tests.conftest import ROOT
from tests.transport.connection_builder import CapturedFrame
from tests.transport.containers import conversations, pcapng
from tests.transport.row import PORT, Timed, one_pcap, timed


def frames() -> list[Timed]:
    """Returns the frames of two connections, one with a finding."""
    return timed(conversations(PORT))


def capture() -> bytes:
    """Returns the same as a pcap file."""
    return one_pcap(frames())[0]


def reported(ran: CompletedRun) -> tuple[int, list[Any], list[Any]]:
    """Returns exit code, client ids with their frames, and findings with their frames."""
    report = json.loads(ran.out)
    clients = [
        (
            handshake["connect"]["clientId"],
            handshake["connect"]["frame"],
            handshake["connack"]["frame"],
        )
        for handshake in report["handshakes"]
    ]
    return ran.code, clients, [(item["rule"], item["frame"]) for item in report["findings"]]


EXPECTED = (1, [("sensor1", 4, 6), ("sensor2", 16, 18)], [("SES01", 18)])


@pytest.mark.parametrize(
    "data",
    [capture(), gzip.compress(capture()), pcapng()(frames())[0]],
    ids=["pcap", "pcap in gzip", "pcapng"],
)
def test_standard_input_from_a_pipe(data: bytes) -> None:
    """`cat capture | dissector -` gives what the file gives."""
    assert reported(dissector("--format", "json", "-", stdin=data)) == EXPECTED


def test_standard_input_from_a_file(tmp_path: Path) -> None:
    """`dissector - < capture` gives what the file gives."""
    (tmp_path / "a").write_bytes(capture())
    command = [sys.executable, "-m", "dissector", "--format", "json", "-"]
    with (tmp_path / "a").open("rb") as file:
        done = subprocess.run(
            command, stdin=file, capture_output=True, text=True, env=CLEAN, cwd=ROOT, check=False
        )
    assert reported(CompletedRun(done.returncode, done.stdout, done.stderr)) == EXPECTED


def test_a_named_pipe(tmp_path: Path) -> None:
    """A FIFO is read like a file, whatever the sizes of its writes."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)

    def write() -> None:
        data = capture()
        with pipe.open("wb", buffering=0) as file:
            for at in range(0, len(data), 77):
                file.write(data[at : at + 77])

    writer = threading.Thread(target=write, daemon=True)
    writer.start()
    ran = dissector("--format", "json", str(pipe))
    writer.join(LIMIT)
    assert reported(ran) == EXPECTED


def test_two_files_in_reverse_order(tmp_path: Path) -> None:
    """Joined files are one capture in order of time, whatever the order of their names."""
    early, late = tmp_path / "z.pcap.gz", tmp_path / "a.txt"
    early.write_bytes(gzip.compress(one_pcap(frames()[:17])[0]))
    late.write_bytes(one_pcap(frames()[17:])[0])
    ran = dissector("--join", "--format", "json", str(late), str(early))
    assert reported(ran) == (1, [("sensor1", 4, 6), ("sensor2", 16, 1)], [("SES01", 1)])
    finding = json.loads(ran.out)["findings"][0]
    assert finding["file"] == str(late)
    assert [Path(frame["file"]).name for frame in finding["frames"]] == ["z.pcap.gz", "a.txt"]


def test_separate_files_with_a_split_handshake(tmp_path: Path) -> None:
    """With `--separate` a handshake that spans two files gives no finding in either."""
    for name, part in (("a", frames()[:17]), ("b", frames()[17:])):
        (tmp_path / name).write_bytes(one_pcap(part)[0])
    ran = dissector("--separate", "--format", "concise", str(tmp_path / "a"), str(tmp_path / "b"))
    assert (ran.code, ran.out) == (0, "")


def unknown() -> bytes:
    """Returns a capture of a link type unknown to all engines (USER0)."""
    return one_pcap(timed([CapturedFrame(bytes(40), 147)] * 3))[0]


def test_a_file_of_unknown_link_types_only(tmp_path: Path) -> None:
    """A file with unknown link types only is reported with a hint, and exit code 2."""
    path = tmp_path / "radio.pcap"
    path.write_bytes(unknown())
    ran = dissector(str(path))
    assert ran.code == 2
    assert "radio.pcap: link type USER0 is unknown: neither scapy nor tshark" in ran.err
    assert "unknown-link-type" in ran.out + ran.err


def test_a_file_of_unknown_link_types_among_others(tmp_path: Path) -> None:
    """The other files are analysed, and the exit code is still 2."""
    (tmp_path / "radio").write_bytes(unknown())
    (tmp_path / "good").write_bytes(capture())
    ran = dissector("--format", "json", str(tmp_path / "good"), str(tmp_path / "radio"))
    assert reported(ran) == (2, *EXPECTED[1:])
    assert "radio: link type USER0 is unknown" in ran.err


def ambiguous() -> bytes:
    """Returns a pcapng with a frame of that link type before the connections."""
    head = builders.section() + builders.interface(1) + builders.interface(147)
    blocks = [builders.enhanced(bytes(40), number=1)]
    blocks += [builders.enhanced(frame.data, now // 1000) for now, frame in frames()]
    return head + b"".join(blocks)


def test_an_unknown_link_type_beside_a_known_one(tmp_path: Path) -> None:
    """In a pcapng with several interfaces an unknown link type is a warning."""
    path = tmp_path / "mixed.pcapng"
    path.write_bytes(ambiguous())
    ran = dissector("--format", "json", str(path))
    code, clients, findings = reported(ran)
    assert (code, findings) == (1, [("SES01", 19)])
    assert len(clients) == 2
    warnings = json.loads(ran.out)["captureWarnings"]
    assert [(item["kind"], item["frame"]) for item in warnings] == [("unknown-link-type", 1)]


def test_the_warning_of_an_unknown_link_type() -> None:
    """The warning names the link type, the number of its frames, and the engines tried."""
    (warning,) = package.analyze(io.BytesIO(ambiguous())).warnings
    assert "USER0 (1)" in warning.message
    assert "neither scapy nor tshark" in warning.message


def test_a_truncated_file(tmp_path: Path) -> None:
    """A truncated record is a warning, and exit code 2 with `--strict-input`."""
    path = tmp_path / "cut.pcap"
    path.write_bytes(capture()[:-7])
    ran = dissector("--format", "json", str(path))
    assert reported(ran) == EXPECTED
    assert [item["kind"] for item in json.loads(ran.out)["captureWarnings"]] == ["cut-record"]
    assert dissector("--strict-input", str(path)).code == 2


def test_a_truncated_compressed_file(tmp_path: Path) -> None:
    """A gzip stream that ends early is a warning."""
    path = tmp_path / "cut.gz"
    path.write_bytes(gzip.compress(capture(), 0)[:-40])
    ran = dissector("--format", "json", str(path))
    assert reported(ran) == EXPECTED
    assert [item["kind"] for item in json.loads(ran.out)["captureWarnings"]] == ["damaged"]


@pytest.mark.parametrize("magic", [0xA1B2CD34, 0xA1B2C3D5, 0xA1E2CB12, 0xA1B234CD])
@pytest.mark.parametrize("order", "<>")
def test_modified_pcap_is_rejected(magic: int, order: str) -> None:
    """A pcap variant with another magic number is rejected in one line that says what to do."""
    data = struct.pack(f"{order}I", magic) + capture()[4:]
    with pytest.raises(CaptureError) as caught:
        package.analyze(io.BytesIO(data))
    assert "\n" not in str(caught.value)
    assert "editcap" in str(caught.value) or "not a capture" in str(caught.value)


def test_modified_pcap_exits_with_2(tmp_path: Path) -> None:
    """The command prints one line on standard error and exits with 2."""
    path = tmp_path / "modified.pcap"
    path.write_bytes(struct.pack("<I", 0xA1B2CD34) + capture()[4:])
    ran = dissector(str(path))
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.count("\n") == 1
