"""Strips link-layer headers; each function returns the number of what follows (see segment.py).

Link types by LINKTYPE_ number: null 0, Ethernet 1, raw IP 12, 14, 101, 228 and 229, loop 108, Linux
cooked 113 and 276. Inside Ethernet: VLAN tags (802.1Q, 802.1ad, QinQ), LLC with or without SNAP,
PPPoE sessions, MPLS. Each function moves the cursor behind its header, or returns NOTHING; then
`notice` is set if what follows may carry TCP (see unread.py).
"""

from __future__ import annotations

from collections.abc import Callable

import cython

from dissector.net.segment import Segment
from dissector.net.unread import (
    CUT,
    ENCAPSULATIONS,
    NESTED,
    NOT_IP,
    OTHER_LINK,
    PPP,
    PSEUDOWIRE,
    SNAP,
)

if cython.compiled:
    from cython.cimports.dissector.net.segment import ANY_IP, ETHERNET, NOTHING, UNKNOWN_LINK
else:
    from dissector.net.segment import ANY_IP, ETHERNET, NOTHING, UNKNOWN_LINK

_NUMBERS = 1024  # LINKTYPE_ numbers are below this

if not cython.compiled:
    _headers: list[Callable[[Segment], int] | None] = [None] * _NUMBERS


def is_known(link: int) -> bool:
    """Whether frames of this LINKTYPE_ number are supported."""
    if not 0 <= link < _NUMBERS:
        return False
    if cython.compiled:
        return _headers[link] != cython.NULL
    return _headers[link] is not None


def link_header(s: Segment, link: int) -> int:
    """Strip the header of the link type; UNKNOWN_LINK if the type is not supported."""
    if not is_known(link):
        return UNKNOWN_LINK
    function = _headers[link]
    return function(s)  # type: ignore[misc]


def ethernet(s: Segment) -> int:
    """Strip an Ethernet header: MAC addresses, then an ethertype or, below 1536, a length (LLC)."""
    if s.end - s.at < 14:
        return cut_short(s)
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
        if tags > 8:
            s.notice = NESTED
            return NOTHING
        if s.end - s.at < 4:
            return cut_short(s)
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
    if number in ENCAPSULATIONS:
        s.notice = number
    return NOTHING


def cut_short(s: Segment) -> int:
    """Note that the snap length cut the frame within a header, if it did; NOTHING."""
    if s.wire_end > s.end:
        s.notice = CUT
    return NOTHING


def ip_version(s: Segment) -> int:
    """Distinguish IPv4 from IPv6 by the first four bits."""
    if s.at < s.end:
        version = s.window[s.at] >> 4
        if version == 4:
            return 0x0800
        if version == 6:
            return 0x86DD
        s.notice = NOT_IP if s.depth == 0 else 0
        return NOTHING
    return cut_short(s)


def exact_ip(s: Segment, at: int) -> int:
    """Return 0x0800 or 0x86DD if an IP packet at `at` ends exactly where the frame does.

    Otherwise NOTHING. Up to 50 bytes may be padding and check sequence of a short Ethernet frame.
    """
    window = s.window
    if s.end - at < 20:
        return NOTHING
    room = s.wire_end - at
    version = window[at] >> 4
    if version == 4 and window[at] & 0x0F >= 5:
        size = window[at + 2] << 8 | window[at + 3]
    elif version == 6:
        size = 40 + (window[at + 4] << 8 | window[at + 5])
    else:
        return NOTHING
    if size < 20 or (size != room and (size > room or room > 50)):
        return NOTHING
    return 0x0800 if version == 4 else 0x86DD


def misnamed(s: Segment, start: int, wire_end: int, end: int) -> int:
    """Return how to read a frame called Ethernet that is raw IP, with the cursor on it.

    NOTHING if it is not.
    """
    if end - start < 20 or s.window[start] >> 4 not in (4, 6):
        return NOTHING
    s.begin(s.window, start, end, wire_end)
    number = exact_ip(s, start)
    if number != NOTHING:
        s.notice = OTHER_LINK
    return number


def _raw(s: Segment) -> int:
    # Raw IP, unless the frame has an Ethernet header that the link type denies
    window = s.window
    at = s.at
    if exact_ip(s, at) == NOTHING and s.end - at >= 34:
        number = window[at + 12] << 8 | window[at + 13]
        if number in (0x0800, 0x86DD) and exact_ip(s, at + 14) == number:
            s.notice = OTHER_LINK
            return ETHERNET
    return ANY_IP


def _llc(s: Segment) -> int:
    # DSAP and SSAP (6 is IP, 0xAA is SNAP), unnumbered information; with SNAP the OUI: 0 means that
    # an ethertype follows, 0x80C2 a bridged frame
    window = s.window
    at = s.at
    if s.end - at < 8:
        return cut_short(s)
    if window[at] == 6 and window[at + 1] == 6 and window[at + 2] == 3:
        s.at += 3
        return 0x0800
    if window[at] != 0xAA or window[at + 1] != 0xAA or window[at + 2] != 3:
        return NOTHING
    if window[at + 3] == 0 and window[at + 4] == 0x80 and window[at + 5] == 0xC2:
        s.notice = SNAP if window[at + 6] == 0 and window[at + 7] in (1, 7) else 0
        return NOTHING
    if window[at + 3] != 0 or window[at + 4] != 0 or window[at + 5] not in (0, 0xF8):
        return NOTHING
    s.at += 8
    number = window[at + 6] << 8 | window[at + 7]
    return number if number >= 0x0600 else NOTHING


def _pppoe(s: Segment) -> int:
    window = s.window
    at = s.at
    if s.end - at < 8:
        return cut_short(s)
    if window[at] != 0x11 or window[at + 1] != 0:
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
    if number == 0x0281:
        return 0x8847
    if number in (0x2D, 0x2F, 0x31, 0x3D, 0x53, 0x55, 0xFB, 0xFD):
        s.notice = PPP  # compressed headers, bridging, multilink, encryption, compression
    return NOTHING


def _mpls(s: Segment) -> int:
    window = s.window
    for _ in range(16):
        if s.end - s.at < 4:
            return cut_short(s)
        s.at += 4
        if window[s.at - 2] & 1:  # bottom of the stack
            number = ip_version(s)
            if number == NOTHING and s.at < s.end:
                s.notice = PSEUDOWIRE if window[s.at] >> 4 != 1 else 0  # 1: its control channel
            return number
    s.notice = NESTED
    return NOTHING


def _cooked(s: Segment) -> int:
    window = s.window
    at = s.at
    if s.end - at < 16:
        return cut_short(s)
    if window[at + 4] == 0 and window[at + 5] == 6:
        s.mac_source = at + 6
    s.at += 16
    return window[at + 14] << 8 | window[at + 15]


def _cooked_v2(s: Segment) -> int:
    window = s.window
    at = s.at
    if s.end - at < 20:
        return cut_short(s)
    if window[at + 11] == 6:
        s.mac_source = at + 12
    s.at += 20
    return window[at] << 8 | window[at + 1]


def _null(s: Segment) -> int:
    # The address family in the numbering and byte order of the capturing system. Some write an
    # ethertype, a PPP header, or nothing instead: then the IP version and length decide
    window = s.window
    at = s.at
    if s.end - at < 4:
        return cut_short(s)
    family = window[at] | window[at + 1] | window[at + 2] | window[at + 3]
    if family in (window[at], window[at + 3]) and family in (2, 10, 24, 28, 30):
        s.at += 4
        return ANY_IP
    number = exact_ip(s, at + 4)
    if number != NOTHING:
        s.at += 4
        return number
    number = exact_ip(s, at)
    if number != NOTHING:
        s.notice = OTHER_LINK
    return number


def _frame(s: Segment) -> int:
    return ETHERNET


def _set_header(link: int, function: Callable[[Segment], int]) -> None:
    _headers[link] = function


# The supported link types by LINKTYPE_ number, each with the function that strips its header
_set_header(0, _null)
_set_header(1, _frame)
_set_header(12, _raw)
_set_header(14, _raw)
_set_header(101, _raw)
_set_header(108, _null)
_set_header(113, _cooked)
_set_header(228, _raw)
_set_header(229, _raw)
_set_header(276, _cooked_v2)
