"""Reads frames and TCP conversations from captures; writes frames as pcap and pcapng.

A frame here is its time, its link type, its bytes and its original length. A conversation is the
list of TCP payloads of both sides, in order.
"""

from __future__ import annotations

import io
import struct
from typing import NamedTuple

from dissector.capture.source import open_capture
from samples.frames import MICRO, NANO, pcap_header, pcap_record

_IP_OFFSETS = {0: 4, 1: 14, 12: 0, 101: 0, 113: 16, 276: 20}  # by link type


class Record(NamedTuple):
    """One frame of a capture file."""

    time_ns: int
    link: int
    data: bytes
    original: int


class Message(NamedTuple):
    """One TCP payload of a side (0 is the client), or none and TCP `flags` (FIN, RST)."""

    side: int
    data: bytes
    pause_ns: int = 1_000_000
    flags: int = 0


def records(capture: bytes) -> list[Record]:
    """Reads all frames of a capture."""
    found = []
    reader = open_capture(io.BytesIO(capture))
    while (batch := reader.next_batch()) is not None:
        for index in range(batch.count):
            start = batch.offset[index]
            data = batch.window[start : start + batch.captured[index]]
            found.append(
                Record(batch.time_ns[index], batch.link[index], data, batch.original[index])
            )
    return found


def _segment(record: Record) -> tuple[bytes, bytes, int, int, bytes] | None:
    """Returns sender, receiver, sequence number, flags and payload of a plain TCP frame."""
    at = _IP_OFFSETS.get(record.link)
    data = record.data
    if at is None or len(data) < at + 40:
        return None
    if data[at] >> 4 == 4 and data[at + 9] == 6:
        end = at + struct.unpack_from("!H", data, at + 2)[0]
        one, two = data[at + 12 : at + 16], data[at + 16 : at + 20]
        at += (data[at] & 15) * 4
    elif data[at] >> 4 == 6 and data[at + 6] == 6:
        end = at + 40 + struct.unpack_from("!H", data, at + 4)[0]
        one, two = data[at + 8 : at + 24], data[at + 24 : at + 40]
        at += 40
    else:
        return None
    if len(data) < at + 20:
        return None
    payload = data[at + (data[at + 12] >> 4) * 4 : end]
    sequence = struct.unpack_from("!I", data, at + 4)[0]
    return one + data[at : at + 2], two + data[at + 2 : at + 4], sequence, data[at + 13], payload


def conversations(frames: list[Record]) -> list[list[Message]]:
    """Returns the conversations without retransmissions; the client is who sends first."""
    open_: dict[frozenset[bytes], tuple[bytes, dict[bytes, int], list[Message]]] = {}
    found = []
    for record in frames:
        segment = _segment(record)
        if segment is None:
            continue
        sender, receiver, sequence, flags, payload = segment
        key = frozenset((sender, receiver))
        if key not in open_ or flags & 0x12 == 2:
            open_[key] = (sender, {}, [])
            found.append(open_[key][2])
        client, seen, messages = open_[key]
        end = sequence + len(payload)
        if payload and seen.get(sender, 0) < end:
            seen[sender] = end
            messages.append(Message(0 if sender == client else 1, payload))
        if flags & 5:
            messages.append(Message(0 if sender == client else 1, b"", 1_000_000, flags & 5))
    return [messages for messages in found if any(message.data for message in messages)]


def control_packets(messages: list[Message]) -> list[tuple[int, bytes]]:
    """Splits messages into control packets, (side, bytes); a rest stays as it is."""
    found = []
    for message in messages:
        data, at = message.data, 0
        while at < len(data):
            value, shift, pos = 0, 0, at + 1
            while pos < len(data) and shift < 28:
                value |= (data[pos] & 127) << shift
                shift += 7
                pos += 1
                if data[pos - 1] < 128:
                    break
            stop = min(pos + value, len(data))
            found.append((message.side, data[at:stop]))
            at = stop
    return found


def pcap(
    frames: list[Record], *, big: bool = False, nano: bool = True, link: int | None = None
) -> bytes:
    """Returns a pcap file; `link` defaults to the link type of the first frame."""
    order = ">" if big else "<"
    if link is None:
        link = frames[0].link if frames else 1
    magic, unit = (NANO, 1) if nano else (MICRO, 1000)
    out = [pcap_header(order, magic, link)]
    out += [
        pcap_record(frame.data, frame.time_ns, order, unit, sent=frame.original) for frame in frames
    ]
    return b"".join(out)


def block(kind: int, body: bytes, *, big: bool = False) -> bytes:
    """Returns a pcapng block."""
    order = ">" if big else "<"
    body += bytes(-len(body) % 4)
    size = struct.pack(order + "I", len(body) + 12)
    return struct.pack(order + "I", kind) + size + body + size


def option(code: int, value: bytes, *, big: bool = False) -> bytes:
    """Returns a padded pcapng option."""
    head = struct.pack((">" if big else "<") + "HH", code, len(value) & 0xFFFF)
    return head + value + bytes(-len(value) % 4)
