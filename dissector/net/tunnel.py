"""Strips tunnel headers; each function returns the number of what they carry (see segment.py).

GRE with its optional fields, carrying IP, MPLS, Ethernet or ERSPAN I, II and III; VXLAN on UDP 4789
and 8472, Geneve on 6081, by either port. IP in IP has no header of its own. All of them call
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
    """Count one more nesting level; returns `following`, or NOTHING beyond eight levels."""
    s.depth += 1
    return following if s.depth <= 8 else NOTHING


def gre(s: Segment) -> int:
    """Strip a GRE header, version 0: checksum, routing, key and sequence number by the flags."""
    window = s.window
    at = s.at
    if s.end - at < 4 or window[at + 1] & 7:
        return NOTHING
    flags = window[at]
    number = window[at + 2] << 8 | window[at + 3]
    at += 4
    if flags & 0xC0:  # checksum and offset are present if the C or the R bit is set
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
        if flags & 0x10:  # ERSPAN II has a sequence number and a header, ERSPAN I neither
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
    """Strip a UDP header and the VXLAN or Geneve header behind it."""
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
    """Strip the header of an ICMP error, which quotes the datagram that caused it."""
    if s.end - s.at < 8:
        return NOTHING
    kind = s.window[s.at]
    error = 1 <= kind <= 4 if six else kind in (3, 4, 5, 11, 12)
    if not error:
        return NOTHING
    s.at += 8
    s.quoted = True
    return enter_tunnel(s, 0x86DD if six else 0x0800)
