"""Sends MQTT in WebSocket frames that no library would send, each case on its own connection.

usage: raw_websocket_client.py ROUTINE HOST PORT

ROUTINE is "frames". Each case upgrades to WebSocket, sends its segments, DISCONNECT and a Close
frame, and closes. How the server reacts is visible in the capture only.
"""

import base64
import hashlib
import os
import socket
import sys
import time
from dataclasses import dataclass

PAUSE = 0.1
TIMEOUT = 1.0
"""Seconds that a server has to answer, and to close."""

PINGREQ = b"\xc0\x00"
DISCONNECT = b"\xe0\x00"


def connect(client_id: str) -> bytes:
    """Encodes a 3.1.1 CONNECT with a clean session."""
    name = client_id.encode()
    body = b"\x00\x04MQTT\x04\x02\x00\x3c" + len(name).to_bytes(2) + name
    return bytes([0x10, len(body)]) + body


def frame(data: bytes, opcode: int = 2, *, final: bool = True, masked: bool = True) -> bytes:
    """Encodes a WebSocket frame of the client."""
    assert len(data) < 126
    head = bytes([opcode | (0x80 if final else 0), len(data) | (0x80 if masked else 0)])
    if not masked:
        return head + data
    mask = os.urandom(4)
    return head + mask + bytes(byte ^ mask[index % 4] for index, byte in enumerate(data))


@dataclass(frozen=True)
class WebSocketCase:
    """The subprotocols that one connection offers, and its segments after the upgrade."""

    name: str
    offer: str | None
    segments: tuple[bytes, ...]


def cases() -> list[WebSocketCase]:
    """Returns all cases; the client id of each is its name."""
    split = connect("fragments")
    loose = connect("loose") + PINGREQ
    whole = frame(connect("bytes"))
    return [
        WebSocketCase("binary", "mqtt", (frame(connect("binary")), frame(PINGREQ))),
        WebSocketCase("text", "mqtt", (frame(connect("text"), 1),)),
        WebSocketCase("none", None, (frame(connect("none")),)),
        WebSocketCase("old", "mqttv3.1", (frame(connect("old")),)),
        WebSocketCase("several", "mqttv3.1, mqtt", (frame(connect("several")),)),
        WebSocketCase(
            "fragments",
            "mqtt",
            (
                frame(split[:5], final=False),
                frame(b"here?", 9),
                frame(split[5:9], 0, final=False) + frame(split[9:], 0),
            ),
        ),
        WebSocketCase(
            "loose", "mqtt", (frame(loose[:3]), frame(loose[3:-1]), frame(loose[-1:] + PINGREQ))
        ),
        WebSocketCase("bytes", "mqtt", tuple(whole[at : at + 1] for at in range(len(whole)))),
        WebSocketCase("unmasked", "mqtt", (frame(connect("unmasked"), masked=False),)),
        WebSocketCase("reserved", "mqtt", (frame(connect("reserved")), frame(b"what?", 3))),
    ]


def upgrade(connection: socket.socket, host: str, offer: str | None) -> bool:
    """Requests WebSocket; returns whether the server agrees."""
    key = base64.b64encode(hashlib.md5(os.urandom(8)).digest()).decode()
    lines = [
        "GET /mqtt HTTP/1.1", f"Host: {host}", "Upgrade: websocket", "Connection: Upgrade",
        f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13",
        *([f"Sec-WebSocket-Protocol: {offer}"] if offer else []), "", "",
    ]  # fmt: skip
    connection.sendall("\r\n".join(lines).encode())
    return receive(connection).startswith(b"HTTP/1.1 101")


def receive(connection: socket.socket) -> bytes:
    """Returns what the server sends within `TIMEOUT`, at most 4096 bytes."""
    try:
        return connection.recv(4096)
    except OSError:
        return b""


def run_case(case: WebSocketCase, host: str, port: int) -> None:
    """Runs one case."""
    with socket.create_connection((host, port)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.settimeout(TIMEOUT)
        if upgrade(connection, host, case.offer):
            try:
                for segment in case.segments:
                    connection.sendall(segment)
                    time.sleep(PAUSE if len(segment) > 1 else 0.01)
                receive(connection)
                masked = case.name != "unmasked"
                connection.sendall(frame(DISCONNECT, masked=masked))
                time.sleep(PAUSE)
                connection.sendall(frame(b"\x03\xe8", 8, masked=masked))
            except OSError:
                pass  # the server has closed the connection
            while receive(connection):
                pass
    time.sleep(PAUSE)


if __name__ == "__main__":
    assert sys.argv[1] == "frames"
    for each in cases():
        run_case(each, sys.argv[2], int(sys.argv[3]))
