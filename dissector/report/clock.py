"""Nanoseconds since the epoch in, RFC 3339 text in UTC out, with the capture's precision.

The date part of a second is made once and kept: a capture's frames share few seconds, and making a
date costs more than the rest of a record.
"""

from __future__ import annotations

import functools
import time

_FIRST = -62_135_596_800  # 0001-01-01
_LAST = 253_402_300_799  # the last second that RFC 3339 can write


@functools.lru_cache(maxsize=4096)
def _seconds(second: int) -> str:
    parts = time.gmtime(min(max(second, _FIRST), _LAST))
    return (
        f"{parts.tm_year:04d}-{parts.tm_mon:02d}-{parts.tm_mday:02d}"
        f"T{parts.tm_hour:02d}:{parts.tm_min:02d}:{parts.tm_sec:02d}"
    )


def rfc3339(time_ns: int, digits: int = 6) -> str:
    """Write a time with `digits` (6 or 9) after the point; years beyond 9999 are clamped."""
    second, nanoseconds = divmod(time_ns, 1_000_000_000)
    if digits == 9:
        return f"{_seconds(second)}.{nanoseconds:09d}Z"
    return f"{_seconds(second)}.{nanoseconds // 1000:06d}Z"


def duration(nanoseconds: int) -> str:
    """Write a time between two frames as a person says it: `1.9 ms`, `12.004 s`, `2 min 3 s`."""
    if nanoseconds < 0:
        return "-" + duration(-nanoseconds)
    if nanoseconds < 1_000_000:
        return f"{nanoseconds / 1000:.3g} µs"
    if nanoseconds < 1_000_000_000:
        return f"{nanoseconds / 1_000_000:.3g} ms"
    if nanoseconds < 120_000_000_000:
        return f"{nanoseconds / 1_000_000_000:.3f} s"
    minutes, seconds = divmod(nanoseconds // 1_000_000_000, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {seconds} s"
