"""Splits bytes into chunks for tests of decoders: whole, byte by byte, at random places."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from hypothesis import strategies as st


def ways(data: bytes, cuts: list[int]) -> Iterator[list[bytes]]:
    """Yields the bytes whole, byte by byte, and cut at the given places (modulo the size)."""
    yield [data]
    yield [data[index : index + 1] for index in range(len(data))]
    places = sorted({cut % (len(data) + 1) for cut in cuts} | {0, len(data)})
    yield [data[a:b] for a, b in pairwise(places)]


places = st.lists(st.integers(0, 1 << 20), max_size=8)
