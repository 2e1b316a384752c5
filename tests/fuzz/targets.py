"""The fuzz targets: each generates random cases from the seeds.

Each target damages one layer and leaves the layers below it intact, so that its cases reach it.
"""

from __future__ import annotations

import gzip
import random
import struct
from collections.abc import Callable
from typing import NamedTuple

from tests.fuzz import answer, control_packet, tls_records
from tests.fuzz.bytewise import damage, number
from tests.fuzz.records import Message, Record, block, control_packets, option, pcap
from tests.fuzz.seeds import Seeds
from tests.fuzz.traffic import LAYERS, START_NS, FuzzSegment, Wire, framed, mangled, segments
from tests.fuzz.upgraded import PROXIES, upgraded


class FuzzCase(NamedTuple):
    """One input. `whole`: it is a valid capture file, which must not be refused."""

    kind: bytes
    data: bytes
    whole: bool = False


Target = Callable[[random.Random, Seeds], FuzzCase]


def packet(rng: random.Random, seeds: Seeds) -> FuzzCase:
    """Generates a control packet."""
    raw = control_packet.made(rng) if rng.randrange(3) == 0 else rng.choice(seeds.packets)
    for _ in range(rng.choice((1, 1, 1, 2, 3, 5))):
        raw = control_packet.changed(rng, raw, seeds.packets)
    if raw[:1] and raw[0] >> 4 not in (1, 2, 14, 15) and rng.randrange(2):
        raw = bytes((rng.choice((0x10, 0x20, 0xE0, 0xF0)),)) + raw[1:]
    return FuzzCase(answer.PACKET, raw[:100_000])


def _messages(rng: random.Random, seeds: Seeds) -> list[Message]:
    if seeds.conversations and rng.randrange(5):
        return list(rng.choice(seeds.conversations))[:40]
    messages = [Message(0, control_packet.connect(rng)), Message(1, control_packet.connack(rng))]
    messages += [
        Message(rng.randrange(2), control_packet.made(rng)) for _ in range(rng.randrange(4))
    ]
    if rng.randrange(2):
        messages.append(Message(rng.randrange(2), b"", flags=rng.choice((1, 4))))
    return messages


def changed_messages(rng: random.Random, messages: list[Message], seeds: Seeds) -> list[Message]:
    """Returns the messages of a conversation with one mutation."""
    at = rng.randrange(len(messages))
    message = messages[at]
    way = rng.randrange(11)
    if way <= 3 and message.data:
        parts = [raw for _, raw in control_packets([message])]
        which = rng.randrange(len(parts))
        parts[which] = control_packet.changed(rng, parts[which], seeds.packets)
        messages[at] = message._replace(data=b"".join(parts))
    elif way == 4:
        del messages[at]
    elif way == 5:
        messages.insert(rng.randrange(len(messages) + 1), message)
    elif way == 6:
        messages.insert(at, Message(rng.randrange(2), control_packet.made(rng)))
    elif way == 7:
        messages.insert(at, Message(rng.randrange(2), rng.choice(seeds.packets)))
    elif way == 8:
        messages[at] = message._replace(side=1 - message.side)
    elif way == 9:
        messages[at] = message._replace(data=damage(rng, message.data, seeds.packets))
    elif rng.randrange(2):
        messages[at] = message._replace(
            pause_ns=rng.choice((5, 31, 95, 700, 90_000)) * 1_000_000_000
        )
    else:
        del messages[at + 1 :]
        messages.append(Message(rng.randrange(2), b"", flags=rng.choice((1, 4, 5))))
    return messages or [Message(0, b"\xc0\0")]


def _wire(rng: random.Random, index: int, plain: bool, usual: int = 1883) -> Wire:
    port = usual if rng.randrange(8) else rng.choice((1883, 1884, 8883, 80, 443, 8080))
    client, server = ("10.0.0.1", 40000 + rng.choice((0, index))), ("10.0.0.2", port)
    if rng.randrange(4) == 0:
        client, server = ("fd00::1", 40000 + index), ("fd00::2", port)
    return Wire(client, server, "ethernet" if plain else rng.choice(LAYERS))


def _written(rng: random.Random, frames: list[Record]) -> bytes:
    """Writes frames as pcap or pcapng."""
    if rng.randrange(4) == 0 or len({frame.link for frame in frames}) > 1:
        return ng(rng, frames)
    return pcap(frames, big=rng.randrange(4) == 0, nano=bool(rng.randrange(2)))


def _merged(rng: random.Random, connections: list[list[Record]]) -> list[Record]:
    """Returns the frames of connections one after the other, or interleaved by time."""
    frames = [frame for connection in connections for frame in connection]
    if rng.randrange(2):
        frames.sort(key=lambda frame: frame.time_ns)
    return frames


def stream(rng: random.Random, seeds: Seeds) -> FuzzCase:
    """Generates conversations with mutated bytes, cut into segments anywhere."""
    connections = []
    for index in range(rng.choice((1, 1, 1, 2, 3))):
        messages = _messages(rng, seeds)
        for _ in range(rng.choice((0, 1, 1, 2, 4))):
            messages = changed_messages(rng, messages, seeds)
        cuts = rng.choice((0, 0, 1, 3, -1))
        start = START_NS + rng.choice((0, index * 50, index * 7000)) * 1_000_000
        found = segments(rng, messages, start_ns=start, cuts=cuts)
        connections.append(framed(rng, found, _wire(rng, index, plain=True)))
    return FuzzCase(answer.CAPTURE, _written(rng, _merged(rng, connections)), whole=True)


def websocket(rng: random.Random, seeds: Seeds) -> FuzzCase:
    """Generates WebSocket conversations, some with PROXY headers, some with mutated segments."""
    connections = []
    for index in range(rng.choice((1, 1, 2))):
        messages = _messages(rng, seeds)
        for _ in range(rng.choice((0, 0, 1, 2))):
            messages = changed_messages(rng, messages, seeds)
        messages = upgraded(rng, messages)
        start = START_NS + rng.choice((0, index * 50)) * 1_000_000
        found = segments(rng, messages, start_ns=start, cuts=rng.choice((0, 0, 1, 5, -1)))
        for _ in range(rng.choice((0, 0, 0, 1, 3))):
            found = mangled(rng, found)
        connections.append(framed(rng, found, _wire(rng, index, plain=True)))
    frames = _merged(rng, connections)
    return FuzzCase(answer.CAPTURE, _written(rng, frames), whole=bool(frames))


def tls(rng: random.Random, seeds: Seeds) -> FuzzCase:
    """Generates TLS conversations, some with PROXY headers, some with mutated segments."""
    connections = []
    for index in range(rng.choice((1, 1, 1, 2))):
        messages = tls_records.changed(
            rng, rng.choice(tls_records.conversations(seeds.conversations))
        )
        if rng.randrange(12) == 0:
            messages.insert(0, Message(0, rng.choice(PROXIES)))
        start = START_NS + rng.choice((0, index * 50)) * 1_000_000
        found = segments(rng, messages, start_ns=start, cuts=rng.choice((0, 0, 1, 5, -1)))
        for _ in range(rng.choice((0, 0, 0, 1, 3))):
            found = mangled(rng, found)
        connections.append(framed(rng, found, _wire(rng, index, plain=True, usual=8883)))
    frames = _merged(rng, connections)
    return FuzzCase(answer.CAPTURE, _written(rng, frames), whole=bool(frames))


def segments_(rng: random.Random, seeds: Seeds) -> FuzzCase:
    """Generates conversations with mutated segments and mutated layers below."""
    connections = []
    for index in range(rng.choice((1, 1, 2))):
        messages = _messages(rng, seeds)
        if rng.randrange(4) == 0:
            messages = changed_messages(rng, messages, seeds)
        start = START_NS + index * rng.choice((0, 50, 7000)) * 1_000_000
        found: list[FuzzSegment] = segments(
            rng, messages, start_ns=start, cuts=rng.choice((0, 1, 3, -1))
        )
        for _ in range(rng.choice((1, 1, 2, 3, 8))):
            found = mangled(rng, found)
        connections.append(framed(rng, found, _wire(rng, index, plain=False)))
    frames = _merged(rng, connections)
    while frames and rng.randrange(3) == 0:
        at = rng.randrange(len(frames))
        frames[at] = frames[at]._replace(data=damage(rng, frames[at].data)[:65535])
    return FuzzCase(answer.CAPTURE, _written(rng, frames), whole=bool(frames))


def _frames(rng: random.Random, seeds: Seeds) -> list[Record]:
    if seeds.frames and rng.randrange(4):
        return list(rng.choice(seeds.frames))[: rng.choice((5, 30, 200))]
    messages = _messages(rng, seeds)
    return framed(rng, segments(rng, messages), _wire(rng, 0, plain=False))


def _changed_frames(rng: random.Random, frames: list[Record]) -> list[Record]:
    at = rng.randrange(len(frames))
    frame = frames[at]
    way = rng.randrange(7)
    if way == 0:
        frames[at] = frame._replace(time_ns=max(0, number(rng, frame.time_ns, 62)))
    elif way == 1:
        frames[at] = frame._replace(original=number(rng, frame.original, 32))
    elif way == 2:
        frames[at] = frame._replace(data=frame.data[: rng.randrange(len(frame.data) + 1)])
    elif way == 3:
        frames[at] = frame._replace(data=damage(rng, frame.data))
    elif way == 4:
        frames[at] = frame._replace(
            link=rng.choice((0, 1, 12, 14, 101, 105, 113, 127, 147, 228, 276))
        )
    elif way == 5:
        frames.insert(at, frame)
    else:
        del frames[at]
    return frames or [frame]


def pcap_(rng: random.Random, seeds: Seeds) -> FuzzCase:
    """Generates a pcap file with mutated records and headers."""
    frames = _frames(rng, seeds)
    for _ in range(rng.randrange(4)):
        frames = _changed_frames(rng, frames)
    link = (
        rng.choice((0, 1, 12, 101, 113, 147, 276, rng.getrandbits(32)))
        if rng.randrange(6) == 0
        else None
    )
    big = rng.randrange(3) == 0
    data = bytearray(pcap(frames, big=big, nano=bool(rng.randrange(2)), link=link))
    order = "big" if big else "little"
    for _ in range(rng.choice((0, 1, 1, 2))):
        if rng.randrange(3) == 0:
            at = rng.choice((0, 4, 6, 8, 12, 16, 20))  # a field of the file's header
        else:
            at = 24
            for frame in frames[: rng.randrange(len(frames))]:
                at += 16 + len(frame.data)
            at += rng.choice((0, 4, 8, 8, 12))  # a field of a record's header
        before = int.from_bytes(data[at : at + 4], order)  # type: ignore[arg-type]
        data[at : at + 4] = number(rng, before, 32).to_bytes(4, order)  # type: ignore[arg-type]
    return FuzzCase(answer.CAPTURE, _finished(rng, bytes(data), seeds))


def _finished(rng: random.Random, data: bytes, seeds: Seeds) -> bytes:
    """Mutates the file sometimes; compresses it sometimes, and mutates the result."""
    while rng.randrange(3) == 0:
        data = damage(rng, data, seeds.files)
    if rng.randrange(16) == 0:
        data = gzip.compress(data, 1, mtime=0)
        if rng.randrange(2):
            data = damage(rng, data)
    return data


def ng(rng: random.Random, frames: list[Record], wrong: int = 0) -> bytes:
    """Writes a pcapng file of several sections and kinds of blocks; mutates `wrong` of them."""
    out: list[bytes] = []
    big = False
    interfaces: dict[tuple[int, int], int] = {}
    for index, frame in enumerate(frames):
        if index == 0 or rng.randrange(40) == 0:
            big, interfaces = rng.randrange(3) == 0, {}
            order = ">" if big else "<"
            body = struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1) + _options(rng, big)
            out.append(block(0x0A0D0D0A, body, big=big))
        resolution = rng.choice((6, 9)) if rng.randrange(8) else rng.choice((0, 3, 12, 0x94, 0xFF))
        key = (frame.link, resolution)
        if key not in interfaces:
            interfaces[key] = len(interfaces)
            body = struct.pack(
                order + "HHI", frame.link & 0xFFFF, 0, rng.choice((0, 65535, 262144))
            )
            body += option(9, bytes((resolution,)), big=big) + _options(rng, big)
            out.append(block(1, body, big=big))
        ticks = frame.time_ns if resolution == 9 else frame.time_ns // 1000
        ticks &= 0xFFFFFFFFFFFFFFFF
        sizes = (len(frame.data), frame.original & 0xFFFFFFFF)
        data = frame.data + bytes(-len(frame.data) % 4)
        kind = rng.choice((6,) * 12 + (2, 3))
        if kind == 6:
            head = struct.pack(
                order + "5I", interfaces[key], ticks >> 32, ticks & 0xFFFFFFFF, *sizes
            )
            out.append(block(6, head + data + _options(rng, big), big=big))
        elif kind == 2:
            numbers = (interfaces[key], 0, ticks >> 32, ticks & 0xFFFFFFFF, *sizes)
            out.append(block(2, struct.pack(order + "HH4I", *numbers) + data, big=big))
        else:
            out.append(block(3, struct.pack(order + "I", sizes[1]) + data, big=big))
        if rng.randrange(12) == 0:
            body = rng.choice(
                (struct.pack(order + "II", 0x544C534B, 8) + b"CLIENT_R", rng.randbytes(16))
            )
            out.append(block(rng.choice((4, 5, 10, 0xBAD, 0x80000001)), body, big=big))
    for _ in range(wrong):
        at = rng.randrange(len(out)) if out else 0
        if out:
            out[at] = _wrong_block(rng, out[at], big)
    return b"".join(out)


def _options(rng: random.Random, big: bool) -> bytes:
    if rng.randrange(4):
        return b""
    found = [
        option(rng.choice((1, 2, 4, 12, 14, 2988)), rng.randbytes(rng.choice((0, 3, 8))), big=big)
    ]
    return b"".join(found) + (b"\0\0\0\0" if rng.randrange(2) else b"")


def _wrong_block(rng: random.Random, data: bytes, big: bool) -> bytes:
    """Mutates type, length or content of a block; or doubles or removes it."""
    way = rng.randrange(6)
    order = "big" if big else "little"
    out = bytearray(data)
    if way == 0:
        out[0:4] = rng.choice((1, 2, 3, 4, 5, 6, 10, 0x0A0D0D0A, 0xBAD)).to_bytes(4, order)  # type: ignore[arg-type]
    elif way in (1, 2):
        at = 4 if way == 1 else len(out) - 4
        value = number(rng, int.from_bytes(out[at : at + 4], order), 32)  # type: ignore[arg-type]
        out[at : at + 4] = value.to_bytes(4, order)  # type: ignore[arg-type]
    elif way == 3:
        at = rng.randrange(8, max(9, min(len(out) - 4, 28)))
        value = number(rng, int.from_bytes(out[at : at + 4], order), 32)  # type: ignore[arg-type]
        out[at : at + 4] = value.to_bytes(4, order)  # type: ignore[arg-type]
    elif way == 4:
        body = damage(rng, bytes(out[8:-4]))
        return block(int.from_bytes(out[:4], order), body, big=big)  # type: ignore[arg-type]
    else:
        return bytes(out) * 2 if rng.randrange(2) else b""
    return bytes(out)


def pcapng(rng: random.Random, seeds: Seeds) -> FuzzCase:
    """Generates a pcapng file with mutated frames and blocks."""
    frames = _frames(rng, seeds)
    for _ in range(rng.randrange(3)):
        frames = _changed_frames(rng, frames)
    data = ng(rng, frames, wrong=rng.choice((0, 1, 1, 2, 4)))
    return FuzzCase(answer.CAPTURE, _finished(rng, data, seeds))


TARGETS: dict[str, Target] = {
    "pcap": pcap_,
    "pcapng": pcapng,
    "segments": segments_,
    "stream": stream,
    "packet": packet,
    "websocket": websocket,
    "tls": tls,
}
