"""Makes real TLS conversations in memory, with their keys, for tests.

A client and a server (Python's ssl, which is OpenSSL) exchange messages, with keys and
certificates generated for the test. So tests have genuine handshakes of TLS 1.2 and 1.3.
"""

from __future__ import annotations

import contextlib
import datetime
import functools
import ipaddress
import ssl
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

NAME = "mqtt.example"
CONNECT = bytes.fromhex("100d00044d5154540402003c000161")
CONNACK = bytes.fromhex("20020000")
DISCONNECT = bytes.fromhex("e000")
TALK = (("C", CONNECT), ("S", CONNACK), ("C", DISCONNECT))


class Identity(NamedTuple):
    """A certificate and its key."""

    certificate: x509.Certificate
    key: Any

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.DER)

    def pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    def write(self, path: Path) -> None:
        """Writes the key and the certificate to one file."""
        key = self.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        path.write_bytes(key + self.pem())


def identity(
    name: str = NAME,
    issuer: Identity | None = None,
    *,
    key: Any = None,
    days: tuple[int, int] = (-1, 365),
    algorithm: Any = None,
    authority: bool = False,
) -> Identity:
    """Makes a certificate, self-signed without `issuer`; `days`: its validity relative to now."""
    key = ec.generate_private_key(ec.SECP256R1()) if key is None else key
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    names = [x509.DNSName(name), x509.IPAddress(ipaddress.ip_address("10.0.0.2"))]
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject if issuer is None else issuer.certificate.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + datetime.timedelta(days=days[0]))
        .not_valid_after(now + datetime.timedelta(days=days[1]))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
    )
    if not authority:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    signer = key if issuer is None else issuer.key
    return Identity(builder.sign(signer, algorithm or _hash_for(signer)), key)


def _hash_for(key: Any) -> Any:
    return hashes.SHA256() if hasattr(key, "key_size") else None  # Ed25519 needs no hash


@functools.cache
def authority() -> Identity:
    """Returns the certificate authority that all peers trust."""
    return identity("test authority", authority=True)


@functools.cache
def server() -> Identity:
    """Returns the server's certificate."""
    return identity(issuer=authority())


@functools.cache
def device() -> Identity:
    """Returns a client's certificate."""
    return identity("device-7", authority())


class Peers:
    """A client and a server that keep their TLS contexts, so that a session can be resumed.

    `keys` is the key log of all their connections so far (SSLKEYLOGFILE format).
    """

    def __init__(
        self,
        version: str = "1.2",
        *,
        alpn: Sequence[str] = (),
        client: Identity | None = None,
        asks: bool = False,
        trusted: bool = True,
        ciphers: str | None = None,
    ) -> None:
        with tempfile.TemporaryDirectory() as folder:
            place = Path(folder) / "server.pem"
            server().write(place)
            self.server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.server.load_cert_chain(place)
            self.client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            root = authority() if trusted else identity("another authority", authority=True)
            self.client.load_verify_locations(cadata=root.pem().decode())
            if client is not None:
                device_place = Path(folder) / "client.pem"
                client.write(device_place)
                self.client.load_cert_chain(device_place)
        number = ssl.TLSVersion.TLSv1_3 if version == "1.3" else ssl.TLSVersion.TLSv1_2
        for context in (self.server, self.client):
            context.minimum_version = context.maximum_version = number
            if alpn:
                context.set_alpn_protocols(list(alpn))
            if ciphers is not None:
                context.set_ciphers(ciphers)
        if asks or client is not None:
            self.server.load_verify_locations(cadata=authority().pem().decode())
            self.server.verify_mode = ssl.CERT_OPTIONAL
        self._log = tempfile.NamedTemporaryFile(suffix=".keys")  # noqa: SIM115  # closed on exit
        self.client.keylog_filename = self._log.name
        self.session: ssl.SSLSession | None = None

    @property
    def keys(self) -> bytes:
        return Path(self._log.name).read_bytes()

    def __enter__(self) -> Peers:
        return self

    def __exit__(self, *exception: object) -> None:
        self._log.close()

    def talk(
        self, data: Sequence[tuple[str, bytes]] = TALK, *, resume: bool = False, name: str = NAME
    ) -> list[tuple[str, bytes]]:
        """Returns the bytes on the wire as (side, bytes), in order; ends at a refusal."""
        buffers = {side: (ssl.MemoryBIO(), ssl.MemoryBIO()) for side in "CS"}  # incoming, outgoing
        ends = {
            "C": self.client.wrap_bio(
                *buffers["C"], server_hostname=name, session=self.session if resume else None
            ),
            "S": self.server.wrap_bio(*buffers["S"], server_side=True),
        }
        wire: list[tuple[str, bytes]] = []

        def carry(side: str) -> None:
            """Records the output of a side and passes it to the other."""
            if output := buffers[side][1].read():
                wire.append((side, output))
                buffers["S" if side == "C" else "C"][0].write(output)

        open_ends = ["C", "S"]
        while open_ends:
            for side in list(open_ends):
                try:
                    ends[side].do_handshake()
                    open_ends.remove(side)
                except ssl.SSLWantReadError:
                    pass
                except ssl.SSLError:
                    carry(side)
                    return wire
                carry(side)
        for side, message in data:
            ends[side].write(message)
            carry(side)
            assert ends["S" if side == "C" else "C"].read(len(message)) == message
        self.session = ends["C"].session
        for side in "CS":
            with contextlib.suppress(ssl.SSLError):  # raised because the peer has not answered yet
                ends[side].unwrap()
            carry(side)
        return wire


def steps(wire: Sequence[tuple[str, bytes]]) -> list[str]:
    """Formats wire bytes as steps of a conversation (`samples/build.py`), with both FINs."""
    return [f"{side} {data.hex()}" for side, data in wire] + ["C FIN", "S FIN"]
