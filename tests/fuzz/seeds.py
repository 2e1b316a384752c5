"""Reads the seeds of all targets from the captures in the project and beside it.

Passwords of six bytes and more are replaced by (a part of) `SECRET`, which no output may show.
Without any capture there are still the conversations built in here.
"""

from __future__ import annotations

import functools
import io
from pathlib import Path
from typing import NamedTuple

import dissector
from tests.fuzz.control_packet import SECRET
from tests.fuzz.records import Message, Record, control_packets, conversations, records

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = (
    ROOT / "samples" / "recorded",
    ROOT / "samples" / "made",
    ROOT.parent / "shared" / "captures",
)
LARGEST = 40_000  # bytes of a seed; larger ones only take time
# A CONNECT of each version with a password, and its CONNACK
_BUILT_IN = (
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
    """Capture files, frames, conversations and packets that mutation starts from."""

    files: list[bytes]
    frames: list[list[Record]]
    conversations: list[list[Message]]
    packets: list[bytes]


def with_known_passwords(capture: bytes) -> bytes:
    """Replaces the passwords in a capture by `SECRET`."""
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
    """Reads all seeds."""
    files = []
    for folder in FOLDERS:
        for path in sorted(folder.glob("*.pcap*")) if folder.is_dir() else ():
            small = path.stat().st_size <= LARGEST
            files += [with_known_passwords(path.read_bytes())] if small else []
    frames = [found for found in map(_records, files) if found]
    dialogs = [dialog for found in frames for dialog in conversations(found)]
    for one, two in _BUILT_IN:
        head = bytes.fromhex(one)
        head = head[:1] + bytes((len(head) - 2,)) + head[2:]
        dialogs.append(
            [
                Message(0, head),
                Message(1, bytes.fromhex(two)),
                Message(0, b"\xe0\0"),
                Message(0, b"", 1, 1),
            ]
        )
    packets = sorted({raw for dialog in dialogs for _, raw in control_packets(dialog)})
    return Seeds(files, frames, dialogs, packets)


def _records(data: bytes) -> list[Record]:
    try:
        return records(data)
    except dissector.DissectorError:
        return []
