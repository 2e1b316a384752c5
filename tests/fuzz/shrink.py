"""Shrinks a failing case to a smaller one with the same failure."""

from __future__ import annotations

import time
from collections.abc import Callable

import dissector
from tests.fuzz import answer
from tests.fuzz.records import Record, pcap, records
from tests.fuzz.targets import FuzzCase

SECONDS = 20.0


def shrunk(case: FuzzCase, fails: Callable[[FuzzCase], bool], seconds: float = SECONDS) -> FuzzCase:
    """Removes frames, then bytes, as long as the case fails."""
    end = time.monotonic() + seconds
    if case.kind == answer.CAPTURE:
        case = _fewer_frames(case, fails, end)
    if len(case.data) > 4000:
        return case
    size = max(len(case.data) // 2, 1)
    while size and time.monotonic() < end:
        at = 0
        while at < len(case.data) and time.monotonic() < end:
            smaller = case._replace(data=case.data[:at] + case.data[at + size :])
            if fails(smaller):
                case = smaller
            else:
                at += size
        size //= 2
    return case


def _fewer_frames(case: FuzzCase, fails: Callable[[FuzzCase], bool], end: float) -> FuzzCase:
    """Rewrites the case as a plain pcap file, if that fails too, and removes frames."""
    try:
        frames = records(case.data)
    except dissector.DissectorError:
        return case
    if not frames:
        return case
    plain = case._replace(data=pcap(frames))
    if not fails(plain):
        return case

    def attempt(fewer: list[Record]) -> bool:
        return bool(fewer) and fails(case._replace(data=pcap(fewer)))

    size = max(len(frames) // 2, 1)
    while size and time.monotonic() < end:
        at = 0
        while at < len(frames) and time.monotonic() < end:
            fewer = frames[:at] + frames[at + size :]
            if attempt(fewer):
                frames = fewer
            else:
                at += size
        size //= 2
    return case._replace(data=pcap(frames))
