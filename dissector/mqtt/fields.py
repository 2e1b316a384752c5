"""Reads the fields of one packet in order, and records errors as defects.

A `Reader` never raises: a field that runs past the end is recorded as a defect and returned as None
(or -1), and `broken` is set, after which nothing more can be read. Offsets count from the packet's
first byte. Each method that reads takes the name of the field, as it is in every output.
"""

from __future__ import annotations

from typing import Any

import cython

from dissector.mqtt.defects import Defect, DefectKind

if cython.compiled:
    from cython.cimports.dissector.integers import cut  # type: ignore[import-not-found]
else:
    from dissector.integers import cut

CLEAN, NOT_UTF8, NUL, CONTROL = range(4)

LENGTH_BITS = 28  # of a Variable Byte Integer of four bytes
LENGTH_MASK = (1 << LENGTH_BITS) - 1
INCOMPLETE, ENDLESS = -1, -2
# the same, as C integers when compiled
_LENGTH_BITS, _LENGTH_MASK, _INCOMPLETE, _ENDLESS = LENGTH_BITS, LENGTH_MASK, INCOMPLETE, ENDLESS


@cython.freelist(8)
@cython.no_gc
@cython.cclass
class Reader:
    """A cursor in the bytes of a packet: `pos` is the next byte, `end` the first beyond."""

    def __init__(self, data: bytes, pos: int, end: int, packet_type: int) -> None:
        self.begin(data, pos, end, packet_type)

    def begin(self, data: bytes, pos: int, end: int, packet_type: int) -> None:
        """Initialises a reader that was made without its constructor (see `SequenceTracker`)."""
        self.data = data
        self.pos = pos
        self.end = end
        self.packet_type = packet_type
        self.broken = False
        self.defects: tuple[Defect, ...] = ()  # mostly none, and few up to `PROPERTIES_LIMIT`
        self.secrets: tuple[tuple[int, int], ...] = ()  # (offset, length)

    def defect(
        self, kind: DefectKind, offset: int, length: int, seen: Any = None, field: str | None = None
    ) -> None:
        """Records a defect."""
        self.defects += (Defect(kind, self.packet_type, offset, length, seen, field),)

    def secret(self, offset: int, length: int) -> None:
        """Records bytes that no output may show."""
        self.secrets += ((offset, length),)

    def left(self) -> int:
        """Returns the number of unread bytes."""
        return self.end - self.pos

    def integer(self, size: int, field: str) -> int:
        """Reads a big-endian integer of 1, 2 or 4 bytes; -1 if it runs past the end."""
        if self.end - self.pos < size:
            self.overrun(field, size)
            return -1
        value = 0
        for index in range(self.pos, self.pos + size):
            value = (value << 8) | self.data[index]
        self.pos += size
        return value

    def stop_here(self, unread: int) -> None:
        """Stops reading; the bytes from offset `unread` on may hold a secret."""
        self.broken = True
        if unread < self.end:
            self.secret(unread, self.end - unread)

    def trailing(self) -> None:
        """Records bytes after the last field, if any; they may be a secret without its flag."""
        if self.end > self.pos:
            self.secret(self.pos, self.end - self.pos)
            self.defect(DefectKind.TRAILING_BYTES, self.pos, self.end - self.pos)

    def overrun(self, field: str, wanted: int) -> None:
        """Records that a field of `wanted` bytes runs past the end, and stops reading."""
        self.defect(DefectKind.FIELD_OVERRUN, self.pos, max(self.end - self.pos, 0), wanted, field)
        self.stop_here(self.pos)
        self.pos = self.end

    def variable(self, field: str) -> int:
        """Reads a Variable Byte Integer; INCOMPLETE or ENDLESS if it cannot be read."""
        found = variable_at(self.data, self.pos, self.end)
        if found < 0:
            return found
        self.pos = found >> _LENGTH_BITS
        return found & _LENGTH_MASK

    def block(self, field: str) -> bytes | None:
        """Reads a two-byte length and as many bytes; None if they run past the end."""
        start = self.skip_block(field)
        return None if start < 0 else cut(self.data, start, self.pos)

    def skip_block(self, field: str) -> int:
        """Reads a two-byte length and skips as many bytes; returns their start, or -1."""
        if self.end - self.pos < 2:
            self.overrun(field, 2)
            return -1
        size = (self.data[self.pos] << 8) | self.data[self.pos + 1]
        if self.end - self.pos - 2 < size:
            self.overrun(field, size + 2)
            return -1
        start = self.pos + 2
        self.pos = start + size
        return start


def variable_at(data: bytes, at: int, stop: int) -> int:
    """Decodes the Variable Byte Integer that begins at data[at] (v5.0 §1.5.5).

    Returns where it ends and its value in one number, the second in the low `LENGTH_BITS`;
    INCOMPLETE if bytes from `stop` on are needed, ENDLESS if it has more than four bytes.
    """
    value = 0
    for index in range(4):
        if at + index >= stop:
            return _INCOMPLETE
        byte = data[at + index]
        value |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            return (at + index + 1) << _LENGTH_BITS | value
    return _ENDLESS


def minimal_size(value: int) -> int:
    """Returns the number of bytes that a Variable Byte Integer of that value needs."""
    if value < 0x80:
        return 1
    if value < 0x4000:
        return 2
    return 3 if value < 0x20_0000 else 4


def text_problem(data: bytes, start: int, stop: int) -> int:
    """Checks the text data[start:stop]: CLEAN, NOT_UTF8, NUL, or CONTROL (discouraged characters).

    CONTROL covers U+0001 to U+001F, U+007F to U+009F and the non-characters. v5.0 §1.5.4
    """
    plain = True
    for index in range(start, stop):
        byte = data[index]
        if byte < 0x20 or byte > 0x7E:
            plain = False
            break
    if plain:
        return CLEAN
    try:
        text = data[start:stop].decode("utf-8")
    except UnicodeDecodeError:
        return NOT_UTF8
    if "\0" in text:
        return NUL
    for char in text:
        code = ord(char)
        if (
            code < 0x20
            or 0x7F <= code <= 0x9F
            or 0xFDD0 <= code <= 0xFDEF
            or code & 0xFFFE == 0xFFFE
        ):
            return CONTROL
    return CLEAN
