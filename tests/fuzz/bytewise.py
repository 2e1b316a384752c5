"""Mutates bytes: flips, inserts, deletes, splices, boundary values."""

from __future__ import annotations

import random
from collections.abc import Sequence

EDGES = (
    0,
    1,
    2,
    3,
    4,
    0x7F,
    0x80,
    0xFE,
    0xFF,
    0x100,
    0x7FFF,
    0x8000,
    0xFFFE,
    0xFFFF,
    0x10000,
    0xFFFFFF,
    0x0FFFFFFF,
    0x10000000,
    0x7FFFFFFF,
    0x80000000,
    0xFFFFFFFE,
    0xFFFFFFFF,
)


def number(rng: random.Random, value: int, bits: int) -> int:
    """Returns another number: near a value, a boundary value, or any."""
    way = rng.randrange(4)
    if way == 0:
        value += rng.choice((-4, -2, -1, 1, 2, 4, 12, 20))
    elif way == 1:
        value = rng.choice(EDGES)
    elif way == 2:
        value ^= 1 << rng.randrange(bits)
    else:
        value = rng.getrandbits(bits)
    return value & ((1 << bits) - 1)


def damage(rng: random.Random, data: bytes, others: Sequence[bytes] = ()) -> bytes:
    """Returns the bytes with one mutation."""
    out = bytearray(data)
    size = len(out)
    at = rng.randrange(size + 1)
    way = rng.randrange(9)
    if way == 0 and size:
        out[at % size] ^= 1 << rng.randrange(8)
    elif way == 1 and size:
        out[at % size] = rng.choice((0, 1, 2, 0x7F, 0x80, 0xFF, rng.randrange(256)))
    elif way == 2:
        out[at:at] = rng.randbytes(rng.randint(1, 8))
    elif way == 3:
        del out[at : at + rng.randint(1, 8)]
    elif way == 4:
        del out[at:]
    elif way == 5:
        out[at:at] = out[at : at + rng.randint(1, 32)]
    elif way == 6 and others:
        other = rng.choice(others)
        out[at:] = other[rng.randrange(len(other) + 1) :]
    elif way == 7 and size > 4:
        width = rng.choice((2, 4))
        at = rng.randrange(size - width + 1)
        order = rng.choice(("big", "little"))
        before = int.from_bytes(out[at : at + width], order)  # type: ignore[arg-type]
        after = number(rng, before, 8 * width)
        out[at : at + width] = after.to_bytes(width, order)  # type: ignore[arg-type]
    else:
        out[at : at + 1] = rng.choice(
            (
                b"\0",
                b"\xff\xff\xff\xff",
                b"\xc0\x80",
                b"\xed\xa0\x80",
                b"\x1b[31m",
                b"\xe2\x80\xae",
                b"\r\n",
                b"\x80\x80\x80\x80",
            )
        )
    return bytes(out)


def shuffle_near(rng: random.Random, count: int) -> list[int]:
    """Returns the numbers below `count` in order, with a few moved by up to four places."""
    order = list(range(count))
    for _ in range(rng.randint(1, 3)):
        if count > 1:
            one = rng.randrange(count)
            item = order.pop(one)
            order.insert(max(0, min(count - 1, one + rng.randint(-4, 4))), item)
    return order
