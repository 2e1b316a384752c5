"""Lists the members of each record of schema 1: name, source and format, in order of output.

JSON (`json_writer.py`) writes these lists; the columns of CSV and the values of EVE are taken from
them, and the schema and the fields of the scapy layers are checked against them. Names are
camelCase; unless said otherwise, the value is the attribute with the same name in snake_case. A
member is added here, once. The lists of TLS records are in `tls_fields.py`; devices, servers and
posture of an audit are msgspec structs, and their members are those of the struct (`of_struct`).
"""

from __future__ import annotations

import enum
import functools
import re
from collections.abc import Callable
from operator import attrgetter
from typing import Any, Protocol

import msgspec

from dissector.connections.handshake import Handshake
from dissector.model import Capture, FrameRef, Summary, Version
from dissector.mqtt import spec
from dissector.mqtt.packets.connack import Connack
from dissector.report.clock import rfc3339
from dissector.text import lossless

SCHEMA = 1
Source = str | Callable[[Any], Any]


class FieldKind(enum.IntEnum):
    """How the value of a member is written.

    ANY is null, a number, a boolean, text, a list or an object of them; of an enum its value. Text
    or bytes that are not UTF-8 get a sibling `<name>Hex` with all bytes. TEXT has no sibling: a
    path or a sentence of ours, in which each byte that is not UTF-8 is escaped.
    """

    ANY = 0
    TEXT = 1
    TIME = 2  # nanoseconds since the epoch, as RFC 3339
    SECRET = 3  # bytes, redacted unless secrets may be shown
    PROPERTIES = 4  # a property section; a sibling lists all if the object would lose something
    OBJECT = 5  # an object with `members`
    OBJECTS = 6  # a list of objects with `members`
    INLINE = 7  # `members` of an object as members of this one
    CHOSEN = 8  # an object with the members that the function `chosen` returns for it


class Field(msgspec.Struct, frozen=True):
    """One member. `source` is an attribute, attributes with dots between, or a function.

    Args:
        masked: the source to use unless secrets may be shown.
        optional: the member is left out if its value is None.
        several: the member exists only in reports of several captures.
        otherwise: the member to write in place of this one if its value is None.
        listed: name of the sibling of a property section.
        shared: many records have the same object here, and it never changes: what is written of it
            is kept. Only of kind INLINE.
    """

    name: str
    kind: FieldKind = FieldKind.ANY
    source: Source = ""
    members: tuple[Field, ...] = ()
    masked: Source = ""
    optional: bool = False
    several: bool = False
    otherwise: Field | None = None
    chosen: Callable[[Any], tuple[Field, ...]] | None = None
    listed: str = ""
    shared: bool = False

    @property
    def attribute(self) -> str:
        """Attribute that holds the value; "" if it is computed or an attribute of an attribute."""
        if callable(self.source) or "." in self.source:
            return ""
        return self.source or snake_case(self.name)

    def value(self, record: Any) -> Any:
        """Returns the value of the member in a record."""
        return getter(self.source or snake_case(self.name))(record)


@functools.cache
def snake_case(name: str) -> str:
    """Returns the attribute of a camelCase name."""
    return re.sub("[A-Z]", lambda match: f"_{match[0].lower()}", name)


def getter(source: Source) -> Callable[[Any], Any]:
    """Returns the function of a source; None on the way of a dotted one makes its value None."""
    return _attributes(source) if isinstance(source, str) else source


@functools.cache
def _attributes(path: str) -> Callable[[Any], Any]:
    first, *rest = map(attrgetter, path.split("."))

    def follow(record: Any) -> Any:
        value = first(record)
        for step in rest:
            if value is None:
                return None
            value = step(value)
        return value

    return follow if rest else first


class _Located(Protocol):
    """A finding, or what is stored of one."""

    @property
    def file(self) -> str:
        """File of the frame at fault."""

    @property
    def frame(self) -> int:
        """Frame at fault."""

    @property
    def frames(self) -> tuple[FrameRef, ...]:
        """All frames that prove it."""


def display_filter(finding: _Located) -> str:
    """Returns the filter for a finding's frames in the file at fault; tshark 4.0 accepts it."""
    frames = finding.frames
    file = finding.file
    first = frames[0] if frames else None
    if first is not None and first.file == file:
        if len(frames) == 1:
            return f"frame.number=={first.number}"
        second = frames[1]
        if len(frames) == 2 and second.file == file and second.number != first.number:
            return f"frame.number=={first.number}||frame.number=={second.number}"
    numbers: dict[int, None] = {}
    for frame in frames:
        if frame.file == file:
            numbers[frame.number] = None
    if not numbers:
        numbers[finding.frame] = None
    return "||".join([f"frame.number=={number}" for number in numbers])


def return_code_name(packet: Connack) -> str | None:
    """Returns the standard's name of the code in a CONNACK."""
    code = packet.return_code
    if code is None:
        return None
    names = _NAMES_5_0 if packet.version is _V5_0 else _NAMES
    name = names.get(code)
    if name is None:
        name = names[code] = spec.return_code_name(code, packet.version)
    return name


_V5_0 = Version.V5_0
_NAMES: dict[int, str] = {}
_NAMES_5_0: dict[int, str] = {}


def auth_rounds(record: Handshake) -> int:
    """Returns the number of AUTH packets of the server."""
    return record.auth_rounds if record.auths else 0


class _Upgrade(msgspec.Struct, frozen=True):
    """The HTTP upgrade of a WebSocket connection, in which secrets are overwritten or not."""

    request: Any
    subprotocol: str | None
    answer: Any
    deflate: bool


def _upgrade(record: Handshake) -> _Upgrade | None:
    outer = record.encapsulation
    if outer is None or not outer.websocket:
        return None
    answer = outer.answer
    if answer is None:
        return _Upgrade(outer.request, None, None, False)
    return _Upgrade(outer.request, answer.subprotocol, answer, answer.deflate is not None)


def _masked_upgrade(record: Handshake) -> _Upgrade | None:
    made = _upgrade(record)
    if made is None:
        return None
    from dissector.net import harmless  # only where there is an outer layer

    request, subprotocol = made.request, made.subprotocol
    return msgspec.structs.replace(
        made,
        request=None if request is None else harmless.request(request),
        subprotocol=None if subprotocol is None else harmless.subprotocol(subprotocol),
    )


def _masked_authority(header: Any) -> str | None:
    from dissector.net import harmless

    return harmless.text(header.authority)


def _masked_tls_version(header: Any) -> str | None:
    from dissector.net import harmless

    return harmless.tls_version(header.tls)


@functools.cache
def _fields_received(names: tuple[str, ...]) -> tuple[Field, ...]:
    """Returns the members of a CONNECT that never ended; `names` are the fields that came."""
    received = [
        field for name in names for field in CONNECT if field.name in _HOLDS.get(name, (name,))
    ]
    connect = Field("", FieldKind.INLINE, "connect", members=(_PLACE, *received))
    return (connect, Field("received"), Field("length"))


# Members of a CONNECT that are not called as the field of the packet that holds them
_HOLDS = {"connectFlags": ("cleanSession", "lastWillQos", "lastWillRetain")}


def tool(capture: Capture) -> dict[str, Any]:
    """Returns name, version, engine and configuration of the program that made the report."""
    from dissector.machine.build import compiled
    from dissector.version import VERSION

    made: dict[str, Any] = {
        "name": "mqtt-dissector",
        "version": VERSION,
        "engine": capture.engine,
        "compiled": compiled(),
    }
    if capture.config:
        made["config"] = [
            {"file": lossless(file.path), "settings": list(map(lossless, file.settings))}
            for file in capture.config
        ]
    return made


class CaptureSummary(msgspec.Struct, frozen=True):
    """What is known only at the end."""

    capture: Capture
    summary: Summary


def _start(record: Capture) -> str | None:
    return None if record.start_ns is None else rfc3339(record.start_ns, record.digits)


def _end(record: Capture) -> str | None:
    return None if record.end_ns is None else rfc3339(record.end_ns, record.digits)


@functools.cache
def of_struct(kind: type[msgspec.Struct]) -> tuple[Field, ...]:
    """Returns the members of a struct: its fields; those that end in `Ns` are times."""
    return tuple(
        Field(
            name.removesuffix("Ns"),
            FieldKind.TIME if name.endswith("Ns") else FieldKind.ANY,
            attribute,
        )
        for name, attribute in zip(
            kind.__struct_encode_fields__, kind.__struct_fields__, strict=True
        )
    )


ENDPOINT = (Field("ip"), Field("port"), Field("mac"))
FRAME = (
    Field("file", FieldKind.TEXT),
    Field("frame", source="number"),
    Field("time", FieldKind.TIME, "time_ns"),
)
_PLACE = Field("", FieldKind.INLINE, "frame", members=FRAME)
CLOSE = (Field("by"), Field("how"), _PLACE)
PROXIED = (
    Field("version"),
    Field("ip"),
    Field("port"),
    Field("authority", masked=_masked_authority),
    Field("tls", masked=_masked_tls_version),
)
# sibling of `close`: the PROXY protocol header, if there is one
PROXIED_MEMBER = Field(
    "proxied", FieldKind.OBJECT, "encapsulation.proxied", members=PROXIED, optional=True
)
HTTP = (
    Field("path", source="request.path"),
    Field("query", FieldKind.SECRET, "request.query"),
    Field("host", source="request.host"),
    Field("origin", source="request.origin"),
    Field("userAgent", source="request.user_agent"),
    Field("forwardedFor", source="request.forwarded_for"),
    Field("forwarded", source="request.forwarded"),
    Field("subprotocols", source="request.subprotocols"),
    Field("subprotocol"),
    Field("status", source="answer.status"),
    Field("deflate"),
)
CONNECT = (
    _PLACE,
    Field("protocolName"),
    Field("protocolLevel"),
    Field("clientId"),
    Field("cleanSession"),
    Field("keepAlive"),
    Field("username"),
    Field("password", FieldKind.SECRET),
    Field("lastWillTopic"),
    Field("lastWillQos"),
    Field("lastWillMessage"),
    Field("lastWillRetain"),
    Field("properties", FieldKind.PROPERTIES, listed="propertyList"),
    Field("lastWillProperties", FieldKind.PROPERTIES, listed="lastWillPropertyList"),
)
CONNACK = (
    _PLACE,
    Field("sessionPresent"),
    Field("returnCode"),
    Field("returnCodeName", source=return_code_name),
    Field("properties", FieldKind.PROPERTIES, listed="propertyList"),
)
HANDSHAKE = (
    Field("id"),
    Field("capture", several=True),
    Field("stream"),
    Field("transport"),
    Field("version"),
    Field("bridge"),
    Field("outcome"),
    Field("latency"),
    Field("authRounds", source=auth_rounds),
    Field("client", FieldKind.OBJECT, members=ENDPOINT),
    Field("server", FieldKind.OBJECT, members=ENDPOINT),
    Field(
        "connect",
        FieldKind.OBJECT,
        members=CONNECT,
        otherwise=Field(
            "connect",
            FieldKind.CHOSEN,
            "unfinished",
            chosen=lambda unfinished: _fields_received(unfinished.fields),
        ),
    ),
    Field("connack", FieldKind.OBJECT, members=CONNACK),
    Field("close", FieldKind.OBJECT, members=CLOSE),
    PROXIED_MEMBER,
    Field("http", FieldKind.OBJECT, _upgrade, members=HTTP, masked=_masked_upgrade, optional=True),
)
CLASSIFICATION = (
    Field("rule"),
    Field("name"),
    Field("severity"),
    Field("obligation"),
    Field("confidence"),
    Field("statements"),
    Field("section"),
    Field("version"),
    Field("side"),
)
FINDING = (
    Field("", FieldKind.INLINE, "classification", members=CLASSIFICATION, shared=True),
    Field("handshake"),
    Field("capture", several=True),
    Field("stream"),
    Field("clientId"),
    Field("file", FieldKind.TEXT),
    Field("frame"),
    Field("frames", FieldKind.OBJECTS, members=FRAME[:2]),
    Field("time", FieldKind.TIME, "time_ns"),
    Field("message", FieldKind.TEXT),
    Field("evidence"),
    Field("wireshark", source=display_filter),
    Field("client", FieldKind.OBJECT, members=ENDPOINT),
    Field("server", FieldKind.OBJECT, members=ENDPOINT),
)
CAPTURE_WARNING = (
    Field("kind"),
    Field("file", FieldKind.TEXT),
    Field("frame"),
    Field("capture", several=True),
    Field("stream"),
    Field("message", FieldKind.TEXT),
)
NOT_EVALUATED = (Field("rule"), Field("reason", FieldKind.TEXT), Field("count"), Field("streams"))
CAPTURE_FILE = (Field("path", FieldKind.TEXT), Field("frames"), Field("bytes"), Field("linkTypes"))
# of all captures together; with one capture, of it
TOTAL = (
    Field("files", FieldKind.OBJECTS, members=CAPTURE_FILE),
    Field("frames"),
    Field("start", source=_start),
    Field("end", source=_end),
    Field("streams"),
    Field("mqttConnections"),
    Field("controlPackets"),
    Field("otherTraffic"),
    Field("dropped", optional=True),
)
CAPTURE = (Field("id"), *TOTAL)
SUMMARY = of_struct(Summary)
HEAD = (
    Field("schema", source=lambda capture: SCHEMA),
    Field("tool", source=tool),
    Field("capture", FieldKind.OBJECT, lambda capture: capture, members=TOTAL),
    Field("captures", FieldKind.OBJECTS, "parts", members=CAPTURE, several=True),
)
# the last line of JSON lines, whose record is a `CaptureSummary`
LAST_LINE = (
    Field("", FieldKind.INLINE, "capture", members=HEAD),
    Field("", FieldKind.INLINE, "summary", members=SUMMARY),
)
