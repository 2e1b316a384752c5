r"""Parses the PROXY protocol header at the beginning of a TCP connection.

A load balancer (HAProxy, NGINX, those of clouds) names the real client in this header: version 1 is
a line of text, version 2 is binary, with TLVs behind the addresses
(haproxy.org/download/3.0/doc/proxy-protocol.txt). What follows the header, MQTT, TLS or an HTTP
upgrade, is not parsed here. A header longer than `LIMIT` is rejected as malformed.
"""

from __future__ import annotations

import ipaddress

import msgspec

from dissector.net.first_bytes import PROXY_BINARY
from dissector.text import decode

LIMIT = 16_384  # bytes of a header; version 2 allows 65551
LINE_LIMIT = 107  # bytes of a version 1 header, with its end of line

_LOCAL, _PROXY = 0, 1
_INET, _INET6, _UNIX = 1, 2, 3
_ADDRESSES = {0: 0, _INET: 12, _INET6: 36, _UNIX: 216}  # bytes of the addresses and ports
_AUTHORITY, _SSL, _SSL_VERSION = 0x02, 0x20, 0x21


class ProxyHeader(msgspec.Struct, frozen=True):
    """What a proxy reports about the client behind it.

    `ip` and `port` are None if it gives no address: for a health check of the proxy (LOCAL,
    UNKNOWN) or a client on a UNIX socket. `authority` is the name that the client asked for (SNI),
    `tls` the TLS version between client and proxy, as the proxy formats it.
    """

    version: int
    ip: str | None = None
    port: int | None = None
    authority: str | None = None
    tls: str | None = None


class MalformedProxyHeaderError(Exception):
    """Bytes that begin like a header but are not a valid one; the text says what is wrong."""


def read(data: bytes | bytearray) -> tuple[int, ProxyHeader] | None:
    """Return the header's size and contents, or None while bytes are missing.

    Raises MalformedProxyHeaderError.
    """
    if data[:1] == PROXY_BINARY[:1]:
        return _binary(data)
    return _line(data)


def _line(data: bytes | bytearray) -> tuple[int, ProxyHeader] | None:
    end = data.find(b"\r\n", 0, LINE_LIMIT)
    if end < 0:
        if len(data) >= LINE_LIMIT:
            raise MalformedProxyHeaderError(f"no end of line within {LINE_LIMIT} bytes")
        return None
    words = bytes(data[:end]).split(b" ")
    if words[1] == b"UNKNOWN":
        return end + 2, ProxyHeader(1)
    if words[1] not in (b"TCP4", b"TCP6") or len(words) != 6:
        raise MalformedProxyHeaderError(
            "its line is not `PROXY TCP4|TCP6 address address port port`"
        )
    wanted = 4 if words[1] == b"TCP4" else 6
    try:
        address, _ = (ipaddress.ip_address(word.decode("ascii")) for word in words[2:4])
    except ValueError:
        raise MalformedProxyHeaderError("an address is invalid") from None
    ports = words[4:6]
    if address.version != wanted or not all(map(_is_port, ports)):
        raise MalformedProxyHeaderError("a port is invalid, or an address is of the wrong family")
    return end + 2, ProxyHeader(1, str(address), int(ports[0]))


def _is_port(word: bytes) -> bool:
    return word.isdigit() and len(word) <= 5 and int(word) <= 65535


def _binary(data: bytes | bytearray) -> tuple[int, ProxyHeader] | None:
    if len(data) < 16:
        return None
    version, command = data[12] >> 4, data[12] & 15
    family, protocol = data[13] >> 4, data[13] & 15
    size = data[14] << 8 | data[15]
    if version != 2 or command > _PROXY:
        raise MalformedProxyHeaderError(f"its version and command are 0x{data[12]:02x}")
    if 16 + size > LIMIT:
        raise MalformedProxyHeaderError(f"its length is {16 + size} bytes, more than {LIMIT}")
    if command == _PROXY and (family not in _ADDRESSES or protocol > 2):
        raise MalformedProxyHeaderError(f"its family and protocol are 0x{data[13]:02x}")
    needed = _ADDRESSES.get(family, 0) if command == _PROXY else 0
    if size < needed:
        raise MalformedProxyHeaderError(f"{size} bytes cannot hold addresses of {needed} bytes")
    if len(data) < 16 + size:
        return None
    if command == _LOCAL:
        return 16 + size, ProxyHeader(2)
    body = bytes(data[16 : 16 + size])
    ip, port = None, None
    if family in (_INET, _INET6):
        width = 4 if family == _INET else 16
        ip = str(ipaddress.ip_address(body[:width]))
        port = int.from_bytes(body[2 * width : 2 * width + 2], "big")
    found = _tlvs(body[needed:])
    authority, ssl = found.get(_AUTHORITY), found.get(_SSL, b"")
    tls = _tlvs(ssl[5:]).get(_SSL_VERSION) if len(ssl) >= 5 and ssl[0] & 1 else None
    return 16 + size, ProxyHeader(
        2,
        ip,
        port,
        None if authority is None else decode(authority),
        None if tls is None else decode(tls),
    )


def _tlvs(data: bytes) -> dict[int, bytes]:
    """Split TLVs into type and value; raises MalformedProxyHeaderError if one is cut short."""
    found = {}
    at = 0
    while at < len(data):
        end = at + 3 + (int.from_bytes(data[at + 1 : at + 3], "big"))
        if at + 3 > len(data) or end > len(data):
            raise MalformedProxyHeaderError("a TLV is longer than the header")
        found[data[at]] = data[at + 3 : end]
        at = end
    return found
