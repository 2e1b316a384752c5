"""Test harness for live captures: namespaces, a real server, real clients, and the command.

All names are unique and everything is cleaned up. Traffic stays on this machine.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import pytest

from tests.capture.builders import read
from tests.cli.running import CLEAN
from tests.conftest import need_tool

# Another user with root's read permission, so that this tree may be anywhere
NOBODY = (
    "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
    "--inh-caps=-all,+dac_read_search", "--ambient-caps=-all,+dac_read_search",
)  # fmt: skip
TIMEOUT = 20.0  # seconds that anything may take on a busy machine
_numbers = iter(range(1000))


def need_root() -> None:
    """Skips the test if raw sockets and namespaces are not permitted; fails in CI."""
    if os.geteuid() != 0:
        if os.environ.get("DISSECTOR_CI"):
            pytest.fail("capturing and namespaces need root")
        pytest.skip("capturing and namespaces need root")


def open_to_others(directory: Path) -> None:
    """Makes a temporary directory of pytest readable by other users."""
    top = Path(tempfile.gettempdir())
    for each in (directory, *directory.parents):
        if each == top or each == each.parent:
            return
        each.chmod(0o755)


class Place(NamedTuple):
    """A network for traffic: command prefixes of server and client side, interface, addresses."""

    server: tuple[str, ...]
    client: tuple[str, ...]
    interface: str
    v4: str
    v6: str
    peer: str  # the interface of the client's side


LOOPBACK = Place((), (), "lo", "127.0.0.1", "::1", "lo")


@contextlib.contextmanager
def namespaces() -> Iterator[Place]:
    """Makes two namespaces with a veth pair between them, and removes them."""
    need_root()
    need_tool("ip")
    name = f"dl{os.getpid()}x{next(_numbers)}"
    one, two = f"{name}s", f"{name}c"
    v4, v6 = "10.213.7.1", "fd00:213:7::1"

    def ip(*words: str) -> None:
        subprocess.run(["ip", *words], check=True, capture_output=True, timeout=TIMEOUT)

    try:
        ip("netns", "add", one)
        ip("netns", "add", two)
        ip("link", "add", "veths", "netns", one, "type", "veth", "peer", "vethc", "netns", two)
        for space, link, host in ((one, "veths", "1"), (two, "vethc", "2")):
            ip("-n", space, "link", "set", "lo", "up")
            ip("-n", space, "addr", "add", f"10.213.7.{host}/24", "dev", link)
            ip("-n", space, "addr", "add", f"fd00:213:7::{host}/64", "dev", link, "nodad")
            ip("-n", space, "link", "set", link, "up")
        inside = ("ip", "netns", "exec")
        yield Place((*inside, one), (*inside, two), "veths", v4, v6, "vethc")
    finally:
        for space in (one, two):
            subprocess.run(["ip", "netns", "del", space], capture_output=True, timeout=TIMEOUT)


def free_port() -> int:
    """Returns an unused port of the loopback interface."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def port_options(*ports: int) -> tuple[str, ...]:
    """Returns options for MQTT on only these ports, because loopback has other traffic."""
    words = [word for port in ports for word in ("-d", f"tcp.port=={port},mqtt")]
    return (*words, "-f", " or ".join(f"tcp port {port}" for port in ports))


def wait_until(ready: Callable[[], object], what: str) -> None:
    """Waits for a condition; fails after a timeout."""
    end = time.monotonic() + TIMEOUT
    while not ready():
        assert time.monotonic() < end, f"it took too long: {what}"
        time.sleep(0.01)


@contextlib.contextmanager
def mosquitto(
    place: Place, port: int, directory: Path, users: Mapping[str, str] | None = None
) -> Iterator[None]:
    """Runs Mosquitto on IPv4 and IPv6; anonymous clients may connect, `users` with a password."""
    program = need_tool("mosquitto")
    config = directory / f"mosquitto-{port}.conf"
    text = f"listener {port} 0.0.0.0\nlistener {port} ::\nallow_anonymous true\nuser root\n"
    if users is not None:
        passwords = directory / f"passwords-{port}"
        passwords.write_text("".join(f"{name}:{secret}\n" for name, secret in users.items()))
        subprocess.run(
            [need_tool("mosquitto_passwd"), "-U", str(passwords)], check=True, timeout=TIMEOUT
        )
        text += f"password_file {passwords}\n"
    config.write_text(text)
    process = subprocess.Popen(
        [*place.server, program, "-c", str(config)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        probe = [*place.client, sys.executable, "-c", _PROBE]
        for host in (place.v4, place.v6):
            done = subprocess.run([*probe, host, str(port)], check=False, timeout=TIMEOUT)
            assert done.returncode == 0, "the server did not start"
        yield
    finally:
        process.terminate()
        process.wait(TIMEOUT)


_PROBE = """
import socket, sys, time
for _ in range(300):
    try:
        socket.create_connection((sys.argv[1], int(sys.argv[2])), 5).close()
        break
    except OSError:
        time.sleep(0.05)
else:
    sys.exit(1)
"""


def seconds(text: str) -> float:
    """Returns a record's time in seconds since the epoch."""
    return datetime.fromisoformat(text[:26] + "+00:00").timestamp()


class LiveProcess:
    """A running `dissector live`; `records` are its JSON lines so far, `arrived` their times."""

    def __init__(self, arguments: tuple[str, ...], place: Place, **more: Any) -> None:
        self.records: list[dict[str, Any]] = []
        self.arrived: list[float] = []
        self.lines: list[str] = []
        self.notes: list[str] = []
        self._given = queue.Queue[None]()
        environment = {**CLEAN, **more.pop("environment", {})}
        self.process = subprocess.Popen(
            [*place.server, sys.executable, "-m", "dissector", "live", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            stdin=more.pop("stdin", subprocess.DEVNULL),
            env=environment,
            **more,
        )
        self._threads = [
            threading.Thread(target=self._read, daemon=True),
            threading.Thread(target=self._read_notes, daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    def __repr__(self) -> str:
        return f"<dissector live, exit {self.process.returncode}, standard error {self.stderr!r}>"

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.arrived.append(time.time())
            self.lines.append(line.decode())
            if line.startswith(b"{"):
                self.records.append(json.loads(line))

    def _read_notes(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.notes.append(line.decode())

    def late(self) -> list[tuple[str, float]]:
        """Returns handshakes reported over 100 ms after their CONNACK: client id, seconds."""
        waits = [
            (record["connect"]["clientId"], at - seconds(record["connack"]["time"]))
            for at, record in zip(list(self.arrived), list(self.records), strict=False)
            if record["type"] == "handshake"
        ]
        return [(name, waited) for name, waited in waits if waited >= 0.1]

    def of(self, kind: str) -> list[dict[str, Any]]:
        """Returns the records of one type."""
        return [record for record in list(self.records) if record["type"] == kind]

    def wait_for(self, kind: str, count: int = 1) -> list[dict[str, Any]]:
        """Waits for a number of records of a type; returns them."""
        wait_until(
            lambda: len(self.of(kind)) >= count or self.process.poll() is not None,
            f"{count} x {kind}; there are {self.of(kind)} {self.notes}",
        )
        return self.of(kind)

    def stop(self, number: int = signal.SIGINT) -> int:
        """Sends a signal, waits for the end, and returns the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.wait()

    def wait(self) -> int:
        """Waits for the end and returns the exit code."""
        code = self.process.wait(TIMEOUT)
        for thread in self._threads:
            thread.join(TIMEOUT)
        assert "Traceback" not in self.stderr, self.stderr
        return code

    @property
    def stderr(self) -> str:
        """Standard error so far."""
        return "".join(self.notes)

    def close(self) -> None:
        """Kills the process if it is running."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(TIMEOUT)
        for thread in self._threads:
            thread.join(TIMEOUT)
        for stream in (self.process.stdout, self.process.stderr):
            if stream is not None:
                stream.close()


@contextlib.contextmanager
def following(
    *arguments: str, place: Place = LOOPBACK, listening: bool = True, **more: Any
) -> Iterator[LiveProcess]:
    """Runs `dissector live` with these arguments until the block ends."""
    need_root()
    run = LiveProcess(arguments, place, **more)
    try:
        if listening:
            wait_until(lambda: "listening" in run.stderr or run.process.poll() is not None, "start")
        yield run
    finally:
        run.close()


def valid_frames(path: Path) -> int:
    """Returns the number of frames of a file that tshark and our reader read without warnings."""
    done = subprocess.run(
        [need_tool("tshark"), "-r", str(path), "-T", "fields", "-e", "frame.number"],
        capture_output=True, check=False, timeout=60,
    )  # fmt: skip
    faults = [line for line in done.stderr.splitlines() if b"Running as user" not in line]
    assert (done.returncode, faults) == (0, [])
    frames, warnings, _ = read(path)
    assert not warnings
    assert len(frames) == len(done.stdout.splitlines())
    return len(frames)


_Measured = TypeVar("_Measured")


def in_time(scenario: Callable[[], tuple[LiveProcess, _Measured]]) -> tuple[LiveProcess, _Measured]:
    """Runs a scenario until every handshake is reported in time; up to three tries."""
    late = []
    for _ in range(3):
        live, reported = scenario()
        late.append(live.late())
        if not late[-1]:
            return live, reported
    pytest.fail(f"handshakes were reported late, each time: {late}")


def publish(
    place: Place, host: str, port: int, client_id: str, *words: str, message: str = "hello"
) -> None:
    """Runs a Mosquitto client that connects, publishes, and closes."""
    program = need_tool("mosquitto_pub")
    subprocess.run(
        [*place.client, program, "-h", host, "-p", str(port), "-i", client_id, "-t", "tests/live",
         "-m", message, *words],
        check=True, capture_output=True, timeout=TIMEOUT,
    )  # fmt: skip


@contextlib.contextmanager
def made_server(answer: bytes) -> Iterator[int]:
    """Runs a server on loopback that sends one answer to anything, and never closes."""
    connections: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    one, _ = listener.accept()
                    connections.append(one)
                    one.recv(4096)
                    one.sendall(answer)

        threading.Thread(target=serve, daemon=True).start()
        try:
            yield int(listener.getsockname()[1])
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            for one in connections:
                one.close()
