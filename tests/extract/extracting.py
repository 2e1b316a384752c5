"""Writes captures, extracts from them, and reads the result."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dissector.capture.rings import groups
from dissector.capture.source import open_capture
from dissector.extract.run import Extract, run
from dissector.options import Options
from tests.net import wire
from tests.transport.connection_builder import CapturedFrame

SECRET = b"Hush!Hush!7-Zq"  # a password
FALSE_SESSION = bytes.fromhex("20020100")


def block(data: bytes) -> bytes:
    return len(data).to_bytes(2, "big") + data


def connect(client_id: bytes = b"c1", secret: bytes = SECRET, flags: int = 0xC2) -> bytes:
    """Returns a CONNECT of MQTT 3.1.1 with user name and password."""
    body = b"\0\4MQTT\4" + bytes((flags,)) + b"\0\x3c" + block(client_id) + block(b"user")
    body += block(secret)
    return bytes((0x10, len(body))) + body


def written(path: Path, shots: Sequence[CapturedFrame]) -> Path:
    """Writes frames of one link type as a capture with nanoseconds."""
    times, now = [], wire.START
    for shot in shots:
        now += shot.pause
        times.append(now)
    frames = [shot.data if shot.cut is None else shot.data[: shot.cut] for shot in shots]
    originals = [len(shot.data) for shot in shots]
    path.write_bytes(wire.pcap(frames, shots[0].link, times, originals))
    return path


def extracted(
    *paths: Path, flagged: bool = True, keep_secrets: bool = False, **options: Any
) -> tuple[bytes, Extract]:
    """Extracts; returns the file and the counts."""
    stream = io.BytesIO()
    made = run(
        groups([str(path) for path in paths], join=True), Options(**options), stream,
        flagged=flagged, keep_secrets=keep_secrets,
    )  # fmt: skip
    return stream.getvalue(), made


def frames(data: bytes) -> list[tuple[int, int, bytes]]:
    """Returns time, original length and bytes of each frame."""
    found = []
    with open_capture(io.BytesIO(data)) as reader:
        while (batch := reader.next_batch()) is not None:
            for index in range(batch.count):
                at = batch.offset[index]
                found.append(
                    (
                        batch.time_ns[index],
                        batch.original[index],
                        batch.window[at : at + batch.captured[index]],
                    )
                )
    return found
