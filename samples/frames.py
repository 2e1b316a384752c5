"""Builds Ethernet, IP and TCP frames, the segments of a TCP connection, and pcap files.

All samples and tests build their frames here (tunnels: `tests/net/wire.py`; the benchmarks have a
faster writer, which a test compares with this one). Addresses are text or packed bytes, everything
else is a number as it is in the header. Checksums of IP are right; that of TCP is zero, "not
computed", unless its addresses are known.
"""

from __future__ import annotations

import functools
import ipaddress
import struct
from collections.abc import Iterable, Sequence
from typing import Self

FIN, SYN, RST, PSH, ACK = 0x01, 0x02, 0x04, 0x08, 0x10
TCP = 6  # protocol number
IPV4, IPV6 = 0x0800, 0x86DD  # ethertypes
MAC_A = bytes.fromhex("020000000001")
MAC_B = bytes.fromhex("020000000002")
SECOND = 1_000_000_000
START = 1_700_000_000 * SECOND
MICRO, NANO = 0xA1B2C3D4, 0xA1B23C4D  # first bytes of a pcap file: unit of its times

Address = str | bytes


@functools.cache
def _packed(text: str) -> bytes:
    return ipaddress.ip_address(text).packed


def address(value: Address) -> bytes:
    """Returns the packed bytes of an address."""
    return _packed(value) if isinstance(value, str) else value


def checksum(data: bytes) -> int:
    """Returns the Internet checksum (RFC 1071)."""
    if len(data) % 2:
        data += b"\0"
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def tcp(
    sport: int,
    dport: int,
    seq: int,
    ack: int = 0,
    flags: int = ACK,
    payload: bytes = b"",
    window: int = 65535,
    options: bytes = b"",
    between: tuple[Address, Address] | None = None,
) -> bytes:
    """Returns a TCP segment; options are padded to a multiple of four.

    `between` are the addresses of sender and receiver: with them the checksum is computed.
    """
    options += bytes(-len(options) % 4)
    offset = (20 + len(options)) // 4 << 4
    numbers = (sport, dport, seq & 0xFFFFFFFF, ack & 0xFFFFFFFF, offset, flags, window, 0, 0)
    segment = struct.pack("!HHIIBBHHH", *numbers) + options + payload
    if between is None:
        return segment
    # the pseudo header of IPv4 has other lengths of its fields than that of IPv6, but the same sum
    pseudo = address(between[0]) + address(between[1]) + struct.pack("!II", len(segment), TCP)
    return segment[:16] + struct.pack("!H", checksum(pseudo + segment)) + segment[18:]


def udp(sport: int, dport: int, payload: bytes) -> bytes:
    """Returns a UDP datagram; its checksum is zero, "not computed"."""
    return struct.pack("!HHHH", sport, dport, 8 + len(payload) & 0xFFFF, 0) + payload


def ipv4(
    payload: bytes,
    src: Address = "10.0.0.1",
    dst: Address = "10.0.0.2",
    protocol: int = TCP,
    ident: int = 0,
    more: bool = False,
    offset: int = 0,
    options: bytes = b"",
    total: int | None = None,
    whole: bool = False,
) -> bytes:
    """Returns an IPv4 datagram or fragment; `offset` in bytes, `whole`: don't fragment."""
    options += bytes(-len(options) % 4)
    size = 20 + len(options)
    length = size + len(payload) if total is None else total
    where = offset // 8 | (0x2000 if more else 0) | (0x4000 if whole else 0)
    first = 0x40 | size // 4
    fixed = struct.pack("!BBHHHBBH", first, 0, length & 0xFFFF, ident, where, 64, protocol, 0)
    header = fixed + address(src) + address(dst) + options
    return header[:10] + struct.pack("!H", checksum(header)) + header[12:] + payload


def ipv6(
    payload: bytes,
    src: Address = "fd00::1",
    dst: Address = "fd00::2",
    protocol: int = TCP,
    length: int | None = None,
) -> bytes:
    """Returns an IPv6 datagram; extension headers, if any, are at the head of `payload`."""
    size = len(payload) if length is None else length
    fixed = struct.pack("!IHBB", 6 << 28, size & 0xFFFF, protocol, 64)
    return fixed + address(src) + address(dst) + payload


def ethernet(
    payload: bytes,
    ethertype: int = IPV4,
    src: bytes = MAC_A,
    dst: bytes = MAC_B,
    vlans: Sequence[int] = (),
    pad: bool = False,
) -> bytes:
    """Returns an Ethernet frame; `vlans` are the ethertypes of its tags; `pad` to 60 bytes."""
    types = [*vlans, ethertype]
    tags = b"".join(struct.pack("!HH", 100 + at, kind) for at, kind in enumerate(types[1:]))
    frame = dst + src + struct.pack("!H", types[0]) + tags + payload
    return frame.ljust(60, b"\0") if pad else frame


class SegmentBuilder:
    """Builds the TCP segments of one connection and counts its sequence numbers.

    Sides are 0, the client, and 1, the server; `ports` and `first`, the initial sequence numbers,
    are theirs, `seq` has the next ones. With the addresses of both in `between`, checksums are
    computed. A subclass puts the segments into frames (`captured`). Methods that add segments
    return the builder.
    """

    def __init__(
        self,
        ports: tuple[int, int],
        first: Sequence[int] = (1000, 5000),
        *,
        between: tuple[Address, Address] | None = None,
        window: int = 65535,
        options: bytes = b"",
    ) -> None:
        self.ports = ports
        self.first = first
        self.seq = list(first)
        self.between = between
        self.window = window
        self.options = options

    def captured(self, side: int, segment: bytes, payload: bytes, pause: int | None) -> None:
        """Adds the frames of a segment, `pause` nanoseconds after the last; None: as usual."""
        raise NotImplementedError

    def tcp_segment(
        self,
        side: int,
        flags: int,
        payload: bytes = b"",
        *,
        seq: int | None = None,
        ack: int | None = None,
        window: int | None = None,
        options: bytes | None = None,
    ) -> bytes:
        """Returns the next segment of a side, which acknowledges all that its peer sent.

        It is counted, unless `seq` is given.
        """
        if ack is None:
            ack = self.seq[1 - side] if flags & ACK else 0
        ends = self.between if side == 0 or self.between is None else self.between[::-1]
        made = tcp(
            self.ports[side],
            self.ports[1 - side],
            self.seq[side] if seq is None else seq,
            ack,
            flags,
            payload,
            self.window if window is None else window,
            self.options if options is None else options,
            ends,
        )
        if seq is None:
            self.seq[side] += len(payload) + bool(flags & SYN) + bool(flags & FIN)
        return made

    def add(
        self,
        side: int,
        flags: int,
        payload: bytes = b"",
        *,
        seq: int | None = None,
        ack: int | None = None,
        window: int | None = None,
        options: bytes | None = None,
        pause: int | None = None,
    ) -> Self:
        """Adds the next segment of a side; with `seq`, any segment, without counting it."""
        made = self.tcp_segment(
            side, flags, payload, seq=seq, ack=ack, window=window, options=options
        )
        self.captured(side, made, payload, pause)
        return self

    def open(self) -> Self:
        """Adds SYN, SYN/ACK, ACK."""
        return self.add(0, SYN).add(1, SYN | ACK).add(0, ACK)

    def send(self, side: int, payload: bytes) -> Self:
        """Sends data."""
        return self.add(side, PSH | ACK, payload)

    def send_at(self, side: int, offset: int, payload: bytes, flags: int = PSH | ACK) -> Self:
        """Sends data at any offset from the side's first byte, without counting it."""
        return self.add(side, flags, payload, seq=self.first[side] + 1 + offset)

    def ack(self, side: int) -> Self:
        """Acknowledges all that the peer sent."""
        return self.add(side, ACK)

    def send_acked(self, side: int, payload: bytes) -> Self:
        """Sends data, which the peer acknowledges."""
        return self.send(side, payload).ack(1 - side)

    def fin(self, side: int = 0) -> Self:
        """Sends FIN in both directions, from `side` first."""
        return self.add(side, FIN | ACK).add(1 - side, FIN | ACK).ack(side)

    def reset(self, side: int) -> Self:
        """Sends RST."""
        return self.add(side, RST | ACK)


def pcap_header(
    order: str = "<",
    magic: int = MICRO,
    link: int = 1,
    snaplen: int = 262144,
    version: tuple[int, int] = (2, 4),
) -> bytes:
    """Returns the header of a pcap file; `order` is a byte order of `struct`."""
    return struct.pack(f"{order}IHHiIII", magic, *version, 0, 0, snaplen, link)


def pcap_record(
    data: bytes,
    time_ns: int = START,
    order: str = "<",
    unit: int = 1000,
    held: int | None = None,
    sent: int | None = None,
) -> bytes:
    """Returns a frame of a pcap file: `unit` of its time in ns, captured and original length."""
    held = len(data) if held is None else held
    sent = held if sent is None else sent
    seconds = time_ns // SECOND & 0xFFFFFFFF
    fraction = time_ns % SECOND // unit
    return struct.pack(f"{order}4I", seconds, fraction, held, sent & 0xFFFFFFFF) + data


def pcap_file(
    frames: Iterable[tuple[bytes, int]], *, magic: int = MICRO, link: int = 1, order: str = "<"
) -> bytes:
    """Returns a pcap file of frames, each with its time (ns)."""
    unit = 1 if magic == NANO else 1000
    records = [pcap_record(data, time_ns, order, unit) for data, time_ns in frames]
    return pcap_header(order, magic, link) + b"".join(records)
