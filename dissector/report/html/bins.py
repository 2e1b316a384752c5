"""Times and latencies in as they come, a bounded number of bins out: what the charts are drawn of.

How long a capture is shows only at its end, so times are counted in bins of one second that are
joined by pairs as soon as they are too many.
"""

from __future__ import annotations

import math

_MOST = 2048
_SECOND_NS = 1_000_000_000
KINDS = ("accepted", "refused", "other")
DECADE = 5  # bins of latency between 1 and 10 of anything
FASTEST = 1e-6


class Timeline:
    """Counts handshakes over time, by how they ended."""

    def __init__(self) -> None:
        self._width = 1  # seconds
        self._counts: dict[int, list[int]] = {}

    def add(self, time_ns: int, kind: int) -> None:
        """Count one; `kind` is an index in `KINDS`."""
        index = time_ns // (_SECOND_NS * self._width)
        found = self._counts.get(index)
        if found is None:
            found = self._counts[index] = [0] * len(KINDS)
            if len(self._counts) > _MOST:
                self._join(2)
                return self.add(time_ns, kind)
        found[kind] += 1
        return None

    def _join(self, factor: int) -> None:
        joined: dict[int, list[int]] = {}
        for index, counts in self._counts.items():
            into = joined.setdefault(index // factor, [0] * len(KINDS))
            for kind, count in enumerate(counts):
                into[kind] += count
        self._counts = joined
        self._width *= factor

    def bins(self, most: int) -> tuple[int, int, list[list[int]]]:
        """Give the start (seconds since the epoch), the width in seconds, and at most `most` bins.

        Empty ones are among them; nothing at all gives an empty list.
        """
        if not self._counts:
            return 0, 1, []
        while max(self._counts) - min(self._counts) >= most:
            self._join(2)
        first, last = min(self._counts), max(self._counts)
        empty = [0] * len(KINDS)
        bins = [self._counts.get(index, empty) for index in range(first, last + 1)]
        return first * self._width, self._width, bins


class Latencies:
    """Counts latencies in bins that grow by the same factor."""

    def __init__(self) -> None:
        self.count = 0
        self._counts: dict[int, int] = {}

    def add(self, seconds: float) -> None:
        """Count one."""
        index = math.floor(math.log10(max(seconds, FASTEST)) * DECADE)
        self._counts[index] = self._counts.get(index, 0) + 1
        self.count += 1

    def bins(self) -> list[tuple[float, float, int]]:
        """Give lower end, upper end (seconds) and count of each bin, from the first to the last."""
        if not self._counts:
            return []
        return [
            (_edge(index), _edge(index + 1), self._counts.get(index, 0))
            for index in range(min(self._counts), max(self._counts) + 1)
        ]

    def below(self, share: float) -> float | None:
        """Give an upper bound, in seconds, of a share of all latencies."""
        total = 0
        for index in sorted(self._counts):
            total += self._counts[index]
            if total >= share * self.count:
                return _edge(index + 1)
        return None


def _edge(index: int) -> float:
    return float(10 ** (index / DECADE))
