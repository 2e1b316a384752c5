"""The tshark engine: tshark dissects frames down to TCP, the native engine does the rest.

tshark, through pyshark, dissects each frame down to TCP, through any link type and tunnels, and
reassembles IP fragments. Each TCP segment is put into a new frame, so reassembly, decoding and
rules are the same. It is slow (a thousand frames a second) and meant for what the other engines
cannot read, and to check that tshark's segments lead to the same results.
"""

from __future__ import annotations

import struct
from array import array
from collections.abc import Iterator, Sequence
from ipaddress import ip_address
from typing import Any, NamedTuple

from dissector.capture import linktypes
from dissector.capture.batch import Batch
from dissector.capture.source import CaptureReader
from dissector.connections.event_sink import EventSink
from dissector.engines.native import NativeEngine
from dissector.engines.rebuilt_frame import Ends, RebuiltBatch, framed

_LAYERS = ("eth", "sll", "ip", "ipv6", "tcp")
_WHOLE = {"ip.defragment": "FALSE", "ipv6.defragment": "FALSE"}  # fragments stay as they are
_BEFORE_FRAGMENTS = (0, 43, 44, 60)  # IPv6 headers: a fragment's, and those that may precede it
_TCP = 6


class TsharkInput(NamedTuple):
    """The file that tshark reads, and the key (`file << 40 | number`) of each frame in it.

    `inherited` is the open descriptor that `file` names, if any.
    """

    file: str
    keys: array[int] | None  # None: it is the only capture, and the key is the number
    inherited: tuple[int, ...] = ()

    def key(self, number: int) -> int:
        """Returns the key of a frame by its number in the file."""
        return number if self.keys is None else self.keys[number - 1]


class TsharkEngine(NativeEngine):
    """As `NativeEngine`, with tshark for all layers up to the TCP header."""

    name = "tshark"

    def __init__(
        self, files: list[str], sink: EventSink, ports: frozenset[int], **more: Any
    ) -> None:
        self._input: TsharkInput = more.pop("tshark_input")
        super().__init__(files, sink, ports, **more)

    def batches(self, readers: Sequence[CaptureReader]) -> Iterator[tuple[Batch, int, int]]:
        """Yields the frames of all captures, those without TCP as empty frames."""
        segments = self._segments()
        key, link, data, missing = next(segments, _END)
        for batch, start, stop in super().batches(readers):
            made = RebuiltBatch.of(batch, start, stop)
            first = batch.file << 40 | made.first_number
            for place in range(stop - start):
                if key == first + place:
                    made.replace(place, link, data, missing)
                    key, link, data, missing = next(segments, _END)
                else:
                    made.replace(place, linktypes.RAW, b"", 0)
            yield made.batch(), 0, stop - start

    def reads(self, link: int) -> bool:
        """Whether it reads frames of this link type: none is considered unknown to tshark."""
        return True

    def _segments(self) -> Iterator[tuple[int, int, bytes, int]]:
        """Yields each frame with TCP: key, link type, bytes, and the number of missing bytes."""
        from dissector.engines.tshark import packets

        for packet in packets(
            self._input.file,
            "--engine tshark",
            display_filter="tcp",
            protocols=_LAYERS,
            inherited=self._input.inherited,
        ):
            found = _segment(packet)
            if found is not None:
                yield (self._input.key(int(packet.number)), *found)


_END = (-1, linktypes.RAW, b"", 0)


Found = tuple[int, bytes, int | None]  # link type, bytes, missing bytes (None: as in the capture)


def innermost(whole: TsharkInput, frames: Sequence[bytes]) -> dict[int, Found]:
    """Returns what holds IP in a file of these frames, by index.

    That is the innermost TCP segment in a new frame, an IP fragment as it is, or nothing of a frame
    with another protocol. Raises EngineError if tshark is missing or fails.
    """
    from dissector.engines.tshark import packets

    made: dict[int, Found] = {}
    for packet in packets(
        whole.file,
        "this link type",
        display_filter="ip or ipv6",
        protocols=_LAYERS,
        preferences=_WHOLE,
        inherited=whole.inherited,
    ):
        index = int(packet.number) - 1
        found = _fragment(packet, frames[index]) or _segment(packet)
        made[index] = (linktypes.RAW, b"", 0) if found is None else found
    return made


def _fragment(packet: Any, frame: bytes) -> Found | None:
    """Returns the innermost IP packet if it is, or may be, a fragment, and is in the frame."""
    ends: Ends = (None, None)
    datagram = None
    for layer in packet.layers:
        name = layer.layer_name
        if name == "eth":
            ends = (_show(layer, "dst"), _show(layer, "src"))
        elif name in ("ip", "ipv6"):
            datagram = _as_captured(layer, frame)
    if datagram is None:
        return None
    if datagram[0] >> 4 == 4:
        is_fragment = datagram[6] & 0x3F != 0 or datagram[7] != 0
    else:
        is_fragment = datagram[6] in _BEFORE_FRAGMENTS
    return (*framed(datagram, ends), None) if is_fragment else None


def _as_captured(layer: Any, frame: bytes) -> bytes | None:
    """Returns the bytes of a frame from an IP header on; None if the header is not in the frame."""
    version = layer.get_field("version")
    ends = [_show(layer, name) for name in ("src", "dst")]
    if version is None or version.pos is None or None in ends:
        return None
    addresses = b"".join(ip_address(str(text)).packed for text in ends)
    at = int(version.pos)
    if not frame.startswith(addresses, at + (12 if len(addresses) == 8 else 8)):
        return None
    return frame[at:]


def _segment(packet: Any) -> tuple[int, bytes, int] | None:
    """Returns the innermost segment in a new frame: link type, bytes, number of missing bytes."""
    addresses = None
    ends: Ends = (None, None)
    tcp = None
    for layer in packet.layers:
        name = layer.layer_name
        if name == "eth":
            ends = (_show(layer, "dst"), _show(layer, "src"))
        elif name == "sll":
            ends = (None, _show(layer, "src_eth"))
        elif name in ("ip", "ipv6"):
            addresses = (_show(layer, "src"), _show(layer, "dst"))
        elif name == "tcp" and layer.get_field("srcport") is not None:
            tcp = layer
    if tcp is None or addresses is None or None in addresses:
        return None
    header = _header(tcp)
    if header is None:
        return None
    payload = bytes.fromhex(_raw(tcp, "payload"))
    missing = max(int(_show(tcp, "len") or 0) - len(payload), 0)
    source, destination = (ip_address(str(each)).packed for each in addresses)
    datagram = _datagram(source, destination, header + payload, missing)
    link, data = framed(datagram, ends)
    return link, data, missing


def _header(tcp: Any) -> bytes | None:
    """Builds the TCP header; None if a field of it was not captured."""
    shown = [_show(tcp, name) for name in ("srcport", "dstport", "seq_raw", "ack_raw", "flags")]
    window = _show(tcp, "window_size_value")
    if None in shown or window is None:
        return None
    source, destination, sequence, acknowledged, flags = (int(str(each), 0) for each in shown)
    options = bytes.fromhex(_raw(tcp, "options"))
    options += bytes(-len(options) % 4)
    words = (20 + len(options)) // 4
    return (
        struct.pack(
            "!HHIIHHHH", source, destination, sequence, acknowledged,
            words << 12 | (flags & 0xFFF), int(window), 0, 0,
        )
        + options
    )  # fmt: skip


def _datagram(source: bytes, destination: bytes, segment: bytes, missing: int) -> bytes:
    """Wraps a segment in an IP packet with the length that it had on the wire."""
    size = len(segment) + missing
    if len(source) == 4:
        total = min(20 + size, 0xFFFF)
        head = struct.pack("!BBHHHBBH", 0x45, 0, total, 0, 0x4000, 64, _TCP, 0)
    else:
        head = struct.pack("!IHBB", 6 << 28, min(size, 0xFFFF), _TCP, 64)
    return head + source + destination + segment


def _show(layer: Any, name: str) -> str | None:
    field = layer.get_field(name)
    return None if field is None else str(field.show)


def _raw(layer: Any, name: str) -> str:
    """Returns a field's bytes as hex digits, "" if it is missing."""
    field = layer.get_field(name)
    value = None if field is None else field.raw_value
    return "" if value is None else str(value)
