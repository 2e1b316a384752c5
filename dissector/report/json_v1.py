r"""Records in, plain dicts in the shape of schema 1 out (`schema_v1.json` describes it).

Attribute names become camelCase keys one by one, in the order of the interface contract. Text is
lossless: a value whose bytes are UTF-8 is that text; any other has each bad byte as ``\xNN`` and
all its bytes in a sibling `<name>Hex`. Secrets (password, Authentication Data) are redacted unless
asked for. No number is ever infinite or NaN. A handshake costs a few microseconds: no generic
conversion; endpoints, secrets and dates are made once.
"""

from __future__ import annotations

import enum
import math
import os
from collections.abc import Iterable
from typing import Any

from dissector.connections.handshake import Close, Handshake
from dissector.model import (
    Capture,
    CaptureWarning,
    Endpoint,
    Finding,
    NotEvaluated,
    Report,
    Summary,
)
from dissector.mqtt import spec
from dissector.mqtt.packets import Connack, Connect, Property
from dissector.mqtt.spec import return_code_name
from dissector.report.clock import rfc3339
from dissector.report.wireshark import display_filter
from dissector.text import character_classes, decode, encode, fingerprint, is_utf8, lossless

SCHEMA = 1
_ENDPOINTS_KEPT = 100_000
_SECRETS_KEPT = 10_000


def tool(engine: str = "native") -> dict[str, Any]:
    """Describe what made the report."""
    from dissector import __version__
    from dissector.report.build import compiled

    return {
        "name": "mqtt-dissector",
        "version": __version__,
        "engine": engine,
        "compiled": compiled(),
    }


class Writer:
    """Turns records into dicts. `key` is that of the fingerprints, random for each run if None.

    `digits` is the precision of times: 6, 9, or None while it is not known; a time then takes as
    many as it needs.
    """

    def __init__(
        self, *, show_secrets: bool = False, key: bytes | None = None, digits: int | None = None
    ) -> None:
        self.show_secrets = show_secrets
        self.key = os.urandom(16) if key is None else key
        self.digits = digits
        self._endpoints: dict[Endpoint, dict[str, Any]] = {}
        self._secrets: dict[bytes, dict[str, Any]] = {}

    def handshake(self, record: Handshake) -> dict[str, Any]:
        """Give one handshake."""
        version = record.version
        connect, connack, close = record.connect, record.connack, record.close
        latency = record.latency
        endpoints = self._endpoints
        return {
            "id": record.id,
            "stream": record.stream,
            "transport": record.transport,
            "version": None if version is None else version._value_,
            "bridge": record.bridge,
            "outcome": record.outcome._value_,
            "latency": latency if latency is None or math.isfinite(latency) else None,
            "authRounds": record.auth_rounds if record.auths else 0,
            "client": endpoints.get(record.client) or self._endpoint(record.client),
            "server": endpoints.get(record.server) or self._endpoint(record.server),
            "connect": None if connect is None else self._connect(connect),
            "connack": None if connack is None else self._connack(connack),
            "close": None if close is None else self._close(close),
        }

    def _endpoint(self, endpoint: Endpoint) -> dict[str, Any]:
        if len(self._endpoints) >= _ENDPOINTS_KEPT:
            self._endpoints.clear()
        found = {"ip": endpoint.ip, "port": endpoint.port, "mac": endpoint.mac}
        self._endpoints[endpoint] = found
        return found

    def _connect(self, packet: Connect) -> dict[str, Any]:
        frame = packet.frame
        message = packet.last_will_message
        protocol_name, client_id = packet.protocol_name, packet.client_id
        username, topic = packet.username, packet.last_will_topic
        will = None if message is None else decode(message)
        secret = packet.password
        record: dict[str, Any] = {
            "file": None if frame is None else lossless(frame.file),
            "frame": None if frame is None else frame.number,
            "time": None if frame is None else self._time(frame.time_ns),
            "protocolName": protocol_name,
            "protocolLevel": packet.protocol_level,
            "clientId": client_id,
            "cleanSession": packet.clean_session,
            "keepAlive": packet.keep_alive,
            "username": username,
            "password": None if secret is None else self._secrets.get(secret) or secret,
            "lastWillTopic": topic,
            "lastWillQos": packet.last_will_qos,
            "lastWillMessage": will,
            "lastWillRetain": packet.last_will_retain,
        }
        if secret is not None and record["password"] is secret:
            record = self._with_secret(record, "password", secret)
        if not (
            client_id.isascii()
            and protocol_name.isascii()
            and (username is None or username.isascii())
            and (topic is None or topic.isascii())
            and (will is None or will.isascii())
        ):
            record = _with_bytes(record)
        self._properties(record, "properties", "propertyList", packet.properties)
        self._properties(
            record, "lastWillProperties", "lastWillPropertyList", packet.last_will_properties
        )
        return record

    def _connack(self, packet: Connack) -> dict[str, Any]:
        frame = packet.frame
        code = packet.return_code
        record: dict[str, Any] = {
            "file": None if frame is None else lossless(frame.file),
            "frame": None if frame is None else frame.number,
            "time": None if frame is None else self._time(frame.time_ns),
            "sessionPresent": packet.session_present,
            "returnCode": code,
            "returnCodeName": None if code is None else return_code_name(code, packet.version),
        }
        self._properties(record, "properties", "propertyList", packet.properties)
        return record

    def _close(self, close: Close) -> dict[str, Any]:
        return {
            "by": close.by._value_,
            "how": close.how,
            "file": lossless(close.frame.file),
            "frame": close.frame.number,
            "time": self._time(close.frame.time_ns),
        }

    def _time(self, time_ns: int) -> str:
        return rfc3339(time_ns, self.digits or (9 if time_ns % 1000 else 6))

    def _with_secret(self, record: dict[str, Any], name: str, secret: bytes) -> dict[str, Any]:
        """Set a secret, keeping the order of keys."""
        whole: dict[str, Any] = {}
        for key, value in record.items():
            if key == name:
                self._secret(whole, name, secret)
            else:
                whole[key] = value
        return whole

    def _secret(self, record: dict[str, Any], name: str, secret: bytes) -> None:
        if self.show_secrets:
            _text(record, name, decode(secret))
            return
        redacted = self._secrets.get(secret)
        if redacted is None:
            redacted = {
                "redacted": True,
                "length": len(secret),
                "classes": character_classes(secret),
                "fingerprint": fingerprint(secret, self.key),
            }
            if len(self._secrets) < _SECRETS_KEPT:
                self._secrets[secret] = redacted
        record[name] = redacted

    def _properties(
        self, record: dict[str, Any], name: str, list_name: str, properties: tuple[Property, ...]
    ) -> None:
        plain: dict[str, Any] = {}
        record[name] = plain
        if not properties:
            return
        lost = False
        for item in properties:
            if item.id == spec.USER_PROPERTY and isinstance(item.value, tuple | list):
                _pair(plain, item.name, item.value)
            elif item.id not in spec.PROPERTIES or item.name in plain:
                lost = True
            else:
                self._value(plain, item.name, item)
        if lost:
            record[list_name] = [self._listed(item) for item in properties]

    def _listed(self, item: Property) -> dict[str, Any]:
        listed: dict[str, Any] = {"id": item.id, "name": item.name}
        self._value(listed, "value", item)
        listed["offset"] = item.offset
        return listed

    def _value(self, record: dict[str, Any], name: str, item: Property) -> None:
        value = item.value
        if item.id == spec.AUTHENTICATION_DATA and isinstance(value, bytes):
            self._secret(record, name, value)
        else:
            _any(record, name, value)

    def finding(self, record: Finding) -> dict[str, Any]:
        """Give one finding."""
        version = record.version
        item: dict[str, Any] = {
            "rule": record.rule,
            "name": record.name,
            "severity": record.severity._value_,
            "obligation": record.obligation._value_,
            "confidence": record.confidence._value_,
            "statements": list(record.statements),
            "section": record.section,
            "version": None if version is None else version._value_,
            "side": record.side._value_,
            "handshake": record.handshake,
            "stream": record.stream,
        }
        _text(item, "clientId", record.client_id)
        item["file"] = lossless(record.file)
        item["frame"] = record.frame
        item["frames"] = [
            {"file": lossless(frame.file), "frame": frame.number} for frame in record.frames
        ]
        item["time"] = self._time(record.time_ns)
        item["message"] = lossless(record.message)
        evidence: dict[str, Any] = {}
        for key, value in record.evidence.items():
            _any(evidence, key, value)
        item["evidence"] = evidence
        item["wireshark"] = display_filter(record)
        return item

    def warning(self, record: CaptureWarning) -> dict[str, Any]:
        """Give one capture warning."""
        return {
            "kind": record.kind,
            "file": None if record.file is None else lossless(record.file),
            "frame": record.frame,
            "stream": record.stream,
            "message": lossless(record.message),
        }

    def not_evaluated(self, record: NotEvaluated) -> dict[str, Any]:
        """Give one rule and reason that could not be judged."""
        return {
            "rule": record.rule,
            "reason": lossless(record.reason),
            "count": record.count,
            "streams": list(record.streams),
        }

    def capture(self, record: Capture) -> dict[str, Any]:
        """Give what was read, with the precision that it has."""
        return {
            "files": [
                {
                    "path": lossless(file.path),
                    "frames": file.frames,
                    "bytes": file.bytes,
                    "linkTypes": list(file.link_types),
                }
                for file in record.files
            ],
            "frames": record.frames,
            "start": None if record.start_ns is None else rfc3339(record.start_ns, record.digits),
            "end": None if record.end_ns is None else rfc3339(record.end_ns, record.digits),
            "streams": record.streams,
            "mqttConnections": record.mqtt_connections,
            "controlPackets": dict(record.control_packets),
            "otherTraffic": dict(record.other_traffic),
        }

    def summary(self, record: Summary) -> dict[str, Any]:
        """Give the counts."""
        return {name: getattr(record, name) for name in record.__struct_fields__}


def document(
    report: Report,
    *,
    show_secrets: bool = False,
    key: bytes | None = None,
    engine: str = "native",
) -> dict[str, Any]:
    """Give a whole report as one document of schema 1."""
    writer = Writer(show_secrets=show_secrets, key=key, digits=report.capture.digits)
    return {
        "schema": SCHEMA,
        "tool": tool(engine),
        "capture": writer.capture(report.capture),
        "handshakes": [writer.handshake(record) for record in report.handshakes],
        "findings": [writer.finding(record) for record in report.findings],
        "captureWarnings": [writer.warning(record) for record in report.warnings],
        "notEvaluated": [writer.not_evaluated(record) for record in report.not_evaluated],
        "summary": writer.summary(report.summary),
    }


def _text(record: dict[str, Any], name: str, value: str | None) -> None:
    """Set a text from the wire, and its bytes where they are not UTF-8."""
    if value is None or value.isascii() or is_utf8(value):
        record[name] = value
    else:
        record[name] = lossless(value)
        record[name + "Hex"] = encode(value).hex()


def _with_bytes(record: dict[str, Any]) -> dict[str, Any]:
    """Give a record its `<name>Hex` siblings, each after its name."""
    whole: dict[str, Any] = {}
    for key, value in record.items():
        if isinstance(value, str):
            _text(whole, key, value)
        else:
            whole[key] = value
    return whole


def _pair(record: dict[str, Any], name: str, pair: Iterable[str]) -> None:
    texts = [str(text) for text in pair]
    record.setdefault(name, []).append([lossless(text) for text in texts])
    hexes = record.get(name + "Hex")
    if hexes is not None or not all(map(is_utf8, texts)):
        if hexes is None:  # the pairs before this one get theirs too: the two lists run in parallel
            hexes = [[encode(text).hex() for text in former] for former in record[name][:-1]]
            record[name + "Hex"] = hexes
        hexes.append([encode(text).hex() for text in texts])


def _any(record: dict[str, Any], name: str, value: Any) -> None:
    """Set a value of any kind that a packet or a rule may give."""
    if isinstance(value, str):
        _text(record, name, value)
    elif isinstance(value, bytes | bytearray | memoryview):
        _text(record, name, decode(bytes(value)))
    elif isinstance(value, dict):
        inner: dict[str, Any] = {}
        for key, item in value.items():
            _any(inner, lossless(str(key)), item)
        record[name] = inner
    elif isinstance(value, list | tuple | set | frozenset):
        if isinstance(value, set | frozenset):
            value = sorted(value, key=str)
        items = [_item(item) for item in value]
        record[name] = items
        if any(isinstance(item, str) and not is_utf8(item) for item in value):
            record[name + "Hex"] = [
                encode(item).hex() if isinstance(item, str) else None for item in value
            ]
    else:
        record[name] = _item(value)


def _item(value: Any) -> Any:
    if isinstance(value, enum.Enum):
        value = value.value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, bool | int):
        return value
    holder: dict[str, Any] = {}
    if isinstance(value, str):
        return lossless(value)
    if isinstance(value, bytes | bytearray | memoryview | dict | list | tuple | set | frozenset):
        _any(holder, "item", value)
        return holder["item"]
    return lossless(str(value))
