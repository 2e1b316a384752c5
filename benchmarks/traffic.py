"""Generates realistic MQTT traffic into a capture, from a seeded random generator.

`Fleet`: about 2,000 devices with long connections, and a quarter of all frames not MQTT. `Storm`:
only short connections of eleven frames. Both conform to the standard (keep alive, packet
identifiers, sessions), except for the defects that `Fleet` plants. The number of devices does not
grow with the number of frames, so the memory of a reader need not grow either.
"""

from heapq import heapify, heapreplace
from random import Random

import control_packets as mqtt
from background import Background
from frames import ACK, PSH, GeneratedCapture, GeneratedConnection, GeneratedHost, Mark, host

# 2023-11-14 22:13:20 UTC.
START = 1_700_000_000_000_000
SECOND = 1_000_000
PORT = 1883
FIRST_PORT, PORTS = 32768, 28232
DEVICES = 2100
DEFECTS = 20


def servers() -> list[GeneratedHost]:
    """Returns the MQTT servers."""
    return [host(1, 0x0A000A01 + number) for number in range(4)]


def client_of(random: Random, number: int, persistent_share: float) -> mqtt.ClientSettings:
    """Returns random settings of a client: 80 % use 3.1.1, 15 % 5.0, 5 % 3.1."""
    level = random.choices((4, 5, 3), (80, 15, 5))[0]
    client_id = f"device{number:06d}"
    known, will = random.random() < 0.6, random.random() < 0.3
    return mqtt.ClientSettings(
        level=level,
        client_id=client_id,
        clean_session=random.random() >= persistent_share,
        keep_alive=random.choice((30, 60, 60, 120, 300)),
        username=f"user{number:06d}" if known else None,
        password=f"{random.getrandbits(64):016x}" if known else None,
        last_will_topic=f"fleet/{client_id}/status" if will else None,
        last_will_qos=random.randrange(2),
    )


class SimulatedDevice:
    """One device of the fleet; `act` adds its next exchange and returns when to call it again."""

    def __init__(self, fleet: "Fleet", number: int) -> None:
        self._fleet = fleet
        self._random = random = fleet.random
        self._client = client_of(random, number, persistent_share=0.3)
        self._server = number % len(fleet.servers)
        self._host = host(2, 0x0A010000 + number)
        self._port = random.randrange(PORTS)
        self._round_trip = random.randrange(1_000, 60_000)
        self._quiet = random.random() < 0.2
        self._topic = f"fleet/{self._client.client_id}/"
        self._telemetry = [self._reading() for _ in range(4)]
        self._report = self._reading() * 20
        self._packet_id = 0
        self._server_packet_id = 0
        self._has_session = False
        self._exchanges = 0
        self._tcp: GeneratedConnection | None = None

    def _reading(self) -> bytes:
        """Returns a measurement, 60 to 160 bytes of JSON."""
        value = self._random.randrange(10_000) / 100
        note = "x" * self._random.randrange(100)
        return (
            f'{{"temperature":{value:06.2f},"humidity":{value / 2:06.2f},"note":"{note}"}}'.encode()
        )

    def _next_packet_id(self) -> int:
        self._packet_id = self._packet_id % 0xFFFF + 1
        return self._packet_id

    def act(self, now: int) -> int:
        """Adds a connect, an exchange, or a disconnect; times in µs."""
        tcp = self._tcp
        if tcp is None:
            self._tcp = tcp = self._connection()
            end = self._connect(tcp, now)
            self._exchanges = 20 + int(self._random.expovariate(1 / 60))
        elif self._exchanges == 0:
            tcp.from_client(now, mqtt.DISCONNECT, PSH | ACK)
            end = tcp.close(now + 150)
            self._tcp = None
            return end + int(self._random.uniform(5, 60) * SECOND)
        else:
            self._exchanges -= 1
            end = self._exchange(tcp, now)
        if self._quiet:
            # Publishes nothing, so only PINGREQ keeps the connection alive.
            return now + int(self._client.keep_alive * 0.8 * SECOND)
        return end + int(self._random.uniform(2, 14) * SECOND)

    def _connection(self) -> GeneratedConnection:
        fleet = self._fleet
        self._port = (self._port + 1) % PORTS
        return GeneratedConnection(
            fleet.capture,
            self._random,
            (self._host, FIRST_PORT + self._port),
            (fleet.servers[self._server], PORT),
            self._round_trip,
            vlan=42 if self._server == 3 else 0,
        )

    def _connect(self, tcp: GeneratedConnection, now: int) -> int:
        """Adds TCP and MQTT handshake, and a subscription if the server has no session."""
        client = self._client
        time = tcp.send(tcp.open(now) + 200, mqtt.connect(client), Mark.CONNECT)
        present = self._has_session and client.level > 3
        mark = Mark.CONNACK
        if client.level == 4 and client.clean_session and self._fleet.plant():
            present, mark = True, Mark.DEFECTIVE_CONNACK
        time = tcp.send_from_server(time + tcp.pause(), mqtt.connack(client.level, present), mark)
        if not self._has_session:
            packet_id = self._next_packet_id()
            request = mqtt.subscribe(client.level, self._topic + "command", packet_id)
            time = tcp.request(time + 300, request, mqtt.suback(client.level, packet_id))
        self._has_session = not client.clean_session
        return time

    def _exchange(self, tcp: GeneratedConnection, now: int) -> int:
        chance = 1.0 if self._quiet else self._random.random()
        if chance < 0.86:
            return self._publish(tcp, now, chance)
        if chance < 0.92:
            return self._command(tcp, now)
        return tcp.request(now, mqtt.PINGREQ, mqtt.PINGRESP)

    def _publish(self, tcp: GeneratedConnection, now: int, chance: float) -> int:
        """Adds QoS 0 (one, several in a segment, one over several segments), QoS 1 or QoS 2."""
        level, topic = self._client.level, self._topic + "telemetry"
        reading = self._telemetry[self._exchanges & 3]
        if chance < 0.45:
            packet = mqtt.publish(level, topic, reading, 0, 0)
            if chance < 0.01:
                packet = mqtt.publish(level, topic, self._report, 0, 0)
            elif chance < 0.05:
                packet *= 3
            return tcp.send(now, packet)
        packet_id = self._next_packet_id()
        if chance < 0.84:
            packet = mqtt.publish(level, topic, reading, 1, packet_id)
            return tcp.request(now, packet, mqtt.acknowledgement(0x40, packet_id))
        tcp.from_client(now, mqtt.publish(level, topic, reading, 2, packet_id), PSH | ACK)
        now = tcp.from_server(now + tcp.pause(), mqtt.acknowledgement(0x50, packet_id), PSH | ACK)
        request = mqtt.acknowledgement(0x62, packet_id)
        return tcp.request(now + self._round_trip, request, mqtt.acknowledgement(0x70, packet_id))

    def _command(self, tcp: GeneratedConnection, now: int) -> int:
        """Adds a QoS 1 PUBLISH from the server on the topic that the device subscribed to."""
        self._server_packet_id = packet_id = self._server_packet_id % 0xFFFF + 1
        topic = self._topic + "command"
        packet = mqtt.publish(self._client.level, topic, b'{"interval":10}', 1, packet_id)
        tcp.from_server(now, packet, PSH | ACK)
        answered = now + self._round_trip + tcp.pause()
        tcp.from_client(answered, mqtt.acknowledgement(0x40, packet_id), PSH | ACK)
        return tcp.from_server(answered + 40)


class Fleet:
    """Devices that stay connected, and background traffic that is a quarter of all frames."""

    def __init__(self, capture: GeneratedCapture, random: Random, frames: int) -> None:
        self.capture = capture
        self.random = random
        self.servers = servers()
        number = max(1, min(DEVICES, frames // 200))
        self._devices = [SimulatedDevice(self, index) for index in range(number)]
        self._connections = 0
        self._planted = 0
        self._every = max(1, number // (DEFECTS * 2))

    def plant(self) -> bool:
        """Whether this connection (3.1.1, CleanSession 1) gets a wrong Session Present."""
        self._connections += 1
        due = self._planted < DEFECTS and self._connections % self._every == 0
        self._planted += due
        return due

    def run(self) -> None:
        """Fills the capture."""
        random, capture = self.random, self.capture
        background = Background(capture, random, START)
        spread = 60 * SECOND * len(self._devices) // DEVICES
        due = [(START + random.randrange(spread + 1), n) for n in range(len(self._devices))]
        heapify(due)
        while capture.release(due[0][0]):
            now, number = due[0]
            before = capture.added
            heapreplace(due, (self._devices[number].act(now), number))
            background.follow(now, capture.added - before)


class Storm:
    """Eleven frames a connection, about two hundred open at any moment, 16,384 clients in turn."""

    CLIENTS = 16_384
    SESSION_PRESENT = False

    def __init__(self, capture: GeneratedCapture, random: Random, frames: int) -> None:
        self._capture = capture
        self._random = random
        self._servers = servers()
        number = min(self.CLIENTS, frames // 11 + 1)
        self._clients = [self.settings(random, index) for index in range(number)]
        self._hosts = [host(3, 0x0A020000 + index) for index in range(number)]

    def settings(self, random: Random, number: int) -> mqtt.ClientSettings:
        """Returns the settings of a client."""
        return client_of(random, number, persistent_share=0)

    def run(self) -> None:
        """Fills the capture."""
        random, now, turn = self._random, START, 0
        mark = Mark.DEFECTIVE_CONNACK if self.SESSION_PRESENT else Mark.CONNACK
        while self._capture.release(now):
            which, port = turn % len(self._clients), FIRST_PORT + turn // len(self._clients) % PORTS
            server = self._servers[which % len(self._servers)], PORT
            round_trip = random.randrange(20_000, 120_000)
            ends = (self._hosts[which], port), server
            tcp = GeneratedConnection(self._capture, random, *ends, round_trip)
            client = self._clients[which]
            time = tcp.send(tcp.open(now) + 200, mqtt.connect(client), Mark.CONNECT)
            answer = mqtt.connack(client.level, self.SESSION_PRESENT)
            time = tcp.send_from_server(time + tcp.pause(), answer, mark)
            time += random.randrange(150_000)
            tcp.from_client(time, mqtt.DISCONNECT, PSH | ACK)
            tcp.close(time + 100)
            turn += 1
            now += random.randrange(2_800)
