"""IP fragments in, whole datagrams out, as Wireshark does: with the frame that completes them.

Bounded by number, bytes and age on the capture's clock; what is given up is warned of if it may
have carried TCP. Where fragments overlap the bytes seen first stay. A datagram that was completed
just before is remembered, so that fragments captured twice are no missing ones.
"""

from __future__ import annotations

from collections.abc import Callable

import cython

from dissector.net.limits import Limits
from dissector.net.segment import Segment

if cython.compiled:
    from cython.cimports.dissector.net.segment import NOTHING, PROTOCOL
else:
    from dissector.net.segment import NOTHING, PROTOCOL

Warn = Callable[[str, str, int, int], object]

_OVERHEAD = 128  # bytes that a kept piece costs besides its own
_COMPLETED_KEPT = 1024
_WARNINGS = 100
_PIECES = 256  # of one datagram: more only comes of an attack
_MAY_CARRY_TCP = frozenset({4, 6, 41, 47})  # protocols in which TCP is or may be
_TUNNEL_PORTS = frozenset({4789, 8472, 6081})


class Datagram:
    """Pieces of one datagram: start and stop on the wire, and the bytes captured of it."""

    __slots__ = ("frame", "pieces", "protocol", "size", "time_ns", "total")

    def __init__(self, time_ns: int) -> None:
        self.pieces: list[tuple[int, int, bytes]] = []
        self.time_ns = time_ns  # of its first fragment
        self.frame = 0  # its latest
        self.protocol = -1  # known from the first piece
        self.total = -1  # known from the last piece
        self.size = 0

    def insert(self, start: int, stop: int, data: bytes) -> bool:
        """Keep what is new of [start, stop); whether all of the datagram is there now."""
        fresh = []
        origin = start
        for low, high, _ in self.pieces:
            if start >= stop:
                break
            if start < low:
                fresh.append((start, min(stop, low)))
            start = max(start, high)
        if start < stop:
            fresh.append((start, stop))
        for low, high in fresh:
            self.pieces.append((low, high, data[low - origin : high - origin]))
            self.size += high - low + _OVERHEAD
        self.pieces.sort()
        at = 0
        for low, high, _ in self.pieces:
            if low > at:
                return False
            at = high
        return at == self.total

    def joined(self) -> bytes:
        """The bytes up to the first that the snap length cut."""
        out = []
        for low, high, data in self.pieces:
            out.append(data)
            if len(data) < high - low:
                break
        return b"".join(out)


class Fragments:
    """The datagrams that are being put together."""

    def __init__(self, limits: Limits, warn: Warn) -> None:
        self.limits = limits
        self.warn = warn
        self.table: dict[bytes, Datagram] = {}
        self.complete: dict[bytes, int] = {}
        self.size = 0
        self.missing = 0
        self.limit_reported = False

    def add(self, s: Segment, key: bytes, offset: int, more: bool, protocol: int) -> int:
        """Take the fragment under the cursor; if it completes a datagram put the cursor on that."""
        if protocol not in _MAY_CARRY_TCP and protocol not in (17, 0, 43, 51, 60):
            return NOTHING
        self._expire_old(s.time_ns)
        datagram = self.table.get(key)
        if datagram is None:
            datagram = self.table[key] = Datagram(s.time_ns)
        if offset == 0:
            datagram.protocol = protocol
            if protocol == 17 and not _tunnelled(s):
                datagram.protocol = 256  # no tunnel: of no use to us
        stop = offset + s.wire_end - s.at
        if not more:
            datagram.total = stop
        datagram.frame = s.frame
        before = datagram.size
        whole = datagram.insert(offset, stop, s.window[s.at : s.end])
        self.size += datagram.size - before
        if not whole:
            if len(datagram.pieces) > _PIECES:
                self._discard(key, "in pieces of a usual size")
            self._enforce_limits()
            return NOTHING
        self._drop(key)
        self.complete[key] = s.time_ns
        if len(self.complete) > _COMPLETED_KEPT:
            del self.complete[next(iter(self.complete))]
        s.window = datagram.joined()
        s.at = 0
        s.end = len(s.window)
        s.wire_end = datagram.total
        return PROTOCOL + datagram.protocol if datagram.protocol < 256 else NOTHING

    def finish(self) -> None:
        """Give up all that is not whole at the end of the capture."""
        while self.table:
            self._discard(next(iter(self.table)), "before the end of the capture")

    def _enforce_limits(self) -> None:
        limits = self.limits
        while self.table and (
            len(self.table) > limits.fragments or self.size > limits.fragment_bytes
        ):
            if not self.limit_reported:
                self.limit_reported = True
                frame = next(iter(self.table.values())).frame
                self.warn("fragment-limit", "too many incomplete IP datagrams at once", frame, -1)
            self._discard(next(iter(self.table)), "before a limit was reached")

    def _expire_old(self, now: int) -> None:
        while self.table:
            key = next(iter(self.table))
            if self.table[key].time_ns + self.limits.fragment_ns >= now:
                break
            self._discard(key, f"within {self.limits.fragment_ns // 1_000_000_000} s")

    def _discard(self, key: bytes, when: str) -> None:
        datagram = self.table[key]
        self._drop(key)
        done = self.complete.get(key)
        if done is not None and abs(datagram.time_ns - done) <= self.limits.fragment_ns:
            return  # captured twice
        if datagram.protocol != -1 and datagram.protocol not in _MAY_CARRY_TCP | {17}:
            return
        self.missing += 1
        if self.missing <= _WARNINGS:
            what = "fragments of an IP datagram did not all come "
            self.warn("missing-fragment", what + when, datagram.frame, -1)

    def _drop(self, key: bytes) -> None:
        self.size -= self.table.pop(key).size


def _tunnelled(s: Segment) -> bool:
    if s.end - s.at < 4:
        return False
    ports = s.window[s.at : s.at + 4]
    return bool({ports[0] << 8 | ports[1], ports[2] << 8 | ports[3]} & _TUNNEL_PORTS)
