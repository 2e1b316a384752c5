"""Generates real MQTT traffic on loopback with a number of connections at a rate.

A server and clients in one process: each client connects, publishes with QoS 0 in turn with all
others, and disconnects. The last line printed is JSON: seconds, publishes, frames that the loopback
device carried meanwhile. In a network namespace of its own all of these are from this program.
"""

import argparse
import json
import selectors
import socket
import threading
import time
from pathlib import Path

ACCEPTED, DISCONNECT = bytes.fromhex("20020000"), bytes.fromhex("e000")
_TOPIC = b"benchmark/live"


def connect(client_id: bytes) -> bytes:
    """Returns a CONNECT of MQTT 3.1.1 with a clean session."""
    body = bytes.fromhex("00044d5154540402003c") + len(client_id).to_bytes(2, "big") + client_id
    return bytes((0x10, len(body))) + body


def publish(size: int) -> bytes:
    """Returns a PUBLISH of QoS 0 with a payload of `size` bytes, at most 100."""
    body = len(_TOPIC).to_bytes(2, "big") + _TOPIC + bytes(size)
    return bytes((0x30, len(body))) + body


def serve(listener: socket.socket) -> None:
    """Answers CONNECT on every connection and reads the rest, until the listener is closed."""
    listener.setblocking(False)
    with selectors.DefaultSelector() as selector:
        selector.register(listener, selectors.EVENT_READ, False)
        while True:
            for key, _ in selector.select(0.2):
                own = key.fileobj
                assert isinstance(own, socket.socket)
                if own is listener:
                    try:
                        one, _ = listener.accept()
                    except OSError:
                        continue
                    selector.register(one, selectors.EVENT_READ, True)
                    continue
                data = own.recv(1 << 16)
                if data[:1] == b"\x10":
                    own.sendall(ACCEPTED)
                elif not data:
                    selector.unregister(own)
                    own.close()
            if listener.fileno() < 0:
                return


def frames_received() -> int:
    """Returns the number of frames that the loopback device has received."""
    for line in Path("/proc/net/dev").read_text().splitlines():
        name, _, numbers = line.strip().partition(":")
        if name == "lo":
            return int(numbers.split()[1])
    raise SystemExit("there is no loopback device")


def main() -> None:
    """Generates the traffic."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=1883)
    parser.add_argument("--connections", type=int, default=2000)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--rate", type=float, default=0, help="publishes per second; 0: no limit")
    arguments = parser.parse_args()
    listener = socket.create_server(("127.0.0.1", arguments.port), backlog=512)
    threading.Thread(target=serve, args=(listener,), daemon=True).start()
    before = frames_received()
    clients = []
    for number in range(arguments.connections):
        one = socket.create_connection(("127.0.0.1", arguments.port), 10)
        one.sendall(connect(b"c%06d" % number))
        clients.append(one)
    for one in clients:
        assert one.recv(4) == ACCEPTED
    packet = publish(60)
    sent = 0
    begin = time.monotonic()
    while (passed := time.monotonic() - begin) < arguments.seconds:
        if arguments.rate and sent > passed * arguments.rate:
            time.sleep(0.0005)
            continue
        for one in clients[sent % len(clients) :][:50]:
            one.sendall(packet)
            sent += 1
    for one in clients:
        one.sendall(DISCONNECT)
        one.close()
    time.sleep(0.5)
    frames = frames_received() - before
    print(json.dumps({"seconds": passed, "publishes": sent, "frames": frames}))


if __name__ == "__main__":
    main()
