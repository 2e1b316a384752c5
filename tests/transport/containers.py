"""Cases for every supported file format, plain and compressed, each with two connections."""

from __future__ import annotations

import bz2
import gzip
import itertools
import struct
from collections.abc import Callable, Sequence

import lz4.frame
import zstandard

from tests.capture import builders
from tests.capture.builders import SECOND, START
from tests.net import wire
from tests.transport.connection_builder import (
    STEP_NS,
    CapturedFrame,
    ConnectionBuilder,
    Wrapping,
    four,
    six,
)
from tests.transport.handshakes import CLEAN, FALSE
from tests.transport.row import Files, Seen, Timed, TransportRow, one_pcap, records

COMMENT = builders.option(1, b"a comment on this packet \xff")
SECRETS = builders.block(10, struct.pack("<II", 0x544C534B, 9) + b"# no keys")
NAMES = builders.block(4, bytes(4))
STATISTICS = builders.block(5, struct.pack("<III", 0, START >> 32, START & 0xFFFFFFFF))
UNKNOWN = builders.block(0x0BADCAFE & 0x7FFFFFFF, b"a block of unknown type")


def conversations(port: int) -> list[CapturedFrame]:
    """Returns the frames of two connections, the second one with a finding."""
    return (
        ConnectionBuilder(port).complete(CLEAN).frames
        + ConnectionBuilder(port + 1).complete(FALSE).frames
    )


def pcap(order: str, magic: int) -> Files:
    """Returns a writer of pcap files with a byte order and a time resolution."""
    unit = 1 if magic == builders.NANO else 1000

    def files(frames: Sequence[Timed]) -> list[bytes]:
        return [builders.pcap_header(order, magic) + records(frames, order, unit)]

    return files


def pcapng(order: str = "<", *, options: bytes = b"", ticks: int = 1000, before: int = 0) -> Files:
    """Returns a writer of pcapng files: `options` of the interface, nanoseconds per tick, and the
    seconds of its offset.
    """

    def files(frames: Sequence[Timed]) -> list[bytes]:
        head = builders.section(order) + builders.interface(order=order, options=options)
        blocks = [
            builders.enhanced(frame.data, (time_ns - before * SECOND) // ticks, order=order)
            for time_ns, frame in frames
        ]
        return [head + b"".join(blocks)]

    return files


def binary_resolution(frames: Sequence[Timed]) -> list[bytes]:
    """Alternates two interfaces: ticks of 2**-20 seconds, and nanoseconds after an offset."""
    head = builders.section() + builders.interface(options=builders.resolution(0x80 | 20))
    head += builders.interface(options=builders.resolution(9) + builders.offset(1_000_000_000))
    blocks = []
    for time_ns, frame in frames:
        if time_ns // STEP_NS % 2:
            blocks.append(builders.enhanced(frame.data, time_ns - 1_000_000_000 * SECOND, 1))
        else:
            blocks.append(builders.enhanced(frame.data, (time_ns << 20) // SECOND))
    return [head + b"".join(blocks)]


def sections(frames: Sequence[Timed]) -> list[bytes]:
    """Writes a section of each byte order; a connection begins in one and ends in the next."""
    half = 5
    return [pcapng("<")(frames[:half])[0] + pcapng(">")(frames[half:])[0]]


def interfaces(frames: Sequence[Timed]) -> list[bytes]:
    """Writes an interface for each link type."""
    links = sorted({frame.link for _, frame in frames})
    head = builders.section() + b"".join(builders.interface(link) for link in links)
    return [
        head + b"".join(
            builders.enhanced(
                frame.data[: frame.cut], time_ns // 1000, links.index(frame.link),
                sent=len(frame.data),
            )
            for time_ns, frame in frames
        )
    ]  # fmt: skip


def simple_packets(frames: Sequence[Timed]) -> list[bytes]:
    """Writes Simple Packet Blocks, which have no time."""
    head = builders.section() + builders.interface()
    return [head + b"".join(builders.simple(frame.data) for _, frame in frames)]


def obsolete_packets(frames: Sequence[Timed]) -> list[bytes]:
    """Writes obsolete Packet Blocks."""
    head = builders.section() + builders.interface()
    return [
        head + b"".join(builders.old_packet(frame.data, time // 1000) for time, frame in frames)
    ]


def other_blocks(frames: Sequence[Timed]) -> list[bytes]:
    """Writes comments, names, statistics, secrets and unknown blocks between the frames."""
    head = builders.section(options=builders.option(1, b"a section")) + builders.interface()
    others = [SECRETS, NAMES, STATISTICS, UNKNOWN]
    blocks = [
        others[at % 4] + builders.enhanced(frame.data, time_ns // 1000, options=COMMENT)
        for at, (time_ns, frame) in enumerate(frames)
    ]
    return [head + b"".join(blocks)]


def compressed(by: Callable[[bytes], bytes], files: Files = one_pcap) -> Files:
    """Returns a writer of the same files, compressed."""
    return lambda frames: [by(data) for data in files(frames)]


def cut_files(*places: int) -> Files:
    """Returns a writer of consecutive files, as from a ring buffer."""

    def files(frames: Sequence[Timed]) -> list[bytes]:
        edges = [0, *places, len(frames)]
        parts = [frames[low:high] for low, high in itertools.pairwise(edges)]
        return [one_pcap(part)[0] for part in parts]

    return files


def by_turns(frames: Sequence[Timed]) -> list[bytes]:
    """Writes two concurrent files, as of two interfaces: pcap, and pcapng compressed."""
    return [*one_pcap(frames[::2]), gzip.compress(pcapng()(frames[1::2])[0])]


def each_way(port: int) -> list[CapturedFrame]:
    """Returns the client's frames from an Ethernet interface, the server's from a cooked one."""

    def frames(segment: bytes, side: int) -> list[bytes]:
        return [wire.ethernet(four(segment, side))]

    plain = ConnectionBuilder(port, Wrapping(1, frames)).complete(FALSE).frames
    cooked = (
        ConnectionBuilder(port, Wrapping(113, lambda t, s: [wire.cooked(four(t, s))]))
        .complete(FALSE)
        .frames
    )
    client = {1, 3, 4, 7, 8, 10, 12}
    return [
        (plain if number in client else cooked)[number - 1] for number in range(1, len(plain) + 1)
    ]


def every_link(port: int) -> list[CapturedFrame]:
    """Returns connections on four link types in one file."""
    wraps = [
        Wrapping(1, lambda t, s: [wire.ethernet(four(t, s))]),
        Wrapping(101, lambda t, s: [six(t, s)]),
        Wrapping(276, lambda t, s: [wire.cooked_v2(four(t, s))]),
        Wrapping(0, lambda t, s: [struct.pack("<I", 2) + four(t, s)]),
    ]
    return [
        frame
        for at, wrap in enumerate(wraps)
        for frame in ConnectionBuilder(port + at, wrap).complete(FALSE).frames
    ]


TWICE = (Seen(CLEAN), Seen(FALSE, 16, 18, 1))
SPLIT = (Seen(CLEAN), Seen(FALSE, (1, 6), (1, 8), 1))


def row(files: Files, seen: Sequence[Seen] = TWICE) -> TransportRow:
    """Returns a case with the two connections in these files."""
    return TransportRow(conversations, seen, files=files)


def backwards(paths: list[str]) -> list[str]:
    """Returns the paths in reverse order."""
    return paths[::-1]


COMPRESSIONS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "zstd": zstandard.ZstdCompressor().compress,
    "lz4": lz4.frame.compress,
    "bzip2": bz2.compress,
}

ROWS: dict[str, TransportRow] = {
    "pcap, microseconds": row(pcap("<", builders.MICRO)),
    "pcap, microseconds, big-endian": row(pcap(">", builders.MICRO)),
    "pcap, nanoseconds": row(pcap("<", builders.NANO)),
    "pcap, nanoseconds, big-endian": row(pcap(">", builders.NANO)),
    "pcapng": row(pcapng("<")),
    "pcapng, big-endian": row(pcapng(">")),
    "pcapng, nanoseconds": row(pcapng(options=builders.resolution(9), ticks=1)),
    "pcapng, milliseconds": row(pcapng(options=builders.resolution(3), ticks=1_000_000)),
    "pcapng, an offset of seconds": row(
        pcapng(options=builders.offset(1_600_000_000), before=1_600_000_000)
    ),
    "pcapng, a resolution and an offset for each interface": row(binary_resolution),
    "pcapng, sections of both byte orders": row(sections),
    "pcapng, simple packets": TransportRow(
        conversations, TWICE, ["no-time"], files=simple_packets, timeless=True
    ),
    "pcapng, obsolete packets": row(obsolete_packets),
    "pcapng, comments, secrets and unknown blocks": row(other_blocks),
    "pcapng, each direction on an interface of its own": TransportRow(
        each_way, (Seen(FALSE),), files=interfaces
    ),
    "pcapng, four link types": TransportRow(
        every_link,
        [Seen(FALSE, 12 * at + 4, 12 * at + 6, at) for at in range(4)],
        files=interfaces,
    ),
    **{f"pcap in {name}": row(compressed(by)) for name, by in COMPRESSIONS.items()},
    **{f"pcapng in {name}": row(compressed(by, pcapng())) for name, by in COMPRESSIONS.items()},
    "two files": row(cut_files(10), SPLIT),
    "two files, the later one given first": TransportRow(
        conversations, SPLIT, files=cut_files(10), path_order=backwards
    ),
    "three files, cut within each handshake": row(
        cut_files(5, 17), (Seen(CLEAN, 4, (1, 1)), Seen(FALSE, (1, 11), (2, 1), 1))
    ),
    "two files of one time": row(
        by_turns, (Seen(CLEAN, (1, 2), (1, 3)), Seen(FALSE, (1, 8), (1, 9), 1))
    ),
}
