"""Captures and wanted streams in, the frames of those streams and where their bytes lie out.

The flow table numbers streams as it does for the analysis; it is fed one frame at a time here, and
asked for the connection of each.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from dissector.capture.batch import Batch
from dissector.net.owner import owner
from dissector.net.segment import Segment
from dissector.net.streams import Streams

_MASK = 0xFFFFFFFF
_HALF = 0x80000000
_SYN = 2
_WHOLE = 0  # `segment.WHOLE`, which compiled is for compiled code only
_TCP_KEPT = 8  # bytes of a TCP header that an ICMP error quotes at least
_FRAGMENT_KEPT = 20  # bytes of a frame that holds a fragment: of no link type more than headers


class Way(NamedTuple):
    """One direction of one connection; `turn` counts SYNs that begin it anew under one number."""

    stream: int
    side: int
    turn: int


class PacketPiece(NamedTuple):
    """One frame of a wanted stream. Offsets count from the frame's first byte.

    `payload` are the bytes of TCP, at `start`; `position` is theirs in their direction's stream.
    `keep` is to how many bytes the frame is cut where secrets are removed: of frames whose payload
    cannot be told apart (fragments, errors that quote); None for all.
    """

    frame: int  # file << 40 | number
    way: Way
    position: int
    payload: bytes
    start: int
    tcp: int
    keep: int | None


class _Base:
    """Where the bytes of a direction begin."""

    def __init__(self) -> None:
        self.turn = 0
        self.seq: int | None = None
        self.syn: int | None = None


def pieces(runs: Iterable[tuple[Batch, int, int]], wanted: frozenset[int]) -> Iterator[PacketPiece]:
    """Give the frames of the wanted streams; those of a fragmented datagram when it is whole."""
    streams = Streams(_nobody, warn=_hush)
    bases: dict[tuple[int, int], _Base] = {}
    waiting: dict[bytes, list[int]] = {}  # frames of incomplete datagrams
    for batch, start, stop in runs:
        for index in range(start, stop):
            before = streams.tcp_frames
            frame = batch.file << 40 | batch.first_number + index
            streams.feed(batch, index, index + 1)
            parts = _fragments(streams, waiting, frame)
            if streams.tcp_frames == before:
                continue
            segment = streams.segment
            stream, side = owner(streams) or (-1, 0)
            if stream not in wanted:
                continue
            way, position = _place(bases.setdefault((stream, side), _Base()), segment, stream, side)
            if segment.window is not batch.window:  # put together from fragments
                for part in dict.fromkeys([*parts, frame]):
                    yield PacketPiece(part, way, 0, b"", 0, 0, _FRAGMENT_KEPT)
                continue
            at = batch.offset[index]
            whole = segment.grade == _WHOLE
            yield PacketPiece(
                frame,
                way,
                position,
                segment.window[segment.start : segment.stop] if whole else b"",
                segment.start - at,
                segment.tcp - at,
                None if whole else segment.tcp - at + _TCP_KEPT,
            )


def _fragments(streams: Streams, waiting: dict[bytes, list[int]], frame: int) -> list[int]:
    """Note whether a frame holds a fragment; give the frames of a datagram that is done with."""
    table = streams.fragments.table
    for key, datagram in table.items():
        if datagram.frame == frame:
            waiting.setdefault(key, []).append(frame)
    done = [key for key in waiting if key not in table]
    return [part for key in done for part in waiting.pop(key)]


def _place(base: _Base, segment: Segment, stream: int, side: int) -> tuple[Way, int]:
    """Give the direction and the position of a segment's bytes in it."""
    seq = segment.seq
    if segment.flags & _SYN and segment.grade == _WHOLE:
        seq = (seq + 1) & _MASK
        if base.syn != seq:
            base.turn += base.syn is not None
            base.syn = base.seq = seq
    if base.seq is None:
        base.seq = seq
    position = (seq - base.seq) & _MASK
    if position >= _HALF:
        position -= 1 << 32
    return Way(stream, side, base.turn), position


def _nobody(connection: object) -> None:
    """Want the bytes of no connection."""


def _hush(kind: str, message: str, frame: int, stream: int) -> None:
    """Say nothing: the analysis has."""
