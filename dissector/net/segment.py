"""Holds the header fields of the current frame's TCP segment; one object is reused for all frames.

While headers are stripped, `at` is the next header, `end` where the captured bytes end and
`wire_end` where the frame ended on the wire (by its original length, then by the length in the
innermost IP header); all are offsets into `window`. Afterwards `start` and `stop` bound the
captured payload and `wire_length` is its length on the wire: more than `stop - start` if the snap
length cut it.

A header function returns what comes next as one number: an ethertype, PROTOCOL plus the number of
an IP protocol, ETHERNET for a MAC header, ANY_IP for IP of either version, or NOTHING.
"""

from __future__ import annotations

from struct import Struct

import cython

if cython.compiled:
    from cython.cimports.dissector.integers import big16, big32, cut  # type: ignore[import-not-found]
else:
    from dissector.integers import big16, big32, cut

NOTHING = 0
PROTOCOL = 0x10000
ETHERNET = 0x20000
ANY_IP = 0x20001
UNKNOWN_LINK = 0x20002

# How much of a TCP segment can be used
WHOLE = 0
HEADER_ONLY = 1  # its data offset is below the minimum: payload unknown
NUMBER_ONLY = 2  # quoted by an ICMP error, or its options overrun it: it only numbers a stream

_FIXED = Struct(">IIBBH")
_SCALES = [bytes(20) + bytes((3, 3, scale)) for scale in range(16)]  # headers with this option


class Segment:
    """Header fields of the current frame; for the cursor see the module docstring."""

    __slots__ = (
        "ack", "address_length", "address_window", "addresses", "at", "depth", "end", "flags",
        "frame", "grade", "mac_destination", "mac_source", "mac_window", "notice", "quoted", "seq",
        "serial", "start", "stop", "tcp", "time_ns", "win", "window", "wire_end", "wire_length",
    )  # fmt: skip

    def __init__(self) -> None:
        self.window = b""
        self.serial = -1  # of the window in `DeliveredRing`; -1 for a reassembled datagram
        self.at = self.end = self.wire_end = 0
        self.depth = 0  # number of tunnels and ICMP errors around the segment
        self.quoted = False  # inside an ICMP error
        self.notice = 0  # what is to be reported of the frame: a number of unread.py
        self.frame = self.time_ns = 0
        self.mac_window = b""
        self.mac_source = self.mac_destination = -1
        self.address_window = b""
        self.addresses = 0  # source, directly followed by destination
        self.address_length = 4
        self.tcp = 0
        self.seq = self.ack = self.flags = self.win = 0
        self.start = self.stop = self.wire_length = 0
        self.grade = WHOLE

    def begin(self, window: bytes, start: int, end: int, wire_end: int) -> None:
        """Move the cursor to the first byte of a frame."""
        self.window = window
        self.at = start
        self.end = end
        self.wire_end = wire_end if wire_end > end else end
        self.depth = 0
        self.quoted = False
        self.notice = 0
        self.mac_window = window
        self.mac_source = self.mac_destination = -1

    def read_tcp(self, window: bytes, tcp: int, end: int, wire_end: int) -> bool:
        """Read the TCP header at `tcp`; False if fewer than its first 16 bytes were captured.

        Raises IndexError if the header lies outside of `window`.
        """
        if end - tcp < 16:
            return False
        if tcp < 0 or end > len(window):
            raise IndexError("a TCP header lies outside of its window")
        self.tcp = tcp
        if cython.compiled:
            pointer = window  # a C pointer: the length was checked above
            self.seq = big32(pointer, tcp + 4)
            self.ack = big32(pointer, tcp + 8)
            size = pointer[tcp + 12]
            self.flags = pointer[tcp + 13]
            self.win = big16(pointer, tcp + 14)
        else:
            self.seq, self.ack, size, self.flags, self.win = _FIXED.unpack_from(window, tcp + 4)
        start = tcp + (size >> 4) * 4
        self.grade = WHOLE
        if start > wire_end or start < tcp + 20:
            self.grade = NUMBER_ONLY if start > wire_end else HEADER_ONLY
            start = wire_end
        self.wire_length = wire_end - start
        self.start = start if start < end else end
        self.stop = end
        return True

    def key(self) -> bytes:
        """Return addresses, then ports, source before destination, as they are laid out in IPv4."""
        stop = self.addresses + 2 * self.address_length
        if stop == self.tcp and self.address_window is self.window:
            return cut(self.window, self.addresses, stop + 4)
        addresses = cut(self.address_window, self.addresses, stop)
        return addresses + cut(self.window, self.tcp, self.tcp + 4)

    def set_scale(self, scale: int) -> None:
        """Make it a segment without payload, whose one option is this window scale."""
        self.window = _SCALES[scale]
        self.tcp = 0
        self.start = self.stop = len(self.window)
        self.wire_length = 0

    def scale(self) -> int:
        """Return the window scale option of a SYN; 0 if it has none."""
        at = self.tcp + 20
        while at < self.start:
            kind = self.window[at]
            if kind == 0:
                break
            if kind == 1:
                at += 1
                continue
            if at + 1 >= self.start or self.window[at + 1] < 2:
                break
            if kind == 3 and at + 2 < self.start:
                return min(self.window[at + 2], 14)
            at += self.window[at + 1]
        return 0
