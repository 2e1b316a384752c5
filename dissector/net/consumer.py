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


class FirstPayload:
    """Judges flows on ports that are not expected by their first payload, of side 0.

    A flow that it dismisses never becomes a connection. So it dismisses a flow only if the consumer
    of its connection would refuse the same bytes at once.
    """

    def judge(self, window: bytes, start: int, stop: int, ports: int, lost: bool) -> str | None:
        """Return the kind of traffic to dismiss a flow as; None to make a connection of it.

        window[start:stop] are the bytes, `ports` both ports as in the TCP header. `lost`: earlier
        bytes may not have been captured.
        """
        return None

    def dismissed(self, kind: str, port: int) -> None:
        """Count a flow that was dismissed as `kind`; `port` is its server's."""

    def serves(self, one: bytes, other: bytes, midstream: bool) -> bool:
        """Whether an end of a flow is a server that proved to speak MQTT.

        `one` is the end of side 0, `other` that of side 1: address, then port. In `midstream`
        either may be the server.
        """
        return False
