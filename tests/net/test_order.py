"""In whatever order segments come, bytes are delivered once, in order, with gaps where missing."""

from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from dissector.net.limits import Limits
from tests.net import wire
from tests.net.recording import A, B, RecordingConsumer, run
from tests.net.wire import ACK, FIN, PSH, SECOND, START, SYN

Piece = tuple[int, int]  # start and stop of a segment in the client's bytes

TEXT = bytes(i * 7 % 251 for i in range(400))
SERVER = 9000
STARTS = st.sampled_from([0, 1000, 0x7FFFFF80, 0xFFFFFF00, 0xFFFFFFFF])


def frame(side: int, seq: int, ack: int, flags: int, payload: bytes = b"") -> bytes:
    """Build one frame of the conversation."""
    if side:
        return wire.ethernet(wire.ipv4(wire.tcp(1883, 40000, seq, ack, flags, payload), B, A))
    return wire.ethernet(wire.ipv4(wire.tcp(40000, 1883, seq, ack, flags, payload), A, B))


def conversation(start: int, order: list[Piece], fin: bool = True) -> list[bytes]:
    """Build a connection with the client's bytes in these segments, acknowledged, then closed."""
    first = start + 1
    frames = [frame(0, start, 0, SYN), frame(1, SERVER, first, SYN | ACK)]
    frames.append(frame(0, first, SERVER + 1, ACK))
    frames += [frame(0, first + a, SERVER + 1, PSH | ACK, TEXT[a:b]) for a, b in order]
    end = first + len(TEXT)
    frames.append(frame(1, SERVER + 1, end, ACK))
    if fin:
        frames.append(frame(0, end, SERVER + 1, FIN | ACK))
        frames.append(frame(1, SERVER + 1, end + 1, FIN | ACK))
        frames.append(frame(0, end + 1, SERVER + 2, ACK))
    return frames


@st.composite
def cut(draw: st.DrawFn) -> list[Piece]:
    """Cut the client's bytes anywhere."""
    cuts = sorted(draw(st.sets(st.integers(1, len(TEXT) - 1), min_size=2, max_size=12)))
    return list(zip([0, *cuts], [*cuts, len(TEXT)], strict=True))


@st.composite
def shuffled(draw: st.DrawFn) -> list[Piece]:
    """Cut the client's bytes anywhere, with extra segments, repeated and shuffled."""
    pieces = draw(cut())
    edges = st.integers(0, len(TEXT))
    extra = draw(st.lists(st.tuples(edges, edges), max_size=6))
    pieces += [(min(pair), max(pair)) for pair in extra if pair[0] != pair[1]]
    pieces += draw(st.lists(st.sampled_from(pieces), max_size=4))
    draw(st.randoms(use_true_random=False)).shuffle(pieces)
    return pieces


@given(STARTS, shuffled(), st.integers(1, 8))
def test_any_order_gives_the_same_bytes(start: int, order: list[Piece], size: int) -> None:
    """Shuffled, repeated and overlapping segments: the same bytes, no gap, in any batches."""
    result = run(conversation(start, order), size=size)
    assert result.only.joined() == [
        ("chunk", 0, TEXT),
        ("closed", 0, "FIN"),
        ("closed", 1, "FIN"),
        ("finished", "closed"),
    ]
    assert result.kinds == []
    client = result.only.connection.direction(0)
    assert (client.acknowledged, client.gap) == (len(TEXT), False)
    assert result.streams.buffered == 0


def check_one_gap(recorder: RecordingConsumer, low: int, high: int) -> None:
    """Exactly one gap replaces [low, high), and all other bytes are delivered."""
    assert recorder.gaps(0) == [(high - low, "lost")]
    assert recorder.text(0) == TEXT[:low] + TEXT[high:]
    place = b""
    for event in recorder.events:
        if event[0] == "gap":
            assert place == TEXT[:low]
        elif event[0] == "chunk":
            place += bytes(event[2])  # type: ignore[call-overload]
    assert recorder.connection.direction(0).gap


@given(STARTS, cut(), st.integers(0, 100), st.randoms(use_true_random=False), st.booleans())
def test_one_segment_removed_is_one_gap(
    start: int, pieces: list[Piece], index: int, random: Random, fin: bool
) -> None:
    """One segment that was never captured is one gap; all other bytes are delivered."""
    low, high = pieces.pop(index % len(pieces))
    random.shuffle(pieces)
    check_one_gap(run(conversation(start, pieces, fin)).only, low, high)


@given(STARTS, cut(), st.integers(0, 100))
def test_one_segment_removed_long_ago(start: int, pieces: list[Piece], index: int) -> None:
    """The same if the gap is reported while the connection continues."""
    low, high = pieces.pop(index % len(pieces))
    frames = conversation(start, pieces, fin=False)
    frames += [frame(1, SERVER + 1, start + 1 + len(TEXT), ACK)] * 70
    times = [START + i * SECOND // 10 for i in range(len(frames))]
    check_one_gap(run(frames, times=times, finish=False).only, low, high)


@given(cut(), st.integers(0, 1000))
def test_mid_stream_start(pieces: list[Piece], index: int) -> None:
    """A capture that begins mid-stream has that gap before the first bytes, and no other."""
    skipped = index % len(pieces)
    result = run(conversation(77, pieces)[3 + skipped :])
    events = [event for event in result.only.joined() if event[1] == 0]
    text = TEXT[pieces[skipped][0] :]
    assert events[:2] == [("gap", 0, -1, "mid-stream"), ("chunk", 0, text)]
    assert result.only.gaps(0) == [(-1, "mid-stream")]


@given(shuffled(), st.integers(1, 60))
def test_snap_length_keeps_positions(order: list[Piece], kept: int) -> None:
    """With payloads cut, chunks and gaps of known size add up to all bytes, in their order."""
    frames = conversation(5, order)
    cutoff = 54 + kept
    result = run([one[:cutoff] for one in frames], originals=[len(one) for one in frames])
    at = 0
    for event in result.only.events:
        if event[0] == "chunk":
            chunk = bytes(event[2])  # type: ignore[call-overload]
            assert TEXT[at : at + len(chunk)] == chunk
            at += len(chunk)
        elif event[0] == "gap":
            assert event[3] == "snap length"
            at += int(event[2])  # type: ignore[call-overload]
    assert at == len(TEXT)


SEGMENTS = st.lists(
    st.tuples(
        st.integers(0, 1),
        st.integers(-5, 40),
        st.integers(-5, 40),
        st.integers(0, 63),
        st.binary(max_size=6),
    ),
    max_size=40,
)


@given(SEGMENTS, st.integers(1, 200))
def test_any_segments_keep_the_contract(
    segments: list[tuple[int, int, int, int, bytes]], room: int
) -> None:
    """For any segments, the calls keep the contract: none after the end, frames ascend."""
    starts = (1000, 2000)
    frames = [
        frame(side, starts[side] + seq, starts[1 - side] + ack, flags, payload)
        for side, seq, ack, flags, payload in segments
    ]
    limits = Limits(direction_bytes=room, hole_segments=3, hole_ns=0)
    result = run(frames, limits=limits)
    assert result.streams.buffered == 0
    for recorder in result.consumers:
        assert recorder.ended
        for side in (0, 1):
            connection = recorder.connection
            numbers = [
                at for name, who, at, _ in recorder.frames if who == side and name != "closed"
            ]
            assert numbers == sorted(numbers)
            assert connection.direction(side).next == recorder.reached(side)
            closes = [
                name for name, who, _, _ in recorder.frames if (name, who) == ("closed", side)
            ]
            assert len(closes) <= 1
