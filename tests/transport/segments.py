"""Ways in which segments are cut, ordered, repeated and captured, each with its handshake."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from dissector.model import Outcome
from tests.net import wire
from tests.net.wire import ACK, PSH, SYN
from tests.transport.exchanges import (
    CLEAN,
    FALSE,
    REFUSED,
    RESUMED,
    Exchange,
    publish,
)
from tests.transport.row import Place, Seen, TransportRow
from tests.transport.talk import (
    C,
    S,
    Shot,
    Talk,
    Wrapping,
    four,
    pieces,
)

SECOND = wire.SECOND
SUBSCRIBE = bytes.fromhex("8208 0001 0003612f62 01")
SUBACK = bytes.fromhex("9003 0001 01")
PING, PONG = bytes.fromhex("c000"), bytes.fromhex("d000")
TIMESTAMPS = b"\1\1\x08\x0a" + bytes(8)


def row(
    talk: Callable[[Talk], Talk],
    exchange: Exchange,
    connect: Place | None = 4,
    connack: Place | None = 6,
    outcome: Outcome | None = None,
    *,
    warnings: Sequence[str] = (),
    copies: bool = False,
) -> TransportRow:
    """A row of one connection with one handshake."""
    seen = Seen(exchange, connect, connack, 0, outcome)
    return TransportRow(lambda port: talk(Talk(port)).shots, (seen,), warnings, copies=copies)


def parts(exchange: Exchange) -> list[bytes]:
    """The CONNECT in four segments, cut within its Remaining Length's body, a name and a value."""
    return pieces(exchange.connect, 5, 20, 33)


def split(talk: Talk, exchange: Exchange) -> Talk:
    """The CONNECT in the frames 4 to 7, acknowledged in 8, the CONNACK in 9."""
    for piece in parts(exchange):
        talk.say(C, piece)
    return talk.ack(S).answer(exchange).close()


def split_answer(talk: Talk) -> Talk:
    """The CONNACK in the frames 6 to 8."""
    for piece in pieces(FALSE.connack, 1, 3):
        talk.say(S, piece)
    return talk.ack(C).close()


def byte_by_byte(talk: Talk) -> Talk:
    for at in range(len(FALSE.connect)):
        talk.say(C, FALSE.connect[at : at + 1])
    talk.ack(S)
    for at in range(len(FALSE.connack)):
        talk.say(S, FALSE.connack[at : at + 1])
    return talk.ack(C).close()


def overlapping(talk: Talk, change: bool) -> Talk:
    """The CONNECT in overlapping segments; `change`: the second copies differ."""
    data = bytearray(CLEAN.connect)
    talk.put(C, 0, bytes(data[:30]))
    if change:
        data[25] ^= 1
    talk.put(C, 20, bytes(data[20:40])).put(C, 30, bytes(data[30:]))
    return talk.moved(C, len(data)).ack(S).answer(CLEAN).close()


def other_copy(talk: Talk) -> Talk:
    """The CONNECT once more, with another will."""
    talk.open().say(C, CLEAN.connect)
    talk.put(C, 0, CLEAN.connect.replace(b"gone", b"back"))
    return talk.ack(S).answer(CLEAN).close()


def keep_alive(talk: Talk, payload: bytes) -> Talk:
    """Probes within the CONNECT, before the CONNACK and after it."""
    first, rest = pieces(FALSE.connect, 20)
    talk.open().tell(C, first).put(C, len(first) - 1, payload, ACK).ack(S)
    talk.tell(C, rest).put(C, len(FALSE.connect) - 1, payload, ACK).ack(S)
    talk.answer(FALSE)
    talk.put(S, len(FALSE.connack) - 1, payload, ACK).ack(C)
    return talk.close()


def zero_window(talk: Talk) -> Talk:
    """The server's window closes within the CONNECT; a probe with its next byte is refused."""
    first, rest = pieces(FALSE.connect, 20)
    talk.open().say(C, first).add(S, ACK, window=0)
    talk.put(C, 20, rest[:1], ACK)
    talk.add(S, ACK, window=0, pause=SECOND).add(S, ACK)
    return talk.tell(C, rest).answer(FALSE).close()


def fast_open(talk: Talk) -> Talk:
    return talk.add(C, SYN, FALSE.connect).add(S, SYN | ACK).ack(C).answer(FALSE).close()


def fast_open_refused(talk: Talk) -> Talk:
    talk.add(C, SYN, FALSE.connect).add(S, SYN | ACK, ack=1001).put(C, 0, b"", ACK)
    return talk.put(C, 0, FALSE.connect).ack(S).answer(FALSE).close()


def simultaneous_open(talk: Talk) -> Talk:
    talk.add(C, SYN).add(S, SYN)
    talk.add(C, SYN | ACK, seq=1000).add(S, SYN | ACK, seq=5000)
    return talk.tell(C, FALSE.connect).answer(FALSE).close()


def twice(shots: list[Shot], other: Callable[[bytes], bytes], late: int = 0) -> list[Shot]:
    """Every frame and its second copy, at once or behind `late` others."""
    copies = [shot._replace(data=other(shot.data), pause=1000) for shot in shots]
    out: list[Shot] = []
    for at in range(len(shots) + late):
        out += shots[at : at + 1]
        if at >= late:
            out.append(copies[at - late])
    return out


def routed(frame: bytes) -> bytes:
    """The frame behind a router: other MAC addresses, a lower time to live."""
    return bytes.fromhex("020000000099020000000098") + frame[12:22] + b"\x3f" + frame[23:]


def tagged(frame: bytes) -> bytes:
    return frame[:12] + b"\x81\0\0\7" + frame[12:]


def cooked(segment: bytes, side: int) -> bytes:
    return wire.cooked(four(segment, side))


def outgoing(frame: bytes) -> bytes:
    """The cooked frame as it leaves by another interface."""
    return b"\0\4" + frame[2:]


def interleaved(port: int) -> list[Shot]:
    """Two conversations, frame by frame in turns."""
    one, other = Talk(port).whole(CLEAN), Talk(port + 1).whole(FALSE)
    return [shot for pair in zip(one.shots, other.shots, strict=True) for shot in pair]


def small(talk: Talk) -> Talk:
    return talk.whole(FALSE)


OTHER_PORT = 28_831

ROWS: dict[str, TransportRow] = {
    "refused, with a code": row(
        lambda t: t.open().tell(C, REFUSED.connect).answer(REFUSED).ends(S), REFUSED
    ),
    "a session resumed": row(lambda t: t.whole(RESUMED), RESUMED),
    "3.1.1, whole": row(lambda t: t.whole(CLEAN), CLEAN),
    "the CONNECT in four segments": row(lambda t: split(t.open(), FALSE), FALSE, 7, 9),
    "the CONNACK in three segments": row(
        lambda t: split_answer(t.open().tell(C, FALSE.connect)), FALSE, 4, 8
    ),
    "byte by byte": row(lambda t: byte_by_byte(t.open()), FALSE, 63, 72),
    "CONNECT and SUBSCRIBE in one segment, CONNACK and SUBACK too": row(
        lambda t: (
            t.open().tell(C, CLEAN.connect + SUBSCRIBE).tell(S, CLEAN.connack + SUBACK).close()
        ),
        CLEAN,
    ),
    "CONNACK and PUBLISH in one segment": row(
        lambda t: (
            t.open().tell(C, RESUMED.connect).tell(S, RESUMED.connack + publish(b"a", b"b")).close()
        ),
        RESUMED,
    ),
    "segments swapped": row(lambda t: split(t.open(), FALSE).order(5, 4, 7, 6), FALSE, 7, 9),
    "segments backwards": row(lambda t: split(t.open(), FALSE).order(7, 6, 5, 4), FALSE, 7, 9),
    "the first segment behind the CONNACK": row(
        lambda t: split(t.open(), FALSE).order(5, 6, 7, 8, 9, 4), FALSE, 9, 8
    ),
    "the CONNACK captured before the CONNECT": row(lambda t: small(t).order(6, 5, 4), FALSE, 6, 4),
    "the SYN captured behind the CONNECT": row(lambda t: small(t).order(2, 3, 4, 1), FALSE, 3, 6),
    "the SYN was not captured": row(lambda t: small(t).lose(1), FALSE, 3, 5),
    "the SYN/ACK was not captured": row(
        lambda t: small(t).lose(2), FALSE, 3, 5, warnings=["mid-stream"]
    ),
    "retransmitted": row(
        lambda t: (
            t.open()
            .say(C, FALSE.connect)
            .put(C, 0, FALSE.connect)
            .ack(S)
            .say(S, FALSE.connack)
            .put(S, 0, FALSE.connack)
            .ack(C)
            .close()
        ),
        FALSE,
        4,
        7,
        copies=True,
    ),
    "retransmitted in other pieces": row(
        lambda t: (
            t.open()
            .say(C, FALSE.connect[:30])
            .put(C, 0, FALSE.connect)
            .moved(C, len(FALSE.connect) - 30)
            .ack(S)
            .answer(FALSE)
            .close()
        ),
        FALSE,
        5,
        7,
    ),
    "retransmitted long after": row(
        lambda t: (
            t.open()
            .tell(C, FALSE.connect)
            .answer(FALSE)
            .put(C, 0, FALSE.connect)
            .ack(S)
            .put(S, 0, FALSE.connack)
            .ack(C)
            .close()
        ),
        FALSE,
        copies=True,
    ),
    "overlapped with the same bytes": row(lambda t: overlapping(t.open(), False), CLEAN, 6, 8),
    "overlapped with different bytes": row(
        lambda t: overlapping(t.open(), True), CLEAN, 6, 8, warnings=["overlap-different-bytes"]
    ),
    "retransmitted with different bytes": row(
        other_copy, CLEAN, 4, 7, warnings=["overlap-different-bytes"]
    ),
    "keep-alive probes without a byte": row(lambda t: keep_alive(t, b""), FALSE, 8, 12),
    "keep-alive probes of one byte": row(lambda t: keep_alive(t, b"\0"), FALSE, 8, 12),
    "zero window probes": row(zero_window, FALSE, 9, 11),
    "sequence numbers wrap around": TransportRow(
        lambda port: split(Talk(port, first=(0xFFFFFFE8, 0xFFFFFFFC)).open(), FALSE).shots,
        (Seen(FALSE, 7, 9),),
    ),
    "sequence numbers wrap around, backwards": TransportRow(
        lambda port: (
            split(Talk(port, first=(0xFFFFFFE8, 0xFFFFFFFC)).open(), FALSE).order(7, 6, 5, 4).shots
        ),
        (Seen(FALSE, 7, 9),),
    ),
    "SYN with the CONNECT in it": row(fast_open, FALSE, 1, 4),
    "SYN with the CONNECT in it, refused": row(fast_open_refused, FALSE, 1, 6),
    "TCP options": TransportRow(
        lambda port: Talk(port, options=TIMESTAMPS).whole(FALSE).shots, (Seen(FALSE),)
    ),
    "frames captured twice": TransportRow(
        lambda port: twice(Talk(port).whole(FALSE).shots, bytes), (Seen(FALSE, 7, 11),), copies=True
    ),
    "frames captured twice on any interface": TransportRow(
        lambda port: twice(
            Talk(port, Wrapping(113, lambda t, s: [cooked(t, s)])).whole(FALSE).shots, outgoing
        ),
        (Seen(FALSE, 7, 11),),
        copies=True,
    ),
    "frames captured before and behind a router": TransportRow(
        lambda port: twice(Talk(port).whole(FALSE).shots, routed),
        (Seen(FALSE, 7, 11),),
        copies=True,
    ),
    "frames captured with and without a tag": TransportRow(
        lambda port: twice(Talk(port).whole(FALSE).shots, tagged),
        (Seen(FALSE, 7, 11),),
        copies=True,
    ),
    "frames captured twice, the second time late": TransportRow(
        lambda port: twice(Talk(port).whole(FALSE).shots, bytes, 5), (Seen(FALSE),), copies=True
    ),
    "on a port of its own": TransportRow(
        lambda port: Talk(port, server_port=OTHER_PORT).whole(FALSE).shots,
        (Seen(FALSE),),
        server_port=OTHER_PORT,
    ),
    "idle for an hour": row(
        lambda t: (
            t.open()
            .tell(C, FALSE.connect)
            .answer(FALSE)
            .add(C, PSH | ACK, PING, pause=3600 * SECOND)
            .tell(S, PONG)
            .close()
        ),
        FALSE,
    ),
}
