"""The builder of frames: scapy and the writer of the benchmarks build the same bytes."""

from __future__ import annotations

import importlib
import io
import struct
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from samples import frames
from samples.build import conversation
from samples.frames import ACK, FIN, PSH, SYN
from tests.fuzz.records import records

BENCHMARKS = importlib.import_module("benchmarks.frames")  # not typed under this name
FOUR, SIX = ("10.0.0.1", "10.0.0.2"), ("fd00::1", "fd00::2")
numbers = st.integers(0, 2**32 - 1)


def rebuilt(data: bytes) -> bytes:
    """Builds a frame of TCP on Ethernet again, from its header fields and its payload."""
    ethertype, at, vlans = struct.unpack_from("!H", data, 12)[0], 14, b""
    if ethertype == 0x8100:
        vlans, ethertype, at = data[12:16], struct.unpack_from("!H", data, 16)[0], 18
    if ethertype == frames.IPV4:
        ends = data[at + 12 : at + 16], data[at + 16 : at + 20]
        size, ident = struct.unpack_from("!HH", data, at + 2)
        start, stop = at + 20, at + size
    else:
        ends = data[at + 8 : at + 24], data[at + 24 : at + 40]
        start, ident = at + 40, 0
        stop = start + int(struct.unpack_from("!H", data, at + 4)[0])
    head = struct.unpack_from("!HHIIBBH", data, start)
    options = start + 20, start + (head[4] >> 4) * 4
    segment = frames.tcp(
        *head[:4], head[5], data[options[1] : stop], head[6], data[slice(*options)], ends
    )
    if ethertype == frames.IPV4:
        datagram = frames.ipv4(segment, *ends, ident=ident, whole=True)
    else:
        datagram = frames.ipv6(segment, *ends)
    made = frames.ethernet(datagram, ethertype, data[6:12], data[:6])
    return (made[:12] + vlans + made[12:]).ljust(len(data), b"\0")


@pytest.mark.parametrize("ends", [FOUR, SIX], ids=["IPv4", "IPv6"])
@given(
    seq=numbers,
    ack=numbers,
    payload=st.binary(max_size=40),
    options=st.sampled_from([b"", b"\2\4\5\xb4", b"\1" * 12]),
)
def test_scapy_builds_the_same_frame(
    ends: tuple[str, str], seq: int, ack: int, payload: bytes, options: bytes
) -> None:
    """A frame is that of scapy with the same fields, checksums included."""
    from scapy.layers.inet import IP, TCP
    from scapy.layers.inet6 import IPv6
    from scapy.layers.l2 import Ether

    segment = frames.tcp(40000, 1883, seq, ack, PSH | ACK, payload, 512, options, ends)
    if ends == FOUR:
        datagram = frames.ipv4(segment, *ends, whole=True)
        network = IP(src=ends[0], dst=ends[1], id=0, flags="DF")
        kind = frames.IPV4
    else:
        datagram = frames.ipv6(segment, *ends)
        network = IPv6(src=ends[0], dst=ends[1], hlim=64)
        kind = frames.IPV6
    offset = 5 + len(options) // 4
    transport = TCP(sport=40000, dport=1883, seq=seq, ack=ack, flags="PA", window=512,
                    dataofs=offset)  # fmt: skip
    link = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02")
    # options go with the payload: scapy would decode and encode them
    made = frames.ethernet(datagram, kind)
    assert bytes(link / network / transport / (options + payload)) == made


def test_benchmarks_write_the_same_frames() -> None:
    """The writer of the benchmarks gives the frames of the builder: headers, lengths, checksums."""
    rng = Random(14)
    file = io.BytesIO()
    capture = BENCHMARKS.GeneratedCapture(file, 400)
    now = 1_700_000_000_000_000
    for number in range(20):
        ends = [
            (BENCHMARKS.host(side, rng.getrandbits(32)), rng.getrandbits(16)) for side in (1, 2)
        ]
        vlan = number % 2 * 7
        made = BENCHMARKS.GeneratedConnection(capture, rng, *ends, 20, vlan)
        now = made.open(now + 1)
        for size in (1, 2, 59, 60, 1459, 3000):
            now = made.send(now + 1, rng.randbytes(size))
            now = made.request(now + 1, rng.randbytes(size), rng.randbytes(size))
        now = made.close(now + 1)
    capture.release(now + 1)
    written = records(file.getvalue())
    assert len(written) == 400
    assert [rebuilt(record.data) for record in written] == [record.data for record in written]


def test_a_connection_counts_its_sequence_numbers() -> None:
    """SYN, FIN and data are counted, modulo 2**32; acknowledgements have the peer's next number."""
    found: list[tuple[int, int, int, int]] = []

    class Fields(frames.SegmentBuilder):
        """Keeps side, sequence number, acknowledgement and flags of each segment."""

        def captured(self, side: int, segment: bytes, payload: bytes, pause: int | None) -> None:
            seq, ack, _, flags = struct.unpack_from("!IIBB", segment, 4)
            found.append((side, seq, ack, flags))

    Fields((1, 2), (2**32 - 1, 70)).open().send_acked(0, b"abc").send_at(1, 5, b"x").fin(1)
    assert found == [
        (0, 2**32 - 1, 0, SYN),
        (1, 70, 0, SYN | ACK),
        (0, 0, 71, ACK),
        (0, 0, 71, PSH | ACK),
        (1, 71, 3, ACK),
        (1, 76, 3, PSH | ACK),
        (1, 71, 3, FIN | ACK),
        (0, 3, 72, FIN | ACK),
        (1, 72, 4, ACK),
    ]


def test_a_pause_is_shown_by_a_keep_alive_probe() -> None:
    """A step of seconds is a probe one byte before the next, and its answer."""
    probe, answer = conversation(("+6",))[3:]
    assert struct.unpack_from("!II", probe.data, 38) == (1000, 5001)
    assert struct.unpack_from("!II", answer.data, 38) == (5001, 1001)
    assert probe.time_ns - conversation(())[-1].time_ns == 6_001_000_000
