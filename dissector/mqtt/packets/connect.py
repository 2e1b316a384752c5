"""CONNECT: V3.1 §3.1, v3.1.1 §3.1, v5.0 §3.1.

The payload fields are read in their order (v3.1.1 §3.1.3, v5.0 §3.1.3) as the connect flags declare
them. If a field runs past the end, the rest is not read and `complete` is False. Nothing is guessed
except the order of will fields, if they fit exactly in another order (`FIELD_ORDER`).

If the length before an unknown protocol name is wrong, the rest of the CONNECT is read as part of
it, perhaps with a password. A protocol name is a short word, so of an unknown one only the leading
printable ASCII is shown, at most eight characters, and an ellipsis (which no protocol name
contains) for the rest.
"""

from __future__ import annotations

import re

import cython

from dissector.model import Side, Version
from dissector.mqtt import encode, spec
from dissector.mqtt.defects import DefectKind
from dissector.mqtt.fields import CLEAN, CONTROL, NOT_UTF8, NUL, Reader
from dissector.mqtt.packets.packet import Packet
from dissector.mqtt.properties import Property
from dissector.text import decode as decode_text

if cython.compiled:
    from cython.cimports.dissector.mqtt.fields import text_problem  # type: ignore[import-not-found]
    from cython.cimports.dissector.mqtt.properties import read_properties  # type: ignore[import-not-found]
else:
    from dissector.mqtt.fields import text_problem
    from dissector.mqtt.properties import read_properties

MAX_SHOWN = 8  # characters of an unknown protocol name
CUT = "…"
_WORD = re.compile(rb"[!-~]*")  # printable ASCII

# bits of the connect flags (`spec`), as C integers when compiled
_RESERVED, _CLEAN, _WILL, _WILL_QOS = 0x01, 0x02, 0x04, 0x18
_WILL_RETAIN, _PASSWORD, _USERNAME = 0x20, 0x40, 0x80
_CONNECT, _WILL_PROPERTIES = spec.CONNECT, spec.WILL
_V3_1, _V3_1_1, _V5_0 = Version.V3_1, Version.V3_1_1, Version.V5_0
_VERSIONS = (None, None, None, _V3_1, _V3_1_1, _V5_0)

_TEXT_KINDS = {
    "clientId": (DefectKind.CLIENT_ID_NOT_UTF8, DefectKind.CLIENT_ID_NUL),
    "username": (DefectKind.USERNAME_NOT_UTF8, DefectKind.USERNAME_NUL),
    "lastWillTopic": (DefectKind.WILL_TOPIC_NOT_UTF8, DefectKind.WILL_TOPIC_NUL),
}
_LETTERS_DIGITS = bytes(byte < 0x80 and chr(byte).isalnum() for byte in range(256))
_WILL_FIELDS = {"P": "lastWillProperties", "T": "lastWillTopic", "M": "lastWillMessage"}
# Orders of the will's fields that clients get wrong: P properties, T topic, M message
_WRONG_ORDERS = ("TPM", "TMP", "MTP", "PMT", "MPT")


class Connect(Packet):
    """CONNECT. `protocol_level` is the byte on the wire, the bridge bit included.

    `version` is None for an unknown level; the layout of 3.1.1 is then read as far as possible.
    `complete` is False if not all fields could be read.
    """

    def set_defaults(self) -> None:
        """Sets all fields to their defaults; the order is that on the wire."""
        Packet.set_defaults(self)
        self.type = _CONNECT
        self.protocol_name = ""
        self.protocol_level = 0
        self.version: Version | None = None
        self.bridge = False
        self.connect_flags = 0
        self.last_will_retain = False
        self.last_will_qos = 0
        self.will_flag = False
        self.clean_session = False
        self.keep_alive = 0
        self.properties: tuple[Property, ...] = ()
        self.client_id = ""
        self.last_will_properties: tuple[Property, ...] = ()
        self.last_will_topic: str | None = None
        self.last_will_message: bytes | None = None
        self.username: str | None = None
        self.password: bytes | None = None
        self.complete = True

    def decode_body(self, reader: Reader, version: Version | None, side: Side | None) -> None:
        """Decodes all fields; the level decides the layout."""
        _variable_header(reader, self)
        if not reader.broken:
            _payload(reader, self)
        if not reader.broken:
            reader.trailing()
        if reader.broken:
            self.complete = False

    def encode_body(self) -> bytes:
        """Encodes all fields; the connect flags follow from the fields that are present."""
        flags = (
            _CLEAN * self.clean_session
            | _WILL * (self.last_will_topic is not None)
            | self.last_will_qos << 3
            | _WILL_RETAIN * self.last_will_retain
            | _PASSWORD * (self.password is not None)
            | _USERNAME * (self.username is not None)
        )
        five = self.version is _V5_0
        body = [
            encode.text(self.protocol_name),
            bytes((self.protocol_level, flags)),
            encode.integer(self.keep_alive, 2),
            encode.properties(self.properties) if five else b"",
            encode.text(self.client_id),
        ]
        if self.last_will_topic is not None:
            body += [
                encode.properties(self.last_will_properties) if five else b"",
                encode.text(self.last_will_topic),
                encode.block(self.last_will_message or b""),
            ]
        if self.username is not None:
            body.append(encode.text(self.username))
        if self.password is not None:
            body.append(encode.block(self.password))
        return b"".join(body)


def _variable_header(reader: Reader, connect: Connect) -> None:
    start = reader.pos
    at = reader.skip_block("protocolName")
    if at < 0:
        return
    data, size = reader.data, reader.pos - at
    known, old = True, False
    if size == 4 and data.startswith(b"MQTT", at):
        connect.protocol_name = "MQTT"
    elif size == 6 and data.startswith(b"MQIsdp", at):
        connect.protocol_name, old = "MQIsdp", True
    else:
        known = False
        connect.protocol_name = _unknown_name(reader, start, data[at : reader.pos])
        if reader.broken:
            return
    at = reader.pos
    wire_level = reader.integer(1, "protocolLevel")
    if wire_level < 0:
        return
    connect.protocol_level = wire_level
    level = wire_level & 0x7F
    version = _VERSIONS[level] if level <= 5 else None
    connect.version = version
    if wire_level >= 0x80 and version is not None:
        connect.bridge = True
    if not known or (level != 3 and old):
        reported = connect.protocol_name
        reader.defect(DefectKind.PROTOCOL_NAME, start, size + 2, reported, "protocolName")
    elif level == 3 and not old:
        reader.defect(
            DefectKind.NAME_LEVEL_DISAGREE, start, at + 1 - start, wire_level, "protocolLevel"
        )
    if version is None:
        reader.defect(DefectKind.PROTOCOL_LEVEL, at, 1, wire_level, "protocolLevel")
    at = reader.pos
    flags = reader.integer(1, "connectFlags")
    if flags < 0:
        return
    connect.connect_flags = flags
    if flags & _CLEAN:
        connect.clean_session = True
    if flags & (_WILL | _WILL_QOS | _WILL_RETAIN):
        connect.will_flag = flags & _WILL != 0
        connect.last_will_qos = (flags & _WILL_QOS) >> 3
        connect.last_will_retain = flags & _WILL_RETAIN != 0
        if not flags & _WILL:
            if flags & _WILL_QOS:
                reader.defect(DefectKind.WILL_QOS_WITHOUT_FLAG, at, 1, connect.last_will_qos)
            if flags & _WILL_RETAIN:
                reader.defect(DefectKind.WILL_RETAIN_WITHOUT_FLAG, at, 1, flags)
        elif flags & _WILL_QOS == _WILL_QOS:
            reader.defect(DefectKind.WILL_QOS_3, at, 1, 3)
    if flags & _RESERVED:
        reader.defect(DefectKind.CONNECT_RESERVED_FLAG, at, 1, flags)
    if flags & _PASSWORD and not flags & _USERNAME and version is not _V5_0:
        reader.defect(DefectKind.PASSWORD_WITHOUT_USERNAME, at, 1, flags)
    keep_alive = reader.integer(2, "keepAlive")
    if keep_alive < 0:
        return
    connect.keep_alive = keep_alive
    if version is _V5_0:
        connect.properties = read_properties(reader, _CONNECT, "propertyLength")


def shown(name: bytes) -> str:
    """Returns the part of a protocol name that may be shown, and `CUT` if it is longer."""
    kept = shown_size(name)
    return name[:kept].decode("ascii") + (CUT if kept < len(name) else "")


def shown_size(name: bytes) -> int:
    """Returns how many bytes of a protocol name may be shown; the others may be a secret."""
    begins = _WORD.match(name)
    return min(begins.end() if begins is not None else 0, MAX_SHOWN)


def is_word(name: bytes) -> bool:
    """Whether it could be a protocol name: printable ASCII only."""
    return _WORD.fullmatch(name) is not None


def _unknown_name(reader: Reader, start: int, name: bytes) -> str:
    """Returns the printable part of an unknown protocol name; the rest may be a secret.

    After a name that is not a word no field can be located, so nothing more is read.
    """
    text, kept = shown(name), start + 2 + shown_size(name)
    if not is_word(name):
        reader.defect(DefectKind.PROTOCOL_NAME, start, len(name) + 2, text, "protocolName")
        reader.stop_here(kept)
    elif kept < reader.pos:
        reader.secret(kept, reader.pos - kept)
    return text


def _payload(reader: Reader, connect: Connect) -> None:
    if reader.left() < 2:
        reader.defect(DefectKind.CLIENT_ID_MISSING, reader.pos, reader.left(), None, "clientId")
        reader.stop_here(reader.pos)
        return
    start = reader.pos
    client_id = _text(reader, "clientId")
    if client_id is None:
        return
    connect.client_id = client_id
    _client_id(reader, connect, start)
    flags = connect.connect_flags
    if not flags & (_WILL | _USERNAME | _PASSWORD):
        return
    if flags & _WILL:
        mark, known = reader.pos, len(reader.defects)
        _will(reader, connect, "PTM" if connect.version is _V5_0 else "TM")
        _credentials(reader, connect)
        if connect.version is _V5_0 and (reader.broken or reader.left() > 0):
            _other_order(reader, connect, mark, known)
    else:
        _credentials(reader, connect)


def _will(reader: Reader, connect: Connect, order: str) -> None:
    for part in order:
        if reader.broken:
            return
        if reader.left() == 0:
            reader.defect(DefectKind.WILL_FIELD_MISSING, reader.pos, 0, None, _WILL_FIELDS[part])
            reader.broken = True
        elif part == "P":
            connect.last_will_properties = read_properties(
                reader, _WILL_PROPERTIES, "willPropertyLength"
            )
        elif part == "T":
            start = reader.pos
            topic = _text(reader, "lastWillTopic")
            if topic is None:
                return
            connect.last_will_topic = topic
            if topic == "":
                reader.defect(DefectKind.WILL_TOPIC_EMPTY, start, 2, None, "lastWillTopic")
            elif "+" in topic or "#" in topic:
                reader.defect(
                    DefectKind.WILL_TOPIC_WILDCARD, start, reader.pos - start, topic,
                    "lastWillTopic",
                )  # fmt: skip
        else:
            _will_message(reader, connect)


def _will_message(reader: Reader, connect: Connect) -> None:
    start = reader.pos
    message = reader.block("lastWillMessage")
    if message is None:
        return
    connect.last_will_message = message
    size = reader.pos - start
    if connect.version is _V3_1:
        if not message.isascii():
            reader.defect(
                DefectKind.WILL_MESSAGE_NOT_ASCII, start, size, message, "lastWillMessage"
            )
        return
    for item in connect.last_will_properties:
        if item.name == "payloadFormatIndicator" and item.value == 1:
            if text_problem(message, 0, len(message)) == NOT_UTF8:
                reader.defect(
                    DefectKind.WILL_PAYLOAD_NOT_UTF8, start, size, message, "lastWillMessage"
                )
            return


def _credentials(reader: Reader, connect: Connect) -> None:
    lenient = connect.version is _V3_1  # there the Remaining Length has precedence. V3.1 §3.1
    flags = connect.connect_flags
    if flags & _USERNAME and not reader.broken:
        if reader.left() == 0:
            if not lenient:
                reader.defect(DefectKind.USERNAME_MISSING, reader.pos, 0, None, "username")
                reader.broken = True
            return
        connect.username = _text(reader, "username")
    if flags & _PASSWORD and not reader.broken:
        if reader.left() == 0:
            if not lenient:
                reader.defect(DefectKind.PASSWORD_MISSING, reader.pos, 0, None, "password")
                reader.broken = True
            return
        start = reader.pos
        password = reader.block("password")
        if password is None:
            return
        connect.password = password
        reader.secret(start + 2, len(password))
        if lenient and text_problem(password, 0, len(password)) == NOT_UTF8:
            reader.defect(DefectKind.PASSWORD_NOT_UTF8, start, reader.pos - start, None, "password")


def _text(reader: Reader, name: str) -> str | None:
    start = reader.pos
    at = reader.skip_block(name)
    if at < 0:
        return None
    data, stop = reader.data, reader.pos
    problem = text_problem(data, at, stop)
    if problem != CLEAN:
        raw, size = data[at:stop], stop - start
        if problem == CONTROL:
            reader.defect(DefectKind.TEXT_CONTROL, start, size, raw, name)
        else:
            reader.defect(_TEXT_KINDS[name][problem == NUL], start, size, raw, name)
        return decode_text(raw)
    return data[at:stop].decode("utf-8")  # as `decode_text`, without the call: it is valid UTF-8


def _client_id(reader: Reader, connect: Connect, start: int) -> None:
    """Checks length and characters of the client id for its version (v3.1.1 §3.1.3.1)."""
    client_id = connect.client_id
    version = connect.version
    size = reader.pos - start
    if version is _V3_1:
        if not 1 <= len(client_id) <= 23:
            reader.defect(DefectKind.CLIENT_ID_LENGTH, start, size, len(client_id), "clientId")
    elif version is None:
        return
    elif not client_id:
        if version is _V3_1_1 and not connect.clean_session:
            reader.defect(DefectKind.CLIENT_ID_EMPTY_NOT_CLEAN, start, 2, None, "clientId")
    elif size > 25 or not _portable(reader.data, start + 2, reader.pos):
        reader.defect(DefectKind.CLIENT_ID_NOT_PORTABLE, start, size, client_id, "clientId")


def _portable(data: bytes, start: int, stop: int) -> bool:
    """Whether data[start:stop] has only ASCII letters and digits."""
    for index in range(start, stop):
        if _LETTERS_DIGITS[data[index]] == 0:
            return False
    return True


def _other_order(reader: Reader, connect: Connect, mark: int, known: int) -> None:
    """Tries wrong orders of the will fields in 5.0; one that fits exactly is proof of it."""
    for order in _WRONG_ORDERS:
        trial = Reader(reader.data, mark, reader.end, spec.CONNECT)
        other = Connect(version=connect.version, connect_flags=connect.connect_flags)
        _will(trial, other, order)
        _credentials(trial, other)
        if trial.broken or trial.left() > 0 or trial.defects:
            continue
        if not other.last_will_properties:
            continue  # without a property the order is not proven
        reader.defects = reader.defects[:known]
        reader.defect(DefectKind.FIELD_ORDER, mark, reader.end - mark, order, "lastWill")
        connect.last_will_properties = other.last_will_properties
        connect.last_will_topic = other.last_will_topic
        connect.last_will_message = other.last_will_message
        connect.username = other.username
        connect.password = other.password
        reader.secrets += trial.secrets
        reader.pos = reader.end
        reader.broken = False
        return
