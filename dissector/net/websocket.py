"""Extracts the message bytes of one direction of a WebSocket connection, however it is segmented.

Message bytes are returned as they come, unmasked and inflated, without waiting for the end of their
frame: so a control packet belongs to the TCP segment that completes it, and a frame of any size
needs no buffer. wsproto cannot be used by an observer: it stops at the first error of a direction
(a text frame that holds MQTT is one, being no UTF-8), expects the masking that a receiver expects,
does not say how many bytes of a frame are still to come, which is needed to bridge a gap, and
inflates without a bound. Violations of RFC 6455 that leave the frames readable are noted in
`violation`, and the frames are read.
"""

from __future__ import annotations

from dissector.net.inflate import DAMAGED, Inflater

NEED_DATA, DATA, CLOSED, BROKEN = range(4)
CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10

_FIN, _RSV1, _RSV, _MASKED = 0x80, 0x40, 0x70, 0x80
_HIGHEST = (1 << 63) - 1


class FrameReader:
    """Splits one direction into frames; `masked`: it is the client's, whose frames are masked.

    Feed a chunk, then call `next()` until NEED_DATA. DATA: `payload` are the next bytes of a
    message of kind `opcode` (TEXT or BINARY); `inflating`: they were compressed. CLOSED: a Close
    frame is complete; later bytes are ignored. BROKEN: nothing more can be read; `reason` is the
    kind and text of a warning, without a kind if a gap was the cause, which is already reported.
    """

    def __init__(self, masked: bool, inflater: Inflater | None = None) -> None:
        self.masked = masked
        self.inflater = inflater
        self.violation: str | None = None
        self.reason: tuple[str, str] | None = None
        self.payload = b""
        self.opcode = BINARY
        self.lost = False
        self._ended = False
        self._chunk = b""
        self._pos = self._stop = 0
        self._header = b""
        self._in_frame = False
        self._frame = 0  # opcode of the current frame
        self._final = True
        self._remaining = 0  # bytes of its payload still to come
        self._mask = b""
        self._mask_offset = 0  # position in the mask for the next payload byte
        self._in_message = False  # within a fragmented message
        self._compressed = False
        self.inflating = False
        self._context_lost = False  # compressed messages may refer to bytes that are missing

    def feed(self, window: bytes, start: int, stop: int) -> None:
        """Add the next bytes of the stream."""
        self._chunk, self._pos, self._stop = window, start, stop

    def next(self) -> int:
        """Return the next event: NEED_DATA, DATA, CLOSED or BROKEN."""
        while True:
            if self.inflating:
                assert self.inflater is not None
                self.payload = self.inflater.next()
                if self.payload:
                    return DATA
                self.inflating = False
                if self.inflater.failed is not None:
                    return self._fail(*self.inflater.failed)
            if self._in_frame and self._remaining == 0:
                self._in_frame = False
                if self._frame == CLOSE:
                    self._ended = True
                    return CLOSED
            if self.lost or self._ended:
                self._chunk = b""
                return NEED_DATA
            if not self._in_frame:
                if not self._read_header():
                    if self.reason is not None and not self.lost:
                        return self._fail(*self.reason)
                    self._chunk = b""
                    return NEED_DATA
                if self._remaining:
                    continue
                self._take_payload(b"")
                continue
            if self._pos >= self._stop:
                self._chunk = b""
                return NEED_DATA
            end = min(self._pos + self._remaining, self._stop)
            data = self._chunk[self._pos : end]
            self._remaining -= end - self._pos
            self._pos = end
            if self._frame > BINARY:
                continue  # a control frame, or an unknown one
            if self._mask:
                data = self._unmasked(data)
            if self._take_payload(data):
                self.payload = data
                return DATA

    def gap(self, missing: int) -> bool:
        """Process a gap (-1: unknown size); returns whether the current frame continues after it.

        It does if only payload of this frame is missing, and nothing is compressed.
        """
        if self.lost or self._ended:
            return False
        plain = self._in_frame and not self._compressed and not self.inflating
        if plain and 0 < missing <= self._remaining and self._frame != CLOSE:
            self._remaining -= missing
            self._mask_offset = (self._mask_offset + missing) % 4
            return True
        self.lost = True
        self._in_frame = False
        self._header = b""
        return False

    def resynchronise(self, window: bytes, start: int, stop: int) -> bool:
        """Whether a chunk after a gap consists of whole frames, so that reading can resume with it.

        Only unfragmented messages are accepted, masked as they should be, at least one of them
        data; a compressed one only without context takeover.
        """
        pos = start
        data = False
        while pos < stop:
            head = _parse(window[pos : min(pos + 14, stop)])
            if head is None:
                return False
            first, masked, size, length = head
            opcode = first & 0x0F
            if not first & _FIN or masked != self.masked or pos + size + length > stop:
                return False
            if opcode in (TEXT, BINARY):
                data = True
                if first & _RSV and not self._may_compress(first):
                    return False
            elif opcode not in (PING, PONG) or first & _RSV or length > 125:
                return False
            pos += size + length
        if not data:
            return False
        if self.inflater is not None:
            self.inflater.release()
            self._context_lost = self._context_lost or self.inflater.context_takeover
        self.lost = self._in_message = self._in_frame = self.inflating = False
        self.reason = None
        self._header = b""
        return True

    def _may_compress(self, first: int) -> bool:
        inflater = self.inflater
        return (
            first & _RSV == _RSV1
            and inflater is not None
            and not inflater.context_takeover
            and inflater.failed is None
        )

    def _read_header(self) -> bool:
        """Read a frame header; returns whether it is complete and the frame readable."""
        known = len(self._header)
        head = _parse(self._header + self._chunk[self._pos : min(self._pos + 14, self._stop)])
        if head is None:
            self._header += self._chunk[self._pos : self._stop]
            self._pos = self._stop
            return False
        first, masked, size, length = head
        begin = self._pos + size - known
        mask = (self._header + self._chunk[self._pos : begin])[size - 4 : size]
        self._header = b""
        self._pos = begin
        self._mask = mask if masked else b""
        self._mask_offset = 0
        self._remaining = length
        self._frame = opcode = first & 0x0F
        self._final = bool(first & _FIN)
        if opcode > BINARY:
            if opcode >= CLOSE and (not self._final or length > 125):
                self.reason = (DAMAGED, "a control frame is fragmented or over 125 bytes")
                return False
            if opcode not in (CLOSE, PING, PONG):
                self.violation = self.violation or f"a frame has the reserved opcode {opcode}"
        elif opcode == CONTINUATION:
            if not self._in_message:
                self.violation = self.violation or "a continuation frame without a message"
                self._compressed = False
                self.opcode = BINARY
        else:
            if self._in_message:
                self.violation = (
                    self.violation or "a message begins before the previous one has ended"
                )
            self._compressed = bool(first & _RSV1)
            self.opcode = opcode
        if opcode <= BINARY:
            self._in_message = not self._final
        allowed = _RSV1 if self.inflater is not None and opcode in (TEXT, BINARY) else 0
        if first & _RSV & ~allowed:
            self.reason = (DAMAGED, "a frame sets reserved bits that no known extension uses")
            return False
        if self._context_lost and opcode <= BINARY and self._compressed:
            self.reason = ("", "compressed by reference to bytes that are missing")
            return False
        if length > _HIGHEST:
            self.reason = (DAMAGED, "the length of a frame has its highest bit set")
            return False
        if masked != self.masked:
            what = "a frame of the client is not masked" if self.masked else "a frame is masked"
            self.violation = self.violation or what
        self._in_frame = True
        return True

    def _take_payload(self, data: bytes) -> bool:
        """Process payload of a frame; returns whether to deliver it as it is (not compressed)."""
        if self._frame > BINARY:
            return False
        if not self._compressed:
            return bool(data)
        assert self.inflater is not None
        ends = self._final and self._remaining == 0
        if data or ends:
            self.inflater.feed(data, ends)
            self.inflating = True
        return False

    def _unmasked(self, data: bytes) -> bytes:
        offset = self._mask_offset
        size = len(data)
        self._mask_offset = (offset + size) % 4
        key = (self._mask * (size // 4 + 2))[offset : offset + size]
        return (int.from_bytes(data, "big") ^ int.from_bytes(key, "big")).to_bytes(size, "big")

    def _fail(self, kind: str, text: str) -> int:
        self.reason = (kind, text)
        self.lost = True
        self._in_frame = self.inflating = False
        self._chunk = b""
        return BROKEN


def _parse(data: bytes) -> tuple[int, bool, int, int] | None:
    """Parse a frame header: its first byte, whether masked, the header's and the payload's size.

    None while bytes are missing.
    """
    if len(data) < 2:
        return None
    length = data[1] & 0x7F
    size = 2 + (4 if data[1] & _MASKED else 0)
    if length == 126:
        size += 2
        length = int.from_bytes(data[2:4], "big")
    elif length == 127:
        size += 8
        length = int.from_bytes(data[2:10], "big")
    if len(data) < size:
        return None
    return data[0], bool(data[1] & _MASKED), size, length
