"""A point of the posture that is right holds for each connection of the device."""

from __future__ import annotations

from tests.audit.test_grouping import HostConnection, devices

AUTHENTICATES = "it sends credentials on every connection"


def test_a_refused_connection_without_credentials_counts() -> None:
    """A connection without credentials counts although the server refused it."""
    known = HostConnection("10.0.0.7", "a", 0, 5, user="u")
    wrong = HostConnection("10.0.0.7", "a", 6, 7, user="v", accepted=False)
    anonymous = HostConnection("10.0.0.7", "a", 8, 9, accepted=False)
    (one,), (two,), (three,) = devices(known), devices(known, wrong), devices(known, anonymous)
    assert [
        AUTHENTICATES in {point.text for point in device.posture.right}
        for device in (one, two, three)
    ] == [True, True, False]
