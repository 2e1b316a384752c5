"""Link layers, IP and tunnels: the innermost TCP segment is found behind all of them."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dissector.net.link import is_known
from tests.net import wire
from tests.net.recording import run
from tests.net.wire import ACK, PSH

TCP = wire.tcp(40000, 1883, 7, 9, PSH | ACK, b"bytes")
FOUR = wire.ipv4(TCP)
SIX = wire.ipv6(TCP)
ETH = wire.ethernet(FOUR)
ETH_SIX = wire.ethernet(SIX, 0x86DD)
ERSPAN_2 = bytes.fromhex("1064000100000000")
ERSPAN_3 = bytes.fromhex("206400010000000000000000")
ERSPAN_3_PLATFORM = bytes.fromhex("206400010000000000000001") + bytes(8)
OPTIONS = b"\x3c\0" + bytes(6) + b"\6\1" + bytes(14)
TCP_OPTIONS = wire.tcp(40000, 1883, 7, 9, ACK, b"bytes", options=b"\1" * 12)
JUMBO = bytes([6, 0, 0xC2, 4]) + struct.pack(">I", 8 + len(TCP))


def over_ip(payload: bytes, protocol: int) -> bytes:
    return wire.ethernet(wire.ipv4(payload, "192.0.2.1", "192.0.2.2", protocol))


def over_udp(port: int, payload: bytes) -> bytes:
    return over_ip(wire.udp(50000, port, payload), 17)


def nested(levels: int) -> bytes:
    datagram = FOUR
    for _ in range(levels):
        datagram = wire.ipv4(datagram, "192.0.2.1", "192.0.2.2", 4)
    return wire.ethernet(datagram)


FRAMES = {
    "ethernet": (1, ETH),
    "ethernet, padded": (1, wire.ethernet(wire.ipv4(TCP), pad=True)),
    "ethernet, IPv6": (1, ETH_SIX),
    "802.1Q": (1, wire.ethernet(FOUR, vlans=[0x8100])),
    "802.1ad": (1, wire.ethernet(FOUR, vlans=[0x88A8, 0x8100])),
    "QinQ": (1, wire.ethernet(FOUR, vlans=[0x9100, 0x8100])),
    "eight tags": (1, wire.ethernet(SIX, 0x86DD, vlans=[0x8100] * 8)),
    "LLC/SNAP": (1, wire.snap(FOUR)),
    "PPPoE": (1, wire.ethernet(wire.pppoe(FOUR), 0x8864)),
    "PPPoE, IPv6": (1, wire.ethernet(wire.pppoe(SIX, 0x0057), 0x8864)),
    "PPPoE, short protocol": (1, wire.ethernet(b"\x11\0\0\1\0\x20\x21" + FOUR, 0x8864)),
    "MPLS": (1, wire.ethernet(wire.mpls(FOUR, [16, 17, 18]), 0x8847)),
    "MPLS, IPv6": (1, wire.ethernet(wire.mpls(SIX, [16]), 0x8847)),
    "cooked": (113, wire.cooked(FOUR)),
    "cooked, IPv6": (113, wire.cooked(SIX, 0x86DD)),
    "cooked, VLAN": (113, wire.cooked(b"\0\5\x08\0" + FOUR, 0x8100)),
    "cooked v2": (276, wire.cooked_v2(FOUR)),
    "null, little": (0, struct.pack("<I", 2) + FOUR),
    "null, big": (0, struct.pack(">I", 2) + FOUR),
    "loop": (108, struct.pack(">I", 2) + FOUR),
    **{f"null, family {n}": (0, struct.pack("<I", n) + SIX) for n in (10, 24, 28, 30)},
    **{f"raw {link}": (link, FOUR) for link in (12, 14, 101, 228)},
    **{f"raw {link}, IPv6": (link, SIX) for link in (12, 14, 101, 229)},
    "IPv4 options": (1, wire.ethernet(wire.ipv4(TCP, options=b"\1" * 8))),
    "IPv4 without length": (1, wire.ethernet(wire.ipv4(TCP, total=0))),
    "IPv6 without length": (1, wire.ethernet(wire.ipv6(TCP, length=0), 0x86DD)),
    "IPv6 jumbo": (1, wire.ethernet(wire.ipv6(JUMBO + TCP, protocol=0, length=0), 0x86DD)),
    "IPv6 hop-by-hop": (101, wire.ipv6(b"\6\0" + bytes(6) + TCP, protocol=0)),
    "IPv6 routing": (101, wire.ipv6(b"\6\2\2\0" + bytes(20) + TCP, protocol=43)),
    "IPv6 destination": (101, wire.ipv6(OPTIONS + TCP, protocol=60)),
    "IPv6 atomic fragment": (101, wire.ipv6(wire.ipv6_fragment(TCP, 1, 0, False), protocol=44)),
    "IPv6 AH": (101, wire.ipv6(b"\6\4" + bytes(22) + TCP, protocol=51)),
    "IPv4 AH": (101, wire.ipv4(b"\6\4" + bytes(22) + TCP, protocol=51)),
    "TCP options": (1, wire.ethernet(wire.ipv4(TCP_OPTIONS))),
    "IP in IP": (1, over_ip(FOUR, 4)),
    "6in4": (1, over_ip(SIX, 41)),
    "4in6": (101, wire.ipv6(FOUR, protocol=4)),
    "eight deep": (1, nested(8)),
    "GRE": (1, over_ip(wire.gre(FOUR, 0x0800), 47)),
    "GRE, IPv6": (1, over_ip(wire.gre(SIX, 0x86DD), 47)),
    "GRE C": (1, over_ip(wire.gre(FOUR, 0x0800, 0x8000, bytes(4)), 47)),
    "GRE K": (1, over_ip(wire.gre(FOUR, 0x0800, 0x2000, bytes(4)), 47)),
    "GRE S": (1, over_ip(wire.gre(FOUR, 0x0800, 0x1000, bytes(4)), 47)),
    "GRE CKS": (1, over_ip(wire.gre(FOUR, 0x0800, 0xB000, bytes(12)), 47)),
    "GRE R": (1, over_ip(wire.gre(FOUR, 0x0800, 0x4000, bytes(4) + b"\0\1\0\4" + bytes(8)), 47)),
    "GRE WCCP": (1, over_ip(wire.gre(FOUR, 0x883E), 47)),
    "GRE WCCP 2": (1, over_ip(wire.gre(b"\0\1\2\3" + SIX, 0x883E), 47)),
    "GRE TEB": (1, over_ip(wire.gre(ETH_SIX, 0x6558), 47)),
    "NVGRE": (1, over_ip(wire.gre(ETH, 0x6558, 0x2000, bytes(4)), 47)),
    "GRE MPLS": (1, over_ip(wire.gre(wire.mpls(FOUR, [16]), 0x8847), 47)),
    "ERSPAN I": (1, over_ip(wire.gre(ETH, 0x88BE), 47)),
    "ERSPAN II": (1, over_ip(wire.gre(ERSPAN_2 + ETH, 0x88BE, 0x1000, bytes(4)), 47)),
    "ERSPAN III": (1, over_ip(wire.gre(ERSPAN_3 + ETH, 0x22EB, 0x1000, bytes(4)), 47)),
    "ERSPAN III, platform": (
        1,
        over_ip(wire.gre(ERSPAN_3_PLATFORM + ETH, 0x22EB, 0x1000, bytes(4)), 47),
    ),
    "VXLAN": (1, over_udp(4789, wire.vxlan(ETH))),
    "VXLAN, Linux's port": (1, over_udp(8472, wire.vxlan(ETH))),
    "VXLAN, VLAN inside": (1, over_udp(4789, wire.vxlan(wire.ethernet(FOUR, vlans=[0x8100])))),
    "Geneve": (1, over_udp(6081, wire.geneve(ETH))),
    "Geneve options": (1, over_udp(6081, wire.geneve(ETH, options=bytes(16)))),
    "Geneve, IP": (1, over_udp(6081, wire.geneve(FOUR, 0x0800))),
    "GTP-U": (1, over_udp(2152, wire.gtp(FOUR))),
    "GTP-U, IPv6": (1, over_udp(2152, wire.gtp(SIX))),
    "GTP-U, answer": (1, over_ip(wire.udp(2152, 50000, wire.gtp(FOUR)), 17)),
    "GTP-U, sequence number": (1, over_udp(2152, wire.gtp(FOUR, 0x32, b"\0\1\0\0"))),
    "GTP-U, N-PDU number": (1, over_udp(2152, wire.gtp(SIX, 0x31, b"\0\0\7\0"))),
    "GTP-U, extension": (1, over_udp(2152, wire.gtp(FOUR, 0x34, b"\0\0\0\x85\1\0\1\0"))),
    "GTP-U, extensions": (
        1,
        over_udp(2152, wire.gtp(SIX, 0x36, b"\0\0\0\x85\1\0\1\xc0\2" + bytes(7))),
    ),
    "GTP-U in VXLAN": (
        1,
        over_udp(4789, wire.vxlan(over_udp(2152, wire.gtp(FOUR)))),
    ),
    "GTP-U over IPv6": (
        1,
        wire.ethernet(wire.ipv6(wire.udp(2152, 2152, wire.gtp(SIX)), protocol=17), 0x86DD),
    ),
    "LLC": (1, wire.MAC_B + wire.MAC_A + struct.pack(">H", 3 + len(FOUR)) + b"\6\6\3" + FOUR),
    "null, ethertype": (0, b"\0\0\x08\0" + FOUR),
    "null, ethertype of IPv6": (0, b"\0\0\x86\xdd" + SIX),
    "null, PPP": (0, b"\xff\3\0\x21" + FOUR),
    "null, no family": (0, struct.pack("<I", 17) + FOUR),
    "null, family of the other version": (0, struct.pack("<I", 2) + SIX),
}  # fmt: skip

NOT_TCP = {
    "ARP": (1, wire.ethernet(bytes(28), 0x0806)),
    "UDP": (1, over_udp(53, bytes(40))),
    "ICMP echo": (1, over_ip(b"\x08" + bytes(50), 1)),
    "no next header": (101, wire.ipv6(bytes(40), protocol=59)),
    "LLC": (1, wire.MAC_A + wire.MAC_B + b"\0\x26\x42\x42\3" + bytes(40)),
    "family 17": (0, struct.pack("<I", 17) + bytes(60)),
    "IPv4 length below its header": (1, wire.ethernet(wire.ipv4(TCP, total=10))),
    "empty": (1, b""),
    "raw, empty": (101, b""),
}


def test_every_known_link_type_has_a_frame() -> None:
    """A link type that is read natively is in the table of these tests."""
    assert {link for link, _ in FRAMES.values()} == set(filter(is_known, range(1000)))


@pytest.mark.parametrize("name", FRAMES)
def test_segment_is_found(name: str) -> None:
    """The innermost addresses, ports and payload are found in every encapsulation."""
    link, frame = FRAMES[name]
    result = run([frame], link)
    connection = result.only.connection
    assert result.only.text(0) == b"bytes"
    assert (connection.direction(0).port, connection.direction(1).port) == (40000, 1883)
    four = (wire.address("10.0.0.1"), wire.address("10.0.0.2"))
    six = (wire.address("fd00::1"), wire.address("fd00::2"))
    assert (connection.direction(0).ip, connection.direction(1).ip) in (four, six)
    assert result.kinds == []
    assert is_known(link)


@pytest.mark.parametrize("name", NOT_TCP)
def test_other_frames_are_counted_only(name: str) -> None:
    """Frames without TCP make no connection and no warning."""
    link, frame = NOT_TCP[name]
    result = run([frame], link)
    assert (result.consumers, result.kinds) == ([], [])
    assert (result.streams.frames, result.streams.tcp_frames) == (1, 0)


def test_padding_is_no_payload() -> None:
    """Ethernet padding behind a short datagram is not payload."""
    short = wire.ethernet(wire.ipv4(wire.tcp(40000, 1883, 7, 9, PSH | ACK, b"x")), pad=True)
    assert run([short]).only.text(0) == b"x"


def test_frames_above_64_kib() -> None:
    """A frame of segmentation offload, whose IP length is 0, is read completely."""
    payload = bytes(range(256)) * 400
    frame = wire.ethernet(wire.ipv4(wire.tcp(40000, 1883, 7, 9, ACK, payload), total=0))
    assert run([frame]).only.text(0) == payload


def test_mac_addresses_by_link_type() -> None:
    """Ethernet has both MAC addresses, cooked captures the sender's, raw IP none."""
    connection = run([ETH]).only.connection
    assert (connection.direction(0).mac, connection.direction(1).mac) == (wire.MAC_A, wire.MAC_B)
    connection = run([wire.cooked(FOUR)], 113).only.connection
    assert (connection.direction(0).mac, connection.direction(1).mac) == (wire.MAC_A, None)
    connection = run([FOUR], 101).only.connection
    assert (connection.direction(0).mac, connection.direction(1).mac) == (None, None)


def test_unknown_link_type_is_reported_once() -> None:
    """Frames of an unsupported link type are counted, and one warning names it."""
    result = run([ETH] * 3, 127)
    assert result.kinds == ["unknown-link-type"]
    assert "IEEE802_11_RADIO" in result.warnings[0][1]
    assert result.streams.unknown_links == {127: 3}
    assert not is_known(127)


@pytest.mark.parametrize("name", FRAMES)
def test_any_cut_never_raises(name: str) -> None:
    """A frame cut anywhere by the snap length is read as far as it goes."""
    link, frame = FRAMES[name]
    for size in range(len(frame)):
        run([frame[:size]], link, originals=[len(frame)])


LINKS = st.sampled_from([0, 1, 12, 14, 101, 108, 113, 127, 228, 229, 276])


@given(st.lists(st.tuples(LINKS, st.binary(max_size=120)), max_size=12))
def test_any_bytes_never_raise(frames: list[tuple[int, bytes]]) -> None:
    """Any bytes as frames of any link type raise no exception."""
    run([frame for _, frame in frames], [link for link, _ in frames])


@given(
    st.lists(
        st.tuples(
            st.sampled_from(sorted(FRAMES)),
            st.lists(st.tuples(st.integers(0, 200), st.integers(0, 255)), max_size=4),
        ),
        max_size=12,
    )
)
def test_any_damage_never_raises(frames: list[tuple[str, list[tuple[int, int]]]]) -> None:
    """Known frames with some bytes changed raise no exception."""
    damaged = []
    for name, changes in frames:
        frame = bytearray(FRAMES[name][1])
        for at, value in changes:
            frame[at % len(frame)] = value
        damaged.append(bytes(frame))
    run(damaged, [FRAMES[name][0] for name, _ in frames])
