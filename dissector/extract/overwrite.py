"""Decides which bytes of the extracted frames to overwrite, so that no secret is left.

A byte of TCP payload is kept only if it is known to be harmless: it belongs to a decoded control
packet and is not a secret of it, or to an HTTP head, a PROXY protocol header, or TLS. Everything
else becomes an asterisk: secrets, bytes that could not be decoded, and WebSocket frames, whose
masking and compression hide where a secret is. A byte is overwritten in every frame that repeats
it. Lengths stay the same; TCP checksums are adjusted so that correct ones stay correct.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from dissector.extract.frames import DirectionKey, PacketPiece

STAR = 0x2A
LIMIT = 4 << 20  # bytes examined per direction; all bytes beyond are overwritten
_HEAD = re.compile(rb"(?:GET |HTTP/1\.1 ).*?\r\n\r\n", re.DOTALL)
_PRIVATE = re.compile(
    rb"(?im)^(?:authorization|proxy-authorization|cookie|set-cookie)[ \t]*:[ \t]*(.*?)\r?$"
)
_QUERY = re.compile(rb"GET [^ ?\r\n]*\?([^ \r\n]*)")
_PROXY = re.compile(rb"PROXY [^\r\n]{0,100}\r\n")
_PROXY_2 = b"\r\n\r\n\0\r\nQUIT\n"


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
    directions: dict[DirectionKey, list[PacketPiece]] = {}
    for piece in found:
        if piece.payload:
            directions.setdefault(piece.direction, []).append(piece)
    made: dict[int, list[tuple[int, int]]] = {}
    for members in directions.values():
        data, seen = _joined(members)
        completed = [packet for piece in members for packet in packets.get(piece.frame, ())]
        keep = _harmless(data, completed)
        for piece in members:
            runs = _runs(piece, data, seen, keep)
            if runs:
                made.setdefault(piece.frame, []).extend(runs)
    return made


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


def _harmless(data: bytearray, packets: Sequence[PacketSecrets]) -> bytearray:
    """Returns a mask of the bytes of a direction that are kept."""
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
    """Returns the length of the PROXY protocol header, 0 if there is none."""
    head = _PROXY.match(data)
    if head is not None:
        return head.end()
    if data.startswith(_PROXY_2) and len(data) >= 16:
        return min(16 + int.from_bytes(data[14:16], "big"), len(data))
    return 0


def _runs(
    piece: PacketPiece, data: bytearray, seen: bytearray, keep: bytearray
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
    """Overwrites bytes of a frame and adjusts the checksum of the TCP header at `tcp`, RFC 1624."""
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
