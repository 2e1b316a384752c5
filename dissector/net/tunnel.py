"""Strips tunnel headers; each function returns the number of what they carry (see segment.py).

GRE with its optional fields, carrying IP (also with WCCP), MPLS, Ethernet or ERSPAN I, II and III;
VXLAN on UDP 4789 and 8472, Geneve on 6081, GTP-U on 2152, by either port. IP in IP has no header of
its own. All of them call `enter_tunnel`, which bounds the nesting. Tunnels that are not read set
`notice` (see unread.py).
"""

from __future__ import annotations

import cython

from dissector.net.segment import Segment
from dissector.net.unread import (
    DATAGRAM,
    GTP,
    MQTT_SN,
    MQTT_SN_PORTS,
    NESTED,
    PPTP,
    QUIC,
    QUIC_PORTS,
    TUNNEL,
    UDP_PORTS,
)

if cython.compiled:
    from cython.cimports.dissector.net.link import cut_short, exact_ip
    from cython.cimports.dissector.net.segment import ANY_IP, ETHERNET, NOTHING
else:
    from dissector.net.link import cut_short, exact_ip
    from dissector.net.segment import ANY_IP, ETHERNET, NOTHING

_PORTS = UDP_PORTS
_QUIC_VERSIONS = (b"\0\0\0\0", b"\0\0\0\1", b"\x6b\x33\x43\xcf")  # negotiation, 1, 2


def enter_tunnel(s: Segment, following: int) -> int:
    """Count one more nesting level; returns `following`, or NOTHING beyond eight levels."""
    s.depth += 1
    if s.depth <= 8:
        return following
    s.notice = NESTED
    return NOTHING


def gre(s: Segment) -> int:
    """Strip a GRE header, version 0: checksum, routing, key and sequence number by the flags."""
    window = s.window
    at = s.at
    if s.end - at < 4:
        return cut_short(s)
    if window[at + 1] & 7:
        if window[at + 1] & 7 == 1 and window[at] & 0x10:  # with a sequence number: with a payload
            s.notice = PPTP
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
                return cut_short(s)
            length = window[at + 3]
            last = window[at] == 0 and window[at + 1] == 0 and length == 0
            at += 4 + length
            if last:
                break
    if number == 0x883E:  # WCCP: a header of its own, perhaps, then IP
        if at < s.end and window[at] >> 4 not in (4, 6):
            at += 4
        number = ANY_IP
    elif number == 0x88BE:
        if flags & 0x10:  # ERSPAN II has a sequence number and a header, ERSPAN I neither
            at += 8
        number = ETHERNET
    elif number == 0x22EB:
        if s.end - at < 12:
            return cut_short(s)
        at += 20 if window[at + 11] & 1 else 12
        number = ETHERNET
    if at > s.end:
        return cut_short(s)
    s.at = at
    return enter_tunnel(s, number)


def udp(s: Segment) -> int:
    """Strip a UDP header and the VXLAN, Geneve or GTP-U header behind it."""
    window = s.window
    at = s.at
    if s.end - at < 10:
        return NOTHING
    source = window[at] << 8 | window[at + 1]
    destination = window[at + 2] << 8 | window[at + 3]
    if not _PORTS[destination] and not _PORTS[source]:
        return NOTHING
    at += 8
    if s.end - at < 8:
        _note_datagram(s, at, source, destination)
        return NOTHING
    if destination in (4789, 8472) or source in (4789, 8472):
        if not window[at] & 8:
            if s.end - at >= 22 and window[at + 20] << 8 | window[at + 21] in (0x0800, 0x86DD):
                s.notice = DATAGRAM + 4789
            return NOTHING
        s.at = at + 8
        return enter_tunnel(s, ETHERNET)
    if destination == 6081 or source == 6081:
        if window[at] >> 6:
            return NOTHING
        number = window[at + 2] << 8 | window[at + 3]
        at += 8 + (window[at] & 0x3F) * 4
        if at > s.end:
            return cut_short(s)
        s.at = at
        return enter_tunnel(s, number)
    if destination == 2152 or source == 2152:
        return _gtp(s, at)
    _note_datagram(s, at, source, destination)
    return NOTHING


def _gtp(s: Segment, at: int) -> int:
    # GTP-U, version 1 (3GPP TS 29.281): a user packet, type 255, behind optional fields and
    # extension headers, each of which says its length in units of four bytes and what follows
    window = s.window
    flags = window[at]
    if flags & 0xF0 != 0x30 or window[at + 1] != 255:
        return NOTHING
    length = window[at + 2] << 8 | window[at + 3]
    at += 8
    stop = at + length
    if stop > s.wire_end:
        s.notice = GTP
        return NOTHING
    s.wire_end = stop
    if s.end > stop:
        s.end = stop
    if flags & 7:
        if s.end - at < 4:
            return cut_short(s)
        following = window[at + 3] if flags & 4 else 0
        at += 4
        while following:
            if at >= s.end:
                return cut_short(s)
            units = window[at]
            at += units * 4
            if units == 0 or at > s.end:
                return cut_short(s)
            following = window[at - 1]
    if at >= s.end:
        return cut_short(s)
    s.at = at
    if window[at] >> 4 in (4, 6):
        return enter_tunnel(s, ANY_IP)
    s.notice = GTP
    return NOTHING


def _note_datagram(s: Segment, at: int, source: int, destination: int) -> None:
    # Notes what a datagram carries, if both a port and the content say so
    port = destination if _PORTS[destination] == TUNNEL else source
    if _PORTS[port] == TUNNEL and _is_tunnel(s, at, port):
        s.notice = DATAGRAM + port
    elif (source in QUIC_PORTS or destination in QUIC_PORTS) and _is_quic(s, at):
        s.notice = QUIC
    elif (source in MQTT_SN_PORTS or destination in MQTT_SN_PORTS) and _is_mqtt_sn(s, at):
        s.notice = MQTT_SN


def _is_tunnel(s: Segment, at: int, port: int) -> bool:
    # Whether a datagram on the port of a tunnel begins as its header with user data does
    window = s.window
    if s.end - at < 8:
        return False
    first = window[at]
    if port == 1701:  # L2TP: data of version 2 or 3
        return first & 0x80 == 0 and window[at + 1] & 0x0F in (2, 3)
    if port == 1194:  # OpenVPN: P_DATA_V1 and P_DATA_V2
        return first >> 3 in (6, 9)
    if port in (41641, 51820):  # WireGuard: transport data
        return window[at : at + 4] == b"\4\0\0\0"
    if port == 4500:  # ESP, unless it has the marker of IKE
        return window[at : at + 4] != bytes(4)
    if port == 3544:  # IPv6, perhaps behind authentication or an origin
        return first >> 4 == 6 or first == 0
    if port == 4341:  # LISP: a nonce, a map version, or neither; then IP
        return s.end - at >= 28 and exact_ip(s, at + 8) != NOTHING
    if port == 4754:  # GRE
        return window[at + 1] & 7 == 0
    if port == 4790:  # VXLAN-GPE: the next protocol is named
        return first & 0x0C == 0x0C and 1 <= window[at + 3] <= 6
    if port == 5247:  # CAPWAP: version 0; type 0 in clear, 1 is DTLS; no keep-alive
        return first in (0, 1) and (first == 1 or not window[at + 3] & 8)
    if port == 6080:  # GUE: version 0 with a header, or IP
        return first >> 4 in (4, 6) or (first & 0xE0 == 0 and window[at + 1] in (4, 6, 41, 47))
    if port == 6635:  # a label stack: exactly one entry is its bottom
        return window[at + 2] & 1 == 1 or window[at + 6] & 1 == 1
    if port == 37008:  # TZSP: version 1, a received or transmitted packet
        return first == 1 and window[at + 1] in (0, 1)
    return first & 0xC0 == 0  # LWAPP


def _is_quic(s: Segment, at: int) -> bool:
    # A long header: RFC 9000 section 17.2
    if s.end - at < 7 or s.window[at] & 0x80 == 0:
        return False
    return s.window[at + 1 : at + 5] in _QUIC_VERSIONS


def _is_mqtt_sn(s: Segment, at: int) -> bool:
    # MQTT-SN 1.2: its own length, of one byte or three, then a message type
    window = s.window
    length = window[at]
    kind = at + 1
    if length == 1:
        if s.end - at < 4:
            return False
        length = window[at + 1] << 8 | window[at + 2]
        kind = at + 3
    return length == s.wire_end - at and (window[kind] <= 0x1D or window[kind] == 0xFE)


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
