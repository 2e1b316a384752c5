"""Generates unusual but lawful conversations: odd orders, sizes, properties, empty values.

Each is a list of steps (see `samples/build.py`). A seed decides everything, so that a failing
conversation can be repeated.
"""

from __future__ import annotations

import random

from dissector.model import Version
from dissector.rules.examples import WEBSOCKET, framed

LEVELS = {Version.V3_1: 3, Version.V3_1_1: 4, Version.V5_0: 5}
TEXTS = ("", "a", "\N{LATIN SMALL LETTER E WITH ACUTE}", "\N{GRINNING FACE}", "\ufeffx", "x" * 200)
TOPICS = ("a", "/", "a//b", "$x/y", "/a/", " ", "\N{GRINNING FACE}", "t" * 300)
FILTERS = ("#", "+", "a/+/b", "/#", "$SYS/#", "+/+")


def block(data: bytes) -> bytes:
    """Returns a two-byte length and the bytes."""
    return len(data).to_bytes(2, "big") + data


def variable(value: int) -> bytes:
    """Encodes a Variable Byte Integer."""
    out = b""
    while True:
        value, low = divmod(value, 128)
        out += bytes((low | (0x80 if value else 0),))
        if not value:
            return out


def packet(first: int, body: bytes = b"") -> bytes:
    """Returns a control packet."""
    return bytes((first,)) + variable(len(body)) + body


class UnusualConversation:
    """One lawful conversation of a version, on TCP or in WebSocket frames."""

    def __init__(self, version: Version, transport: str, seed: int) -> None:
        self.version = version
        self.five = version is Version.V5_0
        self.transport = transport
        self.rng = random.Random(f"{version} {transport} {seed}")
        self.steps: list[str] = []
        self.identifier = 0

    def send(self, side: str, *packets: bytes) -> None:
        """Sends packets in one segment, or cut anywhere."""
        data = b"".join(packets)
        if self.transport == "websocket":
            limit = 100  # the helper makes short frames; packets may be split over frames
            parts = [data[at : at + limit] for at in range(0, len(data), limit)]
            self.steps += [framed(f"{side} {part.hex(' ')}") for part in parts]
            return
        cut = self.rng.randrange(len(data)) if self.rng.random() < 0.3 else 0
        self.steps += [f"{side} {part.hex(' ')}" for part in (data[:cut], data[cut:]) if part]

    def properties(self, *items: bytes) -> bytes:
        """Returns a property section in any order, nothing before 5.0."""
        if not self.five:
            return b""
        chosen = [item for item in items if self.rng.random() < 0.5]
        self.rng.shuffle(chosen)
        user = [b"\x26" + block(b"") + block(b"")] * self.rng.choice([0, 0, 1, 3])
        data = b"".join((*chosen, *user))
        return variable(len(data)) + data

    def connect(self) -> bytes:
        """Returns a CONNECT with odd but legal values."""
        rng = self.rng
        old = self.version is Version.V3_1
        self.clean = rng.random() < 0.5
        name = rng.choice(["a", "Z9", "x" * 23] + ([] if old else ["y" * 200, "a-b/c", "\u00e9"]))
        self.unnamed = not old and rng.random() < 0.2
        if self.unnamed:
            name, self.clean = "", self.clean or not self.five
        self.limit = rng.choice([0, 1000, 0xFFFFFFFF])
        flags, payload = 2 * self.clean, block(name.encode())
        self.qos = rng.randrange(3)
        self.retain = rng.random() < 0.5
        if rng.random() < 0.5:
            flags |= 4 | self.qos << 3 | 0x20 * self.retain
            payload += self.properties(
                b"\x18\xff\xff\xff\xff", b"\x01\x00", b"\x02\0\0\0\0", b"\x03" + block(b""),
                b"\x08" + block(rng.choice(TOPICS).encode()), b"\x09" + block(b""),
            )  # fmt: skip
            message = b"" if rng.random() < 0.3 else rng.randbytes(40)
            message = bytes(byte & 0x7F for byte in message) if old else message
            payload += block(rng.choice(TOPICS).encode()) + block(message)
        if rng.random() < 0.5:
            flags |= 0x80
            payload += block(rng.choice(TEXTS).encode())
            if rng.random() < 0.5:
                flags |= 0x40
                payload += block(b"" if old else rng.randbytes(rng.choice([0, 1, 50])))
        elif self.five and rng.random() < 0.3:
            flags |= 0x40
            payload += block(rng.randbytes(20))
        level = LEVELS[self.version] | (0x80 if not self.five and rng.random() < 0.1 else 0)
        keep_alive = rng.choice([0, 1, 60, 0xFFFF])
        head = block(b"MQIsdp" if old else b"MQTT") + bytes((level, flags))
        head += keep_alive.to_bytes(2, "big")
        limit = [b"\x27" + self.limit.to_bytes(4, "big")] if self.limit else []
        self.asked = self.five and rng.random() < 0.3
        fixed = b"".join(limit) + (b"\x19\x01" if self.asked else b"")
        extra = self.properties(
            b"\x11\xff\xff\xff\xff", b"\x21\0\1", b"\x22\0\0", b"\x17\1",
        )  # fmt: skip
        if self.five:
            size = extra[0] if extra[0] < 0x80 else 0
            body = extra[1:] if size == len(extra) - 1 else b""
            extra = variable(len(body) + len(fixed)) + fixed + body
        return packet(0x10, head + extra + payload)

    def connack(self, code: int = 0) -> bytes:
        """Returns a CONNACK with odd but legal values."""
        present = not code and not self.clean and self.version is not Version.V3_1
        flags = int(present and self.rng.random() < 0.5)
        if not self.five:
            return packet(0x20, bytes((flags, code)))
        fixed = b""
        if not code and self.unnamed:
            fixed += b"\x12" + block(b"assigned")
        if self.asked:
            fixed += b"\x1a" + block(b"r/")
        if not code:
            fixed += self.rng.choice([b"", b"\x13\0\0", b"\x21\xff\xff", b"\x2a\0", b"\x25\1"])
        return packet(0x20, bytes((flags, code)) + variable(len(fixed)) + fixed)

    def traffic(self) -> list[tuple[str, bytes]]:
        """Returns packets of an accepted connection with their senders, in a lawful order."""
        rng = self.rng
        self.identifier += 1
        number = self.identifier.to_bytes(2, "big")
        none = b"\0" if self.five else b""
        topic = rng.choice(TOPICS).encode()
        kind = rng.randrange(5)
        if kind == 0:
            body = block(topic) + none + rng.randbytes(rng.choice([0, 1, 200]))
            return [(rng.choice("CS"), packet(0x30 | rng.randrange(2), body))]
        if kind == 1:
            return [
                ("C", packet(0x32, block(topic) + number + none + b"x")),
                ("S", packet(0x40, number)),
            ]
        if kind == 2:
            return [
                ("C", packet(0x34, block(topic) + number + none)), ("S", packet(0x50, number)),
                ("C", packet(0x62, number)), ("S", packet(0x70, number)),
            ]  # fmt: skip
        if kind == 3:
            wanted = rng.choice(FILTERS).encode()
            return [
                ("C", packet(0x82, number + none + block(wanted) + b"\1")),
                ("S", packet(0x90, number + none + bytes((rng.randrange(2),)))),
            ]
        return [("C", b"\xc0\0"), ("S", b"\xd0\0")]

    def close(self) -> None:
        """Closes in any lawful way: graceful, half-closed, by reset, by the server, not at all."""
        rng = self.rng
        kind = rng.randrange(5)
        if kind == 0:
            self.send("C", b"\xe0\0")
        elif kind == 1 and self.five:
            self.send("C", bytes((0xE0, 2, rng.choice([0, 4, 0x80, 0x82, 0x93, 0x99]), 0)))
        elif kind == 2 and self.five:
            self.send("S", bytes((0xE0, 1, rng.choice([0x8B, 0x8E, 0x98, 0x9D]))))
            self.steps += ["S FIN", "C FIN"]
            return
        self.steps += rng.choice([["C FIN", "S FIN"], ["C FIN", "S RST"], ["C RST"], ["C FIN"]])

    def conversation(self) -> tuple[str, ...]:
        """Generates the steps."""
        rng = self.rng
        if self.transport == "websocket":
            self.steps += WEBSOCKET
        connect = self.connect()
        early: list[bytes] = []
        expected: list[tuple[str, bytes]] = []
        if rng.random() < 0.3:  # pipelined before the CONNACK
            (side, data), *rest = self.traffic()
            if side == "C" and len(rest) < 2:
                early, expected = [data], rest
        self.send("C", connect, *early)
        if rng.random() < 0.3:
            self.steps.append(f"+{rng.choice([1, 4, 20])}")
        if rng.random() < 0.15 and not early:
            code = rng.choice([0x80, 0x87, 0x97, 0x9F] if self.five else [3, 4, 5])
            self.send("S", self.connack(code))
            self.steps += rng.choice([["S FIN", "C FIN"], ["S RST"], ["C FIN", "S FIN"]])
            return tuple(self.steps)
        self.send("S", self.connack())
        for side, data in expected:
            self.send(side, data)
        for _ in range(rng.randrange(6)):
            for side, data in self.traffic():
                self.send(side, data)
            if rng.random() < 0.2:
                self.steps.append(f"+{rng.choice([1, 40])}")
        self.close()
        return tuple(self.steps)
