# cython: annotation_typing=False
"""A window of bytes and offsets in, unsigned integers and pieces of it out.

An offset whose bytes do not all lie in the window raises IndexError, compiled or not.
"""

from __future__ import annotations

import cython

if not cython.compiled:  # compiled, these are single loads without a check (octets.pxd)

    def big16(data: bytes, at: int) -> int:
        """Read two bytes at `at`, big-endian."""
        return data[at] << 8 | data[at + 1]

    def big32(data: bytes, at: int) -> int:
        """Read four bytes at `at`, big-endian."""
        return int.from_bytes(data[at : at + 4], "big")

    def little32(data: bytes, at: int) -> int:
        """Read four bytes at `at`, little-endian."""
        return int.from_bytes(data[at : at + 4], "little")


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


def cut(data: bytes, start: int, stop: int) -> bytes:
    """Give data[start:stop]. Compiled, a slice through a pointer costs a quarter of an object's."""
    if not 0 <= start <= stop <= len(data):
        return data[start:stop]
    at = data
    return at[start:stop]
