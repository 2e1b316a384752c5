"""Wraps an MQTT conversation in WebSocket, with errors anywhere.

HTTP headers, frames, masks, fragments, control frames, compression and PROXY headers are built of
parts that are mostly valid, so that cases reach the layers inside.
"""

from __future__ import annotations

import random
import zlib
from collections.abc import Sequence

from tests.fuzz.bytewise import damage, number
from tests.fuzz.control_packet import SECRET
from tests.fuzz.records import Message, control_packets

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
FIN, RSV1 = 0x80, 0x40
NAMES = (b"mqtt", b"mqttv3.1", b"MQTT", b"chat", b"")
DEFLATE = (
    b"permessage-deflate",
    b"permessage-deflate; client_no_context_takeover; server_no_context_takeover",
    b"permessage-deflate; server_no_context_takeover; client_max_window_bits=9",
    b"x-webkit-deflate-frame, permessage-deflate",
)
BOMBS = (b"\0\0", b"\xc0\0", b"\xe0\0", b"\xf0\0", b"\x30\0", b"\x20\2\0\0", b"\x10\0", b"\xff")
PROXIES = (
    b"PROXY TCP4 192.0.2.7 10.0.0.2 51000 1883\r\n",
    b"PROXY UNKNOWN\r\n",
    b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\2\7\x0a\0\0\2\xc7\x38\7\x5b",
    b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0",
    b"\r\n\r\n\0\r\nQUIT\n\x21\x21\0\x2b" + bytes(36) + b"\4\0\4abcd",
)
FIELDS = (
    b"Origin: http://a.example",
    b"User-Agent: fuzz\x1b[1m",
    b"X-Forwarded-For: 192.0.2.9, 10.1.1.1",
    b"Forwarded: for=192.0.2.9;proto=https",
    b"Cookie: sid=" + SECRET,
    b"Authorization: Bearer " + SECRET,
    b"X-Odd :\xff",
    b" folded",
    b"Host: twice",
)


class FrameSender:
    """One side: puts MQTT bytes into frames. `deflate`: may compress; `keeps`: keeps its window."""

    def __init__(self, rng: random.Random, client: bool, deflate: bool, keeps: bool) -> None:
        self._rng = rng
        self._client = client
        self._deflate = deflate
        self._keeps = keeps
        self._stream = zlib.compressobj(wbits=-15)

    def encode(self, data: bytes) -> bytes:
        """Encodes bytes as one message, one per control packet, or in unaligned pieces."""
        rng = self._rng
        way = rng.randrange(4)
        parts = [data]
        if way == 0:
            parts = [raw for _, raw in control_packets([Message(0, data)])]
        elif way == 1 and len(data) > 1:
            at = rng.randrange(1, len(data))
            parts = [data[:at], data[at:]]
        return b"".join(map(self.message, parts))

    def message(self, data: bytes) -> bytes:
        """Encodes one message, possibly in fragments with control frames between them."""
        rng = self._rng
        first = TEXT if rng.randrange(12) == 0 else BINARY
        if self._deflate and rng.randrange(4):
            if rng.randrange(40) == 0:
                data = rng.choice(BOMBS) * rng.choice((900, 9000, 300_000))
            data = self._deflated(data)
            first |= RSV1
        out = b""
        while data and rng.randrange(4) == 0:
            at = rng.randrange(len(data) + 1)
            out += self.frame(first, data[:at])
            first, data = CONTINUATION, data[at:]
            if rng.randrange(3) == 0:
                kind = rng.choice((PING, PING, PONG, CLOSE, 3, 11))
                out += self.frame(FIN | kind, rng.randbytes(rng.choice((0, 4, 4, 125, 126))))
        return out + self.frame(FIN | first, data)

    def _deflated(self, data: bytes) -> bytes:
        rng = self._rng
        ends = rng.randrange(12) == 0  # ends the DEFLATE stream with this message
        mode = zlib.Z_FINISH if ends else rng.choice((zlib.Z_SYNC_FLUSH, zlib.Z_FULL_FLUSH))
        packed = self._stream.compress(data) + self._stream.flush(mode)
        if ends or not self._keeps:
            self._stream = zlib.compressobj(wbits=-15)
        if rng.randrange(8) == 0:
            return damage(rng, packed)
        return packed + b"\0" if ends else packed.removesuffix(b"\0\0\xff\xff")

    def frame(self, first: int, payload: bytes) -> bytes:
        """Encodes one frame, mostly valid."""
        rng = self._rng
        masked = self._client != (rng.randrange(25) == 0)
        size = len(payload)
        if rng.randrange(25) == 0:
            size = number(rng, size, rng.choice((7, 16, 32, 63, 64)))
        if rng.randrange(25) == 0:
            first ^= 1 << rng.randrange(8)
        wide = rng.randrange(20) == 0
        flag = 0x80 if masked else 0
        if size < 126 and not wide:
            head = bytes((first, flag | size))
        elif size < 1 << 16 and rng.randrange(20):
            head = bytes((first, flag | 126)) + size.to_bytes(2, "big")
        else:
            head = bytes((first, flag | 127)) + size.to_bytes(8, "big")
        if not masked:
            return head + payload
        mask = rng.choice((bytes(4), rng.randbytes(4)))
        key = mask * (len(payload) // 4 + 1)
        return head + mask + bytes(a ^ b for a, b in zip(payload, key, strict=False))


def upgraded(rng: random.Random, messages: Sequence[Message]) -> list[Message]:
    """Wraps a conversation in WebSocket with its upgrade, sometimes after a PROXY header."""
    extension = rng.choice(DEFLATE) if rng.randrange(2) else b""
    agreed = extension if rng.randrange(8) else b""
    offered = b", ".join(rng.sample(NAMES, rng.choice((1, 1, 2, 0))))
    selected = rng.choice((b"mqtt", b"mqtt", *NAMES))
    heads = [_request(rng, offered, extension), _answer(rng, selected, agreed)]
    if rng.randrange(6) == 0:
        heads[0] = rng.choice(PROXIES) + heads[0]
    if rng.randrange(6) == 0:
        which = rng.randrange(2)
        heads[which] = damage(rng, heads[which], PROXIES)
    deflate = bool(extension) if rng.randrange(20) else not extension
    keeps = b"no_context" not in extension
    senders = (FrameSender(rng, True, deflate, keeps), FrameSender(rng, False, deflate, keeps))
    wrapped = [Message(0, heads[0]), Message(1, heads[1])]
    if rng.randrange(12) == 0:
        del wrapped[rng.randrange(2)]
    for message in messages:
        data = senders[message.side].encode(message.data) if message.data else b""
        wrapped.append(message._replace(data=data))
    if rng.randrange(8) == 0:  # both headers in one segment
        wrapped[0:2] = [Message(wrapped[0].side, b"".join(t.data for t in wrapped[:2]))]
    if rng.randrange(4) == 0:
        at = rng.randrange(len(wrapped))
        wrapped[at] = wrapped[at]._replace(data=damage(rng, wrapped[at].data))
    return wrapped


def _request(rng: random.Random, offered: bytes, extension: bytes) -> bytes:
    target = rng.choice((b"/mqtt", b"/", b"/a%20b?token=" + SECRET, b"*", b"/\xff?" + SECRET))
    lines = [
        b"GET " + target + b" HTTP/1.1",
        b"Host: broker.example:9001",
        b"Upgrade: " + rng.choice((b"websocket", b"WebSocket", b"h2c, websocket")),
        b"Connection: keep-alive, Upgrade",
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        b"Sec-WebSocket-Version: 13",
    ]
    return _head(rng, lines, offered, extension)


def _answer(rng: random.Random, selected: bytes, extension: bytes) -> bytes:
    status = b"101 Switching Protocols" if rng.randrange(12) else b"426 Upgrade Required"
    lines = [
        b"HTTP/1.1 " + status,
        b"Upgrade: websocket",
        b"Connection: Upgrade",
        b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
    ]
    return _head(rng, lines, selected, extension)


def _head(rng: random.Random, lines: list[bytes], names: bytes, extension: bytes) -> bytes:
    if names:
        lines.append(b"Sec-WebSocket-Protocol: " + names)
    if extension:
        lines.append(b"Sec-WebSocket-Extensions: " + extension)
    for _ in range(rng.choice((0, 0, 1, 2))):
        lines.insert(rng.randrange(1, len(lines) + 1), rng.choice(FIELDS))
    if rng.randrange(40) == 0:
        lines.append(b"X-Long: " + b"x" * rng.choice((4000, 17_000)))
    end = b"\n" if rng.randrange(16) == 0 else b"\r\n"
    return end.join(lines) + end + end
