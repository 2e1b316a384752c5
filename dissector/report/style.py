"""Text in, the same text in colour out, or as it is; and text wrapped under a label.

Only basic ANSI codes, only around our own words: captured text is escaped before it gets here, so
no code in the output was ever in a capture.
"""

from __future__ import annotations

import textwrap
from typing import NamedTuple

from dissector.model import Severity

LABEL = 11  # columns of a label, its indent included
_INDENT = "   "
_CODES = {"bold": "1", "dim": "2", "red": "31", "yellow": "33", "cyan": "36", "green": "32"}
_SEVERITY = {Severity.ERROR: "red", Severity.WARNING: "yellow", Severity.INFO: "cyan"}


class Style(NamedTuple):
    """How a report looks: in colour or not, and how many columns it may fill."""

    color: bool = False
    width: int = 80

    def paint(self, text: str, *names: str) -> str:
        """Give the text in a colour."""
        if not self.color or not text:
            return text
        return f"\x1b[{';'.join(_CODES[name] for name in names)}m{text}\x1b[0m"

    def severity(self, severity: Severity, text: str | None = None) -> str:
        """Give a severity's name, or another text, in its colour."""
        return self.paint(severity.value if text is None else text, _SEVERITY[severity], "bold")

    def wrapped(self, text: str, indent: int = LABEL) -> list[str]:
        """Break paragraphs into lines that fit beside an indent; a blank line parts paragraphs."""
        return [
            line
            for paragraph in text.split("\n\n")
            for line in textwrap.wrap(
                " ".join(paragraph.split()),
                max(self.width - indent, 30),
                break_on_hyphens=False,
                break_long_words=False,
            )
        ]

    def indented(self, text: str) -> list[str]:
        """Wrap paragraphs under a heading."""
        return [_INDENT + line for line in self.wrapped(text, len(_INDENT))]

    def labelled(self, label: str, text: str) -> list[str]:
        """Wrap paragraphs beside a label."""
        return self.beside(label, self.wrapped(text))

    def beside(self, label: str, lines: list[str], color: Severity | None = None) -> list[str]:
        """Put lines as they are beside a label, in bold or in a severity's colour."""
        painted = self.severity(color, label) if color else self.paint(label, "bold")
        head = _INDENT + painted + " " * (LABEL - len(_INDENT) - len(label))
        return [
            (head if index == 0 else " " * LABEL) + line if line else ""
            for index, line in enumerate(lines)
        ]


def counted(count: int, noun: str) -> str:
    """Say a count with its noun: `1 finding`, `12,000 findings`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def listed(items: list[str]) -> str:
    """Say a list as a person does: `4`, `4 and 6`, `4, 6 and 9`."""
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} and {items[-1]}"


def place(section: str) -> str:
    """Name a place of the standard: a section by its number, a table as it is."""
    return f"section {section}" if section[:1].isdigit() else section
