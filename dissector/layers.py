"""Bytes in, scapy packets out, and back: layers for MQTT 3.1, 3.1.1 and 5.0.

For scapy's users, and a second implementation to hold the native decoder against: it shares the
tables of `mqtt.spec` with it and nothing else. It refuses nothing. Any bytes dissect, and the
fields alone give back the same bytes: what cannot be read is kept in `trailing`, what is not there
is None, a variable byte integer remembers how it was written. So wrong packets can be built too.

Importing this module changes no layer of scapy's own; `bind()` does. `docs/scapy.md` has examples.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any, ClassVar, Self, TypeVar

from scapy.config import conf
from scapy.fields import (
    AnyField,
    BitEnumField,
    BitField,
    ConditionalField,
    EnumField,
    FieldLenField,
    MultipleTypeField,
    PacketListField,
    RawVal,
    StrField,
    StrLenField,
)
from scapy.layers.inet import TCP
from scapy.packet import (
    Packet,
    Raw,
    bind_layers,
    bind_top_down,
    split_bottom_up,
    split_top_down,
)
from scapy.volatile import RandNum

from dissector.model import Version
from dissector.mqtt import spec

# More packets than this in one piece of bytes are left in one Raw: scapy dissects, builds and shows
# a chain of layers by recursion, and Python's stack ends.
MAX_CHAIN = 32

_LEVELS = {level: version.value for level, version in spec.VERSIONS.items()}
_CONNACK_CODES = {code: spec.REASON_CODES[code] for code in spec.CONNACK_CODES} | spec.RETURN_CODES

# The packet types that a type may be sent in reply to.
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

Condition = Callable[[Packet], bool]
AnyPacket = TypeVar("AnyPacket", bound=Packet)


class VariableByteInteger(int):
    """A variable byte integer as it was written: an int made from its bytes, kept in `wire`.

    As a field's value it writes a length that no encoder would: over-long (8C 00), with five bytes,
    unfinished, or not at all (no bytes). v5.0 §1.5.5
    """

    wire: bytes

    def __new__(cls, wire: bytes) -> Self:
        """Read all of `wire`; the top bits, which say whether more follows, are not heeded."""
        value = sum((byte & 0x7F) << (7 * index) for index, byte in enumerate(wire))
        number = super().__new__(cls, value)
        number.wire = wire
        return number

    @classmethod
    def minimal(cls, value: int) -> Self:
        """Encode `value` in the fewest bytes; ValueError where it is negative."""
        if value < 0:
            raise ValueError(f"a variable byte integer cannot be negative: {value}")
        groups = range(max(value.bit_length() + 6, 7) // 7)
        wire = bytearray(value >> (7 * group) & 0x7F | 0x80 for group in groups)
        wire[-1] &= 0x7F
        return cls(bytes(wire))

    @classmethod
    def leading(cls, data: bytes, start: int = 0) -> Self:
        """Read the one at `start`: up to its end, to five bytes, or to the end of the data."""
        end = start
        while end < len(data) and end - start < 5:
            end += 1
            if data[end - 1] < 0x80:
                break
        return cls(data[start:end])

    @property
    def finished(self) -> bool:
        """Whether it ends, and within the four bytes that the standard allows."""
        return 1 <= len(self.wire) <= 4 and self.wire[-1] < 0x80


class _VariableByteIntegerField(FieldLenField):
    """A variable byte integer; None is filled in from `length_of`, left out where that is None.

    One that does not end within four bytes is not read; the packet's `trailing` then has it.
    """

    def __init__(self, name: str, length_of: str | None = None, default: Any = None) -> None:
        super().__init__(name, default, length_of=length_of, fmt="B")

    def getfield(self, pkt: Packet, s: bytes) -> tuple[bytes, int]:
        value = VariableByteInteger.leading(s)
        if not value.finished:
            raise struct.error("no variable byte integer")
        return s[len(value.wire) :], value

    def addfield(self, pkt: Packet, s: bytes, val: int | None) -> bytes:
        if val is None and (self.length_of is None or pkt.getfieldval(self.length_of) is None):
            return s
        value = self.i2m(pkt, val)
        if not isinstance(value, VariableByteInteger):
            value = VariableByteInteger.minimal(value)
        return s + value.wire

    def randval(self) -> RandNum:
        return RandNum(0, spec.MAX_REMAINING_LENGTH)


class _RemainingLengthField(_VariableByteIntegerField):
    """The Remaining Length; None is filled in with what stands before the next MQTT packet."""

    def getfield(self, pkt: Packet, s: bytes) -> tuple[bytes, int]:
        value = VariableByteInteger.leading(s)
        return s[len(value.wire) :], value

    def addfield(self, pkt: Packet, s: bytes, val: int | None) -> bytes:
        if val is None:
            val = 0
            layer = pkt.payload
            while layer and not isinstance(layer, MQTT):
                val += len(layer.self_build())
                layer = layer.payload
        return super().addfield(pkt, s, val)


class _PropertyIdField(_VariableByteIntegerField):
    """The identifier of a property; takes and shows the names of `spec`."""

    def any2i(self, pkt: Packet | None, x: Any) -> Any:
        return spec.PROPERTY_IDS[x] if isinstance(x, str) else x

    def i2repr(self, pkt: Packet | None, x: Any) -> str:
        return spec.PROPERTIES[x].name if x in spec.PROPERTIES else repr(x)


class _NumberField(EnumField[int]):
    """A big-endian integer, named where `names` knows it; None is left out."""

    def __init__(
        self, name: str, default: int | None, fmt: str, names: dict[int, str] | None = None
    ) -> None:
        super().__init__(name, default, names or {}, fmt)

    def addfield(self, pkt: Packet, s: bytes, val: Any) -> bytes:
        return s if val is None else super().addfield(pkt, s, val)


class _BitsField(BitField):
    """Bits of one byte. None is filled in by `fill`; not written where field `byte` is None."""

    __slots__ = ["byte", "fill"]

    def __init__(
        self,
        name: str,
        default: int | None,
        size: int,
        fill: Callable[[Packet], int] = lambda packet: 0,
        byte: str | None = None,
    ) -> None:
        super().__init__(name, default, size)
        self.fill, self.byte = fill, byte

    def i2m(self, pkt: Packet | None, x: int | None) -> int:
        return self.fill(pkt) if x is None and pkt is not None else x or 0

    def addfield(self, pkt: Packet, s: Any, ival: int | None) -> Any:
        absent = self.byte is not None and pkt.getfieldval(self.byte) is None
        return s if absent else super().addfield(pkt, s, self.i2m(pkt, ival))


class _TextLengthField(FieldLenField):
    """The two bytes before a text or binary field; left out with it where that is None.

    Nor is it read where the field runs past the end: `trailing` then has both.
    """

    def getfield(self, pkt: Packet, s: bytes) -> tuple[bytes, int]:
        left, length = super().getfield(pkt, s)
        if length > len(left):
            raise struct.error("the field runs past the end")
        return left, length

    def addfield(self, pkt: Packet, s: bytes, val: int | None) -> bytes:
        absent = val is None and self.length_of and pkt.getfieldval(self.length_of) is None
        return s if absent else super().addfield(pkt, s, val)


class _PropertiesField(PacketListField):
    """A list of `MQTTProperty`; None is no list at all, [] an empty one."""

    def __init__(self, name: str, default: Any, length: str) -> None:
        super().__init__(name, default, MQTTProperty, length_from=_value_of(length))
        self.default = default
        self.max_count = spec.MAX_REMAINING_LENGTH

    def any2i(self, pkt: Packet | None, x: Any) -> Any:
        return None if x is None else super().any2i(pkt, x)

    def addfield(self, pkt: Packet, s: bytes, val: Any) -> bytes:
        return super().addfield(pkt, s, val or [])


class _PresentField(ConditionalField):
    """A field read where bytes are left, and shown and built where one of `names` is there."""

    def __init__(self, fld: Any, *names: str) -> None:
        super().__init__(fld, _any_given(*(names or (fld.name,))))

    def getfield(self, pkt: Packet, s: bytes) -> tuple[bytes, Any]:
        known = isinstance(pkt, _Body) and pkt.version() in (Version.V3_1, Version.V3_1_1)
        return (s, None) if known else self.fld.getfield(pkt, s)


def _value_of(name: str) -> Callable[[Packet], Any]:
    return lambda packet: packet.getfieldval(name)


def _any_given(*names: str) -> Condition:
    return lambda packet: any(packet.getfieldval(name) is not None for name in names)


def _flagged(flag: str, *announced: str) -> Condition:
    """Whether a connect flag is set, or would be filled in as set."""
    given = _any_given(*announced)
    return lambda packet: bool(
        given(packet) if packet.getfieldval(flag) is None else packet.getfieldval(flag)
    )


def _text(name: str, default: bytes | None = None, condition: Condition | None = None) -> list[Any]:
    """A text or binary field, with the two bytes of its length before it."""
    length = name + "Length"
    text = StrLenField(name, default, _value_of(length))  # type: ignore[arg-type]
    pair = (_TextLengthField(length, None, name), text)
    return [ConditionalField(field, condition) if condition else field for field in pair]


def _trailing() -> ConditionalField:
    """What no field could read, always last."""
    return ConditionalField(
        StrField("trailing", b""), lambda packet: bool(packet.getfieldval("trailing"))
    )


class _Tolerant(Packet):
    """A layer whose bytes may end anywhere: what is not there is None, the rest is `trailing`."""

    def do_dissect(self, s: bytes) -> bytes:
        """Read the fields in order until one cannot be read; give what follows the last."""
        left = s
        self.raw_packet_cache_fields = {}
        for index, field in enumerate(self.fields_desc[:-1]):
            try:
                left, value = field.getfield(self, left)
            except struct.error:
                self.fields.update({missing.name: None for missing in self.fields_desc[index:]})
                self.fields["trailing"], left = left, b""
                break
            if value is None and isinstance(field, ConditionalField):
                continue
            self.fields[field.name] = value
            if field.islist:
                # By these scapy notices that one was changed, and forgets the bytes it came from.
                self.raw_packet_cache_fields[field.name] = self._raw_packet_cache_field_value(
                    field, value, copy=True
                )
        self.raw_packet_cache = s[: len(s) - len(left)]
        self.explicit = 1
        return left


def _typed(*types: int | None) -> Condition:
    """Whether a property is of one of these types of `spec`; None is an unknown identifier."""

    def holds(packet: Packet) -> bool:
        row = spec.PROPERTIES.get(packet.getfieldval("id"))
        return (row.type if row else None) in types

    return holds


class MQTTProperty(_Tolerant):
    """One property of MQTT 5.0. `key` is the first half of a User Property, `value` the second.

    The value of an unknown identifier is all the bytes that follow it in the list. v5.0 §2.2.2
    """

    name = "MQTT property"
    fields_desc: ClassVar[list[AnyField]] = [
        _PropertyIdField("id", default=spec.USER_PROPERTY),
        *_text("key", condition=_typed(spec.STRING_PAIR)),
        ConditionalField(
            _TextLengthField("valueLength", None, "value"),
            _typed(spec.STRING, spec.BINARY, spec.STRING_PAIR),
        ),
        MultipleTypeField(
            [
                (_NumberField("value", None, "B"), _typed(spec.BYTE)),
                (_NumberField("value", None, "H"), _typed(spec.U16)),
                (_NumberField("value", None, "I"), _typed(spec.U32)),
                (_VariableByteIntegerField("value"), _typed(spec.VBI)),
                (StrField("value", None), _typed(None)),
            ],
            StrLenField("value", None, _value_of("valueLength")),  # type: ignore[arg-type]
        ),
        _trailing(),
    ]

    def extract_padding(self, s: bytes) -> tuple[bytes, bytes | None]:
        """Leave what follows to the next property."""
        return b"", s

    def mysummary(self) -> str:
        """Name and value."""
        return f"{self.get_field('id').i2repr(self, self.id)}={self.value!r}"


def _is_publish(packet: Packet) -> bool:
    return bool(packet.getfieldval("type") == spec.PUBLISH)


class MQTT(Packet):
    """The fixed header of a control packet. Its payload is the body, whose payload the next packet.

    `version` tells the layout of a CONNACK or DISCONNECT, which do not say it themselves; where it
    is None their length decides. It holds for the packets that follow, too.
    """

    name = "MQTT"
    __slots__ = ["version"]
    fields_desc: ClassVar[list[AnyField]] = [
        BitEnumField("type", spec.CONNECT, 4, dict(enumerate(spec.PACKET_NAMES))),
        ConditionalField(
            _BitsField("flags", None, 4, lambda packet: spec.REQUIRED_FLAGS[packet.type & 15]),
            lambda packet: not _is_publish(packet),
        ),
        ConditionalField(BitField("dup", 0, 1), _is_publish),
        ConditionalField(BitField("qos", 0, 2), _is_publish),
        ConditionalField(BitField("retain", 0, 1), _is_publish),
        _RemainingLengthField("remainingLength"),
    ]

    def __init__(self, *args: Any, version: Version | None = None, **fields: Any) -> None:
        self.version = version
        super().__init__(*args, **fields)

    def guess_payload_class(self, payload: bytes) -> type[Packet]:
        """Give its type's body, the next packet where it has none, Raw after a false length."""
        length = self.remainingLength
        if isinstance(length, VariableByteInteger) and not length.finished:
            return conf.raw_layer
        guess = super().guess_payload_class(payload)
        return _next_packet(self) if guess is MQTTBody and length == 0 else guess

    def default_payload_class(self, payload: bytes) -> type[Packet]:
        """Give the body of the types that have no layer of their own."""
        return MQTTBody

    def do_dissect_payload(self, s: bytes) -> None:
        """Dissect the body, also one of no bytes at all: scapy would leave its layer out."""
        guess = self.guess_payload_class(s)
        if s or guess not in _BODIES:
            super().do_dissect_payload(s)
        else:
            body = guess(_internal=1, _underlayer=self)
            body.do_dissect(s)
            self.add_payload(body)

    def answers(self, other: Packet) -> bool:
        """Tell whether it may be the reply to `other`; packet identifiers are not compared."""
        return isinstance(other, MQTT) and other.type in _REPLY_TO.get(self.type, ())

    def hashret(self) -> bytes:
        """Give the same for every packet: only `answers` tells which belong together."""
        return b"MQTT"

    @classmethod
    def tcp_reassemble(
        cls, data: bytes, metadata: dict[str, Any], session: dict[str, Any]
    ) -> Packet | None:
        """Give the whole packets at the start of `data`, the rest as Padding, or None before that.

        For scapy's `TCPSession` and `StreamSocket`. From a false length on, or when the connection
        ends, all bytes count as whole.
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
    """Bytes of the packet at `start`, perhaps more than are there; all of them if none can tell."""
    length = VariableByteInteger.leading(data, start + 1)
    if length.finished:
        return 1 + len(length.wire) + length
    left = len(data) - start
    return left if len(length.wire) >= 4 else left + 1


def _next_packet(packet: Packet) -> type[Packet]:
    """Give the class of what follows a whole packet: the next one, or Raw after too many."""
    count = 0
    layer: Packet | None = packet
    while layer is not None:
        count += isinstance(layer, MQTT)
        layer = layer.underlayer
    return MQTT if 0 < count < MAX_CHAIN else conf.raw_layer


class _Body(_Tolerant):
    """What follows a fixed header: the bytes that Remaining Length counts, if they are there."""

    def do_dissect(self, s: bytes) -> bytes:
        """Read the body; give the bytes after it, which are the next packet."""
        size = self.underlayer.remainingLength if isinstance(self.underlayer, MQTT) else None
        size = size if isinstance(size, int) else len(s)
        left = super().do_dissect(s[:size])
        if left:
            self.fields["trailing"] = left
            self.raw_packet_cache = s[:size]
        return s[size:]

    def guess_payload_class(self, payload: bytes) -> type[Packet]:
        """Give the next packet."""
        return _next_packet(self)

    def version(self) -> Version | None:
        """Give the version that a fixed header below was told."""
        layer = self.underlayer
        while layer is not None:
            if isinstance(layer, MQTT) and layer.version is not None:
                return layer.version
            layer = layer.underlayer
        return None

    def named(self, field: str) -> str:
        """Give the value of a field as `show` has it."""
        return str(self.get_field(field).i2repr(self, self.getfieldval(field)))

    def mysummary(self) -> tuple[str, list[type[Packet]]]:  # type: ignore[override]
        """Summarise it, and have scapy summarise the other packets of a chain as well."""
        return self.summarised(), [TCP, *_BODIES]

    def summarised(self) -> str:
        """One line without secrets."""
        return self.name or ""


_has_will = _flagged("willFlag", "lastWillTopic", "lastWillMessage")


def _is_5(packet: Packet) -> bool:
    """Whether a CONNECT has the layout of 5.0; unknown levels have that of 3.1.1."""
    level = packet.getfieldval("protocolLevel")
    return isinstance(level, int) and level & ~spec.BRIDGE_BIT == spec.LEVELS[Version.V5_0]


def _connect_flag(name: str, default: int | None, size: int = 1, *announced: str) -> _BitsField:
    return _BitsField(name, default, size, _any_given(*announced), byte="cleanSession")


def _properties(prefix: str, name: str, condition: Condition) -> list[Any]:
    """Property Length and properties of a CONNECT."""
    return [
        ConditionalField(_VariableByteIntegerField(f"{prefix}Length", name), condition),
        ConditionalField(_PropertiesField(name, [], f"{prefix}Length"), condition),
    ]


class MQTTConnect(_Body):
    """CONNECT. The level decides the layout. Flags that are not given are filled in.

    What is None is left out: a will needs both `lastWillTopic` and `lastWillMessage`, and
    `cleanSession=None` leaves out the byte of all flags.
    """

    name = "MQTT CONNECT"
    fields_desc: ClassVar[list[AnyField]] = [
        *_text("protocolName", b"MQTT"),
        _NumberField("protocolLevel", 4, "B", _LEVELS),
        _connect_flag("usernameFlag", None, 1, "username"),
        _connect_flag("passwordFlag", None, 1, "password"),
        _connect_flag("lastWillRetain", 0),
        _connect_flag("lastWillQos", 0, 2),
        _connect_flag("willFlag", None, 1, "lastWillTopic", "lastWillMessage"),
        _connect_flag("cleanSession", 1),
        _connect_flag("reservedFlag", 0),
        _NumberField("keepAlive", 60, "H"),
        *_properties("property", "properties", _is_5),
        *_text("clientId", b""),
        *_properties(
            "lastWillProperty",
            "lastWillProperties",
            lambda packet: _is_5(packet) and _has_will(packet),
        ),
        *_text("lastWillTopic", None, _has_will),
        *_text("lastWillMessage", None, _has_will),
        *_text("username", None, _flagged("usernameFlag", "username")),
        *_text("password", None, _flagged("passwordFlag", "password")),
        _trailing(),
    ]

    def summarised(self) -> str:
        """Version, client id, clean session and keep alive."""
        return (
            f"CONNECT {self.named('protocolLevel')} clientId={self.clientId!r}"
            f" cleanSession={self.cleanSession} keepAlive={self.keepAlive}"
        )


# Nothing but their presence says that a packet has these; None is not there, [] is there and empty.
_OPTIONAL_PROPERTIES = (
    _PresentField(
        _VariableByteIntegerField("propertyLength", "properties"), "propertyLength", "properties"
    ),
    _PresentField(_PropertiesField("properties", None, "propertyLength")),
)


class MQTTConnack(_Body):
    """CONNACK. It has the layout of 5.0 where `properties` is a list, also an empty one."""

    name = "MQTT CONNACK"
    fields_desc: ClassVar[list[AnyField]] = [
        _BitsField("acknowledgeFlags", 0, 7, byte="sessionPresent"),
        _BitsField("sessionPresent", 0, 1, byte="sessionPresent"),
        _NumberField("returnCode", 0, "B", _CONNACK_CODES),
        *_OPTIONAL_PROPERTIES,
        _trailing(),
    ]

    def summarised(self) -> str:
        """Return code and session present."""
        return f"CONNACK {self.named('returnCode')} sessionPresent={self.sessionPresent}"


class MQTTDisconnect(_Body):
    """DISCONNECT. Before 5.0 it is empty; 5.0 may leave out the properties, and then the code."""

    name = "MQTT DISCONNECT"
    fields_desc: ClassVar[list[AnyField]] = [
        _PresentField(_NumberField("reasonCode", None, "B", spec.REASON_CODES)),
        *_OPTIONAL_PROPERTIES,
        _trailing(),
    ]

    def summarised(self) -> str:
        """Type, and the reason code if there is one."""
        code = "" if self.reasonCode is None else f" {self.named('reasonCode')}"
        return str(self.name).removeprefix("MQTT ") + code


class MQTTAuth(MQTTDisconnect):
    """AUTH, of 5.0 only; a body of no bytes stands for code 0 without properties."""

    name = "MQTT AUTH"

    def version(self) -> Version | None:
        """5.0: no other has this packet."""
        return Version.V5_0


class MQTTBody(_Body):
    """The bytes of any other type after its fixed header."""

    name = "MQTT body"
    fields_desc: ClassVar[list[AnyField]] = [StrField("load", b""), _trailing()]

    def summarised(self) -> str:
        """Type and size."""
        header = self.underlayer
        name = spec.packet_name(header.type) if isinstance(header, MQTT) else "body"
        return f"{name} {len(self.load)} bytes"


_BODIES = (MQTTConnect, MQTTConnack, MQTTDisconnect, MQTTAuth)

for _type, _body in zip(
    (spec.CONNECT, spec.CONNACK, spec.DISCONNECT, spec.AUTH), _BODIES, strict=True
):
    bind_layers(MQTT, _body, type=_type)


def bind(*ports: int) -> None:
    """Have scapy dissect TCP on these ports (1883 if none are given) with these layers.

    They come before other layers bound to the same ports, such as those of `scapy.contrib.mqtt`,
    whichever was bound first. `TCP() / MQTT()` then fills in the last of the ports.
    """
    unbind(*ports)
    for port in ports or (1883,):
        for end in ("sport", "dport"):
            TCP.payload_guess = [({end: port}, MQTT), *TCP.payload_guess]
        bind_top_down(TCP, MQTT, dport=port)


def unbind(*ports: int) -> None:
    """Undo `bind` for these ports (1883 if none are given)."""
    for port in ports or (1883,):
        for end in ("sport", "dport"):
            split_bottom_up(TCP, MQTT, {end: port})
        split_top_down(TCP, MQTT, dport=port)


def masked(packet: AnyPacket) -> AnyPacket:
    """Give a copy whose secrets are stars, as many as they have bytes; all else stays.

    Secrets are passwords, authentication data, and what nobody can tell from them: bytes that no
    field of a CONNECT or AUTH could read, values of unknown properties, and Raw after a packet.
    Bytes that are in no MQTT layer are not looked at.
    """
    clone = packet.copy()
    inside = False
    layer: Packet = clone
    while layer:
        if isinstance(layer, _Body):
            _mask(layer)
        elif inside and isinstance(layer, Raw):
            _star(layer, "load")
        inside = inside or isinstance(layer, (MQTT, _Body))
        layer = layer.payload
    return clone


def _mask(layer: Packet) -> None:
    for name in ("password", "trailing"):
        _star(layer, name)
    for prefix, name in (("property", "properties"), ("lastWillProperty", "lastWillProperties")):
        items = layer.fields.get(name) or []
        length = layer.fields.get(prefix + "Length")
        if isinstance(length, int) and length > sum(map(len, items)):
            # The list runs past the end: what it swallowed may be the password.
            layer.fields[name] = [Raw(b"*" * len(item)) for item in items]
            layer.raw_packet_cache = None
            continue
        for item in items:
            if item.id == spec.AUTHENTICATION_DATA or item.id not in spec.PROPERTIES:
                _star(item, "value")
            _star(item, "trailing")


def _star(layer: Packet, name: str) -> None:
    value = layer.fields.get(name)
    if isinstance(value, (bytes, RawVal)):
        layer.fields[name] = b"*" * len(bytes(value))
        layer.raw_packet_cache = None
