"""Turns conversations into TCP segments, mutates the segments, and puts them into frames.

Mutations lose, repeat, reorder, overlap and truncate segments; frames may have tunnels.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence

import msgspec

from tests.fuzz.bytewise import number, shuffle_near
from tests.fuzz.records import Message, Record
from tests.net import wire

START_NS = 1_700_000_000_000_000_000


class FuzzSegment(msgspec.Struct):
    """One TCP segment of a connection; `side` 0 is the client."""

    side: int
    seq: int
    ack: int
    flags: int
    payload: bytes
    time_ns: int
    cut: int = 0  # bytes missing because of the snap length
    options: bytes = b""
    window: int = 65535


class Wire(msgspec.Struct):
    """The addresses of a connection and the encapsulation of its frames."""

    client: tuple[str, int]
    server: tuple[str, int]
    layers: str = "ethernet"


def segments(
    rng: random.Random, messages: Sequence[Message], *, start_ns: int = START_NS, cuts: int = 0
) -> list[FuzzSegment]:
    """Returns the TCP segments of a conversation; `cuts` is the number of cuts per message."""
    edge = rng.randrange(8) == 0
    place = [0xFFFFFFF0 - rng.randrange(64) if edge else 1000, 5000]
    now = start_ns
    found: list[FuzzSegment] = []

    def send(side: int, flags: int, payload: bytes = b"", pause: int = 1_000_000) -> None:
        nonlocal now
        now += pause
        ack = place[1 - side] if flags & wire.ACK else 0
        found.append(FuzzSegment(side, place[side], ack, flags, payload, now))
        place[side] = (place[side] + len(payload) + bool(flags & 3)) & 0xFFFFFFFF

    send(0, wire.SYN)
    send(1, wire.SYN | wire.ACK)
    send(0, wire.ACK)
    for message in messages:
        if message.flags:
            send(message.side, message.flags | wire.ACK, message.data, message.pause_ns)
        else:
            for piece in pieces(rng, message.data, cuts):
                send(message.side, wire.PSH | wire.ACK, piece, message.pause_ns)
        send(1 - message.side, wire.ACK)
    return found


def pieces(rng: random.Random, data: bytes, cuts: int) -> list[bytes]:
    """Splits bytes at random places, -1: byte by byte; no piece is longer than a segment."""
    if cuts < 0 and len(data) < 200:
        return [data[at : at + 1] for at in range(len(data))]
    places = {0, len(data), *range(0, len(data), 1400)}
    places |= {rng.randrange(len(data) + 1) for _ in range(max(cuts, 0))}
    order = sorted(places)
    return [data[a:b] for a, b in itertools.pairwise(order)]


def mangled(rng: random.Random, found: list[FuzzSegment]) -> list[FuzzSegment]:
    """Applies one mutation to the segments, as by a network, a capture tool or an attacker."""
    if not found:
        return found
    at = rng.randrange(len(found))
    one = found[at]
    copy = msgspec.structs.replace(one)
    way = rng.randrange(17)
    if way == 0:
        del found[at]
    elif way == 1:
        found.insert(min(len(found), at + rng.randint(1, 5)), copy)
    elif way == 2:
        times = [segment.time_ns for segment in found]
        found = [found[index] for index in shuffle_near(rng, len(found))]
        if rng.randrange(4):
            for segment, time_ns in zip(found, times, strict=True):
                segment.time_ns = time_ns
    elif way == 3:
        one.seq = number(rng, one.seq, 32)
    elif way == 4:
        one.ack = number(rng, one.ack, 32)
    elif way == 5:
        one.flags ^= 1 << rng.randrange(8)
    elif way == 6 and len(one.payload) > 1:
        middle = rng.randrange(1, len(one.payload))
        copy.seq = (one.seq + middle) & 0xFFFFFFFF
        copy.payload = one.payload[middle:]
        one.payload = one.payload[: middle + rng.choice((0, 0, 1, 5))]
        found.insert(at + rng.choice((0, 1)), copy)
    elif way == 7 and one.payload:
        copy.payload = rng.randbytes(len(one.payload)) + one.payload[: rng.randrange(4)]
        found.insert(at + rng.choice((0, 1)), copy)
    elif way == 8 and one.payload:
        back = rng.randint(1, 40)
        copy.seq = (one.seq - back) & 0xFFFFFFFF
        copy.payload = rng.randbytes(back) + one.payload
        found.insert(at + 1, copy)
    elif way == 9 and one.payload:
        one.cut = rng.randint(1, len(one.payload))
    elif way == 10:
        copy.seq, copy.payload, copy.flags = (
            (one.seq - 1) & 0xFFFFFFFF,
            b"\0" * rng.randrange(2),
            16,
        )
        found.insert(at, copy)
    elif way == 11:
        for segment in found[at:]:
            segment.time_ns += rng.choice((90, 600, 4000, 100_000, -5)) * wire.SECOND
    elif way == 12:
        del found[: at + 1]
    elif way == 13:
        side = rng.randrange(2)
        found = [segment for segment in found if segment.side != side]
    elif way == 14:
        one.options = rng.choice(
            (b"\1\1\x08\x0a" + bytes(8), b"\2\4\5\xb4", b"\0", rng.randbytes(12))
        )
        one.window = rng.choice((0, 1, 65535))
    elif way == 15:
        one.flags = rng.choice(
            (wire.RST, wire.RST | 16, wire.FIN | 16, wire.SYN, wire.SYN | 16, 0, 255)
        )
    else:
        first = found[0].seq
        shift = (0xFFFFFFFF - first - rng.randrange(200)) & 0xFFFFFFFF
        for segment in found:
            if segment.side == found[0].side:
                segment.seq = (segment.seq + shift) & 0xFFFFFFFF
            elif segment.flags & 16:
                segment.ack = (segment.ack + shift) & 0xFFFFFFFF
    return found


LAYERS = (
    "ethernet",
    "ethernet",
    "ethernet",
    "raw",
    "cooked",
    "cooked2",
    "null",
    "vlan",
    "qinq",
    "snap",
    "pppoe",
    "mpls",
    "ipip",
    "gre",
    "vxlan",
    "geneve",
    "fragments",
)


def framed(rng: random.Random, found: Sequence[FuzzSegment], over: Wire) -> list[Record]:
    """Returns the frames of segments."""
    frames = []
    for index, segment in enumerate(found):
        source, target = (
            (over.client, over.server) if segment.side == 0 else (over.server, over.client)
        )
        tcp = wire.tcp(
            source[1], target[1], segment.seq, segment.ack, segment.flags, segment.payload,
            window=segment.window, options=segment.options,
        )  # fmt: skip
        for link, data in _wrapped(rng, tcp, source[0], target[0], over.layers, index):
            kept = max(len(data) - segment.cut, 0)
            frames.append(Record(segment.time_ns, link, data[:kept], len(data)))
    return frames


def _wrapped(
    rng: random.Random, tcp: bytes, source: str, target: str, layers: str, index: int
) -> list[tuple[int, bytes]]:
    six = ":" in source
    ip = wire.ipv6(tcp, source, target) if six else wire.ipv4(tcp, source, target)
    kind = 0x86DD if six else 0x0800
    if layers == "raw":
        return [(101, ip)]
    if layers == "cooked":
        return [(113, wire.cooked(ip, kind))]
    if layers == "cooked2":
        return [(276, wire.cooked_v2(ip, kind))]
    if layers == "null":
        return [(0, (30 if six else 2).to_bytes(4, "little") + ip)]
    if layers == "vlan":
        return [(1, wire.ethernet(ip, kind, vlans=(0x8100,)))]
    if layers == "qinq":
        return [(1, wire.ethernet(ip, kind, vlans=(0x88A8, 0x8100)))]
    if layers == "snap":
        return [(1, wire.snap(ip, kind))]
    if layers == "pppoe":
        return [(1, wire.ethernet(wire.pppoe(ip, 0x57 if six else 0x21), 0x8864))]
    if layers == "mpls":
        return [(1, wire.ethernet(wire.mpls(ip, (7, 9)), 0x8847))]
    if layers == "ipip":
        return [(1, wire.ethernet(wire.ipv4(ip, "192.0.2.1", "192.0.2.2", 41 if six else 4)))]
    if layers == "gre":
        return [(1, wire.ethernet(wire.ipv4(wire.gre(ip, kind), "192.0.2.1", "192.0.2.2", 47)))]
    if layers in ("vxlan", "geneve"):
        inner = wire.ethernet(ip, kind)
        port, body = (4789, wire.vxlan(inner)) if layers == "vxlan" else (6081, wire.geneve(inner))
        outer = wire.ipv4(wire.udp(50000, port, body), "192.0.2.1", "192.0.2.2", 17)
        return [(1, wire.ethernet(outer))]
    if layers == "fragments" and len(tcp) > 24:
        cut = rng.randrange(8, len(tcp) - 7) // 8 * 8
        parts = [(tcp[:cut], 0, True), (tcp[cut:], cut, False)]
        if rng.randrange(4) == 0:
            parts.reverse()
        found = []
        for part, offset, more in parts:
            if six:
                piece = wire.ipv6(wire.ipv6_fragment(part, index, offset, more), source, target, 44)
            else:
                piece = wire.ipv4(part, source, target, 6, index & 0xFFFF, more, offset)
            found.append((1, wire.ethernet(piece, kind)))
        if rng.randrange(8) == 0:
            found.pop()
        return found
    return [(1, wire.ethernet(ip, kind, pad=True))]
