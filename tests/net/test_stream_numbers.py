"""Stream numbers are those of tshark's tcp.stream, frame by frame."""

from __future__ import annotations

import random
import subprocess
from pathlib import Path

import pytest

from dissector.capture.source import open_capture
from dissector.net.limits import Limits
from dissector.net.streams import Streams
from tests.net import wire
from tests.net.recording import TcpConversation
from tests.net.wire import ACK, FIN, PSH, RST, SYN

A, B = "10.0.0.1", "10.0.0.2"


def ours(frames: list[bytes], link: int = 1, limits: Limits | None = None) -> list[int | None]:
    """Return our stream number of each frame; None if it has no TCP."""
    streams = Streams(lambda _: None, warn=lambda *_: None, limits=limits)
    numbers: list[int | None] = []
    for at, frame in enumerate(frames):
        before = streams.tcp_frames
        streams.feed(wire.batch([frame], link, first_number=at + 1), 0, 1)
        found = streams.owner(streams.segment) if streams.tcp_frames > before else None
        numbers.append(found[0] if found else None)
    return numbers


def theirs(tshark: str, path: Path, frames: list[bytes], link: int = 1) -> list[int | None]:
    """Return tshark's stream number of each frame; the innermost if a frame has several."""
    file = path / "numbers.pcap"
    file.write_bytes(wire.pcap(frames, link))
    command = [tshark, "-n", "-r", str(file), "-T", "fields", "-e", "tcp.stream"]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return [int(line.split(",")[-1]) if line else None for line in output.split("\n")[:-1]]


def client(seq: int, ack: int, flags: int, payload: bytes = b"", port: int = 40000) -> bytes:
    return wire.ethernet(wire.ipv4(wire.tcp(port, 1883, seq, ack, flags, payload), A, B))


def server(seq: int, ack: int, flags: int, payload: bytes = b"", port: int = 40000) -> bytes:
    return wire.ethernet(wire.ipv4(wire.tcp(1883, port, seq, ack, flags, payload), B, A))


def inside(frame: bytes, port: int) -> bytes:
    """Wrap a frame in VXLAN."""
    outer = wire.ipv4(wire.udp(port, 4789, wire.vxlan(frame)), "192.0.2.1", "192.0.2.2", 17)
    return wire.ethernet(outer)


def quoted(seq: int, flags: int, size: int = 100) -> bytes:
    """Build an ICMP error about a segment of the client that quotes `size` bytes."""
    datagram = wire.ipv4(wire.tcp(40000, 1883, seq, 0, flags, b"abc"), A, B)[:size]
    return wire.ethernet(wire.ipv4(b"\3\1" + bytes(6) + datagram, "192.0.2.9", A, 1))


def bogus(seq: int, flags: int, size: int) -> bytes:
    """Build a segment whose data offset is `size` words."""
    segment = bytearray(wire.tcp(40000, 1883, seq, 1, flags, b"abc"))
    segment[12] = size << 4
    return wire.ethernet(wire.ipv4(bytes(segment), A, B))


SYNACK = SYN | ACK
DATAGRAM = wire.tcp(40000, 1883, 101, 501, PSH | ACK, bytes(200))


def fragment(low: int, high: int, ident: int) -> bytes:
    return wire.ethernet(
        wire.ipv4(DATAGRAM[low:high], A, B, ident=ident, offset=low, more=high < len(DATAGRAM))
    )


OPENED = [client(100, 0, SYN), server(500, 101, SYNACK), client(101, 501, ACK)]
CASES = {
    "one": OPENED,
    "SYN again": [client(100, 0, SYN), *OPENED],
    "another SYN": [client(100, 0, SYN), client(900, 0, SYN), client(901, 1, ACK)],
    "same SYN after FIN": [*OPENED, client(101, 501, FIN | ACK), *OPENED],
    "same SYN after RST": [client(100, 0, SYN), server(0, 101, RST | ACK)] * 3,
    "other SYN after RST": [
        client(100, 0, SYN),
        server(0, 101, RST | ACK),
        client(200, 0, SYN),
        server(0, 201, RST | ACK),
    ],
    "roles swapped": [*OPENED, server(9000, 0, SYN), client(8000, 9001, SYNACK)],
    "simultaneous open": [
        client(100, 0, SYN),
        server(500, 0, SYN),
        client(100, 501, SYNACK),
        server(500, 101, SYNACK),
    ],
    "data, then its SYN": [client(101, 501, ACK, b"x"), client(100, 0, SYN)],
    "data, then another SYN": [client(101, 501, ACK, b"x"), client(300, 0, SYN)],
    "acknowledgement, then its SYN": [server(501, 101, ACK), client(100, 0, SYN)],
    "acknowledgement, then another SYN": [server(501, 201, ACK), client(100, 0, SYN)],
    "RST, then SYN": [server(777, 0, RST), client(100, 0, SYN), client(100, 0, SYN)],
    "two SYN/ACKs": [*OPENED, server(600, 101, SYNACK), client(101, 601, ACK)],
    "SYN with FIN": [client(100, 0, SYN | FIN), client(100, 0, SYN), client(101, 0, SYN)],
    "VLANs": [
        client(100, 0, SYN),
        wire.ethernet(server(500, 101, SYNACK)[14:], vlans=[0x8100]),
        wire.ethernet(client(101, 501, ACK)[14:], vlans=[0x88A8, 0x8100]),
    ],
    "tunnels": [inside(frame, 50000 + at) for at, frame in enumerate(OPENED)] + OPENED,
    "fragments": [
        client(100, 0, SYN),
        fragment(0, 80, 1),
        fragment(80, 220, 1),
        fragment(80, 220, 2),
        fragment(0, 80, 2),
        fragment(0, 80, 3),
        client(100, 0, SYN, port=40001),
    ],
    "fragments only": [fragment(0, 80, 1), client(1, 1, ACK, port=5), fragment(80, 220, 1)],
    "ICMP error first": [quoted(100, SYN), client(1, 1, ACK, port=5), *OPENED],
    "ICMP error with other numbers": [quoted(101, ACK), client(300, 0, SYN)],
    "ICMP error quoting eight bytes": [quoted(100, SYN, 28), client(1, 1, ACK, port=5), *OPENED],
    "ICMP error quoting sixteen": [quoted(100, SYN, 36), client(1, 1, ACK, port=5), *OPENED],
    "offset too small": [bogus(101, ACK, 2), client(1, 1, ACK, port=5), client(100, 0, SYN)],
    "offset too small, another SYN": [bogus(101, ACK, 2), client(300, 0, SYN)],
    "offset too large": [bogus(101, ACK, 15), client(1, 1, ACK, port=5), client(300, 0, SYN)],
    "to itself": [
        wire.ethernet(wire.ipv4(wire.tcp(7, 7, 1, 0, SYN), A, A)),
        wire.ethernet(wire.ipv4(wire.tcp(7, 7, 1, 2, SYNACK), A, A)),
    ],
    "UDP between": [wire.ethernet(wire.ipv4(wire.udp(5, 6, b"x"), protocol=17)), *OPENED],
}


@pytest.mark.parametrize("name", CASES)
def test_stream_numbers_of_a_case(name: str, tshark: str, tmp_path: Path) -> None:
    """Each case that may begin a new stream is numbered as by tshark."""
    frames = CASES[name]
    assert ours(frames) == theirs(tshark, tmp_path, frames)


@pytest.mark.parametrize("seed", range(4))
def test_stream_numbers_of_random_segments(seed: int, tshark: str, tmp_path: Path) -> None:
    """Random segments on few ports, also in VLANs and tunnels, are numbered as by tshark."""
    rng = random.Random(seed)
    frames = []
    for _ in range(600):
        seq, ack = rng.choice([100, 101, 200, 201]), rng.choice([500, 501, 700])
        flags = rng.choice([SYN, SYN, SYNACK, ACK, ACK, PSH | ACK, FIN | ACK, RST, RST | ACK])
        make = rng.choice([client, server])
        payload = b"" if flags & (SYN | RST) else bytes(rng.randrange(3))
        frame = make(seq, ack, flags, payload, 40000 + rng.randrange(8))
        how = rng.randrange(4)
        if how == 0:
            frame = inside(frame, 50000)
        elif how == 1:
            frame = wire.ethernet(frame[14:], vlans=[0x8100])
        frames.append(frame)
    assert ours(frames) == theirs(tshark, tmp_path, frames)


def test_the_number_of_closed_connections_is_bounded() -> None:
    """Only so many closed connections are kept; the oldest is dropped first, with a warning."""
    warnings = []
    limits = Limits(closed=3, linger_ns=0)
    streams = Streams(lambda _: None, warn=lambda *what: warnings.append(what), limits=limits)
    conversations = [
        TcpConversation(client_port=40000 + n).open().send(0, b"x").close().frames for n in range(8)
    ]
    frames = [frame for conversation in conversations for frame in conversation]
    batch = wire.batch(frames)
    streams.feed(batch, 0, batch.count)
    assert streams.streams == 8
    assert streams.flows.count <= 3 + 1
    assert [warning[0] for warning in warnings] == ["stream-limit"]
    late = wire.batch([conversations[-2][-1]], first_number=len(frames) + 1)
    streams.feed(late, 0, 1)
    assert streams.streams == 8


def test_stream_numbers_of_real_captures(tshark: str, shared_captures: list[Path]) -> None:
    """Every frame of every available real capture has tshark's stream number."""
    for path in shared_captures:
        streams = Streams(lambda _: None, warn=lambda *_: None)
        numbers: list[int | None] = []
        reader = open_capture(path)
        while (batch := reader.next_batch()) is not None:
            for at in range(batch.count):
                before = streams.tcp_frames
                streams.feed(batch, at, at + 1)
                found = streams.owner(streams.segment) if streams.tcp_frames > before else None
                numbers.append(found[0] if found else None)
        reader.close()
        command = [tshark, "-n", "-r", str(path), "-T", "fields", "-e", "tcp.stream"]
        output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        assert numbers == [int(line) if line else None for line in output.split("\n")[:-1]], path
