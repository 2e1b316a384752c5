"""Generates background traffic without MQTT: TLS on port 443, SSH, DNS over UDP, ARP."""

import struct
from random import Random

from frames import ACK, PSH, GeneratedCapture, GeneratedConnection, arp_frame, host, udp_frame

_FLOWS = 120
_NAMES = ("api", "cdn", "img", "login", "metrics", "ntp", "static", "updates", "www")


def _name(label: str) -> bytes:
    parts = (label, "example", "com")
    return b"".join(bytes((len(part),)) + part.encode() for part in parts) + b"\0"


def client_hello(random: Random) -> bytes:
    """Returns a TLS 1.2 ClientHello with a server name (RFC 5246 §7.4.1.2, RFC 6066 §3)."""
    server = random.choice(_NAMES).encode() + b".example.com"
    entry = struct.pack("!BH", 0, len(server)) + server
    names = struct.pack("!HHH", 0, len(entry) + 2, len(entry)) + entry
    body = b"\x03\x03" + random.randbytes(32) + b"\x20" + random.randbytes(32)
    body += bytes.fromhex("0004 c02f c030 01 00") + struct.pack("!H", len(names)) + names
    return struct.pack("!BHHBxH", 22, 0x0301, len(body) + 4, 1, len(body)) + body


def server_hello(random: Random) -> bytes:
    """Returns a TLS 1.2 ServerHello and ServerHelloDone."""
    body = b"\x03\x03" + random.randbytes(32) + b"\x20" + random.randbytes(32)
    body += bytes.fromhex("c02f 00")
    hello = struct.pack("!BHHBxH", 22, 0x0303, len(body) + 4, 2, len(body)) + body
    return hello + bytes.fromhex("16 0303 0004 0e000000")


def application_data(random: Random, size: int) -> bytes:
    """Returns records of TLS 1.2 with `size` random bytes (at most 16,384), as if encrypted."""
    return struct.pack("!BHH", 23, 0x0303, size) + random.randbytes(size)


class _Flow:
    """A TCP connection to port 443 or 22 that is reopened after a few dozen exchanges."""

    def __init__(self, capture: GeneratedCapture, random: Random, number: int, start: int) -> None:
        self._capture = capture
        self._random = random
        self._secure_shell = number % 8 == 0
        self._client = host(4, 0x0A030000 + number)
        self._server = host(5, 0xCB007100 + number % 16)
        self._port = 49152 + random.randrange(8192)
        self._requests = [application_data(random, random.randrange(60, 600)) for _ in range(2)]
        self._answers = [application_data(random, random.randrange(100, 4000)) for _ in range(2)]
        self._keys = [random.randbytes(random.choice((36, 52, 68))) for _ in range(2)]
        self._exchanges_left = 0
        self._tcp: GeneratedConnection | None = None
        self._busy_until = start

    def act(self, now: int) -> None:
        """Adds the next exchange, not before `now` nor before the end of the last one."""
        now = max(now, self._busy_until)
        tcp = self._tcp
        if tcp is None:
            now = self._open(now)
        elif self._exchanges_left == 0:
            now = tcp.close(now)
            self._tcp = None
        else:
            self._exchanges_left -= 1
            which = self._exchanges_left & 1
            if self._secure_shell:
                now = tcp.request(now, self._keys[which], self._keys[which ^ 1])
            else:
                tcp.from_client(now, self._requests[which], PSH | ACK)
                now = tcp.send_from_server(now + 5_000, self._answers[which])
        self._busy_until = now + 1_000

    def _open(self, now: int) -> int:
        random = self._random
        self._port = 49152 + (self._port + 1) % 16384
        ends = (self._client, self._port), (self._server, 22 if self._secure_shell else 443)
        self._tcp = tcp = GeneratedConnection(
            self._capture, random, *ends, random.randrange(2_000, 40_000)
        )
        self._exchanges_left = random.randrange(20, 60)
        now = tcp.open(now) + 500
        if self._secure_shell:
            return tcp.request(now, b"SSH-2.0-OpenSSH_9.6\r\n", b"SSH-2.0-OpenSSH_9.2\r\n")
        return tcp.request(now, client_hello(random), server_hello(random))


class Background:
    """Keeps background traffic at a quarter of all frames."""

    def __init__(self, capture: GeneratedCapture, random: Random, start: int) -> None:
        self._capture = capture
        self._random = random
        self._flows = [_Flow(capture, random, number, start) for number in range(_FLOWS)]
        self._hosts = [host(4, 0x0A030000 + number) for number in range(_FLOWS)]
        self._router = host(6, 0x0A030000 + 254)
        self._debt = 0

    def follow(self, now: int, frames: int) -> None:
        """Adds a third as many frames as the `frames` frames of MQTT, from `now` on."""
        self._debt += frames
        while self._debt > 0:
            before = self._capture.added
            self._act(now + self._random.randrange(50_000))
            self._debt -= 3 * (self._capture.added - before)

    def _act(self, now: int) -> None:
        chance = self._random.random()
        if chance < 0.75:
            self._random.choice(self._flows).act(now)
            return
        here = self._random.choice(self._hosts)
        if chance < 0.95:
            self._resolve(now)
        else:
            self._capture.add(now, arp_frame(1, here, self._router))
            self._capture.add(now + 300, arp_frame(2, self._router, here))

    def _resolve(self, now: int) -> None:
        """Adds a DNS query for an A record and its answer (RFC 1035 §4)."""
        random = self._random
        client = random.choice(self._hosts), random.randrange(49152, 65536)
        number = random.getrandbits(16)
        question = _name(random.choice(_NAMES)) + b"\0\x01\0\x01"
        query = struct.pack("!HHHHHH", number, 0x0100, 1, 0, 0, 0) + question
        record = bytes.fromhex("c00c 0001 0001 0000012c 0004 cb007105")
        answer = struct.pack("!HHHHHH", number, 0x8180, 1, 1, 0, 0) + question + record
        server = self._router, 53
        self._capture.add(now, udp_frame(client, server, query))
        self._capture.add(now + 900, udp_frame(server, client, answer))
