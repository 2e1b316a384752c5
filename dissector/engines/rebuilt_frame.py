"""Builds frames, and batches of them, that the native engine reads from what others decoded."""

from __future__ import annotations

from dissector.capture import linktypes
from dissector.capture.batch import Batch

Ends = tuple[str | None, str | None]  # destination and source, MAC addresses


def framed(datagram: bytes, ends: Ends) -> tuple[int, bytes]:
    """Wraps an IP packet in the smallest frame that keeps the MAC addresses; link type, bytes."""
    destination, source = ends
    kind = b"\x86\xdd" if datagram[:1] and datagram[0] >> 4 == 6 else b"\x08\x00"
    if destination is not None and source is not None:
        return linktypes.EN10MB, _mac(destination) + _mac(source) + kind + datagram
    if source is not None:
        head = b"\0\0\0\1\0\6" + _mac(source) + b"\0\0"
        return linktypes.LINUX_SLL, head + kind + datagram
    return linktypes.RAW, datagram


def _mac(text: str) -> bytes:
    return bytes.fromhex(text.replace(":", ""))


class RebuiltBatch:
    """A copy of some frames of a batch, of which each may be replaced.

    `data`, `link`, `original` and `time_ns` are lists with an entry for each frame.
    """

    def __init__(self, file: int, first_number: int) -> None:
        self.file = file
        self.first_number = first_number
        self.data: list[bytes] = []
        self.link: list[int] = []
        self.original: list[int] = []  # bytes on the wire
        self.time_ns: list[int] = []

    @classmethod
    def of(cls, batch: Batch, start: int, stop: int) -> RebuiltBatch:
        """Copies frames [start, stop)."""
        made = cls(batch.file, batch.first_number + start)
        for i in range(start, stop):
            offset = batch.offset[i]
            made.data.append(batch.window[offset : offset + batch.captured[i]])
            made.link.append(batch.link[i])
            made.original.append(batch.original[i])
            made.time_ns.append(batch.time_ns[i])
        return made

    def frame(self, place: int) -> tuple[int, bytes, int, int]:
        """Returns link type, bytes, length on the wire and time of a frame."""
        return self.link[place], self.data[place], self.original[place], self.time_ns[place]

    def replace(self, place: int, link: int, data: bytes, missing: int | None = None) -> None:
        """Replaces a frame; `missing` bytes of it were not captured, None: as many as before.

        Without data, it is a frame that holds nothing to read.
        """
        if not data:
            missing = 0
        elif missing is None:
            missing = max(self.original[place] - len(self.data[place]), 0)
        self.link[place], self.data[place] = link, data
        self.original[place] = len(data) + missing

    def batch(self) -> Batch:
        """Returns the frames as a batch."""
        made = Batch()
        made.file, made.first_number, made.count = self.file, self.first_number, len(self.data)
        made.window = b"".join(self.data)
        at = 0
        for place, data in enumerate(self.data):
            made.offset[place], made.captured[place] = at, len(data)
            made.link[place], made.original[place] = self.link[place], self.original[place]
            made.time_ns[place] = self.time_ns[place]
            at += len(data)
        return made
