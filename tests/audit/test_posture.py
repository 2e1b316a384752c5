"""What is said to be right of a device holds for each of its connections."""

from __future__ import annotations

from tests.audit.test_grouping import Stay, devices

SHOWS = "it shows who it is on every connection"


def test_who_tried_without_credentials_does_not_always_show_who_it_is() -> None:
    """A connection without credentials counts, though the server turned it away."""
    known = Stay("10.0.0.7", "a", 0, 5, user="u")
    wrong = Stay("10.0.0.7", "a", 6, 7, user="v", accepted=False)
    nobody = Stay("10.0.0.7", "a", 8, 9, accepted=False)
    (one,), (two,), (three,) = devices(known), devices(known, wrong), devices(known, nobody)
    assert [
        SHOWS in {point.text for point in device.posture.right} for device in (one, two, three)
    ] == [True, True, False]
