"""Ways in which connections begin, end and go missing, each with its handshakes."""

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
    """Two connections with the same addresses and ports."""
    first = ConnectionBuilder(port).open().send_acked(C, CLEAN.connect).connack(CLEAN)
    again = ConnectionBuilder(port, first=first.first if same_isn else (700_000, 900_000)).complete(
        FALSE
    )
    return end(first).frames + again.frames


def simultaneous_close(talk: ConnectionBuilder) -> ConnectionBuilder:
    talk.open().send_acked(C, FALSE.connect).connack(FALSE).send_acked(C, DISCONNECT)
    one, other = talk.seq
    talk.add(C, FIN | ACK, seq=one, ack=other).add(S, FIN | ACK, seq=other, ack=one)
    return talk.add(C, ACK, seq=one + 1, ack=other + 1).add(S, ACK, seq=other + 1, ack=one + 1)


def straggler(port: int) -> list[CapturedFrame]:
    """A PINGRESP of a connection that was reset comes within the next one's TCP handshake."""
    first = ConnectionBuilder(port).open().send_acked(C, CLEAN.connect).connack(CLEAN).reset(C)
    late = first.send_at(S, len(CLEAN.connack), PONG).frames.pop()
    again = ConnectionBuilder(port, first=(9_000_000, 8_000_000)).complete(FALSE).frames
    return [*first.frames, *again[:2], late, *again[2:]]


def renumbered(port: int) -> list[CapturedFrame]:
    """Every frame twice, the second time with sequence numbers of another beginning."""
    one = ConnectionBuilder(port).complete(CLEAN).frames
    other = ConnectionBuilder(port, first=(3_000_000_000, 2_000_000_000)).complete(CLEAN).frames
    return [frame for pair in zip(one, other, strict=True) for frame in pair]


def turned_back(frames: list[CapturedFrame]) -> list[CapturedFrame]:
    """Behind the handshake the clock goes back."""
    frames[7] = frames[7]._replace(pause=-3600 * SECOND)
    return frames


def half_open(port: int) -> list[CapturedFrame]:
    """A SYN that nobody answers, a SYN/ACK that nobody acknowledges; a conversation."""
    silent = ConnectionBuilder(port).add(C, SYN)
    waiting = ConnectionBuilder(port + 1).add(C, SYN).add(S, SYN | ACK)
    return silent.frames * 3 + waiting.frames + ConnectionBuilder(port + 2).complete(FALSE).frames


def snapped(talk: ConnectionBuilder, number: int, size: int) -> ConnectionBuilder:
    """One frame is cut by the snap length."""
    talk.frames[number - 1] = talk.frames[number - 1]._replace(cut=size)
    return talk


def published(talk: ConnectionBuilder) -> ConnectionBuilder:
    """A conversation with a PUBLISH of 300 bytes in frame 8 and a subscription after it."""
    talk.open().send_acked(C, FALSE.connect).connack(FALSE).send_acked(
        C, publish(b"a/b", bytes(290))
    )
    return talk.send_acked(C, SUBSCRIBE).send_acked(S, SUBACK).close()


def lost_in_connect(talk: ConnectionBuilder) -> ConnectionBuilder:
    return split(talk.open(), FALSE).drop(6)


def wild(talk: ConnectionBuilder, ahead: int) -> ConnectionBuilder:
    """An acknowledgement of what nobody can have sent."""
    talk.open().send_acked(C, FALSE.connect)
    talk.add(S, ACK, ack=talk.seq[C] + ahead)
    return talk.connack(FALSE).close()


def overfull(port: int) -> list[CapturedFrame]:
    """A hole that nobody acknowledges, before more than a MiB that waits for it."""
    talk = ConnectionBuilder(port).open().send_acked(C, FALSE.connect).connack(FALSE)
    talk.seq[C] += 1000
    for _ in range(20):
        talk.send(C, publish(b"big", bytes(59_990)))
    return talk.frames + ConnectionBuilder(port + 1).complete(CLEAN).frames


ROWS: dict[str, TransportRow] = {
    "a 4-tuple is used again after FIN": TransportRow(
        lambda port: reused(port, lambda t: t.close()), (Seen(CLEAN), Seen(FALSE, 16, 18, 1))
    ),
    "a 4-tuple is used again after RST": TransportRow(
        lambda port: reused(port, lambda t: t.reset(C)), (Seen(CLEAN), Seen(FALSE, 12, 14, 1))
    ),
    "a 4-tuple is used again while open": TransportRow(
        lambda port: reused(port, lambda t: t), (Seen(CLEAN), Seen(FALSE, 11, 13, 1))
    ),
    "a 4-tuple and its first sequence number are used again": TransportRow(
        lambda port: reused(port, lambda t: t.close(), True), (Seen(CLEAN), Seen(FALSE, 16, 18, 0))
    ),
    "the SYN sent again with another first sequence number": TransportRow(
        lambda port: (
            ConnectionBuilder(port, first=(77, 0)).add(C, SYN).frames
            + ConnectionBuilder(port).complete(FALSE).frames
        ),
        (Seen(FALSE, 5, 7, 1),),
    ),
    "a segment of the connection before comes late": TransportRow(
        straggler, (Seen(CLEAN), Seen(FALSE, 13, 15, 1))
    ),
    "two numberings, as on both sides of a firewall": TransportRow(
        renumbered, (Seen(CLEAN, 8, 12, 1),), ["mixed-connections"], copies=True
    ),
    "the clock goes back by an hour": TransportRow(
        lambda port: turned_back(ConnectionBuilder(port).complete(FALSE).frames),
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
    "the capture starts behind the SYN": row(
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
    "the capture starts behind the CONNECT": row(
        lambda t: small(t).drop(1, 2, 3, 4),
        FALSE,
        None,
        2,
        Outcome.INCOMPLETE,
        warnings=["mid-stream"],
    ),
    "the capture starts behind the handshake": TransportRow(
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
        lambda t: snapped(small(t), 4, 68), FALSE, None, 6, Outcome.INCOMPLETE, warnings=["gap"]
    ),
    "the snap length cuts a PUBLISH": row(
        lambda t: snapped(published(t), 8, 128), FALSE, warnings=["gap"]
    ),
    "the snap length cuts a TCP header": row(
        lambda t: snapped(small(t), 9, 48), FALSE, warnings=["snap-length"]
    ),
    "an acknowledgement beyond the window": row(lambda t: wild(t, 0x100000), FALSE, 4, 7),
    "an acknowledgement far away": row(lambda t: wild(t, 0x7FFFFFFF), FALSE, 4, 7),
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
    "more waits for a lost segment than the limit": TransportRow(
        overfull, (Seen(FALSE), Seen(CLEAN, 31, 33, 1)), ["buffer-limit", "gap"]
    ),
}
