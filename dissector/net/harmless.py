"""Overwrites whatever in HTTP heads, PROXY protocol headers and TCP options may be a secret.

This is an allowlist: what is not known to be harmless becomes asterisks, in every output and in
extracts alike. All functions return as many bytes as they are given, and what they return can be
parsed as before.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from functools import lru_cache
from http import HTTPStatus

import msgspec

from dissector.net.first_bytes import PROXY_BINARY, PROXY_TEXT
from dissector.net.upgrade import Request
from dissector.text import decode, encode

STAR = b"*"
_PATH_WORDS = frozenset(
    b"mqtt mqtts mqttws mqtt-ws ws wss websocket websockets $iothub socket api v1 v2 v3".split()
)
_METHODS = frozenset(b"GET HEAD POST PUT PATCH DELETE OPTIONS TRACE CONNECT".split())
_SUBPROTOCOLS = frozenset(
    b"mqtt mqttv3.1 mqttv3.1.1 mqttv3.11 mqttv5 mqttv5.0 mqtt5 amqp stomp v10.stomp v11.stomp "
    b"v12.stomp wamp wamp.2.json soap xmpp sip binary base64 chat superchat graphql-ws json".split()
)
_EXTENSIONS = frozenset(
    b"permessage-deflate x-webkit-deflate-frame client_no_context_takeover "
    b"server_no_context_takeover client_max_window_bits server_max_window_bits".split()
)
_CONNECTION = frozenset(b"upgrade keep-alive close http2-settings te".split())
_REASONS = frozenset(status.phrase.lower().encode() for status in HTTPStatus) | {
    b"ok", b"web socket protocol handshake", b"websocket protocol handshake",
}  # fmt: skip
_HTTP_VERSION = re.compile(rb"HTTP/1\.[01]")
_HOST = rb"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?"
_TLS_VERSION = re.compile(rb"TLSv1(?:\.[0-3])?|SSLv[23]")
# names of headers that are kept; values only of those with a test below
_NAMES = frozenset(
    b"accept accept-encoding accept-language authorization cache-control cookie date forwarded "
    b"host origin pragma proxy-authorization referer sec-fetch-dest sec-fetch-mode sec-fetch-site "
    b"server set-cookie user-agent via www-authenticate x-forwarded-for x-forwarded-host "
    b"x-forwarded-port x-forwarded-proto x-real-ip x-request-id content-type location "
    b"upgrade connection content-length transfer-encoding sec-websocket-version "
    b"sec-websocket-key sec-websocket-accept sec-websocket-protocol "
    b"sec-websocket-extensions".split()
)


@lru_cache(1024)
def path(raw: bytes) -> bytes:
    """Overwrites the segments of a path that are not known words, and parameters after `;`."""
    return b"/".join(
        part if part.lower() in _PATH_WORDS else _stars(part) for part in raw.split(b"/")
    )


def target(raw: bytes) -> bytes:
    """Overwrites a request's target but for known words of its path and the host in a URL."""
    scheme = re.match(rb"(?:https?|wss?)://(" + _HOST + rb")(?=[/?#]|$)", raw, re.IGNORECASE)
    start = scheme.end() if scheme is not None else 0
    end = min((at for at in map(raw.find, (b"?", b"#")) if at >= start), default=len(raw))
    marks = raw[end : end + 1]
    return raw[:start] + path(raw[start:end]) + marks + _stars(raw[end + 1 :])


def header_value(name: str, value: str | None) -> str | None:
    """Overwrites the value of an HTTP header, by the header's lower-case name."""
    return None if value is None else decode(_value(name.encode(), encode(value)))


def subprotocol(value: str) -> str:
    """Overwrites the name of a WebSocket subprotocol unless it is a known one."""
    return decode(_value(b"sec-websocket-protocol", encode(value)))


def text(value: str | None) -> str | None:
    """Overwrites a text that is never known to be harmless."""
    return None if value is None else decode(_stars(encode(value)))


def tls_version(value: str | None) -> str | None:
    """Overwrites the name of a TLS version unless it is one."""
    if value is None or _TLS_VERSION.fullmatch(encode(value)):
        return value
    return text(value)


def request(record: Request) -> Request:
    """Returns a copy of a parsed request in which secrets are overwritten, but for the query."""
    own = record.origin is not None and _is_own(encode(record.origin), encode(record.host or ""))
    return msgspec.structs.replace(
        record,
        path=decode(path(encode(record.path))),
        host=header_value("host", record.host),
        origin=record.origin if own else header_value("origin", record.origin),
        user_agent=header_value("user-agent", record.user_agent),
        forwarded_for=header_value("x-forwarded-for", record.forwarded_for),
        forwarded=header_value("forwarded", record.forwarded),
        subprotocols=tuple(map(subprotocol, record.subprotocols)),
    )


def http_head(raw: bytes) -> bytes:
    """Overwrites secrets in the head of an HTTP request or response, with its line ends."""
    lines = re.split(rb"(\r?\n)", raw)
    hosts = [line[5:].strip() for line in lines[2::2] if line[:5].lower() == b"host:"]
    lines[0] = _first_line(lines[0])
    for at in range(2, len(lines), 2):
        lines[at] = _header(lines[at], hosts[0] if len(hosts) == 1 else b"")
    return b"".join(lines)


def proxy_header(raw: bytes) -> bytes:
    """Overwrites secrets in a PROXY protocol header: everything but addresses and ports."""
    if raw.startswith(PROXY_TEXT):
        words = raw.rstrip(b"\r\n").split(b" ")
        good = words[1:2] in ([b"TCP4"], [b"TCP6"]) and len(words) == 6
        if good and all(map(_is_address, words[2:4])) and all(map(bytes.isdigit, words[4:])):
            return raw
        kept = b" ".join((words[0], *words[1:2])) if words[1:2] == [b"UNKNOWN"] else words[0]
        return kept + re.sub(rb"[^ \r\n]", STAR, raw[len(kept) :])
    size = len(PROXY_BINARY) + 4
    proxies, family = raw[12:13] == b"\x21", raw[13:14]
    addresses = (
        {b"\x11": 12, b"\x12": 12, b"\x21": 36, b"\x22": 36}.get(family, 0) if proxies else 0
    )
    if not proxies or family in (b"\x31", b"\x32"):  # a UNIX socket's path, or no address
        return raw[:size] + _stars(raw[size:])
    size += addresses
    return raw[:size] + _tlvs(raw[size:])


def tcp_options(raw: bytes) -> bytes:
    """Overwrites the data of TCP options other than MSS, scaling, SACK and timestamps."""
    made, at = bytearray(raw), 0
    while at < len(raw) and raw[at] != 0:  # 0: end of the list
        if raw[at] == 1:  # no operation
            at += 1
            continue
        size = raw[at + 1] if at + 1 < len(raw) else 0
        if size < 2 or at + size > len(raw):
            break
        usual = _TCP_OPTIONS.get(raw[at])
        if usual is None or not usual(size):
            made[at + 2 : at + size] = _stars(raw[at + 2 : at + size])
        at += size
    made[at:] = bytes(byte and STAR[0] for byte in raw[at:])
    return bytes(made)


_TCP_OPTIONS: dict[int, Callable[[int], bool]] = {
    2: lambda size: size == 4,  # maximum segment size
    3: lambda size: size == 3,  # window scale
    4: lambda size: size == 2,  # SACK permitted
    5: lambda size: size in (10, 18, 26, 34),  # SACK
    8: lambda size: size == 10,  # timestamps
}


def _stars(raw: bytes) -> bytes:
    return STAR * len(raw)


def _is_address(word: bytes) -> bool:
    try:
        ipaddress.ip_address(word.decode("ascii"))
    except ValueError:
        return False
    return b"%" not in word  # a scope, which is any text


def _first_line(line: bytes) -> bytes:
    words = line.split(b" ")
    if len(words) == 3 and words[0] in _METHODS and _HTTP_VERSION.fullmatch(words[2]):
        return b" ".join((words[0], target(words[1]), words[2]))
    version, _, rest = line.partition(b" ")
    if _HTTP_VERSION.fullmatch(version):
        code, space, reason = rest.partition(b" ")
        if re.fullmatch(rb"[1-5][0-9]{2}", code):
            known = reason.lower() in _REASONS
            return version + b" " + code + space + (reason if known else _spaced(reason))
    return _spaced(line)


def _is_own(origin: bytes, host: bytes) -> bool:
    """Whether an Origin names the host that the request names, which is kept, too."""
    kept = re.fullmatch(_HOST, host) is not None
    return kept and origin.lower() in (b"http://" + host.lower(), b"https://" + host.lower())


def _header(line: bytes, host: bytes) -> bytes:
    name, colon, value = line.partition(b":")
    if not colon or line[:1] in (b" ", b"\t"):  # a folded line, or none at all
        return _spaced(line)
    lower = name.lower()
    kept = name if lower in _NAMES else _spaced(name)
    inner = value.strip(b" \t")
    at = value.find(inner)
    if lower == b"origin" and _is_own(inner, host):
        return line
    return kept + colon + value[:at] + _value(lower, inner) + value[at + len(inner) :]


def _spaced(raw: bytes) -> bytes:
    return re.sub(rb"[^ \t]", STAR, raw)


@lru_cache(1024)
def _value(name: bytes, raw: bytes) -> bytes:
    allowed = _VALUES.get(name)
    if allowed is not None and allowed.fullmatch(raw):
        return raw
    words = _LISTS.get(name)
    if words is None:
        return _spaced(raw)
    return re.sub(rb"[^,;= \t]+", lambda word: _listed(word[0], words), raw)


def _listed(word: bytes, words: frozenset[bytes]) -> bytes:
    return word if word.lower() in words else _stars(word)


_ADDRESS = (
    rb"(?:[0-9]{1,3}(?:\.[0-9]{1,3}){3}|"
    rb"\[?[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,7}\]?)(?::[0-9]{1,5})?"
)
_FORWARDED = rb"(?:(?:for|by)=(?:\"" + _ADDRESS + rb"\"|" + _ADDRESS + rb")|proto=(?:https?|wss?))"
_VALUES = {
    name: re.compile(pattern, re.IGNORECASE)
    for name, pattern in {
        b"host": _HOST,
        b"origin": b"null",
        b"content-length": rb"[0-9]{1,19}",
        b"sec-websocket-version": rb"[0-9]{1,3}(?:, ?[0-9]{1,3})*",
        b"sec-websocket-key": rb"[A-Za-z0-9+/]{22}==",
        b"sec-websocket-accept": rb"[A-Za-z0-9+/]{27}=",
        b"x-forwarded-for": _ADDRESS + rb"(?:, *" + _ADDRESS + rb")*",
        b"forwarded": _FORWARDED + rb"(?:[;,] *" + _FORWARDED + rb")*",
    }.items()
}
_LISTS = {
    b"upgrade": frozenset((b"websocket",)),
    b"connection": _CONNECTION,
    b"transfer-encoding": frozenset((b"chunked", b"identity")),
    b"sec-websocket-protocol": _SUBPROTOCOLS,
    b"sec-websocket-extensions": _EXTENSIONS | {b"%d" % size for size in range(8, 16)},
}


def _tlvs(raw: bytes, *, inside_tls: bool = False) -> bytes:
    """Overwrites the values of TLVs but for protocol names and TLS versions."""
    made, at = b"", 0
    while at + 3 <= len(raw):
        end = at + 3 + int.from_bytes(raw[at + 1 : at + 3], "big")
        if end > len(raw):
            break
        kind, value = raw[at], raw[at + 3 : end]
        if kind == _PROXY_TLS and not inside_tls and len(value) >= 5:
            value = value[:5] + _tlvs(value[5:], inside_tls=True)
        else:
            usual = _TLV_VALUES.get(kind)
            value = value if usual is not None and usual.fullmatch(value) else _stars(value)
        made += raw[at : at + 3] + value
        at = end
    return made + _stars(raw[at:])


_PROXY_TLS = 0x20
_TLV_VALUES = {0x01: re.compile(rb"mqtt|http/1\.1|h2|x-amzn-mqtt-ca"), 0x21: _TLS_VERSION}
