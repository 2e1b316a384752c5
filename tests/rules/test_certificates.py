"""Tests the checks of a certificate's validity period and names."""

from __future__ import annotations

import pytest

from dissector.connections.certificate import Certificate
from dissector.connections.thresholds import DEFAULT
from dissector.rules.tls.certificates import DAY_NS, is_host_name, mismatched, validity_error

START = 1_700_000_000_000_000_000


def certificate(*names: str) -> Certificate:
    """Builds a certificate that is valid for ten days from `START`."""
    return Certificate(
        "CN=a", "CN=b", None, names, "1", START, START + 10 * DAY_NS, "EC", 256, "secp256r1",
        "sha256", False, False, False, "f", "k", "s",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("days", "state"), [(-2, "future"), (-0.5, None), (5, None), (10.5, None), (11.5, "expired")]
)
def test_the_clock_tolerance_is_a_day(days: float, state: str | None) -> None:
    """Up to a day outside of the validity period, the clock may be wrong."""
    assert validity_error(certificate(), int(START + days * DAY_NS), DEFAULT) == state


@pytest.mark.parametrize(
    ("names", "asked", "wrong"),
    [
        (("hub.house.example",), "hub.house.example", False),
        (("HUB.house.example",), "hub.House.example.", False),
        (("*.house.example",), "hub.house.example", False),
        (("*.house.example",), "a.hub.house.example", True),
        (("*.house.example",), "house.example", True),
        (("other.example", "hub.house.example"), "hub.house.example", False),
        (("cellar.house.example",), "hub.house.example", True),
        (("192.0.2.1",), "192.0.2.1", False),
        (("2001:db8::1",), "2001:DB8:0::1", False),
        ((), "hub.house.example", False),  # nothing to compare
        (("hub.house.example",), None, False),
    ],
)
def test_names(names: tuple[str, ...], asked: str | None, wrong: bool) -> None:
    """Names are compared completely and case-insensitively; a star replaces one label."""
    assert mismatched(certificate(*names), asked) is wrong


def test_host_names() -> None:
    """Single words and addresses are not fully qualified host names."""
    assert is_host_name("hub.house.example")
    assert is_host_name("*.house.example")
    assert not is_host_name("localhost")
    assert not is_host_name("192.0.2.1")
    assert not is_host_name("My broker")
