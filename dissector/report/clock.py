"""Formats times as RFC 3339 text in UTC with the precision of the capture, and durations.

The date part of a second is formatted once and cached: the frames of a capture share few seconds,
and formatting a date costs more than the rest of a record.
"""

from __future__ import annotations

import time

_FIRST = -62_135_596_800  # 0001-01-01
_LAST = 253_402_300_799  # the last second that RFC 3339 can write


_KEPT = 4096
_seconds: dict[int, str] = {}


def rfc3339(time_ns: int, digits: int | None = None) -> str:
    """Formats nanoseconds since the epoch with `digits` (6 or 9) decimals.

    If `digits` is None, as many as the time needs. Years beyond 9999 are clamped.
    """
    second, nanoseconds = divmod(time_ns, 1_000_000_000)
    text = _seconds.get(second) or _format_second(second)
    if digits == 6 or (digits is None and nanoseconds % 1000 == 0):
        return f"{text}.{nanoseconds // 1000:06d}Z"
    return f"{text}.{nanoseconds:09d}Z"


def _format_second(second: int) -> str:
    parts = time.gmtime(min(max(second, _FIRST), _LAST))
    text = (
        f"{parts.tm_year:04d}-{parts.tm_mon:02d}-{parts.tm_mday:02d}"
        f"T{parts.tm_hour:02d}:{parts.tm_min:02d}:{parts.tm_sec:02d}"
    )
    if len(_seconds) >= _KEPT:
        _seconds.clear()
    _seconds[second] = text
    return text


def duration(nanoseconds: int) -> str:
    """Formats the time between two frames for people: `1.9 ms`, `12.004 s`, `2 min 3 s`."""
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
