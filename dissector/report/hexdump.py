"""Formats a packet as a hex dump with the bytes at fault marked.

Sixteen bytes a row, or eight on a narrow page. For a long packet only the first row and the rows
around the marked bytes are shown; a line of dots stands for the rest.
"""

from __future__ import annotations

from dissector.report.style import LABEL, Style

_ROWS_MARKED = 4  # rows of marked bytes shown
_ROWS_UNMARKED = 4  # rows shown of a packet without a mark


def hexdump(data: bytes, span: tuple[int, int] | None, style: Style) -> list[str]:
    """Returns the lines, with a line of carets below each row that contains bytes of `span`.

    `span` is (offset, length); a length of 0 marks the place where bytes are missing.
    """
    per_row = 16 if style.width - LABEL >= 5 + 3 * 16 + 16 else 8
    rows = (len(data) + per_row - 1) // per_row or 1
    start, stop = _marked(data, span)
    lines: list[str] = []
    last = -1
    for row in _shown(rows, start // per_row, max(stop - 1, start) // per_row, span is not None):
        if row != last + 1:
            lines.append("...")
        lines += _row(data, row * per_row, per_row, (start, stop), style)
        last = row
    if last < rows - 1:
        lines.append(f"... {len(data)} bytes in all")
    return lines


def _marked(data: bytes, span: tuple[int, int] | None) -> tuple[int, int]:
    if span is None:
        return 0, 0
    start = min(max(span[0], 0), len(data))
    return start, min(start + max(span[1], 1), len(data) + 1)


def _shown(rows: int, first: int, last: int, marked: bool) -> list[int]:
    if not marked:
        return list(range(min(rows, _ROWS_UNMARKED)))
    last = min(last, first + _ROWS_MARKED - 1)
    around = range(max(first - 1, 0), min(last + 2, max(rows, last + 1)))
    return sorted({0, *around})


def _row(data: bytes, offset: int, per_row: int, mark: tuple[int, int], style: Style) -> list[str]:
    piece = data[offset : offset + per_row]
    cells = [f"{byte:02x}" for byte in piece]
    start, stop = max(mark[0] - offset, 0), min(mark[1] - offset, per_row)
    glyphs = "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in piece)
    padding = "   " * (per_row - len(cells))
    for index in range(start, min(stop, len(cells))):
        cells[index] = style.paint(cells[index], "red", "bold")
    lines = [f"{offset:04x} {' '.join(cells)}{padding} {glyphs}".rstrip()]
    if start < stop:
        carets = " ".join(["  "] * start + ["^^"] * (stop - start))
        lines.append("     " + carets.replace("^^", style.paint("^^", "red", "bold")))
    return lines


def whole(data: bytes) -> list[str]:
    """Returns all rows, sixteen bytes each, without marks."""
    style = Style()
    return [_row(data, offset, 16, (0, 0), style)[0] for offset in range(0, max(len(data), 1), 16)]
