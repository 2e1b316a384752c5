"""Records of decoded control packets, with the values on the wire.

Integers keep their value on the wire (a Will QoS of 3 stays 3). Text is `str` decoded with
`surrogateescape` (see `text.py`), binary fields are `bytes`. An absent field is None, a present but
empty one is empty. Attribute names are the snake_case of the names in every output.
"""

from __future__ import annotations

from typing import Any, ClassVar

import msgspec

from dissector.model import FrameRef, Side, Version
from dissector.mqtt import spec
from dissector.mqtt.defects import Defect


class Property(msgspec.Struct, frozen=True):
    """One MQTT 5.0 property; `offset` is the offset of its identifier in the packet.

    `value`: int, str, bytes, a pair of str, or raw bytes where the identifier is unknown.
    """

    id: int
    name: str
    value: Any
    offset: int


class Packet:
    """Any control packet. `frame` is the frame that completes it; `size` includes the fixed header.

    `raw` holds all its bytes including secrets, and never leaves the process. It is empty for
    packets too large to keep, and for types that are only framed. `first` is the frame of its first
    byte. `secrets` are the (offset, length) of passwords and authentication data in `raw`.
    """

    FIELDS: ClassVar[tuple[str, ...]] = (
        "type", "flags", "remaining_length", "size", "frame", "first", "raw", "defects", "secrets",
    )  # fmt: skip

    def __init__(
        self,
        type: int,  # noqa: A002  # the standard's word
        flags: int,
        remaining_length: int,
        size: int,
        frame: FrameRef | None = None,
        first: FrameRef | None = None,
        raw: bytes = b"",
        defects: tuple[Defect, ...] = (),
        secrets: tuple[tuple[int, int], ...] = (),
    ) -> None:
        self.head(type, flags, remaining_length, size, frame, first, raw, defects, secrets)

    def head(
        self,
        packet_type: int,
        flags: int,
        remaining_length: int,
        size: int,
        frame: FrameRef | None,
        first: FrameRef | None,
        raw: bytes,
        defects: tuple[Defect, ...],
        secrets: tuple[tuple[int, int], ...],
    ) -> None:
        """Sets the fields of every packet; for records made without a constructor."""
        self.type = packet_type
        self.flags = flags
        self.remaining_length = remaining_length
        self.size = size
        self.frame = frame
        self.first = first
        self.raw = raw
        self.defects = defects
        self.secrets = secrets
        self._masked: bytes | None = None

    def __eq__(self, other: object) -> bool:
        if self.__class__ is not other.__class__:
            return NotImplemented
        return all(getattr(self, name) == getattr(other, name) for name in self.FIELDS)

    def __repr__(self) -> str:
        facts = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.FIELDS)
        return f"{self.__class__.__name__}({facts})"

    @property
    def name(self) -> str:
        """The standard's name of the packet type."""
        return spec.packet_name(self.type)

    def code(self) -> int | None:
        """Returns its return or reason code; None if its type has none, or it was not read."""
        return None

    def masked(self) -> bytes:
        """Returns `raw` with each secret byte replaced by an asterisk; all findings share it."""
        if not self.secrets:
            return self.raw
        if self._masked is not None:
            return self._masked
        data = bytearray(self.raw)
        for offset, length in self.secrets:
            stop = min(offset + length, len(data))
            data[offset:stop] = b"*" * max(stop - offset, 0)
        self._masked = bytes(data)
        return self._masked


class Connect(Packet):
    """CONNECT. `protocol_level` is the byte on the wire, the bridge bit included.

    `version` is None for an unknown level; the layout of 3.1.1 is then read as far as possible.
    """

    FIELDS = (
        *Packet.FIELDS,
        "protocol_name", "protocol_level", "version", "bridge", "connect_flags", "client_id",
        "clean_session", "keep_alive", "username", "password", "will_flag", "last_will_topic",
        "last_will_qos", "last_will_message", "last_will_retain", "properties",
        "last_will_properties", "complete",
    )  # fmt: skip

    def __init__(
        self,
        type: int,  # noqa: A002  # the standard's word
        flags: int,
        remaining_length: int,
        size: int,
        frame: FrameRef | None = None,
        first: FrameRef | None = None,
        raw: bytes = b"",
        defects: tuple[Defect, ...] = (),
        secrets: tuple[tuple[int, int], ...] = (),
        protocol_name: str = "",
        protocol_level: int = 0,
        version: Version | None = None,
        bridge: bool = False,
        connect_flags: int = 0,
        client_id: str = "",
        clean_session: bool = False,
        keep_alive: int = 0,
        username: str | None = None,
        password: bytes | None = None,
        will_flag: bool = False,
        last_will_topic: str | None = None,
        last_will_qos: int = 0,
        last_will_message: bytes | None = None,
        last_will_retain: bool = False,
        properties: tuple[Property, ...] = (),
        last_will_properties: tuple[Property, ...] = (),
        complete: bool = True,
    ) -> None:
        self.head(type, flags, remaining_length, size, frame, first, raw, defects, secrets)
        self.tail(
            protocol_name, protocol_level, version, bridge, connect_flags, client_id,
            clean_session, keep_alive, username, password, will_flag, last_will_topic,
            last_will_qos, last_will_message, last_will_retain, properties,
            last_will_properties, complete,
        )  # fmt: skip

    def tail(
        self,
        protocol_name: str,
        protocol_level: int,
        version: Version | None,
        bridge: bool,
        connect_flags: int,
        client_id: str,
        clean_session: bool,
        keep_alive: int,
        username: str | None,
        password: bytes | None,
        will_flag: bool,
        last_will_topic: str | None,
        last_will_qos: int,
        last_will_message: bytes | None,
        last_will_retain: bool,
        properties: tuple[Property, ...],
        last_will_properties: tuple[Property, ...],
        complete: bool,
    ) -> None:
        """Sets the fields of a CONNECT."""
        self.protocol_name = protocol_name
        self.protocol_level = protocol_level
        self.version = version
        self.bridge = bridge
        self.connect_flags = connect_flags
        self.client_id = client_id
        self.clean_session = clean_session
        self.keep_alive = keep_alive
        self.username = username
        self.password = password
        self.will_flag = will_flag
        self.last_will_topic = last_will_topic
        self.last_will_qos = last_will_qos
        self.last_will_message = last_will_message
        self.last_will_retain = last_will_retain
        self.properties = properties
        self.last_will_properties = last_will_properties
        self.complete = complete


class Connack(Packet):
    """CONNACK. `session_present` is None in 3.1, which has no such flag.

    `return_code` is None if the packet is too short to hold one.
    """

    FIELDS = (
        *Packet.FIELDS,
        "version", "acknowledge_flags", "session_present", "return_code", "properties",
    )  # fmt: skip

    def __init__(
        self,
        type: int,  # noqa: A002  # the standard's word
        flags: int,
        remaining_length: int,
        size: int,
        frame: FrameRef | None = None,
        first: FrameRef | None = None,
        raw: bytes = b"",
        defects: tuple[Defect, ...] = (),
        secrets: tuple[tuple[int, int], ...] = (),
        version: Version | None = None,
        acknowledge_flags: int = 0,
        session_present: bool | None = None,
        return_code: int | None = None,
        properties: tuple[Property, ...] = (),
    ) -> None:
        self.head(type, flags, remaining_length, size, frame, first, raw, defects, secrets)
        self.tail(version, acknowledge_flags, session_present, return_code, properties)

    def tail(
        self,
        version: Version | None,
        acknowledge_flags: int,
        session_present: bool | None,
        return_code: int | None,
        properties: tuple[Property, ...],
    ) -> None:
        """Sets the fields of a CONNACK."""
        self.version = version
        self.acknowledge_flags = acknowledge_flags
        self.session_present = session_present
        self.return_code = return_code
        self.properties = properties

    def code(self) -> int | None:
        """Returns its return code."""
        return self.return_code


class _Reasoned(Packet):
    """Base class of DISCONNECT and AUTH; `side` is the sender."""

    FIELDS = (*Packet.FIELDS, "side", "version", "reason_code", "properties")

    def __init__(
        self,
        type: int,  # noqa: A002  # the standard's word
        flags: int,
        remaining_length: int,
        size: int,
        frame: FrameRef | None = None,
        first: FrameRef | None = None,
        raw: bytes = b"",
        defects: tuple[Defect, ...] = (),
        secrets: tuple[tuple[int, int], ...] = (),
        side: Side | None = None,
        version: Version | None = None,
        reason_code: int = 0,
        properties: tuple[Property, ...] = (),
    ) -> None:
        self.head(type, flags, remaining_length, size, frame, first, raw, defects, secrets)
        self.tail(side, version, reason_code, properties)

    def tail(
        self,
        side: Side | None,
        version: Version | None,
        reason_code: int,
        properties: tuple[Property, ...],
    ) -> None:
        """Sets the fields of a DISCONNECT or AUTH."""
        self.side = side
        self.version = version
        self.reason_code = reason_code
        self.properties = properties

    def code(self) -> int | None:
        """Returns its reason code."""
        return self.reason_code


class Disconnect(_Reasoned):
    """DISCONNECT. `reason_code` is 0 in the short form without it, and before 5.0."""


class Auth(_Reasoned):
    """AUTH (5.0). `reason_code` is 0 in the short form without it; `side` is the sender."""


def property_value(properties: tuple[Property, ...], name: str) -> Any:
    """Returns the first value of the property called `name`, or None."""
    for item in properties:
        if item.name == name:
            return item.value
    return None
