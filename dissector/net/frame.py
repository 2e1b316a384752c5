"""Dissects one frame down to its innermost TCP segment.

A flat loop over the header functions of link.py, ip.py and tunnel.py: no recursion, and a bounded
number of steps however deep the headers nest.
"""

from __future__ import annotations

import cython

from dissector.net.fragments import Fragments
from dissector.net.segment import Segment
from dissector.net.unread import CUT as CUT_SHORT
from dissector.net.unread import ENCAPSULATIONS, NESTED

if cython.compiled:
    from cython.cimports.dissector.net.ip import extension, ipv4, ipv6
    from cython.cimports.dissector.net.link import (
        ethernet,
        ethertype,
        ip_version,
        link_header,
        misnamed,
    )
    from cython.cimports.dissector.net.segment import (
        ANY_IP,
        ETHERNET,
        NOTHING,
        NUMBER_ONLY,
        PROTOCOL,
        UNKNOWN_LINK,
    )
    from cython.cimports.dissector.net.tunnel import enter_tunnel, gre, icmp, udp
else:
    from dissector.net.ip import extension, ipv4, ipv6
    from dissector.net.link import ethernet, ethertype, ip_version, link_header, misnamed
    from dissector.net.segment import ANY_IP, ETHERNET, NOTHING, NUMBER_ONLY, PROTOCOL, UNKNOWN_LINK
    from dissector.net.tunnel import enter_tunnel, gre, icmp, udp

OTHER = 0  # no TCP
TCP = 1
UNKNOWN = 2  # an unsupported link type
CUT = 3  # cut by the snap length before the end of the TCP header


def dissect(s: Segment, link: int, fragments: Fragments) -> int:
    """Dissect the headers from `s.at` on; TCP if `s` then holds a segment, else the reason.

    `s.notice` is set if the frame may carry TCP and was not read (see unread.py).
    """
    start, end, wire_end = s.at, s.end, s.wire_end
    kind = _follow(s, link_header(s, link), fragments)
    if kind == OTHER and not s.quoted:
        if link == 1 and s.depth == 0:
            following = misnamed(s, start, wire_end, end)
            if following != NOTHING:
                kind = _follow(s, following, fragments)
        if s.notice == CUT_SHORT:
            kind = CUT
    return kind


def _follow(s: Segment, following: int, fragments: Fragments) -> int:
    for _ in range(64):
        if following == 0x0800:
            following = ipv4(s, fragments)
        elif following == 0x86DD:
            following = ipv6(s)
        elif following == NOTHING:
            return OTHER
        elif following >= ETHERNET:
            if following == ETHERNET:
                following = ethernet(s)
                if following == NOTHING:
                    return OTHER
                following = ethertype(s, following)
            elif following == ANY_IP:
                following = ip_version(s)
            else:
                return UNKNOWN if following == UNKNOWN_LINK else OTHER
        elif following >= PROTOCOL:
            protocol = following - PROTOCOL
            if protocol == 6:
                if not s.read_tcp(s.window, s.at, s.end, s.wire_end):
                    return CUT if s.wire_end > s.end and not s.quoted else OTHER
                if s.quoted:
                    s.grade = NUMBER_ONLY
                return TCP
            following = _inner(s, protocol, fragments)
        else:
            following = ethertype(s, following)
    s.notice = NESTED
    return OTHER


def _inner(s: Segment, protocol: int, fragments: Fragments) -> int:
    if protocol == 17:
        return udp(s)
    if protocol == 4:
        return enter_tunnel(s, 0x0800)
    if protocol == 41:
        return enter_tunnel(s, 0x86DD)
    if protocol == 47:
        return gre(s)
    if protocol == 1:
        return icmp(s, False)
    if protocol == 58:
        return icmp(s, True)
    if protocol in (0, 43, 44, 51, 60, 135):
        return extension(s, protocol, fragments)
    if PROTOCOL + protocol in ENCAPSULATIONS:
        s.notice = PROTOCOL + protocol
    return NOTHING
