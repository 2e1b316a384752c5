"""Writes Suricata's EVE JSON, one event for each record, in the order of time.

A handshake is an event of type `mqtt` with `connect` and `connack` as Suricata logs them, a TLS
connection is one of type `tls`, a finding is an `alert`. Times have microseconds and a UTC offset,
as in Suricata. All is written at the end, in bounded memory (`sorted_lines.py`). Passwords are left
out unless they may be shown; authentication data always is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

from dissector.connections.handshake import Handshake
from dissector.model import Capture, Endpoint, Finding, NotEvaluated, Severity, Side, Summary
from dissector.mqtt import spec
from dissector.mqtt.packets import Connack, Connect, Property
from dissector.net.tls_names import TLS_1_2, TLS_1_3
from dissector.report.advice import advice
from dissector.report.clock import rfc3339
from dissector.report.community import community_id, number, stream_of_all
from dissector.report.fields import display_filter
from dissector.report.identity import name_of
from dissector.report.json_values import json_bytes
from dissector.report.reporter import ByteStream, ReporterBase, ReportOptions
from dissector.report.sorted_lines import SortedLines
from dissector.text import decode, lossless

if TYPE_CHECKING:
    from dissector.connections.certificate import Certificate
    from dissector.connections.tls_handshake import TlsHandshake

GENERATOR = 1883  # gid, not one that Suricata uses
_SEVERITIES = {Severity.ERROR: 1, Severity.WARNING: 2, Severity.INFO: 3}
# Suricata's classtypes for audit rules (True) and for rules of the standard (False)
_CATEGORIES = {
    True: "Potential Corporate Privacy Violation",
    False: "Generic Protocol Command Decode",
}
_TLS_VERSIONS = {0x0300: "SSLv3", 0x0301: "TLSv1", 0x0302: "TLS 1.1", TLS_1_2: "TLS 1.2",
                 TLS_1_3: "TLS 1.3"}  # fmt: skip


class Eve(ReporterBase):
    """The `eve` format for analyses and audits."""

    def __init__(self, stream: ByteStream, *, show_secrets: bool = False) -> None:
        self._stream = stream
        self._show_secrets = show_secrets
        self._events = SortedLines()
        self._encode = json_bytes

    @classmethod
    def create(cls, stream: ByteStream, options: ReportOptions) -> Self:
        """Creates the reporter with the options that it needs."""
        return cls(stream, show_secrets=options.show_secrets)

    def handshake(self, record: Handshake) -> None:
        """Writes the event of a handshake."""
        connect, connack = record.connect, record.connack
        began = record.began
        frame = (None if began is None else began.frame) or (
            None if connack is None else connack.frame
        )
        if frame is None:
            return
        event = _common(frame.time_ns, frame.file, frame.number, "mqtt", record.stream)
        event |= _ends(record.client, record.server, stream_of_all(record))
        mqtt: dict[str, Any] = {}
        if connect is not None:
            mqtt["connect"] = self._connect(connect)
        if connack is not None:
            mqtt["connack"] = _connack(connack)
        if mqtt:  # Suricata's schema has no CONNECT that never ended
            self._put(frame.time_ns, {**event, "mqtt": mqtt})

    def tls_handshake(self, record: TlsHandshake) -> None:
        """Writes the event of a TLS connection."""
        frame = record.client_hello_frame or record.server_hello_frame or record.first
        event = _common(frame.time_ns, frame.file, frame.number, "tls", record.stream)
        event |= _ends(record.client, record.server, stream_of_all(record))
        self._put(frame.time_ns, {**event, "tls": _tls(record)})

    def finding(self, record: Finding) -> None:
        """Writes the event of a finding."""
        event = _common(record.time_ns, record.file, record.frame, "alert", record.stream)
        if record.client is not None and record.server is not None:
            event |= _ends(record.client, record.server, stream_of_all(record))
        about = advice(record.rule, record.version)
        metadata = {
            "rule": [record.rule],
            "side": [record.side.value],
            "confidence": [record.confidence.value],
            "fingerprint": [name_of(record)],
            "wireshark": [display_filter(record)],
            "client_id": [] if record.client_id is None else [lossless(record.client_id)],
            "reference": list(about.references),
            "statement": list(record.statements),
        }
        alert = {
            "action": "allowed",
            "gid": GENERATOR,
            "signature_id": signature_id(record.rule),
            "rev": 1,
            "signature": f"MQTT {record.rule} {lossless(record.message)}",
            "category": _CATEGORIES[bool(about.references)],
            "severity": _SEVERITIES[record.severity],
            "metadata": {key: value for key, value in metadata.items() if value},
        }
        if record.client is not None and record.server is not None:
            ends = (record.client, record.server)
            source, target = ends if record.side is Side.CLIENT else reversed(ends)
            alert["source"] = {"ip": source.ip, "port": source.port}
            alert["target"] = {"ip": target.ip, "port": target.port}
        self._put(record.time_ns, {**event, "alert": alert, "app_proto": "mqtt"})

    def finish(
        self, capture: Capture, summary: Summary, not_evaluated: Sequence[NotEvaluated]
    ) -> None:
        """Writes the events."""
        for line in self._events.lines():
            self._stream.write(line)

    def _connect(self, packet: Connect) -> dict[str, Any]:
        made: dict[str, Any] = {
            "qos": 0,
            "retain": False,
            "dup": False,
            "protocol_string": lossless(packet.protocol_name),
            "protocol_version": packet.protocol_level,
            "flags": {
                "username": packet.username is not None,
                "password": packet.password is not None,
                "will": packet.last_will_topic is not None,
                "will_retain": packet.last_will_retain,
                "clean_session": packet.clean_session,
            },
            "client_id": lossless(packet.client_id),
        }
        if packet.username is not None:
            made["username"] = lossless(packet.username)
        if packet.password is not None and self._show_secrets:
            made["password"] = lossless(decode(packet.password))
        if packet.last_will_topic is not None:
            will: dict[str, Any] = {
                "topic": lossless(packet.last_will_topic),
                "message": lossless(decode(packet.last_will_message or b"")),
            }
            if packet.last_will_properties:
                will["properties"] = _properties(packet.last_will_properties)
            made["will"] = will
        if packet.properties:
            made["properties"] = _properties(packet.properties)
        return made

    def _put(self, time_ns: int, event: dict[str, Any]) -> None:
        self._events.add(time_ns, self._encode(event) + b"\n")


def signature_id(rule: str) -> int:
    """Returns the permanent number of a rule: its letters in base 26, followed by its digits."""
    letters = rule.rstrip("0123456789")
    value = 0
    for letter in letters:
        value = value * 26 + ord(letter) - ord("A")
    return value * 100 + int(rule[len(letters) :])


def _common(time_ns: int, file: str, frame: int, kind: str, stream: int) -> dict[str, Any]:
    return {
        "timestamp": rfc3339(time_ns // 1000 * 1000, 6)[:-1] + "+0000",
        "event_type": kind,
        "pcap_cnt": frame,
        "pcap_filename": lossless(file),
        "tx_id": 0,
    }


def _ends(client: Endpoint, server: Endpoint, stream: int) -> dict[str, Any]:
    return {
        "flow_id": number(client, server, stream),
        "src_ip": client.ip,
        "src_port": client.port,
        "dest_ip": server.ip,
        "dest_port": server.port,
        "proto": "TCP",
        "community_id": community_id(client, server),
    }


def _connack(packet: Connack) -> dict[str, Any]:
    made: dict[str, Any] = {
        "qos": 0,
        "retain": False,
        "dup": False,
        "session_present": bool(packet.session_present),
    }
    if packet.return_code is not None:
        made["return_code"] = packet.return_code
    if packet.properties:
        made["properties"] = _properties(packet.properties)
    return made


def _tls(record: TlsHandshake) -> dict[str, Any]:
    """Returns the fields that Suricata logs for a TLS connection, as far as they were seen."""
    from dissector.connections.tls_handshake import ja3

    hello, answer = record.client_hello, record.server_hello
    made = _certificate(record.chain)
    if record.resumed:
        made["session_resumed"] = True
    if hello is not None:
        if hello.server_name is not None:
            made["sni"] = lossless(hello.server_name)
        if hello.alpn:
            made["client_alpns"] = [lossless(name) for name in hello.alpn]
        made["ja3"] = {"hash": ja3(hello)}
    made["version"] = _TLS_VERSIONS.get(record.version or 0, "UNDETERMINED")
    if answer is not None and answer.alpn is not None:
        made["server_alpns"] = [lossless(answer.alpn)]
    client = _certificate(record.client_chain or ())
    if client:
        made["client"] = client
    return made


def _certificate(chain: Sequence[Certificate | None]) -> dict[str, Any]:
    """Returns the fields of a peer's own certificate."""
    found = chain[0] if chain else None
    if found is None:
        return {}
    made: dict[str, Any] = {
        "subject": lossless(found.subject),
        "issuerdn": lossless(found.issuer),
        "serial": _colons_between(found.serial.upper()),
        "fingerprint": _colons_between(found.sha1),
        "notbefore": rfc3339(found.not_before_ns, 6)[:19],
        "notafter": rfc3339(found.not_after_ns, 6)[:19],
    }
    if found.names:
        made["subjectaltname"] = [lossless(name) for name in found.names]
    return made


def _colons_between(digits: str) -> str:
    """Puts colons between the octets of a hexadecimal number; a pseudonym is returned unchanged."""
    if digits.strip("0123456789abcdefABCDEF"):
        return digits
    digits = digits.zfill(len(digits) + len(digits) % 2)
    return ":".join(digits[at : at + 2] for at in range(0, len(digits), 2))


def _properties(properties: tuple[Property, ...]) -> dict[str, Any]:
    """Returns properties by the standard's names in snake case, user properties by their own."""
    made: dict[str, Any] = {}
    for item in properties:
        value = item.value
        if spec.is_secret_property(item.id):
            continue
        if item.id == spec.USER_PROPERTY:
            name, value = lossless(str(value[0])), lossless(str(value[1]))
        else:
            name = "".join(f"_{char.lower()}" if char.isupper() else char for char in item.name)
            if isinstance(value, bytes):
                value = lossless(decode(value))
            elif isinstance(value, str):
                value = lossless(value)
        made.setdefault(name, value)
    return made
