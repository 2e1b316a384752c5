"""Packets that many examples share, as steps of `Example`."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, ParamSpec

from dissector.rules.base import Step

_P = ParamSpec("_P")

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
# a regular end: DISCONNECT, then both sides close
GRACEFUL_CLOSE = (DISCONNECT, "C FIN", "S FIN")
SERVER_CLOSES = ("S FIN", "C FIN")
CLIENT_CLOSES = ("C FIN", "S FIN")

# MQTT over WebSocket begins with the client's request and the server's answer (RFC 6455)
_MASK = bytes.fromhex("37fa213d")


def http(side: str, *lines: str) -> str:
    """Returns the step that sends an HTTP head: ``http("C", "GET /mqtt HTTP/1.1", …)``."""
    return f"{side} " + "".join(f"{line}\r\n" for line in (*lines, "")).encode("ascii").hex(" ")


def websocket_request(*subprotocols: str) -> str:
    """Returns the step that sends a client's upgrade request."""
    offer = [f"Sec-WebSocket-Protocol: {', '.join(subprotocols)}"] if subprotocols else []
    return http(
        "C", "GET /mqtt HTTP/1.1", "Host: mqtt.example", "Upgrade: websocket",
        "Connection: Upgrade", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version: 13", *offer,
    )  # fmt: skip


def websocket_answer(subprotocol: str | None = None) -> str:
    """Returns the step that sends the server's answer, status 101."""
    choice = [f"Sec-WebSocket-Protocol: {subprotocol}"] if subprotocol else []
    return http(
        "S", "HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade",
        "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", *choice,
    )  # fmt: skip


def framed(step: str, opcode: int = 2) -> str:
    """Wraps the bytes of a step in a WebSocket frame; opcode 2 is binary, 1 text, 8 Close."""
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
WEBSOCKET_CLOSE = (
    framed(DISCONNECT),
    framed("C 03 e8", 8),
    framed("S 03 e8", 8),
    "S FIN",
    "C FIN",
)


def lazy_step(make: Callable[_P, str]) -> Callable[_P, Step]:
    """Delays making a step until its example is read."""

    @functools.wraps(make)
    def deferred(*args: _P.args, **kwargs: _P.kwargs) -> Step:
        return functools.partial(make, *args, **kwargs)

    return deferred


@lazy_step
def connect(
    client_id: str = "a",
    username: str | None = None,
    password: str | bytes | None = None,
    *,
    version: str = "3.1.1",
    level: int | None = None,
    **more: Any,
) -> str:
    """Returns a CONNECT with a clean session and 60 s keep alive; `more`: fields of `Connect`."""
    from dissector.model import Version
    from dissector.mqtt.packets.connect import Connect

    number = {"3.1": 3, "3.1.1": 4, "5.0": 5}[version] if level is None else level
    more = {"clean_session": True, "keep_alive": 60} | more
    record = Connect(
        protocol_name="MQIsdp" if version == "3.1" else "MQTT",
        protocol_level=number,
        version=Version(version),
        client_id=client_id,
        username=username,
        password=password.encode() if isinstance(password, str) else password,
        **more,
    )  # fmt: skip
    return "C " + record.encode().hex(" ")


@lazy_step
def connack_5(*properties: tuple[int, str, Any], code: int = 0) -> str:
    """Returns a CONNACK of 5.0 with properties, each as number, name and value."""
    from dissector.model import Version
    from dissector.mqtt.packets.connack import Connack
    from dissector.mqtt.properties import Property

    made = tuple(Property(number, name, value, 0) for number, name, value in properties)
    record = Connack(version=Version.V5_0, return_code=code, properties=made)
    return "S " + record.encode().hex(" ")
