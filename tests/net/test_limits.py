"""Memory stays within its limits, and each limit that is reached is reported."""

from __future__ import annotations

from collections.abc import Sequence

from dissector.net.limits import Limits
from tests.net.recording import RecordedRun, RecordingConsumer, TcpConversation, run
from tests.net.wire import ACK, SECOND, START, SYN


def behind_a_hole(count: int, port: int = 40000) -> list[bytes]:
    """Build a connection whose first byte is never seen, but many segments after it."""
    conversation = TcpConversation(client_port=port).open()
    for number in range(count):
        conversation.put(0, 1 + 100 * number, bytes(100))
    return conversation.frames


def test_bytes_of_one_direction() -> None:
    """Too many bytes behind a hole: the hole is skipped, the bytes are delivered, one warning."""
    result = run(behind_a_hole(50), limits=Limits(direction_bytes=2000))
    recorder = result.only
    assert recorder.gaps(0) == [(1, "buffer limit")]
    assert recorder.text(0) == bytes(5000)
    assert result.kinds == ["buffer-limit"]
    assert result.warnings[0][3] == 0


def test_many_holes_are_one_warning() -> None:
    """Further holes of the same direction are skipped without a warning."""
    conversation = TcpConversation().open()
    for number in range(200):
        conversation.put(0, 1 + 11 * number, bytes(10))
    result = run(conversation.frames, limits=Limits(direction_bytes=1000))
    assert result.kinds == ["buffer-limit"]
    assert len(result.only.text(0)) == 2000
    assert len(result.only.gaps(0)) == 200


def test_bytes_of_all_connections() -> None:
    """The total of the bytes buffered in all connections is bounded."""
    frames = [frame for port in range(40) for frame in behind_a_hole(10, 40000 + port)]
    result = run(frames, limits=Limits(buffered_bytes=8000), finish=False)
    assert 0 < result.streams.buffered <= 8000
    assert set(result.kinds) == {"buffer-limit"}
    result.streams.finish()
    assert result.streams.buffered == 0
    assert all(recorder.text(0) == bytes(1000) for recorder in result.consumers)


def test_open_connections() -> None:
    """The connection that was idle longest is evicted, with one warning in total."""
    conversations = [TcpConversation(client_port=40000 + number).open() for number in range(5)]
    frames = [frame for conversation in conversations[:3] for frame in conversation.frames]
    frames += conversations[0].ack(0).frames[-1:]  # the first is not idle, so the second is evicted
    frames += conversations[3].frames + conversations[4].frames
    result = run(frames, limits=Limits(connections=3), finish=False)
    ended = [recorder.connection.stream for recorder in result.consumers if recorder.ended]
    assert ended == [1, 2]
    assert result.consumers[1].events == [("finished", "evicted")]
    assert len(result.streams.connections) == 3
    assert result.kinds == ["connection-limit"]
    assert result.streams.evicted == 2


def test_an_evicted_connection_keeps_its_number() -> None:
    """Segments of an evicted connection belong to its stream and are not delivered."""
    conversations = [TcpConversation(client_port=40000 + number).open() for number in range(3)]
    frames = [frame for conversation in conversations for frame in conversation.frames]
    frames += conversations[0].send(0, b"late").frames[-1:]
    result = run(frames, limits=Limits(connections=2))
    assert result.consumers[0].events == [("finished", "evicted")]
    assert result.streams.streams == 3


def test_a_flood_of_connections_is_bounded() -> None:
    """However many connections begin, no more are tracked than the limits allow."""
    frames = [TcpConversation(client_port=1024 + n).add(0, SYN).frames[0] for n in range(3000)]
    limits = Limits(connections=100, closed=200)
    result = run(frames, limits=limits, finish=False)
    assert len(result.streams.connections) == 100
    assert result.streams.flows.states().count("closed") == 200
    assert result.streams.flows.count == 300
    assert result.streams.evicted == 2900
    assert result.kinds == ["connection-limit", "stream-limit"]


def test_a_flood_of_refused_connections_is_bounded() -> None:
    """Connections whose linger time is running are bounded too."""
    frames = []
    for number in range(4000):
        frames += TcpConversation(client_port=1024 + number).add(0, SYN).reset(1).frames
    result = run(frames, limits=Limits(connections=100, closed=200), finish=False)
    assert len(result.streams.connections) == 100
    assert result.streams.closing_count <= 1024
    assert result.streams.flows.states().count("closed") == 200


def test_lingering_connections_leave_the_table_of_open_ones() -> None:
    """Ten seconds after both FINs only the stream number of a connection is kept."""
    frames = (
        TcpConversation().open().close().frames
        + TcpConversation(client_port=50000).add(0, ACK).frames
    )
    times = [START + i for i in range(6)] + [START + 10 * SECOND + 6]
    result = run(frames, times=times, finish=False)
    assert result.consumers[0].ended
    assert list(result.streams.connections) == [1]
    assert sorted(result.streams.flows.states()) == ["closed", "connection"]


def test_everything_is_released_at_the_end() -> None:
    """After the end nothing is kept any more."""
    result = run(behind_a_hole(5))
    streams = result.streams
    assert (streams.flows.count, streams.connections, streams.open_flows) == (0, {}, 0)
    assert streams.buffered == 0


class KeepingConsumer(RecordingConsumer):
    """Charges its connection for all bytes that it receives."""

    def chunk(
        self, side: int, window: bytes, start: int, stop: int, frame: int, time_ns: int
    ) -> bool:
        self.connection.charge(stop - start)
        return super().chunk(side, window, start, stop, frame, time_ns)


def keeping(sizes: Sequence[int], limit: int) -> RecordedRun:
    """Runs connections, each with a segment of this size that its consumer keeps."""
    frames = []
    for number, size in enumerate(sizes):
        frames += TcpConversation(client_port=40000 + number).open().send(0, bytes(size)).frames
    return run(frames, limits=Limits(kept_bytes=limit), finish=False, consumer=KeepingConsumer)


def test_bytes_kept_by_consumers() -> None:
    """Beyond the budget the connections that keep bytes the longest are evicted, each reported."""
    result = keeping([5000, 6000, 5000, 5000, 5000], 16_000)
    ended = [recorder.connection.stream for recorder in result.consumers if recorder.ended]
    assert ended == [0, 1]
    assert result.consumers[0].events[-1] == ("finished", "evicted")
    assert [(kind, stream) for kind, _, _, stream in result.warnings] == [
        ("memory-limit", 0),
        ("memory-limit", 1),
    ]
    assert result.streams.budget.used == 15_000
    result.streams.finish()
    assert result.streams.budget.used == 0


def test_connections_that_keep_little() -> None:
    """A connection that keeps at most 1 KiB is never evicted for the memory of others."""
    result = keeping([1000] + [8000] * 10, 10_000)
    assert not result.consumers[0].ended
    assert sum(recorder.ended for recorder in result.consumers) == 9


def test_bytes_that_were_released() -> None:
    """Bytes that are released, or of a connection that is over, leave the budget."""
    result = keeping([5000, 5000], 16_000)
    first, second = (recorder.connection for recorder in result.consumers)
    first.charge(-4500)
    assert result.streams.budget.used == 5000
    second.charge(-5000)
    assert result.streams.budget.used == 0
    assert result.warnings == []


def test_tiny_segments_under_large_ones() -> None:
    """Many buffered pieces under one segment become one piece; the bytes seen first are kept."""
    conversation = TcpConversation().open()
    for number in range(100):
        conversation.put(0, 2 + 2 * number, b"a")
    conversation.put(0, 1, b"b" * 300)
    result = run(conversation.frames, finish=False)
    buffered = result.only.connection.a.buffered_segments
    assert buffered is not None and len(buffered.pieces) == 1
    assert result.kinds == ["overlap-different-bytes"]
    result.streams.finish()
    assert result.only.text(0) == b"ba" * 100 + b"b" * 100
