"""Builds TLS messages as steps of `Example`: conversations that the TLS rules share.

Nothing is really encrypted, and no TLS peer would complete such a handshake: only the plaintext
parts are correct. `certificates.json` has certificates of a fictitious authority for
`hub.house.example`, written by `samples/recording/example_certificates.py`.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence

import msgspec

from dissector.rules.base import Step
from dissector.rules.examples import lazy_step

PORT = 8883
HUB = "hub.house.example"
ECDHE, ECDHE_OLD, RSA, RC4, TLS_13 = 0xC02B, 0xC009, 0x009C, 0x0005, 0x1301
PSK = 0x00A8
V1_0, V1_1, V1_2, V1_3 = 0x0301, 0x0302, 0x0303, 0x0304

_CIPHER = "14 03 03 00 01 01"
CLOSES = ("C FIN", "S FIN")


@functools.cache
def _certificates() -> dict[str, bytes]:
    from pathlib import Path

    path = Path(__file__).parent / "certificates.json"
    return msgspec.json.decode(path.read_bytes(), type=dict[str, bytes])  # decodes base64


@lazy_step
def client_hello(
    name: str | None = HUB,
    versions: Sequence[int] = (V1_3, V1_2),
    suites: Sequence[int] = (TLS_13, ECDHE, RSA),
) -> str:
    """Returns the step that sends a ClientHello, without supported_versions for one version."""
    extensions = b""
    if name is not None:
        host = b"\0" + _vector(name.encode("ascii"), 2)
        extensions += _extension(0, _vector(host, 2))
    extensions += _extension(10, _vector(_numbers((23, 29)), 2)) + _extension(11, b"\1\0")
    if len(versions) > 1:
        extensions += _extension(43, _vector(_numbers(versions), 1))
    body = _number(min(max(versions), V1_2)) + bytes(range(32)) + b"\0"
    body += _vector(_numbers(suites), 2) + b"\1\0" + _vector(extensions, 2)
    return "C " + _record(_message(1, body)).hex(" ")


@lazy_step
def server_flight(
    certificate: str | None = "good",
    version: int = V1_2,
    suite: int = ECDHE,
    *,
    asks: bool = True,
) -> str:
    """Returns the step that sends a server's first flight up to TLS 1.2.

    `asks`: with a CertificateRequest.
    """
    flight = _server_hello(version, suite)
    if certificate is not None:
        flight += _chain(certificate)
    if asks:
        flight += _message(13, b"\1\x40" + _vector(_numbers((0x0403,)), 2) + b"\0\0")
    return "S " + _record(flight + _message(14, b"")).hex(" ")


@lazy_step
def server_hello_13() -> str:
    """Returns the step that sends a server's first flight of TLS 1.3."""
    hello = _record(_server_hello(V1_2, TLS_13, _extension(43, _number(V1_3))))
    return "S " + (hello + bytes.fromhex(_CIPHER) + _encrypted(23, 900)).hex(" ")


@lazy_step
def key_exchange(certificate: str | None = None, identity: str | None = None) -> str:
    """Returns the step that sends a client's last flight up to TLS 1.2."""
    flight = b"" if certificate is None else _chain(certificate)
    exchange = _vector(bytes(range(65)), 1)
    if identity is not None:
        exchange = _vector(identity.encode("ascii"), 2)
    records = _record(flight + _message(16, exchange))
    return "C " + (records + bytes.fromhex(_CIPHER) + _encrypted(22, 40)).hex(" ")


FINISHED = "S " + (bytes.fromhex(_CIPHER) + b"\x16\3\3\0\x28" + bytes(40)).hex(" ")
DATA = ("C 17 03 03 00 28 " + bytes(40).hex(" "), "S 17 03 03 00 1c " + bytes(28).hex(" "))


def alert(side: str, description: int) -> str:
    """Returns the step that sends a fatal alert."""
    return f"{side} 15 03 03 00 02 02 {description:02x}"


def session(
    certificate: str | None = "good",
    *,
    name: str | None = HUB,
    versions: Sequence[int] = (V1_3, V1_2),
    version: int = V1_2,
    suite: int = ECDHE,
    asks: bool = True,
    own: str | None = None,
) -> tuple[Step, ...]:
    """Returns a complete connection up to TLS 1.2, with data in both directions."""
    return (
        client_hello(name, versions),
        server_flight(certificate, version, suite, asks=asks),
        key_exchange(own),
        FINISHED,
        *DATA,
        *CLOSES,
    )


def by_psk(identity: str) -> tuple[Step, ...]:
    """Returns a complete connection with a pre-shared key, without certificates."""
    return (
        client_hello(),
        server_flight(None, suite=PSK, asks=False),
        key_exchange(identity=identity),
        FINISHED,
        *DATA,
        *CLOSES,
    )


def session_13(name: str | None = HUB) -> tuple[Step, ...]:
    """Returns a complete connection of TLS 1.3, with data in both directions."""
    finished = bytes.fromhex(_CIPHER) + _encrypted(23, 53)
    return (
        client_hello(name), server_hello_13(), "C " + finished.hex(" "), *DATA, *CLOSES
    )  # fmt: skip


def _server_hello(version: int, suite: int, extensions: bytes = b"") -> bytes:
    body = _number(version) + bytes(range(32)) + b"\0" + _number(suite) + b"\0"
    return _message(2, body + (_vector(extensions, 2) if extensions else b""))


def _chain(certificate: str) -> bytes:
    return _message(11, _vector(_vector(_certificates()[certificate], 3), 3))


def _encrypted(kind: int, size: int) -> bytes:
    return bytes((kind, 3, 3)) + _number(size) + bytes(size)


def _record(data: bytes) -> bytes:
    return b"\x16\3\1" + _vector(data, 2)


def _message(kind: int, body: bytes) -> bytes:
    return bytes((kind,)) + _vector(body, 3)


def _extension(kind: int, data: bytes) -> bytes:
    return _number(kind) + _vector(data, 2)


def _vector(data: bytes, size: int) -> bytes:
    return len(data).to_bytes(size, "big") + data


def _numbers(numbers: Sequence[int]) -> bytes:
    return b"".join(map(_number, numbers))


def _number(number: int) -> bytes:
    return number.to_bytes(2, "big")
