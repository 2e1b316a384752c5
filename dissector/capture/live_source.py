"""Defines the base class of live captures: batches of frames, dropped frames, warnings.

A live source is used like a reader of capture files. It differs in that `next_batch` returns an
empty batch after a pause, so that deadlines can be checked, and in that frames may be dropped
before they are captured, which it reports.
"""

from __future__ import annotations

import time

from dissector.capture import linktypes
from dissector.capture.batch import Batch
from dissector.model import CaptureWarning

PAUSE = 0.1  # seconds that `next_batch` waits
_STEP_NS = 1_000_000_000  # larger jumps between wall clock and monotonic clock are reported
SLACK_NS = 500_000_000  # frames captured so long ago were delivered, unless more are waiting


class LiveSource:
    """A live capture; `path` names it in records, `how` is the means by which it captures.

    `interface` is that of the latest batch; `dropped` counts frames for which the kernel had no
    room, None if unknown; `limit` is the number of frames to capture, None for no limit; `ended` is
    why the capture ended, if it was not stopped; `notices` are (kind, message) of capture warnings,
    `warnings` those of a file reader; the caller removes both.
    `watched`: every frame on the wire is captured, or counted as dropped. False if another process
    counts, or if frames between other hosts are seen: a mirror port does not report its losses.
    `interruptions` counts events that may have lost frames: frames were dropped, an interface was
    down, the clock was set.
    """

    how = ""

    def __init__(self, path: str) -> None:
        self.path = path
        self.interface = path
        self.frames = 0
        self.limit: int | None = None
        self.bytes = 0
        self.digits = 9
        self.links: list[int] = []
        self.last_ns = 0
        self.received: int | None = None
        self.dropped: int | None = None
        self.watched = False
        self.ended = ""
        self.interruptions = 0
        self.notices: list[tuple[str, str]] = []
        self.warnings: list[CaptureWarning] = []
        self._wall_offset_ns = time.time_ns() - time.monotonic_ns()

    @property
    def link_types(self) -> list[str]:
        """Names of the link types seen so far."""
        return [linktypes.name(number) for number in self.links]

    def next_batch(self) -> Batch | None:
        """Return the next frames, or an empty batch after a pause; None at the end.

        The batch is valid until the next call.
        """
        raise NotImplementedError

    def now_ns(self) -> int:
        """Return the time, ns since the epoch, before which every frame was delivered."""
        raise NotImplementedError

    def stop(self) -> None:
        """Stop waiting for frames."""

    def close(self) -> None:
        """Release all resources."""

    def wall_ns(self) -> int:
        """Return the wall clock time in ns; report a clock step: deadlines become unreliable."""
        now = time.time_ns()
        offset = now - time.monotonic_ns()
        if abs(offset - self._wall_offset_ns) > _STEP_NS:
            self.interruptions += 1
            what = "the system's clock was set, or the system was suspended"
            self.notices.append(("clock-step", what))
        self._wall_offset_ns = offset
        return now

    def hand_out(self, batch: Batch, byte_count: int) -> None:
        """Number and count the frames of a batch before it is delivered; they have `byte_count`."""
        if self.limit is not None:
            batch.count = min(batch.count, self.limit - self.frames)
        batch.first_number = self.frames + 1
        self.frames += batch.count
        if batch.count:
            self.bytes += byte_count
            self.last_ns = batch.time_ns[batch.count - 1]
