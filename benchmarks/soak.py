"""Soak test: checks that the memory of `dissector live` does not grow over hours.

Loopback only. A few connections per second go to a server in this program: most connect, publish
and close; some are refused and left open, some send nothing, some get no answer. The number of
unfinished connections is bounded: above the bound the oldest is closed for each new one. The test
fails if memory grows.

    python benchmarks/soak.py --minutes 60
"""

import argparse
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from contextlib import suppress
from pathlib import Path

_ACCEPTED, _REFUSED = bytes.fromhex("20020000"), bytes.fromhex("20020005")
_UNANSWERED, _SESSION = b"n", b"s"  # first letters of client ids with special answers
_REFUSE = b"r"
_DISCONNECT = bytes.fromhex("e000")


def _connect(client_id: bytes) -> bytes:
    body = bytes.fromhex("00044d5154540402003c") + len(client_id).to_bytes(2, "big") + client_id
    return bytes((0x10, len(body))) + body


def _publish(topic: bytes, payload: bytes) -> bytes:
    body = len(topic).to_bytes(2, "big") + topic + payload
    return bytes((0x30, len(body))) + body


def _answer(one: socket.socket) -> None:
    """Serves one connection; the client id decides on the answer."""
    with suppress(OSError), one:
        one.settimeout(3600)
        request = one.recv(4096)
        kind = request[14:15]
        if kind == _UNANSWERED:
            one.recv(1)
            return
        one.sendall(
            _REFUSED if kind == _REFUSE else b"\x20\x02\x01\x00" if kind == _SESSION else _ACCEPTED
        )
        while one.recv(4096):
            pass


def _serve(listener: socket.socket) -> None:
    with suppress(OSError):
        while True:
            one, _ = listener.accept()
            threading.Thread(target=_answer, args=(one,), daemon=True).start()


class _Clients:
    """Opens connections; keeps at most `bound` unfinished ones open."""

    def __init__(self, port: int, bound: int) -> None:
        self.made = 0
        self._port = port
        self._bound = bound
        self._open: deque[socket.socket] = deque()

    def next(self) -> None:
        """Opens the next connection; one in ten is left unfinished."""
        self.made += 1
        number = b"%07d" % self.made
        one = socket.create_connection(("127.0.0.1", self._port), 10)
        kind = self.made % 30
        if kind in (3, 13, 23):
            if kind != 3:
                one.sendall(_connect((_UNANSWERED if kind == 13 else _REFUSE) + number))
            self._open.append(one)
            if len(self._open) > self._bound:
                self._open.popleft().close()
            return
        with one:
            one.sendall(_connect((_SESSION if kind == 7 else b"c") + number))
            one.recv(4)
            for _ in range(self.made % 5):
                one.sendall(_publish(b"soak/" + number, bytes(self.made % 90)))
            one.sendall(_DISCONNECT)


def _resident(process: int) -> int:
    """Returns the resident memory of a process in KiB."""
    for line in Path(f"/proc/{process}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise SystemExit("dissector live has ended")


def main() -> None:
    """Runs the test, prints the memory once a minute, and fails if it grows."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--rate", type=float, default=5, help="connections per second")
    parser.add_argument("--unfinished", type=int, default=200, help="connections that stay open")
    parser.add_argument("--python", default=sys.executable, help="a Python with the package")
    arguments = parser.parse_args()
    listener = socket.create_server(("127.0.0.1", 0), backlog=128)
    threading.Thread(target=_serve, args=(listener,), daemon=True).start()
    port = listener.getsockname()[1]
    with tempfile.TemporaryDirectory() as directory:
        report, ring = Path(directory, "report.txt"), Path(directory, "ring.pcapng")
        command = [
            arguments.python, "-m", "dissector", "live", "-i", "lo", "-f", f"tcp port {port}",
            "-d", f"tcp.port=={port},mqtt", "--output", str(report),
            "-w", str(ring), "-b", "filesize:1000", "-b", "files:3",
        ]  # fmt: skip
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        clients = _Clients(port, arguments.unfinished)
        begin = time.monotonic()
        samples: list[tuple[float, int]] = []
        while (passed := time.monotonic() - begin) < 60 * arguments.minutes:
            clients.next()
            if passed >= 60 * len(samples):
                samples.append((passed / 60, _resident(process.pid)))
                print(f"{samples[-1][0]:6.1f} min {samples[-1][1] / 1024:8.1f} MiB resident, "
                      f"{clients.made} connections made", flush=True)  # fmt: skip
            time.sleep(1 / arguments.rate)
        samples.append((arguments.minutes, _resident(process.pid)))
        process.send_signal(signal.SIGINT)
        code = process.wait(60)
        kept = sorted(file.name for file in Path(directory).glob("ring_*"))
        tail = report.read_text().splitlines()[-12:]
    settled = [size for at, size in samples if at >= arguments.minutes / 3]
    grown = settled[-1] - settled[0]
    print("\n".join(tail))
    print(json.dumps({
        "minutes": arguments.minutes, "connections": clients.made, "exit": code,
        "first KiB": samples[0][1], "after a third KiB": settled[0], "last KiB": settled[-1],
        "most KiB": max(size for _, size in samples), "ring": kept,
    }))  # fmt: skip
    if grown > 4096:
        raise SystemExit(f"it grew by {grown} KiB in the last two thirds")


if __name__ == "__main__":
    os.nice(5)
    main()
