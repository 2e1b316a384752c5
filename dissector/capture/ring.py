"""Parses a block of a packet socket's ring: fills a `Batch` with the offsets and times of frames.

The layout is the kernel's TPACKET_V3: a block header, then frames that each have the offset of the
next one. Numbers are in the machine's byte order.
"""

from __future__ import annotations

import struct
import sys

import cython

from dissector.capture.batch import ROOM, Batch

if cython.compiled:
    from cython.cimports.dissector.integers import u16, u32
else:
    from dissector.integers import u16, u32

BLOCK = 1 << 20  # bytes; a frame with its headers takes at least 144, so a batch holds a block
_BIG = sys.byteorder == "big"
_OTHER_HOST = 3  # PACKET_OTHERHOST: neither from nor to this machine
_HEADER = 60  # bytes of a frame's header, including the packet type in its sockaddr_ll
_VLAN_VALID = 0x10
_FIELDS = struct.Struct("=6IHH")


class BlockWalker:
    """Walks blocks. After a walk, `tagged` holds the frames whose VLAN tag the kernel stripped.

    `other_host_seen`: a frame between other hosts was seen, as on a mirror port or a bridge.
    """

    def __init__(self, link: int) -> None:
        self.link = link
        self.byte_count = 0  # captured bytes of the frames of the latest block
        self.other_host_seen = False
        self.tagged: list[tuple[int, int, int]] = []  # index in the batch, TPID, TCI

    def walk(self, block: bytes, batch: Batch) -> None:
        """Fill `batch` with the frames of a block."""
        offset = batch.offset.at
        captured = batch.captured.at
        original = batch.original.at
        time_ns = batch.time_ns.at
        link = batch.link.at
        self.tagged = []
        size = len(block)
        left = u32(block, 12, _BIG)
        at = u32(block, 16, _BIG)
        count = byte_count = 0
        while left > 0 and count < ROOM and at + _HEADER <= size:
            if cython.compiled:
                following = u32(block, at, _BIG)
                seconds = u32(block, at + 4, _BIG)
                nanoseconds = u32(block, at + 8, _BIG)
                held = u32(block, at + 12, _BIG)
                sent = u32(block, at + 16, _BIG)
                status = u32(block, at + 20, _BIG)
                place = u16(block, at + 24, _BIG)
            else:
                following, seconds, nanoseconds, held, sent, status, place, _ = _FIELDS.unpack_from(
                    block, at
                )
            start = at + place
            if start + held > size:
                break
            if block[at + 58] == _OTHER_HOST:
                self.other_host_seen = True
            if status & _VLAN_VALID:
                self.tagged.append((count, u16(block, at + 36, _BIG), u16(block, at + 32, _BIG)))
            offset[count] = start
            captured[count] = held
            original[count] = sent
            time_ns[count] = seconds * 1_000_000_000 + nanoseconds
            link[count] = self.link
            byte_count += held
            count += 1
            if following == 0:
                break
            at += following
            left -= 1
        batch.window = block
        batch.count = count
        self.byte_count = byte_count
