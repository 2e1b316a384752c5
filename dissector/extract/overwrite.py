"""Frames of connections and the packets on them in, which bytes to overwrite out.

A byte of TCP payload stays if it is known to be harmless, and only then: it belongs to a control
packet that was decoded, and is no secret of it, or to a head of HTTP, a PROXY protocol header, or
TLS. All else becomes an asterisk: secrets, what could not be decoded, and WebSocket frames, whose
masks and compression hide where a secret is. A byte is overwritten in every frame that repeats it.
Lengths stay; TCP checksums are adapted, so that what was right stays right.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from dissector.extract.frames import PacketPiece, Way

STAR = 0x2A
LIMIT = 4 << 20  # bytes of a direction that are looked at; beyond, all are overwritten
_HEAD = re.compile(rb"(?:GET |HTTP/1\.1 ).*?\r\n\r\n", re.DOTALL)
_PRIVATE = re.compile(
    rb"(?im)^(?:authorization|proxy-authorization|cookie|set-cookie)[ \t]*:[ \t]*(.*?)\r?$"
)
_QUERY = re.compile(rb"GET [^ ?\r\n]*\?([^ \r\n]*)")
_PROXY = re.compile(rb"PROXY [^\r\n]{0,100}\r\n")
_PROXY_2 = b"\r\n\r\n\0\r\nQUIT\n"


class Secret(NamedTuple):
    """A control packet: its bytes, and the (offset, length) of its secrets."""

    raw: bytes
    secrets: tuple[tuple[int, int], ...]


def patches(
    found: Sequence[PacketPiece], packets: dict[int, list[Secret]]
) -> dict[int, list[tuple[int, int]]]:
    """Give, by frame, the (start, stop) of what is to be overwritten, from its first byte on.

    `packets` are those that a frame completes, in order.
    """
    ways: dict[Way, list[PacketPiece]] = {}
    for piece in found:
        if piece.payload:
            ways.setdefault(piece.way, []).append(piece)
    made: dict[int, list[tuple[int, int]]] = {}
    for members in ways.values():
        data, there = _joined(members)
        completed = [packet for piece in members for packet in packets.get(piece.frame, ())]
        keep = _harmless(data, completed)
        for piece in members:
            runs = _runs(piece, data, there, keep)
            if runs:
                made.setdefault(piece.frame, []).extend(runs)
    return made


def _joined(members: Iterable[PacketPiece]) -> tuple[bytearray, bytearray]:
    """Put the bytes of a direction together, the first that were seen; and which ones are there."""
    data, there = bytearray(), bytearray()
    for piece in members:
        start, stop = piece.position, piece.position + len(piece.payload)
        if start < 0 or stop > LIMIT:
            continue
        if stop > len(data):
            data.extend(bytes(stop - len(data)))
            there.extend(bytes(stop - len(there)))
        for offset, byte in enumerate(piece.payload, start):
            if not there[offset]:
                data[offset], there[offset] = byte, 1
    return data, there


def _harmless(data: bytearray, packets: Sequence[Secret]) -> bytearray:
    """Tell which bytes of a direction may stay."""
    keep = bytearray(len(data))
    if len(data) > 2 and 0x14 <= data[0] <= 0x17 and data[1] == 3:  # TLS records
        return bytearray(b"\1" * len(data))
    at = _proxy(data)
    head = _HEAD.match(data, at)
    if head is not None:
        at = head.end()
    keep[:at] = b"\1" * at
    if head is not None:
        for pattern in (_PRIVATE, _QUERY):
            for private in pattern.finditer(data, head.start(), head.end()):
                keep[private.start(1) : private.end(1)] = bytes(private.end(1) - private.start(1))
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


def _proxy(data: bytearray) -> int:
    """Give the length of a PROXY protocol header."""
    head = _PROXY.match(data)
    if head is not None:
        return head.end()
    if data.startswith(_PROXY_2) and len(data) >= 16:
        return min(16 + int.from_bytes(data[14:16], "big"), len(data))
    return 0


def _runs(
    piece: PacketPiece, data: bytearray, there: bytearray, keep: bytearray
) -> list[tuple[int, int]]:
    size, first = len(piece.payload), piece.position
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


def overwritten(frame: bytes, runs: Iterable[tuple[int, int]], tcp: int) -> bytes:
    """Overwrite bytes of a frame, and adapt the checksum of the TCP header at `tcp` (RFC 1624)."""
    data = bytearray(frame)
    change = 0
    for start, stop in runs:
        for offset in range(start, min(stop, len(data))):
            change += (STAR - data[offset]) << (8 if (offset - tcp) % 2 == 0 else 0)
            data[offset] = STAR
    if change and tcp + 18 <= len(data):
        old = int.from_bytes(data[tcp + 16 : tcp + 18], "big")
        total = ((old ^ 0xFFFF) + change) % 0xFFFF or 0xFFFF
        data[tcp + 16 : tcp + 18] = (total ^ 0xFFFF).to_bytes(2, "big")
    return bytes(data)
