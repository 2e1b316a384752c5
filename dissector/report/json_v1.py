r"""Turns records into plain dicts and structs in the shape of schema 1 (`schema_v1.json`).

Attribute names become camelCase keys, in the order of the interface contract. Text is lossless: a
value whose bytes are UTF-8 is that text; any other has each bad byte as ``\xNN`` and all its bytes
in a sibling `<name>Hex`. Secrets (password, Authentication Data) are redacted unless requested. No
number is infinite or NaN. A handshake costs a few microseconds: no generic conversion is used;
endpoints, secrets and dates are cached.
"""

from __future__ import annotations

import math
import os
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import UNSET, UnsetType

from dissector.connections.encapsulation import Encapsulation
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
from dissector.mqtt.packets.connack import Connack
from dissector.mqtt.packets.connect import Connect
from dissector.mqtt.properties import Property
from dissector.report.clock import rfc3339
from dissector.report.json_shape import (
    CloseShape,
    ConnackShape,
    ConnectShape,
    EndpointShape,
    FindingShape,
    HandshakeShape,
    MaybeDict,
    MaybeHex,
)
from dissector.report.json_values import (
    optional_text_and_hex,
    set_pair,
    set_text,
    set_value,
    text_and_hex,
)
from dissector.report.wireshark import display_filter
from dissector.text import character_classes, decode, fingerprint, lossless

if TYPE_CHECKING:
    from dissector.connections.tls_handshake import TlsHandshake

SCHEMA = 1
_NONE: dict[str, Any] = {}
# Members of a CONNECT that are not called as the field that holds them
_MEMBERS: dict[str, tuple[str, ...]] = {
    "connectFlags": ("cleanSession", "lastWillQos", "lastWillRetain"),
    "properties": ("properties", "propertyList"),
    "lastWillProperties": ("lastWillProperties", "lastWillPropertyList"),
}
_ENDPOINTS_KEPT = 100_000
_SECRETS_KEPT = 10_000


def tool(capture: Capture) -> dict[str, Any]:
    """Returns name, version, engine and configuration of the program that made the report."""
    from dissector import __version__
    from dissector.machine.build import compiled

    made: dict[str, Any] = {
        "name": "mqtt-dissector",
        "version": __version__,
        "engine": capture.engine,
        "compiled": compiled(),
    }
    if capture.config:
        made["config"] = [
            {"file": lossless(file.path), "settings": list(map(lossless, file.settings))}
            for file in capture.config
        ]
    return made


class Writer:
    """Turns records into dicts. `key` is the key of fingerprints, random for each run if None.

    `digits` is the precision of times: 6, 9, or None while it is unknown; a time then has as many
    as it needs. `several`: there is more than one capture, and records have the id of theirs.
    """

    def __init__(
        self,
        *,
        show_secrets: bool = False,
        key: bytes | None = None,
        digits: int | None = None,
        several: bool = False,
    ) -> None:
        self.several = several
        self.show_secrets = show_secrets
        self.key = os.urandom(16) if key is None else key
        self.digits = digits
        self._endpoints: dict[Endpoint, EndpointShape] = {}
        self._secrets: dict[bytes, dict[str, Any]] = {}

    def handshake(self, record: Handshake) -> HandshakeShape:
        """Returns one handshake, ready for encoding."""
        version, latency = record.version, record.latency
        connect, connack, close = record.connect, record.connack, record.close
        endpoints, encapsulation = self._endpoints, record.encapsulation
        return HandshakeShape(
            record.id,
            record.capture if self.several else UNSET,
            record.stream,
            record.transport,
            None if version is None else version._value_,
            record.bridge,
            record.outcome._value_,
            latency if latency is None or math.isfinite(latency) else None,
            record.auth_rounds if record.auths else 0,
            endpoints.get(record.client) or self._endpoint(record.client),
            endpoints.get(record.server) or self._endpoint(record.server),
            self._unfinished(record) if connect is None else self._connect(connect),
            None if connack is None else self._connack(connack),
            None if close is None else self._close(close),
            UNSET if encapsulation is None else self.proxied(encapsulation),
            UNSET if encapsulation is None else self._http(encapsulation),
        )

    def proxied(self, encapsulation: Encapsulation) -> MaybeDict:
        """Returns the content of a PROXY protocol header, UNSET if there was none."""
        header = encapsulation.proxied
        if header is None:
            return UNSET
        authority, tls = header.authority, header.tls
        if not self.show_secrets:
            from dissector.net import harmless  # as below: only where there is an outer layer

            authority, tls = harmless.text(authority), harmless.tls_version(tls)
        made: dict[str, Any] = {"version": header.version, "ip": header.ip, "port": header.port}
        set_text(made, "authority", authority)
        set_text(made, "tls", tls)
        return made

    def _http(self, encapsulation: Encapsulation) -> MaybeDict:
        request, answer = encapsulation.request, encapsulation.answer
        if not encapsulation.websocket:
            return UNSET
        subprotocol = None if answer is None else answer.subprotocol
        if not self.show_secrets:
            from dissector.net import harmless

            request = None if request is None else harmless.request(request)
            subprotocol = None if subprotocol is None else harmless.subprotocol(subprotocol)
        made: dict[str, Any] = {}
        set_text(made, "path", None if request is None else request.path)
        made["query"] = None
        if request is not None and request.query is not None:
            made["query"], digits = self.secret(request.query)
            if digits is not UNSET:
                made["queryHex"] = digits
        set_text(made, "host", None if request is None else request.host)
        set_text(made, "origin", None if request is None else request.origin)
        set_text(made, "userAgent", None if request is None else request.user_agent)
        set_text(made, "forwardedFor", None if request is None else request.forwarded_for)
        set_text(made, "forwarded", None if request is None else request.forwarded)
        set_value(made, "subprotocols", None if request is None else request.subprotocols)
        set_text(made, "subprotocol", subprotocol)
        made["status"] = None if answer is None else answer.status
        made["deflate"] = answer is not None and answer.deflate is not None
        return made

    def tls_handshake(self, record: TlsHandshake) -> dict[str, Any]:
        """Returns one TLS connection."""
        from dissector.report.json_tls import tls_handshake

        return tls_handshake(record, self)

    def endpoint(self, endpoint: Endpoint) -> dict[str, Any]:
        """Returns one end of a connection."""
        return {"ip": endpoint.ip, "port": endpoint.port, "mac": endpoint.mac}

    def _endpoint(self, endpoint: Endpoint) -> EndpointShape:
        if len(self._endpoints) >= _ENDPOINTS_KEPT:
            self._endpoints.clear()
        found = EndpointShape(endpoint.ip, endpoint.port, endpoint.mac)
        self._endpoints[endpoint] = found
        return found

    def _end(self, endpoint: Endpoint | None) -> EndpointShape | None:
        return (
            None if endpoint is None else self._endpoints.get(endpoint) or self._endpoint(endpoint)
        )

    def _connect(self, packet: Connect) -> ConnectShape:
        frame, secret, message = packet.frame, packet.password, packet.last_will_message
        name, client_id, username = packet.protocol_name, packet.client_id, packet.username
        topic: str | None = packet.last_will_topic
        will: str | None = None if message is None else decode(message)
        name_hex: MaybeHex = UNSET
        id_hex: MaybeHex = UNSET
        username_hex: MaybeHex = UNSET
        topic_hex: MaybeHex = UNSET
        will_hex: MaybeHex = UNSET
        secret_hex: MaybeHex = UNSET
        if not (
            client_id.isascii()
            and name.isascii()
            and (username is None or username.isascii())
            and (topic is None or topic.isascii())
            and (will is None or will.isascii())
        ):
            name, name_hex = text_and_hex(name)
            client_id, id_hex = text_and_hex(client_id)
            username, username_hex = optional_text_and_hex(username)
            topic, topic_hex = optional_text_and_hex(topic)
            will, will_hex = optional_text_and_hex(will)
        password: str | dict[str, Any] | None = None
        if secret is not None:
            password = self._secrets.get(secret)
            if password is None:
                password, secret_hex = self.secret(secret)
        plain, all_of_them = self.properties(packet.properties)
        will_plain, all_of_wills = self.properties(packet.last_will_properties)
        return ConnectShape(
            None if frame is None else lossless(frame.file),
            None if frame is None else frame.number,
            None if frame is None else rfc3339(frame.time_ns, self.digits),
            name,
            name_hex,
            packet.protocol_level,
            client_id,
            id_hex,
            packet.clean_session,
            packet.keep_alive,
            username,
            username_hex,
            password,
            secret_hex,
            topic,
            topic_hex,
            packet.last_will_qos,
            will,
            will_hex,
            packet.last_will_retain,
            plain,
            all_of_them,
            will_plain,
            all_of_wills,
        )

    def _unfinished(self, record: Handshake) -> dict[str, Any] | None:
        """Returns the fields that came of a CONNECT that never ended; None if there was none."""
        unfinished = record.unfinished
        if unfinished is None:
            return None
        whole = msgspec.to_builtins(self._connect(unfinished.connect))
        names = ["file", "frame", "time"]
        for field in unfinished.fields:
            names += _MEMBERS.get(field, (field, f"{field}Hex"))
        made = {name: whole[name] for name in names if name in whole}
        return made | {"received": unfinished.received, "length": unfinished.length}

    def _connack(self, packet: Connack) -> ConnackShape:
        frame, code = packet.frame, packet.return_code
        plain, all_of_them = self.properties(packet.properties)
        return ConnackShape(
            None if frame is None else lossless(frame.file),
            None if frame is None else frame.number,
            None if frame is None else rfc3339(frame.time_ns, self.digits),
            packet.session_present,
            code,
            None if code is None else spec.return_code_name(code, packet.version),
            plain,
            all_of_them,
        )

    def _close(self, close: Close) -> CloseShape:
        frame = close.frame
        return CloseShape(
            close.by._value_,
            close.how,
            lossless(frame.file),
            frame.number,
            rfc3339(frame.time_ns, self.digits),
        )

    def secret(self, secret: bytes) -> tuple[str | dict[str, Any], MaybeHex]:
        """Returns a secret, redacted unless it may be shown, and its bytes if it is not UTF-8."""
        if self.show_secrets:
            return text_and_hex(decode(secret))
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
        return redacted, UNSET

    def properties(
        self, properties: tuple[Property, ...]
    ) -> tuple[dict[str, Any], list[dict[str, Any]] | UnsetType]:
        """Returns the plain map, and also a list if the map would lose something."""
        if not properties:
            return _NONE, UNSET
        plain: dict[str, Any] = {}
        lost = False
        for item in properties:
            if item.id == spec.USER_PROPERTY and isinstance(item.value, tuple | list):
                set_pair(plain, item.name, item.value)
            elif item.id not in spec.PROPERTIES or item.name in plain:
                lost = True
            else:
                self._value(plain, item.name, item)
        return plain, [self._listed(item) for item in properties] if lost else UNSET

    def _listed(self, item: Property) -> dict[str, Any]:
        listed: dict[str, Any] = {"id": item.id, "name": item.name}
        self._value(listed, "value", item)
        listed["offset"] = item.offset
        return listed

    def _value(self, record: dict[str, Any], name: str, item: Property) -> None:
        value = item.value
        if spec.is_secret_property(item.id) and isinstance(value, bytes):
            record[name], digits = self.secret(value)
            if digits is not UNSET:
                record[name + "Hex"] = digits
        else:
            set_value(record, name, value)

    def finding(self, record: Finding) -> FindingShape:
        """Returns one finding, ready for encoding."""
        version = record.version
        client_id, id_hex = optional_text_and_hex(record.client_id)
        evidence: dict[str, Any] = {}
        for key, value in record.evidence.items():
            set_value(evidence, key, value)
        return FindingShape(
            record.rule,
            record.name,
            record.severity._value_,
            record.obligation._value_,
            record.confidence._value_,
            list(record.statements),
            record.section,
            None if version is None else version._value_,
            record.side._value_,
            record.handshake,
            record.capture if self.several else UNSET,
            record.stream,
            client_id,
            id_hex,
            lossless(record.file),
            record.frame,
            [{"file": lossless(frame.file), "frame": frame.number} for frame in record.frames],
            rfc3339(record.time_ns, self.digits),
            lossless(record.message),
            evidence,
            display_filter(record),
            self._end(record.client),
            self._end(record.server),
        )

    def warning(self, record: CaptureWarning) -> dict[str, Any]:
        """Returns one capture warning."""
        return {
            "kind": record.kind,
            "file": None if record.file is None else lossless(record.file),
            "frame": record.frame,
            **({"capture": record.capture} if self.several else {}),
            "stream": record.stream,
            "message": lossless(record.message),
        }

    def not_evaluated(self, record: NotEvaluated) -> dict[str, Any]:
        """Returns one rule that could not be evaluated, with the reason."""
        return {
            "rule": record.rule,
            "reason": lossless(record.reason),
            "count": record.count,
            "streams": list(record.streams),
        }

    def capture(self, record: Capture) -> dict[str, Any]:
        """Returns what was read, with times in the capture's precision."""
        return {
            **({"id": record.id} if self.several else {}),
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
            **({} if record.dropped is None else {"dropped": record.dropped}),
        }

    def total(self, record: Capture) -> dict[str, Any]:
        """Returns what was read of all captures together; with one capture, the same as for it."""
        made = self.capture(record)
        made.pop("id", None)
        return made

    def summary(self, record: Summary) -> dict[str, Any]:
        """Returns the counts."""
        return {name: getattr(record, name) for name in record.__struct_fields__}


def document(
    report: Report,
    *,
    show_secrets: bool = False,
    key: bytes | None = None,
) -> dict[str, Any]:
    """Returns a whole report as one document of schema 1."""
    parts = report.capture.parts
    writer = Writer(
        show_secrets=show_secrets, key=key, digits=report.capture.digits, several=bool(parts)
    )
    return {
        "schema": SCHEMA,
        "tool": tool(report.capture),
        "capture": writer.total(report.capture),
        **({"captures": [writer.capture(part) for part in parts]} if parts else {}),
        "handshakes": [
            msgspec.to_builtins(writer.handshake(record)) for record in report.handshakes
        ],
        "tlsHandshakes": [writer.tls_handshake(record) for record in report.tls_handshakes],
        "findings": [msgspec.to_builtins(writer.finding(record)) for record in report.findings],
        "captureWarnings": [writer.warning(record) for record in report.warnings],
        "notEvaluated": [writer.not_evaluated(record) for record in report.not_evaluated],
        "summary": writer.summary(report.summary),
    }
