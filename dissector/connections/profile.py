"""The `Profile` of a connection: everything it has in common with others of the same device."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dissector.connections.connection import Connection
from dissector.model import Version
from dissector.mqtt.packets import Connack, Connect, Property, property_value
from dissector.mqtt.spec import is_secret_property
from dissector.net import harmless

if TYPE_CHECKING:
    from dissector.connections.tls_activity import TlsFacts
    from dissector.connections.tls_handshake import TlsHandshake

STREAMS_KEPT = 8


class Profile:
    """Connections that are alike: same addresses, client id, credentials, flags and transport.

    `secret` is a keyed hash of user name and password, None without a password; for TLS the
    fingerprint of the client certificate's key. `code` is that of the CONNACK, None without one.
    `client_id` is None if no CONNECT was seen. `host` and `path` are those of a WebSocket upgrade;
    `forwarded` is the client's address as a proxy states it, in the headers that `forwarders`
    names. `tls` holds the cleartext facts of TLS connections, decrypted or not.
    """

    __slots__ = (
        "bridge", "clean", "client_id", "client_ip", "client_mac", "client_port", "code",
        "complete", "connack_properties", "count", "extra", "first_ns", "forwarded", "forwarders",
        "host", "keep_alive", "last_ns", "method", "path", "properties", "protocol_level", "secret",
        "server_ip", "server_mac", "server_port", "streams", "tls", "transport", "username",
        "version", "will",
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
            self.username = connect.username
            self.clean = connect.clean_session
            self.keep_alive = connect.keep_alive
            self.protocol_level = connect.protocol_level
            self.complete = connect.complete
            self.properties = _public_properties(connect.properties)
            self.method = property_value(connect.properties, "authenticationMethod")
            if connect.will_flag and connect.last_will_topic is not None:
                size = len(connect.last_will_message or b"")
                self.will = (
                    connect.last_will_topic, connect.last_will_qos, connect.last_will_retain, size
                )  # fmt: skip
        if connack is not None:
            self.code = connack.return_code
            self.connack_properties = _public_properties(connack.properties)
        self.count = 0
        self.first_ns = self.last_ns = now
        self.streams: list[int] = []
        self.extra: object = None  # for the inventory of an audit

    @property
    def opaque(self) -> bool:
        """Whether it is TLS that was not decrypted."""
        return self.tls is not None and not self.tls.decrypted

    def add_stream(self, stream: int) -> None:
        """Adds the stream index of one of its connections, up to `STREAMS_KEPT`."""
        if len(self.streams) < STREAMS_KEPT:
            self.streams.append(stream)

    @property
    def anonymous(self) -> bool:
        """Whether the client shows no user name, credentials or authentication method."""
        return self.username is None and self.secret is None and self.method is None


EncapsulationFacts = tuple[str | None, str | None, str | None, tuple[str, ...]]
_NO_FACTS: EncapsulationFacts = (None, None, None, ())


def encapsulation_facts(connection: Connection | TlsHandshake) -> EncapsulationFacts | None:
    """Returns host, path, the client's address behind a proxy and the headers that state it."""
    encapsulation = connection.encapsulation
    if encapsulation is None:
        return None
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
