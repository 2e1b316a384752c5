"""The real captures beside the project and in it in, seeds of every target out.

Passwords of six bytes and more become (a part of) `SECRET`, so that it is known what no output may
show. Without any capture there are still the conversations that the fuzzer makes itself.
"""

from __future__ import annotations

import functools
import io
from pathlib import Path
from typing import NamedTuple

import dissector
from tests.fuzz.control_packet import SECRET
from tests.fuzz.records import Record, Turn, control_packets, conversations, records

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = (
    ROOT / "samples" / "recorded",
    ROOT / "samples" / "made",
    ROOT.parent / "shared" / "captures",
)
LARGEST = 40_000  # bytes of a seed; larger ones only cost time
# CONNECT of each version with a password, and its CONNACK
_OWN = (
    (
        "10 1f 00 04 4d 51 54 54 04 c2 00 3c 00 02 63 31 00 04 75 73 65 72"
        "00 07 58 71 37 2d 66 75 7a",
        "20 02 00 00",
    ),
    (
        "10 21 00 06 4d 51 49 73 64 70 03 c2 00 3c 00 02 63 31 00 04 75 73 65 72"
        "00 07 58 71 37 2d 66 75 7a",
        "20 02 00 00",
    ),
    (
        "10 25 00 04 4d 51 54 54 05 c2 00 3c 05 11 00 00 00 0a 00 02 63 31 00 04 75 73 65 72"
        "00 07 58 71 37 2d 66 75 7a",
        "20 03 00 00 00",
    ),
)


class Seeds(NamedTuple):
    """What mutation starts from."""

    files: list[bytes]
    frames: list[list[Record]]
    talks: list[list[Turn]]
    packets: list[bytes]


def disguised(capture: bytes) -> bytes:
    """Put `SECRET` in the place of a capture's passwords."""
    try:
        report = dissector.analyze(io.BytesIO(capture))
    except dissector.DissectorError:
        return capture
    for handshake in report.handshakes:
        password = handshake.connect.password if handshake.connect else None
        if password is not None and len(password) >= 6:
            repeats = len(password) // len(SECRET) + 1
            capture = capture.replace(password, (SECRET * repeats)[: len(password)])
    return capture


@functools.cache
def seeds() -> Seeds:
    """Read all seeds."""
    files = []
    for folder in FOLDERS:
        for path in sorted(folder.glob("*.pcap*")) if folder.is_dir() else ():
            small = path.stat().st_size <= LARGEST
            files += [disguised(path.read_bytes())] if small else []
    frames = [found for found in map(_records, files) if found]
    talks = [talk for found in frames for talk in conversations(found)]
    for one, two in _OWN:
        head = bytes.fromhex(one)
        head = head[:1] + bytes((len(head) - 2,)) + head[2:]
        talks.append(
            [Turn(0, head), Turn(1, bytes.fromhex(two)), Turn(0, b"\xe0\0"), Turn(0, b"", 1, 1)]
        )
    packets = sorted({raw for talk in talks for _, raw in control_packets(talk)})
    return Seeds(files, frames, talks, packets)


def _records(data: bytes) -> list[Record]:
    try:
        return records(data)
    except dissector.DissectorError:
        return []
