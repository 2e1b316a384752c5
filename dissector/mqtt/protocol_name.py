"""Decides how much of an unknown protocol name may be shown in output.

If the length before a name is wrong, the rest of the CONNECT is read as part of it, perhaps with a
password. A protocol name is a short word, so of an unknown one only the leading printable ASCII is
shown, at most eight characters, and an ellipsis (which no protocol name contains) for the rest.
"""

from __future__ import annotations

import re

MAX_SHOWN = 8  # characters
CUT = "…"
_WORD = re.compile(rb"[!-~]*")  # printable ASCII


def shown(name: bytes) -> str:
    """Returns the part of a name that may be shown, with `CUT` appended if it is longer."""
    kept = shown_size(name)
    return name[:kept].decode("ascii") + (CUT if kept < len(name) else "")


def shown_size(name: bytes) -> int:
    """Returns how many bytes of a name may be shown; the others may be a secret."""
    begins = _WORD.match(name)
    return min(begins.end() if begins is not None else 0, MAX_SHOWN)


def is_word(name: bytes) -> bool:
    """Whether it could be a protocol name: printable ASCII only."""
    return _WORD.fullmatch(name) is not None
