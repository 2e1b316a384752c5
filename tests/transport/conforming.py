"""Generates random captures of peers that conform to the standard, and damages such captures.

The conversations conform in every byte, and are as hard as possible for a parser that is out of
sync: payloads consist of whole control packets, and segments are cut where such a packet begins.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from itertools import pairwise

from tests.net.wire import ACK, PSH, SECOND
from tests.transport.connection_builder import MACS, C, CapturedFrame, ConnectionBuilder, S
from tests.transport.handshakes import block, packet
from tests.transport.row import START, Timed, timed

# Packets that payloads consist of
PACKETS = [
    bytes.fromhex(text)
    for text in (
        "20020100", "2003010000", "20020005", "2003008700", "e000", "e0020000", "f00618041500014d",
        "c000", "d000", "0000", "100c00044d5154540402003c0000", "100d00044d5154540502003c000000",
        "3000", "40020001", "62020001", "c1007f", "ffffffffff", "8206000100016100",
    )
]  # fmt: skip
PING, PONG = b"\xc0\0", b"\xd0\0"
METHOD = b"\x15" + block(b"M")


def properties(*items: bytes) -> bytes:
    """Returns a Property Length and properties of fewer than 128 bytes."""
    data = b"".join(items)
    assert len(data) < 128
    return bytes((len(data),)) + data


class ConformingConversation:
    """Generates one connection from its SYN on. `last`: no other follows, so it may stay open."""

    def __init__(self, rng: random.Random, port: int, last: bool) -> None:
        self.rng = rng
        self.last = last
        self.connection = ConnectionBuilder(
            port, first=(rng.randrange(1 << 32), rng.randrange(1 << 32))
        )
        self.level = rng.choice([3, 4, 4, 5, 5])
        self.clean = rng.random() < 0.6
        self.method = self.level == 5 and rng.random() < 0.25
        self.unnamed = self.clean and self.level != 3 and rng.random() < 0.15
        self.identifiers = [0, 0]

    def chance(self, share: float) -> bool:
        """Returns True with this probability."""
        return self.rng.random() < share

    def payload(self) -> bytes:
        """Returns a payload of control packets and random bytes."""
        return b"".join(
            self.rng.choice(PACKETS) if self.chance(0.8) else self.rng.randbytes(5)
            for _ in range(self.rng.randint(1, 30))
        )

    def send(self, side: int, data: bytes, idle: int | None = None) -> None:
        """Sends bytes in one segment, in several, or cut where packets seem to begin."""
        rng = self.rng
        manner = rng.random()
        places: set[int] = set()
        if manner > 0.8:
            places = {data.find(each, 1) for each in PACKETS} - {-1}
        elif manner > 0.5 and len(data) > 1:
            places = set(rng.sample(range(1, len(data)), min(len(data) - 1, rng.randint(1, 6))))
        pause = idle or rng.choice([1000, 1_000_000, 50_000_000, SECOND])
        for low, high in pairwise([0, *sorted(places), len(data)]):
            self.connection.add(side, PSH | ACK, data[low:high], pause=pause)
            pause = 1000
            if self.chance(0.4):
                self.connection.add(1 - side, ACK, pause=pause)
        if self.chance(0.6):
            self.connection.add(1 - side, ACK, pause=pause)

    def connect(self) -> bytes:
        """Returns a CONNECT of the connection's version."""
        level, chance = self.level, self.chance
        name = b"" if self.unnamed else bytes(self.rng.choices(b"abXY019", k=12))
        flags, payload = 2 * self.clean, block(name)
        if chance(0.4):
            flags |= 4 | self.rng.choice([0, 0x08, 0x10, 0x28])
            if level == 5:
                payload += properties(b"\x18\0\0\0\5")
            will = self.payload()
            payload += block(b"w/x") + block(bytes(x & 127 for x in will) if level == 3 else will)
        if chance(0.5):
            flags |= 0xC0
            payload += block(b"user") + block(b"pw" if level == 3 else self.payload()[:50])
        head = block(b"MQIsdp" if level == 3 else b"MQTT") + bytes((level, flags)) + b"\0\x3c"
        if level == 5:
            more = [b"\x21\0\x0a", b"\x26" + block(b"ka") + block(b"va")]
            head += properties(*([METHOD] if self.method else []), *(more if chance(0.4) else []))
        return packet(0x10, head + payload)

    def connack(self, code: int = 0) -> bytes:
        """Returns a CONNACK that matches the CONNECT."""
        present = code == 0 and not self.clean and self.level != 3 and self.chance(0.5)
        items = []
        if code == 0 and self.unnamed:
            items.append(b"\x12" + block(b"auto"))
        if code == 0 and self.method:
            items.append(METHOD)
        if code == 0 and self.chance(0.3):
            items.append(b"\x22\0\x0a")
        more = properties(*items) if self.level == 5 else b""
        return packet(0x20, bytes((present, code)) + more)

    def auth(self, side: int, code: int) -> None:
        """Sends an AUTH with or without data."""
        data = b"\x16" + block(self.payload()[:50])
        items = (METHOD, data) if self.chance(0.5) else (METHOD,)
        self.send(side, packet(0xF0, bytes((code,)) + properties(*items)))

    def rounds(self, most: int) -> None:
        """Exchanges up to `most` rounds of AUTH."""
        for _ in range(self.rng.randint(0, most)):
            self.auth(S, 0x18)
            self.auth(C, 0x18)

    def publish(self, side: int) -> None:
        """Sends a message of any QoS with its acknowledgements."""
        qos = self.rng.randrange(3)
        self.identifiers[side] += 1
        number = self.identifiers[side].to_bytes(2, "big")
        body = block(b"t/x") + (number if qos else b"") + (b"\0" if self.level == 5 else b"")
        idle = self.rng.choice([None, None, 20 * SECOND, 90 * SECOND])
        self.send(side, packet(0x30 | qos << 1, body + self.payload()), idle)
        if qos == 1:
            self.send(1 - side, packet(0x40, number))
        elif qos == 2:
            for kind, sender in ((0x50, 1 - side), (0x62, side), (0x70, 1 - side)):
                self.send(sender, packet(kind, number))

    def closes(self) -> None:
        """Closes after a refusal, from the server or the client."""
        end, side = self.rng.choice(
            [(self.connection.fin, S), (self.connection.reset, S), (self.connection.fin, C)]
        )
        end(side)

    def traffic(self) -> None:
        """Sends messages, pings and re-authentications."""
        for _ in range(self.rng.randint(0, 7)):
            kind = self.rng.random()
            if kind < 0.6:
                self.publish(self.rng.choice([C, S]))
            elif kind < 0.8:
                self.send(C, PING, self.rng.choice([None, 60 * SECOND]))
                self.send(S, PONG)
            elif self.method:
                self.auth(C, 0x19)
                self.rounds(2)
                self.auth(S, 0)

    def end(self) -> None:
        """Ends in any allowed way, or not at all."""
        kind = self.rng.random()
        if kind < 0.5:
            self.send(C, b"\xe0\0")
            self.rng.choice([self.connection.fin, self.connection.reset])(C)
        elif kind < 0.6 and self.level == 5:
            self.send(S, b"\xe0\1\x8b")
            self.connection.fin(S)
        elif kind < 0.8:
            self.rng.choice([self.connection.fin, self.connection.reset])(self.rng.choice([C, S]))

    def captured_frames(self) -> list[CapturedFrame]:
        """Generates the connection and returns its frames."""
        self.connection.open()
        self.send(C, self.connect())
        if self.method:
            self.rounds(3)
        kind = self.rng.random()
        if kind < 0.2:
            self.send(S, self.connack(self.rng.choice([0x87, 0x88] if self.level == 5 else [3, 5])))
            self.closes()
        elif kind < 0.25:
            self.closes()
        elif kind > 0.28 or not self.last:
            self.send(S, self.connack())
            self.traffic()
            self.end()
        return self.connection.frames


def capture(rng: random.Random) -> list[Timed]:
    """Returns one to three conversations, concurrent or in succession on the same ports."""
    count = rng.choice([1, 1, 1, 2, 3])
    lines: list[list[CapturedFrame]] = []
    for number in range(count):
        again = bool(lines) and rng.random() < 0.4
        port = 40000 + (0 if again else number)
        captured = ConformingConversation(rng, port, count == 1).captured_frames()
        if again:
            later = rng.choice([0, SECOND, 100 * SECOND])
            captured[0] = captured[0]._replace(pause=captured[0].pause + later)
            lines[0] += captured
        else:
            lines.append(captured)
    frames = [each for line in lines for each in timed(line, START + rng.randrange(SECOND))]
    return sorted(frames, key=lambda frame: frame.time_ns)


def _from_client(frame: Timed) -> bool:
    return frame.captured.data[6:12] == MACS[C]


def _lose_some(rng: random.Random, frames: list[Timed]) -> list[Timed]:
    gone = set(rng.sample(range(len(frames)), min(len(frames), rng.randint(1, 4))))
    return [frame for at, frame in enumerate(frames) if at not in gone]


def _lose_a_burst(rng: random.Random, frames: list[Timed]) -> list[Timed]:
    at = rng.randrange(len(frames))
    return frames[:at] + frames[at + rng.randint(1, 12) :]


def _lose_a_share(rng: random.Random, frames: list[Timed]) -> list[Timed]:
    share = rng.choice([0.02, 0.1, 0.3, 0.6])
    return [frame for frame in frames if rng.random() > share]


def _lose_a_direction(rng: random.Random, frames: list[Timed]) -> list[Timed]:
    kept, share = rng.random() < 0.5, rng.choice([0.1, 0.5, 0.9, 1])
    return [f for f in frames if _from_client(f) is kept or rng.random() >= share]


def _start_late(rng: random.Random, frames: list[Timed]) -> list[Timed]:
    return frames[rng.randrange(len(frames)) :]


def _end_early(rng: random.Random, frames: list[Timed]) -> list[Timed]:
    return frames[: rng.randrange(len(frames)) + 1]


def _double(rng: random.Random, frames: list[Timed]) -> list[Timed]:
    return [frame for frame in frames for _ in range(rng.randint(1, 2))]


def _repeat_late(rng: random.Random, frames: list[Timed]) -> list[Timed]:
    again = list(frames)
    for _ in range(rng.randint(1, 5)):
        at = rng.randrange(len(again))
        to = min(at + rng.randint(1, 15), len(again) - 1)
        if again[to].time_ns - again[at].time_ns < SECOND:
            again.insert(to, Timed(again[to].time_ns, again[at].captured))
    return again


def _swap(rng: random.Random, frames: list[Timed]) -> list[Timed]:
    at = rng.randrange(len(frames))
    pair = frames[at : at + 2]
    if len(pair) < 2 or pair[1].time_ns - pair[0].time_ns > SECOND:
        return frames
    first, second = pair
    swapped = [Timed(first.time_ns, second.captured), Timed(second.time_ns, first.captured)]
    return [*frames[:at], *swapped, *frames[at + 2 :]]


def _cut_short(rng: random.Random, frames: list[Timed]) -> list[Timed]:
    size, share = rng.randint(34, 128), rng.choice([0.1, 1])
    return [
        Timed(at, captured._replace(cut=size)) if rng.random() < share else Timed(at, captured)
        for at, captured in frames
    ]


DAMAGES: list[Callable[[random.Random, list[Timed]], list[Timed]]] = [
    _lose_some, _lose_a_burst, _lose_a_share, _lose_a_direction, _start_late, _end_early,
    _double, _repeat_late, _swap, _cut_short,
]  # fmt: skip


def damaged(rng: random.Random, frames: list[Timed]) -> list[Timed]:
    """Damages a capture in one to three ways that are not the peers' fault."""
    for damage in rng.choices(DAMAGES, k=rng.randint(1, 3)):
        if frames:
            frames = damage(rng, frames)
    return frames
