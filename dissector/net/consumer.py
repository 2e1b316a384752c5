"""Defines the interface through which the TCP layer delivers ordered bytes and explicit gaps.

`Streams` (net/streams.py) calls these methods; the tracker (connections/tracker.py) derives from
this class and overrides them. Side 0 is the initiator of the connection (the sender of the SYN, or
of the first segment seen), side 1 the other. `frame` is `file << 40 | number`.
"""

from __future__ import annotations

FIN = 1
RST = 2
CLOSE_FRAME = 3  # WebSocket Close frame, inside an open TCP connection

# Why tracking of a connection ended
CLOSED = 1  # both directions closed and the linger time is over
REUSED = 2  # a new connection began with its addresses and ports
EVICTED = 3  # the flow table was full
CAPTURE_END = 4


class Consumer:
    """Receives one TCP connection's bytes in order, both directions, and how it was closed."""

    def chunk(
        self, side: int, window: bytes, start: int, stop: int, frame: int, time_ns: int
    ) -> bool:
        """Process window[start:stop], the next bytes of `side`; False to stop this connection."""
        return False

    def gap(self, side: int, missing: int, frame: int, time_ns: int, reason: str) -> bool:
        """Process a gap: `missing` bytes of `side` will not come (-1: unknown number).

        Returns False as `chunk` does. `reason`: "lost" (never captured), "snap length", "buffer
        limit", "mid-stream", or "websocket" or "tls" (captured, but unreadable).
        """
        return False

    def closed(self, side: int, how: int, frame: int, time_ns: int) -> bool:
        """Process a FIN, RST or Close frame of `side`; a FIN comes at its place in the stream."""
        return True

    def capture_ends(self) -> None:
        """Called before the tracking of all open connections ends at the end of the capture."""

    def finished(self, reason: int, time_ns: int) -> bool:
        """Called when tracking of this connection ends; `time_ns` is the capture's clock."""
        return True
