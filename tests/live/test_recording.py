"""Files of `-w`: valid, same findings as live, packet comments, rings, signals."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest

import dissector
from tests.capture.builders import read
from tests.cli.running import dissector as dissector_command
from tests.conftest import need_tool
from tests.live.harness import (
    LOOPBACK,
    following,
    free_port,
    made_server,
    mosquitto,
    need_root,
    open_to_others,
    port_options,
    publish,
    valid_frames,
    wait_until,
)

CONNECT = bytes.fromhex("100d00044d5154540402003c000161")
SESSION_PRESENT = bytes.fromhex("20020100")


def talk(port: int) -> None:
    """Connects to the test server and disconnects."""
    with socket.create_connection(("127.0.0.1", port), 5) as client:
        client.sendall(CONNECT)
        assert client.recv(10) == SESSION_PRESENT
        client.sendall(bytes.fromhex("e000"))


def comments(tshark: str, path: Path) -> dict[int, list[str]]:
    """Returns the packet comments of a file by frame, as tshark shows them."""
    done = subprocess.run(
        [tshark, "-r", str(path), "-Y", "frame.comment", "-T", "fields", "-e", "frame.number",
         "-e", "frame.comment", "-E", "aggregator=|"],
        capture_output=True, check=True, timeout=60,
    )  # fmt: skip
    assert b"cut short" not in done.stderr
    lines = [line.split("\t") for line in done.stdout.decode().splitlines()]
    return {int(number): text.split("|") for number, text in lines}


def _comparable(record: dict[str, Any]) -> str:
    """Formats a record without file names and `close`, which differ between live and file."""

    def bare(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: bare(each) for name, each in value.items() if name != "file"}
        return [bare(each) for each in value] if isinstance(value, list) else value

    return json.dumps(bare({**record, "close": None}), sort_keys=True)


def test_the_file_gives_the_same_report(tmp_path: Path, tshark: str) -> None:
    """`analyze` reports the same for the file; tshark shows each finding on its frame."""
    out = tmp_path / "out.pcapng"
    port = free_port()
    with (
        mosquitto(LOOPBACK, port, tmp_path),
        made_server(SESSION_PRESENT) as wrong,
        following(
            "-i", "lo", *port_options(port, wrong),
            "--format", "jsonl", "-w", str(out), environment={"DISSECTOR_FINGERPRINT_KEY": "one"},
        ) as live,
    ):  # fmt: skip
        for name in ("31", "311", "5"):
            more = ("-u", "user", "-P", "secret", "--will-topic", "gone", "--will-payload", "bye")
            publish(LOOPBACK, "::1", port, f"c{name}", "-V", name, *more)
        talk(wrong)
        live.wait_for("finding")
        live.wait_for("handshake", 4)
        assert live.stop() == 1
    ran = dissector_command(
        *("analyze", "--format", "jsonl", *port_options(port, wrong)[:4], str(out)),
        DISSECTOR_FINGERPRINT_KEY="one",
    )
    assert ran.code == 1
    read_again = [json.loads(line) for line in ran.out.splitlines()]
    for kind, count in (("handshake", 4), ("finding", 1), ("captureWarning", 0)):
        reported = sorted(map(_comparable, live.of(kind)))
        assert reported == sorted(_comparable(one) for one in read_again if one["type"] == kind)
        assert len(reported) == count
    (summary,) = live.of("summary")
    assert summary["capture"]["frames"] == valid_frames(out)
    for part in ("capture", "tool"):
        del summary[part], read_again[-1][part]
    assert summary == read_again[-1]
    found = [(one["rule"], one["frame"], one["message"]) for one in live.of("finding")]
    shown = comments(tshark, out)
    assert list(shown) == [frame for _, frame, _ in found]
    assert shown[found[0][1]][0].startswith("SES01 error, the server's fault: sessionPresent=1")


def test_only_flagged_connections_are_kept(tmp_path: Path, tshark: str) -> None:
    """`--flagged-only` writes connections with findings completely, from their first frame."""
    out = tmp_path / "out.pcapng"
    port = free_port()
    with (
        mosquitto(LOOPBACK, port, tmp_path),
        made_server(SESSION_PRESENT) as wrong,
        following(
            "-i", "lo", *port_options(port, wrong),
            "--format", "jsonl", "-w", str(out), "--flagged-only",
        ) as live,
    ):  # fmt: skip
        for index in range(3):
            publish(LOOPBACK, "127.0.0.1", port, f"clean{index}")
        talk(wrong)
        publish(LOOPBACK, "127.0.0.1", port, "clean9")
        talk(wrong)
        live.wait_for("finding", 2)
        live.wait_for("handshake", 6)
        assert live.stop() == 1
    report = dissector.analyze(out, ports=(port, wrong))
    assert [one.connect.client_id for one in report.handshakes if one.connect] == ["a", "a"]
    assert [one.rule for one in report.findings] == ["SES01", "SES01"]
    shown = comments(tshark, out)
    assert list(shown) == [one.frame for one in report.findings]
    assert live.of("summary")[0]["capture"]["frames"] > report.capture.frames
    assert not report.warnings
    assert out.stat().st_mode & 0o777 == 0o600


def test_a_late_finding_is_a_comment_on_the_last_frame(tmp_path: Path, tshark: str) -> None:
    """A finding about a deadline is a comment that names the frame at fault."""
    out = tmp_path / "out.pcapng"
    with (
        made_server(bytes.fromhex("20020005")) as port,
        following("-i", "lo", *port_options(port), "-w", str(out), "--format", "jsonl") as live,
        socket.create_connection(("127.0.0.1", port), 5) as client,
    ):
        client.sendall(CONNECT)
        (finding,) = live.wait_for("finding")
        wait_until(lambda: b"SEQ09 " in out.read_bytes(), "the comment")
        ((_, texts),) = comments(tshark, out).items()
        assert texts[0].startswith("SEQ09 ")
        assert texts[0].endswith(f"(frame {finding['frame']})")
        live.stop()
    frames, warnings, _ = read(out)
    assert len(frames) == live.of("summary")[0]["capture"]["frames"]
    assert not warnings


def test_a_ring_keeps_the_latest_files(tmp_path: Path) -> None:
    """Files of a ring are valid and consecutive, and no more than the limit."""
    port = free_port()
    with (
        mosquitto(LOOPBACK, port, tmp_path),
        following(
            "-i", "lo", *port_options(port), "--format", "jsonl",
            "-w", str(tmp_path / "ring.pcapng"), "-b", "filesize:16", "-b", "files:2",
        ) as live,
    ):  # fmt: skip
        for index in range(4):
            publish(LOOPBACK, "127.0.0.1", port, f"c{index}", message="x" * 9000)
            live.wait_for("handshake", index + 1)
        assert live.stop() == 0
    files = sorted(tmp_path.glob("ring_*.pcapng"))
    assert len(files) == 2
    assert all(int(file.name.split("_")[1]) > 1 for file in files)
    assert sum(valid_frames(file) for file in files)


def test_a_hangup_opens_the_files_again(tmp_path: Path) -> None:
    """After SIGHUP, files that were moved are valid, and new ones of the same names continue."""
    out, report = tmp_path / "out.pcapng", tmp_path / "report.jsonl"
    port = free_port()
    with (
        mosquitto(LOOPBACK, port, tmp_path),
        following(
            "-i", "lo", *port_options(port), "--format", "jsonl",
            "-w", str(out), "--output", str(report),
        ) as live,
    ):  # fmt: skip
        publish(LOOPBACK, "127.0.0.1", port, "before")
        wait_until(lambda: b"before" in report.read_bytes(), "the first record")
        out.rename(tmp_path / "old.pcapng")
        report.rename(tmp_path / "old.jsonl")
        live.process.send_signal(signal.SIGHUP)
        wait_until(lambda: out.exists() and report.exists(), "new files")
        publish(LOOPBACK, "127.0.0.1", port, "after")
        wait_until(lambda: b"after" in report.read_bytes(), "the second record")
        live.process.send_signal(signal.SIGHUP)  # not moved: a section is added
        publish(LOOPBACK, "127.0.0.1", port, "again")
        wait_until(lambda: b"again" in report.read_bytes(), "the third record")
        assert live.stop() == 0
    for path in (tmp_path / "old.pcapng", out):
        assert valid_frames(path)
    assert ids(tmp_path / "old.pcapng", port) == ["before"]
    assert ids(out, port) == ["after", "again"]
    assert b"before" in (tmp_path / "old.jsonl").read_bytes()


def ids(path: Path, port: int) -> list[str | None]:
    """Returns the client ids in a file."""
    report = dissector.analyze(path, ports=(port,))
    assert not report.warnings
    return [one.connect.client_id for one in report.handshakes if one.connect is not None]


def test_a_full_disk_ends_it_with_a_valid_file(tmp_path: Path) -> None:
    """On a full disk: one line, exit 2, the summary, and a valid file."""
    need_root()
    need_tool("mount")
    port = free_port()
    small = tmp_path / "small"
    small.mkdir()
    subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(small)], check=True, timeout=20
    )
    out = small / "out.pcapng"
    try:
        with (
            mosquitto(LOOPBACK, port, tmp_path),
            following("-i", "lo", *port_options(port), "--format", "jsonl", "-w", str(out)) as live,
        ):
            publish(LOOPBACK, "127.0.0.1", port, "fits")
            publish(LOOPBACK, "127.0.0.1", port, "large", message="x" * 100_000)
            assert live.wait() == 2
        assert f"-w {out}: No space left on device" in live.stderr
        assert live.of("summary")
        assert valid_frames(out)
        assert ids(out, port)[0] == "fits"
    finally:
        subprocess.run(["umount", str(small)], check=True, timeout=20)


def test_a_file_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    """A missing directory is exit 2 before anything is captured."""
    out = tmp_path / "nowhere" / "out.pcapng"
    with following("-i", "lo", "-w", str(out)) as live:
        assert live.wait() == 2
    assert f"-w {out}: No such file or directory" in live.stderr


@pytest.mark.parametrize("means", ["socket", "dumpcap"])
def test_root_privileges_are_dropped_under_sudo(tmp_path: Path, means: str) -> None:
    """Once it captures it runs as the user who called sudo, who also owns the files.

    It can still end dumpcap, which keeps its rights.
    """
    out = tmp_path / "out.pcapng"
    open_to_others(tmp_path)
    tmp_path.chmod(0o777)
    port = free_port()
    with (
        mosquitto(LOOPBACK, port, tmp_path),
        following(
            "-i", "lo", *port_options(port), "--format", "jsonl", "-w", str(out), "--means", means,
            environment={"SUDO_UID": "65534", "SUDO_GID": "65534"},
        ) as live,
    ):  # fmt: skip
        wait_until(lambda: "privileges dropped" in live.stderr, "the note")
        status = Path(f"/proc/{live.process.pid}/status").read_text()
        assert "Uid:\t65534\t65534\t65534\t65534" in status
        assert "CapEff:\t0000000000000000" in status
        publish(LOOPBACK, "127.0.0.1", port, "seen")
        live.wait_for("handshake")
        assert live.stop() == 0
        assert live.of("summary")
    assert os.stat(out).st_uid == 65534
    assert ids(out, port) == ["seen"]


def test_limits_on_frames_and_time(tmp_path: Path) -> None:
    """`-c` and `-a packets:` end it after exactly that many frames, `-a duration:` by time."""
    out = tmp_path / "out.pcapng"
    port = free_port()
    with mosquitto(LOOPBACK, port, tmp_path):
        for words in ("-c 7", "-a packets:7", "-a duration:0.5"):
            with following(
                "-i", "lo", *port_options(port), "--format", "jsonl", "-w", str(out),
                *words.split(),
            ) as live:  # fmt: skip
                publish(LOOPBACK, "127.0.0.1", port, "seen")
                assert live.wait() == 0
            frames = live.of("summary")[0]["capture"]["frames"]
            assert len(read(out)[0]) == frames
            assert frames == 7 or "duration" in words
