# cython: annotation_typing=False
"""A handshake in, its JSON text out: what `json_v1` and msgspec write, byte for byte, but quickly.

A capture may hold a hundred thousand handshakes, nearly all of which have nothing in them that JSON
has to escape. Their text is put together here from a few ready pieces. Whatever is out of the
ordinary (text that has to be escaped or is no UTF-8, a secret that is to be shown, properties that
no map can hold, WebSocket and proxies) is left to the general way: `text` gives None.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import cython
from msgspec import UNSET

from dissector.connections.handshake import Close, Handshake
from dissector.model import Endpoint, FrameRef, Outcome, Version
from dissector.mqtt import spec
from dissector.mqtt.packets import Connack, Connect, Property
from dissector.report.clock import rfc3339
from dissector.report.json_v1 import Writer
from dissector.text import lossless

_SECRETS_KEPT = 10_000
_PROPERTIES_KEPT = 1000  # sections; servers send the same one to everybody
_NOWHERE = '"file":null,"frame":null,"time":null'
_V5_0 = Version.V5_0
_VERSIONS: dict[Version | None, str] = {None: "null"}
_VERSIONS |= {version: f'"{version.value}"' for version in Version}
_OUTCOMES = {outcome: outcome.value for outcome in Outcome}
_TRUTH = {None: "null", False: "false", True: "true"}


class HandshakeText:
    """Writes handshakes for one report; `encode` is the encoder of all that is not written here."""

    def __init__(self, writer: Writer, encode: Callable[[Any], bytes]) -> None:
        self._writer = writer
        self._encode = encode
        self._second = -(1 << 62)  # the second whose text is kept; at first none that exists
        self._second_text = ""
        self._file: str | None = None
        self._file_text = ""
        self._digits = -1 if writer.digits is None else writer.digits
        self._secrets: dict[bytes, str] = {}
        self._known_properties: dict[tuple[Property, ...], str] = {}
        self._codes: dict[int, str] = {}
        self._codes_5: dict[int, str] = {}

    def precision(self, digits: int) -> None:
        """Take the capture's precision."""
        self._digits = digits

    def text(self, record: Handshake) -> str | None:
        """Give the members of a handshake's object and the closing brace; None: not by this way."""
        if record.carrier is not None:
            return None
        connect = self._connect(record.connect)
        if connect is None:
            return None
        connack = self._connack(record.connack)
        if connack is None:
            return None
        client, server = record.client, record.server
        ends = f"{client.ip}{client.mac}{server.ip}{server.mac}"
        if not _plain(ends):
            return None
        latency = "null"
        if record.latency is not None and math.isfinite(record.latency):
            latency = self._encode(record.latency).decode()
        rounds = record.auth_rounds if record.auths else 0
        return (
            f'"id":{record.id},"stream":{record.stream},"transport":"{record.transport}",'
            f'"version":{_VERSIONS[record.version]},'
            f'"bridge":{"true" if record.bridge else "false"},'
            f'"outcome":"{_OUTCOMES[record.outcome]}","latency":{latency},"authRounds":{rounds},'
            f'"client":{_endpoint(client)},"server":{_endpoint(server)},'
            f'"connect":{connect},"connack":{connack},"close":{self._close(record.close)}}}'
        )

    def _connect(self, packet: Connect | None) -> str | None:
        if packet is None:
            return "null"
        name, client_id, username = packet.protocol_name, packet.client_id, packet.username
        topic, message = packet.last_will_topic, packet.last_will_message
        will: str | None = None
        if message is not None:
            if not message.isascii():
                return None
            will = message.decode("ascii")
        if not _plain(f"{name}{client_id}{username}{topic}{will}"):
            return None
        password = self._secret(packet.password)
        properties = self._properties(packet.properties)
        will_properties = self._properties(packet.last_will_properties)
        if password is None or properties is None or will_properties is None:
            return None
        return (
            f'{{{self._place(packet.frame)},"protocolName":"{name}",'
            f'"protocolLevel":{packet.protocol_level},"clientId":"{client_id}",'
            f'"cleanSession":{"true" if packet.clean_session else "false"},'
            f'"keepAlive":{packet.keep_alive},"username":{_quoted(username)},'
            f'"password":{password},"lastWillTopic":{_quoted(topic)},'
            f'"lastWillQos":{packet.last_will_qos},"lastWillMessage":{_quoted(will)},'
            f'"lastWillRetain":{"true" if packet.last_will_retain else "false"},'
            f'"properties":{properties},"lastWillProperties":{will_properties}}}'
        )

    def _connack(self, packet: Connack | None) -> str | None:
        if packet is None:
            return "null"
        properties = self._properties(packet.properties)
        if properties is None:
            return None
        code = packet.return_code
        return (
            f'{{{self._place(packet.frame)},"sessionPresent":{_TRUTH[packet.session_present]},'
            f'"returnCode":{self._code(code, packet.version)},"properties":{properties}}}'
        )

    def _code(self, code: int | None, version: Version | None) -> str:
        """Write a return code with its name."""
        if code is None:
            return 'null,"returnCodeName":null'
        known = self._codes_5 if version is _V5_0 else self._codes
        text = known.get(code)
        if text is None:
            text = known[code] = f'{code},"returnCodeName":"{spec.return_code_name(code, version)}"'
        return text

    def _close(self, close: Close | None) -> str:
        if close is None:
            return "null"
        return f'{{"by":"{close.by._value_}","how":"{close.how}",{self._place(close.frame)}}}'

    def _place(self, frame: FrameRef | None) -> str:
        """Write which frame it was, and when."""
        if frame is None:
            return _NOWHERE
        if frame.file is not self._file:
            self._file = frame.file
            self._file_text = self._encode(lossless(frame.file)).decode()
        time_ns = frame.time_ns
        second = time_ns // 1_000_000_000
        if second != self._second:
            self._second_text = rfc3339(second * 1_000_000_000, 6)[: -len(".000000Z")]
            self._second = second
        rest = time_ns - second * 1_000_000_000
        if self._digits == 6 or (self._digits < 0 and rest % 1000 == 0):
            rest //= 1000
            return (
                f'"file":{self._file_text},"frame":{frame.number},'
                f'"time":"{self._second_text}.{rest:06d}Z"'
            )
        return (
            f'"file":{self._file_text},"frame":{frame.number},'
            f'"time":"{self._second_text}.{rest:09d}Z"'
        )

    def _secret(self, secret: bytes | None) -> str | None:
        if secret is None:
            return "null"
        text = self._secrets.get(secret)
        if text is None:
            if self._writer.show_secrets:
                return None
            text = self._encode(self._writer.secret(secret)[0]).decode()
            if len(self._secrets) < _SECRETS_KEPT:
                self._secrets[secret] = text
        return text

    def _properties(self, properties: tuple[Property, ...]) -> str | None:
        if not properties:
            return "{}"
        text = self._known_properties.get(properties)
        if text is None:
            plain, listed = self._writer.properties(properties)
            if listed is not UNSET:
                return None
            text = self._encode(plain).decode()
            if len(self._known_properties) < _PROPERTIES_KEPT:
                self._known_properties[properties] = text
        return text


def _endpoint(end: Endpoint) -> str:
    return f'{{"ip":"{end.ip}","port":{end.port},"mac":{_quoted(end.mac)}}}'


def _quoted(text: str | None) -> str:
    return "null" if text is None else f'"{text}"'


def _plain(text: str) -> bool:
    """Whether JSON writes a text as it stands."""
    if cython.compiled:  # a loop over characters is then the quicker way
        for char in text:
            if not " " <= char <= "~" or char == '"' or char == "\\":
                return False
        return True
    return text.isascii() and text.isprintable() and '"' not in text and "\\" not in text
