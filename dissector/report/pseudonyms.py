"""Replaces the identities in records by pseudonyms (`--pseudonymize`).

An identity has the same pseudonym everywhere and in every format; pseudonyms are numbered in order
of first appearance. Anything not known to be free of identities is replaced: text from the wire
entirely, and in our own sentences addresses and identities seen before. The message of a finding is
replaced by the rule's summary, and packet bytes are removed. File names, vendors, versions, times,
counts and the keyed fingerprints of secrets are kept.
"""

from __future__ import annotations

import copy
import ipaddress
import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from dissector.audit.records import (
    CertificateRecord,
    Device,
    Evidence,
    Overview,
    Posture,
    Server,
    Will,
)
from dissector.connections.encapsulation.record import Encapsulation
from dissector.connections.handshake import Handshake
from dissector.model import CaptureWarning, Endpoint, Finding
from dissector.mqtt import spec
from dissector.mqtt.packets.connect import Connect
from dissector.mqtt.packets.packet import Packet
from dissector.mqtt.properties import Property
from dissector.report.advice import advice
from dissector.report.reporter import AuditReporter, Reporter
from dissector.text import decode, lossless

if TYPE_CHECKING:
    from dissector.connections.certificate import Certificate
    from dissector.connections.tls_handshake import TlsHandshake

# Evidence whose values are fixed words of the rules; any other text may come from the wire.
_FIXED_WORDS = frozenset({
    "classes", "codes", "credentials", "defect", "derivedFrom", "field", "fields", "firstPacket",
    "network", "opcode", "packet", "packets", "property", "provokedBy", "rules", "version",
    "weakness",
})  # fmt: skip
_ADDRESS = re.compile(
    r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?!\.?\w)"
    r"|(?<![\w.:])(?:(?:[0-9a-fA-F]{2}:){5}[0-9a-fA-F]{2}|[0-9a-fA-F]{0,4}(?::[0-9a-fA-F]{0,4}){2,7})"
    r"(?![\w:])"
)
_KINDS_OF_EVIDENCE = {"clientId": "client", "username": "user", "credentials": "",
                      "certificate": "key"}  # fmt: skip
_PUBLIC = 64  # digits of a public key's fingerprint; those of secrets are keyed and shorter
_PROTOCOLS = frozenset({"mqtt", "x-amzn-mqtt-ca", "http/1.1", "h2"})  # ALPN names that are kept
_SHORTEST = 3  # characters of an identity that is searched for in sentences

P = TypeVar("P", bound=Packet)


class Pseudonyms:
    """Assigns pseudonyms."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], str] = {}
        self._counts: dict[str, int] = {}

    def name(self, kind: str, value: str) -> str:
        """Returns the pseudonym of a text, such as `client-3`; empty text is kept."""
        if not value:
            return value
        return self._known.get((kind, value)) or self._make(kind, value)

    def _make(self, kind: str, value: str) -> str:
        number = self._counts[kind] = self._counts.get(kind, 0) + 1
        if kind == "ip4":  # the benchmark network 198.18.0.0/15, then the reserved 240.0.0.0/4
            base = 0xC6120000 if number < 0x20000 else 0xF0000000
            made = str(ipaddress.IPv4Address(base + number))
        elif kind == "ip6":
            made = str(ipaddress.IPv6Address((0x20010DB8 << 96) + number))
        elif kind == "mac":
            made = ":".join(f"{byte:02x}" for byte in (0x02, *number.to_bytes(5, "big")))
        else:
            made = f"{kind}-{number}"
        self._known[kind, value] = made
        return made

    def ip(self, value: str) -> str:
        """Returns the pseudonym of an address, in the same family."""
        return self.name("ip6" if ":" in value else "ip4", value)

    def end(self, value: Endpoint) -> Endpoint:
        """Returns an end of a connection with pseudonyms; its port is kept."""
        mac = None if value.mac is None else self.name("mac", value.mac)
        return Endpoint(self.ip(value.ip), value.port, mac)

    def place(self, value: str) -> str:
        """Returns the pseudonym of a server's address with its port."""
        ip, _, port = value.rpartition(":")
        shown = self.ip(ip.strip("[]"))
        return f"[{shown}]:{port}" if ":" in shown else f"{shown}:{port}"

    def maybe(self, kind: str, value: str | None) -> str | None:
        """Returns the pseudonym of a text that may be absent."""
        return None if value is None else self.name(kind, value)

    def every(self, kind: str, values: Iterable[str]) -> tuple[str, ...]:
        """Returns the pseudonyms of texts."""
        return tuple(self.name(kind, value) for value in values)

    def sentence(self, text: str) -> str:
        """Replaces addresses in one of our sentences, and identities seen so far."""
        text = _ADDRESS.sub(self._address, text)
        for (kind, value), made in self._known.items():
            if kind not in ("ip4", "ip6", "mac") and len(value) >= _SHORTEST:
                for spelling in {value, lossless(value)}:
                    if spelling in text:
                        text = text.replace(spelling, made)
        return text

    def _address(self, found: re.Match[str]) -> str:
        text = found[0]
        if text.count(":") == 5 and "." not in text and len(text) == 17:
            return self.name("mac", text.lower())
        try:
            ipaddress.ip_address(text)
        except ValueError:
            return text
        return self.ip(text)

    def value(self, value: Any) -> Any:
        """Replaces every text in a value of any type."""
        if isinstance(value, str):
            return self.name("text", value)
        if isinstance(value, bytes | bytearray | memoryview):
            return self.name("text", decode(bytes(value))).encode()
        if isinstance(value, Mapping):
            return {self.value(key): self.value(item) for key, item in value.items()}
        if isinstance(value, list | tuple | set | frozenset):
            return [self.value(item) for item in value]
        return value

    def evidence(self, evidence: Mapping[str, Any]) -> dict[str, Any]:
        """Replaces texts in the evidence of a finding, except fixed words."""
        return {
            key: item if key in _FIXED_WORDS else self.value(item) for key, item in evidence.items()
        }

    def properties(self, properties: tuple[Property, ...]) -> tuple[Property, ...]:
        """Replaces texts in properties; authentication data is redacted anyway."""
        return tuple(
            item
            if item.id == spec.AUTHENTICATION_DATA or isinstance(item.value, int)
            else msgspec.structs.replace(item, value=self._property(item))
            for item in properties
        )

    def _property(self, item: Property) -> Any:
        if item.name == "assignedClientIdentifier":
            return self.name("client", str(item.value))
        if item.id == spec.USER_PROPERTY:
            return tuple(self.value(item.value))
        return self.value(item.value)


def changed(packet: P, **changes: Any) -> P:
    """Copies a packet with some fields changed and without its bytes."""
    return type(packet)(**packet.values() | {"raw": b"", "defects": (), "secrets": ()} | changes)


class Pseudonymous:
    """A reporter that passes pseudonymized records to another one."""

    def __init__(self, reporter: Reporter) -> None:
        self._to = reporter
        self._names = Pseudonyms()
        self.precision = reporter.precision
        self.finish = reporter.finish

    def handshake(self, record: Handshake) -> None:
        """Passes the record on with pseudonyms."""
        self._to.handshake(self._handshake(record))

    def _handshake(self, record: Handshake) -> Handshake:
        names = self._names
        connect, connack = record.connect, record.connack
        if connect is not None:
            connect = self._connect(connect)
        if connack is not None:
            connack = changed(connack, properties=names.properties(connack.properties))
        made = Handshake(
            record.id, record.stream, record.transport, record.version, record.bridge,
            record.outcome, names.end(record.client), names.end(record.server), connect, connack,
            tuple(changed(auth, properties=()) for auth in record.auths), record.latency,
            record.close,
        )  # fmt: skip
        made.capture = record.capture
        if record.encapsulation is not None:
            made.encapsulation = self._encapsulation(record.encapsulation)
        if record.unfinished is not None:
            made.unfinished = copy.copy(record.unfinished)
            made.unfinished.connect = self._connect(record.unfinished.connect)
        return made

    def _connect(self, connect: Connect) -> Connect:
        names, message = self._names, connect.last_will_message
        return changed(
            connect,
            protocol_name=connect.protocol_name
            if connect.protocol_name in ("MQTT", "MQIsdp")
            else names.name("text", connect.protocol_name),
            client_id=names.name("client", connect.client_id),
            username=names.maybe("user", connect.username),
            last_will_topic=names.maybe("topic", connect.last_will_topic),
            last_will_message=None if message is None else names.value(message),
            properties=names.properties(connect.properties),
            last_will_properties=names.properties(connect.last_will_properties),
        )

    def tls_handshake(self, record: TlsHandshake) -> None:
        """Passes the record on with pseudonyms."""
        names = self._names
        hello, answer = record.client_hello, record.server_hello
        if hello is not None:
            hello = msgspec.structs.replace(
                hello,
                random=b"",
                session_id=b"",
                server_name=names.maybe("host", hello.server_name),
                alpn=tuple(map(self._protocol, hello.alpn)),
            )
        if answer is not None and answer.alpn is not None:
            answer = msgspec.structs.replace(answer, alpn=self._protocol(answer.alpn))
        made = msgspec.structs.replace(
            record,
            client=names.end(record.client),
            server=names.end(record.server),
            client_hello=hello,
            server_hello=answer,
            psk_hint=names.maybe("hint", record.psk_hint),
            psk_identity=names.maybe("identity", record.psk_identity),
            disguise=self._peer_certificate,
        )
        if record.encapsulation is not None:
            made.encapsulation = self._encapsulation(record.encapsulation)
        self._to.tls_handshake(made)

    def _protocol(self, name: str) -> str:
        return name if name in _PROTOCOLS else self._names.name("text", name)

    def _peer_certificate(self, found: Certificate) -> Certificate:
        names = self._names
        key = found.key_fingerprint
        return msgspec.structs.replace(
            found,
            subject=names.name("subject", found.subject),
            issuer=names.name("issuer", found.issuer),
            common_name=names.maybe("host", found.common_name),
            names=names.every("host", found.names),
            serial=names.name("serial", found.serial),
            fingerprint=names.name("certificate", found.fingerprint),
            key_fingerprint=names.maybe("key", key),
            sha1=names.name("certificate", found.fingerprint),
        )

    def _encapsulation(self, encapsulation: Encapsulation) -> Encapsulation:
        """Returns the encapsulation without the HTTP upgrade, which holds little but names."""
        made = Encapsulation(encapsulation.transport)
        header = encapsulation.proxied
        if header is not None:
            made.proxied = msgspec.structs.replace(
                header,
                ip=None if header.ip is None else self._names.ip(header.ip),
                authority=self._names.maybe("host", header.authority),
            )
        return made

    def finding(self, record: Finding) -> None:
        """Passes the record on with pseudonyms."""
        names = self._names
        client, server = record.client, record.server
        self._to.finding(
            record.replace(
                client_id=names.maybe("client", record.client_id),
                message=advice(record.rule).summary or record.name,
                evidence=names.evidence(record.evidence),
                packet=None,
                span=None,
                client=None if client is None else names.end(client),
                server=None if server is None else names.end(server),
            )
        )

    def warning(self, record: CaptureWarning) -> None:
        """Passes the record on with pseudonyms."""
        message = self._names.sentence(record.message)
        self._to.warning(msgspec.structs.replace(record, message=message))


class PseudonymousAudit(Pseudonymous):
    """The same for an audit."""

    _to: AuditReporter

    def device(self, record: Device) -> None:
        """Passes the record on with pseudonyms."""
        names = self._names
        self._to.device(
            msgspec.structs.replace(
                record,
                name=self._party(record),
                kind_reason=self._sentence(record.kind_reason),
                evidence=tuple(map(self._evidence, record.evidence)),
                macs=names.every("mac", record.macs),
                addresses=tuple(map(names.ip, record.addresses)),
                client_ids=names.every("client", record.client_ids),
                usernames=names.every("user", record.usernames),
                credentials=tuple(map(self._credential, record.credentials)),
                vendor_reason=self._sentence(record.vendor_reason),
                wills=tuple(map(self._will, record.wills)),
                servers=tuple(map(names.place, record.servers)),
                posture=self._posture(record.posture),
            )
        )

    def _party(self, record: Device) -> str:
        name, names = record.name, self._names
        if name in record.addresses:
            return names.ip(name)
        return names.name("mac" if name in record.macs else "client", name)

    def _evidence(self, item: Evidence) -> Evidence:
        names = self._names
        kind = _KINDS_OF_EVIDENCE.get(item.kind, item.kind)
        if kind in ("address", "forwarded"):
            value = names.ip(item.value)
        else:
            value = names.name(kind, item.value) if kind else item.value
        return Evidence(item.kind, value, names.sentence(item.reason), item.count)

    def _credential(self, fingerprint: str) -> str:
        public = len(fingerprint) == _PUBLIC
        return self._names.name("key", fingerprint) if public else fingerprint

    def _will(self, will: Will) -> Will:
        return msgspec.structs.replace(will, topic=self._names.name("topic", will.topic))

    def _sentence(self, text: str | None) -> str | None:
        return None if text is None else self._names.sentence(text)

    def _posture(self, posture: Posture) -> Posture:
        right = tuple(
            msgspec.structs.replace(point, text=self._names.sentence(point.text))
            for point in posture.right
        )
        unseen = tuple(map(self._names.sentence, posture.unseen))
        return msgspec.structs.replace(posture, right=right, unseen=unseen)

    def server(self, record: Server) -> None:
        """Passes the record on with pseudonyms."""
        names = self._names
        self._to.server(
            msgspec.structs.replace(
                record,
                name=names.place(record.name),
                ip=names.ip(record.ip),
                macs=names.every("mac", record.macs),
                vendor_reason=self._sentence(record.vendor_reason),
                hosts=names.every("host", record.hosts),
                paths=names.every("path", record.paths),
                limits={key: tuple(map(names.value, values))
                        for key, values in record.limits.items()},
                certificates=tuple(map(self._certificate, record.certificates)),
                posture=self._posture(record.posture),
            )
        )  # fmt: skip

    def _certificate(self, item: CertificateRecord) -> CertificateRecord:
        names = self._names
        return msgspec.structs.replace(
            item,
            subject=names.name("subject", item.subject),
            issuer=names.name("issuer", item.issuer),
            names=names.every("host", item.names),
            fingerprint=names.name("certificate", item.fingerprint),
        )

    def overview(self, record: Overview) -> None:
        """Passes the record on with pseudonyms."""
        sentence = self._names.sentence
        self._to.overview(
            msgspec.structs.replace(
                record,
                not_seen=tuple(map(sentence, record.not_seen)),
                method=(
                    *record.method,
                    "identities are replaced by consistent pseudonyms",
                ),
                limits=tuple(map(sentence, record.limits)),
            )
        )
