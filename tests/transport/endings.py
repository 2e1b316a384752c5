"""Ways in which connections begin, end and go missing, each with its handshakes."""

from __future__ import annotations

from collections.abc import Callable

from dissector.model import Outcome
from tests.net.wire import ACK, FIN, PSH, RST, SYN
from tests.transport.exchanges import (
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
from tests.transport.talk import (
    C,
    S,
    Shot,
    Talk,
)


def reused(port: int, end: Callable[[Talk], Talk], same_isn: bool = False) -> list[Shot]:
    """Two connections with the same addresses and ports."""
    first = Talk(port).open().tell(C, CLEAN.connect).answer(CLEAN)
    again = Talk(port, first=first.first if same_isn else (700_000, 900_000)).whole(FALSE)
    return end(first).shots + again.shots


def simultaneous_close(talk: Talk) -> Talk:
    talk.open().tell(C, FALSE.connect).answer(FALSE).tell(C, DISCONNECT)
    one, other = talk.seq
    talk.add(C, FIN | ACK, seq=one, ack=other).add(S, FIN | ACK, seq=other, ack=one)
    return talk.add(C, ACK, seq=one + 1, ack=other + 1).add(S, ACK, seq=other + 1, ack=one + 1)


def straggler(port: int) -> list[Shot]:
    """A PINGRESP of a connection that was reset comes within the next one's TCP handshake."""
    first = Talk(port).open().tell(C, CLEAN.connect).answer(CLEAN).reset(C)
    late = first.put(S, len(CLEAN.connack), PONG).shots.pop()
    again = Talk(port, first=(9_000_000, 8_000_000)).whole(FALSE).shots
    return [*first.shots, *again[:2], late, *again[2:]]


def renumbered(port: int) -> list[Shot]:
    """Every frame twice, the second time with sequence numbers of another beginning."""
    one = Talk(port).whole(CLEAN).shots
    other = Talk(port, first=(3_000_000_000, 2_000_000_000)).whole(CLEAN).shots
    return [shot for pair in zip(one, other, strict=True) for shot in pair]


def turned_back(shots: list[Shot]) -> list[Shot]:
    """Behind the handshake the clock goes back."""
    shots[7] = shots[7]._replace(pause=-3600 * SECOND)
    return shots


def half_open(port: int) -> list[Shot]:
    """A SYN that nobody answers, a SYN/ACK that nobody acknowledges; a conversation."""
    silent = Talk(port).add(C, SYN)
    waiting = Talk(port + 1).add(C, SYN).add(S, SYN | ACK)
    return silent.shots * 3 + waiting.shots + Talk(port + 2).whole(FALSE).shots


def snapped(talk: Talk, number: int, size: int) -> Talk:
    """One frame is cut by the snap length."""
    talk.shots[number - 1] = talk.shots[number - 1]._replace(cut=size)
    return talk


def published(talk: Talk) -> Talk:
    """A conversation with a PUBLISH of 300 bytes in frame 8 and a subscription after it."""
    talk.open().tell(C, FALSE.connect).answer(FALSE).tell(C, publish(b"a/b", bytes(290)))
    return talk.tell(C, SUBSCRIBE).tell(S, SUBACK).close()


def lost_in_connect(talk: Talk) -> Talk:
    return split(talk.open(), FALSE).lose(6)


def wild(talk: Talk, ahead: int) -> Talk:
    """An acknowledgement of what nobody can have sent."""
    talk.open().tell(C, FALSE.connect)
    talk.add(S, ACK, ack=talk.seq[C] + ahead)
    return talk.answer(FALSE).close()


def overfull(port: int) -> list[Shot]:
    """A hole that nobody acknowledges, before more than a MiB that waits for it."""
    talk = Talk(port).open().tell(C, FALSE.connect).answer(FALSE)
    talk.seq[C] += 1000
    for _ in range(20):
        talk.say(C, publish(b"big", bytes(59_990)))
    return talk.shots + Talk(port + 1).whole(CLEAN).shots


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
        lambda port: Talk(port, first=(77, 0)).add(C, SYN).shots + Talk(port).whole(FALSE).shots,
        (Seen(FALSE, 5, 7, 1),),
    ),
    "a segment of the connection before comes late": TransportRow(
        straggler, (Seen(CLEAN), Seen(FALSE, 13, 15, 1))
    ),
    "two numberings, as on both sides of a firewall": TransportRow(
        renumbered, (Seen(CLEAN, 8, 12, 1),), ["mixed-connections"], copies=True
    ),
    "the clock goes back by an hour": TransportRow(
        lambda port: turned_back(Talk(port).whole(FALSE).shots),
        (Seen(FALSE),),
        ["clock-going-back"],
    ),
    "RST after the CONNACK": row(
        lambda t: t.open().tell(C, FALSE.connect).answer(FALSE).reset(S), FALSE
    ),
    "RST instead of a CONNACK": row(
        lambda t: t.open().tell(C, CLEAN.connect).reset(S), CLEAN, 4, None, Outcome.UNANSWERED
    ),
    "FIN instead of a CONNACK": row(
        lambda t: t.open().tell(C, CLEAN.connect).ends(S), CLEAN, 4, None, Outcome.UNANSWERED
    ),
    "RST outside of the window": row(
        lambda t: t.open().tell(C, FALSE.connect).add(S, RST, seq=0x30000000).answer(FALSE).close(),
        FALSE,
        4,
        7,
    ),
    "half-open connections before it": TransportRow(half_open, (Seen(FALSE, 9, 11, 2),)),
    "the client's FIN before the CONNACK": row(
        lambda t: (
            t.open()
            .tell(C, FALSE.connect)
            .add(C, FIN | ACK)
            .ack(S)
            .answer(FALSE)
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
            .answer(FALSE)
            .add(S, FIN | ACK)
            .ack(C)
        ),
        FALSE,
    ),
    "simultaneous open": row(simultaneous_open, FALSE, 5, 7),
    "simultaneous close": row(simultaneous_close, FALSE),
    "the capture starts behind the SYN": row(
        lambda t: small(t).lose(1, 2, 3), FALSE, 1, 3, warnings=["mid-stream"]
    ),
    "the capture starts within the CONNECT": row(
        lambda t: split(t.open(), FALSE).lose(1, 2, 3, 4, 5),
        FALSE,
        None,
        4,
        Outcome.INCOMPLETE,
        warnings=["mid-stream"],
    ),
    "the capture starts behind the CONNECT": row(
        lambda t: small(t).lose(1, 2, 3, 4),
        FALSE,
        None,
        2,
        Outcome.INCOMPLETE,
        warnings=["mid-stream"],
    ),
    "the capture starts behind the handshake": TransportRow(
        lambda port: published(Talk(port)).shots[7:], (), ["mid-stream"]
    ),
    "the client's direction only": row(
        lambda t: small(t).lose(2, 5, 6, 9, 11),
        FALSE,
        3,
        None,
        Outcome.INCOMPLETE,
        warnings=["mid-stream"],
    ),
    "the server's direction only": row(
        lambda t: small(t).lose(1, 3, 4, 7, 8, 10, 12),
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
        lambda t: small(t).lose(4), FALSE, None, 5, Outcome.INCOMPLETE, warnings=["gap"]
    ),
    "the CONNACK lost, acknowledged": row(
        lambda t: t.whole(CLEAN).lose(6), CLEAN, 4, None, Outcome.INCOMPLETE, warnings=["gap"]
    ),
    "a PUBLISH lost after the handshake": row(
        lambda t: published(t).lose(8), FALSE, warnings=["gap"]
    ),
    "a FIN lost, acknowledged": row(lambda t: small(t).lose(10), FALSE, warnings=["gap"]),
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
        lambda port: Talk(port).whole(RESUMED).shots + Talk(port + 1).whole(CLEAN).shots,
        (Seen(RESUMED), Seen(CLEAN, 16, 18, 1)),
    ),
    "more waits for a lost segment than the limit": TransportRow(
        overfull, (Seen(FALSE), Seen(CLEAN, 31, 33, 1)), ["buffer-limit", "gap"]
    ),
}
