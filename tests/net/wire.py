"""Builds frames from header fields for the tests of the network layers.

Checksums are zero: they are not verified. Addresses are given as text, everything else as numbers.
"""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Sequence

from dissector.capture.batch import Batch

FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
MAC_A = bytes.fromhex("020000000001")
MAC_B = bytes.fromhex("020000000002")
SECOND = 1_000_000_000
START = 1_700_000_000 * SECOND


def address(text: str) -> bytes:
    """Packed bytes of an address."""
    return ipaddress.ip_address(text).packed


def tcp(
    sport: int,
    dport: int,
    seq: int,
    ack: int = 0,
    flags: int = ACK,
    payload: bytes = b"",
    window: int = 65535,
    options: bytes = b"",
) -> bytes:
    """One TCP segment; options are padded to a multiple of four."""
    options += bytes(-len(options) % 4)
    offset = (20 + len(options)) // 4 << 4
    numbers = (sport, dport, seq & 0xFFFFFFFF, ack & 0xFFFFFFFF, offset, flags, window, 0, 0)
    return struct.pack(">HHIIBBHHH", *numbers) + options + payload


def udp(sport: int, dport: int, payload: bytes) -> bytes:
    """One UDP datagram."""
    return struct.pack(">HHHH", sport, dport, 8 + len(payload) & 0xFFFF, 0) + payload


def ipv4(
    payload: bytes,
    src: str = "10.0.0.1",
    dst: str = "10.0.0.2",
    protocol: int = 6,
    ident: int = 0,
    more: bool = False,
    offset: int = 0,
    options: bytes = b"",
    total: int | None = None,
) -> bytes:
    """One IPv4 datagram or fragment; `offset` in bytes."""
    options += bytes(-len(options) % 4)
    header = 20 + len(options)
    length = header + len(payload) if total is None else total
    where = offset // 8 | (0x2000 if more else 0)
    first = 0x40 | header // 4
    fixed = struct.pack(">BBHHHBBH", first, 0, length & 0xFFFF, ident, where, 64, protocol, 0)
    return fixed + address(src) + address(dst) + options + payload


def ipv6(
    payload: bytes,
    src: str = "fd00::1",
    dst: str = "fd00::2",
    protocol: int = 6,
    length: int | None = None,
) -> bytes:
    """One IPv6 datagram; extension headers, if any, are at the head of `payload`."""
    size = len(payload) if length is None else length
    fixed = struct.pack(">IHBB", 0x60000000, size & 0xFFFF, protocol, 64)
    return fixed + address(src) + address(dst) + payload


def ipv6_fragment(payload: bytes, ident: int, offset: int, more: bool, protocol: int = 6) -> bytes:
    """The fragment extension header (44) and a piece; `offset` in bytes."""
    return struct.pack(">BBHI", protocol, 0, offset | int(more), ident) + payload


def ethernet(
    payload: bytes,
    ethertype: int = 0x0800,
    src: bytes = MAC_A,
    dst: bytes = MAC_B,
    vlans: Sequence[int] = (),
    pad: bool = False,
) -> bytes:
    """One Ethernet frame; `vlans` are the ethertypes of its tags; `pad` to the 60 byte minimum."""
    types = [*vlans, ethertype]
    tags = b"".join(struct.pack(">HH", 100 + at, kind) for at, kind in enumerate(types[1:]))
    frame = dst + src + struct.pack(">H", types[0]) + tags + payload
    return frame.ljust(60, b"\0") if pad else frame


def gre(payload: bytes, protocol: int, flags: int = 0, fields: bytes = b"") -> bytes:
    """A GRE header with its flag word and the optional fields that the flags announce."""
    return struct.pack(">HH", flags, protocol) + fields + payload


def vxlan(payload: bytes, network: int = 7) -> bytes:
    """A VXLAN header before an Ethernet frame."""
    return struct.pack(">II", 0x08000000, network << 8) + payload


def geneve(payload: bytes, protocol: int = 0x6558, options: bytes = b"") -> bytes:
    """A Geneve header; options are a multiple of four bytes."""
    return struct.pack(">BBHI", len(options) // 4, 0, protocol, 7 << 8) + options + payload


def gtp(payload: bytes, flags: int = 0x30, fields: bytes = b"") -> bytes:
    """A GTP-U header of a user packet; `fields` are those that the flags announce."""
    return struct.pack(">BBHI", flags, 255, len(fields) + len(payload), 7) + fields + payload


def mpls(payload: bytes, labels: Sequence[int]) -> bytes:
    """A label stack, the last entry marked as its bottom."""
    last = len(labels) - 1
    entries = [label << 12 | (at == last) << 8 | 64 for at, label in enumerate(labels)]
    return b"".join(struct.pack(">I", entry) for entry in entries) + payload


def pppoe(payload: bytes, protocol: int = 0x0021) -> bytes:
    """A PPPoE session header and the PPP protocol number."""
    return struct.pack(">BBHHH", 0x11, 0, 1, len(payload) + 2, protocol) + payload


def cooked(payload: bytes, ethertype: int = 0x0800) -> bytes:
    """Linux cooked capture, version 1."""
    return struct.pack(">HHH8sH", 0, 1, 6, MAC_A + b"\0\0", ethertype) + payload


def cooked_v2(payload: bytes, ethertype: int = 0x0800) -> bytes:
    """Linux cooked capture, version 2."""
    return struct.pack(">HHIHBB8s", ethertype, 0, 1, 1, 0, 6, MAC_A + b"\0\0") + payload


def snap(payload: bytes, ethertype: int = 0x0800) -> bytes:
    """IEEE 802.3 with LLC and SNAP instead of an ethertype."""
    body = bytes.fromhex("aaaa03000000") + struct.pack(">H", ethertype) + payload
    return MAC_B + MAC_A + struct.pack(">H", len(body) & 0x5FF) + body


def pcap(
    frames: Sequence[bytes],
    link: int = 1,
    times: Sequence[int] | None = None,
    originals: Sequence[int] | None = None,
) -> bytes:
    """A nanosecond pcap file, for tshark; frames are a millisecond apart by default."""
    out = [struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 262144, link)]
    for at, frame in enumerate(frames):
        time = times[at] if times else START + at * 1_000_000
        original = originals[at] if originals else len(frame)
        out.append(struct.pack("<IIII", time // SECOND, time % SECOND, len(frame), original))
        out.append(frame)
    return b"".join(out)


def batch(
    frames: Sequence[bytes],
    link: int | Sequence[int] = 1,
    times: Sequence[int] | None = None,
    originals: Sequence[int] | None = None,
    first_number: int = 1,
    file: int = 0,
) -> Batch:
    """The frames as a `Batch`; at most as many as it has room for."""
    out = Batch()
    out.window = b"".join(frames)
    out.count = len(frames)
    out.first_number = first_number
    out.file = file
    at = 0
    for i, frame in enumerate(frames):
        out.offset[i] = at
        out.captured[i] = len(frame)
        out.original[i] = originals[i] if originals else len(frame)
        out.time_ns[i] = times[i] if times else START + (first_number + i) * 1_000_000
        out.link[i] = link if isinstance(link, int) else link[i]
        at += len(frame)
    return out
