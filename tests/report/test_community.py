"""The Community ID, compared with the values that its authors publish."""

from __future__ import annotations

import pytest

from dissector.model import Endpoint
from dissector.report.community import community_id, number


def test_known_value() -> None:
    """The published example has its value in both directions."""
    one, other = Endpoint("128.232.110.120", 34855), Endpoint("66.35.250.204", 80)
    assert community_id(one, other) == "1:LQU9qZlK+B5F3KDmev6m5PMibrg="
    assert community_id(other, one) == "1:LQU9qZlK+B5F3KDmev6m5PMibrg="


def test_the_seed_changes_it() -> None:
    """Another seed gives another id."""
    one, other = Endpoint("10.0.0.1", 40000), Endpoint("10.0.0.2", 1883)
    assert community_id(one, other, 1) != community_id(one, other)


@pytest.mark.parametrize("ip", ["2001:db8::1", "10.0.0.9"])
def test_connections_between_the_same_ends_have_different_numbers(ip: str) -> None:
    """A connection that reuses a port has another number."""
    one, other = Endpoint(ip, 40000), Endpoint(ip, 1883)
    numbers = {number(one, other, stream) for stream in range(100)}
    assert len(numbers) == 100
    assert max(numbers) < 2**53
