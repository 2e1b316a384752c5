"""Encodes MQTT Control Packets for the generated traffic.

Deliberately independent of `dissector.mqtt.encode`: the traffic must not share faults with the
program that is measured on it. Levels are protocol levels: 3 (3.1), 4 (3.1.1), 5 (5.0).
"""

import struct
from dataclasses import dataclass

PINGREQ, PINGRESP, DISCONNECT = b"\xc0\0", b"\xd0\0", b"\xe0\0"


def _packet(first: int, body: bytes, length_bytes: int = 1) -> bytes:
    """Returns fixed header and body; at least `length_bytes` bytes of length (v3.1.1 §2.2.3)."""
    remaining, length = len(body), bytearray()
    while remaining > 127 or len(length) + 1 < length_bytes:
        length.append(remaining & 127 | 128)
        remaining >>= 7
    length.append(remaining)
    return bytes((first, *length)) + body


def _string(text: str) -> bytes:
    data = text.encode()
    return struct.pack("!H", len(data)) + data


@dataclass(frozen=True, slots=True)
class ClientSettings:
    """The settings of a client that are the same in all its CONNECTs.

    `length_bytes` is the least number of bytes of the Remaining Length of the CONNECT.
    """

    level: int
    client_id: str
    clean_session: bool
    keep_alive: int
    username: str | None = None
    password: str | None = None
    last_will_topic: str | None = None
    last_will_qos: int = 0
    length_bytes: int = 1


def connect(client: ClientSettings) -> bytes:
    """Returns a CONNECT; a 5.0 client with Clean Start 0 asks for a session of one hour."""
    flags = 2 * client.clean_session
    payload = _string(client.client_id)
    if client.last_will_topic is not None:
        flags |= 0x24 | client.last_will_qos << 3
        payload += b"\0" * (client.level == 5)
        payload += _string(client.last_will_topic) + _string("offline")
    if client.username is not None and client.password is not None:
        flags |= 0xC0
        payload += _string(client.username) + _string(client.password)
    properties = b""
    if client.level == 5:
        properties = b"\0" if client.clean_session else b"\x05\x11\0\0\x0e\x10"
    name = _string("MQIsdp" if client.level == 3 else "MQTT")
    header = name + struct.pack("!BBH", client.level, flags, client.keep_alive)
    return _packet(0x10, header + properties + payload, client.length_bytes)


def connack(level: int, session_present: bool) -> bytes:
    """Returns an accepting CONNACK; in 5.0 with Receive Maximum 20, Topic Alias Maximum 10."""
    properties = bytes.fromhex("06 210014 22000a") if level == 5 else b""
    return _packet(0x20, bytes((session_present, 0)) + properties)


def publish(level: int, topic: str, payload: bytes, qos: int, packet_id: int) -> bytes:
    """Returns a PUBLISH; without a packet identifier at QoS 0."""
    identifier = struct.pack("!H", packet_id) if qos else b""
    properties = b"\0" if level == 5 else b""
    return _packet(0x30 | qos << 1, _string(topic) + identifier + properties + payload)


def acknowledgement(first: int, packet_id: int) -> bytes:
    """Returns a PUBACK (0x40), PUBREC (0x50), PUBREL (0x62) or PUBCOMP (0x70), short form."""
    return struct.pack("!BBH", first, 2, packet_id)


def subscribe(level: int, topic_filter: str, packet_id: int) -> bytes:
    """Returns a SUBSCRIBE to one topic filter at QoS 1."""
    properties = b"\0" if level == 5 else b""
    identifier = struct.pack("!H", packet_id)
    return _packet(0x82, identifier + properties + _string(topic_filter) + b"\x01")


def suback(level: int, packet_id: int) -> bytes:
    """Returns a SUBACK that grants QoS 1."""
    properties = b"\0" if level == 5 else b""
    return _packet(0x90, struct.pack("!H", packet_id) + properties + b"\x01")
