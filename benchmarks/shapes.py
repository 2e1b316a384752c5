"""Generates traffic in which MQTT is a small part, or in which every handshake is unusual.

Each class is a kind of `generate.py` and fills a capture from a seeded random generator. Numbers
of flows are those of a million frames and grow with the number of frames; clients and servers do
not. `Crowd`, `Debris` and `Scan` hold foreign flows, `ChattyStorm` and `FaultyStorm` have findings
on every handshake, `Mirror` has every frame twice, and `LongStrings` has CONNECTs of 64 KiB.
"""

import struct
from dataclasses import replace
from random import Random

import control_packets as mqtt
from background import application_data, client_hello, server_hello
from frames import (
    ACK,
    FIN,
    PSH,
    RST,
    SEGMENT_SIZE,
    GeneratedCapture,
    GeneratedConnection,
    Mark,
    host,
    host6,
)  # fmt: skip
from traffic import FIRST_PORT, PORT, PORTS, SECOND, START, Fleet, Storm, client_of, servers

CLIENTS = 2_000
FOREIGN_PORTS = (22, 23, 25, 80, 110, 143, 443, 445, 993, 3306, 3389, 5432, 5900, 6379, 8080)
_CHANGE_CIPHER_SPEC = bytes.fromhex("14 0303 0001 01")


class MqttClients:
    """Clients that connect in turn to the servers, a quarter of them over IPv6."""

    def __init__(self, capture: GeneratedCapture, random: Random, number: int = CLIENTS) -> None:
        self._capture = capture
        self._random = random
        self._clients = [client_of(random, index, persistent_share=0) for index in range(number)]
        self._servers = servers(), [host6(1, index) for index in range(4)]
        self._turn = 0

    def connection(self) -> tuple[GeneratedConnection, mqtt.ClientSettings]:
        """Returns a connection of the next client, not yet open, and the client's settings."""
        turn, number = divmod(self._turn, len(self._clients))
        self._turn += 1
        ipv6 = number % 4 == 3
        own = host6(2, number) if ipv6 else host(2, 0x0A010000 + number)
        server = self._servers[ipv6][number % 4]
        tcp = GeneratedConnection(
            self._capture,
            self._random,
            (own, FIRST_PORT + (7 * number + turn) % PORTS),
            (server, PORT),
            self._random.randrange(1_000, 60_000),
        )
        return tcp, self._clients[number]

    def session(self, now: int, exchanges: int, interval: int) -> None:
        """Adds a connection with `exchanges` exchanges, about `interval` µs from one to the next.

        One in eight exchanges is a ping, the others publish at QoS 1.
        """
        tcp, client = self.connection()
        time = handshake(tcp, client, now)
        topic = f"fleet/{client.client_id}/telemetry"
        reading = b'{"temperature":%06.2f,"note":"%s"}' % (exchanges / 7, b"x" * (exchanges % 50))
        for index in range(exchanges):
            time += self._random.randrange(interval // 2, interval * 3 // 2)
            if index % 8 == 5:
                time = tcp.request(time, mqtt.PINGREQ, mqtt.PINGRESP)
                continue
            packet = mqtt.publish(client.level, topic, reading, 1, index + 1)
            time = tcp.request(time, packet, mqtt.acknowledgement(0x40, index + 1))
        time += self._random.randrange(interval // 2, interval * 3 // 2)
        tcp.from_client(time, mqtt.DISCONNECT, PSH | ACK)
        tcp.close(time + 100)


def handshake(tcp: GeneratedConnection, client: mqtt.ClientSettings, now: int) -> int:
    """Adds the TCP and the MQTT handshake; returns the time of the last frame."""
    time = tcp.send(tcp.open(now) + 200, mqtt.connect(client), Mark.CONNECT)
    answer = mqtt.connack(client.level, session_present=False)
    return tcp.send_from_server(time + tcp.pause(), answer, Mark.CONNACK)


class WebTraffic:
    """Whole TLS and HTTP connections, and SYNs without an answer; two in five over IPv6."""

    def __init__(self, capture: GeneratedCapture, random: Random) -> None:
        self._capture = capture
        self._random = random
        self._clients = (
            [host(4, 0x0A030000 + number) for number in range(500)],
            [host6(4, number) for number in range(500)],
        )
        self._servers = (
            [host(5, 0xCB007100 + number) for number in range(200)],
            [host6(5, number) for number in range(200)],
        )
        sizes = [random.randrange(60, 900) for _ in range(40)]
        self._requests = [application_data(random, size) for size in sizes]
        self._answers = [application_data(random, random.randrange(80, 1400)) for _ in range(60)]
        self._answers += [application_data(random, random.randrange(1400, 6000)) for _ in range(12)]
        self._hellos = [client_hello(random) for _ in range(40)]
        # Resumed: everything in a segment. Full: the certificate is encrypted (RFC 8446 §2).
        self._resumed = [self._server_flight(180) for _ in range(10)]
        self._full = [self._server_flight(random.randrange(2200, 4000)) for _ in range(10)]
        self._finished = [_CHANGE_CIPHER_SPEC + application_data(random, 53) for _ in range(10)]
        self._alerts = [application_data(random, 19) for _ in range(10)]
        self._pages = [self._http_answer(random.randrange(100, 1200)) for _ in range(40)]
        self._pages += [self._http_answer(random.randrange(1200, 6000)) for _ in range(10)]
        self._turn = 0

    def _server_flight(self, size: int) -> bytes:
        hello = server_hello(self._random) + _CHANGE_CIPHER_SPEC
        return hello + application_data(self._random, size)

    def _http_answer(self, size: int) -> bytes:
        body = bytes(self._random.choices(b"abcdefghij <>/\n", k=size))
        head = (
            "HTTP/1.1 200 OK\r\nServer: nginx\r\nContent-Type: text/html; charset=utf-8\r\n"
            f"Content-Length: {size}\r\nConnection: close\r\n\r\n"
        )
        return head.encode() + body

    def _connection(self, port: int) -> GeneratedConnection:
        random, turn = self._random, self._turn
        self._turn += 1
        ipv6 = turn % 5 > 2
        clients, servers_ = self._clients[ipv6], self._servers[ipv6]
        # The same client and port come again only after 14 million flows.
        client = clients[turn % len(clients)], FIRST_PORT + (turn // len(clients)) % PORTS
        server = servers_[random.randrange(len(servers_))], port
        return GeneratedConnection(
            self._capture, random, client, server, random.randrange(2_000, 80_000)
        )

    def add_tls(self, now: int) -> None:
        """Adds a TLS connection to port 443: handshake, a few requests, perhaps an alert, FINs."""
        random = self._random
        tcp = self._connection(443)
        now = tcp.open(now) + 200
        tcp.from_client(now, random.choice(self._hellos), PSH | ACK)
        now += tcp.pause()
        request = random.choice(self._finished) + random.choice(self._requests)
        if random.random() < 0.9:
            now = tcp.from_server(now, random.choice(self._resumed), PSH | ACK) + tcp.round_trip
        else:
            now = tcp.send_from_server(now, random.choice(self._full))
        tcp.from_client(now + 150, request, PSH | ACK)
        now = self._answer(tcp, now + 5_000)
        while random.random() < 0.1:
            tcp.from_client(now + 40_000, random.choice(self._requests), PSH | ACK)
            now = self._answer(tcp, now + 45_000)
        now += random.randrange(400_000)
        if random.random() < 0.2:
            now = tcp.from_client(now, random.choice(self._alerts), PSH | ACK) + 10
        tcp.close(now)

    def _answer(self, tcp: GeneratedConnection, now: int) -> int:
        """Adds an answer; one that fits in a segment is acknowledged by what comes next."""
        answer = self._random.choice(self._answers)
        if len(answer) > SEGMENT_SIZE:
            return tcp.send_from_server(now, answer)
        return tcp.from_server(now, answer, PSH | ACK) + tcp.round_trip

    def add_http(self, now: int) -> None:
        """Adds an HTTP/1.1 connection to port 80: one request and its answer, closed after it."""
        random = self._random
        tcp = self._connection(80)
        path = f"/page/{random.randrange(10_000)}"
        request = (
            f"GET {path} HTTP/1.1\r\nHost: www.example.com\r\nUser-Agent: curl/8.5.0\r\n"
            "Accept: */*\r\nConnection: close\r\n\r\n"
        )
        now = tcp.open(now) + 200
        tcp.from_client(now, request.encode(), PSH | ACK)
        now = tcp.send_from_server(now + 3_000, random.choice(self._pages))
        tcp.close(now + 50)

    def add_syn(self, now: int) -> None:
        """Adds a SYN that is never answered."""
        self._connection(self._random.choice(FOREIGN_PORTS)).syn(now)


class Crowd:
    """7,200 MQTT connections among 66,000 TLS and 17,000 HTTP connections and 17,000 SYNs."""

    SHARES = (7_200, 66_000, 17_000, 17_000)

    def __init__(self, capture: GeneratedCapture, random: Random, frames: int) -> None:
        self._capture = capture
        self._random = random
        self._mqtt = MqttClients(capture, random, min(CLIENTS, frames // 100 + 1))
        self._web = WebTraffic(capture, random)

    def run(self) -> None:
        """Fills the capture."""
        random, now = self._random, START
        web = self._web
        while self._capture.release(now):
            for kind in random.choices(range(4), self.SHARES, k=50):
                if kind == 0:
                    self._mqtt.session(now, random.randrange(3), 2 * SECOND)
                else:
                    (web.add_tls, web.add_http, web.add_syn)[kind - 1](now)
                now += random.randrange(2_000)


class Debris:
    """4,800 MQTT connections among 140,000 flows seen in mid-stream, one or two frames each."""

    SHARES = (4_800, 140_000)

    def __init__(self, capture: GeneratedCapture, random: Random, frames: int) -> None:
        self._capture = capture
        self._random = random
        self._mqtt = MqttClients(capture, random, min(CLIENTS, frames // 400 + 1))
        self._noise = random.randbytes(1 << 16)
        self._turn = 0

    def run(self) -> None:
        """Fills the capture."""
        random, now = self._random, START
        while self._capture.release(now):
            for kind in random.choices((0, 1), self.SHARES, k=50):
                if kind == 0:
                    self._mqtt.session(now, random.randrange(43, 65), SECOND // 2)
                else:
                    self._add_debris(now)
                now += random.randrange(6_000)

    def _add_debris(self, now: int) -> None:
        """Adds the last frames of a connection whose beginning was not captured."""
        random = self._random
        turn, number = divmod(self._turn, 20_000)
        self._turn += 1
        port = FOREIGN_PORTS[turn % len(FOREIGN_PORTS)]
        if number % 5 > 2:
            ends = host6(4, number), host6(5, number % 200)
        else:
            ends = host(4, 0x0A030000 + number), host(5, 0xCB007100 + number % 200)
        client = ends[0], FIRST_PORT + random.randrange(PORTS)
        tcp = GeneratedConnection(
            self._capture, random, client, (ends[1], port), random.randrange(2_000, 80_000)
        )
        kind = random.random()
        start = random.randrange(len(self._noise) - 1460)
        # Ciphertext, or what follows the beginning of a TLS record.
        data = self._noise[start : start + random.randrange(20, 1460)]
        if kind < 0.35:
            tcp.from_server(now, data, PSH | ACK)
        elif kind < 0.55:
            tcp.from_server(now, data, PSH | ACK)
            tcp.from_client(now + tcp.round_trip)
        elif kind < 0.70:
            tcp.from_client(now, struct.pack("!BHH", 23, 0x0303, len(data)) + data[:1400])
        elif kind < 0.80:
            tcp.from_client(now)
        elif kind < 0.95:
            tcp.from_client(now, flags=FIN | ACK)
            tcp.from_server(now + 60, flags=FIN | ACK)
        else:
            tcp.from_client(now, flags=RST | ACK)


class Scan:
    """Idle MQTT connections, then foreign flows, then a ping on each of the idle connections.

    In a million frames 5,000 idle connections and about 750,000 foreign flows; more frames hold
    more foreign flows, but not more connections, unless `idle` is given. `foreign` is the number of
    foreign flows.
    """

    # What is added of an idle connection before and after the scan.
    BEFORE, AFTER = 7, 3
    # Lone SYN, SYN and RST, and a payload sent to an open port.
    SHARES = (810, 165, 25)
    FRAMES = (1, 2, 5)
    PROBES = (b"GET / HTTP/1.0\r\n\r\n", b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x03", b"\r\n\r\n")

    def __init__(
        self, capture: GeneratedCapture, random: Random, frames: int, idle: int | None = None
    ) -> None:
        self._capture = capture
        self._random = random
        self._idle = max(1, min(5_000, frames // 200)) if idle is None else idle
        self._mqtt = MqttClients(capture, random, self._idle)
        self._frames = frames - self._idle * (self.BEFORE + self.AFTER)
        self._scanners = [host(7, 0xC6336400 + number) for number in range(8)]
        self.foreign = 0

    def run(self) -> None:
        """Fills the capture."""
        random, now, idle = self._random, START, []
        for _ in range(self._idle):
            tcp, client = self._mqtt.connection()
            handshake(tcp, replace(client, keep_alive=1_200), now)
            idle.append(tcp)
            now += 1 + random.randrange(4_000)
            self._capture.release(now)
        now = self._scan(now + SECOND) + SECOND
        for tcp in idle:
            tcp.request(now, mqtt.PINGREQ, mqtt.PINGRESP)
            now += 1 + random.randrange(4_000)
            self._capture.release(now)
        self._capture.finish()

    def _scan(self, now: int) -> int:
        """Adds the foreign flows; returns the time of the last frame."""
        random, left = self._random, self._frames
        while left > 0:
            for kind in random.choices((0, 1, 2), self.SHARES, k=500):
                kind = kind if self.FRAMES[kind] <= left else 0
                if left > 0:
                    self._probe(now, kind)
                    left -= self.FRAMES[kind]
                    # 300 seconds for a million frames, so that no keep alive passes.
                    now += random.randrange(600) if self._frames <= 1_300_000 else 150
            self._capture.release(now)
        return now + SECOND

    def _probe(self, now: int, kind: int) -> None:
        number, self.foreign = self.foreign, self.foreign + 1
        # One scanner after the other, 4,096 targets in turn, then the next port.
        scanner = self._scanners[number % 8]
        rest, target = divmod(number // 8, 4_096)
        source, which = divmod(rest, len(FOREIGN_PORTS))
        server = host(5, 0x0A0A0000 + target), FOREIGN_PORTS[which]
        client = scanner, FIRST_PORT + (source * 4_096 + target) % PORTS
        tcp = GeneratedConnection(self._capture, self._random, client, server, 30_000)
        if kind == 2:
            tcp.send(tcp.open(now), self._random.choice(self.PROBES))
            return
        now = tcp.syn(now)
        if kind == 1:
            tcp.from_server(now + 40, flags=RST | ACK)


class ChattyStorm(Storm):
    """A storm with one finding a handshake, an advice: its Remaining Length has two bytes.

    One would be enough, but 3.1.1, which all clients use, does not forbid two.
    """

    def settings(self, random: Random, number: int) -> mqtt.ClientSettings:
        """Returns the settings of a client whose firmware reserves two bytes for the length."""
        client = client_of(random, number, persistent_share=0)
        return replace(client, level=4, length_bytes=2)


class FaultyStorm(ChattyStorm):
    """A storm with two findings a handshake: that length, and Session Present 1 after clean."""

    SESSION_PRESENT = True


class MirroredCapture(GeneratedCapture):
    """Has every frame twice: the second, from a mirror port, with a VLAN tag."""

    TAG = struct.pack("!HH", 0x8100, 100)

    def add(self, time: int, frame: bytes, mark: int = Mark.OTHER) -> None:
        """Adds a frame and its copy, which follows after 2 µs and has no mark of its own."""
        super().add(time, frame, mark)
        super().add(time + 2, frame[:12] + self.TAG + frame[12:])


class Mirror(Fleet):
    """A fleet in a `MirroredCapture`: at an access port, and at a trunk with a VLAN tag."""


class LongStrings:
    """CONNECTs with a client id, user name and will of up to 65,535 bytes, each accepted.

    Only whole connections, so there may be up to 150 frames less than the capture can take.
    """

    FRAMES = 150

    def __init__(self, capture: GeneratedCapture, random: Random, frames: int) -> None:
        self._capture = capture
        self._random = random
        self._frames = frames
        self._servers = servers()
        letters = random.choices("abcdefghijklmnopqrstuvwxyz0123456789", k=65_535)
        self._text = "".join(letters)

    def _string(self) -> str:
        """Returns text of 1 to 65,535 letters and digits; a third has the greatest length."""
        random = self._random
        size = 65_535 if random.random() < 1 / 3 else random.randrange(1, 65_536)
        return f"{random.getrandbits(32):08x}{self._text}"[:size]

    def run(self) -> None:
        """Fills the capture."""
        random, now, turn = self._random, START, 0
        while self._capture.release(now) and self._capture.added + self.FRAMES <= self._frames:
            client = mqtt.ClientSettings(
                level=4,
                client_id=self._string(),
                clean_session=True,
                keep_alive=60,
                username=self._string(),
                password=f"{random.getrandbits(64):016x}",
                last_will_topic=self._string(),
                last_will_qos=1,
            )
            own = host(2, 0x0A010000 + turn % 50), FIRST_PORT + turn // 50 % PORTS
            server = self._servers[turn % 4], PORT
            tcp = GeneratedConnection(self._capture, random, own, server, 20_000)
            time = handshake(tcp, client, now) + random.randrange(150_000)
            tcp.from_client(time, mqtt.DISCONNECT, PSH | ACK)
            tcp.close(time + 100)
            turn += 1
            now += random.randrange(40_000)
        self._capture.finish()
