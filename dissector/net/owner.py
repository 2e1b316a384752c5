"""The segment that was fed last in, the number of its connection and its side out."""

from __future__ import annotations

from dissector.net.flow_table import reversed_key
from dissector.net.streams import Streams


def owner(streams: Streams) -> tuple[int, int] | None:
    """Give the stream and the side; None where the segment is of no connection that is known.

    A connection whose view ended with this segment, or before, is known for a while. Its side 0 is
    that of the segment by which it is remembered.
    """
    key = streams.segment.key()
    direction = streams.table.get(key)
    if direction is not None:
        return direction.connection.stream, direction.side
    closed_stream = streams.closed_streams.get(min(key, reversed_key(key)))
    return None if closed_stream is None else (closed_stream.stream, closed_stream.side(key))
