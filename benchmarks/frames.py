"""Builds Ethernet frames of TCP connections and writes them to a pcap file in time order.

Each frame is packed with one `struct` call, with correct lengths, sequence numbers and checksums
(RFC 1071 modulo 65535: 65536 is congruent to 1, so a 32-bit number, or a whole payload read as one
big-endian integer, adds up like its 16-bit words). A frame may be added ahead of time;
`GeneratedCapture` buffers it until no earlier frame can be added, so a whole exchange can be added
at once and connections are still interleaved in the file.
"""

import struct
from bisect import bisect_left
from dataclasses import dataclass
from enum import IntEnum
from random import Random
from typing import BinaryIO

FIN, SYN, RST, PSH, ACK = 0x01, 0x02, 0x04, 0x08, 0x10
SEGMENT_SIZE = 1460
# MSS 1460, SACK permitted, window scale 7: what a SYN carries (RFC 9293 §3.2, RFC 2018, RFC 7323).
SYN_OPTIONS = bytes.fromhex("020405b4 01010402 01030307")

_GLOBAL_HEADER = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 1)
_RECORD = struct.Struct("<IIII")
_IP_TCP = struct.Struct("!HHHHBBHIIHHIIBBHHH")
_IP6_TCP = struct.Struct("!IHBB16s16sHHIIBBHHH")
_IP_UDP = struct.Struct("!HHHHBBHIIHHHH")
_ARP = struct.Struct("!HHBBH6sI6sI")
_SHORTEST_FRAME = 60
# Number of buffered frames above which some are written.
_WINDOW = 20_000


class Mark(IntEnum):
    """The content of a frame, for the counts that the generator prints."""

    OTHER = 0
    CONNECT = 1
    CONNACK = 2
    DEFECTIVE_CONNACK = 3


@dataclass(frozen=True, slots=True)
class GeneratedHost:
    """A MAC address and an IP address as a number; `version` is 4 or 6."""

    mac: bytes
    ip: int
    version: int = 4


def host(kind: int, ip: int) -> GeneratedHost:
    """Returns the host with an IP address and a locally administered MAC derived from it."""
    return GeneratedHost(struct.pack("!BBI", 0x02, kind, ip), ip)


def host6(kind: int, number: int) -> GeneratedHost:
    """Returns an IPv6 host of 2001:db8::/32 (RFC 3849); `kind` is in its subnet and its MAC."""
    ip = 0x20010DB8 << 96 | kind << 64 | number
    return GeneratedHost(struct.pack("!BBI", 0x06, kind, number), ip, version=6)


class GeneratedCapture:
    """Buffers frames and writes exactly `limit` of them; `counts` is indexed by `Mark`."""

    def __init__(self, output: BinaryIO, limit: int) -> None:
        self._output = output
        self._limit = limit
        self._pending: list[tuple[int, int, int, bytes]] = []
        self._serial = 0
        self._sorted = 0
        self.written = 0
        self.counts = [0] * len(Mark)
        self.first_time = 0
        self.last_time = 0
        output.write(_GLOBAL_HEADER)

    @property
    def added(self) -> int:
        """Number of frames added so far, written or buffered."""
        return self._serial

    def add(self, time: int, frame: bytes, mark: int = Mark.OTHER) -> None:
        """Adds a frame with a time (µs since the epoch)."""
        size = len(frame)
        record = _RECORD.pack(time // 1_000_000, time % 1_000_000, size, size) + frame
        self._serial += 1
        self._pending.append((time, self._serial, mark, record))

    def release(self, now: int) -> bool:
        """Writes frames before `now`, which are complete; returns False if the limit is reached."""
        if self._serial - self._sorted < min(_WINDOW, self._limit - self.written):
            return True
        self._sorted = self._serial
        return self._write_before(now)

    def finish(self) -> None:
        """Writes all frames that are left, up to the limit."""
        self._write_before(1 << 63)

    def _write_before(self, now: int) -> bool:
        """Writes frames before `now`; returns False if the limit is reached."""
        self._pending.sort()
        end = bisect_left(self._pending, (now,))
        ready = self._pending[: min(end, self._limit - self.written)]
        del self._pending[:end]
        self._output.write(b"".join([record for _, _, _, record in ready]))
        for _, _, mark, _ in ready:
            self.counts[mark] += 1
        if ready:
            self.first_time = self.first_time or ready[0][0]
            self.last_time = ready[-1][0]
        self.written += len(ready)
        return self.written < self._limit


class GeneratedDirection:
    """One direction of a TCP connection: its constant header fields and their checksums."""

    __slots__ = ("_ip_sum", "_padded", "_tcp_sum", "addresses", "identification", "link", "ports")

    def __init__(self, link: bytes, source: tuple[int, int], target: tuple[int, int], padded: bool):
        self.link = link
        self.addresses = (source[0], target[0])
        self.ports = (source[1], target[1])
        self.identification = (source[0] * 40503 + source[1]) & 0xFFFF
        self._ip_sum = 0x4500 + 0x4000 + 0x4006 + source[0] + target[0]
        self._tcp_sum = source[0] + target[0] + 6 + source[1] + target[1]
        self._padded = padded

    def frame(
        self, sequence: int, acknowledgement: int, flags: int, data: bytes, offset: int
    ) -> bytes:
        """Returns an Ethernet frame; `data`: options and payload, `offset`: header size, words."""
        size = 20 + len(data)
        self.identification = identification = (self.identification + 1) & 0xFFFF
        content = int.from_bytes(data, "big") << (8 if size & 1 else 0)
        word = offset << 12 | flags
        total = self._tcp_sum + size + sequence + acknowledgement + word + 0x0800 + content
        header = _IP_TCP.pack(
            0x4500, size + 20, identification, 0x4000, 64, 6,
            -(self._ip_sum + size + 20 + identification) % 0xFFFF,
            *self.addresses, *self.ports, sequence, acknowledgement, offset << 4, flags,
            0x0800, -total % 0xFFFF, 0,
        )  # fmt: skip
        frame = self.link + header + data
        return frame.ljust(_SHORTEST_FRAME, b"\0") if self._padded else frame


class GeneratedDirection6(GeneratedDirection):
    """One direction of a TCP connection over IPv6; its frames need no padding."""

    __slots__ = ("_packed",)

    def __init__(self, link: bytes, source: tuple[int, int], target: tuple[int, int], padded: bool):
        super().__init__(link, source, target, padded)
        self._packed = source[0].to_bytes(16, "big"), target[0].to_bytes(16, "big")

    def frame(
        self, sequence: int, acknowledgement: int, flags: int, data: bytes, offset: int
    ) -> bytes:
        """Returns an Ethernet frame; `data`: options and payload, `offset`: header size, words."""
        size = 20 + len(data)
        content = int.from_bytes(data, "big") << (8 if size & 1 else 0)
        word = offset << 12 | flags
        total = self._tcp_sum + size + sequence + acknowledgement + word + 0x0800 + content
        header = _IP6_TCP.pack(
            0x60000000, size, 6, 64, *self._packed, *self.ports, sequence, acknowledgement,
            offset << 4, flags, 0x0800, -total % 0xFFFF, 0,
        )  # fmt: skip
        return self.link + header + data


class GeneratedConnection:
    """A TCP connection, captured at the server: the client is a round trip away.

    Every method takes the time of its first frame and returns that of its last (µs).
    """

    __slots__ = (
        "_capture",
        "_client",
        "_client_next",
        "_random",
        "_server",
        "_server_next",
        "round_trip",
    )

    def __init__(
        self,
        capture: GeneratedCapture,
        random: Random,
        client: tuple[GeneratedHost, int],
        server: tuple[GeneratedHost, int],
        round_trip: int,
        vlan: int = 0,
    ) -> None:
        tag = struct.pack("!HH", 0x8100, vlan) if vlan else b""
        ends = (client[0].ip, client[1]), (server[0].ip, server[1])
        macs = client[0].mac, server[0].mac
        ipv6 = client[0].version == 6
        kind = GeneratedDirection6 if ipv6 else GeneratedDirection
        tag += b"\x86\xdd" if ipv6 else b"\x08\0"
        # Received frames are captured with padding, sent frames before they are padded.
        self._client = kind(macs[1] + macs[0] + tag, ends[0], ends[1], True)
        self._server = kind(macs[0] + macs[1] + tag, ends[1], ends[0], False)
        self._capture = capture
        self._random = random.random
        self._client_next = random.getrandbits(32)
        self._server_next = random.getrandbits(32)
        self.round_trip = round_trip

    def from_client(self, time: int, payload: bytes = b"", flags: int = ACK, mark: int = 0) -> int:
        """Adds one segment from the client."""
        frame = self._client.frame(self._client_next, self._server_next, flags, payload, 5)
        self._client_next = (self._client_next + len(payload) + (flags & FIN)) & 0xFFFFFFFF
        self._capture.add(time, frame, mark)
        return time

    def from_server(self, time: int, payload: bytes = b"", flags: int = ACK, mark: int = 0) -> int:
        """Adds one segment from the server."""
        frame = self._server.frame(self._server_next, self._client_next, flags, payload, 5)
        self._server_next = (self._server_next + len(payload) + (flags & FIN)) & 0xFFFFFFFF
        self._capture.add(time, frame, mark)
        return time

    def pause(self) -> int:
        """Returns the response time of the server, 100 to 900 µs."""
        return 100 + int(800 * self._random())

    def syn(self, time: int) -> int:
        """Adds the SYN."""
        self._capture.add(time, self._client.frame(self._client_next, 0, SYN, SYN_OPTIONS, 8))
        self._client_next = (self._client_next + 1) & 0xFFFFFFFF
        return time

    def open(self, time: int) -> int:
        """Adds SYN, SYN/ACK, ACK."""
        time = self.syn(time) + 40
        answer = self._server.frame(self._server_next, self._client_next, SYN | ACK, SYN_OPTIONS, 8)
        self._capture.add(time, answer)
        self._server_next = (self._server_next + 1) & 0xFFFFFFFF
        return self.from_client(time + self.round_trip)

    def send(self, time: int, payload: bytes, mark: int = 0) -> int:
        """Adds payload from the client in segments, the last marked, acknowledged by the server."""
        for start in range(0, len(payload), SEGMENT_SIZE):
            time += 12
            segment = payload[start : start + SEGMENT_SIZE]
            last = start + SEGMENT_SIZE >= len(payload)
            self.from_client(time, segment, PSH | ACK, mark if last else Mark.OTHER)
        return self.from_server(time + 40)

    def request(self, time: int, request: bytes, answer: bytes) -> int:
        """Adds a request from the client, the answer that acknowledges it, acknowledgement."""
        self.from_client(time, request, PSH | ACK)
        return self.send_from_server(time + self.pause(), answer)

    def send_from_server(self, time: int, payload: bytes, mark: int = 0) -> int:
        """Adds payload from the server in segments, acknowledged by the client."""
        for start in range(0, len(payload), SEGMENT_SIZE):
            time += 12
            self.from_server(time, payload[start : start + SEGMENT_SIZE], PSH | ACK, mark)
        return self.from_client(time + self.round_trip)

    def close(self, time: int) -> int:
        """Adds FIN from the client, FIN from the server, ACK."""
        self.from_client(time, flags=FIN | ACK)
        self.from_server(time + 60, flags=FIN | ACK)
        return self.from_client(time + 60 + self.round_trip)


def udp_frame(
    source: tuple[GeneratedHost, int], target: tuple[GeneratedHost, int], payload: bytes
) -> bytes:
    """Returns a UDP datagram over IPv4; its checksum is zero, "not computed" (RFC 768)."""
    size = 28 + len(payload)
    ends = source[0].ip, target[0].ip
    checksum = -(0x4500 + size + 0x4011 + ends[0] + ends[1]) % 0xFFFF
    ports = source[1], target[1]
    header = _IP_UDP.pack(0x4500, size, 0, 0, 64, 17, checksum, *ends, *ports, size - 20, 0)
    return target[0].mac + source[0].mac + b"\x08\0" + header + payload


def arp_frame(operation: int, sender: GeneratedHost, target: GeneratedHost) -> bytes:
    """Returns an ARP request (operation 1, broadcast) or reply (2)."""
    known = target.mac if operation == 2 else bytes(6)
    body = _ARP.pack(1, 0x0800, 6, 4, operation, sender.mac, sender.ip, known, target.ip)
    destination = target.mac if operation == 2 else b"\xff" * 6
    return (destination + sender.mac + b"\x08\x06" + body).ljust(_SHORTEST_FRAME, b"\0")
