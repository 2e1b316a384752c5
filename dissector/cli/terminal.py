"""The environment and the terminal in, how many columns there are out."""

from __future__ import annotations

import os

_USUAL = 80


def columns() -> int:
    """Give the width of the terminal; 80 where there is none. As `shutil` does, at a tenth."""
    try:
        wanted = int(os.environ["COLUMNS"])
    except (KeyError, ValueError):
        wanted = 0
    if wanted > 0:
        return wanted
    try:
        return os.get_terminal_size().columns or _USUAL
    except OSError:
        return _USUAL
