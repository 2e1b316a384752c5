"""A scene's name and a server in, paho-mqtt talking to it out.

usage: paho_client.py SCENE HOST PORT VERSION [TRANSPORT]

TRANSPORT is "mqtt" if it is not said, "ws": WebSocket, or either of them inside TLS: "mqtts",
"wss". Of TLS tell the environment's TLS_FOLDER (tls_files.py made it), TLS_VERSION and TLS_KEYS.
Every scene runs its connections in order and waits for what it expects, so a recording is as
short as the server allows. A scene that others must wait for prints "ready".
"""

import os
import socket
import ssl
import struct
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

PROTOCOLS = {"3.1": mqtt.MQTTv31, "3.1.1": mqtt.MQTTv311, "5.0": mqtt.MQTTv5}
TOPIC = "greenhouse/temperature"


def properties(kind: int, **values: Any) -> Properties:
    """Properties for a packet of type `kind`; the names are paho's, `UserProperty` a list."""
    made = Properties(kind)
    for name, value in values.items():
        for item in value if name == "UserProperty" else [value]:
            setattr(made, name, item)
    return made


class PahoPeer:
    """One MQTT client that never reconnects by itself and whose every step can be waited for."""

    def __init__(self, place: "ServerAddress", client_id: str, *, clean: bool = True) -> None:
        """Prepare a client; nothing is sent yet."""
        five = place.version == "5.0"
        self.place = place
        self.clean = clean
        self.client = mqtt.Client(
            mqtt.CallbackAPIVersion.VERSION2,
            client_id,
            clean_session=None if five else clean,
            protocol=PROTOCOLS[place.version],
            reconnect_on_failure=False,
            transport="websockets" if place.transport.startswith("ws") else "tcp",
        )
        if place.transport.endswith("s"):
            self.client.tls_set_context(context(place))
            if place.stranger:
                self.client.on_connect_fail = lambda *_: self.answered.set()
        self.answered = threading.Event()
        self.granted = threading.Event()
        self.ended = threading.Event()
        self.messages = threading.Semaphore(0)
        self.client.on_connect = lambda *_: self.answered.set()
        self.client.on_subscribe = lambda *_: self.granted.set()
        self.client.on_disconnect = lambda *_: self.ended.set()
        self.client.on_message = lambda *_: self.messages.release()

    def connect(self, keep_alive: int = 60, **values: Any) -> "PahoPeer":
        """Send CONNECT (5.0: with these properties) and wait for the CONNACK."""
        more: dict[str, Any] = {}
        if self.place.version == "5.0":
            more["clean_start"] = self.clean
            if values:
                more["properties"] = properties(PacketTypes.CONNECT, **values)
        self.client.connect(self.place.host, self.place.port, keep_alive, **more)
        self.client.loop_start()
        if not self.answered.wait(5):
            print("no CONNACK", file=sys.stderr)
        return self

    def subscribe(self, topic: str, qos: int) -> "PahoPeer":
        """Subscribe and wait for the SUBACK."""
        self.granted.clear()
        self.client.subscribe(topic, qos)
        self.granted.wait(5)
        return self

    def publish(self, topic: str, payload: bytes | str, qos: int, *, retain: bool = False) -> None:
        """Publish and wait until the exchange is complete."""
        self.client.publish(topic, payload, qos, retain).wait_for_publish(5)

    def receive(self, count: int = 1) -> None:
        """Wait for messages."""
        for _ in range(count):
            if not self.messages.acquire(timeout=8):
                print("no message", file=sys.stderr)
        time.sleep(0.2)  # for our own acknowledgement

    def disconnect(self, **values: Any) -> None:
        """Send DISCONNECT and wait for the end of the connection."""
        about = properties(PacketTypes.DISCONNECT, **values) if values else None
        self.client.disconnect(properties=about)
        self.ended.wait(5)
        self.client.loop_stop()
        time.sleep(0.1)

    def vanish(self, *, reset: bool = False) -> None:
        """Close the socket without DISCONNECT, with FIN or with RST."""
        self.client.loop_stop()
        plain = self.client.socket()
        assert isinstance(plain, socket.socket)
        if reset:
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        plain.close()
        time.sleep(0.2)


class ServerAddress:
    """Where a scene plays: the server, the version to speak, and over what.

    Inside TLS, `certificate`: clients show theirs; `stranger`: they do not trust the server's.
    """

    def __init__(self, host: str, port: int, version: str, transport: str = "mqtt") -> None:
        """Keep the four."""
        self.host, self.port, self.version, self.transport = host, port, version, transport
        self.certificate = self.stranger = False

    def peer(self, client_id: str, *, clean: bool = True) -> PahoPeer:
        """Make a client for this server."""
        return PahoPeer(self, client_id, clean=clean)


def context(place: ServerAddress) -> ssl.SSLContext:
    """Settings of TLS that keep a key log."""
    folder = Path(os.environ["TLS_FOLDER"])
    root = folder / ("stranger.pem" if place.stranger else "authority.pem")
    made = ssl.create_default_context(cafile=root)
    version = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}
    made.minimum_version = made.maximum_version = version[os.environ["TLS_VERSION"]]
    made.keylog_filename = os.environ["TLS_KEYS"]
    if place.certificate:
        made.load_cert_chain(folder / "client.pem", folder / "client.key")
    return made


def qos_levels(place: ServerAddress) -> None:
    """Publish with QoS 0, 1 and 2 to a subscriber with QoS 2."""
    display = place.peer("display").connect().subscribe("greenhouse/#", 2)
    sensor = place.peer("sensor").connect()
    for qos in (0, 1, 2):
        sensor.publish(TOPIC, f"21.{qos}", qos)
    display.receive(3)
    sensor.disconnect()
    display.disconnect()


def persistent_session(place: ServerAddress) -> None:
    """Return to a session with a queued message, then end it with a clean connection."""
    place.peer("logger", clean=False).connect().subscribe(TOPIC, 1).disconnect()
    sensor = place.peer("sensor").connect()
    sensor.publish(TOPIC, "21.5", 1)
    sensor.disconnect()
    back = place.peer("logger", clean=False).connect()
    back.receive()
    back.disconnect()
    place.peer("logger").connect().disconnect()
    place.peer("logger", clean=False).connect().disconnect()


def session_expiry(place: ServerAddress) -> None:
    """Return before and after the Session Expiry Interval, and shorten it by DISCONNECT."""
    logger = place.peer("logger", clean=False).connect(SessionExpiryInterval=300)
    logger.subscribe(TOPIC, 1).disconnect()
    sensor = place.peer("sensor").connect()
    sensor.publish(TOPIC, "21.5", 1)
    sensor.disconnect()
    back = place.peer("logger", clean=False).connect(SessionExpiryInterval=300)
    back.receive()
    back.disconnect(SessionExpiryInterval=2)
    time.sleep(9)
    place.peer("logger", clean=False).connect(SessionExpiryInterval=300).disconnect()
    place.peer("logger").connect().disconnect()


def will(place: ServerAddress) -> None:
    """Vanish without DISCONNECT: the will is published; with DISCONNECT it is not."""
    watcher = place.peer("watcher").connect().subscribe("greenhouse/status/#", 2)
    for number, reset in enumerate((False, True)):
        sensor = place.peer(f"sensor-{number}")
        sensor.client.will_set(f"greenhouse/status/{number}", "lost", number + 1, retain=True)
        sensor.connect().vanish(reset=reset)
        watcher.receive()
    polite = place.peer("sensor-2")
    polite.client.will_set("greenhouse/status/2", "lost", 1)
    polite.connect().disconnect()
    watcher.disconnect()


def keep_alive(place: ServerAddress) -> None:
    """Ping when idle; then a client that falls silent, which the server cuts off."""
    pinging = place.peer("pinging").connect(keep_alive=2)
    silent = place.peer("silent").connect(keep_alive=3)
    silent.client.loop_stop()
    time.sleep(11)
    silent.client.loop_start()
    silent.ended.wait(5)
    silent.client.loop_stop()
    pinging.disconnect()


def takeover(place: ServerAddress) -> None:
    """Connect twice with one client id: the server drops the older connection."""
    first = place.peer("gateway").connect().subscribe("greenhouse/#", 1)
    second = place.peer("gateway").connect()
    first.ended.wait(7)
    first.client.loop_stop()
    second.publish(TOPIC, "21.5", 1)
    second.disconnect()


def credentials(place: ServerAddress) -> None:
    """Try the right password, a wrong one, and none."""
    for client_id, name, password in (
        ("sensor-1", "greenhouse", "correct-horse"),
        ("sensor-2", "greenhouse", "wrong-horse"),
        ("sensor-3", None, None),
        ("sensor-4", "maintenance", "correct-horse"),
    ):
        peer = place.peer(client_id)
        if name is not None:
            peer.client.username_pw_set(name, password)
        peer.connect()
        if peer.client.is_connected():
            peer.disconnect()
        else:
            peer.ended.wait(5)
            peer.client.loop_stop()


def connect_properties(place: ServerAddress) -> None:
    """Send every property that a CONNECT and its will may hold."""
    watcher = place.peer("watcher").connect().subscribe("greenhouse/status/#", 1)
    sensor = place.peer("")
    sensor.client.username_pw_set("greenhouse", "correct-horse")
    about_will = properties(
        PacketTypes.WILLMESSAGE,
        WillDelayInterval=1,
        PayloadFormatIndicator=0,
        MessageExpiryInterval=3600,
        ContentType="application/cbor",
        ResponseTopic="greenhouse/status/answer",
        CorrelationData=b"\x00\xff\x10",
        UserProperty=[("bed", "north"), ("bed", "south")],
    )
    sensor.client.will_set(
        "greenhouse/status/1", b"\xa1\x64lost\xf5", 1, retain=True, properties=about_will
    )
    sensor.connect(
        keep_alive=600,
        SessionExpiryInterval=0,
        ReceiveMaximum=10,
        MaximumPacketSize=65536,
        TopicAliasMaximum=5,
        RequestResponseInformation=1,
        RequestProblemInformation=1,
        UserProperty=[("site", "Gewächshaus"), ("row", "4"), ("row", "5")],
    )
    sensor.publish(TOPIC, "21.5", 1)
    sensor.vanish()
    watcher.receive()
    watcher.disconnect()


def authentication_method(place: ServerAddress) -> None:
    """Ask for an authentication method that the server does not know."""
    sensor = place.peer("sensor")
    sensor.connect(AuthenticationMethod="SCRAM-SHA-256", AuthenticationData=b"n,,n=greenhouse,r=x")
    sensor.ended.wait(5)
    sensor.client.loop_stop()


def empty_client_id(place: ServerAddress) -> None:
    """Connect without a client id, and then with one."""
    for client_id in ("", "sensor"):
        peer = place.peer(client_id)
        peer.connect()
        if peer.client.is_connected():
            peer.disconnect()
        else:
            peer.ended.wait(5)
            peer.client.loop_stop()


def long_keep_alive(place: ServerAddress) -> None:
    """Ask for a keep alive of an hour, and then for one of half a minute."""
    for seconds in (3600, 30):
        peer = place.peer(f"sensor-{seconds}")
        peer.connect(keep_alive=seconds)
        if peer.client.is_connected():
            peer.disconnect()
        else:
            peer.ended.wait(5)
            peer.client.loop_stop()


def at_work(place: ServerAddress) -> None:
    """Publish a few measurements a quarter of a second apart, one of several busy clients."""
    sensor = place.peer("paho-" + place.version.replace(".", "")).connect()
    for number in range(3):
        sensor.publish(TOPIC, f"21.{number}", number)
        time.sleep(0.25)
    sensor.disconnect()


def client_certificate(place: ServerAddress) -> None:
    """Log in by a certificate, publish and receive."""
    place.certificate = True
    device = place.peer("device-7").connect().subscribe(TOPIC, 1)
    device.publish(TOPIC, "21.5", 1)
    device.receive()
    device.disconnect()


def tls_refusals(place: ServerAddress) -> None:
    """Show no certificate, do not trust the server's, and at last do both right."""
    for certificate, stranger in ((False, False), (True, True), (True, False)):
        place.certificate, place.stranger = certificate, stranger
        try:
            place.peer("device-7").connect().disconnect()
        except (OSError, ValueError) as error:
            print(f"refused: {error}", file=sys.stderr)
        time.sleep(0.3)


SCENES: dict[str, Callable[[ServerAddress], None]] = {
    function.__name__.replace("_", "-"): function
    for function in (
        qos_levels,
        persistent_session,
        session_expiry,
        will,
        keep_alive,
        takeover,
        credentials,
        connect_properties,
        authentication_method,
        empty_client_id,
        long_keep_alive,
        at_work,
        client_certificate,
        tls_refusals,
    )
}

if __name__ == "__main__":
    SCENES[sys.argv[1]](ServerAddress(sys.argv[2], int(sys.argv[3]), *sys.argv[4:]))
