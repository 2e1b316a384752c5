"""The `Profile` of a connection: everything it has in common with others of the same device."""

from __future__ import annotations

from dissector.connections.record import (
    NO_FACTS,
    ConnectionRecord,
    EncapsulationFacts,
    client_address,
    encapsulation_facts,
)
from dissector.connections.tls_handshake import TlsHandshake, ja3
from dissector.model import Endpoint, Stream, Version
from dissector.mqtt.properties import Property
from dissector.net.tls_names import version_name

STREAMS_KEPT = 8
ENCRYPTED = frozenset({"tls", "wss", "quic"})  # transports


class TlsFacts:
    """What the TLS connections of one profile show in clear text.

    `certificates` and `client_certificates` are DER, the leaf first. `requested` says whether the
    server requested a client certificate, `established` counts connections on which both sides sent
    application data. `decrypted`: they were decrypted, and the MQTT inside has profiles of its own.
    """

    __slots__ = (
        "certificates", "client_certificates", "decrypted", "established", "ja3", "requested",
        "resumed", "server_name", "suite", "version",
    )  # fmt: skip

    def __init__(self, record: TlsHandshake) -> None:
        self.version = None if record.version is None else version_name(record.version)
        self.suite = record.suite
        self.server_name = record.server_name
        self.ja3 = None if record.client_hello is None else ja3(record.client_hello)
        self.certificates = record.certificates
        self.client_certificates = record.client_certificates or ()
        self.requested: bool | None = None
        self.decrypted = record.decrypted
        self.established = 0
        self.resumed = 0

    @property
    def version_and_suite(self) -> str | None:
        """Formats version and suite, "TLS 1.2 TLS_RSA_…"; None without a ServerHello."""
        return None if self.version is None else f"{self.version} {self.suite}"


class Profile:
    """Connections that are alike: same addresses, client id, credentials, flags and transport.

    `username` is None if it is absent or empty. `secret` is a keyed hash of user name and password,
    None if the password is absent or empty; for TLS the fingerprint of the client certificate's
    key. `code` is that of the CONNACK, None without one, and without a CONNECT. `client_id` is None
    if no CONNECT was seen. `host` and `path` are those of a WebSocket upgrade; `forwarded` is the
    client's address as a proxy states it, in the headers that `forwarders` names. `tls` holds the
    cleartext facts of TLS connections, decrypted or not.

    `complete`: its CONNECT could be decoded to its end. `login_possible`: the client may have shown
    who it is in the layers around MQTT. `served`: the CONNACK accepted the client, or the server
    sent packets that only an accepted client gets (its CONNACK was not captured). `silent`: neither
    side sent data.
    """

    __slots__ = (
        "bridge", "clean", "client_id", "client_ip", "client_mac", "client_port", "code",
        "complete", "connack_properties", "count", "extra", "first_ns", "forwarded", "forwarders",
        "host", "keep_alive", "last_ns", "login_possible", "method", "path", "period", "properties",
        "protocol_level", "recent", "secret", "served", "server_ip", "server_mac", "server_port",
        "silent", "streams", "tls", "transport", "username", "version", "will",
    )  # fmt: skip

    def __init__(
        self,
        client: Endpoint,
        address: tuple[str, str | None],
        server: Endpoint,
        transport: str,
        facts: EncapsulationFacts,
        now: int,
    ) -> None:
        self.client_ip, self.client_mac = address
        self.client_port = client.port
        self.server_ip, self.server_mac, self.server_port = server.ip, server.mac, server.port
        self.transport = transport
        self.host, self.path, self.forwarded, self.forwarders = facts
        self.first_ns = self.last_ns = now
        self.silent = self.served = self.login_possible = self.complete = self.bridge = False
        self.version: Version | None = None
        self.tls: TlsFacts | None = None
        self.client_id: str | None = None
        self.username: str | None = None
        self.secret: str | None = None
        self.method: str | None = None
        self.clean = True
        self.keep_alive = self.protocol_level = 0
        self.will: tuple[str, int, bool, int] | None = None
        self.properties: tuple[Property, ...] = ()
        self.connack_properties: tuple[Property, ...] = ()
        self.code: int | None = None
        self.count = self.recent = self.period = 0
        self.streams: tuple[Stream, ...] = ()
        self.extra: object = None  # for the inventory of an audit

    def describe(self, record: ConnectionRecord) -> None:
        """Adds what the record of a connection with MQTT shows."""
        self.version = record.version
        self.bridge = record.bridge
        self.login_possible = record.login_possible
        self.silent = not record.has_connect and not record.has_data
        self.served = record.served
        if record.has_connect:
            self.code = record.code
            self.connack_properties = record.connack_properties
            self.client_id = record.client_id
            self.username = record.username or None
            self.secret = record.secret
            self.clean = record.clean
            self.keep_alive = record.keep_alive
            self.protocol_level = record.protocol_level
            self.complete = record.complete
            self.properties = record.properties
            self.method = record.method or None
            self.will = record.will

    @property
    def opaque(self) -> bool:
        """Whether it is TLS that was not decrypted."""
        return self.tls is not None and not self.tls.decrypted

    def used_count(self) -> int:
        """Returns the number of its connections that carried data: not those on which TLS failed.

        0 for TLS that was decrypted: the MQTT inside has a profile of its own.
        """
        if self.tls is not None:
            return 0 if self.tls.decrypted else self.tls.established
        return 0 if self.silent else self.count

    @property
    def encrypted(self) -> int:
        """The number of its connections that were encrypted."""
        return self.used_count() if self.transport in ENCRYPTED else 0

    @property
    def in_clear(self) -> int:
        """The number of its connections with MQTT in clear, also without a captured CONNECT."""
        return 0 if self.transport in ENCRYPTED else self.used_count()

    def add(self, capture: int | None, stream: int, period: int) -> None:
        """Counts a connection, and adds its stream up to `STREAMS_KEPT`.

        `capture` is the capture's id if there are several. `recent` counts the connections of one
        `period`, after which the tracker has forgotten all but the profiles.
        """
        self.count += 1
        if period != self.period:
            self.period, self.recent = period, 0
        self.recent += 1
        if len(self.streams) < STREAMS_KEPT:
            self.streams += (stream if capture is None else (capture, stream),)

    @property
    def shows_login(self) -> bool:
        """Whether its CONNECT has a user name, a password or an authentication method.

        Empty ones show nothing.
        """
        return self.username is not None or self.secret is not None or self.method is not None

    @property
    def anonymous(self) -> bool:
        """Whether the client certainly shows nothing: not in its CONNECT, nor around it."""
        return self.complete and not self.login_possible and not self.shows_login


def profile_of(record: ConnectionRecord, now: int) -> Profile:
    """Returns the profile of a connection with MQTT."""
    profile = Profile(
        record.client,
        (record.client_ip, record.client_mac),
        record.server,
        record.transport,
        (record.host, record.path, record.forwarded, record.forwarders),
        now,
    )
    profile.describe(record)
    return profile


def tls_profile_of(record: TlsHandshake) -> Profile:
    """Returns the profile of a TLS connection."""
    encapsulation = record.encapsulation
    facts = NO_FACTS if encapsulation is None else encapsulation_facts(encapsulation)
    address = client_address(record.client, encapsulation)
    now = record.first.time_ns
    profile = Profile(record.client, address, record.server, "tls", facts, now)
    profile.tls = TlsFacts(record)
    return profile
