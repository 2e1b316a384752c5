"""Lays out text tables that fit the width of the page where possible.

A cell may be coloured as a whole; colour codes do not count as columns.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from itertools import zip_longest

import tabulate

from dissector.text import printable

ROWS = 50  # of a table, unless all are requested
_NUMBERS = ("stream", "frame")  # right-aligned and never wrapped
_LEAST = 8  # columns that a wrapped cell keeps at least on a narrow page
GAP, NARROW = 2, 1  # spaces between columns, and those on a narrow page


def tabulated(cells: Sequence[Sequence[str]], headers: Sequence[str], width: int) -> list[str]:
    """Lays cells out in columns.

    If the table is too wide, gaps shrink first, then cells wrap between words, then within words.
    """
    columns = list(zip(headers, *cells, strict=True))
    whole = [max(map(visible, column)) for column in columns]
    words = [max(map(_longest_word, column)) for column in columns]
    few = [
        size if name in _NUMBERS else min(size, _LEAST)
        for size, name in zip(words, headers, strict=True)
    ]
    steps = ((GAP, whole), (NARROW, whole), (GAP, words), (NARROW, words), (NARROW, few))
    for gap, least in steps:
        room = width - gap * (len(headers) - 1)
        if sum(least) <= room:
            break
    sizes = _shrunk(whole, least, room)
    rows = [*_wrapped(headers, sizes), ["-" * size for size in sizes]]
    for line in cells:
        rows += _wrapped(line, sizes)
    return _formatted(rows, ["right" if name in _NUMBERS else "left" for name in headers], gap)


def inserted(
    cells: list[list[str]], headers: list[str], at: int, header: str, values: Sequence[str]
) -> int:
    """Inserts a column and returns its width, including the gap."""
    headers.insert(at, header)
    for line, value in zip(cells, values, strict=True):
        line.insert(at, value)
    return max(len(header), *map(visible, values)) + GAP


def file_names(paths: Sequence[str]) -> dict[str, str]:
    """Returns the base names of files as plain text, or full paths if two base names are equal."""
    names = {path: path.rpartition("/")[2] for path in paths}
    if len(set(names.values())) < len(names):
        names = {path: path for path in paths}
    return {path: printable(name) for path, name in names.items()}


def numbered(
    header: str, values: Sequence[str], room: int, known: Sequence[str] = ()
) -> tuple[Sequence[str], list[str]]:
    """Returns the values, or numbers for them if they do not fit, and the lines of a legend.

    `known` fixes the numbering; it may hold more values.
    """
    if max(map(len, values)) + GAP <= room:
        return values, []
    every = {
        value: f"{header[0]}{number}"
        for number, value in enumerate(known or dict.fromkeys(values), 1)
    }
    lines = [f"{every[value]} is the {header} {value}" for value in dict.fromkeys(values)]
    return [every[value] for value in values], lines


def visible(cell: str) -> int:
    """Returns the width of a cell without its colour codes."""
    return len(_split_colour(cell)[1])


def _split_colour(cell: str) -> tuple[str, str, str]:
    """Returns the code that turns the colour on, the text, and the code that turns it off."""
    if not cell.startswith("\x1b"):
        return "", cell, ""
    start = cell.index("m") + 1
    return cell[:start], cell[start:-4], cell[-4:]


def _longest_word(cell: str) -> int:
    return max(map(len, _split_colour(cell)[1].split()), default=0)


def _shrunk(sizes: list[int], least: list[int], room: int) -> list[int]:
    """Shrinks the widest columns until all fit or all have their least width."""
    sizes = sizes.copy()
    while sum(sizes) > room:
        wide = [index for index, size in enumerate(sizes) if size > least[index]]
        if not wide:
            break
        sizes[max(wide, key=sizes.__getitem__)] -= 1
    return sizes


def _wrapped(line: Sequence[str], sizes: list[int]) -> list[Sequence[str]]:
    """Wraps the cells of a row and returns the resulting rows."""
    if all(visible(cell) <= size for cell, size in zip(line, sizes, strict=True)):
        return [line]
    parts = []
    for cell, size in zip(line, sizes, strict=True):
        on, text, off = _split_colour(cell)
        wrapped = textwrap.wrap(text, size, break_on_hyphens=False)
        parts.append([on + part + off for part in wrapped])
    return list(zip_longest(*parts, fillvalue=""))


def _formatted(rows: list[Sequence[str]], align: list[str], gap: int) -> list[str]:
    row = tabulate.DataRow("", " " * gap, "")
    look = tabulate.TableFormat(None, None, None, None, row, row, 0, None)
    text = tabulate.tabulate(rows, tablefmt=look, disable_numparse=True, colalign=align)
    return [line.rstrip() for line in text.splitlines()]
