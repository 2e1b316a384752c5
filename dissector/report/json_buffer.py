"""Assembles JSON from pieces of text and numbers in a buffer that grows as needed.

The pieces of one record or of many follow each other; `take` returns them all. What JSON has to
escape besides quotation marks and backslashes is rare and left to `json_values.json_bytes`.
"""

from __future__ import annotations

import cython

from dissector.report.json_values import json_bytes

if cython.compiled:
    from cython.cimports.cpython.bytearray import (  # type: ignore[import-not-found]
        PyByteArray_AS_STRING,
        PyByteArray_Resize,
    )
    from cython.cimports.cpython.unicode import (  # type: ignore[import-not-found]
        PyUnicode_1BYTE_DATA,
        PyUnicode_GET_LENGTH,
    )
    from cython.cimports.dissector.integers import PyUnicode_IS_ASCII  # type: ignore[import-not-found]
    from cython.cimports.libc.string import memcpy  # type: ignore[import-not-found]

_FIRST_SIZE = 1 << 16  # bytes
_LARGEST_KEPT = 1 << 20  # a larger buffer is given back once its content is taken
_NUMBER_SIZE = 20  # digits and sign of a 64-bit integer
# 0 for printable ASCII, 1 for what has a backslash before it, 2 for all other bytes
_CLASS = bytes(1 if byte in b'"\\' else 0 if 32 <= byte <= 126 else 2 for byte in range(256))
_ONES = 0x0101010101010101
_HIGH_BITS = 0x80 * _ONES
_SPACES = 0x20 * _ONES
_QUOTATION_MARKS = ord('"') * _ONES
_BACKSLASHES = ord("\\") * _ONES
_DELETES = 0x7F * _ONES


class JsonBuffer:
    """A buffer of bytes; `used` is their number."""

    def __init__(self) -> None:
        self.used = 0
        self.data = bytearray()
        self.size = 0  # of `data`, if compiled, where it is larger than what is used
        if cython.compiled:
            self._grow(_FIRST_SIZE)
        else:
            self.at = self.data  # a C pointer to the bytes of `data` if compiled

    def _grow(self, more: int) -> None:
        """Makes room for `more` bytes."""
        if cython.compiled:  # called only if compiled
            self.size = max(self.used + more, 2 * self.size)
            PyByteArray_Resize(self.data, self.size)
            self.at = PyByteArray_AS_STRING(self.data)

    def put(self, piece: bytes) -> None:
        """Writes bytes that are already JSON."""
        size = len(piece)
        if cython.compiled:
            if size > self.size - self.used:
                self._grow(size)
            memcpy(self.at + self.used, cython.cast(cython.p_char, piece), size)
        else:
            self.data += piece
        self.used += size

    def quoted(self, text: str) -> bool:
        """Writes a text as a string; returns False, and writes nothing, if it is not ASCII."""
        if cython.compiled:
            if not PyUnicode_IS_ASCII(text):
                return False
            source = cython.cast(cython.p_uchar, PyUnicode_1BYTE_DATA(text))
            if not self._quoted(source, PyUnicode_GET_LENGTH(text)):
                self.put(json_bytes(text))
        elif not text.isascii():
            return False
        elif text.isprintable() and '"' not in text and "\\" not in text:
            self.put(b'"%b"' % text.encode())
        else:
            self.put(json_bytes(text))
        return True

    def number(self, value: int) -> None:
        """Writes a 64-bit integer."""
        if not cython.compiled:
            self.put(b"%d" % value)
            return
        if self.size - self.used < _NUMBER_SIZE:
            self._grow(_NUMBER_SIZE)
        rest = cython.cast(cython.ulonglong, value)
        if value < 0:
            self.at[self.used] = 45  # a minus sign
            self.used += 1
            rest = 0 - rest  # wraps
        size = 1
        limit = cython.cast(cython.ulonglong, 10)
        while size < 19 and rest >= limit:
            size += 1
            limit *= 10
        self._digits(rest, size)

    def padded(self, value: int, size: int) -> None:
        """Writes a number of at most `size` digits, 19 at most, padded with zeros."""
        if not cython.compiled:
            self.put(b"%0*d" % (size, value))
        else:
            if self.size - self.used < _NUMBER_SIZE:
                self._grow(_NUMBER_SIZE)
            self._digits(value, size)

    def real(self, value: float) -> None:
        """Writes a finite number with the fewest digits that restore the same float."""
        nanoseconds = int(value * 1e9 + 0.5) if 1e-4 <= value < 1e6 else 0
        if not nanoseconds or nanoseconds / 1e9 != value:
            self.put(json_bytes(value))
            return
        whole = nanoseconds // 1_000_000_000
        rest = nanoseconds - whole * 1_000_000_000
        size = 9
        while size > 1 and rest % 10 == 0:
            rest //= 10
            size -= 1
        self.number(whole)
        self.put(b".")
        self.padded(rest, size)

    def drop(self, start: int) -> None:
        """Removes everything from `start` on."""
        self.used = start
        if not cython.compiled:
            del self.data[start:]

    def copy_from(self, start: int) -> bytes:
        """Returns everything from `start` on."""
        if cython.compiled:
            made: bytes = self.at[start : self.used]
        else:
            made = bytes(self.data[start:])
        return made

    def take_from(self, start: int) -> bytes:
        """Returns and removes everything from `start` on."""
        made = self.copy_from(start)
        self.drop(start)
        if cython.compiled and start == 0 and self.size > _LARGEST_KEPT:
            self.size = 0
            self._grow(_FIRST_SIZE)
        return made

    def take(self) -> bytes:
        """Returns and removes everything."""
        return self.take_from(0)

    def _digits(self, value: int, size: int) -> None:
        at = self.used + size
        self.used = at
        for _ in range(size):
            at -= 1
            self.at[at] = 48 + value % 10
            value //= 10

    def _quoted(self, source: cython.p_uchar, size: int) -> bool:
        """Writes a string unless it has more to escape than quotation marks and backslashes."""
        if size + 2 > self.size - self.used:
            self._grow(size + 2)
        if not _is_plain(source, size):
            return self._escaped(source, size)
        at = self.used
        self.at[at] = 34  # a quotation mark
        memcpy(self.at + at + 1, source, size)  # type: ignore[name-defined,operator,unused-ignore]
        self.at[at + size + 1] = 34
        self.used = at + size + 2
        return True

    def _escaped(self, source: cython.p_uchar, size: int) -> bool:
        """Does the same, byte by byte."""
        classes = cython.cast(cython.p_uchar, _CLASS)
        found = 0
        marks = 0
        for index in range(size):
            found |= classes[source[index]]
            marks += classes[source[index]] & 1
        if found > 1:
            return False
        if size + marks + 2 > self.size - self.used:
            self._grow(size + marks + 2)
        at = self.used
        self.at[at] = 34  # a quotation mark
        at += 1
        for index in range(size):
            if classes[source[index]]:
                self.at[at] = 92  # a backslash
                at += 1
            self.at[at] = source[index]
            at += 1
        self.at[at] = 34
        self.used = at + 1
        return True


def _is_plain(source: cython.p_uchar, size: int) -> bool:
    """Whether bytes below 128 are all of class 0; eight at a time, in one integer.

    If one of them is a certain value, or less than a space, the subtraction borrows from its
    highest bit, or from that of a byte above it.
    """
    found = cython.cast(cython.ulonglong, 0)
    index = 0
    while index < size:
        word = _SPACES
        if size - index >= 8:
            memcpy(cython.address(word), source + index, 8)  # type: ignore[name-defined]
        else:
            memcpy(cython.address(word), source + index, size - index)  # type: ignore[name-defined]
        index += 8
        found |= word - _SPACES
        found |= (word ^ _QUOTATION_MARKS) - _ONES
        found |= (word ^ _BACKSLASHES) - _ONES
        found |= (word ^ _DELETES) - _ONES
    return not found & _HIGH_BITS
