"""Formats a handshake as JSON on a fast path, byte for byte as `json_v1` and msgspec would.

A capture may hold a hundred thousand handshakes, and nearly all of them hold nothing that JSON has
to escape. Their text is assembled here from prepared pieces. Anything else (text to be escaped or
not ASCII, secrets to be shown, properties that do not fit a plain map, WebSocket and proxies)
takes the general path: `text` returns None.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cython
from msgspec import UNSET

from dissector.connections.handshake import Close, Handshake
from dissector.model import Endpoint, FrameRef, Outcome, Side, Version
from dissector.mqtt import spec
from dissector.mqtt.packets.connack import Connack
from dissector.mqtt.packets.connect import Connect
from dissector.mqtt.properties import Property
from dissector.report.clock import rfc3339
from dissector.report.json_buffer import JsonBuffer
from dissector.report.json_v1 import Writer
from dissector.text import lossless

if cython.compiled:
    from cython.cimports.dissector.text import character_classes, fingerprint  # type: ignore[import-not-found]
else:
    from dissector.text import character_classes, fingerprint

_SECRETS_KEPT = 10_000
_SECONDS_KEPT = 4096
_PROPERTIES_KEPT = 1000  # property blocks; servers send the same one to all clients
_NO_FRAME = '"file":null,"frame":null,"time":null'
_V5_0, _CLIENT = Version.V5_0, Side.CLIENT
_VERSIONS: dict[Version | None, str] = {None: '","version":null,'}
_VERSIONS |= {version: f'","version":"{version.value}",' for version in Version}
_OUTCOMES = {outcome: f'"{outcome.value}","latency":' for outcome in Outcome}
_CLEAN, _NOT_CLEAN = ',"cleanSession":true,"keepAlive":', ',"cleanSession":false,"keepAlive":'
_RETAIN, _NO_RETAIN = (
    ',"lastWillRetain":true,"properties":',
    ',"lastWillRetain":false,"properties":',
)
_ABSENT = ',"sessionPresent":null,"returnCode":'
_PRESENT, _NOT_PRESENT = _ABSENT.replace("null", "true"), _ABSENT.replace("null", "false")


class HandshakeText:
    """Formats the handshakes of one report in `buffer`; `encode` is msgspec's encoder."""

    def __init__(self, writer: Writer, encode: Callable[[Any], bytes], buffer: JsonBuffer) -> None:
        self._writer = writer
        self._encode = encode
        self._shown: bool = writer.show_secrets
        self._several: bool = writer.several
        self._key: bytes = writer.key
        self._buffer = buffer
        self._second = -(1 << 62)  # the last second formatted; initially an impossible one
        self._second_text = ""
        self._seconds: dict[int, str] = {}
        self._file: str | None = None
        self._file_text = ""
        self._digits = -1 if writer.digits is None else writer.digits
        self._fingerprints: dict[bytes, str] = {}
        self._known_properties: dict[tuple[Property, ...], str] = {}
        self._codes: dict[int, str] = {}
        self._codes_5: dict[int, str] = {}

    def precision(self, digits: int) -> None:
        """Sets the precision of times."""
        self._digits = digits

    def text(self, record: Handshake, start: str) -> bytes | None:
        """Returns a handshake's object, `start` before its members; None if not on fast path."""
        self._write(record, start)
        return self._buffer.done()

    def line(self, record: Handshake, start: str) -> bool:
        """Keeps a handshake's object as a line of the buffer; False if not on the fast path."""
        self._write(record, start)
        return self._buffer.keep()

    def _write(self, record: Handshake, start: str) -> None:
        buffer = self._buffer
        buffer.begin()
        if record.encapsulation is not None or record.unfinished is not None:
            buffer.unusable = True
            return
        buffer.put(start)
        buffer.put('"id":')
        buffer.number(record.id)
        if self._several:
            buffer.put(',"capture":')
            buffer.number(record.capture)
        buffer.put(',"stream":')
        buffer.number(record.stream)
        buffer.put(',"transport":"')
        buffer.put(record.transport)
        buffer.put(_VERSIONS[record.version])
        buffer.put('"bridge":true,"outcome":' if record.bridge else '"bridge":false,"outcome":')
        buffer.put(_OUTCOMES[record.outcome])
        if record.latency is None:
            buffer.put("null")
        else:
            buffer.seconds(record.latency)
        buffer.put(',"authRounds":')
        buffer.number(record.auth_rounds if record.auths else 0)
        buffer.put(',"client":{"ip":')
        self._endpoint(record.client)
        buffer.put('},"server":{"ip":')
        self._endpoint(record.server)
        buffer.put('},"connect":')
        self._connect(record.connect)
        buffer.put(',"connack":')
        self._connack(record.connack)
        buffer.put(',"close":')
        self._close(record.close)
        buffer.put("}")

    def _endpoint(self, end: Endpoint) -> None:
        buffer = self._buffer
        buffer.quoted(end.ip)
        buffer.put(',"port":')
        buffer.number(end.port)
        buffer.put(',"mac":')
        buffer.quoted(end.mac)

    def _connect(self, packet: Connect | None) -> None:
        buffer = self._buffer
        if packet is None:
            buffer.put("null")
            return
        buffer.put("{")
        self._place(packet.frame)
        buffer.put(',"protocolName":')
        buffer.quoted(packet.protocol_name)
        buffer.put(',"protocolLevel":')
        buffer.number(packet.protocol_level)
        buffer.put(',"clientId":')
        buffer.quoted(packet.client_id)
        buffer.put(_CLEAN if packet.clean_session else _NOT_CLEAN)
        buffer.number(packet.keep_alive)
        buffer.put(',"username":')
        buffer.quoted(packet.username)
        buffer.put(',"password":')
        self._secret(packet.password)
        buffer.put(',"lastWillTopic":')
        buffer.quoted(packet.last_will_topic)
        buffer.put(',"lastWillQos":')
        buffer.number(packet.last_will_qos)
        buffer.put(',"lastWillMessage":')
        buffer.quoted_bytes(packet.last_will_message)
        buffer.put(_RETAIN if packet.last_will_retain else _NO_RETAIN)
        self._properties(packet.properties)
        buffer.put(',"lastWillProperties":')
        self._properties(packet.last_will_properties)
        buffer.put("}")

    def _connack(self, packet: Connack | None) -> None:
        buffer = self._buffer
        if packet is None:
            buffer.put("null")
            return
        buffer.put("{")
        self._place(packet.frame)
        present = packet.session_present
        buffer.put(_ABSENT if present is None else _PRESENT if present else _NOT_PRESENT)
        buffer.put(self._code(packet.return_code, packet.version))
        buffer.put(',"properties":')
        self._properties(packet.properties)
        buffer.put("}")

    def _code(self, code: int | None, version: Version | None) -> str:
        """Writes a return code with its name."""
        if code is None:
            return 'null,"returnCodeName":null'
        known = self._codes_5 if version is _V5_0 else self._codes
        text = known.get(code)
        if text is None:
            text = known[code] = f'{code},"returnCodeName":"{spec.return_code_name(code, version)}"'
        return text

    def _close(self, close: Close | None) -> None:
        buffer = self._buffer
        if close is None:
            buffer.put("null")
            return
        buffer.put('{"by":"client","how":"' if close.by is _CLIENT else '{"by":"server","how":"')
        buffer.put(close.how)
        buffer.put('",')
        self._place(close.frame)
        buffer.put("}")

    def _place(self, frame: FrameRef | None) -> None:
        """Writes the file, the number and the time of a frame."""
        buffer = self._buffer
        if frame is None:
            buffer.put(_NO_FRAME)
            return
        if frame.file is not self._file:
            self._file = frame.file
            self._file_text = f'"file":{self._encode(lossless(frame.file)).decode()},"frame":'
        time_ns = frame.time_ns
        second = time_ns // 1_000_000_000
        if second != self._second:
            self._second_text = self._second_of(second)
            self._second = second
        rest = time_ns - second * 1_000_000_000
        buffer.put(self._file_text)
        buffer.number(frame.number)
        buffer.put(self._second_text)
        if self._digits == 6 or (self._digits < 0 and rest % 1000 == 0):
            buffer.padded(rest // 1000, 6)
        else:
            buffer.padded(rest, 9)
        buffer.put('Z"')

    def _second_of(self, second: int) -> str:
        text = self._seconds.get(second)
        if text is None:
            text = f',"time":"{rfc3339(second * 1_000_000_000, 6)[:-7]}'
            if len(self._seconds) >= _SECONDS_KEPT:
                self._seconds.clear()
            self._seconds[second] = text
        return text

    def _secret(self, secret: bytes | None) -> None:
        buffer = self._buffer
        if secret is None:
            buffer.put("null")
            return
        if self._shown:
            buffer.unusable = True
            return
        digest = self._fingerprints.get(secret)
        if digest is None:
            digest = fingerprint(secret, self._key)
            if len(self._fingerprints) < _SECRETS_KEPT:
                self._fingerprints[secret] = digest
        buffer.put('{"redacted":true,"length":')
        buffer.number(len(secret))
        buffer.put(',"classes":"')
        buffer.put(character_classes(secret))
        buffer.put('","fingerprint":"')
        buffer.put(digest)
        buffer.put('"}')

    def _properties(self, properties: tuple[Property, ...]) -> None:
        if not properties:
            self._buffer.put("{}")
            return
        text = self._known_properties.get(properties)
        if text is None:
            plain, listed = self._writer.properties(properties)
            if listed is not UNSET:
                self._buffer.unusable = True
                return
            text = self._encode(plain).decode()
            if len(self._known_properties) < _PROPERTIES_KEPT:
                self._known_properties[properties] = text
        self._buffer.put(text)
