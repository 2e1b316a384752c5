"""Colours text with basic ANSI codes, and wraps text beside a label.

Codes are put only around our own words; captured text is escaped before it arrives here, so no
escape code in the output comes from a capture.
"""

from __future__ import annotations

import re
import textwrap
from typing import NamedTuple

from dissector.model import Severity

LABEL = 11  # columns of a label, including its indent
_INDENT = "   "
_CODES = {"bold": "1", "dim": "2", "red": "31", "yellow": "33", "cyan": "36", "green": "32"}
_CODE = re.compile(r"\x1b\[[0-9;]*m")
_SEVERITY = {Severity.ERROR: "red", Severity.WARNING: "yellow", Severity.INFO: "cyan"}


class Style(NamedTuple):
    """Appearance of a report: whether it is coloured, and its width in columns."""

    color: bool = False
    width: int = 80

    def paint(self, text: str, *names: str) -> str:
        """Returns the text in a colour."""
        if not self.color or not text:
            return text
        return f"\x1b[{';'.join(_CODES[name] for name in names)}m{text}\x1b[0m"

    def severity(self, severity: Severity, text: str | None = None) -> str:
        """Returns a severity's name, or another text, in its colour."""
        return self.paint(severity.value if text is None else text, _SEVERITY[severity], "bold")

    def wrapped(self, text: str, indent: int = LABEL) -> list[str]:
        """Wraps paragraphs, separated by blank lines, to the width left by an indent."""
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

    def hanging(self, text: str, width: int) -> list[str]:
        """Wraps a line between words; the rest is indented. Colour codes have no width."""
        lines: list[str] = []
        line, used = "", 0
        for word in text.split(" "):
            size = len(_CODE.sub("", word))
            if line and used + 1 + size > width:
                lines.append(line)
                line, used = _INDENT + word, len(_INDENT) + size
            elif line:
                line, used = f"{line} {word}", used + 1 + size
            else:
                line, used = word, size
        return [*lines, line]

    def indented(self, text: str) -> list[str]:
        """Wraps paragraphs under a heading."""
        return [_INDENT + line for line in self.wrapped(text, len(_INDENT))]

    def labelled(self, label: str, text: str) -> list[str]:
        """Wraps paragraphs beside a label."""
        return self.beside(label, self.wrapped(text))

    def beside(self, label: str, lines: list[str], color: Severity | None = None) -> list[str]:
        """Puts lines unchanged beside a label, which is bold or in a severity's colour."""
        painted = self.severity(color, label) if color else self.paint(label, "bold")
        head = _INDENT + painted + " " * (LABEL - len(_INDENT) - len(label))
        return [
            (head if index == 0 else " " * LABEL) + line if line else ""
            for index, line in enumerate(lines)
        ]


def counted(count: int, noun: str) -> str:
    """Formats a count with its noun: `1 finding`, `12,000 findings`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def listed(items: list[str]) -> str:
    """Formats a list as prose: `4`, `4 and 6`, `4, 6 and 9`."""
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} and {items[-1]}"


def place(section: str) -> str:
    """Formats a place in the standard: a section by its number, a table unchanged."""
    return f"section {section}" if section[:1].isdigit() else section
