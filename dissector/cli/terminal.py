"""Writes messages to the terminal, wrapped to its width."""

from __future__ import annotations

import os
import sys

_DEFAULT = 80
_NARROWEST = 20
_INDENT = " " * len("dissector: ")


def columns(descriptor: int = 1) -> int:
    """Returns the terminal width, 80 without one; as `shutil` does, at a tenth of the cost."""
    try:
        wanted = int(os.environ["COLUMNS"])
    except (KeyError, ValueError):
        wanted = 0
    if wanted > 0:
        return wanted
    try:
        return os.get_terminal_size(descriptor).columns or _DEFAULT
    except OSError:
        return _DEFAULT


def message(text: str, *, terminal: bool) -> str:
    """Formats printable text as a message of this program for standard error.

    Further lines of the text are indented. On a terminal lines break between words.
    """
    lines = text.split("\n")
    if terminal:
        import textwrap  # its import costs more than a small capture

        width = max(columns(2) - len(_INDENT), _NARROWEST)
        lines = [
            part
            for line in lines
            for part in textwrap.wrap(
                line, width, break_long_words=False, break_on_hyphens=False
            ) or [""]
        ]  # fmt: skip
    return "".join(
        f"{_INDENT if index else 'dissector: '}{line}\n" for index, line in enumerate(lines)
    )


def note(text: str) -> None:
    """Writes a note to standard error, after flushing standard output."""
    from dissector.text import printable

    sys.stdout.flush()
    lines = "\n".join(map(printable, text.split("\n")))
    sys.stderr.write(message(lines, terminal=sys.stderr.isatty()))
