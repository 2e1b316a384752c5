"""Packets that many examples share, as steps of `Example`."""

from __future__ import annotations

# CONNECT with client id "a", a clean session, keep alive 60 s
CONNECT_31 = "C 10 0f 00 06 4d 51 49 73 64 70 03 02 00 3c 00 01 61"
CONNECT_311 = "C 10 0d 00 04 4d 51 54 54 04 02 00 3c 00 01 61"
CONNECT_5 = "C 10 0e 00 04 4d 51 54 54 05 02 00 3c 00 00 01 61"
# 5.0 with the Authentication Method "M"
CONNECT_5_METHOD = "C 10 12 00 04 4d 51 54 54 05 02 00 3c 04 15 00 01 4d 00 01 61"

ACCEPTED_311 = "S 20 02 00 00"
ACCEPTED_5 = "S 20 03 00 00 00"
ACCEPTED_5_METHOD = "S 20 07 00 00 04 15 00 01 4d"
REFUSED_311 = "S 20 02 00 05"
REFUSED_5 = "S 20 03 00 87 00"

DISCONNECT = "C e0 00"
# how a connection ends well
GOODBYE = (DISCONNECT, "C FIN", "S FIN")
SERVER_CLOSES = ("S FIN", "C FIN")
CLIENT_CLOSES = ("C FIN", "S FIN")

# How MQTT over WebSocket begins: the client's request, the server's answer (RFC 6455)
_MASK = bytes.fromhex("37fa213d")


def http(side: str, *lines: str) -> str:
    """Make the step that sends an HTTP head: ``http("C", "GET /mqtt HTTP/1.1", …)``."""
    return f"{side} " + "".join(f"{line}\r\n" for line in (*lines, "")).encode("ascii").hex(" ")


def websocket_request(*subprotocols: str) -> str:
    """Make a client's request for an upgrade."""
    offer = [f"Sec-WebSocket-Protocol: {', '.join(subprotocols)}"] if subprotocols else []
    return http(
        "C", "GET /mqtt HTTP/1.1", "Host: mqtt.example", "Upgrade: websocket",
        "Connection: Upgrade", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version: 13", *offer,
    )  # fmt: skip


def websocket_answer(subprotocol: str | None = None) -> str:
    """Make the server's consent."""
    choice = [f"Sec-WebSocket-Protocol: {subprotocol}"] if subprotocol else []
    return http(
        "S", "HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade",
        "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", *choice,
    )  # fmt: skip


def framed(step: str, opcode: int = 2) -> str:
    """Put what a step sends into a WebSocket frame: 2 is a binary one, 1 text, 8 Close."""
    side, _, digits = step.partition(" ")
    data = bytes.fromhex(digits)
    assert len(data) < 126
    masked = side == "C"
    head = bytes((0x80 | opcode, (0x80 if masked else 0) | len(data)))
    if masked:
        head += _MASK
        data = bytes(byte ^ _MASK[index % 4] for index, byte in enumerate(data))
    return f"{side} {(head + data).hex(' ')}"


WEBSOCKET = (websocket_request("mqtt"), websocket_answer("mqtt"))
WEBSOCKET_GOODBYE = (
    framed(DISCONNECT),
    framed("C 03 e8", 8),
    framed("S 03 e8", 8),
    "S FIN",
    "C FIN",
)
