"""Formatting of times and durations."""

from __future__ import annotations

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dissector.report.clock import duration, rfc3339

YEARS = st.integers(-62_135_596_800, 253_402_300_799)


@given(YEARS, st.integers(0, 999_999))
def test_agrees_with_datetime(second: int, microsecond: int) -> None:
    """Every second from the year 1 to 9999 is formatted as `datetime` does."""
    epoch = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
    expected = epoch + datetime.timedelta(seconds=second, microseconds=microsecond)
    text = rfc3339(second * 10**9 + microsecond * 1000, 6)
    assert text == f"{expected.year:04d}-{expected:%m-%dT%H:%M:%S.%f}Z"


@given(st.integers(-(2**63), 2**64))
def test_any_time_can_be_formatted(time_ns: int) -> None:
    """Timestamps of a capture may have any value; the text is always well formed."""
    assert len(rfc3339(time_ns, 6)) == len("2023-11-14T22:13:20.000000Z")
    assert len(rfc3339(time_ns, 9)) == len("2023-11-14T22:13:20.000000000Z")


def test_without_a_precision_a_time_has_the_digits_it_needs() -> None:
    """No digits are lost if the precision is unknown."""
    assert rfc3339(1000) == "1970-01-01T00:00:00.000001Z"
    assert rfc3339(1001) == "1970-01-01T00:00:00.000001001Z"


@pytest.mark.parametrize(
    ("nanoseconds", "text"),
    [
        (0, "0 µs"),
        (1_900_000, "1.9 ms"),
        (5_000_000_000, "5.000 s"),
        (125_000_000_000, "2 min 5 s"),
        (7_200_000_000_000, "2 h 0 min"),
        (-1_000_000, "-1 ms"),
    ],
)
def test_durations_have_a_suitable_unit(nanoseconds: int, text: str) -> None:
    """A duration has the unit that people would choose."""
    assert duration(nanoseconds) == text
