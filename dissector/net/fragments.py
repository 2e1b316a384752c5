"""Reassembles IP fragments into datagrams, each at the frame that completes it, as Wireshark does.

Bounded by number, bytes and age on the capture's clock; a warning is reported for an incomplete
datagram that may have carried TCP. Where fragments overlap, the bytes seen first are kept. Recently
completed datagrams are remembered, so that fragments captured twice do not count as incomplete.
"""

from __future__ import annotations

from collections.abc import Callable

import cython

from dissector.net.limits import Limits
from dissector.net.segment import Segment
from dissector.net.unread import ENCAPSULATIONS, TUNNEL, UDP_PORTS

if cython.compiled:
    from cython.cimports.dissector.net.segment import NOTHING, PROTOCOL
else:
    from dissector.net.segment import NOTHING, PROTOCOL

Warn = Callable[[str, str, int, int], object]

_OVERHEAD = 128  # bytes of memory per piece, besides its data
_COMPLETED_KEPT = 1024
_WARNINGS = 100
_PIECES = 256  # of one datagram; more are seen in attacks only
_MAY_CARRY_TCP = frozenset({4, 6, 41, 47})  # IP protocols: IPv4, TCP, IPv6, GRE


class Datagram:
    """Pieces of one datagram: start and stop on the wire, and the captured bytes."""

    __slots__ = ("frame", "pieces", "protocol", "size", "time_ns", "total")

    def __init__(self, time_ns: int) -> None:
        self.pieces: list[tuple[int, int, bytes]] = []
        self.time_ns = time_ns  # of the fragment that came first
        self.frame = 0  # of the latest fragment
        self.protocol = -1  # known from the piece at offset 0
        self.total = -1  # known from the last piece
        self.size = 0

    def insert(self, start: int, stop: int, data: bytes) -> bool:
        """Store the new bytes of [start, stop); returns whether the datagram is complete."""
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
        """Return the bytes up to the first that the snap length cut off."""
        out = []
        for low, high, data in self.pieces:
            out.append(data)
            if len(data) < high - low:
                break
        return b"".join(out)


class Fragments:
    """The datagrams that are being reassembled."""

    def __init__(self, limits: Limits, warn: Warn) -> None:
        self.limits = limits
        self.warn = warn
        self.table: dict[bytes, Datagram] = {}
        self.complete: dict[bytes, int] = {}
        self.size = 0
        self.missing = 0
        self.limit_reported = False

    def add(self, s: Segment, key: bytes, offset: int, more: bool, protocol: int) -> int:
        """Add the fragment under the cursor; if it completes a datagram, move the cursor onto that.

        Returns PROTOCOL plus the IP protocol of the datagram, else NOTHING.
        """
        if protocol not in _MAY_CARRY_TCP and protocol not in (17, 0, 43, 51, 60):
            if PROTOCOL + protocol in ENCAPSULATIONS:
                s.notice = PROTOCOL + protocol
            return NOTHING
        self._expire_old(s.time_ns)
        datagram = self.table.get(key)
        if datagram is None:
            datagram = self.table[key] = Datagram(s.time_ns)
        if offset == 0:
            datagram.protocol = protocol
            if protocol == 17 and not _tunnelled(s):
                datagram.protocol = 256  # UDP without a tunnel: not needed
        stop = offset + s.wire_end - s.at
        if not more:
            datagram.total = stop
        datagram.frame = s.frame
        before = datagram.size
        whole = datagram.insert(offset, stop, s.window[s.at : s.end])
        self.size += datagram.size - before
        if not whole:
            if len(datagram.pieces) > _PIECES:
                self._discard(key, f"with more than {_PIECES} pieces")
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
        """Discard all incomplete datagrams at the end of the capture."""
        while self.table:
            self._discard(next(iter(self.table)), "at the end of the capture")

    def _enforce_limits(self) -> None:
        limits = self.limits
        while self.table and (
            len(self.table) > limits.fragments or self.size > limits.fragment_bytes
        ):
            if not self.limit_reported:
                self.limit_reported = True
                frame = next(iter(self.table.values())).frame
                self.warn("fragment-limit", "too many incomplete IP datagrams at once", frame, -1)
            self._discard(next(iter(self.table)), "when a limit was reached")

    def _expire_old(self, now: int) -> None:
        while self.table:
            key = next(iter(self.table))
            if self.table[key].time_ns + self.limits.fragment_ns >= now:
                break
            self._discard(key, f"after {self.limits.fragment_ns // 1_000_000_000} s")

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
            what = f"an IP datagram was incomplete {when}: fragments are missing"
            self.warn("missing-fragment", what, datagram.frame, -1)

    def _drop(self, key: bytes) -> None:
        self.size -= self.table.pop(key).size


def _tunnelled(s: Segment) -> bool:
    if s.end - s.at < 4:
        return False
    ports = s.window[s.at : s.at + 4]
    either = (ports[0] << 8 | ports[1], ports[2] << 8 | ports[3])
    return any(UDP_PORTS[port] == TUNNEL for port in either)
