"""Measures what captures made to exhaust memory or time cost; updates the README.

`python benchmarks/attacks.py` generates each attack at its size and at four times that size, runs
`dissector` on both, and prints peak memory and time. The aim: at most 200 MiB, and at most 4.5
times the time for four times the input. `--generate NAME SIZE FILE` only writes one capture.
Memory is measured by the kernel (see measure.py), so captures are generated in other processes.
"""

from __future__ import annotations

import argparse
import bz2
import gzip
import lzma
import struct
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from random import Random

from frames import ACK, PSH, SYN, GeneratedCapture, GeneratedConnection, GeneratedDirection
from frames import host as host_at
from measure import MIB, ProcessRun, run
from results import markdown

HERE = Path(__file__).parent
BEGIN, END = "<!-- attacks: begin -->", "<!-- attacks: end -->"
PEAK = 200  # MiB
GROWTH = 4.5  # times the time for four times the input
NOISE = 0.3  # seconds: shorter runs are start-up, whose growth means nothing
EXITS = (0, 1)
COMMANDS = {
    "analyze": ("analyze", "--format", "jsonl"),
    "audit": ("audit", "--format", "table"),
    "audit jsonl": ("audit", "--format", "jsonl"),
    "audit html": ("audit", "--format", "html"),
    "audit markdown": ("audit", "--format", "markdown"),
    "live": ("live", "--format", "jsonl"),
}
ALL = tuple(COMMANDS)
STREAMS = ("analyze", "audit", "live")  # attacks on the stages below the reports
FILES = ("analyze",)  # attacks on the readers of files

CONNACK = bytes.fromhex("20020000")
CONNACK_5 = bytes.fromhex("2003000000")


def length(value: int) -> bytes:
    """Returns a Remaining Length."""
    made = bytearray()
    while value > 127:
        made.append(value & 127 | 128)
        value >>= 7
    return bytes([*made, value])


def packet(first: int, body: bytes) -> bytes:
    """Returns a control packet."""
    return bytes((first,)) + length(len(body)) + body


def text(value: bytes) -> bytes:
    """Returns a string with its length of two bytes."""
    return struct.pack("!H", len(value)) + value


def connect(client_id: bytes, flags: int = 2, rest: bytes = b"") -> bytes:
    """Returns a CONNECT of 3.1.1."""
    return packet(0x10, b"\0\4MQTT\4" + bytes((flags,)) + b"\0\x3c" + text(client_id) + rest)


def connect_5(client_id: bytes, properties: bytes = b"") -> bytes:
    """Returns a CONNECT of 5.0."""
    head = b"\0\4MQTT\5\2\0\x3c" + length(len(properties)) + properties
    return packet(0x10, head + text(client_id))


class Traffic:
    """Collects frames of TCP connections in the order in which they are made."""

    def __init__(self, random: Random) -> None:
        self._file = BytesIO()
        self._capture = GeneratedCapture(self._file, sys.maxsize)
        self.random = random
        self.now = 1_700_000_000_000_000

    def connection(self, number: int, port: int = 1883, server: int = 1) -> GeneratedConnection:
        """Returns connection `number`, opened: each has a client address of its own."""
        made = self.unopened(number, port, server)
        self.now = made.open(self.now + 10)
        return made

    def unopened(self, number: int, port: int = 1883, server: int = 1) -> GeneratedConnection:
        """Returns connection `number` before its SYN."""
        ends = (host_at(1, 0x0A000000 + number), 49152), (host_at(2, 0xC0A80000 + server), port)
        return GeneratedConnection(self._capture, self.random, *ends, 20)

    def client(self, one: GeneratedConnection, data: bytes, size: int = 1460) -> None:
        """Sends bytes of the client in segments of `size` bytes."""
        for start in range(0, len(data), size):
            self.now += 5
            one.from_client(self.now, data[start : start + size], PSH | ACK)

    def server(self, one: GeneratedConnection, data: bytes, size: int = 1460) -> None:
        """Sends bytes of the server in segments of `size` bytes."""
        for start in range(0, len(data), size):
            self.now += 5
            one.from_server(self.now, data[start : start + size], PSH | ACK)

    def close(self, one: GeneratedConnection) -> None:
        """Ends a connection."""
        self.now = one.close(self.now + 5)

    def frame(self, frame: bytes) -> None:
        """Adds any frame."""
        self.now += 5
        self._capture.add(self.now, frame)

    def data(self) -> bytes:
        """Returns the capture, as pcap."""
        self._capture._limit = self._capture.added
        self._capture.release(sys.maxsize)
        return self._file.getvalue()


Generator = Callable[[int, Random], bytes]


@dataclass(frozen=True, slots=True)
class Attack:
    """One attack: what it holds, its usual size, the commands it is aimed at, seconds allowed."""

    generate: Generator
    size: int
    commands: tuple[str, ...]
    seconds: float | None = None

    @property
    def about(self) -> str:
        """What the capture holds."""
        return (self.generate.__doc__ or "").strip().rstrip(".")


ATTACKS: dict[str, Attack] = {}


def attack(
    size: int, commands: tuple[str, ...] = STREAMS, seconds: float | None = None
) -> Callable[[Generator], Generator]:
    """Registers a generator under its name; `size` is what its argument counts."""

    def register(generate: Generator) -> Generator:
        ATTACKS[generate.__name__.replace("_", "-")] = Attack(generate, size, commands, seconds)
        return generate

    return register


# -- incomplete packets and large packets -----------------------------------------------------


@attack(75)
def unfinished_connects(size: int, random: Random) -> bytes:
    """CONNECTs of 1 MiB, none of which ends."""
    traffic = Traffic(random)
    body = packet(0x10, b"\0\4MQTT\4\2\0\x3c" + bytes((1 << 20) - 64))[:-1]
    for number in range(size):
        traffic.client(traffic.connection(number), body)
    return traffic.data()


@attack(75)
def large_connects(size: int, random: Random) -> bytes:
    """CONNECTs with five strings of 64 KiB, on connections that stay open."""
    traffic = Traffic(random)
    for number in range(size):
        one = traffic.connection(number)
        texts = [b"%06d" % number + bytes([97 + item]) * 65000 for item in range(5)]
        traffic.client(one, connect(texts[0], 0xC6, b"".join(map(text, texts[1:]))))
        traffic.server(one, CONNACK)
    return traffic.data()


@attack(15)
def property_floods(size: int, random: Random) -> bytes:
    """CONNECTs of 1 MiB of empty User Properties, on connections that stay open."""
    traffic = Traffic(random)
    for number in range(size):
        one = traffic.connection(number)
        traffic.client(one, connect_5(b"c%d" % number, bytes.fromhex("2600000000") * 200_000))
        traffic.server(one, CONNACK_5)
    return traffic.data()


@attack(20_000)
def first_bytes(size: int, random: Random) -> bytes:
    """Connections on which only the server sends, 4,000 bytes each."""
    traffic = Traffic(random)
    for number in range(size):
        traffic.server(traffic.connection(number), b"\0" + bytes(3999), 4000)
    return traffic.data()


@attack(4000)
def http_heads(size: int, random: Random) -> bytes:
    """Heads of WebSocket upgrades of 16,000 bytes that never end."""
    traffic = Traffic(random)
    for number in range(size):
        head = b"GET / HTTP/1.1\r\nUpgrade: websocket\r\nX: " + bytes([97]) * 16000
        traffic.client(traffic.connection(number), head)
    return traffic.data()


@attack(4000)
def proxy_headers(size: int, random: Random) -> bytes:
    """PROXY protocol headers of 16,000 bytes that never end."""
    traffic = Traffic(random)
    head = b"\r\n\r\n\0\r\nQUIT\n\x21\x11" + struct.pack("!H", 16_300) + bytes(16_000)
    for number in range(size):
        traffic.client(traffic.connection(number), head)
    return traffic.data()


@attack(1000)
def tls_messages(size: int, random: Random) -> bytes:
    """TLS handshake messages of 128 KiB that never end, on port 8883."""
    traffic = Traffic(random)
    message = b"\x01" + (1 << 17).to_bytes(3, "big") + bytes(112_000)
    records = b"".join(
        b"\x16\3\1" + struct.pack("!H", len(part)) + part
        for part in (message[at : at + 16_000] for at in range(0, len(message), 16_000))
    )
    for number in range(size):
        traffic.client(traffic.connection(number, 8883), records)
    return traffic.data()


@attack(20)
def first_bytes_one_by_one(size: int, random: Random) -> bytes:
    """Connections on which only the server sends, 4,000 segments of one byte each."""
    traffic = Traffic(random)
    for number in range(size):
        traffic.server(traffic.connection(number), bytes(4000), 1)
    return traffic.data()


# -- WebSocket --------------------------------------------------------------------------------

_REQUEST = (
    b"GET /mqtt HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Protocol: mqtt\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n"
)
_ANSWER = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: ICX+Yqv66kxgM0FcWaLWlFLwTAI=\r\n"
    b"Sec-WebSocket-Protocol: mqtt\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n"
)


def websocket_frame(first: int, payload: bytes) -> bytes:
    """Returns a frame of the client, masked with zeros."""
    size = len(payload)
    if size < 126:
        return bytes((first, 0x80 | size)) + bytes(4) + payload
    if size < 1 << 16:
        return bytes((first, 0xFE)) + struct.pack("!H", size) + bytes(4) + payload
    return bytes((first, 0xFF)) + struct.pack("!Q", size) + bytes(4) + payload


def deflated(data: bytes) -> bytes:
    """Returns a compressed message of permessage-deflate."""
    engine = zlib.compressobj(9, zlib.DEFLATED, -15)
    return (engine.compress(data) + engine.flush(zlib.Z_SYNC_FLUSH))[:-4]


def _upgraded(traffic: Traffic, number: int) -> GeneratedConnection:
    one = traffic.connection(number, 9001)
    traffic.client(one, _REQUEST)
    traffic.server(one, _ANSWER)
    return one


@attack(500)
def deflate_bombs(size: int, random: Random) -> bytes:
    """Compressed WebSocket messages that inflate to 1 MiB of a CONNECT that does not end."""
    traffic = Traffic(random)
    begun = packet(0x10, b"\0\4MQTT\4\2\0\x3c" + bytes((1 << 20) - 64))[:-1]
    message = websocket_frame(0xC2, deflated(begun))
    for number in range(size):
        traffic.client(_upgraded(traffic, number), message)
    return traffic.data()


@attack(500)
def deflated_connects(size: int, random: Random) -> bytes:
    """Compressed WebSocket messages that inflate to a CONNECT of 320 KiB."""
    traffic = Traffic(random)
    rest = b"".join(text(bytes([98 + item]) * 65000) for item in range(4))
    for number in range(size):
        message = deflated(connect(b"%06d" % number + b"a" * 65000, 0xC6, rest))
        traffic.client(_upgraded(traffic, number), websocket_frame(0xC2, message))
    return traffic.data()


@attack(50)
def websocket_pings(size: int, random: Random) -> bytes:
    """Empty WebSocket pings, 5,000 on each connection."""
    traffic = Traffic(random)
    for number in range(size):
        traffic.client(_upgraded(traffic, number), websocket_frame(0x89, b"") * 5000)
    return traffic.data()


@attack(50)
def websocket_bytes(size: int, random: Random) -> bytes:
    """A WebSocket frame for each byte of 5,000 PINGREQs, on each connection."""
    traffic = Traffic(random)
    stream = connect(b"c") + b"\xc0\0" * 2500
    data = b"".join(websocket_frame(0x82, stream[at : at + 1]) for at in range(len(stream)))
    for number in range(size):
        traffic.client(_upgraded(traffic, number), data)
    return traffic.data()


# -- one byte at a time, out of order, overlapping ----------------------------------------------


@attack(5)
def upgrade_bytes(size: int, random: Random) -> bytes:
    """Heads of WebSocket upgrades of 16,000 bytes in segments of one byte."""
    traffic = Traffic(random)
    head = _REQUEST[:-2] + b"X: " + b"a" * 15_000 + b"\r\n\r\n"
    for number in range(size):
        traffic.client(traffic.connection(number, 9001), head, 1)
    return traffic.data()


@attack(5)
def proxy_bytes(size: int, random: Random) -> bytes:
    """PROXY protocol headers of 16,000 bytes in segments of one byte."""
    traffic = Traffic(random)
    head = b"\r\n\r\n\0\r\nQUIT\n\x21\x11" + struct.pack("!H", 16_000) + bytes(16_000)
    for number in range(size):
        traffic.client(traffic.connection(number), head + connect(b"c"), 1)
    return traffic.data()


@attack(1)
def tls_bytes(size: int, random: Random) -> bytes:
    """ClientHellos of 120 KiB in segments of one byte."""
    traffic = Traffic(random)
    message = b"\x01" + (120_000).to_bytes(3, "big") + bytes(120_000)
    records = b"".join(
        b"\x16\3\1" + struct.pack("!H", len(part)) + part
        for part in (message[at : at + 100] for at in range(0, len(message), 100))
    )
    for number in range(size):
        traffic.client(traffic.connection(number, 8883), records, 1)
    return traffic.data()


@attack(100_000)
def connect_bytes(size: int, random: Random) -> bytes:
    """A CONNECT of many bytes in segments of one byte."""
    traffic = Traffic(random)
    data = connect_5(b"c", bytes.fromhex("2600000000") * (size // 5))
    one = traffic.connection(0)
    traffic.client(one, data, 1)
    traffic.server(one, CONNACK_5)
    return traffic.data()


@attack(50_000)
def out_of_order(size: int, random: Random) -> bytes:
    """Segments of one byte in descending order behind a hole, on one connection."""
    traffic = Traffic(random)
    one = traffic.connection(0)
    traffic.client(one, connect(b"c"))
    start = one._client_next
    for number in range(size):
        one._client_next = start + 2 * (4000 - number % 4000) & 0xFFFFFFFF
        traffic.client(one, b"\0")
    return traffic.data()


@attack(20_000)
def overlaps(size: int, random: Random) -> bytes:
    """Segments of one byte behind a hole, then large segments over all of them."""
    traffic = Traffic(random)
    one = traffic.connection(0)
    traffic.client(one, connect(b"c"))
    start = one._client_next
    for number in range(700):
        one._client_next = start + 2 + 2 * number & 0xFFFFFFFF
        traffic.client(one, b"\0")
    for _ in range(size):
        one._client_next = start + 1
        traffic.client(one, bytes(1400))
    return traffic.data()


@attack(20_000)
def retransmissions(size: int, random: Random) -> bytes:
    """Segments of one byte, then large retransmissions of all of them."""
    traffic = Traffic(random)
    one = traffic.connection(0)
    traffic.client(one, connect(b"c") + b"\x30\xff\xff\x7f\0\1a")
    start = one._client_next
    traffic.client(one, bytes(1400), 1)
    for _ in range(size):
        one._client_next = start
        traffic.client(one, bytes(1400))
    return traffic.data()


@attack(40_000)
def fragments(size: int, random: Random) -> bytes:
    """IP fragments of eight bytes: 250 of each datagram, none of which ends."""
    traffic = Traffic(random)
    for number in range(size):
        datagram, piece = divmod(number, 250)
        offset = piece + 1
        header = struct.pack(
            "!BBHHHBBHII", 0x45, 0, 28, datagram & 0xFFFF, 0x2000 | offset, 64, 6, 0,
            0x0A000000 + (datagram >> 16), 0xC0A80001,
        )  # fmt: skip
        traffic.frame(bytes(12) + b"\x08\0" + header + bytes(8))
    return traffic.data()


# -- floods ---------------------------------------------------------------------------------------


def _flood(size: int, random: Random, data: bytes, hello: bytes, answer: bytes) -> bytes:
    traffic = Traffic(random)
    one = traffic.connection(0)
    traffic.client(one, hello)
    traffic.server(one, answer)
    traffic.client(one, data * size)
    return traffic.data()


@attack(200_000)
def disconnects(size: int, random: Random) -> bytes:
    """DISCONNECTs on one connection."""
    return _flood(size, random, b"\xe0\0", connect(b"c"), CONNACK)


@attack(200_000)
def auths(size: int, random: Random) -> bytes:
    """AUTHs on one connection."""
    hello = connect_5(b"c", bytes.fromhex("1500014d"))
    return _flood(size, random, bytes.fromhex("f006180415 00014d"), hello, CONNACK_5)


@attack(100_000)
def connects(size: int, random: Random) -> bytes:
    """CONNECTs on one connection."""
    return _flood(size, random, connect(b"c"), connect(b"c"), CONNACK)


@attack(100_000)
def malformed(size: int, random: Random) -> bytes:
    """Packets with defects on one connection."""
    return _flood(size, random, b"\xc1\0\0\0", connect(b"c"), CONNACK)


@attack(50_000)
def syns_with_data(size: int, random: Random) -> bytes:
    """SYNs from as many clients, each with a CONNECT."""
    traffic = Traffic(random)
    data = connect(b"c")
    for number in range(size):
        source, target = (0x0A000000 + number, 49152), (0xC0A80001, 1883)
        link = bytes(12) + b"\x08\0"
        way = GeneratedDirection(link, source, target, False)
        traffic.frame(way.frame(number, 0, SYN, data, 5))
    return traffic.data()


@attack(50_000)
def open_connections(size: int, random: Random) -> bytes:
    """Connections with CONNECT and CONNACK that stay open."""
    traffic = Traffic(random)
    for number in range(size):
        one = traffic.connection(number)
        traffic.client(one, connect(b"c%d" % number))
        traffic.server(one, CONNACK)
    return traffic.data()


# -- history and reports ------------------------------------------------------------------------


@attack(50_000, ALL)
def refused_ids(size: int, random: Random) -> bytes:
    """Clients with as many client ids, all refused."""
    traffic = Traffic(random)
    for number in range(size):
        one = traffic.connection(number % 200 + 1)
        traffic.client(one, connect(b"device_%d" % number, 0xC2, text(b"u") + text(b"p")))
        traffic.server(one, bytes.fromhex("20020005"))
        traffic.close(one)
    return traffic.data()


@attack(10_000, ALL)
def users(size: int, random: Random) -> bytes:
    """As many devices, users and client ids, all accepted."""
    traffic = Traffic(random)
    for number in range(size):
        one = traffic.connection(number)
        rest = text(b"user%d" % number) + text(b"p%d" % number)
        traffic.client(one, connect(b"device_%d" % number, 0xC2, rest))
        traffic.server(one, CONNACK)
        traffic.close(one)
    return traffic.data()


@attack(10_000, ALL)
def servers(size: int, random: Random) -> bytes:
    """As many servers, each with one client."""
    traffic = Traffic(random)
    for number in range(size):
        one = traffic.connection(number % 100, 1883, number)
        traffic.client(one, connect(b"device_%d" % number))
        traffic.server(one, CONNACK)
        traffic.close(one)
    return traffic.data()


@attack(500, ALL)
def long_texts(size: int, random: Random) -> bytes:
    """CONNECTs with five strings of 64 KiB, all different, refused."""
    traffic = Traffic(random)
    for number in range(size):
        one = traffic.connection(number)
        texts = [b"%06d" % number + bytes([97 + item]) * 65000 for item in range(5)]
        traffic.client(one, connect(texts[0], 0xC6, b"".join(map(text, texts[1:]))), 16_000)
        traffic.server(one, bytes.fromhex("20020005"))
        traffic.close(one)
    return traffic.data()


@attack(100, ALL)
def findings_with_bytes(size: int, random: Random) -> bytes:
    """CONNECTs of 320 KiB with several defects each."""
    traffic = Traffic(random)
    for number in range(size):
        one = traffic.connection(number)
        texts = [b"\0%06d" % number + b"a" * 65000 for _ in range(5)]
        traffic.client(one, connect(texts[0], 0xC7, b"".join(map(text, texts[1:]))), 16_000)
        traffic.server(one, CONNACK)
        traffic.close(one)
    return traffic.data()


# -- files --------------------------------------------------------------------------------------


def _small_capture(random: Random) -> bytes:
    traffic = Traffic(random)
    one = traffic.connection(0)
    traffic.client(one, connect(b"c"))
    traffic.server(one, CONNACK)
    traffic.close(one)
    return traffic.data()


@attack(30_000, FILES, 1)
def zstd_skippable(size: int, random: Random) -> bytes:
    """Empty skippable frames of zstd before the capture."""
    import zstandard

    capture = zstandard.compress(_small_capture(random))
    return struct.pack("<II", 0x184D2A50, 0) * size + capture


@attack(30_000, FILES, 1)
def zstd_frames(size: int, random: Random) -> bytes:
    """Empty frames of zstd before the capture."""
    import zstandard

    return zstandard.compress(b"") * size + zstandard.compress(_small_capture(random))


@attack(30_000, FILES, 1)
def gzip_members(size: int, random: Random) -> bytes:
    """Empty members of gzip before the capture."""
    return gzip.compress(b"") * size + gzip.compress(_small_capture(random))


@attack(10_000, FILES, 1)
def xz_streams(size: int, random: Random) -> bytes:
    """Empty streams of xz before the capture."""
    return lzma.compress(b"") * size + lzma.compress(_small_capture(random))


@attack(10_000, FILES, 1)
def bzip2_streams(size: int, random: Random) -> bytes:
    """Empty streams of bzip2 before the capture."""
    return bz2.compress(b"") * size + bz2.compress(_small_capture(random))


@attack(30_000, FILES, 1)
def lz4_frames(size: int, random: Random) -> bytes:
    """Empty frames of lz4 before the capture."""
    import lz4.frame

    return bytes(lz4.frame.compress(b"")) * size + bytes(lz4.frame.compress(_small_capture(random)))


def block(kind: int, body: bytes) -> bytes:
    """Returns a pcapng block."""
    body += bytes(-len(body) % 4)
    size = len(body) + 12
    return struct.pack("<II", kind, size) + body + struct.pack("<I", size)


SECTION = block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1))


def _frame_block(interface: int) -> bytes:
    return block(6, struct.pack("<IIIII", interface, 0, 0, 60, 60) + bytes(60))


@attack(16_384, FILES, 1)
def pcapng_link_types(size: int, random: Random) -> bytes:
    """Interfaces of pcapng, each of another link type, and a frame of the last."""
    found = b"".join(block(1, struct.pack("<HHI", link, 0, 0)) for link in range(size))
    return SECTION + found + _frame_block(size - 1)


@attack(65_536, FILES, 1)
def pcapng_sections(size: int, random: Random) -> bytes:
    """Sections of pcapng with one interface each, and a frame of the last."""
    return (SECTION + block(1, struct.pack("<HHI", 1, 0, 0))) * size + _frame_block(0)


@attack(65_536, FILES, 1)
def pcapng_comments(size: int, random: Random) -> bytes:
    """Section comments of pcapng."""
    body = struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1) + struct.pack("<HH", 1, 100) + b"c" * 100
    sections = block(0x0A0D0D0A, body) * size
    return sections + block(1, struct.pack("<HHI", 1, 0, 0)) + _frame_block(0)


@attack(65_536, FILES, 1)
def pcapng_names(size: int, random: Random) -> bytes:
    """Name Resolution Blocks of pcapng, and frames of unknown link types."""
    interface = block(1, struct.pack("<HHI", 147, 0, 0))
    names = block(4, struct.pack("<HH4s4sHH", 1, 6, b"\1\2\3\4", b"a\0\0\0", 0, 0))
    return SECTION + interface + (names + _frame_block(0)) * size


# -- measuring ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Result:
    """One command on one attack, at its size and at four times that."""

    name: str
    command: str
    bytes: int
    small: ProcessRun | None
    large: ProcessRun | None
    seconds: float | None

    @property
    def failures(self) -> list[str]:
        """What does not meet its aim."""
        if self.small is None or self.large is None:
            return ["failed"]
        found = []
        if self.large.peak > PEAK * MIB:
            found.append(f"more than {PEAK} MiB")
        if self.large.cpu > max(GROWTH * self.small.cpu, NOISE):
            found.append(f"more than {GROWTH}x the time")
        if self.seconds is not None and self.small.cpu > self.seconds:
            found.append(f"more than {self.seconds:g} s")
        return found


def capture(name: str, size: int, seed: int, directory: Path) -> Path:
    """Returns the capture of an attack; another process generates it."""
    path = directory / f"{name}-{size}.capture"
    program = [sys.executable, str(Path(__file__)), "--seed", str(seed)]
    subprocess.run([*program, "--generate", name, str(size), str(path)], check=True)
    return path


def measured(dissector: Path, command: str, path: Path) -> ProcessRun | None:
    """Runs a command on a capture; `live` reads it from a pipe. None if it fails."""
    arguments = [str(dissector), *COMMANDS[command], str(path)]
    if command == "live":
        shell = 'exec "$@" - < <(cat "$0")'
        arguments = ["bash", "-c", shell, str(path), *arguments[:-1]]
    try:
        return run(arguments, good=EXITS)
    except SystemExit as failure:
        print(failure, file=sys.stderr)
        return None


def results(arguments: argparse.Namespace) -> Iterator[Result]:
    """Generates and measures the attacks, one after the other."""
    for name, item in ATTACKS.items():
        if arguments.attacks and name not in arguments.attacks:
            continue
        size = max(1, int(item.size * arguments.scale))
        with tempfile.TemporaryDirectory(dir=arguments.directory) as place:
            small = capture(name, size, arguments.seed, Path(place))
            large = capture(name, 4 * size, arguments.seed, Path(place))
            for command in item.commands:
                if arguments.commands and command not in arguments.commands:
                    continue
                yield Result(
                    name, command, large.stat().st_size,
                    measured(arguments.dissector, command, small),
                    measured(arguments.dissector, command, large), item.seconds,
                )  # fmt: skip


def row(result: Result) -> tuple[str, ...]:
    """Formats a row of the table."""
    small, large = result.small, result.large
    figures = ("", "", "", "")
    if small is not None and large is not None:
        figures = (
            f"{large.peak / MIB:.0f}",
            f"{small.cpu:.2f}",
            f"{large.cpu:.2f}",
            f"{large.cpu / small.cpu:.1f}x",
        )
    met = ", ".join(result.failures) or "yes"
    return (result.name, result.command, f"{result.bytes / MIB:.1f}", *figures, met)


HEAD = ("attack", "command", "MiB", "peak MiB", "CPU s", "CPU s, 4x", "growth", "aims met")


def main() -> None:
    """Measures all attacks, or generates one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("attacks", nargs="*", metavar="NAME", help="only these attacks")
    parser.add_argument("--commands", action="append", choices=ALL, help="only these commands")
    parser.add_argument("--scale", type=float, default=1, help="factor of all sizes")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--directory", type=Path, default=None)
    parser.add_argument("--dissector", type=Path, default=Path(sys.executable).parent / "dissector")
    parser.add_argument("--generate", nargs=3, metavar=("NAME", "SIZE", "FILE"))
    parser.add_argument("--readme", type=Path, help="update the table in this file")
    arguments = parser.parse_args()
    if arguments.generate:
        name, size, path = arguments.generate
        Path(path).write_bytes(ATTACKS[name].generate(int(size), Random(arguments.seed)))
        return
    unknown = set(arguments.attacks) - set(ATTACKS)
    if unknown:
        parser.error(f"no such attack: {', '.join(sorted(unknown))}")
    rows, failed = [], 0
    for result in results(arguments):
        rows.append(row(result))
        failed += bool(result.failures)
        print(" | ".join(rows[-1]), flush=True)
    table = markdown(HEAD, rows)
    if arguments.readme is not None:
        old = arguments.readme.read_text(encoding="utf-8")
        before, _, rest = old.partition(BEGIN)
        after = rest.partition(END)[2]
        arguments.readme.write_text(f"{before}{BEGIN}\n\n{table}\n\n{END}{after}", encoding="utf-8")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
