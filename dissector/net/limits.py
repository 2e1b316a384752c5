"""Limits of memory: how many connections, bytes and fragments are kept, and how long.

Each limit that is reached is reported by a warning: "buffer-limit", "connection-limit",
"flow-limit", "memory-limit", "stream-limit", "fragment-limit".
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable

import msgspec

_SECOND = 1_000_000_000


class Limits(msgspec.Struct, frozen=True):
    """Limits of `Streams`; sizes in bytes, times in nanoseconds of the capture's clock."""

    direction_bytes: int = 1 << 20  # buffered segments of one direction of one connection
    buffered_bytes: int = 32 << 20  # the same over all connections
    kept_bytes: int = 48 << 20  # kept by consumers over all connections, see `ByteBudget`
    connections: int = 100_000  # open ones with MQTT
    undecided: int = 16_384  # open ones that may turn out to have MQTT
    flows: int = 1 << 20  # all TCP flows, of any protocol, also closed ones
    closed: int = 65_536  # closed ones whose stream number is still known
    linger_ns: int = 2 * _SECOND  # from the close to the end of tracking
    hole_segments: int = 64  # an acknowledged hole counts as lost after so many segments
    hole_ns: int = _SECOND  # and so much time
    fragments: int = 1024  # IP datagrams being reassembled
    fragment_bytes: int = 4 << 20
    fragment_ns: int = 30 * _SECOND


class ByteBudget:
    """Counts the bytes that are kept for each of many owners, up to `limit` in total.

    While `used` is beyond the limit, whoever keeps the bytes has to evict the owner that is
    `oldest`, and report it.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.used = 0
        self._sizes: OrderedDict[Hashable, int] = OrderedDict()

    def keep(self, owner: Hashable, size: int) -> None:
        """Set the bytes that are kept for `owner`, 0 to release them."""
        before = self._sizes.pop(owner, 0) if size <= 0 else self._sizes.get(owner, 0)
        if size > 0:
            self._sizes[owner] = size
        self.used += max(size, 0) - before

    def size(self, owner: Hashable) -> int:
        """Return the bytes that are kept for `owner`."""
        return self._sizes.get(owner, 0)

    def oldest(self) -> Hashable | None:
        """Return the owner whose bytes are kept the longest; None if no bytes are kept."""
        return next(iter(self._sizes), None)
