"""Finds the frames of selected streams and the positions of their TCP payload.

The flow table numbers streams as it does for the analysis; here it is fed one frame at a time and
asked for the connection of each.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from dissector.capture.batch import Batch
from dissector.net.segment import Segment
from dissector.net.streams import Streams

_MASK = 0xFFFFFFFF
_HALF = 0x80000000
_SYN = 2
_WHOLE = 0  # `segment.WHOLE`, which is visible only to compiled code if compiled
_TCP_FIXED = 20  # bytes of a TCP header without options
_TCP_KEPT = 8  # bytes of a TCP header that an ICMP error quotes at least
_FRAGMENT_KEPT = 20  # bytes kept of a frame with a fragment: only headers with any link type


class DirectionKey(NamedTuple):
    """One direction of a connection; `restart` counts new SYNs within the same stream number."""

    stream: int
    side: int
    restart: int


class PacketPiece(NamedTuple):
    """One frame of a selected stream. Offsets count from the frame's first byte.

    `payload` is the TCP payload, at offset `start`; `position` is its position in the stream of its
    direction. `options` are the TCP options, at offset `tcp + 20`; the segment stops at offset
    `stop`, what follows is the frame's padding. `keep` is the number of bytes kept of the frame
    when secrets are removed, for frames whose payload cannot be separated (fragments, quotes in
    ICMP errors); None keeps all.
    """

    frame: int  # file << 40 | number
    direction: DirectionKey
    position: int
    payload: bytes
    start: int
    tcp: int
    stop: int
    options: bytes
    keep: int | None


class _SequenceBase:
    """Sequence number at which a direction begins."""

    def __init__(self) -> None:
        self.restart = 0
        self.seq: int | None = None
        self.syn: int | None = None


def pieces(runs: Iterable[tuple[Batch, int, int]], wanted: frozenset[int]) -> Iterator[PacketPiece]:
    """Returns the frames of the selected streams; fragments when their datagram is complete."""
    streams = Streams(_no_consumer, warn=_no_warning)
    bases: dict[tuple[int, int], _SequenceBase] = {}
    pending: dict[bytes, list[int]] = {}  # frames of incomplete datagrams
    for batch, start, stop in runs:
        for index in range(start, stop):
            before = streams.tcp_frames
            frame = batch.file << 40 | batch.first_number + index
            streams.feed(batch, index, index + 1)
            parts = _fragments(streams, pending, frame)
            if streams.tcp_frames == before:
                continue
            segment = streams.segment
            stream, side = streams.owner(streams.segment) or (-1, 0)
            if stream not in wanted:
                continue
            base = bases.setdefault((stream, side), _SequenceBase())
            direction, position = _place(base, segment, stream, side)
            if segment.window is not batch.window:  # reassembled from fragments
                for part in dict.fromkeys([*parts, frame]):
                    yield PacketPiece(part, direction, 0, b"", 0, 0, 0, b"", _FRAGMENT_KEPT)
                continue
            at = batch.offset[index]
            whole = segment.grade == _WHOLE
            yield PacketPiece(
                frame,
                direction,
                position,
                segment.window[segment.start : segment.stop] if whole else b"",
                segment.start - at,
                segment.tcp - at,
                segment.stop - at,
                segment.window[segment.tcp + _TCP_FIXED : segment.start] if whole else b"",
                None if whole else segment.tcp - at + _TCP_KEPT,
            )


def _fragments(streams: Streams, pending: dict[bytes, list[int]], frame: int) -> list[int]:
    """Records a frame with a fragment; returns the frames of datagrams that are finished."""
    table = streams.fragments.table
    for key, datagram in table.items():
        if datagram.frame == frame:
            pending.setdefault(key, []).append(frame)
    done = [key for key in pending if key not in table]
    return [part for key in done for part in pending.pop(key)]


def _place(
    base: _SequenceBase, segment: Segment, stream: int, side: int
) -> tuple[DirectionKey, int]:
    """Returns the direction of a segment and the position of its bytes in it."""
    seq = segment.seq
    if segment.flags & _SYN and segment.grade == _WHOLE:
        seq = (seq + 1) & _MASK
        if base.syn != seq:
            base.restart += base.syn is not None
            base.syn = base.seq = seq
    if base.seq is None:
        base.seq = seq
    position = (seq - base.seq) & _MASK
    if position >= _HALF:
        position -= 1 << 32
    return DirectionKey(stream, side, base.restart), position


def _no_consumer(connection: object) -> None:
    """Declines the bytes of every connection."""


def _no_warning(kind: str, message: str, frame: int, stream: int) -> None:
    """Ignores a capture warning: the analysis has already reported it."""
