"""Tables that fit the page: gaps shrink first, then cells wrap; nothing is left out."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from dissector.model import Severity
from dissector.report.columns import tabulated, visible
from dissector.report.style import Style

WORD = st.text(st.sampled_from("abcdefxyz.:-"), min_size=1, max_size=14)
CELL = st.lists(WORD, max_size=4).map(" ".join)
HEADERS = ("stream", "client id", "accepts by", "findings")
ROWS = st.lists(st.tuples(st.integers(0, 99999).map(str), CELL, CELL, CELL), max_size=6)


def test_a_table_that_fits_has_wide_gaps() -> None:
    """On a page that is wide enough gaps are two columns wide; numbers are right-aligned."""
    assert tabulated([("7", "a", "none"), ("12", "b", "-")], ("stream", "id", "by"), 80) == [
        "stream  id  by",
        "------  --  ----",
        "     7  a   none",
        "    12  b   -",
    ]


def test_gaps_shrink_first() -> None:
    """With gaps of one column no cell has to wrap."""
    assert tabulated([("a b", "c d")], ("x", "y"), 7) == ["x   y", "--- ---", "a b c d"]


def test_cells_that_do_not_fit_wrap_between_words() -> None:
    """A cell continues in the next line; short cells beside it are unchanged."""
    row = ("10.0.0.1:1883", "password, none", "not authorized")
    assert tabulated([row], ("server", "accepts by", "refused as"), 40) == [
        "server         accepts by   refused as",
        "-------------  -----------  ------------",
        "10.0.0.1:1883  password,    not",
        "               none         authorized",
    ]


def test_a_long_word_wraps_on_a_narrow_page() -> None:
    """Words are broken last, numbers never."""
    rows = [("123456789", "2001:db8:1:2:3:4:5:6", "accepted")]
    assert tabulated(rows, ("frame", "server", "outcome"), 27) == [
        "    frame server   outcome",
        "--------- -------- --------",
        "123456789 2001:db8 accepted",
        "          :1:2:3:4",
        "          :5:6",
    ]


def test_each_line_of_a_coloured_cell_is_coloured() -> None:
    """Colour never extends into the next cell."""
    cell = Style(color=True).severity(Severity.ERROR, "CON03 CON14")
    on, off = cell[: cell.index("C")], cell[-4:]
    lines = tabulated([("1", cell, "s1")], ("stream", "findings", "server"), 24)
    assert lines[2:] == [
        f"     1  {on}CON03{off}     s1",
        f"        {on}CON14{off}",
    ]
    assert visible(cell) == 11


@given(ROWS, st.integers(40, 120))
def test_any_table_fits_and_is_complete(rows: list[tuple[str, ...]], width: int) -> None:
    """From a width of forty on, no line of four columns is too long and no letter is missing."""
    lines = tabulated(rows, HEADERS, width)
    assert max(map(len, lines)) <= width
    written = "".join("".join(lines).split())
    wanted = "".join("".join(map("".join, [HEADERS, *rows])).split())
    assert sorted(written.replace("-", "")) == sorted(wanted.replace("-", ""))


@given(ROWS)
def test_a_wrapped_cell_continues_below(rows: list[tuple[str, ...]]) -> None:
    """The letters of a column, read downwards, are those of its cells."""
    lines = tabulated(rows, HEADERS, 40)
    rule = next(line for line in lines if not line.strip("- "))
    below = lines[lines.index(rule) + 1 :]
    for column, place in enumerate(re.finditer("-+", rule)):
        written = "".join(line[slice(*place.span())] for line in below)
        assert written.replace(" ", "") == "".join(row[column] for row in rows).replace(" ", "")
