"""What is known of one TLS connection that seems to carry MQTT: facts for rules and reports."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from dissector.connections.connection import CaptureQuality
from dissector.connections.handshake import Close
from dissector.model import Endpoint, FrameRef, Side
from dissector.net.tls_messages import ClientHello, ServerHello
from dissector.net.tls_names import TLS_1_3, suite_name

if TYPE_CHECKING:
    from collections.abc import Callable

    from dissector.connections.certificate import Certificate
    from dissector.connections.encapsulation import Encapsulation


class Alert(msgspec.Struct, frozen=True):
    """An alert; `level` and `description` are None where it is encrypted.

    In TLS 1.3 an encrypted one is known by its size alone.
    """

    side: Side
    frame: FrameRef
    level: int | None = None
    description: int | None = None


class TlsHandshake(msgspec.Struct):
    """One TLS connection; `id` counts them over the capture from 0.

    `because` is why MQTT is expected in it: "port"; on a port that tells nothing, "alpn", or "keys"
    where it was decrypted.
    Each message stands beside the frame that completes it; None where it was not seen. Of TLS 1.3
    only the hellos can be. `certificates` are DER, a peer's own first; of a client None where it
    sent no Certificate message, and empty where it had none to show.

    `resumed`: the session was known before (in 1.3: any pre-shared key); None where nobody knows.
    `certificate_requested` is None where it cannot be seen: in TLS 1.3, on resumption, and where
    the server's first flight was not seen whole.

    `client_data` and `server_data` are the frames with the first application data of a side. In
    TLS 1.3 handshake messages look the same: the client's counts from its Finished on, which its
    size gives away; the server's from then on, and may be a session ticket.

    `client_bytes` and `server_bytes` is all that TCP carried. `decrypted`: a key log opened it, and
    the MQTT inside is reported like any other.

    Reports read certificates through `chain` and `client_chain`, which `disguise` changes where
    identities are not to be told.
    """

    id: int
    stream: int
    client: Endpoint
    server: Endpoint
    first: FrameRef
    because: str
    client_hello: ClientHello | None = None
    client_hello_frame: FrameRef | None = None
    server_hello: ServerHello | None = None
    server_hello_frame: FrameRef | None = None
    retried: bool = False
    certificates: tuple[bytes, ...] = ()
    certificates_frame: FrameRef | None = None
    certificate_request_frame: FrameRef | None = None
    certificate_requested: bool | None = None
    client_certificates: tuple[bytes, ...] | None = None
    client_certificates_frame: FrameRef | None = None
    psk_hint: str | None = None
    psk_identity: str | None = None
    psk_identity_frame: FrameRef | None = None
    resumed: bool | None = None
    alerts: list[Alert] = []
    client_data: FrameRef | None = None
    server_data: FrameRef | None = None
    client_bytes: int = 0
    server_bytes: int = 0
    close: Close | None = None
    encapsulation: Encapsulation | None = None
    decrypted: bool = False
    disguise: Callable[[Certificate], Certificate] | None = None
    quality: CaptureQuality = msgspec.field(default_factory=CaptureQuality)

    @property
    def version(self) -> int | None:
        """The version that the server chose."""
        return None if self.server_hello is None else self.server_hello.version

    @property
    def suite(self) -> str | None:
        """The cipher suite that the server chose, by IANA's name."""
        return None if self.server_hello is None else suite_name(self.server_hello.suite)

    @property
    def server_name(self) -> str | None:
        """The name that the client asked for (SNI)."""
        return None if self.client_hello is None else self.client_hello.server_name

    @property
    def alpn(self) -> str | None:
        """The protocol that the server chose, which TLS 1.3 encrypts."""
        return None if self.server_hello is None else self.server_hello.alpn

    @property
    def chain(self) -> tuple[Certificate | None, ...]:
        """What the server's certificates say, its own first; None for one that cannot be read."""
        return tuple(map(self._read, self.certificates))

    @property
    def client_chain(self) -> tuple[Certificate | None, ...] | None:
        """What the client's certificates say; None where it sent no Certificate message."""
        found = self.client_certificates
        return None if found is None else tuple(map(self._read, found))

    def _read(self, der: bytes) -> Certificate | None:
        from dissector.connections import certificate  # most captures hold none

        found = certificate.read(der)
        return found if found is None or self.disguise is None else self.disguise(found)

    @property
    def hides_certificates(self) -> bool:
        """Whether certificates are encrypted: in TLS 1.3."""
        return self.version == TLS_1_3

    @property
    def established(self) -> bool:
        """Whether both sides sent application data."""
        return self.client_data is not None and self.server_data is not None
