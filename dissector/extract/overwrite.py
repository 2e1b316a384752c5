"""Decides which bytes of the extracted frames to overwrite, so that no secret is left.

A byte of TCP payload is kept only if it is known to be harmless: it belongs to a decoded control
packet and is not a secret of it, to what `net/harmless.py` keeps of HTTP heads and PROXY protocol
headers, or to records of a TLS connection of which both hellos were seen. Everything else becomes
an asterisk: secrets, bytes that could not be decoded, and WebSocket frames, whose masking and
compression hide where a secret is; also unusual TCP options and the padding of frames. A byte is
overwritten in every frame that repeats it. Lengths stay the same; TCP checksums are adjusted so
that correct ones stay correct.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from dissector.extract.frames import DirectionKey, PacketPiece
from dissector.net import harmless, tls
from dissector.net.first_bytes import (
    HEAD_LIMIT,
    PROXY_BINARY,
    RECORD_LIMIT,
    TLS_HEADER,
    tls_begins,
)
from dissector.net.tls_messages import client_hello, server_hello
from dissector.net.tls_names import suite_name

STAR = 0x2A
LIMIT = 4 << 20  # bytes examined per direction; all bytes beyond are overwritten
_TCP_FIXED = 20  # bytes of a TCP header without options
_HEAD = re.compile(
    rb"(?:[A-Z]{3,7} [^\r\n]+ HTTP/1\.[01]|HTTP/1\.[01] [^\r\n]*)\r?\n(?:.*?\n)??\r?\n", re.DOTALL
)
_LENGTH = re.compile(rb"(?im)^content-length:[ \t]*([0-9]{1,7})[ \t]*\r?$")
_PROXY = re.compile(rb"PROXY [^\r\n]{0,100}\r\n")
# A CONNECT that cannot be decoded, because its Remaining Length does not end: header and name
_ENDLESS = re.compile(rb"\x10[\x80-\xff]{4}.(?:\0\x04MQTT|\0\x06MQIsdp)?", re.DOTALL)
_CLIENT_HELLO, _SERVER_HELLO = 1, 2
_WITHOUT_ENCRYPTION = re.compile(r"_NULL(?:_|$)|^TLS_SHA\d+_")


class PacketSecrets(NamedTuple):
    """The bytes of a control packet and the (offset, length) of each secret in it."""

    raw: bytes
    secrets: tuple[tuple[int, int], ...]


def patches(
    found: Sequence[PacketPiece], packets: dict[int, list[PacketSecrets]]
) -> dict[int, list[tuple[int, int]]]:
    """Returns the ranges to overwrite in each frame, as (start, stop) from its first byte.

    `packets` are the packets that each frame completes, in order.
    """
    members: dict[DirectionKey, list[PacketPiece]] = {}
    made: dict[int, list[tuple[int, int]]] = {}
    for piece in found:
        if piece.payload:
            members.setdefault(piece.direction, []).append(piece)
        hidden = harmless.tcp_options(piece.options)
        runs = list(_differing(piece.options, hidden, piece.tcp + _TCP_FIXED))
        if runs:
            made.setdefault(piece.frame, []).extend(runs)
    directions = {key: _PayloadStream(pieces) for key, pieces in members.items()}
    for key, direction in directions.items():
        completed = [packet for piece in members[key] for packet in packets.get(piece.frame, ())]
        peer = directions.get(key._replace(side=1 - key.side))
        keep = _harmless(direction, peer, completed)
        for piece in members[key]:
            runs = _runs(piece, direction, keep)
            if runs:
                made.setdefault(piece.frame, []).extend(runs)
    return made


class _PayloadStream:
    """The bytes of one direction, first copies win. `seen` marks those that were captured.

    Behind a PROXY protocol header of `proxied` bytes, `tls_stop` is where TLS records stop.
    """

    def __init__(self, members: Iterable[PacketPiece]) -> None:
        self.data, self.seen = _joined(members)
        self.proxied = _proxied(self.data)
        self.tls_stop = self.proxied
        self.hello = 0  # the type of the hello that it begins with, 0 if none
        self.encrypts = True  # false if the server chose a suite without encryption
        self._read_tls()

    def _read_tls(self) -> None:
        data, at = self.data, self.proxied
        handshake = bytearray()
        first = True
        while at + TLS_HEADER <= len(data) and tls_begins(
            bytes(data[at : at + TLS_HEADER]), 0, TLS_HEADER
        ):
            stop = at + TLS_HEADER + int.from_bytes(data[at + 3 : at + 5], "big")
            if stop > len(data) or not all(self.seen[at:stop]):
                break
            first = first and data[at] == tls.HANDSHAKE
            if first and len(handshake) < RECORD_LIMIT:
                handshake += data[at + TLS_HEADER : stop]
            at = stop
        size = int.from_bytes(handshake[1:4], "big")
        body = bytes(handshake[4 : 4 + size])
        if not body:
            return
        server = server_hello(body) if handshake[0] == _SERVER_HELLO else None
        if server is not None:
            self.encrypts = not _WITHOUT_ENCRYPTION.search(suite_name(server.suite))
        if server is not None or (handshake[0] == _CLIENT_HELLO and client_hello(body) is not None):
            self.hello = handshake[0]
            self.tls_stop = at

    def is_tls_with(self, peer: _PayloadStream | None) -> bool:
        """Whether this direction and its peer set up TLS that encrypts."""
        return (
            peer is not None
            and {self.hello, peer.hello} == {_CLIENT_HELLO, _SERVER_HELLO}
            and self.encrypts
            and peer.encrypts
        )


def _joined(members: Iterable[PacketPiece]) -> tuple[bytearray, bytearray]:
    """Joins the bytes of a direction, first copies win; also returns which bytes were seen."""
    data, seen = bytearray(), bytearray()
    for piece in members:
        start, stop = piece.position, piece.position + len(piece.payload)
        if start < 0 or stop > LIMIT:
            continue
        if stop > len(data):
            data.extend(bytes(stop - len(data)))
            seen.extend(bytes(stop - len(seen)))
        for offset, byte in enumerate(piece.payload, start):
            if not seen[offset]:
                data[offset], seen[offset] = byte, 1
    return data, seen


def _harmless(
    direction: _PayloadStream, peer: _PayloadStream | None, packets: Sequence[PacketSecrets]
) -> bytearray:
    """Returns a mask of the bytes of a direction that are kept."""
    data = direction.data
    keep = bytearray(len(data))
    at = direction.proxied
    _keep_equal(keep, 0, data[:at], harmless.proxy_header(bytes(data[:at])))
    if direction.is_tls_with(peer):
        keep[at : direction.tls_stop] = b"\1" * (direction.tls_stop - at)
        return keep
    while (head := _HEAD.match(data, at, at + HEAD_LIMIT)) is not None:
        kept = harmless.http_head(head[0])
        _keep_equal(keep, at, head[0], kept)
        body = _LENGTH.search(kept)
        at = head.end() + (int(body[1]) if body is not None else 0)
    if (endless := _ENDLESS.match(data, at)) is not None:
        keep[at : endless.end()] = b"\1" * (endless.end() - at)
    for packet in packets:
        place = data.find(packet.raw, at) if packet.raw else -1
        if place < 0:
            continue
        at = place + len(packet.raw)
        keep[place:at] = b"\1" * len(packet.raw)
        for offset, length in packet.secrets:
            stop = min(place + offset + length, at)
            keep[place + offset : stop] = bytes(max(stop - place - offset, 0))
    return keep


def _keep_equal(keep: bytearray, start: int, before: Sequence[int], after: bytes) -> None:
    for offset, (old, new) in enumerate(zip(before, after, strict=True), start):
        keep[offset] = old == new


def _differing(before: bytes, after: bytes, start: int) -> Iterator[tuple[int, int]]:
    """Yields the ranges in which two texts of one length differ, counted from `start`."""
    differs = bytes(old != new for old, new in zip(before, after, strict=True))
    for run in re.finditer(rb"\x01+", differs):
        yield start + run.start(), start + run.end()


def _proxied(data: bytearray) -> int:
    """Returns the length of the PROXY protocol header, 0 if there is none."""
    head = _PROXY.match(data)
    if head is not None:
        return head.end()
    if data.startswith(PROXY_BINARY) and len(data) >= 16:
        return min(16 + int.from_bytes(data[14:16], "big"), len(data))
    return 0


def _runs(piece: PacketPiece, direction: _PayloadStream, keep: bytearray) -> list[tuple[int, int]]:
    """Returns the ranges of a frame's payload to overwrite; all of it if it differs from a copy."""
    data, size, first = direction.data, len(piece.payload), piece.position
    if first < 0 or first + size > len(data) or data[first : first + size] != piece.payload:
        return [(piece.start, piece.start + size)]
    runs: list[tuple[int, int]] = []
    at = 0
    while at < size:
        stop = keep.find(1, first + at, first + size) - first
        if stop < 0:
            stop = size
        if stop > at:
            runs.append((piece.start + at, piece.start + stop))
        at = keep.find(0, first + stop, first + size) - first
        if at < 0:
            break
    return runs


def overwritten(
    frame: bytes, runs: Iterable[tuple[int, int]], tcp: int, end: int | None = None
) -> bytes:
    """Overwrites bytes of a frame and adjusts the checksum of its TCP segment, RFC 1624.

    The segment is at `tcp` and stops at `end`, by default with the frame.
    """
    end = len(frame) if end is None else end
    data = bytearray(frame)
    change = 0
    for start, stop in runs:
        for offset in range(start, min(stop, len(data))):
            if offset < end:
                change += (STAR - data[offset]) << (8 if (offset - tcp) % 2 == 0 else 0)
            data[offset] = STAR
    if change and tcp + 18 <= len(data):
        old = int.from_bytes(data[tcp + 16 : tcp + 18], "big")
        total = ((old ^ 0xFFFF) + change) % 0xFFFF or 0xFFFF
        data[tcp + 16 : tcp + 18] = (total ^ 0xFFFF).to_bytes(2, "big")
    return bytes(data)
