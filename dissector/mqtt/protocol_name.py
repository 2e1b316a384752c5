"""The bytes of a protocol name in, what of them may be shown out.

Where the length in front of a name is wrong, what follows it is read as part of it: the rest of the
CONNECT, perhaps with a password. The name of a protocol is a short word, so a foreign one is shown
no further than it is that. An ellipsis, which no such name holds, stands for the rest.
"""

from __future__ import annotations

import re

MOST = 8  # characters that are shown
CUT = "…"
_WORD = re.compile(rb"[!-~]*")  # printable ASCII


def shown(name: bytes) -> str:
    """Give a name, up to the first byte that is none of a word; `CUT` ends one that goes on."""
    kept = kept_of(name)
    return name[:kept].decode("ascii") + (CUT if kept < len(name) else "")


def kept_of(name: bytes) -> int:
    """Say how many bytes of a name may be shown; the others may be a secret."""
    begins = _WORD.match(name)
    return min(begins.end() if begins is not None else 0, MOST)


def is_word(name: bytes) -> bool:
    """Whether it may be a name at all."""
    return _WORD.fullmatch(name) is not None
