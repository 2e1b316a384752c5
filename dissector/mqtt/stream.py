"""Splits the byte stream of one direction into control packets, wherever chunks begin and end.

A `Framer` is fed a chunk, then `next()` is called until it has no packet left. A packet that lies
whole in the chunk is returned as offsets into it, without a copy. A split packet is reassembled if
its type is decoded (`mqtt.decode.RECORDS`) and its size is at most `KEEP_LIMIT`; of
all others only the header is kept, so a packet of 256 MiB needs no memory.
A Remaining Length of five bytes ends the framing of the direction, because the next packet cannot
be located.
"""

from __future__ import annotations

import cython

from dissector.mqtt.decode import DECODED
from dissector.mqtt.fields import ENDLESS, INCOMPLETE, LENGTH_BITS, LENGTH_MASK

if cython.compiled:
    from cython.cimports.dissector.mqtt.fields import variable_at  # type: ignore[import-not-found]
else:
    from dissector.mqtt.fields import variable_at

NEED_DATA, PACKET, BROKEN = range(3)

PART = 48  # bytes of memory for each part of a split packet, besides its data

KEEP_LIMIT = 1 << 20  # largest packet that is reassembled, in bytes
_BEGINNING_KEPT = 4096  # bytes of a packet that is too large to keep, in case it never ends


@cython.freelist(64)
@cython.no_gc
@cython.cclass
class Framer:
    """Splits one direction into packets.

    After `next()` returned PACKET: `first` (byte 1), `remaining`, `header_size`, `size` (all bytes
    of the packet), `kept` (its bytes are available: `window[start:stop]`), and `first_frame`,
    `first_time_ns` of its first byte.
    """

    def __init__(self, keep_all: bool = False) -> None:
        self.begin(keep_all)

    def begin(self, keep_all: bool) -> None:
        """Initialises a framer that was made without its constructor (see `SequenceTracker`)."""
        self.keep_all = keep_all
        self.broken = False
        self.reset()

    def reset(self) -> None:
        """Discards a partial packet, as after a gap: the next byte begins a packet."""
        self.chunk = b""
        self.pos = 0
        self.end = 0
        self.header = b""  # the bytes of a split header so far
        self.body_left = 0  # bytes of a split packet still to come
        self.parts: list[bytes] | None = None
        self.beginning = b""  # of a split packet that is too large to keep
        self.kept_bytes = 0  # memory that the parts of a split packet take
        self.window = b""
        self.start = 0
        self.stop = 0
        self.first = 0
        self.remaining = 0
        self.header_size = 0
        self.size = 0
        self.kept = False
        self.first_frame = 0
        self.first_time_ns = 0
        self.frame = 0
        self.time_ns = 0

    def idle(self) -> bool:
        """Whether no packet is partially read and no byte is left."""
        return self.body_left == 0 and not self.header and self.pos >= self.end

    def between_packets(self) -> bool:
        """Whether the next byte that is fed begins a packet."""
        return not self.broken and self.body_left == 0 and not self.header

    def unfinished(self) -> bytes:
        """Returns what came of an incomplete packet, as far as it is kept."""
        if self.body_left == 0:
            return self.header
        return self.beginning if self.parts is None else b"".join(self.parts)

    def feed(self, window: bytes, start: int, stop: int, frame: int, time_ns: int) -> None:
        """Adds the next bytes; all packets of the previous chunk must have been read."""
        self.chunk = window
        self.pos = start
        self.end = stop
        self.frame = frame
        self.time_ns = time_ns

    def release(self) -> None:
        """Releases the chunk, so that an idle connection does not keep a capture window alive."""
        self.chunk = b""
        self.window = b""
        self.pos = 0
        self.end = 0

    def next(self) -> int:
        """Returns PACKET if one is complete, NEED_DATA, or BROKEN (once, at the broken header)."""
        if self.broken:
            return NEED_DATA
        if self.body_left:
            return self._body()
        if self.pos >= self.end:
            return NEED_DATA
        if self.header:
            return self._split_header()
        # the common case: the header lies whole in this chunk
        data = self.chunk
        pos = self.pos + 1
        length = variable_at(data, pos, self.end)
        self.first_frame = self.frame
        self.first_time_ns = self.time_ns
        if length == INCOMPLETE:
            self.header = data[self.pos : self.end]
            self.pos = self.end
            return NEED_DATA
        if length == ENDLESS:
            return self._break(data[self.pos : pos + 4])
        pos = length >> LENGTH_BITS
        value = length & LENGTH_MASK
        self.first = data[self.pos]
        self.remaining = value
        self.header_size = pos - self.pos
        self.size = self.header_size + value
        if self.end - pos >= value:
            self.window = data
            self.start = self.pos
            self.stop = pos + value
            self.pos = self.stop
            self.kept = True
            return PACKET
        return self._begin(data[self.pos : pos], pos)

    def _begin(self, header: bytes, pos: int) -> int:
        """Begins a packet with an incomplete body; `pos` is the body's first byte in the chunk."""
        wanted = self.keep_all or DECODED >> (self.first >> 4) & 1
        here = self.end - pos
        self.body_left = self.remaining - here
        self.parts = None
        if wanted and self.size <= KEEP_LIMIT:
            self.parts = [header, self.chunk[pos : self.end]]
            self.kept_bytes = here + 2 * PART
        elif wanted:
            self.beginning = header + self.chunk[pos : min(self.end, pos + _BEGINNING_KEPT)]
        self.pos = self.end
        return NEED_DATA

    def _body(self) -> int:
        here = self.end - self.pos
        if here < self.body_left:
            if self.parts is not None:
                self.parts.append(self.chunk[self.pos : self.end])
                self.kept_bytes += here + PART
            self.body_left -= here
            self.pos = self.end
            return NEED_DATA
        stop = self.pos + self.body_left
        if self.parts is not None:
            self.parts.append(self.chunk[self.pos : stop])
        self.pos = stop
        self.body_left = 0
        return self._finish()

    def _finish(self) -> int:
        """Completes a packet that was split."""
        self.kept = self.parts is not None
        self.window = b"" if self.parts is None else b"".join(self.parts)
        self.start = 0
        self.stop = len(self.window)
        self.parts = None
        self.kept_bytes = 0
        return PACKET

    def _split_header(self) -> int:
        """Continues a header that began in an earlier chunk."""
        while self.pos < self.end:
            self.header += self.chunk[self.pos : self.pos + 1]
            self.pos += 1
            count = len(self.header)
            if self.header[count - 1] < 0x80:
                header = self.header
                value = variable_at(header, 1, count) & LENGTH_MASK
                self.header = b""
                self.first = header[0]
                self.remaining = value
                self.header_size = count
                self.size = count + value
                if self.end - self.pos < value:
                    return self._begin(header, self.pos)
                stop = self.pos + value
                self.parts = [header, self.chunk[self.pos : stop]]
                self.pos = stop
                return self._finish()
            if count >= 5:
                return self._break(self.header)
        return NEED_DATA

    def _break(self, header: bytes) -> int:
        self.broken = True
        self.first = header[0]
        self.remaining = 0
        self.header_size = len(header)
        self.size = len(header)
        self.window = header
        self.start = 0
        self.stop = len(header)
        self.kept = True
        self.header = b""
        self.pos = self.end
        return BROKEN
