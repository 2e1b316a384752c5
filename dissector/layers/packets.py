"""Scapy layers of the fixed header and the bodies of MQTT control packets.

A body has the fields of the native record of its type, with the names of every output and in the
record's order (`_fields`).
Each packet is the payload of the previous one. scapy dissects, builds and shows a chain of layers
by recursion, so its length is limited.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain
from typing import Any, ClassVar

from scapy.config import conf
from scapy.fields import AnyField, BitEnumField, BitField, ConditionalField, StrField
from scapy.layers.inet import TCP
from scapy.packet import Packet, bind_layers

from dissector.layers.fields import (
    BitsField,
    Condition,
    NumberField,
    PresentField,
    Tolerant,
    VariableByteInteger,
    VariableByteIntegerField,
    any_given,
    flagged,
    text,
    trailing,
)
from dissector.layers.properties import PropertiesField
from dissector.model import Version
from dissector.mqtt import spec
from dissector.mqtt.decode import RECORDS
from dissector.mqtt.packets import packet as records
from dissector.mqtt.packets.auth import Auth
from dissector.mqtt.packets.connack import Connack
from dissector.mqtt.packets.connect import Connect
from dissector.mqtt.packets.disconnect import Disconnect

# Packets beyond this number in one segment are left in one Raw, because of Python's stack limit.
MAX_CHAIN = 32

_LEVELS = {level: version.value for level, version in spec.VERSIONS.items()}
_LEVELS |= {level | spec.BRIDGE_BIT: f"{name} bridge" for level, name in _LEVELS.items()}
_CONNACK_CODES = {code: spec.REASON_CODES[code] for code in spec.CONNACK_CODES} | spec.RETURN_CODES

# The packet types to which a type may be the reply.
_REPLY_TO = {
    spec.CONNACK: (spec.CONNECT, spec.AUTH),
    spec.AUTH: (spec.CONNECT, spec.AUTH),
    spec.PUBACK: (spec.PUBLISH,),
    spec.PUBREC: (spec.PUBLISH,),
    spec.PUBREL: (spec.PUBREC,),
    spec.PUBCOMP: (spec.PUBREL,),
    spec.SUBACK: (spec.SUBSCRIBE,),
    spec.UNSUBACK: (spec.UNSUBSCRIBE,),
    spec.PINGRESP: (spec.PINGREQ,),
}


class RemainingLengthField(VariableByteIntegerField):
    """The Remaining Length; None is computed from the layers up to the next MQTT packet."""

    def getfield(self, pkt: Packet, s: bytes) -> tuple[bytes, int]:
        """Reads the field; raises struct.error if it cannot be read."""
        value = VariableByteInteger.leading(s)
        return s[len(value.wire) :], value

    def addfield(self, pkt: Packet, s: bytes, val: int | None) -> bytes:
        """Writes the field, unless it is absent."""
        if val is None:
            val = 0
            layer = pkt.payload
            while layer and not isinstance(layer, MQTT):
                val += len(layer.self_build())
                layer = layer.payload
        return super().addfield(pkt, s, val)


def _is_publish(packet: Packet) -> bool:
    return bool(packet.getfieldval("type") == spec.PUBLISH)


class MQTT(Packet):
    """The fixed header of a control packet. Its payload is the body, whose payload is the next one.

    `version` sets the layout of a CONNACK or DISCONNECT, which do not contain it; if it is None
    their length decides. It also applies to the packets that follow.
    """

    name = "MQTT"
    __slots__ = ["version"]
    fields_desc: ClassVar[list[AnyField]] = [
        BitEnumField("type", spec.CONNECT, 4, dict(enumerate(spec.PACKET_NAMES))),
        ConditionalField(
            BitsField("flags", None, 4, lambda packet: spec.REQUIRED_FLAGS[packet.type & 15]),
            lambda packet: not _is_publish(packet),
        ),
        ConditionalField(BitField("dup", 0, 1), _is_publish),
        ConditionalField(BitField("qos", 0, 2), _is_publish),
        ConditionalField(BitField("retain", 0, 1), _is_publish),
        RemainingLengthField("remainingLength"),
    ]

    def __init__(self, *args: Any, version: Version | None = None, **fields: Any) -> None:
        self.version = version
        super().__init__(*args, **fields)

    def guess_payload_class(self, payload: bytes) -> type[Packet]:
        """Returns the body of its type, the next packet if it has none, Raw after a bad length."""
        length = self.remainingLength
        if isinstance(length, VariableByteInteger) and not length.finished:
            return conf.raw_layer
        guess = super().guess_payload_class(payload)
        return _next_packet(self) if guess is MQTTBody and length == 0 else guess

    def default_payload_class(self, payload: bytes) -> type[Packet]:
        """Returns the body of the types that have no layer of their own."""
        return MQTTBody

    def do_dissect_payload(self, s: bytes) -> None:
        """Dissects the body, also an empty one, for which scapy would omit the layer."""
        guess = self.guess_payload_class(s)
        if s or guess not in _BODIES:
            super().do_dissect_payload(s)
        else:
            body = guess(_internal=1, _underlayer=self)
            body.do_dissect(s)
            self.add_payload(body)

    def answers(self, other: Packet) -> bool:
        """Whether it may be the reply to `other`; packet identifiers are not compared."""
        return isinstance(other, MQTT) and other.type in _REPLY_TO.get(self.type, ())

    def hashret(self) -> bytes:
        """Returns the same for every packet: only `answers` decides which belong together."""
        return b"MQTT"

    @classmethod
    def tcp_reassemble(
        cls, data: bytes, metadata: dict[str, Any], session: dict[str, Any]
    ) -> Packet | None:
        """Returns the complete packets at the start of `data`, the rest as Padding; None without.

        For scapy's `TCPSession` and `StreamSocket`. After a bad length, or when the connection
        ends, all bytes count as complete.
        """
        end = 0
        while end < len(data):
            size = _packet_size(data, end)
            if end + size > len(data) and not metadata.get("tcp_end"):
                break
            end += size
        if end == 0:
            return None
        packet = cls(data[:end])
        if end < len(data):
            packet.add_payload(conf.padding_layer(data[end:]))
        return packet


def _packet_size(data: bytes, start: int) -> int:
    """Returns the size of the packet at `start`, which may exceed the data; the rest if unknown."""
    length = VariableByteInteger.leading(data, start + 1)
    if length.finished:
        return 1 + len(length.wire) + length
    left = len(data) - start
    return left if len(length.wire) >= 4 else left + 1


def _next_packet(packet: Packet) -> type[Packet]:
    """Returns the layer that follows a complete packet: MQTT, or Raw after `MAX_CHAIN` packets."""
    count = 0
    layer: Packet | None = packet
    while layer is not None:
        count += isinstance(layer, MQTT)
        layer = layer.underlayer
    return MQTT if 0 < count < MAX_CHAIN else conf.raw_layer


class Body(Tolerant):
    """The body after a fixed header: as many bytes as the Remaining Length, if available.

    `record` is the native record of the type, from which its fields come.
    """

    record: ClassVar[type[records.Packet]] = records.Packet

    def do_dissect(self, s: bytes) -> bytes:
        """Reads the body; returns the bytes after it, which are the next packet."""
        size = self.underlayer.remainingLength if isinstance(self.underlayer, MQTT) else None
        size = size if isinstance(size, int) else len(s)
        left = super().do_dissect(s[:size])
        if left:
            self.fields["trailing"] = left
            self.raw_packet_cache = s[:size]
        return s[size:]

    def guess_payload_class(self, payload: bytes) -> type[Packet]:
        """Returns the layer of the next packet."""
        return _next_packet(self)

    def version(self) -> Version | None:
        """Returns the version that was set on the fixed header of this or a previous packet."""
        layer = self.underlayer
        while layer is not None:
            if isinstance(layer, MQTT) and layer.version is not None:
                return layer.version
            layer = layer.underlayer
        return None

    def named(self, field: str) -> str:
        """Returns the value of a field as scapy's `show` formats it."""
        return str(self.get_field(field).i2repr(self, self.getfieldval(field)))

    def mysummary(self) -> tuple[str, list[type[Packet]]]:  # type: ignore[override]
        """Returns its summary, and makes scapy summarise the other packets of a chain, too."""
        return self.summarised(), [TCP, *_BODIES]

    def summarised(self) -> str:
        """Returns one line without secrets."""
        return self.name or ""


_has_will = flagged("willFlag", "lastWillTopic", "lastWillMessage")


def _is_5(packet: Packet) -> bool:
    """Whether a CONNECT has the layout of 5.0; unknown levels have that of 3.1.1."""
    level = packet.getfieldval("protocolLevel")
    return isinstance(level, int) and level & ~spec.BRIDGE_BIT == spec.LEVELS[Version.V5_0]


def _connect_flag(name: str, default: int | None, size: int = 1, *fields: str) -> BitsField:
    return BitsField(name, default, size, any_given(*fields), byte="cleanSession")


def _properties(name: str, condition: Condition) -> list[Any]:
    """Returns the fields for Property Length and properties of a CONNECT."""
    length = name.removesuffix("ies") + "yLength"
    return [
        ConditionalField(VariableByteIntegerField(length, name), condition),
        ConditionalField(PropertiesField(name, [], length), condition),
    ]


def _optional_properties(name: str) -> list[Any]:
    """Returns those fields of a packet in which only the bytes left decide whether it has them.

    None is absent, [] present but empty.
    """
    return [
        PresentField(VariableByteIntegerField("propertyLength", name), "propertyLength", name),
        PresentField(PropertiesField(name, None, "propertyLength")),
    ]


def _fields(
    record: type[records.Packet], makers: dict[str, Callable[[str], list[Any]]]
) -> list[AnyField]:
    """Returns the scapy fields of a record, in its order, and `trailing`.

    `makers` returns those of each field that is on the wire by itself, given the name in outputs.
    """
    names = records.own_field_names(record)
    assert makers.keys() <= set(names), "a layer has a field that its record has not"
    made = (makers[name](records.output_name(name)) for name in names if name in makers)
    return [*chain.from_iterable(made), trailing()]


class MQTTConnect(Body):
    """CONNECT. The level decides the layout. Flags that are not given are computed.

    Fields that are None are absent: a will needs both `lastWillTopic` and `lastWillMessage`, and
    `cleanSession=None` omits the byte with all flags.
    """

    name = "MQTT CONNECT"
    record = Connect
    fields_desc: ClassVar[list[AnyField]] = _fields(
        Connect,
        {
            "protocol_name": lambda name: text(name, b"MQTT"),
            "protocol_level": lambda name: [NumberField(name, 4, "B", _LEVELS)],
            "connect_flags": lambda name: [
                _connect_flag("usernameFlag", None, 1, "username"),
                _connect_flag("passwordFlag", None, 1, "password"),
            ],
            "last_will_retain": lambda name: [_connect_flag(name, 0)],
            "last_will_qos": lambda name: [_connect_flag(name, 0, 2)],
            "will_flag": lambda name: [
                _connect_flag(name, None, 1, "lastWillTopic", "lastWillMessage")
            ],
            "clean_session": lambda name: [
                _connect_flag(name, 1),
                _connect_flag("reservedFlag", 0),
            ],
            "keep_alive": lambda name: [NumberField(name, 60, "H")],
            "properties": lambda name: _properties(name, _is_5),
            "client_id": lambda name: text(name, b""),
            "last_will_properties": lambda name: _properties(
                name, lambda packet: _is_5(packet) and _has_will(packet)
            ),
            "last_will_topic": lambda name: text(name, None, _has_will),
            "last_will_message": lambda name: text(name, None, _has_will),
            "username": lambda name: text(name, None, flagged("usernameFlag", name)),
            "password": lambda name: text(name, None, flagged("passwordFlag", name)),
        },
    )

    def summarised(self) -> str:
        """Returns version, client id, clean session and keep alive."""
        return (
            f"CONNECT {self.named('protocolLevel')} clientId={self.clientId!r}"
            f" cleanSession={self.cleanSession} keepAlive={self.keepAlive}"
        )


class MQTTConnack(Body):
    """CONNACK. It has the layout of 5.0 if `properties` is a list, also an empty one."""

    name = "MQTT CONNACK"
    record = Connack
    fields_desc: ClassVar[list[AnyField]] = _fields(
        Connack,
        {
            "acknowledge_flags": lambda name: [BitsField(name, 0, 7, byte="sessionPresent")],
            "session_present": lambda name: [BitsField(name, 0, 1, byte=name)],
            "return_code": lambda name: [NumberField(name, 0, "B", _CONNACK_CODES)],
            "properties": _optional_properties,
        },
    )

    def summarised(self) -> str:
        """Returns return code and session present."""
        code = "cut" if self.returnCode is None else self.named("returnCode")
        return f"CONNACK {code} sessionPresent={self.sessionPresent}"


class MQTTDisconnect(Body):
    """DISCONNECT. Empty before 5.0; in 5.0 the properties, and then the code, are optional."""

    name = "MQTT DISCONNECT"
    record: ClassVar[type[records.Packet]] = Disconnect
    fields_desc: ClassVar[list[AnyField]] = _fields(
        Disconnect,
        {
            "reason_code": lambda name: [
                PresentField(NumberField(name, None, "B", spec.REASON_CODES))
            ],
            "properties": _optional_properties,
        },
    )

    def summarised(self) -> str:
        """Returns type, and the reason code if present."""
        code = "" if self.reasonCode is None else f" {self.named('reasonCode')}"
        return str(self.name).removeprefix("MQTT ") + code


class MQTTAuth(MQTTDisconnect):
    """AUTH, only in 5.0; an empty body means code 0 without properties."""

    name = "MQTT AUTH"
    record = Auth

    def version(self) -> Version | None:
        """Returns 5.0: no other version has this packet."""
        return Version.V5_0


class MQTTBody(Body):
    """The bytes of any other type after its fixed header."""

    name = "MQTT body"
    fields_desc: ClassVar[list[AnyField]] = [StrField("load", b""), trailing()]

    def summarised(self) -> str:
        """Returns type and size."""
        header = self.underlayer
        name = spec.packet_name(header.type) if isinstance(header, MQTT) else "body"
        return f"{name} {len(self.load)} bytes"


_BODIES = (MQTTConnect, MQTTConnack, MQTTDisconnect, MQTTAuth)

for _type, _record in RECORDS.items():
    bind_layers(MQTT, next(_body for _body in _BODIES if _body.record is _record), type=_type)
