"""Records of decoded control packets: what the wire said, nothing judged.

Integers are kept as they came (a Will QoS of 3 stays 3). Text is `str` decoded with
`surrogateescape` (see `text.py`), binary fields are `bytes`. Absent is None, present and empty is
empty. Attribute names are the snake_case of the names in every output.
"""

from __future__ import annotations

from typing import Any

import msgspec

from dissector.model import FrameRef, Side, Version
from dissector.mqtt import spec
from dissector.mqtt.defects import Defect


class Property(msgspec.Struct, frozen=True):
    """One MQTT 5.0 property; `offset` is that of its identifier in the packet.

    `value`: int, str, bytes, a pair of str, or raw bytes where the identifier is unknown.
    """

    id: int
    name: str
    value: Any
    offset: int


class Packet(msgspec.Struct, kw_only=True):
    """Any control packet. `frame` is the frame that completes it; `size` counts the fixed header.

    `raw` holds all its bytes, secrets included; it stays inside the process. It is empty for packets
    too large to keep and for types that are only framed. `first` is the frame of its first byte.
    `secrets` are the (offset, length) of passwords and authentication data in `raw`.
    """

    type: int
    flags: int
    remaining_length: int
    size: int
    frame: FrameRef | None = None
    first: FrameRef | None = None
    raw: bytes = b""
    defects: tuple[Defect, ...] = ()
    secrets: tuple[tuple[int, int], ...] = ()

    @property
    def name(self) -> str:
        """The standard's name of its type."""
        return spec.packet_name(self.type)

    def masked(self) -> bytes:
        """Give `raw` with each secret byte as an asterisk."""
        data = bytearray(self.raw)
        for offset, length in self.secrets:
            stop = min(offset + length, len(data))
            data[offset:stop] = b"*" * max(stop - offset, 0)
        return bytes(data)


class Connect(Packet, kw_only=True):
    """CONNECT. `protocol_level` is the byte on the wire, the bridge bit included.

    `version` is None where the level is none that exists; the layout of 3.1.1 is then read as far as
    it goes.
    """

    protocol_name: str = ""
    protocol_level: int = 0
    version: Version | None = None
    bridge: bool = False
    connect_flags: int = 0
    client_id: str = ""
    clean_session: bool = False
    keep_alive: int = 0
    username: str | None = None
    password: bytes | None = None
    will_flag: bool = False
    last_will_topic: str | None = None
    last_will_qos: int = 0
    last_will_message: bytes | None = None
    last_will_retain: bool = False
    properties: tuple[Property, ...] = ()
    last_will_properties: tuple[Property, ...] = ()
    complete: bool = True


class Connack(Packet, kw_only=True):
    """CONNACK. `session_present` is None in 3.1, which has no such flag.

    `return_code` is None where the packet is too short to hold one.
    """

    version: Version | None = None
    acknowledge_flags: int = 0
    session_present: bool | None = None
    return_code: int | None = None
    properties: tuple[Property, ...] = ()


class Disconnect(Packet, kw_only=True):
    """DISCONNECT. `reason_code` is 0 where the short form leaves it out, and before 5.0."""

    side: Side | None = None
    version: Version | None = None
    reason_code: int = 0
    properties: tuple[Property, ...] = ()


class Auth(Packet, kw_only=True):
    """AUTH (5.0). `reason_code` is 0 where the short form leaves it out; `side` is who sent it."""

    side: Side | None = None
    version: Version | None = None
    reason_code: int = 0
    properties: tuple[Property, ...] = ()


def property_value(properties: tuple[Property, ...], name: str) -> Any:
    """Give the first value of the property called `name`, or None."""
    for item in properties:
        if item.name == name:
            return item.value
    return None
