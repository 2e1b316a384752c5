"""The `Profile` of a connection: everything it has in common with others of the same device."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dissector.connections.connection import Connection
from dissector.model import Stream, Version
from dissector.mqtt.packets.connack import Connack
from dissector.mqtt.packets.connect import Connect
from dissector.mqtt.properties import Property, property_value
from dissector.mqtt.spec import is_secret_property

if TYPE_CHECKING:
    from dissector.connections.tls_activity import TlsFacts
    from dissector.connections.tls_handshake import TlsHandshake

STREAMS_KEPT = 8
ENCRYPTED = frozenset({"tls", "wss", "quic"})  # transports


class Profile:
    """Connections that are alike: same addresses, client id, credentials, flags and transport.

    `username` is None if it is absent or empty. `secret` is a keyed hash of user name and password,
    None if the password is absent or empty; for TLS the fingerprint of the client certificate's
    key. `code` is that of the CONNACK, None without one. `client_id` is None if no CONNECT was
    seen. `host` and `path` are those of a WebSocket upgrade; `forwarded` is the client's address as
    a proxy states it, in the headers that `forwarders` names. `tls` holds the cleartext facts of
    TLS connections, decrypted or not.

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
        connection: Connection | TlsHandshake,
        connect: Connect | None,
        connack: Connack | None,
        now: int,
    ) -> None:
        server = connection.server
        self.client_ip, self.client_mac = client_address(connection)
        self.client_port = connection.client.port
        self.server_ip, self.server_mac, self.server_port = server.ip, server.mac, server.port
        self.transport = "tls"
        self.silent = self.served = self.login_possible = False
        self.host, self.path, self.forwarded, self.forwarders = (
            encapsulation_facts(connection) or _NO_FACTS
        )
        self.version: Version | None = None
        self.bridge = False
        self.tls: TlsFacts | None = None
        if isinstance(connection, Connection):
            self.transport = connection.transport
            self.version = connection.version
            self.bridge = connection.bridge
            if connection.encapsulation is not None:
                self.login_possible = connection.encapsulation.login_possible
            self.silent = connect is None and not connection.has_data()
            self.served = connection.served()
        self.client_id: str | None = None
        self.username: str | None = None
        self.secret: str | None = None
        self.method: str | None = None
        self.clean = True
        self.keep_alive = 0
        self.protocol_level = 0
        self.will: tuple[str, int, bool, int] | None = None
        self.properties: tuple[Property, ...] = ()
        self.complete = False
        self.connack_properties: tuple[Property, ...] = ()
        self.code: int | None = None
        if connect is not None:
            self.client_id = connect.client_id
            self.username = connect.username or None
            self.clean = connect.clean_session
            self.keep_alive = connect.keep_alive
            self.protocol_level = connect.protocol_level
            self.complete = connect.complete
            self.properties = _public_properties(connect.properties)
            self.method = property_value(connect.properties, "authenticationMethod") or None
            if connect.will_flag and connect.last_will_topic is not None:
                size = len(connect.last_will_message or b"")
                self.will = (
                    connect.last_will_topic, connect.last_will_qos, connect.last_will_retain, size
                )  # fmt: skip
        if connack is not None:
            self.code = connack.return_code
            self.connack_properties = _public_properties(connack.properties)
        self.count = self.recent = self.period = 0
        self.first_ns = self.last_ns = now
        self.streams: list[Stream] = []
        self.extra: object = None  # for the inventory of an audit

    @property
    def opaque(self) -> bool:
        """Whether it is TLS that was not decrypted."""
        return self.tls is not None and not self.tls.decrypted

    @property
    def used(self) -> int:
        """The number of its connections that carried data: not those on which TLS failed.

        0 for TLS that was decrypted: the MQTT inside has a profile of its own.
        """
        if self.tls is not None:
            return 0 if self.tls.decrypted else self.tls.established
        return 0 if self.silent else self.count

    @property
    def encrypted(self) -> int:
        """The number of its connections that were encrypted."""
        return self.used if self.transport in ENCRYPTED else 0

    @property
    def in_clear(self) -> int:
        """The number of its connections with MQTT in clear, also without a captured CONNECT."""
        return 0 if self.transport in ENCRYPTED else self.used

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
            self.streams.append(stream if capture is None else (capture, stream))

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


EncapsulationFacts = tuple[str | None, str | None, str | None, tuple[str, ...]]
_NO_FACTS: EncapsulationFacts = (None, None, None, ())


def encapsulation_facts(connection: Connection | TlsHandshake) -> EncapsulationFacts | None:
    """Returns host, path, the client's address behind a proxy and the headers that state it."""
    encapsulation = connection.encapsulation
    if encapsulation is None:
        return None
    from dissector.net import harmless  # its import costs more than a small capture

    request = None if encapsulation.request is None else harmless.request(encapsulation.request)
    return (
        None if request is None else request.host,
        None if request is None else request.path,
        harmless.header_value("x-forwarded-for", encapsulation.forwarded),
        encapsulation.forwarders,
    )


def client_address(connection: Connection | TlsHandshake) -> tuple[str, str | None]:
    """Returns the client's address and MAC; by a PROXY protocol header, its address and None."""
    encapsulation, client = connection.encapsulation, connection.client
    if (
        encapsulation is not None
        and encapsulation.proxied is not None
        and encapsulation.proxied.ip is not None
    ):
        return encapsulation.proxied.ip, None
    return client.ip, client.mac


def _public_properties(properties: tuple[Property, ...]) -> tuple[Property, ...]:
    """Returns the properties that hold no secret."""
    if not properties:
        return ()
    return tuple(item for item in properties if not is_secret_property(item.id))
