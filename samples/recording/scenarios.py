"""Lists the captures to record, a `Scenario` each."""

import time
from collections.abc import Callable
from typing import Any

import server_programs
from recording_session import RecordingSession, Scenario

TOPIC = "greenhouse/temperature"
GOOD = ("-u", server_programs.USER, "-P", server_programs.PASSWORD)
BAD = ("-u", server_programs.USER, "-P", "wrong-horse")


def routine(client: str, name: str) -> Callable[[RecordingSession], None]:
    """Runs one routine of one client script."""
    return lambda session: session.run(client, name)


def will_of(client: str) -> Callable[[RecordingSession], None]:
    """Subscribes to will messages with one client while another of the same library is killed."""

    def steps(session: RecordingSession) -> None:
        watcher = session.start(client, "watch")
        session.run(client, "die")
        watcher.finish()

    return steps


def cli_qos_levels(session: RecordingSession) -> None:
    """Publishes with every QoS to one subscriber; one message is retained."""
    display = session.subscribe("-i", "display", "-t", "greenhouse/#", "-q", "2", "-C", "3")
    for qos in "012":
        retained = ("-r",) if qos == "1" else ()
        session.publish("-i", f"sensor-{qos}", "-t", TOPIC, "-m", f"21.{qos}", "-q", qos, *retained)
    display.finish()


def cli_credentials(session: RecordingSession) -> None:
    """Publishes with the right password, a wrong one, and none."""
    session.publish("-i", "sensor-1", "-t", TOPIC, "-m", "21.5", *GOOD)
    session.publish("-i", "sensor-2", "-t", TOPIC, "-m", "21.5", *BAD)
    session.publish("-i", "sensor-3", "-t", TOPIC, "-m", "21.5")


def cli_queued(session: RecordingSession) -> None:
    """Kills a subscriber that keeps its session; it reconnects for the messages it missed."""
    keep = ["-i", "display", "-t", "greenhouse/#", "-q", "1", "-c"]
    if session.version == "5.0":
        keep += ["-x", "3600"]
    session.subscribe(*keep).stop(kill=True)
    session.publish("-i", "sensor", "-t", TOPIC, "-m", "21.5", "-q", "1")
    session.subscribe(*keep, "-C", "1", ready="CONNACK").finish()


def cli_properties(session: RecordingSession) -> None:
    """Sends CONNECT, will, PUBLISH and SUBSCRIBE with properties, with the Mosquitto tools."""
    display = session.subscribe(
        *("-i", "display", "-t", "greenhouse/#", "-q", "1", "-C", "1"),
        *("-D", "connect", "receive-maximum", "20"),
        *("-D", "connect", "topic-alias-maximum", "4"),
        *("-D", "connect", "maximum-packet-size", "4096"),
        *("-D", "subscribe", "user-property", "row", "4"),
    )
    session.publish(
        *("-i", "sensor", "-t", TOPIC, "-m", "21.5", "-q", "1", "-x", "30"),
        *("-D", "connect", "request-problem-information", "1"),
        *("-D", "connect", "user-property", "site", "north"),
        *("--will-topic", "greenhouse/status/sensor", "--will-payload", "lost"),
        *("--will-qos", "1", "--will-retain"),
        *("-D", "will", "will-delay-interval", "10"),
        *("-D", "will", "message-expiry-interval", "600"),
        *("-D", "will", "content-type", "text/plain"),
        *("-D", "publish", "content-type", "text/plain"),
        *("-D", "publish", "payload-format-indicator", "1"),
        *("-D", "publish", "user-property", "unit", "C"),
    )
    display.finish()


def several(session: RecordingSession) -> None:
    """Runs clients of all versions and several libraries at the same time."""
    display = session.subscribe("-i", "display", "-t", "greenhouse/#", "-q", "1", "-C", "15")
    session.run_in_parallel(
        ("paho", "at-work", "3.1"),
        ("paho", "at-work", "3.1.1"),
        ("paho", "at-work", "5.0"),
        ("mqttjs", "at-work", "3.1.1"),
        ("mqttjs", "at-work", "5.0"),
    )
    display.finish()


def bridging(extra: str = "", seconds: float = 1) -> Callable[[RecordingSession], None]:
    """Bridges a second Mosquitto to the server, and publishes one message on either side."""

    def steps(session: RecordingSession) -> None:
        with server_programs.bridge(
            session.folder, session.host, session.port, session.version, extra
        ) as own:
            time.sleep(seconds)
            remote = RecordingSession(session.folder, "127.0.0.1", own, "3.1.1")
            remote.publish("-i", "sensor-beyond", "-t", TOPIC, "-m", "19.5", "-q", "1")
            version = "3.1.1" if session.version == "3.1" else session.version
            sensor = ("-i", "sensor-here", "-t", TOPIC, "-m", "21.5", "-q", "1")
            session.publish(*sensor, version=version)
            time.sleep(0.5)

    return steps


def behind_haproxy(options: str, *routines: tuple[str, str]) -> Callable[[RecordingSession], None]:
    """Runs routines (client, routine) through an HAProxy that sends the PROXY protocol."""

    def steps(session: RecordingSession) -> None:
        with server_programs.haproxy(session.folder, session.host, session.port, options) as port:
            front = RecordingSession(
                session.folder, "127.0.0.1", port, session.version, session.transport
            )
            for client, name in routines:
                front.run(client, name)

    return steps


def behind_nginx(client: str, name: str) -> Callable[[RecordingSession], None]:
    """Runs a routine through an nginx that forwards WebSocket."""

    def steps(session: RecordingSession) -> None:
        with server_programs.nginx(session.folder, session.host, session.port) as port:
            front = RecordingSession(
                session.folder, "127.0.0.1", port, session.version, session.transport
            )
            front.run(client, name)

    return steps


WEBSOCKET: dict[str, Any] = {"transport": "ws", "wrapped": True}
# Mosquitto 2.0.11 does not start if all its listeners are for WebSocket
MOSQUITTO_WS = {"extra": "protocol websockets\nlistener 18896 127.0.0.1\n"}

TLS: dict[str, Any] = {"transport": "mqtts", "wrapped": True, "port": 8883}
WSS: dict[str, Any] = {"transport": "wss", "wrapped": True}
_CERTIFICATES = """
cafile FOLDER/authority.pem
certfile FOLDER/server.pem
keyfile FOLDER/server.key
"""
_BY_CERTIFICATE = "require_certificate true\nuse_identity_as_username true\n"
MOSQUITTO_TLS = {"extra": _CERTIFICATES}
MOSQUITTO_TLS_CLIENTS = {"extra": _CERTIFICATES + _BY_CERTIFICATE}
MOSQUITTO_PSK = {
    "extra": "psk_hint greenhouse\npsk_file FOLDER/psk\nuse_identity_as_username true\n"
}
MOSQUITTO_WSS = {"extra": _CERTIFICATES + MOSQUITTO_WS["extra"]}

NO_EMPTY_IDS = {"extra": "allow_zero_length_clientid false\n"}
STRICT = {
    "extra": """
    allow_zero_length_clientid false
    clientid_prefixes allowed
    max_qos 1
    retain_available false
    max_packet_size 150
    """
}

SCENARIOS = [
    # Mosquitto
    Scenario(
        "mosquitto-cli-3.1-qos-levels",
        "Three publishers with QoS 0, 1 and 2 and a subscriber with QoS 2, all MQTT 3.1.",
        {0}, cli_qos_levels, 4,
    ),
    Scenario(
        "mosquitto-cli-3.1.1-qos-levels",
        "Three publishers with QoS 0, 1 and 2 and a subscriber with QoS 2, on a port of its own.",
        {0}, cli_qos_levels, 4, port=18830,
    ),
    Scenario(
        "mosquitto-cli-3.1.1-queued-messages",
        "A subscriber with cleanSession 0 is killed and returns for a queued QoS 1 message.",
        {0}, cli_queued, 3,
    ),
    Scenario(
        "mosquitto-cli-5.0-queued-messages",
        "A subscriber with a Session Expiry Interval is killed and returns for a queued message.",
        {0}, cli_queued, 3, host="::1",
    ),
    Scenario(
        "mosquitto-cli-5.0-properties",
        "CONNECT, will, PUBLISH and SUBSCRIBE with properties; those of PUBLISH are forwarded.",
        {0}, cli_properties, 2, host="::1",
    ),
    Scenario(
        "mosquitto-cli-3.1-not-authorized",
        "In 3.1, the right password is accepted, a wrong one and none are refused with code 5.",
        {0, 5}, cli_credentials, 3, options={"passwords": True},
    ),
    Scenario(
        "mosquitto-cli-3.1.1-not-authorized",
        "The right password is accepted, a wrong one and none are refused with code 5.",
        {0, 5}, cli_credentials, 3, options={"passwords": True}, host="::1",
    ),
    Scenario(
        "mosquitto-cli-5.0-not-authorized",
        "The right password is accepted, a wrong one and none are refused with 0x87.",
        {0, 0x87}, cli_credentials, 3, options={"passwords": True},
    ),
    Scenario(
        "mosquitto-paho-3.1-will",
        "Wills of QoS 1 and 2 are published after a close without DISCONNECT and after a reset.",
        {0}, routine("paho", "will"), 4,
    ),
    Scenario(
        "mosquitto-paho-3.1.1-persistent-session",
        "A client returns to its session and a queued QoS 1 message, then cleans the session.",
        {0}, routine("paho", "persistent-session"), 5,
    ),
    Scenario(
        "mosquitto-paho-3.1.1-keep-alive",
        "An idle client pings; a silent one is disconnected after 1.5 times its keep alive.",
        {0}, routine("paho", "keep-alive"), 2,
    ),
    Scenario(
        "mosquitto-paho-3.1.1-takeover",
        "A second connection with the same client id ends the first one.",
        {0}, routine("paho", "takeover"), 2,
    ),
    Scenario(
        "mosquitto-paho-3.1.1-identifier-rejected",
        "The server is configured to refuse an empty client id: code 2.",
        {0, 2}, routine("paho", "empty-client-id"), 2, options=NO_EMPTY_IDS,
    ),
    Scenario(
        "mosquitto-paho-5.0-session-expiry",
        "A client returns before and after its session expires, which a DISCONNECT shortened.",
        {0}, routine("paho", "session-expiry"), 5,
    ),
    Scenario(
        "mosquitto-paho-5.0-connect-properties",
        "A CONNECT with nearly every property and a binary will with properties; the answer holds "
        "an Assigned Client Identifier and a Server Keep Alive; the delayed will is published.",
        {0}, routine("paho", "connect-properties"), 2, host="::1",
        options={"extra": "max_keepalive 120\nmax_inflight_messages 30\n"},
    ),
    Scenario(
        "mosquitto-paho-5.0-bad-authentication-method",
        "A CONNECT with an Authentication Method that the server does not know: 0x8C.",
        {0x8C}, routine("paho", "authentication-method"), 1,
    ),
    Scenario(
        "mosquitto-paho-5.0-empty-client-id",
        "The server is configured to refuse an empty client id: code 0x80.",
        {0, 0x80}, routine("paho", "empty-client-id"), 2, options=NO_EMPTY_IDS,
    ),
    Scenario(
        "mosquitto-paho-5.0-takeover",
        "A second connection with the same client id ends the first, but without a DISCONNECT.",
        {0}, routine("paho", "takeover"), 2,
    ),
    Scenario(
        "mosquitto-paho-5.0-keep-alive",
        "An idle client pings; a silent one is disconnected, without a DISCONNECT.",
        {0}, routine("paho", "keep-alive"), 2, port=18831,
    ),
    Scenario(
        "mosquitto-aiomqtt-3.1.1-binary-will",
        "A process is killed, and its retained binary will is published.",
        {0}, will_of("aiomqtt"), 2, host="::1",
    ),
    Scenario(
        "mosquitto-aiomqtt-5.0-will-delay",
        "A process with a Session Expiry Interval is killed; its will is published 2 s later.",
        {0}, will_of("aiomqtt"), 2,
    ),
    Scenario(
        "mosquitto-gmqtt-3.1.1-round-trip",
        "A client with user name and password publishes to itself with QoS 0, 1 and 2.",
        {0}, routine("gmqtt", "with-password"), 1, options={"passwords": True},
    ),
    Scenario(
        "mosquitto-gmqtt-5.0-session",
        "A client returns to its session with Session Expiry Interval and User Property.",
        {0}, routine("gmqtt", "session"), 2,
    ),
    Scenario(
        "mosquitto-mqttjs-3.1-round-trip",
        "An MQTT 3.1 client publishes to itself with QoS 0, 1 and 2, one message retained.",
        {0}, routine("mqttjs", "round-trip"), 1,
    ),
    Scenario(
        "mosquitto-mqttjs-5.0-persistent-session",
        "A client returns to its session and a queued QoS 1 message, then cleans the session.",
        {0}, routine("mqttjs", "persistent-session"), 5, port=18832,
    ),
    Scenario(
        "mosquitto-bridge-3.1-private",
        "A Mosquitto bridges to another with protocol level 0x83.",
        {0}, bridging(), 2, versions=("3.1", "3.1.1"), clients=("bridge", "cli"),
    ),
    Scenario(
        "mosquitto-bridge-3.1.1-private",
        "A Mosquitto bridges to another with protocol level 0x84.",
        {0}, bridging(), 2, clients=("bridge", "cli"),
    ),
    Scenario(
        "mosquitto-bridge-5.0-properties",
        "A Mosquitto bridges to another with MQTT 5.0.",
        {0}, bridging("cleansession false\n"), 2, clients=("bridge", "cli"),
    ),
    Scenario(
        "mosquitto-several-mixed-at-work",
        "Six clients of three libraries and all versions publish at the same time.",
        {0}, several, 6, clients=("cli", "paho", "mqttjs"), versions=("3.1", "3.1.1", "5.0"),
        pcapng=True,
    ),
    Scenario(
        "mosquitto-raw-3.1.1-malformed-connects",
        "One connection each for many kinds of malformed or odd CONNECT.",
        {0, 1, 2}, routine("raw", "malformed-3.1.1"), 25,
    ),
    Scenario(
        "mosquitto-raw-5.0-malformed-connects",
        "One connection each for many kinds of malformed or odd 5.0 CONNECT.",
        {0, 1, 0x8C}, routine("raw", "malformed-5.0"), 25,
    ),
    Scenario(
        "mosquitto-raw-3.1.1-refusals",
        "A strict server refuses an empty client id, one without the prefix, wills, and level 9.",
        {0, 1, 2, 5}, routine("raw", "refused-3.1.1"), 7, options=STRICT, versions=("3.1", "3.1.1"),
    ),
    Scenario(
        "mosquitto-raw-5.0-refusals",
        "A strict server refuses an empty client id, one without the prefix, wills with QoS 2 and "
        "with RETAIN, an Authentication Method, and a CONNECT that is too large.",
        {0, 0x80, 0x87, 0x8C, 0x9A, 0x9B}, routine("raw", "refused-5.0"), 7, options=STRICT,
    ),
    # amqtt
    Scenario(
        "amqtt-paho-3.1.1-qos-levels",
        "One publisher with QoS 0, 1 and 2 and a subscriber with QoS 2.",
        {0}, routine("paho", "qos-levels"), 2,
    ),
    Scenario(
        "amqtt-paho-3.1.1-persistent-session",
        "A client returns to its session, gets no queued message, and cannot clean the session.",
        {0}, routine("paho", "persistent-session"), 5,
    ),
    Scenario(
        "amqtt-paho-3.1.1-takeover",
        "A second connection has the same client id, and the server leaves the first one open.",
        {0}, routine("paho", "takeover"), 2,
    ),
    Scenario(
        "amqtt-paho-3.1.1-keep-alive",
        "An idle client pings; a silent one exceeds its keep alive and is not disconnected.",
        {0}, routine("paho", "keep-alive"), 2,
    ),
    Scenario(
        "amqtt-mqttjs-3.1.1-not-authorized",
        "The right password is accepted, a wrong one and none are refused.",
        {0, 5}, routine("mqttjs", "credentials"), 3, options={"passwords": True}, port=18833,
    ),
    Scenario(
        "amqtt-aiomqtt-3.1.1-binary-will",
        "A process is killed, and its retained binary will is published.",
        {0}, will_of("aiomqtt"), 2,
    ),
    Scenario(
        "amqtt-gmqtt-5.0-fallback",
        "The server refuses 5.0 with code 1, and the client falls back to 3.1.1.",
        {0, 1}, routine("gmqtt", "round-trip"), 2, versions=("5.0", "3.1.1"),
    ),
    Scenario(
        "amqtt-gmqtt-5.0-unanswered",
        "The server misreads the properties of a 5.0 CONNECT and does not answer.",
        {1}, routine("gmqtt", "unanswered"), 1,
    ),
    Scenario(
        "amqtt-bridge-3.1.1-private-refused",
        "A Mosquitto connects with protocol level 0x84, is refused with code 1, retries with 4.",
        {0, 1}, bridging(seconds=15), 3, clients=("bridge", "cli"),
    ),
    Scenario(
        "amqtt-raw-3.1.1-session-wrong-password",
        "A client with a persistent session returns with a wrong password; also codes 2 and 4.",
        {0, 2, 4, 5}, routine("raw", "session-then-wrong-password"), 4, options={"passwords": True},
    ),
    Scenario(
        "amqtt-raw-3.1.1-malformed-connects",
        "One connection each for many kinds of malformed or odd CONNECT.",
        {0, 1, 2, 4}, routine("raw", "malformed-3.1.1"), 25,
    ),
    Scenario(
        "amqtt-raw-5.0-malformed-connects",
        "One connection each for many kinds of malformed or odd 5.0 CONNECT.",
        {1}, routine("raw", "malformed-5.0"), 25,
    ),
    # aedes
    Scenario(
        "aedes-cli-3.1.1-qos-levels",
        "Three publishers with QoS 0, 1 and 2 and a subscriber with QoS 2.",
        {0}, cli_qos_levels, 4, host="::1",
    ),
    Scenario(
        "aedes-mqttjs-3.1.1-persistent-session",
        "A client returns to its session and a queued QoS 1 message, then cleans the session.",
        {0}, routine("mqttjs", "persistent-session"), 5, pcapng=True,
    ),
    Scenario(
        "aedes-mqttjs-3.1-identifier-rejected",
        "MQTT 3.1 clients with client ids of 23, 24 and 64 characters: code 2 for the long ones.",
        {0, 2}, routine("mqttjs", "client-ids"), 3,
    ),
    Scenario(
        "aedes-mqttjs-3.1.1-binary-will",
        "A client's socket closes without DISCONNECT, and its binary will is published.",
        {0}, will_of("mqttjs"), 2, host="::1",
    ),
    Scenario(
        "aedes-paho-3.1.1-credentials",
        "Accepted, and refused with the codes 3, 4 and 5.",
        {0, 3, 4, 5}, routine("paho", "credentials"), 4, options={"passwords": True},
    ),
    Scenario(
        "aedes-paho-3.1.1-takeover",
        "A second connection with the same client id ends the first one.",
        {0}, routine("paho", "takeover"), 2,
    ),
    Scenario(
        "aedes-paho-3.1.1-keep-alive-limit",
        "The server has a limit for the keep alive and refuses an hour with the reserved code 6.",
        {0, 6}, routine("paho", "long-keep-alive"), 2, options={"keepaliveLimit": 60}, port=18834,
    ),
    Scenario(
        "aedes-aiomqtt-3.1.1-round-trip",
        "A client with user name and password publishes to itself with QoS 0, 1 and 2.",
        {0}, routine("aiomqtt", "round-trip"), 1, options={"passwords": True},
    ),
    Scenario(
        "aedes-gmqtt-5.0-fallback",
        "The server refuses 5.0 with code 1, and the client falls back to 3.1.1.",
        {0, 1}, routine("gmqtt", "round-trip"), 2, versions=("5.0", "3.1.1"),
    ),
    Scenario(
        "aedes-raw-3.1.1-malformed-connects",
        "One connection each for many kinds of malformed or odd CONNECT.",
        {0}, routine("raw", "malformed-3.1.1"), 25,
    ),
    Scenario(
        "aedes-raw-5.0-malformed-connects",
        "One connection each for many kinds of malformed or odd 5.0 CONNECT.",
        {1}, routine("raw", "malformed-5.0"), 25,
    ),
    # Over WebSocket
    Scenario(
        "mosquitto-paho-3.1.1-websocket-qos-levels",
        "One publisher with QoS 0, 1 and 2 and a subscriber with QoS 2, over WebSocket.",
        {0}, routine("paho", "qos-levels"), 2, options=MOSQUITTO_WS, port=9001, **WEBSOCKET,
    ),
    Scenario(
        "mosquitto-paho-5.0-websocket-properties",
        "Over WebSocket, three publications of a client on an unusual port, in 5.0.",
        {0}, routine("paho", "at-work"), 1, options=MOSQUITTO_WS, port=18835, host="::1",
        **WEBSOCKET,
    ),
    Scenario(
        "mosquitto-mqttjs-3.1-websocket-round-trip",
        "Over WebSocket on port 80, with the subprotocol mqttv3.1 of MQTT 3.1.",
        {0}, routine("mqttjs", "round-trip"), 1, options=MOSQUITTO_WS, port=80, **WEBSOCKET,
    ),
    Scenario(
        "mosquitto-mqttjs-5.0-websocket-credentials",
        "Over WebSocket: the right password is accepted, a wrong one and none are refused.",
        {0, 0x87}, routine("mqttjs", "credentials"), 3, port=8080, **WEBSOCKET,
        options=MOSQUITTO_WS | {"passwords": True},
    ),
    Scenario(
        "mosquitto-mqttjs-5.0-websocket-nginx",
        "Over WebSocket behind nginx, which adds the client address (X-Forwarded-For, Forwarded).",
        {0}, behind_nginx("mqttjs", "round-trip"), 1, options=MOSQUITTO_WS, port=9001, **WEBSOCKET,
    ),
    Scenario(
        "mosquitto-raw-3.1.1-websocket-frames",
        "Text frames, subprotocols left out or wrong, fragments, masks left out, reserved opcodes.",
        {0}, routine("raw_websocket", "frames"), 5, options=MOSQUITTO_WS, port=9001, **WEBSOCKET,
    ),
    Scenario(
        "aedes-mqttjs-3.1.1-websocket-deflate",
        "Over WebSocket with permessage-deflate: every message is compressed.",
        {0}, routine("mqttjs", "persistent-session"), 5, options={"websocket": "deflate"},
        port=8083, **WEBSOCKET,
    ),
    Scenario(
        "aedes-raw-3.1.1-websocket-frames",
        "Text frames, subprotocols left out or wrong, fragments, masks left out, reserved opcodes.",
        {0}, routine("raw_websocket", "frames"), 5, options={"websocket": True}, port=18836,
        **WEBSOCKET,
    ),
    # Inside TLS
    Scenario(
        "mosquitto-paho-3.1.1-tls12-qos-levels",
        "TLS 1.2: one publisher with QoS 0, 1 and 2 and a subscriber with QoS 2.",
        {0}, routine("paho", "qos-levels"), 2, options=MOSQUITTO_TLS, tls="1.2", **TLS,
    ),
    Scenario(
        "mosquitto-paho-5.0-tls13-at-work",
        "TLS 1.3 on an unusual port: three publications of a client, in 5.0.",
        {0}, routine("paho", "at-work"), 1, options=MOSQUITTO_TLS, tls="1.3", host="::1",
        **TLS | {"port": 18838},
    ),
    Scenario(
        "mosquitto-mqttjs-5.0-tls12-credentials",
        "TLS 1.2: the right password is accepted, a wrong one and none are refused.",
        {0, 0x87}, routine("mqttjs", "credentials"), 3, tls="1.2", **TLS,
        options=MOSQUITTO_TLS | {"passwords": True},
    ),
    Scenario(
        "mosquitto-mqttjs-3.1-tls13-persistent-session",
        "TLS 1.3: an MQTT 3.1 client returns to its session, then cleans it.",
        {0}, routine("mqttjs", "persistent-session"), 5, tls="1.3", options=MOSQUITTO_TLS, **TLS,
    ),
    Scenario(
        "mosquitto-paho-3.1.1-tls12-client-certificate",
        "TLS 1.2: the server requests the client's certificate, and uses its name as user name.",
        {0}, routine("paho", "client-certificate"), 1, options=MOSQUITTO_TLS_CLIENTS, tls="1.2",
        **TLS | {"port": 8884},
    ),
    Scenario(
        "mosquitto-paho-5.0-tls13-client-certificate",
        "TLS 1.3 with a client certificate, which is encrypted.",
        {0}, routine("paho", "client-certificate"), 1, options=MOSQUITTO_TLS_CLIENTS, tls="1.3",
        **TLS | {"port": 8884},
    ),
    Scenario(
        "mosquitto-paho-3.1.1-tls12-refusals",
        "TLS 1.2: no client certificate, an untrusted server certificate, then both are right.",
        {0}, routine("paho", "tls-refusals"), 1, options=MOSQUITTO_TLS_CLIENTS, tls="1.2",
        **TLS | {"port": 8884},
    ),
    Scenario(
        "mosquitto-mqttjs-3.1.1-tls12-psk",
        "TLS 1.2 with a pre-shared key and no certificate.",
        {0}, routine("mqttjs", "psk"), 1, options=MOSQUITTO_PSK, tls="1.2", **TLS | {"port": 8886},
    ),
    Scenario(
        "mosquitto-mqttjs-3.1.1-tls12-resumption",
        "TLS 1.2: the second connection resumes the TLS session of the first.",
        {0}, routine("mqttjs", "resumption"), 2, options=MOSQUITTO_TLS, tls="1.2", **TLS,
    ),
    Scenario(
        "mosquitto-mqttjs-5.0-tls13-resumption",
        "TLS 1.3: the second connection resumes the TLS session of the first. The pcapng holds the "
        "keys itself.",
        {0}, routine("mqttjs", "resumption"), 2, options=MOSQUITTO_TLS, tls="1.3", pcapng=True,
        **TLS,
    ),
    Scenario(
        "mosquitto-mqttjs-3.1.1-tls13-alpn",
        "TLS 1.3 on port 443: clients offer the protocols mqtt and x-amzn-mqtt-ca (ALPN).",
        {0}, routine("mqttjs", "alpn"), 2, options=MOSQUITTO_TLS, tls="1.3", **TLS | {"port": 443},
    ),
    Scenario(
        "mosquitto-mqttjs-5.0-wss-round-trip",
        "WebSocket inside TLS 1.3.",
        {0}, routine("mqttjs", "round-trip"), 1, options=MOSQUITTO_WSS, tls="1.3", port=8084, **WSS,
    ),
    Scenario(
        "mosquitto-paho-3.1.1-wss-qos-levels",
        "WebSocket inside TLS 1.2 on an unusual port: a publisher and a subscriber.",
        {0}, routine("paho", "qos-levels"), 2, options=MOSQUITTO_WSS, tls="1.2", port=18839, **WSS,
    ),
    # Behind a proxy that sends the PROXY protocol
    Scenario(
        "aedes-paho-3.1.1-proxy-v1",
        "Behind HAProxy with PROXY protocol version 1, which holds the client addresses.",
        {0}, behind_haproxy("send-proxy", ("paho", "qos-levels")), 2,
        options={"proxied": True}, wrapped=True,
    ),
    Scenario(
        "aedes-paho-3.1.1-proxy-v2",
        "Behind HAProxy with PROXY protocol version 2 and its TLVs; health checks use LOCAL.",
        {0}, behind_haproxy("send-proxy-v2 proxy-v2-options crc32c,unique-id check inter 300ms",
                            ("paho", "qos-levels")), 2,
        options={"proxied": True}, port=18837, wrapped=True,
    ),
    Scenario(
        "aedes-mqttjs-3.1.1-proxy-v2-websocket",
        "A PROXY protocol header of version 2 before the upgrade to WebSocket.",
        {0}, behind_haproxy("send-proxy-v2", ("mqttjs", "round-trip")), 1,
        options={"proxied": True, "websocket": True}, port=8083, **WEBSOCKET,
    ),
]  # fmt: skip
