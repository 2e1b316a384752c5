"""Runs a named routine with the paho-mqtt client library against a server.

usage: paho_client.py ROUTINE HOST PORT VERSION [TRANSPORT]

TRANSPORT is "mqtt" (default), "ws" (WebSocket), or one of them inside TLS: "mqtts", "wss". TLS is
configured by the environment variables TLS_FOLDER (written by tls_files.py), TLS_VERSION and
TLS_KEYS. Every routine runs its connections in order and waits for what it expects, so a recording
is as short as the server allows. A routine that others must wait for prints "ready".
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
    """Returns properties for a packet of type `kind`; names are paho's, `UserProperty` a list."""
    result = Properties(kind)
    for name, value in values.items():
        for item in value if name == "UserProperty" else [value]:
            setattr(result, name, item)
    return result


class PahoPeer:
    """An MQTT client that never reconnects by itself; its methods wait for their result."""

    def __init__(self, server: "ServerAddress", client_id: str, *, clean: bool = True) -> None:
        """Creates the client; nothing is sent yet."""
        five = server.version == "5.0"
        self.server = server
        self.clean = clean
        self.client = mqtt.Client(
            mqtt.CallbackAPIVersion.VERSION2,
            client_id,
            clean_session=None if five else clean,
            protocol=PROTOCOLS[server.version],
            reconnect_on_failure=False,
            transport="websockets" if server.transport.startswith("ws") else "tcp",
        )
        if server.transport.endswith("s"):
            self.client.tls_set_context(context(server))
            if server.untrusted:
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
        """Sends CONNECT (5.0: with these properties) and waits for the CONNACK."""
        more: dict[str, Any] = {}
        if self.server.version == "5.0":
            more["clean_start"] = self.clean
            if values:
                more["properties"] = properties(PacketTypes.CONNECT, **values)
        self.client.connect(self.server.host, self.server.port, keep_alive, **more)
        self.client.loop_start()
        if not self.answered.wait(5):
            print("no CONNACK", file=sys.stderr)
        return self

    def subscribe(self, topic: str, qos: int) -> "PahoPeer":
        """Subscribes and waits for the SUBACK."""
        self.granted.clear()
        self.client.subscribe(topic, qos)
        self.granted.wait(5)
        return self

    def publish(self, topic: str, payload: bytes | str, qos: int, *, retain: bool = False) -> None:
        """Publishes and waits until the exchange is complete."""
        self.client.publish(topic, payload, qos, retain).wait_for_publish(5)

    def receive(self, count: int = 1) -> None:
        """Waits for messages."""
        for _ in range(count):
            if not self.messages.acquire(timeout=8):
                print("no message", file=sys.stderr)
        time.sleep(0.2)  # for the acknowledgement to be sent

    def disconnect(self, **values: Any) -> None:
        """Sends DISCONNECT and waits for the end of the connection."""
        packet_properties = properties(PacketTypes.DISCONNECT, **values) if values else None
        self.client.disconnect(properties=packet_properties)
        self.ended.wait(5)
        self.client.loop_stop()
        time.sleep(0.1)

    def close_without_disconnect(self, *, reset: bool = False) -> None:
        """Closes the socket without DISCONNECT, with FIN or with RST."""
        self.client.loop_stop()
        plain = self.client.socket()
        assert isinstance(plain, socket.socket)
        if reset:
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        plain.close()
        time.sleep(0.2)


class ServerAddress:
    """The server of a routine: address, MQTT version and transport.

    Inside TLS, `certificate`: clients present theirs; `untrusted`: they reject the server's.
    """

    def __init__(self, host: str, port: int, version: str, transport: str = "mqtt") -> None:
        """Stores them; clients present no certificate and trust the server's."""
        self.host, self.port, self.version, self.transport = host, port, version, transport
        self.certificate = self.untrusted = False

    def peer(self, client_id: str, *, clean: bool = True) -> PahoPeer:
        """Returns a client for this server."""
        return PahoPeer(self, client_id, clean=clean)


def context(server: ServerAddress) -> ssl.SSLContext:
    """Returns a TLS context that writes a key log."""
    folder = Path(os.environ["TLS_FOLDER"])
    root = folder / ("untrusted.pem" if server.untrusted else "authority.pem")
    result = ssl.create_default_context(cafile=root)
    version = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}
    result.minimum_version = result.maximum_version = version[os.environ["TLS_VERSION"]]
    result.keylog_filename = os.environ["TLS_KEYS"]
    if server.certificate:
        result.load_cert_chain(folder / "client.pem", folder / "client.key")
    return result


def qos_levels(server: ServerAddress) -> None:
    """Publishes with QoS 0, 1 and 2 to a subscriber with QoS 2."""
    display = server.peer("display").connect().subscribe("greenhouse/#", 2)
    sensor = server.peer("sensor").connect()
    for qos in (0, 1, 2):
        sensor.publish(TOPIC, f"21.{qos}", qos)
    display.receive(3)
    sensor.disconnect()
    display.disconnect()


def persistent_session(server: ServerAddress) -> None:
    """Resumes a session with a queued message, then ends it with a clean session."""
    server.peer("logger", clean=False).connect().subscribe(TOPIC, 1).disconnect()
    sensor = server.peer("sensor").connect()
    sensor.publish(TOPIC, "21.5", 1)
    sensor.disconnect()
    back = server.peer("logger", clean=False).connect()
    back.receive()
    back.disconnect()
    server.peer("logger").connect().disconnect()
    server.peer("logger", clean=False).connect().disconnect()


def session_expiry(server: ServerAddress) -> None:
    """Reconnects before and after the session expires, which a DISCONNECT shortens."""
    logger = server.peer("logger", clean=False).connect(SessionExpiryInterval=300)
    logger.subscribe(TOPIC, 1).disconnect()
    sensor = server.peer("sensor").connect()
    sensor.publish(TOPIC, "21.5", 1)
    sensor.disconnect()
    back = server.peer("logger", clean=False).connect(SessionExpiryInterval=300)
    back.receive()
    back.disconnect(SessionExpiryInterval=2)
    time.sleep(9)
    server.peer("logger", clean=False).connect(SessionExpiryInterval=300).disconnect()
    server.peer("logger").connect().disconnect()


def will(server: ServerAddress) -> None:
    """Closes without DISCONNECT: the will is published; with DISCONNECT it is not."""
    watcher = server.peer("watcher").connect().subscribe("greenhouse/status/#", 2)
    for number, reset in enumerate((False, True)):
        sensor = server.peer(f"sensor-{number}")
        sensor.client.will_set(f"greenhouse/status/{number}", "lost", number + 1, retain=True)
        sensor.connect().close_without_disconnect(reset=reset)
        watcher.receive()
    disconnecting = server.peer("sensor-2")
    disconnecting.client.will_set("greenhouse/status/2", "lost", 1)
    disconnecting.connect().disconnect()
    watcher.disconnect()


def keep_alive(server: ServerAddress) -> None:
    """Runs a client that pings when idle, and a silent one, which the server disconnects."""
    pinging = server.peer("pinging").connect(keep_alive=2)
    silent = server.peer("silent").connect(keep_alive=3)
    silent.client.loop_stop()
    time.sleep(11)
    silent.client.loop_start()
    silent.ended.wait(5)
    silent.client.loop_stop()
    pinging.disconnect()


def takeover(server: ServerAddress) -> None:
    """Connects twice with one client id: the server closes the older connection."""
    first = server.peer("gateway").connect().subscribe("greenhouse/#", 1)
    second = server.peer("gateway").connect()
    first.ended.wait(7)
    first.client.loop_stop()
    second.publish(TOPIC, "21.5", 1)
    second.disconnect()


def credentials(server: ServerAddress) -> None:
    """Connects with the right password, a wrong one, none, and as another user."""
    for client_id, name, password in (
        ("sensor-1", "greenhouse", "correct-horse"),
        ("sensor-2", "greenhouse", "wrong-horse"),
        ("sensor-3", None, None),
        ("sensor-4", "maintenance", "correct-horse"),
    ):
        peer = server.peer(client_id)
        if name is not None:
            peer.client.username_pw_set(name, password)
        peer.connect()
        if peer.client.is_connected():
            peer.disconnect()
        else:
            peer.ended.wait(5)
            peer.client.loop_stop()


def connect_properties(server: ServerAddress) -> None:
    """Sends every property that a CONNECT and its will may have."""
    watcher = server.peer("watcher").connect().subscribe("greenhouse/status/#", 1)
    sensor = server.peer("")
    sensor.client.username_pw_set("greenhouse", "correct-horse")
    will_properties = properties(
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
        "greenhouse/status/1", b"\xa1\x64lost\xf5", 1, retain=True, properties=will_properties
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
    sensor.close_without_disconnect()
    watcher.receive()
    watcher.disconnect()


def authentication_method(server: ServerAddress) -> None:
    """Requests an authentication method that the server does not know."""
    sensor = server.peer("sensor")
    sensor.connect(AuthenticationMethod="SCRAM-SHA-256", AuthenticationData=b"n,,n=greenhouse,r=x")
    sensor.ended.wait(5)
    sensor.client.loop_stop()


def empty_client_id(server: ServerAddress) -> None:
    """Connects without a client id, and then with one."""
    for client_id in ("", "sensor"):
        peer = server.peer(client_id)
        peer.connect()
        if peer.client.is_connected():
            peer.disconnect()
        else:
            peer.ended.wait(5)
            peer.client.loop_stop()


def long_keep_alive(server: ServerAddress) -> None:
    """Requests a keep alive of an hour, and then one of half a minute."""
    for seconds in (3600, 30):
        peer = server.peer(f"sensor-{seconds}")
        peer.connect(keep_alive=seconds)
        if peer.client.is_connected():
            peer.disconnect()
        else:
            peer.ended.wait(5)
            peer.client.loop_stop()


def at_work(server: ServerAddress) -> None:
    """Publishes three measurements 0.25 s apart, as one of several clients."""
    sensor = server.peer("paho-" + server.version.replace(".", "")).connect()
    for number in range(3):
        sensor.publish(TOPIC, f"21.{number}", number)
        time.sleep(0.25)
    sensor.disconnect()


def client_certificate(server: ServerAddress) -> None:
    """Logs in with a client certificate, publishes and receives."""
    server.certificate = True
    device = server.peer("device-7").connect().subscribe(TOPIC, 1)
    device.publish(TOPIC, "21.5", 1)
    device.receive()
    device.disconnect()


def tls_refusals(server: ServerAddress) -> None:
    """Presents no certificate, then rejects the server's, then does both right."""
    for certificate, untrusted in ((False, False), (True, True), (True, False)):
        server.certificate, server.untrusted = certificate, untrusted
        try:
            server.peer("device-7").connect().disconnect()
        except (OSError, ValueError) as error:
            print(f"refused: {error}", file=sys.stderr)
        time.sleep(0.3)


ROUTINES: dict[str, Callable[[ServerAddress], None]] = {
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
    ROUTINES[sys.argv[1]](ServerAddress(sys.argv[2], int(sys.argv[3]), *sys.argv[4:]))
