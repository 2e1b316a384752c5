"""Parses TLS handshake messages (RFC 5246, RFC 8446).

Encrypted messages are not parsed: for TLS 1.3 that leaves the two hellos. A message whose lengths
do not fit gives None. GREASE values, which only test a peer's tolerance, are left out of all lists.
"""

from __future__ import annotations

import msgspec

from dissector.net.tls_names import TLS_1_3, is_grease, suite_name
from dissector.text import decode

CLIENT_HELLO, SERVER_HELLO, NEW_SESSION_TICKET = 1, 2, 4
CERTIFICATE, SERVER_KEY_EXCHANGE, CERTIFICATE_REQUEST, SERVER_HELLO_DONE = 11, 12, 13, 14
CERTIFICATE_VERIFY, CLIENT_KEY_EXCHANGE = 15, 16

_SERVER_NAME, _GROUPS, _POINT_FORMATS, _SIGNATURES, _ALPN = 0, 10, 11, 13, 16
_SESSION_TICKET, _PRE_SHARED_KEY, _EARLY_DATA, _SUPPORTED_VERSIONS = 35, 41, 42, 43
_KEY_SHARE = 51
_CERTIFICATES_LIMIT = 32
# SHA-256 of "HelloRetryRequest": a ServerHello with this random is a HelloRetryRequest
_RETRY = bytes.fromhex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c")


class ClientHello(msgspec.Struct):
    """What a client offers, in its order.

    `versions` are those of supported_versions, or the single highest one if that is missing;
    `server_name` is None without SNI. `ticket`: it sends a session ticket (up to TLS 1.2),
    `pre_shared_key`: it offers one (1.3), by which sessions are resumed there. `random` identifies
    the connection in a key log.
    """

    legacy_version: int
    random: bytes
    session_id: bytes
    suites: tuple[int, ...]
    extensions: tuple[int, ...] = ()
    versions: tuple[int, ...] = ()
    server_name: str | None = None
    alpn: tuple[str, ...] = ()
    groups: tuple[int, ...] = ()
    point_formats: tuple[int, ...] = ()
    signature_algorithms: tuple[int, ...] = ()
    ticket: bool = False
    pre_shared_key: bool = False
    early_data: bool = False


class ServerHello(msgspec.Struct):
    """What a server chooses. `retry`: it asks for another ClientHello (1.3) and has not chosen yet.

    `pre_shared_key`: it accepts a pre-shared key (1.3).
    """

    legacy_version: int
    random: bytes
    session_id: bytes
    suite: int
    version: int
    extensions: tuple[int, ...] = ()
    alpn: str | None = None
    group: int | None = None
    pre_shared_key: bool = False
    retry: bool = False


class _TruncatedError(Exception):
    """Raised when a length reaches beyond its container; never leaves this module."""


class _Bytes:
    """Reads a message from its beginning, field by field."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, size: int) -> bytes:
        found = self._data[self._at : self._at + size]
        if len(found) < size:
            raise _TruncatedError
        self._at += size
        return found

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size), "big")

    def vector(self, size: int) -> bytes:
        """Read a vector: bytes preceded by their length in `size` bytes."""
        return self.take(self.number(size))

    def numbers(self, size: int, each: int = 2) -> tuple[int, ...]:
        """Read a vector of numbers of `each` bytes, without GREASE values."""
        raw = self.vector(size)
        if len(raw) % each:
            raise _TruncatedError
        all_of_them = (
            int.from_bytes(raw[at : at + each], "big") for at in range(0, len(raw), each)
        )
        return tuple(found for found in all_of_them if each != 2 or not is_grease(found))

    def more(self) -> bool:
        return self._at < len(self._data)


def client_hello(body: bytes) -> ClientHello | None:
    """Parse a ClientHello."""
    try:
        return _client_hello(_Bytes(body))
    except _TruncatedError:
        return None


def server_hello(body: bytes) -> ServerHello | None:
    """Parse a ServerHello, or a HelloRetryRequest."""
    try:
        return _server_hello(_Bytes(body))
    except _TruncatedError:
        return None


def certificates(body: bytes) -> tuple[bytes, ...] | None:
    """Parse the chain of a Certificate message up to TLS 1.2, in DER, the peer's own first."""
    try:
        chain = _Bytes(_Bytes(body).vector(3))
        found: list[bytes] = []
        while chain.more() and len(found) < _CERTIFICATES_LIMIT:
            found.append(chain.vector(3))
        return tuple(found)
    except _TruncatedError:
        return None


def psk_text(body: bytes, suite: int) -> str | None:
    """Return the pre-shared key text of a key exchange message, None for suites without one.

    A client sends the identity of the key, a server a hint about which one to use.
    """
    if "_PSK_" not in suite_name(suite):
        return None
    try:
        return decode(_Bytes(body).vector(2))
    except _TruncatedError:
        return None


def _client_hello(body: _Bytes) -> ClientHello:
    made = ClientHello(body.number(2), body.take(32), body.vector(1), body.numbers(2))
    body.vector(1)  # compression
    found = _extensions(body)
    made.extensions = tuple(found)
    if _SERVER_NAME in found:
        made.server_name = _server_name(found[_SERVER_NAME])
    if _ALPN in found:
        names = _Bytes(_Bytes(found[_ALPN]).vector(2))
        alpn: list[str] = []
        while names.more():
            alpn.append(decode(names.vector(1)))
        made.alpn = tuple(alpn)
    if _GROUPS in found:
        made.groups = _Bytes(found[_GROUPS]).numbers(2)
    if _POINT_FORMATS in found:
        made.point_formats = _Bytes(found[_POINT_FORMATS]).numbers(1, 1)
    if _SIGNATURES in found:
        made.signature_algorithms = _Bytes(found[_SIGNATURES]).numbers(2)
    made.versions = (made.legacy_version,)
    if _SUPPORTED_VERSIONS in found:
        made.versions = _Bytes(found[_SUPPORTED_VERSIONS]).numbers(1)
    made.ticket = bool(found.get(_SESSION_TICKET))
    made.pre_shared_key = _PRE_SHARED_KEY in found
    made.early_data = _EARLY_DATA in found
    return made


def _server_hello(body: _Bytes) -> ServerHello:
    legacy, random, session_id = body.number(2), body.take(32), body.vector(1)
    suite = body.number(2)
    body.number(1)  # compression
    made = ServerHello(legacy, random, session_id, suite, legacy, retry=random == _RETRY)
    found = _extensions(body)
    made.extensions = tuple(found)
    if _SUPPORTED_VERSIONS in found:
        made.version = _Bytes(found[_SUPPORTED_VERSIONS]).number(2)
    if _ALPN in found:
        names = _Bytes(_Bytes(found[_ALPN]).vector(2))
        made.alpn = decode(names.vector(1))
    if made.version == TLS_1_3 and _KEY_SHARE in found:
        made.group = _Bytes(found[_KEY_SHARE]).number(2)
    made.pre_shared_key = _PRE_SHARED_KEY in found
    return made


def _extensions(body: _Bytes) -> dict[int, bytes]:
    """Return the extensions in their order; if a type is repeated, the first one."""
    found: dict[int, bytes] = {}
    if body.more():
        block = _Bytes(body.vector(2))
        while block.more():
            kind, value = block.number(2), block.vector(2)
            if not is_grease(kind):
                found.setdefault(kind, value)
    return found


def _server_name(raw: bytes) -> str | None:
    """Return the host name of an SNI list."""
    names = _Bytes(_Bytes(raw).vector(2))
    while names.more():
        kind, name = names.number(1), names.vector(2)
        if kind == 0:
            return decode(name)
    return None
