"""The predicates of first bytes agree with their plain definitions, compiled or not."""

from __future__ import annotations

import random
import re

import pytest

from dissector.net import first_bytes

WORDS = [b"websocket", b"upgrade: websocket", b"mqtt"]
END = re.compile(rb"\n\r?\n")


def pieces(rng: random.Random, choices: list[bytes]) -> bytes:
    """Return some of these pieces, joined."""
    return b"".join(rng.choice(choices) for _ in range(rng.randrange(12)))


@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize("seed", range(40))
def test_a_word_is_found_wherever_it_is(word: bytes, seed: int) -> None:
    """A word is found in upper and lower case, whole, and before the limit only."""
    rng = random.Random(seed)
    choices = [word, word.upper(), word.title(), word[:-1], word[1:], word[-1:], b"-", b"\x14\xff"]
    for _ in range(50):
        data = pieces(rng, choices)
        stop = rng.randrange(len(data) + 4)
        expected = word in data[:stop].lower()
        assert first_bytes.contains(data, stop, word) == expected
        assert first_bytes.contains(bytearray(data), stop, word) == expected


@pytest.mark.parametrize("seed", range(40))
def test_the_end_of_a_head(seed: int) -> None:
    """A head ends with the first empty line, whether lines end with LF or CR LF."""
    rng = random.Random(seed)
    for _ in range(50):
        data = pieces(rng, [b"\n", b"\r", b"\r\n", b"a", b"\r\n\r\n"])
        searched = rng.randrange(len(data) + 1)
        found = END.search(data, max(searched - 2, 0), first_bytes.HEAD_LIMIT)
        assert first_bytes.head_size(data, searched) == (found.end() if found else 0)


def test_a_head_ends_within_the_limit() -> None:
    """An empty line beyond the limit is not looked for."""
    limit = first_bytes.HEAD_LIMIT
    assert first_bytes.head_size(b"a" * (limit - 2) + b"\n\n") == limit
    assert first_bytes.head_size(b"a" * (limit - 1) + b"\n\n") == 0
    assert first_bytes.head_size(b"a" * (limit - 2) + b"\n\r\n") == 0


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"\x16", True),
        (b"\x13", False),
        (b"\x16\3", True),
        (b"\x16\2", False),
        (b"\x17\3\5", False),
        (b"\x17\3\3\0\2ab", True),
        (b"\x17\3\3\0\2ab\x16", True),
        (b"\x17\3\3\0\2ab\x16\3\3\xff\xff", False),
        (b"\x17\3\3\0\2abx", False),
        (b"\x17\3\3\xff\xff", False),
        (b"\x17\3\3\0\0\x15\3\3\0\2ab?", True),
    ],
)
def test_a_record_and_the_next(data: bytes, expected: bool) -> None:
    """The header of a TLS record counts, and that of the next record as far as it is there."""
    assert first_bytes.tls_begins(b"?" + data, 1, 1 + len(data)) == expected
