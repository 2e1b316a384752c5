"""What every live source has: frames as they come, batch by batch, and what it knows of its limits.

A live source stands where a reader of files does. It differs in that `next_batch` comes back after
a pause with an empty batch, so that what depends on time can be seen to; and in that frames may be
lost before it sees them, which it says.
"""

from __future__ import annotations

import time

from dissector.capture import linktypes
from dissector.capture.batch import Batch
from dissector.model import CaptureWarning

PAUSE = 0.1  # seconds that `next_batch` waits
_STEP_NS = 1_000_000_000  # by which the clock may be off its even course
SLACK_NS = 500_000_000  # what was captured so long ago has been handed out, unless there is more


class LiveSource:
    """`path` names it in records, `how` says by what means it captures.

    `interface` is that of the latest batch; `dropped` counts frames that the kernel saw and had no
    room for, None where nobody tells; `limit` is how many frames are wanted, None for all that
    come; `ended` is why it ended though nobody wanted it to; `notices` are (kind, message) of what
    happened to it, and `warnings` those of a reader, for whoever takes them away.
    `watched`: whatever is sent is seen, or counted as dropped; not so where others count, and where
    frames between others are seen, for a switch that mirrors them tells nobody what it leaves out.
    `interruptions` counts the times after which something missing may have been there: frames were
    dropped, an interface was down, the clock was set.
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
        self._ahead_ns = time.time_ns() - time.monotonic_ns()

    @property
    def link_types(self) -> list[str]:
        """Names of the link types met so far."""
        return [linktypes.name(number) for number in self.links]

    def next_batch(self) -> Batch | None:
        """Give the next frames, or after a pause an empty batch; None at the end.

        The batch is valid until the next call.
        """
        raise NotImplementedError

    def now_ns(self) -> int:
        """Give the time before which every frame was handed out."""
        raise NotImplementedError

    def stop(self) -> None:
        """Wait no longer, wherever it is waiting."""

    def close(self) -> None:
        """Let go of everything."""

    def wall_ns(self) -> int:
        """Give the time; where it does not go on evenly, say so: deadlines cannot be told by it."""
        now = time.time_ns()
        ahead = now - time.monotonic_ns()
        if abs(ahead - self._ahead_ns) > _STEP_NS:
            self.interruptions += 1
            self.notices.append(("clock-step", "the system's clock was set, or the system slept"))
        self._ahead_ns = ahead
        return now

    def hand_out(self, batch: Batch, byte_count: int) -> None:
        """Number and count the frames of a batch, which are so many bytes."""
        if self.limit is not None:
            batch.count = min(batch.count, self.limit - self.frames)
        batch.first_number = self.frames + 1
        self.frames += batch.count
        if batch.count:
            self.bytes += byte_count
            self.last_ns = batch.time_ns[batch.count - 1]
