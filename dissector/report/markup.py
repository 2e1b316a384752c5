r"""Escapes text for Markdown, so that no captured text acts as markup.

Captured text is put into code spans, where nothing is markup: with longer fences than any run of
backticks in it, and `\|` for the only character that a table parses before code spans. In our own
sentences with captured parts (messages) punctuation is escaped; where an escape does not help
(links and mentions recognised in plain text) they become code spans as well.
"""

from __future__ import annotations

import re

from dissector.text import printable

_PUNCTUATION = re.compile(r"([\\`*_\[\]<>|~&$])")
_AUTOLINKED = re.compile(r"@|://|www\.", re.IGNORECASE)
_BACKTICKS = re.compile(r"`+")


def code(text: str, limit: int | None = None) -> str:
    """Returns captured text as a code span that is safe in a table."""
    shown = printable(text, limit)
    if not shown:
        return '""'
    longest = max((len(run) for run in _BACKTICKS.findall(shown)), default=0)
    fence = "`" * (longest + 1)
    pad = " " if shown[0] in "` " or shown[-1] in "` " else ""
    return f"{fence}{pad}{shown}{pad}{fence}".replace("|", "\\|")


def prose(text: str, limit: int | None = None) -> str:
    """Escapes a sentence that may contain captured text."""
    shown = printable(text, limit)
    if _AUTOLINKED.search(shown):
        return code(text, limit)
    return _PUNCTUATION.sub(r"\\\1", shown)


def rule_text(text: str) -> str:
    """Escapes a text of a rule's page; parts in backticks become code."""
    parts = text.split("`")
    if len(parts) % 2 == 0:
        return prose(text)
    return "".join(code(part) if index % 2 else prose(part) for index, part in enumerate(parts))


def table(headers: list[str], rows: list[list[str]]) -> list[str]:
    """Formats cells that are already Markdown as a table."""
    lines = [headers, ["---"] * len(headers), *rows]
    return [f"| {' | '.join(cells)} |" for cells in lines]
