"""Cases for segmentation, reordering, retransmission and duplicate capture of TCP segments."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from dissector.model import Outcome
from tests.net import wire
from tests.net.wire import ACK, PSH, SYN
from tests.transport.connection_builder import (
    C,
    CapturedFrame,
    ConnectionBuilder,
    S,
    Wrapping,
    four,
    pieces,
)
from tests.transport.handshakes import (
    CLEAN,
    FALSE,
    REFUSED,
    RESUMED,
    SampleHandshake,
    publish,
)
from tests.transport.row import Place, Seen, TransportRow

SECOND = wire.SECOND
SUBSCRIBE = bytes.fromhex("8208 0001 0003612f62 01")
SUBACK = bytes.fromhex("9003 0001 01")
PING, PONG = bytes.fromhex("c000"), bytes.fromhex("d000")
TIMESTAMPS = b"\1\1\x08\x0a" + bytes(8)


def row(
    build: Callable[[ConnectionBuilder], ConnectionBuilder],
    sample: SampleHandshake,
    connect: Place | None = 4,
    connack: Place | None = 6,
    outcome: Outcome | None = None,
    *,
    warnings: Sequence[str] = (),
    copies: bool = False,
) -> TransportRow:
    """Returns a case of one connection with one handshake."""
    seen = Seen(sample, connect, connack, 0, outcome)
    return TransportRow(
        lambda port: build(ConnectionBuilder(port)).frames, (seen,), warnings, copies=copies
    )


def parts(sample: SampleHandshake) -> list[bytes]:
    """Returns the CONNECT in four parts, cut in the protocol name, a property name and a value."""
    return pieces(sample.connect, 5, 20, 33)


def split(connection: ConnectionBuilder, sample: SampleHandshake) -> ConnectionBuilder:
    """Sends the CONNECT in frames 4 to 7, acknowledged in 8, the CONNACK in 9."""
    for piece in parts(sample):
        connection.send(C, piece)
    return connection.ack(S).connack(sample).close()


def split_answer(connection: ConnectionBuilder) -> ConnectionBuilder:
    """Sends the CONNACK in frames 6 to 8."""
    for piece in pieces(FALSE.connack, 1, 3):
        connection.send(S, piece)
    return connection.ack(C).close()


def byte_by_byte(connection: ConnectionBuilder) -> ConnectionBuilder:
    for at in range(len(FALSE.connect)):
        connection.send(C, FALSE.connect[at : at + 1])
    connection.ack(S)
    for at in range(len(FALSE.connack)):
        connection.send(S, FALSE.connack[at : at + 1])
    return connection.ack(C).close()


def overlapping(connection: ConnectionBuilder, change: bool) -> ConnectionBuilder:
    """Sends the CONNECT in overlapping segments; `change`: the second copies differ."""
    data = bytearray(CLEAN.connect)
    connection.send_at(C, 0, bytes(data[:30]))
    if change:
        data[25] ^= 1
    connection.send_at(C, 20, bytes(data[20:40])).send_at(C, 30, bytes(data[30:]))
    return connection.advance(C, len(data)).ack(S).connack(CLEAN).close()


def other_copy(connection: ConnectionBuilder) -> ConnectionBuilder:
    """Sends the CONNECT again, with another will."""
    connection.open().send(C, CLEAN.connect)
    connection.send_at(C, 0, CLEAN.connect.replace(b"gone", b"back"))
    return connection.ack(S).connack(CLEAN).close()


def keep_alive(connection: ConnectionBuilder, payload: bytes) -> ConnectionBuilder:
    """Sends TCP keep-alive probes within the CONNECT, before the CONNACK and after it."""
    first, rest = pieces(FALSE.connect, 20)
    connection.open().send_acked(C, first).send_at(C, len(first) - 1, payload, ACK).ack(S)
    connection.send_acked(C, rest).send_at(C, len(FALSE.connect) - 1, payload, ACK).ack(S)
    connection.connack(FALSE)
    connection.send_at(S, len(FALSE.connack) - 1, payload, ACK).ack(C)
    return connection.close()


def zero_window(connection: ConnectionBuilder) -> ConnectionBuilder:
    """Closes the server's window within the CONNECT; a window probe is not accepted."""
    first, rest = pieces(FALSE.connect, 20)
    connection.open().send(C, first).add(S, ACK, window=0)
    connection.send_at(C, 20, rest[:1], ACK)
    connection.add(S, ACK, window=0, pause=SECOND).add(S, ACK)
    return connection.send_acked(C, rest).connack(FALSE).close()


def fast_open(connection: ConnectionBuilder) -> ConnectionBuilder:
    return connection.add(C, SYN, FALSE.connect).add(S, SYN | ACK).ack(C).connack(FALSE).close()


def fast_open_refused(connection: ConnectionBuilder) -> ConnectionBuilder:
    connection.add(C, SYN, FALSE.connect).add(S, SYN | ACK, ack=1001).send_at(C, 0, b"", ACK)
    return connection.send_at(C, 0, FALSE.connect).ack(S).connack(FALSE).close()


def simultaneous_open(connection: ConnectionBuilder) -> ConnectionBuilder:
    connection.add(C, SYN).add(S, SYN)
    connection.add(C, SYN | ACK, seq=1000).add(S, SYN | ACK, seq=5000)
    return connection.send_acked(C, FALSE.connect).connack(FALSE).close()


def twice(
    frames: list[CapturedFrame], other: Callable[[bytes], bytes], late: int = 0
) -> list[CapturedFrame]:
    """Returns every frame and its copy, immediately or after `late` other frames."""
    copies = [frame._replace(data=other(frame.data), pause=1000) for frame in frames]
    out: list[CapturedFrame] = []
    for at in range(len(frames) + late):
        out += frames[at : at + 1]
        if at >= late:
            out.append(copies[at - late])
    return out


def routed(frame: bytes) -> bytes:
    """Returns the frame after a router: other MAC addresses, a lower TTL."""
    return bytes.fromhex("020000000099020000000098") + frame[12:22] + b"\x3f" + frame[23:]


def tagged(frame: bytes) -> bytes:
    return frame[:12] + b"\x81\0\0\7" + frame[12:]


def cooked(segment: bytes, side: int) -> bytes:
    return wire.cooked(four(segment, side))


def outgoing(frame: bytes) -> bytes:
    """Returns the cooked frame as captured outgoing."""
    return b"\0\4" + frame[2:]


def interleaved(port: int) -> list[CapturedFrame]:
    """Returns two connections with alternating frames."""
    one, other = (
        ConnectionBuilder(port).complete(CLEAN),
        ConnectionBuilder(port + 1).complete(FALSE),
    )
    return [frame for pair in zip(one.frames, other.frames, strict=True) for frame in pair]


def small(connection: ConnectionBuilder) -> ConnectionBuilder:
    return connection.complete(FALSE)


OTHER_PORT = 28_831

ROWS: dict[str, TransportRow] = {
    "refused, with a code": row(
        lambda t: t.open().send_acked(C, REFUSED.connect).connack(REFUSED).fin(S), REFUSED
    ),
    "a session resumed": row(lambda t: t.complete(RESUMED), RESUMED),
    "3.1.1, whole": row(lambda t: t.complete(CLEAN), CLEAN),
    "the CONNECT in four segments": row(lambda t: split(t.open(), FALSE), FALSE, 7, 9),
    "the CONNACK in three segments": row(
        lambda t: split_answer(t.open().send_acked(C, FALSE.connect)), FALSE, 4, 8
    ),
    "byte by byte": row(lambda t: byte_by_byte(t.open()), FALSE, 63, 72),
    "CONNECT and SUBSCRIBE in one segment, CONNACK and SUBACK too": row(
        lambda t: (
            t.open()
            .send_acked(C, CLEAN.connect + SUBSCRIBE)
            .send_acked(S, CLEAN.connack + SUBACK)
            .close()
        ),
        CLEAN,
    ),
    "CONNACK and PUBLISH in one segment": row(
        lambda t: (
            t.open()
            .send_acked(C, RESUMED.connect)
            .send_acked(S, RESUMED.connack + publish(b"a", b"b"))
            .close()
        ),
        RESUMED,
    ),
    "segments swapped": row(lambda t: split(t.open(), FALSE).reorder(5, 4, 7, 6), FALSE, 7, 9),
    "segments backwards": row(lambda t: split(t.open(), FALSE).reorder(7, 6, 5, 4), FALSE, 7, 9),
    "the first segment after the CONNACK": row(
        lambda t: split(t.open(), FALSE).reorder(5, 6, 7, 8, 9, 4), FALSE, 9, 8
    ),
    "the CONNACK captured before the CONNECT": row(
        lambda t: small(t).reorder(6, 5, 4), FALSE, 6, 4
    ),
    "the SYN captured after the CONNECT": row(lambda t: small(t).reorder(2, 3, 4, 1), FALSE, 3, 6),
    "the SYN was not captured": row(lambda t: small(t).drop(1), FALSE, 3, 5),
    "the SYN/ACK was not captured": row(
        lambda t: small(t).drop(2), FALSE, 3, 5, warnings=["mid-stream"]
    ),
    "retransmitted": row(
        lambda t: (
            t.open()
            .send(C, FALSE.connect)
            .send_at(C, 0, FALSE.connect)
            .ack(S)
            .send(S, FALSE.connack)
            .send_at(S, 0, FALSE.connack)
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
            .send(C, FALSE.connect[:30])
            .send_at(C, 0, FALSE.connect)
            .advance(C, len(FALSE.connect) - 30)
            .ack(S)
            .connack(FALSE)
            .close()
        ),
        FALSE,
        5,
        7,
    ),
    "retransmitted long after": row(
        lambda t: (
            t.open()
            .send_acked(C, FALSE.connect)
            .connack(FALSE)
            .send_at(C, 0, FALSE.connect)
            .ack(S)
            .send_at(S, 0, FALSE.connack)
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
        lambda port: (
            split(ConnectionBuilder(port, first=(0xFFFFFFE8, 0xFFFFFFFC)).open(), FALSE).frames
        ),
        (Seen(FALSE, 7, 9),),
    ),
    "sequence numbers wrap around, backwards": TransportRow(
        lambda port: (
            split(ConnectionBuilder(port, first=(0xFFFFFFE8, 0xFFFFFFFC)).open(), FALSE)
            .reorder(7, 6, 5, 4)
            .frames
        ),
        (Seen(FALSE, 7, 9),),
    ),
    "SYN with the CONNECT in it": row(fast_open, FALSE, 1, 4),
    "SYN with the CONNECT in it, refused": row(fast_open_refused, FALSE, 1, 6),
    "TCP options": TransportRow(
        lambda port: ConnectionBuilder(port, options=TIMESTAMPS).complete(FALSE).frames,
        (Seen(FALSE),),
    ),
    "frames captured twice": TransportRow(
        lambda port: twice(ConnectionBuilder(port).complete(FALSE).frames, bytes),
        (Seen(FALSE, 7, 11),),
        copies=True,
    ),
    "frames captured twice on any interface": TransportRow(
        lambda port: twice(
            ConnectionBuilder(port, Wrapping(113, lambda t, s: [cooked(t, s)]))
            .complete(FALSE)
            .frames,
            outgoing,
        ),
        (Seen(FALSE, 7, 11),),
        copies=True,
    ),
    "frames captured before and after a router": TransportRow(
        lambda port: twice(ConnectionBuilder(port).complete(FALSE).frames, routed),
        (Seen(FALSE, 7, 11),),
        copies=True,
    ),
    "frames captured with and without a tag": TransportRow(
        lambda port: twice(ConnectionBuilder(port).complete(FALSE).frames, tagged),
        (Seen(FALSE, 7, 11),),
        copies=True,
    ),
    "frames captured twice, the second copy late": TransportRow(
        lambda port: twice(ConnectionBuilder(port).complete(FALSE).frames, bytes, 5),
        (Seen(FALSE),),
        copies=True,
    ),
    "on a port of its own": TransportRow(
        lambda port: ConnectionBuilder(port, server_port=OTHER_PORT).complete(FALSE).frames,
        (Seen(FALSE),),
        server_port=OTHER_PORT,
    ),
    "idle for an hour": row(
        lambda t: (
            t.open()
            .send_acked(C, FALSE.connect)
            .connack(FALSE)
            .add(C, PSH | ACK, PING, pause=3600 * SECOND)
            .send_acked(S, PONG)
            .close()
        ),
        FALSE,
    ),
}
