"""A tunnel's header in, the number of what it carries out (see segment.py for the numbers).

GRE with its optional fields, carrying IP, MPLS, Ethernet or ERSPAN I, II and III; VXLAN on UDP 4789
and 8472, Geneve on 6081, by either port. IP in IP needs no header of its own. All pass through
`enter_tunnel`, which bounds the nesting.
"""

from __future__ import annotations

import cython

from dissector.net.segment import Segment

if cython.compiled:
    from cython.cimports.dissector.net.segment import ETHERNET, NOTHING
else:
    from dissector.net.segment import ETHERNET, NOTHING


def enter_tunnel(s: Segment, following: int) -> int:
    """Count one more level; NOTHING beyond eight."""
    s.depth += 1
    return following if s.depth <= 8 else NOTHING


def gre(s: Segment) -> int:
    """GRE version 0: checksum, routing, key and sequence number as the flags say."""
    window = s.window
    at = s.at
    if s.end - at < 4 or window[at + 1] & 7:
        return NOTHING
    flags = window[at]
    number = window[at + 2] << 8 | window[at + 3]
    at += 4
    if flags & 0xC0:  # checksum and offset stand there if either the C or the R bit is set
        at += 4
    if flags & 0x20:
        at += 4
    if flags & 0x10:
        at += 4
    if flags & 0x40:
        while True:  # source route entries, up to one of family and length 0
            if s.end - at < 4:
                return NOTHING
            length = window[at + 3]
            last = window[at] == 0 and window[at + 1] == 0 and length == 0
            at += 4 + length
            if last:
                break
    if number == 0x88BE:
        if flags & 0x10:  # type II has a sequence number and a header, type I neither
            at += 8
        number = ETHERNET
    elif number == 0x22EB:
        if s.end - at < 12:
            return NOTHING
        at += 20 if window[at + 11] & 1 else 12
        number = ETHERNET
    if at > s.end:
        return NOTHING
    s.at = at
    return enter_tunnel(s, number)


def udp(s: Segment) -> int:
    """Look for a tunnel behind a UDP header."""
    window = s.window
    at = s.at
    if s.end - at < 16:
        return NOTHING
    source = window[at] << 8 | window[at + 1]
    destination = window[at + 2] << 8 | window[at + 3]
    at += 8
    if destination in (4789, 8472) or source in (4789, 8472):
        if not window[at] & 8:
            return NOTHING
        s.at = at + 8
        return enter_tunnel(s, ETHERNET)
    if destination == 6081 or source == 6081:
        if window[at] >> 6:
            return NOTHING
        number = window[at + 2] << 8 | window[at + 3]
        at += 8 + (window[at] & 0x3F) * 4
        if at > s.end:
            return NOTHING
        s.at = at
        return enter_tunnel(s, number)
    return NOTHING


def icmp(s: Segment, six: bool) -> int:
    """An ICMP error quotes the header of the datagram it is about."""
    if s.end - s.at < 8:
        return NOTHING
    kind = s.window[s.at]
    error = 1 <= kind <= 4 if six else kind in (3, 4, 5, 11, 12)
    if not error:
        return NOTHING
    s.at += 8
    s.quoted = True
    return enter_tunnel(s, 0x86DD if six else 0x0800)
