"""Cells in, lines of a table out: no wider than the page, as far as that can be.

Cells may be coloured as a whole; a colour takes no columns.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from itertools import zip_longest

import tabulate

from dissector.text import printable

_NUMBERS = ("stream", "frame")  # to the right, and never broken
_FEW = 8  # columns that the words of a broken cell still have, where the page is narrow
GAP, _NARROW = 2, 1  # columns between columns, and where there is little room


def tabulated(cells: Sequence[Sequence[str]], headers: Sequence[str], width: int) -> list[str]:
    """Lay cells out in columns.

    Where they are too wide they move together, else they break between words, else within words.
    """
    columns = list(zip(headers, *cells, strict=True))
    whole = [max(map(visible, column)) for column in columns]
    words = [max(map(_longest_word, column)) for column in columns]
    few = [
        size if name in _NUMBERS else min(size, _FEW)
        for size, name in zip(words, headers, strict=True)
    ]
    steps = ((GAP, whole), (_NARROW, whole), (GAP, words), (_NARROW, words), (_NARROW, few))
    for gap, least in steps:
        room = width - gap * (len(headers) - 1)
        if sum(least) <= room:
            break
    sizes = _shared(whole, least, room)
    rows = [*_broken(headers, sizes), ["-" * size for size in sizes]]
    for line in cells:
        rows += _broken(line, sizes)
    return _laid_out(rows, ["right" if name in _NUMBERS else "left" for name in headers], gap)


def inserted(
    cells: list[list[str]], headers: list[str], at: int, header: str, values: Sequence[str]
) -> int:
    """Add a column; give the columns of the page that it takes."""
    headers.insert(at, header)
    for line, value in zip(cells, values, strict=True):
        line.insert(at, value)
    return max(len(header), *map(visible, values)) + GAP


def file_names(paths: Sequence[str]) -> dict[str, str]:
    """Give short names of files, plain text; the whole paths where two have one name."""
    names = {path: path.rpartition("/")[2] for path in paths}
    if len(set(names.values())) < len(names):
        names = {path: path for path in paths}
    return {path: printable(name) for path, name in names.items()}


def numbered(
    header: str, values: Sequence[str], room: int, known: Sequence[str] = ()
) -> tuple[Sequence[str], list[str]]:
    """Give values as they are, or as numbers where they have no room, and lines that explain them.

    Numbers are those of the values in `known`, which may be more than there are.
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
    """Columns of a cell without its colour."""
    return len(_parted(cell)[1])


def _parted(cell: str) -> tuple[str, str, str]:
    """Give what turns the colour on, the text, and what turns it off."""
    if not cell.startswith("\x1b"):
        return "", cell, ""
    start = cell.index("m") + 1
    return cell[:start], cell[start:-4], cell[-4:]


def _longest_word(cell: str) -> int:
    return max(map(len, _parted(cell)[1].split()), default=0)


def _shared(sizes: list[int], least: list[int], room: int) -> list[int]:
    """Take from the widest columns until all fit, or none has anything to give."""
    sizes = sizes.copy()
    while sum(sizes) > room:
        giving = [index for index, size in enumerate(sizes) if size > least[index]]
        if not giving:
            break
        sizes[max(giving, key=sizes.__getitem__)] -= 1
    return sizes


def _broken(line: Sequence[str], sizes: list[int]) -> list[Sequence[str]]:
    """Break the cells of a row; give the rows that it takes."""
    if all(visible(cell) <= size for cell, size in zip(line, sizes, strict=True)):
        return [line]
    parts = []
    for cell, size in zip(line, sizes, strict=True):
        on, text, off = _parted(cell)
        broken = textwrap.wrap(text, size, break_on_hyphens=False)
        parts.append([on + part + off for part in broken])
    return list(zip_longest(*parts, fillvalue=""))


def _laid_out(rows: list[Sequence[str]], align: list[str], gap: int) -> list[str]:
    row = tabulate.DataRow("", " " * gap, "")
    look = tabulate.TableFormat(None, None, None, None, row, row, 0, None)
    text = tabulate.tabulate(rows, tablefmt=look, disable_numparse=True, colalign=align)
    return [line.rstrip() for line in text.splitlines()]
