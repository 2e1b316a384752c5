"""A scene's name and a server in, WebSocket frames with MQTT that no library would send out.

usage: raw_websocket_client.py SCENE HOST PORT

Each case is a connection of its own: it upgrades to WebSocket, sends its steps, says DISCONNECT and
a Close frame, and closes. What a server does with it is for the capture to show.
"""

import base64
import hashlib
import os
import socket
import sys
import time
from dataclasses import dataclass

PAUSE = 0.1
PATIENCE = 1.0
"""Seconds that a server is given to answer, and to close."""

PINGREQ = b"\xc0\x00"
DISCONNECT = b"\xe0\x00"


def connect(client_id: str) -> bytes:
    """Encode a 3.1.1 CONNECT with a clean session."""
    name = client_id.encode()
    body = b"\x00\x04MQTT\x04\x02\x00\x3c" + len(name).to_bytes(2) + name
    return bytes([0x10, len(body)]) + body


def frame(data: bytes, opcode: int = 2, *, final: bool = True, masked: bool = True) -> bytes:
    """Encode a frame of the client."""
    assert len(data) < 126
    head = bytes([opcode | (0x80 if final else 0), len(data) | (0x80 if masked else 0)])
    if not masked:
        return head + data
    mask = os.urandom(4)
    return head + mask + bytes(byte ^ mask[index % 4] for index, byte in enumerate(data))


@dataclass(frozen=True)
class WebSocketCase:
    """What one connection offers, and the segments that it sends after the upgrade."""

    name: str
    offer: str | None
    segments: tuple[bytes, ...]


def cases() -> list[WebSocketCase]:
    """Make all cases; the client id of each is its name."""
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


def upgrade(place: socket.socket, host: str, offer: str | None) -> bool:
    """Ask for WebSocket; whether the server agrees."""
    key = base64.b64encode(hashlib.md5(os.urandom(8)).digest()).decode()
    lines = [
        "GET /mqtt HTTP/1.1", f"Host: {host}", "Upgrade: websocket", "Connection: Upgrade",
        f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13",
        *([f"Sec-WebSocket-Protocol: {offer}"] if offer else []), "", "",
    ]  # fmt: skip
    place.sendall("\r\n".join(lines).encode())
    return hear(place).startswith(b"HTTP/1.1 101")


def hear(place: socket.socket) -> bytes:
    """Give what comes within the patience."""
    try:
        return place.recv(4096)
    except OSError:
        return b""


def play(case: WebSocketCase, host: str, port: int) -> None:
    """Play one case."""
    with socket.create_connection((host, port)) as place:
        place.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        place.settimeout(PATIENCE)
        if upgrade(place, host, case.offer):
            try:
                for segment in case.segments:
                    place.sendall(segment)
                    time.sleep(PAUSE if len(segment) > 1 else 0.01)
                hear(place)
                masked = case.name != "unmasked"
                place.sendall(frame(DISCONNECT, masked=masked))
                time.sleep(PAUSE)
                place.sendall(frame(b"\x03\xe8", 8, masked=masked))
            except OSError:
                pass  # the server has had enough
            while hear(place):
                pass
    time.sleep(PAUSE)


if __name__ == "__main__":
    assert sys.argv[1] == "frames"
    for each in cases():
        play(each, sys.argv[2], int(sys.argv[3]))
