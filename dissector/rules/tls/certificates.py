"""Checks a certificate's validity period, and its names against the requested server name."""

from __future__ import annotations

import re
import time

from dissector.connections.certificate import Certificate
from dissector.connections.thresholds import Thresholds

HOUR_NS = 3_600_000_000_000
DAY_NS = 24 * HOUR_NS
EARLIEST_NS = 1_262_304_000_000_000_000  # 2010; MQTT over TLS was not captured before

_HOST_NAME = r"(?:\*\.)?(?:[A-Za-z0-9_-]{1,63}\.)+[A-Za-z][A-Za-z0-9-]{0,62}\.?$"


def validity_error(shown: Certificate, now_ns: int, limits: Thresholds) -> str | None:
    """Returns "expired" or "future" if a certificate is invalid beyond the clock tolerance."""
    grace = limits.clock_hours * HOUR_NS
    if now_ns > shown.not_after_ns + grace:
        return "expired"
    return "future" if now_ns < shown.not_before_ns - grace else None


def wrong_clock(now_ns: int) -> bool:
    """Whether a capture's time must be wrong: before 2010, or more than a day in the future."""
    return not EARLIEST_NS <= now_ns <= time.time_ns() + DAY_NS


def mismatched(shown: Certificate, name: str | None) -> bool:
    """Whether a certificate is not valid for the requested server name."""
    if not name or not shown.names:
        return False
    wanted = _plain(name)
    return not any(_matches(_plain(known), wanted) for known in shown.names)


def is_host_name(text: str) -> bool:
    """Whether a name in a certificate is a fully qualified host name, or a wildcard for some."""
    return re.match(_HOST_NAME, text) is not None


def _plain(name: str) -> str:
    return name.lower().rstrip(".")


def _matches(known: str, wanted: str) -> bool:
    """Whether a name covers another; a star replaces the first label (RFC 9525 section 6.3)."""
    if known == wanted:
        return True
    if known.startswith("*."):
        return wanted.partition(".")[2] == known[2:]
    import ipaddress  # only here, since most names are not addresses

    try:
        return ipaddress.ip_address(known) == ipaddress.ip_address(wanted)
    except ValueError:
        return False
