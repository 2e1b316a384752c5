"""Strips IP headers; each function returns the number of the next protocol (see segment.py).

The datagram ends where its length field says, which trims the padding of short Ethernet frames; a
length of 0 comes from segmentation offload (or a jumbo datagram) and means the end of the frame.
Fragments are added to the caller's `Fragments`, and the frame that completes a datagram yields all
of it. Checksums are not verified: on the sending host they are often not yet computed.
"""

from __future__ import annotations

import cython

from dissector.net.fragments import Fragments
from dissector.net.segment import Segment

if cython.compiled:
    from cython.cimports.dissector.net.link import cut_short
    from cython.cimports.dissector.net.segment import NOTHING, PROTOCOL
else:
    from dissector.net.link import cut_short
    from dissector.net.segment import NOTHING, PROTOCOL


def ipv4(s: Segment, fragments: Fragments) -> int:
    """Strip an IPv4 header with its options (RFC 791)."""
    window = s.window
    at = s.at
    if s.end - at < 20:
        return cut_short(s)
    if window[at] >> 4 != 4:
        return NOTHING
    header = (window[at] & 0x0F) * 4
    total = window[at + 2] << 8 | window[at + 3]
    if total == 0:
        total = s.wire_end - at
    if header < 20 or total < header:
        return NOTHING
    s.wire_end = at + total
    if s.end > s.wire_end:
        s.end = s.wire_end
    if s.end < at + header:
        return cut_short(s)
    s.address_window = window
    s.addresses = at + 12
    s.address_length = 4
    s.at = at + header
    protocol = window[at + 9]
    where = (window[at + 6] << 8 | window[at + 7]) & 0x3FFF
    if where and not s.quoted:
        key = window[at + 4 : at + 6] + window[at + 9 : at + 10] + window[at + 12 : at + 20]
        return fragments.add(s, key, (where & 0x1FFF) * 8, where & 0x2000 != 0, protocol)
    return PROTOCOL + protocol


def ipv6(s: Segment) -> int:
    """Strip the fixed IPv6 header (RFC 8200); extension headers follow as protocols."""
    window = s.window
    at = s.at
    if s.end - at < 40:
        return cut_short(s)
    if window[at] >> 4 != 6:
        return NOTHING
    length = window[at + 4] << 8 | window[at + 5]
    if length:
        s.wire_end = at + 40 + length
        if s.end > s.wire_end:
            s.end = s.wire_end
    s.address_window = window
    s.addresses = at + 8
    s.address_length = 16
    s.at = at + 40
    return PROTOCOL + window[at + 6]


def extension(s: Segment, protocol: int, fragments: Fragments) -> int:
    """Strip one extension header: 0, 43, 60 and 135 by their length, 44 fragment, 51 AH."""
    window = s.window
    at = s.at
    if s.end - at < 8:
        return cut_short(s)
    following = window[at]
    if protocol == 44:
        s.at = at + 8
        where = window[at + 2] << 8 | window[at + 3]
        if where & 0xFFF9 and not s.quoted:
            first = s.addresses
            key = window[at + 4 : at + 8] + s.address_window[first : first + 32]
            return fragments.add(s, key, where & 0xFFF8, where & 1 != 0, following)
        return PROTOCOL + following
    at += (window[at + 1] + 2) * 4 if protocol == 51 else (window[at + 1] + 1) * 8
    if at > s.end:
        return cut_short(s)
    s.at = at
    return PROTOCOL + following
