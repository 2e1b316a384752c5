"""Builds the bytes of capture files from frames; lengths can be wrong on purpose."""

from __future__ import annotations

import itertools
import struct
from collections.abc import Iterable

from dissector.capture.source import CaptureReader, Source, open_capture
from dissector.errors import CaptureError
from dissector.model import CaptureWarning
from samples.frames import MICRO, NANO, SECOND, START, pcap_file, pcap_header, pcap_record

__all__ = [
    "MICRO", "NANO", "SECOND", "START", "FrameRow", "attempt", "block", "enhanced", "frame",
    "interface", "offset", "old_packet", "option", "pcap", "pcap_header", "pcap_record", "read",
    "resolution", "rows", "section", "simple",
]  # fmt: skip


def pcap(times: Iterable[int], order: str = "<", magic: int = MICRO, link: int = 1) -> bytes:
    """Build a pcap with one frame per time, in nanoseconds; its data contain its index."""
    frames = ((frame(at), time_ns) for at, time_ns in enumerate(times))
    return pcap_file(frames, magic=magic, link=link, order=order)


def frame(number: int) -> bytes:
    """Build an Ethernet frame of an unknown protocol that contains `number`; lengths vary."""
    return bytes(12) + b"\x88\xb5" + struct.pack(">I", number) + bytes(42 + number % 9)


def block(kind: int, body: bytes, order: str = "<", trailer: int | None = None) -> bytes:
    body += bytes(-len(body) % 4)
    length = 12 + len(body)
    end = length if trailer is None else trailer
    return struct.pack(f"{order}II", kind, length) + body + struct.pack(f"{order}I", end)


def option(code: int, value: bytes, order: str = "<") -> bytes:
    return struct.pack(f"{order}HH", code, len(value)) + value + bytes(-len(value) % 4)


def section(order: str = "<", version: tuple[int, int] = (1, 0), options: bytes = b"") -> bytes:
    body = struct.pack(f"{order}IHHq", 0x1A2B3C4D, *version, -1)
    return block(0x0A0D0D0A, body + options, order)


def interface(link: int = 1, snaplen: int = 0, order: str = "<", options: bytes = b"") -> bytes:
    return block(1, struct.pack(f"{order}HHI", link, 0, snaplen) + options, order)


def resolution(value: int, order: str = "<") -> bytes:
    return option(9, bytes((value,)), order)


def offset(seconds: int, order: str = "<") -> bytes:
    return option(14, struct.pack(f"{order}q", seconds), order)


def enhanced(
    data: bytes,
    ticks: int = START // 1000,
    number: int = 0,
    order: str = "<",
    held: int | None = None,
    sent: int | None = None,
    options: bytes = b"",
) -> bytes:
    held = len(data) if held is None else held
    sent = held if sent is None else sent
    head = struct.pack(f"{order}5I", number, ticks >> 32, ticks & 0xFFFFFFFF, held, sent)
    return block(6, head + data + bytes(-len(data) % 4) + options, order)


def simple(data: bytes, order: str = "<", sent: int | None = None) -> bytes:
    return block(3, struct.pack(f"{order}I", len(data) if sent is None else sent) + data, order)


def old_packet(data: bytes, ticks: int, number: int = 0, order: str = "<") -> bytes:
    high, low = ticks >> 32, ticks & 0xFFFFFFFF
    head = struct.pack(f"{order}HHIIII", number, 0, high, low, len(data), len(data))
    return block(2, head + data, order)


class FrameRow:
    """One frame as read by a reader."""

    def __init__(self, number: int, time_ns: int, data: bytes, original: int, link: int) -> None:
        self.number = number
        self.time_ns = time_ns
        self.data = data
        self.original = original
        self.link = link


def rows(reader: CaptureReader) -> list[FrameRow]:
    """Read all frames of a capture."""
    found: list[FrameRow] = []
    while (batch := reader.next_batch()) is not None:
        assert batch.file == reader.file_index
        for i in range(batch.count):
            start = batch.offset[i]
            data = batch.window[start : start + batch.captured[i]]
            assert len(data) == batch.captured[i]
            number = batch.first_number + i
            found.append(FrameRow(number, batch.time_ns[i], data, batch.original[i], batch.link[i]))
    numbers = [row.number for row in found]
    assert all(a < b for a, b in itertools.pairwise([0, *numbers]))
    return found


def attempt(source: Source) -> tuple[list[FrameRow], list[CaptureWarning], str]:
    """Read a capture to its end: frames, warnings and the one-line error if it is refused."""
    try:
        found, warnings, _ = read(source)
    except CaptureError as error:
        refusal = str(error)
        found, warnings = [], []
    else:
        refusal = ""
    assert len(refusal.splitlines()) <= 1
    return found, warnings, refusal


def read(source: Source) -> tuple[list[FrameRow], list[CaptureWarning], CaptureReader]:
    """Read a capture to its end: frames, warnings and the reader."""
    warnings: list[CaptureWarning] = []
    with open_capture(source, warn=warnings.append) as reader:
        return rows(reader), warnings, reader
