"""Writes frames and comments on them to a pcapng file.

Blocks are buffered and written together; the file is valid up to `size` at any time, even if the
disk is full. An interface is described before its first frame. Times are nanoseconds.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Protocol

from dissector.capture.batch import Batch

_GATHERED = 1 << 18  # buffered bytes, at most
_LONGEST_COMMENT = 65_000  # bytes; an option's length has 16 bits
_SECTION, _INTERFACE, _STATISTICS = 0x0A0D0D0A, 1, 5
_SECRETS, _FRAME = 10, 6
_COMMENT, _NAME, _RESOLUTION, _FILTER, _APPLICATION = 1, 2, 9, 11, 4
_RECEIVED, _DROPPED = 4, 5
_FRAME_HEAD = struct.Struct("<7I")
_TAILS = (b"", b"\0", b"\0\0", b"\0\0\0")
_NANOSECONDS = b"\x09"  # resolution 10**-9


class RawStream(Protocol):
    """A file open for writing, with partial writes."""

    def write(self, data: bytes, /) -> int | None:
        """Write some of the bytes; returns how many, None for all of them."""


class PcapngWriter:
    """Writes one section, which begins at offset `at` of the file.

    `size`: offset up to which the file is valid; `frames`: number of frames so far.
    """

    def __init__(
        self, stream: RawStream, application: str, *, comment: str = "", at: int = 0
    ) -> None:
        self.size = at
        self.frames = 0
        self._stream = stream
        self._blocks: list[bytes] = []
        self._gathered = 0
        self._interfaces: dict[tuple[int, str], int] = {}
        options = _texts(_COMMENT, [comment] if comment else []) + _texts(
            _APPLICATION, [application]
        )
        head = struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1)  # -1: section length unknown
        self._put(_SECTION, head + _ended(options))

    def interface(self, link: int, name: str = "", *, capture_filter: str = "") -> int:
        """Return the number of an interface by link type and name; describe it if it is new."""
        number = self._interfaces.get((link, name))
        if number is None:
            number = self._interfaces[link, name] = len(self._interfaces)
            options = _texts(_NAME, [name] if name else []) + _option(_RESOLUTION, _NANOSECONDS)
            if capture_filter:
                options += _option(_FILTER, b"\0" + _encoded(capture_filter))  # 0: libpcap syntax
            self._put(_INTERFACE, struct.pack("<HHI", link, 0, 0) + _ended(options))
        return number

    def frame(
        self,
        data: bytes,
        time_ns: int,
        original: int,
        interface: int,
        comments: Sequence[str] = (),
    ) -> int:
        """Write a frame: its captured bytes, time, length on the wire, interface and comments.

        Returns the length of its block.

        Wireshark shows comments unescaped: captured text in them has to be printable.
        """
        ticks = max(time_ns, 0)
        head = struct.pack(
            "<5I", interface, ticks >> 32, ticks & 0xFFFFFFFF, len(data), max(original, len(data))
        )
        options = _ended(_texts(_COMMENT, comments)) if comments else b""
        self.frames += 1
        return self._put(_FRAME, head + data + bytes(-len(data) % 4) + options)

    def frame_of(self, batch: Batch, index: int, comments: Sequence[str] = ()) -> None:
        """Write one frame of a batch; all frames of one link type get one interface."""
        start = batch.offset[index]
        data = batch.window[start : start + batch.captured[index]]
        interface = self.interface(batch.link[index])
        self.frame(data, batch.time_ns[index], batch.original[index], interface, comments)

    def batch(self, batch: Batch, name: str, capture_filter: str) -> int:
        """Write all frames of a batch, captured on interface `name`, without comments.

        Returns the length of the last block.
        """
        window, offsets, held, sent = batch.window, batch.offset, batch.captured, batch.original
        times, links = batch.time_ns, batch.link
        link, interface, size = -1, 0, 0
        for index in range(batch.count):
            if links[index] != link:
                link = links[index]
                interface = self.interface(link, name, capture_filter=capture_filter)
                blocks = self._blocks  # another list if describing the interface flushed
            start, length, time_ns = offsets[index], held[index], max(times[index], 0)
            size = 32 + length + (-length % 4)
            head = _FRAME_HEAD.pack(
                _FRAME, size, interface, time_ns >> 32, time_ns & 0xFFFFFFFF, length,
                max(sent[index], length),
            )  # fmt: skip
            tail = _TAILS[-length % 4] + size.to_bytes(4, "little")
            blocks.append(head + window[start : start + length] + tail)
            self._gathered += size
        self.frames += batch.count
        if self._gathered > _GATHERED:
            self.flush()
        return size

    def secrets(self, kind: int, data: bytes) -> None:
        """Write a Decryption Secrets Block: its type and its bytes."""
        self._put(_SECRETS, struct.pack("<II", kind, len(data)) + data + bytes(-len(data) % 4))

    def statistics(self, interface: int, time_ns: int, received: int, dropped: int) -> None:
        """Write the numbers of frames that an interface received and dropped."""
        options = _option(_RECEIVED, struct.pack("<Q", received))
        options += _option(_DROPPED, struct.pack("<Q", dropped))
        head = struct.pack("<III", interface, time_ns >> 32, time_ns & 0xFFFFFFFF)
        self._put(_STATISTICS, head + _ended(options))

    def flush(self) -> None:
        """Write the buffered blocks. After an OSError `size` is at the last complete block."""
        blocks, self._blocks, self._gathered = self._blocks, [], 0
        data = b"".join(blocks)
        written = 0
        try:
            while written < len(data):
                taken = self._stream.write(data[written:])
                written += len(data) - written if taken is None else taken
        finally:
            for block in blocks:
                if len(block) > written:
                    break
                written -= len(block)
                self.size += len(block)

    def _put(self, kind: int, body: bytes) -> int:
        size = 12 + len(body)
        length = struct.pack("<I", size)
        self._blocks.append(struct.pack("<I", kind) + length + body + length)
        self._gathered += size
        if self._gathered > _GATHERED:
            self.flush()
        return size


def _option(code: int, value: bytes) -> bytes:
    return struct.pack("<HH", code, len(value)) + value + bytes(-len(value) % 4)


def _texts(code: int, texts: Sequence[str]) -> bytes:
    return b"".join(_option(code, _encoded(text)) for text in texts)


def _ended(options: bytes) -> bytes:
    """Terminate a list of options."""
    return options + bytes(4)


def _encoded(text: str) -> bytes:
    """Encode as UTF-8, cut between two characters if it is too long."""
    data = text.encode("utf-8", "backslashreplace")
    if len(data) > _LONGEST_COMMENT:
        data = data[:_LONGEST_COMMENT].decode("utf-8", "ignore").encode()
    return data
