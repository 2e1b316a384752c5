"""Strips link-layer headers; each function returns the number of what follows (see segment.py).

Link types by LINKTYPE_ number: null 0, Ethernet 1, raw IP 12, 14, 101, 228 and 229, loop 108, Linux
cooked 113 and 276. Inside Ethernet: VLAN tags (802.1Q, 802.1ad, QinQ), LLC with SNAP, PPPoE
sessions, MPLS. Each function moves the cursor behind its header, or returns NOTHING.
"""

from __future__ import annotations

import cython

from dissector.net.segment import Segment

if cython.compiled:
    from cython.cimports.dissector.net.segment import ANY_IP, ETHERNET, NOTHING, UNKNOWN_LINK
else:
    from dissector.net.segment import ANY_IP, ETHERNET, NOTHING, UNKNOWN_LINK

_KNOWN = frozenset({0, 1, 12, 14, 101, 108, 113, 228, 229, 276})


def is_known(link: int) -> bool:
    """Whether frames of this LINKTYPE_ number are supported."""
    return link in _KNOWN


def link_header(s: Segment, link: int) -> int:
    """Strip the header of the link type; UNKNOWN_LINK if the type is not supported."""
    if link == 1:
        return ETHERNET
    if link == 113:
        return _cooked(s)
    if link == 276:
        return _cooked_v2(s)
    if link in (12, 14, 101):
        return ANY_IP
    if link == 228:
        return 0x0800
    if link == 229:
        return 0x86DD
    if link in (0, 108):
        return _null(s)
    return UNKNOWN_LINK


def ethernet(s: Segment) -> int:
    """Strip an Ethernet header: MAC addresses, then an ethertype or, below 1536, a length (LLC)."""
    if s.end - s.at < 14:
        return NOTHING
    s.mac_window = s.window
    s.mac_destination = s.at
    s.mac_source = s.at + 6
    s.at += 14
    return s.window[s.at - 2] << 8 | s.window[s.at - 1]


def ethertype(s: Segment, number: int) -> int:
    """Strip the headers between an ethertype and IP: VLAN tags, LLC, PPPoE, MPLS."""
    window = s.window
    tags = 0
    while number in (0x8100, 0x88A8, 0x9100, 0x9200):
        tags += 1
        if tags > 8 or s.end - s.at < 4:
            return NOTHING
        number = window[s.at + 2] << 8 | window[s.at + 3]
        s.at += 4
    if number in (0x0800, 0x86DD):
        return number
    if number < 0x0600:
        return _llc(s)
    if number == 0x8864:
        return _pppoe(s)
    if number in (0x8847, 0x8848):
        return _mpls(s)
    if number == 0x6558:
        return ETHERNET
    return NOTHING


def ip_version(s: Segment) -> int:
    """Distinguish IPv4 from IPv6 by the first four bits."""
    if s.at < s.end:
        version = s.window[s.at] >> 4
        if version == 4:
            return 0x0800
        if version == 6:
            return 0x86DD
    return NOTHING


def _llc(s: Segment) -> int:
    # DSAP and SSAP of SNAP, unnumbered information, then the OUI: 0 means that an ethertype follows
    window = s.window
    at = s.at
    if s.end - at < 8 or window[at] != 0xAA or window[at + 1] != 0xAA or window[at + 2] != 3:
        return NOTHING
    if window[at + 3] != 0 or window[at + 4] != 0 or window[at + 5] not in (0, 0xF8):
        return NOTHING
    s.at += 8
    number = window[at + 6] << 8 | window[at + 7]
    return number if number >= 0x0600 else NOTHING


def _pppoe(s: Segment) -> int:
    window = s.window
    at = s.at
    if s.end - at < 8 or window[at] != 0x11 or window[at + 1] != 0:
        return NOTHING
    at += 6
    number = window[at]  # PPP may send one byte of a protocol number whose first byte is 0
    if number & 1:
        at += 1
    else:
        number = number << 8 | window[at + 1]
        at += 2
    s.at = at
    if number == 0x21:
        return 0x0800
    if number == 0x57:
        return 0x86DD
    return 0x8847 if number == 0x0281 else NOTHING


def _mpls(s: Segment) -> int:
    window = s.window
    for _ in range(16):
        if s.end - s.at < 4:
            return NOTHING
        s.at += 4
        if window[s.at - 2] & 1:  # bottom of the stack
            return ANY_IP
    return NOTHING


def _cooked(s: Segment) -> int:
    window = s.window
    at = s.at
    if s.end - at < 16:
        return NOTHING
    if window[at + 4] == 0 and window[at + 5] == 6:
        s.mac_source = at + 6
    s.at += 16
    return window[at + 14] << 8 | window[at + 15]


def _cooked_v2(s: Segment) -> int:
    window = s.window
    at = s.at
    if s.end - at < 20:
        return NOTHING
    if window[at + 11] == 6:
        s.mac_source = at + 12
    s.at += 20
    return window[at] << 8 | window[at + 1]


def _null(s: Segment) -> int:
    # The address family in the numbering and byte order of the capturing system
    window = s.window
    at = s.at
    if s.end - at < 4:
        return NOTHING
    family = window[at] | window[at + 1] | window[at + 2] | window[at + 3]
    if family not in (window[at], window[at + 3]):
        return NOTHING
    s.at += 4
    if family == 2:
        return 0x0800
    return 0x86DD if family in (10, 24, 28, 30) else NOTHING
