"""What is kept of HTTP heads, PROXY protocol headers and TCP options: only what is harmless."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dissector.net import harmless
from dissector.net.first_bytes import PROXY_BINARY

MARK = b"S3cr3t!Mark"

HEADS = {
    b"GET /mqtt HTTP/1.1\r\nHost: h:8080\r\n\r\n": b"GET /mqtt HTTP/1.1\r\nHost: h:8080\r\n\r\n",
    b"GET /mqtt/abc;x=1?q#f HTTP/1.1\r\n\r\n": b"GET /mqtt/*******?*** HTTP/1.1\r\n\r\n",
    b"GET ws://u:p@h/ws HTTP/1.1\r\n\r\n": b"GET ***//*****/ws HTTP/1.1\r\n\r\n",
    b"GET ws://h:80/ws HTTP/1.1\r\n\r\n": b"GET ws://h:80/ws HTTP/1.1\r\n\r\n",
    b"HTTP/1.1 101 Switching Protocols\r\n\r\n": b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
    b"HTTP/1.1 200 abc def\r\nX-Y: z\r\n\r\n": b"HTTP/1.1 200 *** ***\r\n***: *\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: u@h\r\nCookie: a\r\n b c\r\n\r\n": (
        b"GET / HTTP/1.1\r\nHost: ***\r\nCookie: *\r\n * *\r\n\r\n"
    ),
    b"GET / HTTP/1.1\r\nUpgrade: WebSocket, x\r\nConnection: Upgrade\r\n\r\n": (
        b"GET / HTTP/1.1\r\nUpgrade: WebSocket, *\r\nConnection: Upgrade\r\n\r\n"
    ),
    b"GET / HTTP/1.1\r\nSec-WebSocket-Protocol: mqtt, tok3n\r\n\r\n": (
        b"GET / HTTP/1.1\r\nSec-WebSocket-Protocol: mqtt, *****\r\n\r\n"
    ),
    b"GET / HTTP/1.1\r\nHost: h\r\nOrigin: https://h\r\n\r\n": (
        b"GET / HTTP/1.1\r\nHost: h\r\nOrigin: https://h\r\n\r\n"
    ),
    b"GET / HTTP/1.1\r\nHost: h\r\nOrigin: https://i\r\n\r\n": (
        b"GET / HTTP/1.1\r\nHost: h\r\nOrigin: *********\r\n\r\n"
    ),
    b"GET / HTTP/1.1\r\nX-Forwarded-For: 1.2.3.4, ::1\r\n\r\n": (
        b"GET / HTTP/1.1\r\nX-Forwarded-For: 1.2.3.4, ::1\r\n\r\n"
    ),
    b"GET / HTTP/1.1\r\nForwarded: for=1.2.3.4;proto=https\r\n\r\n": (
        b"GET / HTTP/1.1\r\nForwarded: for=1.2.3.4;proto=https\r\n\r\n"
    ),
    b"GET / HTTP/1.1\nHost: h\n\n": b"GET / HTTP/1.1\nHost: h\n\n",
}


@pytest.mark.parametrize("raw", HEADS, ids=lambda raw: raw.decode()[:40])
def test_http_heads(raw: bytes) -> None:
    """Of an HTTP head the mechanics of an upgrade are kept, the rest becomes asterisks."""
    assert harmless.http_head(raw) == HEADS[raw]


NAMES = [
    "Host", "Upgrade", "Connection", "Sec-WebSocket-Key", "Sec-WebSocket-Accept", "User-Agent",
    "Sec-WebSocket-Version", "Sec-WebSocket-Protocol", "Sec-WebSocket-Extensions", "Origin",
    "Authorization", "Cookie", "Referer", "X-Anything", "Content-Length", "Transfer-Encoding",
    "X-Forwarded-For", "Forwarded", "Via", "Server", "Set-Cookie", "Location",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("value", ["{}", "a, {}", "x={}", '"{}"', "websocket; {}", "{}\r\n\t{}"])
def test_no_header_shows_a_secret(name: str, value: str) -> None:
    """A secret in the value of any header is overwritten, also in a list or a folded line."""
    mark = MARK.decode()
    head = f"GET /mqtt HTTP/1.1\r\n{name}: {value.format(mark, mark)}\r\nHost: h\r\n\r\n".encode()
    made = harmless.http_head(head)
    assert MARK not in made
    assert (len(made), made.count(b"\r\n")) == (len(head), head.count(b"\r\n"))


def _v2(family: int, body: bytes, command: int = 0x21) -> bytes:
    return PROXY_BINARY + bytes((command, family)) + len(body).to_bytes(2, "big") + body


def _tlv(kind: int, value: bytes) -> bytes:
    return bytes((kind,)) + len(value).to_bytes(2, "big") + value


FOUR = bytes(12)
STARS = b"*" * len(MARK)
NESTED = _tlv(0x20, b"\1\0\0\0\0" + _tlv(0x21, b"TLSv1.3") + _tlv(0x22, MARK))
PROXIES = {
    b"PROXY TCP4 192.0.2.7 10.0.0.2 50000 1883\r\n": None,
    b"PROXY TCP6 ::1 ::2 50000 1883\r\n": None,
    b"PROXY UNKNOWN " + MARK + b"\r\n": b"PROXY UNKNOWN " + STARS + b"\r\n",
    b"PROXY TCP4 " + MARK + b" a b c\r\n": b"PROXY **** " + STARS + b" * * *\r\n",
    b"PROXY TCP6 fe80::1%" + MARK + b" ::2 1 2\r\n": (
        b"PROXY **** ********" + STARS + b" *** * *\r\n"
    ),
    _v2(0x11, FOUR): None,
    _v2(0x11, FOUR + _tlv(1, b"mqtt")): None,
    _v2(0x11, FOUR + _tlv(1, MARK)): _v2(0x11, FOUR + _tlv(1, STARS)),
    _v2(0x11, FOUR + _tlv(0x30, MARK)): _v2(0x11, FOUR + _tlv(0x30, STARS)),
    _v2(0x21, bytes(36) + NESTED): _v2(0x21, bytes(36) + NESTED.replace(MARK, STARS)),
    _v2(0x31, MARK.ljust(216, b"\0")): _v2(0x31, b"*" * 216),
    _v2(0, MARK, 0x20): _v2(0, STARS, 0x20),
}


@pytest.mark.parametrize("raw", PROXIES, ids=repr)
def test_proxy_headers(raw: bytes) -> None:
    """Of a PROXY protocol header addresses, ports, protocol and TLS version are kept."""
    assert harmless.proxy_header(raw) == (PROXIES[raw] or raw)


OPTIONS = {
    "020405b40103030604020000": None,
    "0101080a0000000100000002": None,
    "0101050a0000000100000002": None,
    "220a" + "41" * 8 + "0101": "220a" + "2a" * 8 + "0101",
    "1312" + "41" * 16 + "0000": "1312" + "2a" * 16 + "0000",
    "0206" + "41" * 4 + "0101": "0206" + "2a" * 4 + "0101",
    "0041424344": "002a2a2a2a",
    "fe": "2a",
    "2220414243": "2a2a2a2a2a",
}


@pytest.mark.parametrize("raw", OPTIONS)
def test_tcp_options(raw: str) -> None:
    """Usual TCP options are kept; the data of others, and bytes after the last one, are not."""
    assert harmless.tcp_options(bytes.fromhex(raw)).hex() == (OPTIONS[raw] or raw)


@given(st.binary(max_size=300))
def test_any_bytes_keep_their_length(raw: bytes) -> None:
    """Any bytes can be given to every function, and as many come back."""
    assert len(harmless.http_head(raw)) == len(raw)
    assert len(harmless.tcp_options(raw)) == len(raw)
    assert len(harmless.target(raw)) == len(raw)
    for header in (b"PROXY " + raw, PROXY_BINARY + raw):
        assert len(harmless.proxy_header(header)) == len(header)


def test_deeply_nested_tlvs() -> None:
    """TLVs of TLS inside each other are not followed deeper than one level."""
    body = MARK
    while len(body) < 15_000:
        body = _tlv(0x20, bytes(5) + body)
    assert MARK not in harmless.proxy_header(_v2(0x11, FOUR + body))
