"""Finds the streams in which a packet's Remaining Length is split over segments.

tshark 4.0 loses the packet boundaries there. Nothing else needs this, so it is computed only when a
packet was decoded by one side alone.
"""

from __future__ import annotations

from dissector.capture.merge import merged
from dissector.capture.source import open_capture
from dissector.net.consumer import Consumer
from dissector.net.reassembly import TcpConnection
from dissector.net.streams import Streams

_LONGEST = 5  # bytes of a fixed header


def split_lengths(path: str, ports: frozenset[int]) -> frozenset[int]:
    """Returns the streams, as far as their bytes are packets from the start."""
    found: set[int] = set()

    def follow(connection: TcpConnection) -> Consumer:
        return _Headers(connection.stream, found)

    streams = Streams(follow, ports, warn=lambda *what: None)
    with open_capture(path) as reader:
        for batch, start, stop in merged([reader]):
            streams.feed(batch, start, stop)
        streams.finish()
    return frozenset(found)


class _Headers(Consumer):
    """Follows the packet headers in both directions of a connection."""

    def __init__(self, stream: int, found: set[int]) -> None:
        self._stream = stream
        self._found = found
        self._body = [0, 0]  # bytes until the next header
        self._header = [b"", b""]

    def chunk(
        self, side: int, window: bytes, start: int, stop: int, frame: int, time_ns: int
    ) -> bool:
        """Receives the next bytes of a side; returns False when no more are needed."""
        at = start
        while at < stop:
            skipped = min(self._body[side], stop - at)
            self._body[side] -= skipped
            at += skipped
            while at < stop and not self._body[side]:
                header = self._header[side] + window[at : at + 1]
                at += 1
                self._header[side] = header
                if len(header) > 1 and header[-1] < 0x80:
                    self._body[side] = sum(
                        (byte & 0x7F) << 7 * place for place, byte in enumerate(header[1:])
                    )
                    self._header[side] = b""
                    if self._body[side]:
                        break
                elif len(header) >= _LONGEST:
                    return False
        if len(self._header[side]) > 1:
            self._found.add(self._stream)
            return False
        return True
