"""Cases for the start, end and incomplete capture of TCP connections, each with its handshakes."""

from __future__ import annotations

from collections.abc import Callable

from dissector.model import Outcome
from tests.net.wire import ACK, FIN, PSH, RST, SYN
from tests.transport.connection_builder import (
    C,
    CapturedFrame,
    ConnectionBuilder,
    S,
)
from tests.transport.handshakes import (
    CLEAN,
    DISCONNECT,
    FALSE,
    RESUMED,
    publish,
)
from tests.transport.row import Seen, TransportRow
from tests.transport.segments import (
    PONG,
    SECOND,
    SUBACK,
    SUBSCRIBE,
    interleaved,
    row,
    simultaneous_open,
    small,
    split,
)


def reused(
    port: int, end: Callable[[ConnectionBuilder], ConnectionBuilder], same_isn: bool = False
) -> list[CapturedFrame]:
    """Returns two connections with the same addresses and ports."""
    first = ConnectionBuilder(port).open().send_acked(C, CLEAN.connect).connack(CLEAN)
    again = ConnectionBuilder(port, first=first.first if same_isn else (700_000, 900_000)).complete(
        FALSE
    )
    return end(first).frames + again.frames


def simultaneous_close(connection: ConnectionBuilder) -> ConnectionBuilder:
    connection.open().send_acked(C, FALSE.connect).connack(FALSE).send_acked(C, DISCONNECT)
    one, other = connection.seq
    connection.add(C, FIN | ACK, seq=one, ack=other).add(S, FIN | ACK, seq=other, ack=one)
    return connection.add(C, ACK, seq=one + 1, ack=other + 1).add(
        S, ACK, seq=other + 1, ack=one + 1
    )


def late_segment(port: int) -> list[CapturedFrame]:
    """Returns a connection whose TCP handshake contains a late PINGRESP of the previous one."""
    first = ConnectionBuilder(port).open().send_acked(C, CLEAN.connect).connack(CLEAN).reset(C)
    late = first.send_at(S, len(CLEAN.connack), PONG).frames.pop()
    again = ConnectionBuilder(port, first=(9_000_000, 8_000_000)).complete(FALSE).frames
    return [*first.frames, *again[:2], late, *again[2:]]


def renumbered(port: int) -> list[CapturedFrame]:
    """Returns every frame twice, the second time with other initial sequence numbers."""
    one = ConnectionBuilder(port).complete(CLEAN).frames
    other = ConnectionBuilder(port, first=(3_000_000_000, 2_000_000_000)).complete(CLEAN).frames
    return [frame for pair in zip(one, other, strict=True) for frame in pair]


def clock_set_back(frames: list[CapturedFrame]) -> list[CapturedFrame]:
    """Sets the clock back by an hour after the handshake."""
    frames[7] = frames[7]._replace(pause=-3600 * SECOND)
    return frames


def half_open(port: int) -> list[CapturedFrame]:
    """Returns an unanswered SYN, an unacknowledged SYN/ACK, and a complete connection."""
    silent = ConnectionBuilder(port).add(C, SYN)
    waiting = ConnectionBuilder(port + 1).add(C, SYN).add(S, SYN | ACK)
    return silent.frames * 3 + waiting.frames + ConnectionBuilder(port + 2).complete(FALSE).frames


def truncated(connection: ConnectionBuilder, number: int, size: int) -> ConnectionBuilder:
    """Truncates one frame by the snap length."""
    connection.frames[number - 1] = connection.frames[number - 1]._replace(cut=size)
    return connection


def published(connection: ConnectionBuilder) -> ConnectionBuilder:
    """Adds a connection with a PUBLISH of 300 bytes in frame 8 and a subscription after it."""
    connection.open().send_acked(C, FALSE.connect).connack(FALSE).send_acked(
        C, publish(b"a/b", bytes(290))
    )
    return connection.send_acked(C, SUBSCRIBE).send_acked(S, SUBACK).close()


def lost_in_connect(connection: ConnectionBuilder) -> ConnectionBuilder:
    return split(connection.open(), FALSE).drop(6)


def unsent_ack(connection: ConnectionBuilder, ahead: int) -> ConnectionBuilder:
    """Adds an acknowledgement of bytes that were not sent."""
    connection.open().send_acked(C, FALSE.connect)
    connection.add(S, ACK, ack=connection.seq[C] + ahead)
    return connection.connack(FALSE).close()


def full_buffer(port: int) -> list[CapturedFrame]:
    """Returns a gap that is not acknowledged, before more than a MiB of pending segments."""
    connection = ConnectionBuilder(port).open().send_acked(C, FALSE.connect).connack(FALSE)
    connection.seq[C] += 1000
    for _ in range(20):
        connection.send(C, publish(b"big", bytes(59_990)))
    return connection.frames + ConnectionBuilder(port + 1).complete(CLEAN).frames


ROWS: dict[str, TransportRow] = {
    "a 4-tuple is reused after FIN": TransportRow(
        lambda port: reused(port, lambda t: t.close()), (Seen(CLEAN), Seen(FALSE, 16, 18, 1))
    ),
    "a 4-tuple is reused after RST": TransportRow(
        lambda port: reused(port, lambda t: t.reset(C)), (Seen(CLEAN), Seen(FALSE, 12, 14, 1))
    ),
    "a 4-tuple is reused while open": TransportRow(
        lambda port: reused(port, lambda t: t), (Seen(CLEAN), Seen(FALSE, 11, 13, 1))
    ),
    "a 4-tuple and its first sequence number are reused": TransportRow(
        lambda port: reused(port, lambda t: t.close(), True), (Seen(CLEAN), Seen(FALSE, 16, 18, 0))
    ),
    "the SYN sent again with another first sequence number": TransportRow(
        lambda port: (
            ConnectionBuilder(port, first=(77, 0)).add(C, SYN).frames
            + ConnectionBuilder(port).complete(FALSE).frames
        ),
        (Seen(FALSE, 5, 7, 1),),
    ),
    "a late segment of the previous connection": TransportRow(
        late_segment, (Seen(CLEAN), Seen(FALSE, 13, 15, 1))
    ),
    "two numberings, as on both sides of a firewall": TransportRow(
        renumbered, (Seen(CLEAN, 8, 12, 1),), ["mixed-connections"], copies=True
    ),
    "the clock goes back by an hour": TransportRow(
        lambda port: clock_set_back(ConnectionBuilder(port).complete(FALSE).frames),
        (Seen(FALSE),),
        ["clock-going-back"],
    ),
    "RST after the CONNACK": row(
        lambda t: t.open().send_acked(C, FALSE.connect).connack(FALSE).reset(S), FALSE
    ),
    "RST instead of a CONNACK": row(
        lambda t: t.open().send_acked(C, CLEAN.connect).reset(S), CLEAN, 4, None, Outcome.UNANSWERED
    ),
    "FIN instead of a CONNACK": row(
        lambda t: t.open().send_acked(C, CLEAN.connect).fin(S), CLEAN, 4, None, Outcome.UNANSWERED
    ),
    "RST outside of the window": row(
        lambda t: (
            t.open().send_acked(C, FALSE.connect).add(S, RST, seq=0x30000000).connack(FALSE).close()
        ),
        FALSE,
        4,
        7,
    ),
    "half-open connections before it": TransportRow(half_open, (Seen(FALSE, 9, 11, 2),)),
    "the client's FIN before the CONNACK": row(
        lambda t: (
            t.open()
            .send_acked(C, FALSE.connect)
            .add(C, FIN | ACK)
            .ack(S)
            .connack(FALSE)
            .add(S, FIN | ACK)
            .ack(C)
        ),
        FALSE,
        4,
        8,
    ),
    "the CONNECT with a FIN in one segment": row(
        lambda t: (
            t.open()
            .add(C, PSH | FIN | ACK, FALSE.connect)
            .ack(S)
            .connack(FALSE)
            .add(S, FIN | ACK)
            .ack(C)
        ),
        FALSE,
    ),
    "simultaneous open": row(simultaneous_open, FALSE, 5, 7),
    "simultaneous close": row(simultaneous_close, FALSE),
    "the capture starts after the TCP handshake": row(
        lambda t: small(t).drop(1, 2, 3), FALSE, 1, 3, warnings=["mid-stream"]
    ),
    "the capture starts within the CONNECT": row(
        lambda t: split(t.open(), FALSE).drop(1, 2, 3, 4, 5),
        FALSE,
        None,
        4,
        Outcome.INCOMPLETE,
        warnings=["mid-stream"],
    ),
    "the capture starts after the CONNECT": row(
        lambda t: small(t).drop(1, 2, 3, 4),
        FALSE,
        None,
        2,
        Outcome.INCOMPLETE,
        warnings=["mid-stream"],
    ),
    "the capture starts after the handshake": TransportRow(
        lambda port: published(ConnectionBuilder(port)).frames[7:], (), ["mid-stream"]
    ),
    "the client's direction only": row(
        lambda t: small(t).drop(2, 5, 6, 9, 11),
        FALSE,
        3,
        None,
        Outcome.INCOMPLETE,
        warnings=["mid-stream"],
    ),
    "the server's direction only": row(
        lambda t: small(t).drop(1, 3, 4, 7, 8, 10, 12),
        FALSE,
        None,
        3,
        Outcome.INCOMPLETE,
        warnings=["gap"],
    ),
    "a segment of the CONNECT lost for good": row(
        lost_in_connect, FALSE, None, 8, Outcome.INCOMPLETE, warnings=["gap"]
    ),
    "the CONNECT lost, acknowledged": row(
        lambda t: small(t).drop(4), FALSE, None, 5, Outcome.INCOMPLETE, warnings=["gap"]
    ),
    "the CONNACK lost, acknowledged": row(
        lambda t: t.complete(CLEAN).drop(6), CLEAN, 4, None, Outcome.INCOMPLETE, warnings=["gap"]
    ),
    "a PUBLISH lost after the handshake": row(
        lambda t: published(t).drop(8), FALSE, warnings=["gap"]
    ),
    "a FIN lost, acknowledged": row(lambda t: small(t).drop(10), FALSE, warnings=["gap"]),
    "the snap length cuts the CONNECT": row(
        lambda t: truncated(small(t), 4, 68), FALSE, None, 6, Outcome.INCOMPLETE, warnings=["gap"]
    ),
    "the snap length cuts a PUBLISH": row(
        lambda t: truncated(published(t), 8, 128), FALSE, warnings=["gap"]
    ),
    "the snap length cuts a TCP header": row(
        lambda t: truncated(small(t), 9, 48), FALSE, warnings=["snap-length"]
    ),
    "an acknowledgement beyond the window": row(lambda t: unsent_ack(t, 0x100000), FALSE, 4, 7),
    "an acknowledgement far away": row(lambda t: unsent_ack(t, 0x7FFFFFFF), FALSE, 4, 7),
    "two conversations interleaved": TransportRow(
        interleaved, (Seen(CLEAN, 7, 11), Seen(FALSE, 8, 12, 1))
    ),
    "the same conversation by two clients": TransportRow(
        lambda port: (
            ConnectionBuilder(port).complete(RESUMED).frames
            + ConnectionBuilder(port + 1).complete(CLEAN).frames
        ),
        (Seen(RESUMED), Seen(CLEAN, 16, 18, 1)),
    ),
    "more pending segments than the limit": TransportRow(
        full_buffer, (Seen(FALSE), Seen(CLEAN, 31, 33, 1)), ["buffer-limit", "gap"]
    ),
}
