"""Reads the frames of recorded captures, and splits payloads into segments of one byte."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path

from tests.fuzz.records import Record, records

RECORDED = Path(__file__).parents[2] / "samples" / "recorded"
ETHERNET = 14


def frames_of(name: str) -> list[Record]:
    """Reads the frames of a recorded capture; they are Ethernet, and none is truncated."""
    frames = records((RECORDED / name).read_bytes())
    assert all(frame.link == 1 and frame.original == len(frame.data) for frame in frames)
    return frames


def byte_by_byte(frames: Sequence[Record]) -> list[Record]:
    """Splits payloads into segments of one byte, each at the time of the original."""
    return [piece for frame in frames for piece in _pieces(frame)]


def has_payload(frame: Record) -> bool:
    """Whether a frame carries TCP payload and no SYN, FIN or RST."""
    start, end = _payload(frame.data)
    return start < end and not frame.data[_tcp(frame.data)[0] + 13] & 7


def _payload(data: bytes) -> tuple[int, int]:
    """Returns start and end of the TCP payload of a frame."""
    tcp, end = _tcp(data)
    return tcp + (data[tcp + 12] >> 4) * 4, end


def _pieces(frame: Record) -> list[Record]:
    data = frame.data
    tcp, _ = _tcp(data)
    start, end = _payload(data)
    if end - start < 2:
        return [frame]
    sequence = int.from_bytes(data[tcp + 4 : tcp + 8], "big")
    found = []
    for at in range(start, end):
        made = bytearray(data[:start] + data[at : at + 1])
        where = (sequence + at - start) & 0xFFFFFFFF
        made[tcp + 4 : tcp + 8] = where.to_bytes(4, "big")
        if at < end - 1:
            made[tcp + 13] &= ~1  # the FIN is at the end
        if data[ETHERNET] >> 4 == 4:
            struct.pack_into(">H", made, ETHERNET + 2, len(made) - ETHERNET)
        else:
            struct.pack_into(">H", made, ETHERNET + 4, len(made) - ETHERNET - 40)
        found.append(Record(frame.time_ns, 1, bytes(made), len(made)))
    return found


def _tcp(data: bytes) -> tuple[int, int]:
    """Returns the start of the TCP header of a frame, and the end of its payload."""
    if data[ETHERNET] >> 4 == 4:
        header = (data[ETHERNET] & 15) * 4
        return ETHERNET + header, ETHERNET + int.from_bytes(
            data[ETHERNET + 2 : ETHERNET + 4], "big"
        )
    size = int.from_bytes(data[ETHERNET + 4 : ETHERNET + 6], "big")
    return ETHERNET + 40, ETHERNET + 40 + size
