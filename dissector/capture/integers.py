# cython: annotation_typing=False
"""Unsigned integers of either byte order out of a window of capture bytes.

An offset whose bytes do not all lie in the window raises IndexError, compiled or not.
"""

from __future__ import annotations


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
