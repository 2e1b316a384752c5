"""Builds a pcap file from the steps of a small conversation; equal steps give equal bytes.

The steps are those of the rules' examples: ``"C 10 0c …"`` (the client sends these bytes in one TCP
segment), ``"S 20 02 00 00"``, ``"+6"`` (six seconds pass, shown by a keep-alive probe and its
answer), ``"C FIN"``, ``"S RST"``, ``"NEW"`` (the next TCP connection to the same server),
``"HOST 7"`` (the same from 10.0.0.7), ``"ON 0"`` (back to the first of these connections). Every
data segment is acknowledged by a frame of its own. Timings and addresses are fixed.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

START_NS = 1_700_000_000_000_000_000
STEP_NS = 1_000_000  # between two frames
CLIENT_MAC = bytes.fromhex("020000000001")
SERVER_MAC = bytes.fromhex("020000000002")

FIN, SYN, RST, PSH, ACK = 0x01, 0x02, 0x04, 0x08, 0x10


class Frame(NamedTuple):
    """One frame of a capture: its time and its bytes from the Ethernet header on.

    `side` is "C" or "S", `payload` the TCP payload: for tests that leave frames out.
    """

    time_ns: int
    data: bytes
    side: str
    payload: bytes


class Peer:
    """One endpoint of a TCP connection, with its next sequence number."""

    def __init__(self, ip: bytes, port: int, mac: bytes, sequence: int) -> None:
        self.ip = ip
        self.port = port
        self.mac = mac
        self.sequence = sequence


def conversation(
    steps: Sequence[str | Callable[[], str]],
    *,
    server_port: int = 1883,
    client_port: int = 40000,
    client_ip: bytes = bytes((10, 0, 0, 1)),
    server_ip: bytes = bytes((10, 0, 0, 2)),
    start_ns: int = START_NS,
) -> list[Frame]:
    """Returns the frames of the steps; the first TCP connection begins with its SYN."""
    client = Peer(client_ip, client_port, CLIENT_MAC, 1000)
    server = Peer(server_ip, server_port, SERVER_MAC, 5000)
    frames: list[Frame] = []
    now = start_ns

    def send(sender: Peer, flags: int, payload: bytes = b"", sequence: int | None = None) -> None:
        nonlocal now
        receiver = server if sender is client else client
        acknowledged = receiver.sequence if flags & ACK else 0
        at = sender.sequence if sequence is None else sequence
        data = _ethernet(sender, receiver, at, acknowledged, flags, payload)
        frames.append(Frame(now, data, "C" if sender is client else "S", payload))
        now += STEP_NS
        if sequence is None:
            sender.sequence += len(payload) + (1 if flags & (SYN | FIN) else 0)

    def connect() -> None:
        send(client, SYN)
        send(server, SYN | ACK)
        send(client, ACK)

    connect()
    opened = [(client, server)]
    for item in steps:
        step = item if isinstance(item, str) else item()
        if step.startswith("ON "):
            client, server = opened[int(step[3:])]
            continue
        if step == "NEW" or step.startswith("HOST "):
            ip, mac = opened[-1][0].ip, opened[-1][0].mac
            if step != "NEW":
                number = int(step[5:])
                ip, mac = client_ip[:-1] + bytes([number]), CLIENT_MAC[:-1] + bytes([number])
            client = Peer(ip, opened[-1][0].port + 1, mac, 1000)
            server = Peer(server_ip, server_port, SERVER_MAC, 5000)
            connect()
            opened.append((client, server))
            continue
        if step.startswith("+"):
            now += int(float(step[1:]) * 1_000_000_000)
            send(client, ACK, sequence=client.sequence - 1)
            send(server, ACK)
            continue
        who, _, what = step.partition(" ")
        sender, receiver = (client, server) if who == "C" else (server, client)
        if what == "FIN":
            send(sender, FIN | ACK)
            send(receiver, ACK)
        elif what == "RST":
            send(sender, RST | ACK)
        else:
            send(sender, PSH | ACK, bytes.fromhex(what))
            send(receiver, ACK)
    return frames


def pcap(frames: Iterable[Frame]) -> bytes:
    """Returns frames as the bytes of a pcap file: microseconds, Ethernet."""
    parts = [struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262_144, 1)]
    for frame in frames:
        seconds, rest = divmod(frame.time_ns, 1_000_000_000)
        size = len(frame.data)
        parts.append(struct.pack("<IIII", seconds, rest // 1000, size, size))
        parts.append(frame.data)
    return b"".join(parts)


def _ethernet(
    sender: Peer, receiver: Peer, sequence: int, acknowledged: int, flags: int, payload: bytes
) -> bytes:
    tcp = struct.pack(
        "!HHIIBBHHH", sender.port, receiver.port, sequence, acknowledged, 5 << 4, flags, 65535, 0, 0
    )
    size = len(tcp) + len(payload)
    pseudo = sender.ip + receiver.ip
    if len(sender.ip) == 4:
        pseudo += struct.pack("!BBH", 0, 6, size)
        ip = struct.pack(
            "!BBHHHBBH4s4s", 0x45, 0, 20 + size, 0, 0x4000, 64, 6, 0, sender.ip, receiver.ip
        )
        ip = ip[:10] + struct.pack("!H", _checksum(ip)) + ip[12:]
        kind = 0x0800
    else:
        pseudo += struct.pack("!IxxxB", size, 6)
        ip = struct.pack("!IHBB16s16s", 6 << 28, size, 6, 64, sender.ip, receiver.ip)
        kind = 0x86DD
    tcp = tcp[:16] + struct.pack("!H", _checksum(pseudo + tcp + payload)) + tcp[18:]
    return receiver.mac + sender.mac + struct.pack("!H", kind) + ip + tcp + payload


def _checksum(data: bytes) -> int:
    """Returns the Internet checksum (RFC 1071)."""
    if len(data) % 2:
        data += b"\0"
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
