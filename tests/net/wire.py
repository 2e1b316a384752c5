"""Builds tunnels and other link layers around the frames of `samples/frames.py`; batches of them.

The names of `samples/frames.py` that tests of the network layers need are here, too.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

from dissector.capture.batch import Batch
from samples.frames import (
    ACK,
    FIN,
    MAC_A,
    MAC_B,
    NANO,
    PSH,
    RST,
    SECOND,
    START,
    SYN,
    address,
    ethernet,
    ipv4,
    ipv6,
    pcap_header,
    pcap_record,
    tcp,
    udp,
)

__all__ = [
    "ACK", "FIN", "MAC_A", "MAC_B", "PSH", "RST", "SECOND", "START", "SYN",
    "address", "batch", "cooked", "cooked_v2", "ethernet", "geneve", "gre", "gtp", "ipv4", "ipv6",
    "ipv6_fragment", "mpls", "pcap", "pppoe", "snap", "tcp", "udp", "vxlan",
]  # fmt: skip


def ipv6_fragment(payload: bytes, ident: int, offset: int, more: bool, protocol: int = 6) -> bytes:
    """The fragment extension header (44) and a piece; `offset` in bytes."""
    return struct.pack(">BBHI", protocol, 0, offset | int(more), ident) + payload


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
    out = [pcap_header("<", NANO, link)]
    for at, frame in enumerate(frames):
        time = times[at] if times else START + at * 1_000_000
        original = originals[at] if originals else None
        out.append(pcap_record(frame, time, "<", 1, sent=original))
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
