r"""Text in, the same text as Markdown that means nothing but itself out.

Captured text stands in code spans, where nothing is markup: longer fences than any run of backticks
in it, and `\|` for the one character that a table sees before a code span does. Our own sentences
with captured parts in them (messages) have their punctuation escaped; where an escape does not help
(links and mentions that are found in plain text) they are code spans, too.
"""

from __future__ import annotations

import re

from dissector.text import printable

_PUNCTUATION = re.compile(r"([\\`*_\[\]<>|~&$])")
_FOUND_IN_TEXT = re.compile(r"@|://|www\.", re.IGNORECASE)
_BACKTICKS = re.compile(r"`+")


def code(text: str, limit: int | None = None) -> str:
    """Give captured text as a code span that may stand in a table."""
    shown = printable(text, limit)
    if not shown:
        return '""'
    longest = max((len(run) for run in _BACKTICKS.findall(shown)), default=0)
    fence = "`" * (longest + 1)
    pad = " " if shown[0] in "` " or shown[-1] in "` " else ""
    return f"{fence}{pad}{shown}{pad}{fence}".replace("|", "\\|")


def prose(text: str, limit: int | None = None) -> str:
    """Give a sentence that may hold captured text."""
    shown = printable(text, limit)
    if _FOUND_IN_TEXT.search(shown):
        return code(text, limit)
    return _PUNCTUATION.sub(r"\\\1", shown)


def own(text: str) -> str:
    """Give a text of a rule's page; what stands in backticks there is code."""
    parts = text.split("`")
    if len(parts) % 2 == 0:
        return prose(text)
    return "".join(code(part) if index % 2 else prose(part) for index, part in enumerate(parts))


def table(headers: list[str], rows: list[list[str]]) -> list[str]:
    """Lay cells that are Markdown already out as a table."""
    lines = [headers, ["---"] * len(headers), *rows]
    return [f"| {' | '.join(cells)} |" for cells in lines]
