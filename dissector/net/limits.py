"""Limits of the flow table: how many connections, bytes and fragments it keeps, and how long.

Each limit that is reached is reported by a warning: "buffer-limit", "connection-limit",
"stream-limit", "fragment-limit".
"""

from __future__ import annotations

import msgspec

_SECOND = 1_000_000_000


class Limits(msgspec.Struct, frozen=True):
    """Limits of `Streams`; sizes in bytes, times in nanoseconds of the capture's clock."""

    direction_bytes: int = 1 << 20  # buffered segments of one direction of one connection
    buffered_bytes: int = 32 << 20  # the same over all connections
    connections: int = 100_000  # open ones
    closed: int = 65_536  # closed ones whose stream number is still known
    linger_ns: int = 2 * _SECOND  # from the close to the end of tracking
    hole_segments: int = 64  # an acknowledged hole counts as lost after so many segments
    hole_ns: int = _SECOND  # and so much time
    fragments: int = 1024  # IP datagrams being reassembled
    fragment_bytes: int = 4 << 20
    fragment_ns: int = 30 * _SECOND
