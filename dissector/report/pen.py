# cython: annotation_typing=False
"""Pieces of text and numbers in, the bytes of one JSON object out.

Compiled, the pieces go into one buffer of fixed size; interpreted, into a list. Where something
does not fit, or is text that JSON has to escape, `spoilt` is set and what was written is of no use.
"""

from __future__ import annotations

import cython
import msgspec

if cython.compiled:
    from cython.cimports.cpython.unicode import (  # type: ignore[import-not-found]
        PyUnicode_1BYTE_DATA,
        PyUnicode_AsUTF8AndSize,
        PyUnicode_GET_LENGTH,
    )
    from cython.cimports.dissector.octets import PyUnicode_IS_ASCII  # type: ignore[import-not-found]
    from cython.cimports.libc.string import memcpy  # type: ignore[import-not-found]

_encode = msgspec.json.Encoder().encode
_ROOM = 1 << 16  # bytes; a longer handshake goes the general way
_LARGEST = 10**18 - 1  # of a number that is written here; a C integer where compiled


class Pen:
    """Writes one object after the other: `begin`, pieces, `done`."""

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """Start afresh."""
        self.spoilt = False
        self.used = 0
        if not cython.compiled:
            self.parts: list[str] = []
            self.room = bytearray()  # compiled, an array of C

    def put(self, text: str) -> None:
        """Write ready text, escaped where need be."""
        if cython.compiled:
            size = PyUnicode_GET_LENGTH(text)
            if PyUnicode_IS_ASCII(text):
                source = cython.cast(cython.p_char, PyUnicode_1BYTE_DATA(text))
            else:
                source = PyUnicode_AsUTF8AndSize(text, cython.address(size))
            if size > _ROOM - self.used:
                self.spoilt = True
                return
            memcpy(self.room + self.used, source, size)
            self.used += size
        else:
            self.parts.append(text)

    def quoted(self, text: str | None) -> None:
        """Write a string, or null."""
        if text is None:
            self.put("null")
            return
        if cython.compiled:
            if not PyUnicode_IS_ASCII(text):
                self.spoilt = True
                return
            source = cython.cast(cython.p_char, PyUnicode_1BYTE_DATA(text))
            self._quoted(source, PyUnicode_GET_LENGTH(text))
        else:
            self._checked(text)

    def quoted_bytes(self, text: bytes | None) -> None:
        """Write bytes that may be text as a string, or null."""
        if text is None:
            self.put("null")
        elif cython.compiled:
            self._quoted(text, len(text))
        elif text.isascii():
            self._checked(text.decode("ascii"))
        else:
            self.spoilt = True

    def number(self, value: int) -> None:
        """Write an integer of 64 bits."""
        if not cython.compiled:
            self.parts.append(str(value))
        elif value < 0 or value > _LARGEST or _ROOM - self.used < 20:
            self.put(str(value))
        else:
            size = 1
            rest = value
            while rest >= 10:
                rest //= 10
                size += 1
            self._digits(value, size)

    def padded(self, value: int, size: int) -> None:
        """Write a number that has at most `size` digits, with zeros before it."""
        if not cython.compiled:
            self.parts.append(f"{value:0{size}d}")
        elif _ROOM - self.used < size:
            self.spoilt = True
        else:
            self._digits(value, size)

    def seconds(self, value: float) -> None:
        """Write a number of seconds as JSON has it: the fewest digits that give it back."""
        nanoseconds = int(value * 1e9 + 0.5) if 1e-4 <= value < 1e6 else 0
        if not nanoseconds or nanoseconds / 1e9 != value:
            self.put(_encode(value).decode())
            return
        whole = nanoseconds // 1_000_000_000
        rest = nanoseconds - whole * 1_000_000_000
        size = 9
        while size > 1 and rest % 10 == 0:
            rest //= 10
            size -= 1
        self.number(whole)
        self.put(".")
        self.padded(rest, size)

    def done(self) -> bytes | None:
        """Give what was written; None where it is spoilt."""
        if self.spoilt:
            return None
        if cython.compiled:
            return self.room[: self.used]
        return "".join(self.parts).encode()

    def _digits(self, value: int, size: int) -> None:
        at = self.used + size
        self.used = at
        for _ in range(size):
            at -= 1
            self.room[at] = 48 + value % 10
            value //= 10

    def _quoted(self, source: cython.p_char, size: int) -> None:
        if size + 2 > _ROOM - self.used:
            self.spoilt = True
            return
        at = self.used
        self.room[at] = 34  # a quotation mark
        for index in range(size):
            char = source[index]
            if char < 32 or char > 126 or char == 34 or char == 92:
                self.spoilt = True
                return
            at += 1
            self.room[at] = char
        self.room[at + 1] = 34
        self.used = at + 2

    def _checked(self, text: str) -> None:
        if text.isascii() and text.isprintable() and '"' not in text and "\\" not in text:
            self.parts.append(f'"{text}"')
        else:
            self.spoilt = True
