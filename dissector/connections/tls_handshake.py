"""Record of one TLS connection that seems to carry MQTT, for rules and reports."""

from __future__ import annotations

import functools
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
    from dissector.connections.encapsulation.record import Encapsulation


class Alert(msgspec.Struct, frozen=True):
    """A TLS alert; `level` and `description` are None if it is encrypted.

    In TLS 1.3 an encrypted alert is recognised only by its size.
    """

    side: Side
    frame: FrameRef
    level: int | None = None
    description: int | None = None


class TlsHandshake(msgspec.Struct):
    """One TLS connection; `id` counts them over the capture from 0.

    `because` is why MQTT is expected in it: "port"; on any other port, "alpn", or "keys" if it was
    decrypted.
    Each message has the frame that completes it; None if it was not seen. In TLS 1.3 only the
    hellos are visible. `certificates` are DER, the leaf first; the client's are None if it sent no
    Certificate message, and empty if that message was empty.

    `resumed`: an earlier session was resumed (in 1.3: with any pre-shared key); None if unknown.
    `certificate_requested` is None where it is not visible: in TLS 1.3, on resumption, and if the
    server's first flight was not captured completely.

    `client_data` and `server_data` are the frames with the first application data of a side. In
    TLS 1.3 handshake messages look the same: the client's data counts after its Finished, which is
    recognised by its size; the server's from then on, and may be a session ticket.

    `client_bytes` and `server_bytes` are all bytes that TCP carried. `decrypted`: it was decrypted,
    and the MQTT inside is reported like any other.

    Reports read certificates through `chain` and `client_chain`, to which `disguise` is applied
    where identities are pseudonymised.
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
    capture: int = 0
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
        """The parsed certificates of the server, leaf first; None for one that cannot be read."""
        return tuple(map(self._read, self.certificates))

    @property
    def client_chain(self) -> tuple[Certificate | None, ...] | None:
        """The parsed certificates of the client; None if it sent no Certificate message."""
        found = self.client_certificates
        return None if found is None else tuple(map(self._read, found))

    def _read(self, der: bytes) -> Certificate | None:
        from dissector.connections import certificate  # not needed for most captures

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


def ja3(hello: ClientHello) -> str:
    """Returns the JA3 digest of a ClientHello, which identifies the client's TLS library."""
    return _ja3(
        hello.legacy_version, hello.suites, hello.extensions, hello.groups, hello.point_formats
    )


@functools.lru_cache(maxsize=4096)
def _ja3(version: int, *lists: tuple[int, ...]) -> str:
    import hashlib  # it loads OpenSSL, which is not needed for unencrypted traffic

    text = ",".join([str(version), *("-".join(map(str, numbers)) for numbers in lists)])
    return hashlib.md5(text.encode("ascii"), usedforsecurity=False).hexdigest()
