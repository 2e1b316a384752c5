"""A capture in, the streams of which a packet's Remaining Length is split over segments out.

tshark 4.0 loses its place there. Nobody else needs to know, so it is looked for only when a packet
was seen by one side alone.
"""

from __future__ import annotations

from dissector.capture.merge import merged
from dissector.capture.source import open_capture
from dissector.net.consumer import Consumer
from dissector.net.streams import Streams
from dissector.net.tcp import TcpConnection

_LONGEST = 5  # bytes of a fixed header


def split_lengths(path: str, ports: frozenset[int]) -> frozenset[int]:
    """Give the streams, as far as their bytes are packets from the beginning."""
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
    """Walks from header to header on both sides of a connection."""

    def __init__(self, stream: int, found: set[int]) -> None:
        self._stream = stream
        self._found = found
        self._body = [0, 0]  # bytes until the next header
        self._header = [b"", b""]

    def chunk(
        self, side: int, window: bytes, start: int, stop: int, frame: int, time_ns: int
    ) -> bool:
        """Take the next bytes of a side; False once all is known."""
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
