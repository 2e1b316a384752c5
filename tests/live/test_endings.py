"""How a live capture ends: signals, lost interfaces, closed pipes, missing permissions."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest

from samples.build import conversation, pcap
from tests.cli.running import CLEAN, dissector, started
from tests.conftest import need_tool
from tests.live.harness import (
    LOOPBACK,
    NOBODY,
    Place,
    following,
    free_port,
    made_server,
    mosquitto,
    need_root,
    port_options,
    publish,
    valid_frames,
    wait_until,
)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_end_it_with_the_summary(tmp_path: Path, number: int) -> None:
    """Ctrl-C and SIGTERM give the summary, the exit code of the findings, and a valid file."""
    out = tmp_path / "out.pcapng"
    with (
        made_server(bytes.fromhex("20020100")) as port,
        following("-i", "lo", *port_options(port), "-w", str(out)) as live,
    ):
        with socket.create_connection(("127.0.0.1", port), 5) as client:
            client.sendall(bytes.fromhex("100d00044d5154540402003c000161"))
            wait_until(lambda: any("SES01" in line for line in live.lines), "the finding")
        assert live.stop(number) == 1
    text = "".join(live.lines)
    assert re.search(
        r'accepted MQTT 3\.1\.1 "a" 127\.0\.0\.1:\d+ > 127\.0\.0\.1:\d+ cleanSess', text
    )
    assert "SES01 session-present-after-clean-session" in text  # its block, as in `analyze`
    assert "1 handshake: 1 accepted." in text
    assert "0 frames dropped by the kernel." in text
    assert re.search(rf"\b{valid_frames(out)} frames", text)


def test_an_interface_that_vanishes_ends_it(spaces: Place, tmp_path: Path) -> None:
    """When the interface is deleted: one line, the summary, exit 2, and a valid file."""
    out = tmp_path / "out.pcapng"
    with mosquitto(spaces, 1883, tmp_path):
        with following(
            "-i", spaces.interface, "--format", "jsonl", "-w", str(out), place=spaces
        ) as live:
            publish(spaces, spaces.v4, 1883, "seen")
            live.wait_for("handshake")
            subprocess.run(
                [*spaces.server, "ip", "link", "set", spaces.interface, "down"],
                check=True, timeout=20,
            )  # fmt: skip
            wait_until(lambda: live.of("captureWarning"), "the warning")
            assert live.of("captureWarning")[0]["kind"] == "interface-down"
            assert live.process.poll() is None
            subprocess.run(
                [*spaces.server, "ip", "link", "del", spaces.interface], check=True, timeout=20
            )
            assert live.wait() == 2
        assert f"{spaces.interface} was removed; start again when it is back" in live.stderr
        summary = live.of("summary")[0]
        assert (summary["accepted"], summary["capture"]["frames"]) == (1, valid_frames(out))


def test_capturing_continues_when_an_interface_comes_back(spaces: Place, tmp_path: Path) -> None:
    """Capturing continues on an interface that goes down and up again."""
    with (
        mosquitto(spaces, 1883, tmp_path),
        following("-i", spaces.interface, "--format", "jsonl", place=spaces) as live,
    ):
        for state in ("down", "up"):
            subprocess.run(
                [*spaces.server, "ip", "link", "set", spaces.interface, state],
                check=True, timeout=20,
            )  # fmt: skip
        publish(spaces, spaces.v4, 1883, "again")
        live.wait_for("handshake")
        assert live.stop() == 0


def only_child(process: int) -> int:
    """Returns the only child of a process."""
    (child,) = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    return int(child)


@pytest.mark.parametrize("killed", ["dumpcap", "its supervisor"])
def test_a_dumpcap_that_is_killed_ends_it(spaces: Place, tmp_path: Path, killed: str) -> None:
    """When dumpcap or its supervisor is killed: one line, the summary, exit 2, and a valid file."""
    out = tmp_path / "out.pcapng"
    with (
        mosquitto(spaces, 1883, tmp_path),
        following(
            "-i", spaces.interface, "--means", "dumpcap", "--format", "jsonl", "-w", str(out),
            place=spaces,
        ) as live,
    ):  # fmt: skip
        publish(spaces, spaces.v4, 1883, "seen")
        live.wait_for("handshake")
        child = only_child(live.process.pid)
        dumpcap = only_child(child)
        assert b"dumpcap" in Path(f"/proc/{dumpcap}/cmdline").read_bytes()
        os.kill(dumpcap if killed == "dumpcap" else child, signal.SIGKILL)
        assert live.wait() == 2
    assert "dumpcap ended: it was killed by signal 9; start again" in live.stderr
    summary = live.of("summary")[0]
    assert (summary["accepted"], summary["capture"]["frames"]) == (1, valid_frames(out))


def test_a_closed_standard_output_ends_it(tmp_path: Path) -> None:
    """When standard output is closed it ends at once without an error, and the file is valid."""
    need_root()
    out = tmp_path / "out.pcapng"
    port = free_port()
    with mosquitto(LOOPBACK, port, tmp_path), started(
        [sys.executable, "-m", "dissector", "live", "-i", "lo", "-w", str(out),
         *port_options(port)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=CLEAN,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stderr is not None
        assert b"listening" in process.stderr.readline()
        publish(LOOPBACK, "127.0.0.1", port, "seen")
        assert b"seen" in process.stdout.readline()
        process.stdout.close()
        notes = process.stderr.read()
        assert process.wait(20) == 0
    assert notes == b""
    assert valid_frames(out)


def test_without_permission_the_suggested_command_works(spaces: Place, tmp_path: Path) -> None:
    """A user without permission gets exit 2 and commands that help; one of them is run."""
    need_tool("setpriv")
    need_tool("tcpdump")
    other = spaces._replace(server=(*spaces.server, *NOBODY))
    with following("-i", spaces.interface, place=other, listening=False) as live:
        assert live.wait() == 2
    (line,) = live.notes
    assert line.startswith(f"dissector: you may not capture on {spaces.interface}: ")
    assert "setcap" not in line
    assert "python" not in line
    if shutil.which("dumpcap"):
        assert "usermod -aG wireshark" in line
    command = re.search(r"sudo (tcpdump -i \S+ -U -w -) \| dissector live -", line)
    assert command is not None
    with mosquitto(spaces, 1883, tmp_path):
        dump = subprocess.Popen(
            [*spaces.server, *command[1].split()], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        try:
            with following("-", "--format", "jsonl", place=other, stdin=dump.stdout) as live:
                assert dump.stderr is not None
                assert b"listening" in dump.stderr.readline()
                publish(spaces, spaces.v4, 1883, "piped")
                live.wait_for("handshake")
                assert live.stop(signal.SIGTERM) == 0
        finally:
            dump.kill()
            dump.communicate()


@pytest.mark.parametrize("width", [60, 80, 120])
def test_messages_fit_the_terminal(width: int) -> None:
    """A status line is updated each second and removed before other output; all lines fit.

    Lines break between words. Without MQTT the end names `--all-tcp`.
    """
    need_root()
    main, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, width, 0, 0))
    process = subprocess.Popen(
        [sys.executable, "-m", "dissector", "live", "-i", "lo", "-a", "duration:2.5",
         *port_options(free_port())],
        stdout=terminal, stderr=terminal, env=CLEAN,
    )  # fmt: skip
    os.close(terminal)
    output = b""
    end = time.monotonic() + 20
    while time.monotonic() < end and (
        process.poll() is None or select.select([main], [], [], 0)[0]
    ):
        if select.select([main], [], [], 0.1)[0]:
            try:
                output += os.read(main, 4096)
            except OSError:
                break
    os.close(main)
    assert process.wait(20) == 0
    assert output.count(b"\r0 frames, ") >= 2
    assert (b"0 TCP gaps\x1b[K" in output) is (width == 120)
    assert output.index(b"NO MQTT") > output.rindex(b"\r\x1b[K")
    lines = output.replace(b"\x1b[K", b"").replace(b"\r", b"\n").decode().split("\n")
    assert max(map(len, lines)) <= width
    assert "looks for MQTT on every TCP port" in " ".join(output.decode().split())


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ((), "--all-tcp looks for MQTT"),
        (("--all-tcp",), ""),
        (("-f", "udp port 9"), "only what the filter 'udp port 9' passes was captured; --all-tcp"),
    ],
)
def test_the_filter_is_named_if_nothing_was_seen(words: tuple[str, ...], shown: str) -> None:
    """Without MQTT the end says what the capture filter may have left out."""
    need_root()
    ran = dissector("live", "-i", "lo", "-a", "duration:0.3", *words)
    assert ran.code == 0
    end = ran.err[ran.err.index("NO MQTT") :]
    assert shown in end
    assert ("was captured" in end or "were captured" in end) is bool(shown)


def test_drops_are_counted_exactly(spaces: Place) -> None:
    """When the process is stopped and the buffer overflows, the number of drops is exact."""
    count, size = 6000, 1000
    send = (
        "import socket, time\n"
        "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
        f"for number in range({count}):\n    s.sendto(bytes({size}), ('{spaces.v4}', 9))\n"
        "    number % 50 or time.sleep(0.001)\n"  # no faster than the interface sends
    )
    with following(
        "-i", spaces.interface, "-f", "udp dst port 9", "--buffer", "2", "--format", "jsonl",
        place=spaces,
    ) as live:  # fmt: skip
        live.process.send_signal(signal.SIGSTOP)
        subprocess.run([*spaces.client, sys.executable, "-c", send], check=True, timeout=20)
        live.process.send_signal(signal.SIGCONT)
        warnings = live.wait_for("captureWarning")
        assert live.stop() == 0
    capture = live.of("summary")[0]["capture"]
    assert capture["dropped"] > 0
    assert capture["frames"] > 0
    assert capture["frames"] + capture["dropped"] == count
    assert warnings[0]["kind"] == "dropped"
    assert f"{capture['dropped']} in total" in live.of("captureWarning")[-1]["message"]


def test_interfaces_are_listed(spaces: Place) -> None:
    """`-D` lists every interface with its number, its state and its addresses."""
    done = subprocess.run(
        [*spaces.server, sys.executable, "-m", "dissector", "live", "-D"],
        capture_output=True, env=CLEAN, check=True, timeout=20,
    )  # fmt: skip
    text = done.stdout.decode()
    assert re.search(r"^ \d lo +up +127\.0\.0\.1, ::1$", text, re.MULTILINE)
    assert re.search(
        rf"^ \d {spaces.interface} +up +{spaces.v4}, .*{spaces.v6}", text, re.MULTILINE
    )
    assert "any" in text


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("-f", "tcp prt 3"), "-f tcp prt 3: can't parse filter expression"),
        (("-w", "-"), "-w - would mix with the report"),
        (("-f", "tcp", "--all-tcp"), "are two filters"),
    ],
)
def test_misuse_is_one_line(words: tuple[str, ...], message: str) -> None:
    """Misuse that is detected when capturing starts is one line and exit 2."""
    need_root()
    ran = dissector("live", "-i", "lo", *words)
    assert (ran.code, ran.out) == (2, "")
    assert message in ran.err


def test_an_input_that_is_no_capture(tmp_path: Path) -> None:
    """Standard input that is no capture is exit 2, as for a file."""
    ran = dissector("live", "-", stdin=b"this is text\n" * 20)
    assert ran.code == 2
    assert "this is not a capture file" in ran.err


def test_a_truncated_pipe_gives_a_warning(bad: bytes) -> None:
    """A capture on standard input with a truncated last record is analyzed, with a warning."""
    ran = dissector("live", "-", "--format", "jsonl", stdin=bad[:-5])
    assert ran.code == 1
    kinds = [json.loads(line).get("kind") for line in ran.out.splitlines()]
    assert "cut-record" in kinds
    assert '"rule":"SES01"' in ran.out


@pytest.fixture
def bad() -> bytes:
    """Returns a capture with one error."""
    steps = ("C 10 0d 00 04 4d 51 54 54 04 02 00 3c 00 01 61", "S 20 02 01 00", "C e0 00")
    return pcap(conversation(steps))
