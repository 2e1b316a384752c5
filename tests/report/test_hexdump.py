"""Hex dumps with marked bytes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dissector.report.hexdump import hexdump, whole
from dissector.report.style import LABEL, Style


def test_carets_are_below_the_marked_bytes() -> None:
    """The line below a row has carets under the bytes of the span."""
    lines = hexdump(bytes.fromhex("20020100"), (2, 1), Style())
    assert lines[0].startswith("0000 20 02 01 00 ")
    assert lines[1] == " " * lines[0].index("01 00") + "^^"


def test_a_place_after_the_end_can_be_marked() -> None:
    """If bytes are missing, the mark is after the last byte."""
    lines = hexdump(b"\x10\x00", (2, 0), Style())
    assert lines[1] == "     " + "      ^^"


def test_a_long_packet_shows_its_start_and_the_mark() -> None:
    """The first row and the rows around the mark are shown, with dots for the rest."""
    lines = hexdump(bytes(4096), (2000, 4), Style())
    assert lines[0].startswith("0000")
    assert "..." in lines
    assert any(line.startswith("07d0") for line in lines)
    assert lines[-1] == "... 4096 bytes in all"
    assert len(lines) < 12


@given(
    st.binary(max_size=300),
    st.none() | st.tuples(st.integers(-5, 400), st.integers(0, 400)),
    st.integers(40, 120),
)
def test_any_mark_fits_the_page(data: bytes, span: tuple[int, int] | None, width: int) -> None:
    """Any span gives few lines that fit the page."""
    style = Style(width=width)
    lines = hexdump(data, span, style)
    assert len(lines) <= 30
    assert max(map(len, lines), default=0) <= max(width - LABEL, 40)
    assert all(line.isprintable() for line in lines)


@given(st.binary(max_size=300))
def test_a_full_dump_contains_all_bytes(data: bytes) -> None:
    """A full dump leaves nothing out."""
    digits = "".join(line[5:52].replace(" ", "") for line in whole(data))
    assert digits == data.hex()
