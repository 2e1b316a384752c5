"""Finds the stream number and the side of the segment that was fed last."""

from __future__ import annotations

from dissector.net.flow_table import reversed_key
from dissector.net.streams import Streams


def owner(streams: Streams) -> tuple[int, int] | None:
    """Return (stream, side) of the last segment; None if it belongs to no known connection.

    A connection that was closed by this segment, or before, stays known for a while, with the same
    sides.
    """
    key = streams.segment.key()
    direction = streams.table.get(key)
    if direction is not None:
        return direction.connection.stream, direction.side
    closed_stream = streams.closed_streams.get(min(key, reversed_key(key)))
    return None if closed_stream is None else (closed_stream.stream, closed_stream.side(key))
