"""Cases for all supported link types, tunnels and unusual IP headers, each with two connections."""

from __future__ import annotations

import itertools
import struct
import zlib
from collections.abc import Callable, Sequence

from tests.net import wire
from tests.net.wire import ACK, PSH
from tests.transport.connection_builder import (
    PLAIN,
    C,
    CapturedFrame,
    ConnectionBuilder,
    S,
    Wrapping,
    ether,
    four,
    six,
)
from tests.transport.handshakes import CLEAN, FALSE, LARGE
from tests.transport.row import Seen, TransportRow

OUTER = ("192.0.2.1", "192.0.2.2")
TWICE = (Seen(CLEAN, 4, 6, 0), Seen(FALSE, 16, 18, 1))

Wrap = Callable[[bytes, int], bytes]


def over_ip(payload: bytes, side: int, protocol: int) -> bytes:
    """Returns an Ethernet frame with an IP protocol between the ends of a tunnel."""
    return ether(wire.ipv4(payload, OUTER[side], OUTER[1 - side], protocol), side)


def over_udp(payload: bytes, side: int, port: int) -> bytes:
    """Returns the same with UDP."""
    return over_ip(wire.udp(50000, port, payload), side, 17)


def inner(segment: bytes, side: int) -> bytes:
    """Returns an Ethernet frame to be tunnelled."""
    return ether(four(segment, side), side)


def ident(segment: bytes) -> int:
    """Returns an IP identification that no other datagram of a capture has."""
    return zlib.crc32(segment) & 0xFFFF


def fragments(segment: bytes, side: int, order: Sequence[int] = (0, 1, 2)) -> list[bytes]:
    """Returns an IPv4 datagram in three fragments, with the TCP header in two of them."""
    places = [0, 8, 16, len(segment)]
    made = [
        ether(
            wire.ipv4(
                segment[low:high], *_ends(side), ident=ident(segment), offset=low,
                more=high < len(segment),
            ),
            side,
        )
        for low, high in itertools.pairwise(places)
    ]  # fmt: skip
    return [made[at] for at in order]


def fragments_6(segment: bytes, side: int) -> list[bytes]:
    """Returns an IPv6 datagram in two fragments."""
    number = ident(segment)
    return [
        ether(six(wire.ipv6_fragment(piece, number, at, at == 0), side, 44), side, 0x86DD)
        for at, piece in ((0, segment[:16]), (16, segment[16:]))
    ]


def fragments_of_tunnel(segment: bytes, side: int) -> list[bytes]:
    """Returns VXLAN in UDP in two fragments, the second one captured first."""
    datagram = wire.udp(50000, 4789, wire.vxlan(inner(segment, side)))
    number = ident(segment)
    made = [
        ether(wire.ipv4(datagram[low:high], *_outer(side), 17, number, more, low), side)
        for low, high, more in ((0, 48, True), (48, len(datagram), False))
    ]
    return made[::-1]


def _ends(side: int) -> tuple[str, str]:
    return ("10.0.0.1", "10.0.0.2") if side == C else ("10.0.0.2", "10.0.0.1")


def _outer(side: int) -> tuple[str, str]:
    return OUTER[side], OUTER[1 - side]


def wrong_checksums(segment: bytes, side: int) -> bytes:
    """Returns a frame with wrong checksums, as with checksum offload."""
    datagram = bytearray(four(segment[:16] + b"\xbe\xef" + segment[18:], side))
    datagram[10:12] = b"\xde\xad"
    return ether(bytes(datagram), side)


def padded(segment: bytes, side: int) -> bytes:
    """Returns an Ethernet frame of at least 60 bytes, padded with bytes that look like MQTT."""
    frame = inner(segment, side)
    return frame + (bytes.fromhex("30ff") * 30)[: max(60 - len(frame), 0)]


def quoting(segment: bytes, side: int) -> list[bytes]:
    """Returns a frame, and an ICMP error that quotes it."""
    error = b"\3\4" + bytes(6) + four(segment, side)
    back = ether(wire.ipv4(error, "192.0.2.9", _ends(side)[0], 1), 1 - side)
    return [inner(segment, side), back]


def others_between(segment: bytes, side: int) -> list[bytes]:
    """Returns a frame with TCP, and frames without TCP before it."""
    arp = ether(bytes.fromhex("0001080006040001") + bytes(20), side, 0x0806)
    dns = over_ip(wire.udp(5353, 53, bytes(30)), side, 17)
    return [arp, dns, inner(segment, side)]


def one(link: int, wrap: Wrap) -> TransportRow:
    """Returns a case in which each segment is one frame."""
    return many(Wrapping(link, lambda segment, side: [wrap(segment, side)]), 1, 0)


def many(wrapping: Wrapping, each: int, place: int) -> TransportRow:
    """Returns a case in which each segment is `each` frames; the one at `place` completes it."""

    def at(number: int) -> int:
        return (number - 1) * each + place + 1

    def make_frames(port: int) -> list[CapturedFrame]:
        first = ConnectionBuilder(port, wrapping).complete(CLEAN)
        return first.frames + ConnectionBuilder(port + 1, wrapping).complete(FALSE).frames

    return TransportRow(make_frames, (Seen(CLEAN, at(4), at(6), 0), Seen(FALSE, at(16), at(18), 1)))


def large(port: int, wrap: Wrap) -> list[CapturedFrame]:
    """Returns a connection with a CONNECT of more than 64 KiB in one frame."""
    connection = ConnectionBuilder(port).open()
    connection.wrapping = Wrapping(1, lambda segment, side: [wrap(segment, side)])
    connection.send_acked(C, LARGE.connect)
    connection.wrapping = PLAIN
    return connection.connack(LARGE).close().frames


def one_way_tagged(segment: bytes, side: int) -> bytes:
    """Returns a frame with a VLAN tag in one direction only."""
    return ether(four(segment, side), side, vlans=[0x8100] if side == S else [])


def family(number: int, order: str) -> Wrap:
    """Returns a wrapper with the pseudo-header of a loopback interface, IPv4 for family 2."""
    head = struct.pack(f"{order}I", number)
    return lambda segment, side: head + (four if number == 2 else six)(segment, side)


def extended(protocol: int, header: bytes) -> Wrap:
    """Returns a wrapper for IPv6 with an extension header before TCP."""
    return lambda segment, side: ether(six(b"\6" + header + segment, side, protocol), side, 0x86DD)


def gre(protocol: int, flags: int, fields: bytes, wrap: Wrap) -> Wrap:
    """Returns a wrapper for GRE over IPv4."""
    return lambda segment, side: over_ip(
        wire.gre(wrap(segment, side), protocol, flags, fields), side, 47
    )


def udp(port: int, wrap: Wrap) -> Wrap:
    """Returns a wrapper for a tunnel in UDP."""
    return lambda segment, side: over_udp(wrap(segment, side), side, port)


def ethernet(kind: int, wrap: Wrap, *vlans: int) -> Wrap:
    """Returns a wrapper for Ethernet with an ethertype after VLAN tags."""
    return lambda segment, side: ether(wrap(segment, side), side, kind, vlans)


ERSPAN_2 = bytes.fromhex("1064000100000000")
ERSPAN_3 = bytes.fromhex("206400010000000000000000")
ERSPAN_3_PLATFORM = bytes.fromhex("206400010000000000000001") + bytes(8)
HOPS = b"\0" + bytes(6)
AUTHENTICATION = b"\4" + bytes(22)

ROWS: dict[str, TransportRow] = {
    "Ethernet": one(1, inner),
    "Ethernet, IPv6": one(1, ethernet(0x86DD, six)),
    "Ethernet, padded to its minimum": one(1, padded),
    "Ethernet with a frame check sequence": one(1, lambda t, s: padded(t, s) + b"\x30\2\0\1"),
    "LLC and SNAP": one(1, lambda t, s: wire.snap(four(t, s))),
    "802.1Q": one(1, ethernet(0x0800, four, 0x8100)),
    "802.1Q one way only": one(1, one_way_tagged),
    "QinQ": one(1, ethernet(0x0800, four, 0x8100, 0x8100)),
    "QinQ, the old type": one(1, ethernet(0x0800, four, 0x9100, 0x8100)),
    "802.1ad": one(1, ethernet(0x86DD, six, 0x88A8, 0x8100)),
    "PPPoE": one(1, ethernet(0x8864, lambda t, s: wire.pppoe(four(t, s)))),
    "PPPoE, IPv6": one(1, ethernet(0x8864, lambda t, s: wire.pppoe(six(t, s), 0x57))),
    "PPPoE in a VLAN": one(1, ethernet(0x8864, lambda t, s: wire.pppoe(four(t, s)), 0x8100)),
    "MPLS": one(1, ethernet(0x8847, lambda t, s: wire.mpls(four(t, s), [16]))),
    "MPLS, three labels, IPv6": one(
        1, ethernet(0x8847, lambda t, s: wire.mpls(six(t, s), [16, 17, 18]))
    ),
    "Linux cooked": one(113, lambda t, s: wire.cooked(four(t, s))),
    "Linux cooked, IPv6": one(113, lambda t, s: wire.cooked(six(t, s), 0x86DD)),
    "Linux cooked, VLAN": one(113, lambda t, s: wire.cooked(b"\0\5\x08\0" + four(t, s), 0x8100)),
    "Linux cooked, version 2": one(276, lambda t, s: wire.cooked_v2(four(t, s))),
    "Linux cooked, version 2, IPv6": one(276, lambda t, s: wire.cooked_v2(six(t, s), 0x86DD)),
    "null, little-endian": one(0, family(2, "<")),
    "null, big-endian": one(0, family(2, ">")),
    **{f"null, IPv6 is {number}": one(0, family(number, "<")) for number in (24, 28, 30)},
    "loop": one(108, family(2, ">")),
    "loop, IPv6": one(108, family(24, ">")),
    "raw IPv4": one(228, four),
    "raw IPv6": one(229, six),
    "raw IP": one(101, four),
    "raw IP, version 6": one(101, six),
    "raw IP of OpenBSD": one(14, four),
    "raw IP of other BSDs": one(12, four),
    "IPv4 options": one(1, lambda t, s: ether(four(t, s, options=b"\1" * 7), s)),  # type: ignore[arg-type]
    "IPv4 fragments": many(Wrapping(1, fragments), 3, 2),
    "IPv4 fragments, last first": many(
        Wrapping(1, lambda t, s: fragments(t, s, (2, 1, 0))), 3, 2
    ),
    "IPv4 fragments, one twice": many(
        Wrapping(1, lambda t, s: fragments(t, s, (0, 1, 1, 2))), 4, 3
    ),
    "IPv6 hop-by-hop options": one(1, extended(0, HOPS)),
    "IPv6 destination options": one(1, extended(60, HOPS)),
    "IPv6 routing header": one(1, extended(43, b"\2\2\0" + bytes(20))),
    "IPv6 authentication header": one(1, extended(51, AUTHENTICATION)),
    "IPv6, two extension headers": one(
        1, lambda t, s: ether(six(b"\x3c" + HOPS + b"\6" + HOPS + t, s, 0), s, 0x86DD)
    ),
    "IPv6 fragments": many(Wrapping(1, fragments_6), 2, 1),
    "IPv6 atomic fragments": one(
        1, lambda t, s: ether(six(wire.ipv6_fragment(t, 7, 0, False), s, 44), s, 0x86DD)
    ),
    "IPv4 authentication header": one(
        1, lambda t, s: ether(four(b"\6" + AUTHENTICATION + t, s, protocol=51), s)
    ),
    "IP in IP": one(1, lambda t, s: over_ip(four(t, s), s, 4)),
    "6in4": one(1, lambda t, s: over_ip(six(t, s), s, 41)),
    "4in6": one(101, lambda t, s: wire.ipv6(four(t, s), "2001:db8::1", "2001:db8::2", 4)),
    "GRE": one(1, gre(0x0800, 0, b"", four)),
    "GRE, IPv6": one(1, gre(0x86DD, 0, b"", six)),
    "GRE with checksum, key and sequence number": one(1, gre(0x0800, 0xB000, bytes(12), four)),
    "GRE, Ethernet in it": one(1, gre(0x6558, 0x2000, bytes(4), inner)),
    "ERSPAN, type I": one(1, gre(0x88BE, 0, b"", inner)),
    "ERSPAN, type II": one(1, gre(0x88BE, 0x1000, bytes(4), lambda t, s: ERSPAN_2 + inner(t, s))),
    "ERSPAN, type III": one(1, gre(0x22EB, 0x1000, bytes(4), lambda t, s: ERSPAN_3 + inner(t, s))),
    "ERSPAN, type III with a subheader": one(
        1, gre(0x22EB, 0x1000, bytes(4), lambda t, s: ERSPAN_3_PLATFORM + inner(t, s))
    ),
    "VXLAN": one(1, udp(4789, lambda t, s: wire.vxlan(inner(t, s)))),
    "VXLAN on Linux's port": one(1, udp(8472, lambda t, s: wire.vxlan(inner(t, s)))),
    "VXLAN, tagged inside and outside": one(
        1,
        ethernet(
            0x0800,
            lambda t, s: wire.ipv4(
                wire.udp(50000, 4789, wire.vxlan(ether(four(t, s), s, vlans=[0x8100]))),
                *_outer(s), 17,
            ),
            0x8100,
        ),
    ),
    "VXLAN in fragments": many(Wrapping(1, fragments_of_tunnel), 2, 1),
    "Geneve": one(1, udp(6081, lambda t, s: wire.geneve(inner(t, s)))),
    "Geneve with options": one(
        1, udp(6081, lambda t, s: wire.geneve(inner(t, s), options=bytes(12)))
    ),
    "Geneve, IP in it": one(1, udp(6081, lambda t, s: wire.geneve(four(t, s), 0x0800))),
    "segmentation offload, IPv4 without length": one(
        1, lambda t, s: ether(four(t, s, total=0), s)
    ),
    "segmentation offload, IPv6 without length": one(
        1, lambda t, s: ether(six(t, s, length=0), s, 0x86DD)
    ),
    "segmentation offload, a frame over 64 KiB": TransportRow(
        lambda port: large(port, lambda t, s: ether(four(t, s, total=0), s)), (Seen(LARGE),)
    ),
    "segmentation offload, a frame over 64 KiB, IPv6 jumbo": TransportRow(
        lambda port: large_6(port), (Seen(LARGE),)
    ),
    "checksum offload": one(1, wrong_checksums),
    "ICMP errors that quote every segment": many(Wrapping(1, quoting), 2, 0),
    "other protocols in between": many(Wrapping(1, others_between), 3, 2),
}  # fmt: skip


def large_6(port: int) -> list[CapturedFrame]:
    """Returns the same in IPv6 without a length."""
    connection = ConnectionBuilder(
        port, Wrapping(1, lambda t, s: [ether(six(t, s, length=0), s, 0x86DD)])
    ).open()
    return connection.add(C, PSH | ACK, LARGE.connect).ack(S).connack(LARGE).close().frames
