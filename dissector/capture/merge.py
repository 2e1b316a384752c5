"""Merges several captures in the order of time, as runs of frames.

A run is as many frames of one batch as precede any other capture's next frame, so ring-buffer files
are delivered in whole batches and overlapping files interleave frame by frame. Frames of one file
keep their order, even if its clock goes back; of equal times, those of the earlier reader come
first. Files stay closed until the time of their first frame is reached.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from dissector.capture.batch import Batch

if TYPE_CHECKING:
    from dissector.capture.source import CaptureReader


def merged(readers: Sequence[CaptureReader]) -> Iterator[tuple[Batch, int, int]]:
    """Yield (batch, start, stop): the next frames, valid until the next step.

    The readers may be in any order, and none of their frames may have been read yet. Raises
    CaptureError if one cannot be read.
    """
    if len(readers) == 1:
        while (batch := readers[0].next_batch()) is not None:
            yield batch, 0, batch.count
        return
    waiting: list[tuple[int, int]] = []  # (time of the next frame, which reader): a heap
    for order, reader in enumerate(readers):
        first = reader.first_time_ns
        if first is None:
            reader.next_batch()  # for its warnings
        else:
            reader.park()
            waiting.append((first, order))
    heapq.heapify(waiting)
    current: dict[int, tuple[Batch, int]] = {}  # by reader: its batch, and its next frame
    while waiting:
        order = waiting[0][1]
        batch, at = current.pop(order, (None, 0))
        if batch is None:
            batch = readers[order].next_batch()
        if batch is None:
            heapq.heappop(waiting)
            continue
        # The next in time is one of the two below the root of the heap.
        rival = min(waiting[1:3], default=None)
        if rival is None:
            stop = batch.count
        else:
            # Of equal times the earlier reader's frame goes first.
            stop = run_end(batch, at, rival[0] if order < rival[1] else rival[0] - 1)
        yield batch, at, stop
        if stop == batch.count:
            batch = readers[order].next_batch()
            stop = 0
        if batch is None:
            heapq.heappop(waiting)
        else:
            current[order] = batch, stop
            heapq.heapreplace(waiting, (time_at(batch, stop), order))


def run_end(batch: Batch, at: int, limit: int) -> int:
    """Return where the run that begins with frame `at` ends: before the first time over `limit`."""
    time_ns = batch.time_ns.at
    stop = batch.count
    at += 1
    while at < stop and time_ns[at] <= limit:
        at += 1
    return at


def time_at(batch: Batch, at: int) -> int:
    """Return the time of frame `at` of a batch, nanoseconds since the epoch."""
    return batch.time_ns[at]
