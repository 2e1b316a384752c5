"""Reads unsigned integers and slices at offsets of a byte string; formats addresses.

`u16` and `u32` raise IndexError if their bytes do not all lie in the string, compiled or not.
"""

from __future__ import annotations

from array import array

import cython

if cython.compiled:
    from cython.cimports.libc.stdlib import calloc, free  # type: ignore[import-not-found]

_HEX = b"0123456789abcdef"

if not cython.compiled:  # compiled, these are single unchecked loads (integers.pxd)

    def big16(data: bytes, at: int) -> int:
        """Read two bytes at `at`, big-endian."""
        return data[at] << 8 | data[at + 1]

    def big32(data: bytes, at: int) -> int:
        """Read four bytes at `at`, big-endian."""
        return int.from_bytes(data[at : at + 4], "big")

    def little32(data: bytes, at: int) -> int:
        """Read four bytes at `at`, little-endian."""
        return int.from_bytes(data[at : at + 4], "little")


class IntegerArray:
    """A fixed number of signed 64-bit integers, initially 0.

    Compiled loops index `at`, a C pointer, with indices that they have checked already (a
    memoryview would do, but adds 20,000 lines of C to every module that cimports the declaration).
    All other code indexes the object, which checks bounds.
    """

    def __init__(self, size: int) -> None:
        if cython.compiled:
            self.at = cython.cast(cython.p_longlong, calloc(size, 8))
            if self.at == cython.NULL:
                raise MemoryError
        else:
            self.at = array("q", [0]) * size
        self.size = size

    def __dealloc__(self) -> None:
        free(self.at)  # type: ignore[name-defined, unused-ignore]

    def __len__(self) -> int:
        return self.size

    def values(self) -> list[int]:
        """Return all integers as a list."""
        return [self.at[index] for index in range(self.size)]

    def __getitem__(self, index: int) -> int:
        if not 0 <= index < self.size:
            raise IndexError(index)
        return self.at[index]

    def __setitem__(self, index: int, value: int) -> None:
        if not 0 <= index < self.size:
            raise IndexError(index)
        self.at[index] = value


def u16(data: bytes, at: int, big: bool) -> int:
    """Read two bytes at `at`; `big` for big-endian."""
    if big:
        return data[at] << 8 | data[at + 1]
    return data[at + 1] << 8 | data[at]


def u32(data: bytes, at: int, big: bool) -> int:
    """Read four bytes at `at`; `big` for big-endian."""
    a = data[at]
    b = data[at + 1]
    c = data[at + 2]
    d = data[at + 3]
    if big:
        return a << 24 | b << 16 | c << 8 | d
    return d << 24 | c << 16 | b << 8 | a


def format_ipv4(address: bytes) -> str:
    """Format an IPv4 address, given as four bytes."""
    if cython.compiled:
        text = cython.declare(cython.char[18])
        size = 0
        for index in range(4):
            byte = address[index]
            if byte >= 100:
                text[size] = 48 + byte // 100
                size += 1
            if byte >= 10:
                text[size] = 48 + byte // 10 % 10
                size += 1
            text[size] = 48 + byte % 10
            text[size + 1] = 46  # a dot
            size += 2
        return text[: size - 1].decode("ascii")
    return f"{address[0]}.{address[1]}.{address[2]}.{address[3]}"


def format_mac(address: bytes) -> str:
    """Format a MAC address, given as six bytes, with colons."""
    if cython.compiled:
        text = cython.declare(cython.char[18])
        for index in range(6):
            byte = address[index]
            text[3 * index] = _HEX[byte >> 4]
            text[3 * index + 1] = _HEX[byte & 15]
            text[3 * index + 2] = 58  # a colon
        return text[:17].decode("ascii")
    return address.hex(":")


def cut(data: bytes, start: int, stop: int) -> bytes:
    """Return data[start:stop]; compiled, it slices a C pointer, in a quarter of the time."""
    if not 0 <= start <= stop <= len(data):
        return data[start:stop]
    at = data
    return at[start:stop]
