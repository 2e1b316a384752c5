"""What stands above a TCP connection: ordered bytes with explicit gaps in, nothing out.

`Streams` (net/streams.py) calls these methods; the tracker (connections/tracker.py) derives from
this class and overrides them. Sides are 0 for the initiator of the connection (who sent the SYN, or
the first segment seen) and 1 for the other. `frame` is `file << 40 | number`.
"""

from __future__ import annotations

FIN = 1
RST = 2
CLOSE_FRAME = 3  # of WebSocket, inside an open TCP connection

# Why a connection's view ends
CLOSED = 1  # both ways closed and the linger time is over
REUSED = 2  # its addresses and ports began a new connection
EVICTED = 3  # the table was full
CAPTURE_END = 4


class Consumer:
    """Receives one TCP connection's bytes in order, both directions, and how it was closed."""

    def chunk(
        self, side: int, window: bytes, start: int, stop: int, frame: int, time_ns: int
    ) -> bool:
        """Take window[start:stop], the next bytes of `side`; False: no more of this connection."""
        return False

    def gap(self, side: int, missing: int, frame: int, time_ns: int, reason: str) -> bool:
        """`missing` bytes of `side` will never come (-1: nobody knows how many); False as above.

        `reason`: "lost" (never captured), "snap length", "buffer limit", "mid-stream", or
        "websocket" or "tls" (captured, but not to be read).
        """
        return False

    def closed(self, side: int, how: int, frame: int, time_ns: int) -> bool:
        """`side` sent FIN, RST or a Close frame; a FIN comes at its place in the byte order."""
        return True

    def finished(self, reason: int, time_ns: int) -> bool:
        """Nothing more will come of this connection; `time_ns` is the capture's clock."""
        return True
