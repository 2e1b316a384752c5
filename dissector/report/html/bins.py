"""Counts times and latencies in a bounded number of bins for the charts.

The length of a capture is known only at its end, so times are counted in bins of one second, which
are merged in pairs when there are too many.
"""

from __future__ import annotations

import math

_MOST = 2048
_SECOND_NS = 1_000_000_000
KINDS = ("accepted", "refused", "other")
DECADE = 5  # latency bins for each factor of ten
FASTEST = 1e-6


class Timeline:
    """Counts handshakes over time by outcome."""

    def __init__(self) -> None:
        self._width = 1  # seconds
        self._counts: dict[int, list[int]] = {}

    def add(self, time_ns: int, kind: int) -> None:
        """Counts one handshake; `kind` is an index in `KINDS`."""
        index = time_ns // (_SECOND_NS * self._width)
        found = self._counts.get(index)
        if found is None:
            found = self._counts[index] = [0] * len(KINDS)
            if len(self._counts) > _MOST:
                self._merge(2)
                return self.add(time_ns, kind)
        found[kind] += 1
        return None

    def _merge(self, factor: int) -> None:
        merged: dict[int, list[int]] = {}
        for index, counts in self._counts.items():
            into = merged.setdefault(index // factor, [0] * len(KINDS))
            for kind, count in enumerate(counts):
                into[kind] += count
        self._counts = merged
        self._width *= factor

    def bins(self, most: int) -> tuple[int, int, list[list[int]]]:
        """Returns the start (seconds since the epoch), the width in seconds, and up to `most` bins.

        Empty bins are included; without any handshake the list is empty.
        """
        if not self._counts:
            return 0, 1, []
        while max(self._counts) - min(self._counts) >= most:
            self._merge(2)
        first, last = min(self._counts), max(self._counts)
        empty = [0] * len(KINDS)
        bins = [self._counts.get(index, empty) for index in range(first, last + 1)]
        return first * self._width, self._width, bins


class Latencies:
    """Counts latencies in logarithmic bins."""

    def __init__(self) -> None:
        self.count = 0
        self._counts: dict[int, int] = {}

    def add(self, seconds: float) -> None:
        """Counts one latency."""
        index = math.floor(math.log10(max(seconds, FASTEST)) * DECADE)
        self._counts[index] = self._counts.get(index, 0) + 1
        self.count += 1

    def bins(self) -> list[tuple[float, float, int]]:
        """Returns lower bound, upper bound (seconds) and count of each bin, from first to last."""
        if not self._counts:
            return []
        return [
            (_edge(index), _edge(index + 1), self._counts.get(index, 0))
            for index in range(min(self._counts), max(self._counts) + 1)
        ]

    def below(self, share: float) -> float | None:
        """Returns an upper bound, in seconds, of a share of all latencies."""
        total = 0
        for index in sorted(self._counts):
            total += self._counts[index]
            if total >= share * self.count:
                return _edge(index + 1)
        return None


def _edge(index: int) -> float:
    return float(10 ** (index / DECADE))
