"""A handshake in, its JSON text out: what `json_v1` and msgspec write, byte for byte, but quickly.

A capture may hold a hundred thousand handshakes, nearly all of which have nothing in them that JSON
has to escape. Their text is put together here from ready pieces. Whatever is out of the ordinary
(text that has to be escaped or is no UTF-8, a secret that is to be shown, properties that no map
can hold, WebSocket and proxies) is left to the general way: `text` gives None.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cython
from msgspec import UNSET

from dissector.connections.handshake import Close, Handshake
from dissector.model import Endpoint, FrameRef, Outcome, Side, Version
from dissector.mqtt import spec
from dissector.mqtt.packets import Connack, Connect, Property
from dissector.report.clock import rfc3339
from dissector.report.json_v1 import Writer
from dissector.report.pen import Pen
from dissector.text import lossless

if cython.compiled:
    from cython.cimports.dissector.text import character_classes, fingerprint  # type: ignore[import-not-found]
else:
    from dissector.text import character_classes, fingerprint

_SECRETS_KEPT = 10_000
_SECONDS_KEPT = 4096
_PROPERTIES_KEPT = 1000  # sections; servers send the same one to everybody
_NOWHERE = '"file":null,"frame":null,"time":null'
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
    """Writes handshakes for one report with `pen`; `encode` takes what is not written here."""

    def __init__(self, writer: Writer, encode: Callable[[Any], bytes], pen: Pen) -> None:
        self._writer = writer
        self._encode = encode
        self._shown: bool = writer.show_secrets
        self._key: bytes = writer.key
        self._pen = pen
        self._second = -(1 << 62)  # the last second that was written; at first none that exists
        self._second_text = ""
        self._seconds: dict[int, str] = {}
        self._file: str | None = None
        self._file_text = ""
        self._digits = -1 if writer.digits is None else writer.digits
        self._marks: dict[bytes, str] = {}  # fingerprints of secrets
        self._known_properties: dict[tuple[Property, ...], str] = {}
        self._codes: dict[int, str] = {}
        self._codes_5: dict[int, str] = {}

    def precision(self, digits: int) -> None:
        """Take the capture's precision."""
        self._digits = digits

    def text(self, record: Handshake, start: str) -> bytes | None:
        """Give a handshake's object; `start` stands before its members. None: not by this way."""
        self._write(record, start)
        return self._pen.done()

    def line(self, record: Handshake, start: str) -> bool:
        """Keep a handshake's object as a line of the pen; False: not by this way."""
        self._write(record, start)
        return self._pen.keep()

    def _write(self, record: Handshake, start: str) -> None:
        pen = self._pen
        pen.begin()
        if record.carrier is not None:
            pen.spoilt = True
            return
        pen.put(start)
        pen.put('"id":')
        pen.number(record.id)
        pen.put(',"stream":')
        pen.number(record.stream)
        pen.put(',"transport":"')
        pen.put(record.transport)
        pen.put(_VERSIONS[record.version])
        pen.put('"bridge":true,"outcome":' if record.bridge else '"bridge":false,"outcome":')
        pen.put(_OUTCOMES[record.outcome])
        if record.latency is None:
            pen.put("null")
        else:
            pen.seconds(record.latency)
        pen.put(',"authRounds":')
        pen.number(record.auth_rounds if record.auths else 0)
        pen.put(',"client":{"ip":')
        self._endpoint(record.client)
        pen.put('},"server":{"ip":')
        self._endpoint(record.server)
        pen.put('},"connect":')
        self._connect(record.connect)
        pen.put(',"connack":')
        self._connack(record.connack)
        pen.put(',"close":')
        self._close(record.close)
        pen.put("}")

    def _endpoint(self, end: Endpoint) -> None:
        pen = self._pen
        pen.quoted(end.ip)
        pen.put(',"port":')
        pen.number(end.port)
        pen.put(',"mac":')
        pen.quoted(end.mac)

    def _connect(self, packet: Connect | None) -> None:
        pen = self._pen
        if packet is None:
            pen.put("null")
            return
        pen.put("{")
        self._place(packet.frame)
        pen.put(',"protocolName":')
        pen.quoted(packet.protocol_name)
        pen.put(',"protocolLevel":')
        pen.number(packet.protocol_level)
        pen.put(',"clientId":')
        pen.quoted(packet.client_id)
        pen.put(_CLEAN if packet.clean_session else _NOT_CLEAN)
        pen.number(packet.keep_alive)
        pen.put(',"username":')
        pen.quoted(packet.username)
        pen.put(',"password":')
        self._secret(packet.password)
        pen.put(',"lastWillTopic":')
        pen.quoted(packet.last_will_topic)
        pen.put(',"lastWillQos":')
        pen.number(packet.last_will_qos)
        pen.put(',"lastWillMessage":')
        pen.quoted_bytes(packet.last_will_message)
        pen.put(_RETAIN if packet.last_will_retain else _NO_RETAIN)
        self._properties(packet.properties)
        pen.put(',"lastWillProperties":')
        self._properties(packet.last_will_properties)
        pen.put("}")

    def _connack(self, packet: Connack | None) -> None:
        pen = self._pen
        if packet is None:
            pen.put("null")
            return
        pen.put("{")
        self._place(packet.frame)
        present = packet.session_present
        pen.put(_ABSENT if present is None else _PRESENT if present else _NOT_PRESENT)
        pen.put(self._code(packet.return_code, packet.version))
        pen.put(',"properties":')
        self._properties(packet.properties)
        pen.put("}")

    def _code(self, code: int | None, version: Version | None) -> str:
        """Write a return code with its name."""
        if code is None:
            return 'null,"returnCodeName":null'
        known = self._codes_5 if version is _V5_0 else self._codes
        text = known.get(code)
        if text is None:
            text = known[code] = f'{code},"returnCodeName":"{spec.return_code_name(code, version)}"'
        return text

    def _close(self, close: Close | None) -> None:
        pen = self._pen
        if close is None:
            pen.put("null")
            return
        pen.put('{"by":"client","how":"' if close.by is _CLIENT else '{"by":"server","how":"')
        pen.put(close.how)
        pen.put('",')
        self._place(close.frame)
        pen.put("}")

    def _place(self, frame: FrameRef | None) -> None:
        """Write which frame it was, and when."""
        pen = self._pen
        if frame is None:
            pen.put(_NOWHERE)
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
        pen.put(self._file_text)
        pen.number(frame.number)
        pen.put(self._second_text)
        if self._digits == 6 or (self._digits < 0 and rest % 1000 == 0):
            pen.padded(rest // 1000, 6)
        else:
            pen.padded(rest, 9)
        pen.put('Z"')

    def _second_of(self, second: int) -> str:
        text = self._seconds.get(second)
        if text is None:
            text = f',"time":"{rfc3339(second * 1_000_000_000, 6)[:-7]}'
            if len(self._seconds) >= _SECONDS_KEPT:
                self._seconds.clear()
            self._seconds[second] = text
        return text

    def _secret(self, secret: bytes | None) -> None:
        pen = self._pen
        if secret is None:
            pen.put("null")
            return
        if self._shown:
            pen.spoilt = True
            return
        mark = self._marks.get(secret)
        if mark is None:
            mark = fingerprint(secret, self._key)
            if len(self._marks) < _SECRETS_KEPT:
                self._marks[secret] = mark
        pen.put('{"redacted":true,"length":')
        pen.number(len(secret))
        pen.put(',"classes":"')
        pen.put(character_classes(secret))
        pen.put('","fingerprint":"')
        pen.put(mark)
        pen.put('"}')

    def _properties(self, properties: tuple[Property, ...]) -> None:
        if not properties:
            self._pen.put("{}")
            return
        text = self._known_properties.get(properties)
        if text is None:
            plain, listed = self._writer.properties(properties)
            if listed is not UNSET:
                self._pen.spoilt = True
                return
            text = self._encode(plain).decode()
            if len(self._known_properties) < _PROPERTIES_KEPT:
                self._known_properties[properties] = text
        self._pen.put(text)
