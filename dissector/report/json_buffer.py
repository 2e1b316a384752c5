"""Assembles JSON objects from pieces of text and numbers, one at a time or many as lines.

Compiled, the pieces go into one buffer of fixed size; interpreted, into a list. If something does
not fit or is text that JSON has to escape, `unusable` is set and the object must be discarded.
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
    from cython.cimports.dissector.integers import PyUnicode_IS_ASCII  # type: ignore[import-not-found]
    from cython.cimports.libc.string import memcpy  # type: ignore[import-not-found]

_encode = msgspec.json.Encoder().encode
_BUFFER_SIZE = 1 << 16  # bytes; objects that do not fit take the general path
# true for bytes that JSON has to escape or that are not printable ASCII
_ESCAPED = bytes(byte < 32 or byte > 126 or byte in b'"\\' for byte in range(256))
_LARGEST = 10**18 - 1  # largest number formatted here; a C integer if compiled


class JsonBuffer:
    """Writes one object after another: `begin`, the pieces, then `done`, or `keep` until `take`.

    `used` is the number of bytes kept.
    """

    def __init__(self) -> None:
        self.used = 0
        self.lines: list[bytes] = []
        if not cython.compiled:
            self.buffer = bytearray()  # C arrays if compiled
            self.reverse = bytearray()
        self.begin()

    def begin(self) -> None:
        """Starts an object."""
        self.unusable = False
        self.start = self.used
        if not cython.compiled:
            self.parts: list[str] = []

    def put(self, text: str) -> None:
        """Writes text that is already JSON."""
        if cython.compiled:
            size = PyUnicode_GET_LENGTH(text)
            if PyUnicode_IS_ASCII(text):
                source = cython.cast(cython.p_char, PyUnicode_1BYTE_DATA(text))
            else:
                source = PyUnicode_AsUTF8AndSize(text, cython.address(size))
            if size > _BUFFER_SIZE - self.used:
                self.unusable = True
                return
            memcpy(self.buffer + self.used, source, size)
            self.used += size
        else:
            self.parts.append(text)

    def quoted(self, text: str | None) -> None:
        """Writes a string, or null if it is None."""
        if text is None:
            self.put("null")
            return
        if cython.compiled:
            if not PyUnicode_IS_ASCII(text):
                self.unusable = True
                return
            source = cython.cast(cython.p_uchar, PyUnicode_1BYTE_DATA(text))
            self._quoted(source, PyUnicode_GET_LENGTH(text))
        else:
            self._checked(text)

    def quoted_bytes(self, text: bytes | None) -> None:
        """Writes bytes as a string, or null if they are None."""
        if text is None:
            self.put("null")
        elif cython.compiled:
            self._quoted(text, len(text))
        elif text.isascii():
            self._checked(text.decode("ascii"))
        else:
            self.unusable = True

    def number(self, value: int) -> None:
        """Writes a 64-bit integer."""
        if not cython.compiled:
            self.parts.append(str(value))
        elif value < 0 or value > _LARGEST or _BUFFER_SIZE - self.used < 20:
            self.put(str(value))
        else:
            at = 20
            rest = value
            while True:
                at -= 1
                self.reverse[at] = 48 + rest % 10
                rest //= 10
                if rest == 0:
                    break
            memcpy(self.buffer + self.used, self.reverse + at, 20 - at)
            self.used += 20 - at

    def padded(self, value: int, size: int) -> None:
        """Writes a number of at most `size` digits, padded with zeros."""
        if not cython.compiled:
            self.parts.append(f"{value:0{size}d}")
        elif _BUFFER_SIZE - self.used < size:
            self.unusable = True
        else:
            self._digits(value, size)

    def seconds(self, value: float) -> None:
        """Writes seconds with the fewest digits that restore the same float."""
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
        """Returns the object; None if it is unusable."""
        if self.unusable:
            self.used = self.start
            return None
        if not cython.compiled:
            return "".join(self.parts).encode()
        made: bytes = self.buffer[self.start : self.used]
        self.used = self.start
        return made

    def keep(self) -> bool:
        """Keeps the object as a line; returns False if it is unusable."""
        if not cython.compiled:
            return not self.unusable and self.add("".join((*self.parts, "\n")).encode())
        if self.unusable or self.used == _BUFFER_SIZE:
            self.used = self.start
            return False
        self.buffer[self.used] = 10
        self.used += 1
        return True

    def add(self, line: bytes) -> bool:
        """Keeps a complete line; returns False if it does not fit."""
        size = len(line)
        if size > _BUFFER_SIZE - self.used:
            return False
        if cython.compiled:
            memcpy(self.buffer + self.used, cython.cast(cython.p_char, line), size)
        else:
            self.lines.append(line)
        self.used += size
        return True

    def take(self) -> bytes:
        """Returns and clears all lines kept."""
        size, self.used = self.used, 0
        if cython.compiled:
            made: bytes = self.buffer[:size]
            return made
        lines, self.lines = self.lines, []
        return b"".join(lines)

    def _digits(self, value: int, size: int) -> None:
        at = self.used + size
        self.used = at
        for _ in range(size):
            at -= 1
            self.buffer[at] = 48 + value % 10
            value //= 10

    def _quoted(self, source: cython.p_uchar, size: int) -> None:
        if size + 2 > _BUFFER_SIZE - self.used:
            self.unusable = True
            return
        if cython.compiled:  # called only if compiled
            escaped = _ESCAPED
            for index in range(size):
                if escaped[source[index]]:
                    self.unusable = True
                    return
            at = self.used
            self.buffer[at] = 34  # a quotation mark
            memcpy(self.buffer + at + 1, source, size)
            self.buffer[at + size + 1] = 34
            self.used = at + size + 2

    def _checked(self, text: str) -> None:
        if text.isascii() and text.isprintable() and '"' not in text and "\\" not in text:
            self.parts.append(f'"{text}"')
        else:
            self.unusable = True
