"""TCP reassembly: each row of `CASES` is a sequence of segments and the expected calls."""

from __future__ import annotations

import pytest

from tests.net import wire
from tests.net.recording import (
    CLIENT_ISN,
    SERVER_ISN,
    RecordedEvent,
    RecordedRun,
    RecordingConsumer,
    TcpConversation,
    run,
)
from tests.net.wire import ACK, FIN, PSH, RST, SECOND, START, SYN

END = ("finished", "capture end")
CLOSED = ("finished", "closed")


def c(text: bytes) -> RecordedEvent:
    return ("chunk", 0, text)


def s(text: bytes) -> RecordedEvent:
    return ("chunk", 1, text)


def lost(side: int, size: int) -> RecordedEvent:
    return ("gap", side, size, "lost")


def mid(side: int) -> RecordedEvent:
    return ("gap", side, -1, "mid-stream")


def fin(side: int) -> RecordedEvent:
    return ("closed", side, "FIN")


def rst(side: int) -> RecordedEvent:
    return ("closed", side, "RST")


def whole() -> TcpConversation:
    return TcpConversation().open().send(0, b"hello").send(1, b"world")


def wrapped() -> TcpConversation:
    conversation = TcpConversation(seq=[0xFFFFFFFE, 0xFFFFFFFF])
    return conversation.open().send(0, b"abcdef").send(1, b"ghijkl").send(0, b"mn").close()


def shuffled() -> TcpConversation:
    conversation = TcpConversation().open().send(0, b"ab").send(0, b"cd").send(0, b"ef")
    conversation.frames[3:] = [
        conversation.frames[5],
        conversation.frames[4],
        conversation.frames[3],
    ]
    return conversation


def doubled() -> TcpConversation:
    conversation = whole().close()
    conversation.frames = [frame for frame in conversation.frames for _ in range(2)]
    return conversation


def mirrored() -> TcpConversation:
    conversation = whole().close()
    tagged = [frame[:12] + bytes.fromhex("81000005") + frame[12:] for frame in conversation.frames]
    conversation.frames = [
        one for pair in zip(conversation.frames, tagged, strict=True) for one in pair
    ]
    return conversation


def fast_open() -> TcpConversation:
    conversation = TcpConversation().add(0, SYN, b"early").add(1, SYN | ACK)
    return conversation.send(0, b" late").send(1, b"yes")


def fast_open_refused() -> TcpConversation:
    conversation = TcpConversation().add(0, SYN, b"early")
    frame = conversation.segment(1, SERVER_ISN, CLIENT_ISN + 1, SYN | ACK)
    conversation.frames.append(frame)
    conversation.seq[1] += 1
    return conversation.put(0, 0, b"early").send(0, b" late")


def simultaneous_open() -> TcpConversation:
    conversation = TcpConversation().add(0, SYN).add(1, SYN)
    conversation.frames.append(conversation.segment(0, CLIENT_ISN, SERVER_ISN + 1, SYN | ACK))
    conversation.frames.append(conversation.segment(1, SERVER_ISN, CLIENT_ISN + 1, SYN | ACK))
    return conversation.send(0, b"a").send(1, b"b")


def simultaneous_close() -> TcpConversation:
    conversation = whole()
    one, other = conversation.seq
    conversation.frames.append(conversation.segment(0, one, other, FIN | ACK))
    conversation.frames.append(conversation.segment(1, other, one, FIN | ACK))
    conversation.frames.append(conversation.segment(0, one + 1, other + 1, ACK))
    conversation.frames.append(conversation.segment(1, other + 1, one + 1, ACK))
    return conversation


def keep_alive(payload: bytes) -> TcpConversation:
    conversation = whole()
    conversation.put(0, 4, payload, ACK).ack(1).put(1, 4, payload, ACK).ack(0)
    return conversation.send(0, b"!").send(1, b"?")


def keep_alive_first() -> TcpConversation:
    conversation = TcpConversation().open().send(0, b"x")
    del conversation.frames[:4]
    return conversation.put(0, 0, b"\0", ACK).ack(1).send(0, b"real").ack(1)


def zero_window_probe() -> TcpConversation:
    conversation = TcpConversation().open().send(0, b"abc")
    conversation.window = 0
    conversation.ack(1)
    conversation.window = 65535
    return conversation.put(0, 3, b"d", ACK).send(0, b"def")


def fin_behind_hole() -> TcpConversation:
    conversation = TcpConversation().open().send(0, b"abc").send(0, b"def").add(0, FIN | ACK)
    late = conversation.frames.pop(4)
    conversation.frames.append(late)
    return conversation.add(1, FIN | ACK).ack(0)


def data_with_fin() -> TcpConversation:
    conversation = TcpConversation().open().add(0, FIN | PSH | ACK, b"bye")
    conversation.frames.append(conversation.frames[-1])
    return conversation.send(1, b"ok").add(1, FIN | ACK)


def acknowledged_unseen() -> TcpConversation:
    return TcpConversation().open().send(0, b"abc").drop().ack(1)


def fin_unseen() -> TcpConversation:
    return whole().add(0, FIN | ACK).drop().ack(1)


def acknowledgement_beyond(ahead: int) -> TcpConversation:
    conversation = whole()
    conversation.frames.append(
        conversation.segment(1, conversation.seq[1], conversation.seq[0] + ahead, ACK)
    )
    return conversation.send(0, b"!")


def reset_acknowledging_more() -> TcpConversation:
    conversation = whole()
    conversation.frames.append(
        conversation.segment(1, conversation.seq[1], conversation.seq[0] + 9, RST | ACK)
    )
    return conversation


def out_of_window_reset() -> TcpConversation:
    conversation = whole()
    conversation.frames.append(conversation.segment(1, conversation.seq[1] + 0x10000000, 0, RST))
    return conversation.send(1, b"!")


def reset_after_hole() -> TcpConversation:
    conversation = TcpConversation().open().send(0, b"ab").send(0, b"cd").drop(3)
    return conversation.reset(1)


def one_way() -> TcpConversation:
    conversation = whole().send(0, b"!").close()
    conversation.frames = [frame for frame in conversation.frames if frame[6:12] == wire.MAC_A]
    return conversation


def answer_before_request() -> TcpConversation:
    conversation = TcpConversation().open().send(0, b"ask").send(1, b"tell")
    conversation.frames[3], conversation.frames[4] = conversation.frames[4], conversation.frames[3]
    return conversation


def late_syn() -> TcpConversation:
    conversation = TcpConversation().open().send(0, b"abc").send(1, b"def")
    conversation.frames.append(conversation.frames.pop(0))
    return conversation


def mid_stream(side: int) -> TcpConversation:
    conversation = whole().send(side, b"a").send(1 - side, b"b")
    del conversation.frames[:5]
    return conversation


def old_data_after_mid_stream() -> TcpConversation:
    conversation = whole().send(0, b"new")
    first = conversation.frames[3]
    del conversation.frames[:5]
    conversation.frames.append(first)
    return conversation


def syn_ack_first() -> TcpConversation:
    return whole().drop(0)


def half_open() -> TcpConversation:
    conversation = TcpConversation().add(0, SYN)
    conversation.frames *= 3
    return conversation


def half_closed() -> TcpConversation:
    return (
        TcpConversation()
        .open()
        .add(0, FIN | ACK)
        .send(1, b"still")
        .send(1, b" here")
        .add(1, FIN | ACK)
    )


def refused() -> TcpConversation:
    conversation = TcpConversation().add(0, SYN)
    conversation.frames.append(conversation.segment(1, 0, CLIENT_ISN + 1, RST | ACK))
    return conversation


def overlapped_same() -> TcpConversation:
    conversation = TcpConversation().open().send(0, b"abcd")
    return conversation.put(0, 2, b"cdef").put(0, 0, b"abcdefgh").put(0, 6, b"gh")


def data_after_fin() -> TcpConversation:
    conversation = whole().add(0, FIN | ACK)
    return conversation.put(0, 6, b"nonsense").ack(1)


CASES = {
    "in order": (whole(), [c(b"hello"), s(b"world"), END]),
    "closed": (whole().close(), [c(b"hello"), s(b"world"), fin(0), fin(1), CLOSED]),
    "wrap-around": (wrapped(), [c(b"abcdef"), s(b"ghijkl"), c(b"mn"), fin(0), fin(1), CLOSED]),
    "out of order": (shuffled(), [c(b"abcdef"), END]),
    "captured twice": (doubled(), [c(b"hello"), s(b"world"), fin(0), fin(1), CLOSED]),
    "with a VLAN tag too": (mirrored(), [c(b"hello"), s(b"world"), fin(0), fin(1), CLOSED]),
    "fast open": (fast_open(), [c(b"early late"), s(b"yes"), END]),
    "fast open refused": (fast_open_refused(), [c(b"early late"), END]),
    "simultaneous open": (simultaneous_open(), [c(b"a"), s(b"b"), END]),
    "simultaneous close": (
        simultaneous_close(),
        [c(b"hello"), s(b"world"), fin(0), fin(1), CLOSED],
    ),
    "keep-alive, empty": (
        keep_alive(b""),
        [c(b"hello"), s(b"world"), c(b"!"), s(b"?"), END],
    ),
    "keep-alive, one byte": (
        keep_alive(b"\0"),
        [c(b"hello"), s(b"world"), c(b"!"), s(b"?"), END],
    ),
    "keep-alive first of all": (keep_alive_first(), [mid(0), c(b"real"), END]),
    "zero-window probe": (zero_window_probe(), [c(b"abcdef"), END]),
    "FIN behind a hole": (fin_behind_hole(), [c(b"abcdef"), fin(0), fin(1), CLOSED]),
    "FIN with data, twice": (data_with_fin(), [c(b"bye"), fin(0), s(b"ok"), fin(1), END]),
    "half-closed": (half_closed(), [fin(0), s(b"still here"), fin(1), END]),
    "data after the FIN": (data_after_fin(), [c(b"hello"), s(b"world"), fin(0), END]),
    "acknowledged, never seen": (acknowledged_unseen(), [lost(0, 3), END]),
    "FIN acknowledged, never seen": (fin_unseen(), [c(b"hello"), s(b"world"), lost(0, 1), END]),
    "acknowledges half the sequence space": (
        acknowledgement_beyond(0x7FFFFFFF),
        [c(b"hello"), s(b"world"), c(b"!"), END],
    ),
    "acknowledges more than a window": (
        acknowledgement_beyond(0x100000),
        [c(b"hello"), s(b"world"), c(b"!"), END],
    ),
    "RST acknowledging more": (
        reset_acknowledging_more(),
        [c(b"hello"), s(b"world"), rst(1), END],
    ),
    "RST out of window": (out_of_window_reset(), [c(b"hello"), s(b"world!"), END]),
    "RST with a hole open": (reset_after_hole(), [rst(1), lost(0, 2), c(b"cd"), END]),
    "refused": (refused(), [rst(1), END]),
    "half-open": (half_open(), [END]),
    "one direction only": (
        one_way(),
        [c(b"hello!"), fin(0), mid(1), lost(1, 6), END],
    ),
    "answer before request": (answer_before_request(), [c(b"ask"), s(b"tell"), END]),
    "SYN captured late": (late_syn(), [c(b"abc"), s(b"def"), END]),
    "SYN/ACK first": (syn_ack_first(), [c(b"hello"), s(b"world"), END]),
    "mid-stream": (mid_stream(0), [mid(0), c(b"a"), mid(1), s(b"b"), END]),
    "mid-stream, server first": (mid_stream(1), [mid(0), c(b"a"), mid(1), s(b"b"), END]),
    "old data after mid-stream": (old_data_after_mid_stream(), [mid(0), c(b"new"), END]),
    "overlapped, same bytes": (overlapped_same(), [c(b"abcdefgh"), END]),
}


@pytest.mark.parametrize("name", CASES)
def test_transport_case(name: str) -> None:
    """Each sequence of segments gives the bytes once, in order, with its gaps and closes."""
    conversation, expected = CASES[name]
    result = run(conversation.frames)
    assert result.only.joined() == expected
    assert result.kinds == []
    assert result.streams.buffered == 0


@pytest.mark.parametrize("name", CASES)
def test_any_batching_is_the_same(name: str) -> None:
    """Frames in batches of one give the same calls as in one batch."""
    conversation, expected = CASES[name]
    assert run(conversation.frames, size=1).only.joined() == expected


def test_attributes_of_a_connection() -> None:
    """A connection has its endpoints, its times and what each side sent and had acknowledged."""
    conversation = whole().ack(0).close()
    connection = run(conversation.frames).only.connection
    assert connection.stream == 0
    assert (connection.direction(0).ip, connection.direction(0).port) == (
        wire.address("10.0.0.1"),
        40000,
    )
    assert (connection.direction(1).ip, connection.direction(1).port) == (
        wire.address("10.0.0.2"),
        1883,
    )
    assert (connection.direction(0).mac, connection.direction(1).mac) == (wire.MAC_A, wire.MAC_B)
    assert connection.syn_seen
    assert connection.synack_seen
    assert connection.both_seen()
    assert connection.first_frame == 1
    assert connection.last_time_ns - connection.first_time_ns == 8_000_000
    client, server = connection.direction(0), connection.direction(1)
    assert (client.acknowledged, client.segments) == (5, 6)
    assert (server.acknowledged, server.segments) == (5, 3)
    assert client.started
    assert not any((client.gap, client.conflict))
    assert client.fin_time_ns == START + 7_000_000
    assert client.rst_time_ns == -1


def test_acknowledged_is_set_before_the_chunk_is_delivered() -> None:
    """The acknowledgement in a segment is processed before its bytes are delivered."""
    conversation = whole()
    result = run(conversation.frames[:4], finish=False)
    recorder = result.only
    client = recorder.connection.direction(0)
    seen = []

    class AcknowledgedRecorder(RecordingConsumer):
        def chunk(
            self, side: int, window: bytes, start: int, stop: int, frame: int, time_ns: int
        ) -> bool:
            seen.append(client.acknowledged)
            return True

    recorder.connection.consumer = AcknowledgedRecorder(recorder.connection)
    batch = wire.batch(conversation.frames[4:], first_number=5)
    result.streams.feed(batch, 0, batch.count)
    assert seen == [5]


@pytest.mark.parametrize(
    ("late", "expected"),
    [
        (False, [lost(0, 2), c(b"cdxyz"), CLOSED]),
        (True, [c(b"abcdxyz"), CLOSED]),
    ],
)
def test_both_closed_ends_after_the_linger_time(late: bool, expected: list[RecordedEvent]) -> None:
    """After both FINs a late segment may still fill a hole; ten seconds later tracking ends."""
    conversation = TcpConversation().open().send(0, b"ab").send(0, b"cd").send(0, b"xyz").close()
    missing = conversation.frames.pop(3)
    frames = [
        *conversation.frames,
        *([missing] if late else []),
        TcpConversation(client_port=50000).add(0, SYN).frames[0],
    ]
    times = [START + i for i in range(len(frames) - 1)] + [START + 11 * SECOND]
    result = run(frames, times=times, finish=False)
    events = [event for event in result.consumers[0].joined() if event[0] != "closed"]
    assert events == expected


def hole(after: int, gap_ns: int) -> RecordedRun:
    conversation = TcpConversation().open().send(0, b"ab").send(0, b"cd").drop(3).ack(1)
    for _ in range(after):
        conversation.ack(1)
    times = [START + i for i in range(len(conversation.frames) - 1)] + [START + gap_ns]
    return run(conversation.frames, times=times, finish=False)


@pytest.mark.parametrize(
    ("after", "gap_ns", "skipped"),
    [(64, SECOND + 10, True), (63, 5 * SECOND, False), (100, SECOND // 2, False)],
)
def test_when_a_hole_is_skipped(after: int, gap_ns: int, skipped: bool) -> None:
    """An acknowledged hole is lost after both 64 more segments and one second."""
    recorder = hole(after, gap_ns).only
    assert recorder.joined() == ([lost(0, 2), c(b"cd")] if skipped else [])


def test_a_hole_without_acknowledgement_stays() -> None:
    """A hole is not skipped while the peer may still request the bytes again."""
    conversation = TcpConversation().open().send(0, b"ab").drop()
    for _ in range(100):
        conversation.put(0, 2, b"cd")
    times = [START + i * SECOND for i in range(len(conversation.frames))]
    conversation.frames[3:] = [
        wire.ethernet(wire.ipv4(wire.tcp(40000, 1883, CLIENT_ISN + 3, SERVER_ISN + 1, ACK, b"cd")))
    ] * 100
    assert run(conversation.frames, times=times, finish=False).only.events == []


def test_late_bytes_of_a_skipped_hole_are_dropped() -> None:
    """Bytes that were reported as lost are not delivered afterwards."""
    conversation = TcpConversation().open().send(0, b"ab").send(0, b"cd")
    missing = conversation.frames.pop(3)
    conversation.ack(1)
    for _ in range(64):
        conversation.ack(1)
    times = [START + i for i in range(len(conversation.frames) - 1)] + [START + 2 * SECOND]
    conversation.frames.append(missing)
    result = run(conversation.frames, times=[*times, times[-1]])
    assert result.only.joined() == [lost(0, 2), c(b"cd"), END]
    assert result.kinds == []


def test_frame_of_bytes_behind_a_filled_hole() -> None:
    """Bytes delivered when a hole was filled have the frame that filled it."""
    conversation = shuffled()
    frames = [(name, frame) for name, _, frame, _ in run(conversation.frames).only.frames]
    assert frames == [("chunk", 6)] * 3


def test_frame_of_bytes_behind_a_gap() -> None:
    """Bytes behind a gap have their own frames, never one before a frame reported already."""
    conversation = TcpConversation().open().send(0, b"ab").send(0, b"cd").send(0, b"ef").drop(3)
    frames = [(name, frame) for name, _, frame, _ in run(conversation.frames).only.frames]
    assert frames == [("gap", 4), ("chunk", 4), ("chunk", 5)]


@pytest.mark.parametrize("waiting", [False, True])
def test_overlap_with_different_bytes(waiting: bool) -> None:
    """The bytes seen first are used, and the difference is reported once."""
    conversation = TcpConversation().open()
    if waiting:
        conversation.put(0, 2, b"cd").put(0, 1, b"bXd").put(0, 1, b"bYd").put(0, 0, b"abc")
    else:
        conversation.put(0, 0, b"ab").put(0, 2, b"cd").put(0, 1, b"bXd").put(0, 1, b"bYd")
    result = run(conversation.frames)
    assert result.only.text(0) == b"abcd"
    assert result.kinds == ["overlap-different-bytes"]
    assert result.only.connection.direction(0).conflict
    assert not result.only.connection.direction(1).conflict


def test_snap_length_makes_gaps_of_known_size() -> None:
    """The tail of a segment that the snap length cut is a gap, and what follows is in order."""
    conversation = whole().send(0, b"again")
    lengths = [len(frame) for frame in conversation.frames]
    frames = [*conversation.frames[:3], *(frame[:-3] for frame in conversation.frames[3:])]
    recorder = run(frames, originals=lengths).only
    cut = ("gap", 0, 3, "snap length")
    assert recorder.events == [
        c(b"he"), cut, s(b"wo"), ("gap", 1, 3, "snap length"), c(b"ag"), cut, END,
    ]  # fmt: skip
    assert recorder.text(0) == b"heag"


def test_snap_length_that_leaves_no_payload() -> None:
    """Frames cut right behind the TCP header give gaps only."""
    conversation = whole()
    lengths = [len(frame) for frame in conversation.frames]
    recorder = run([frame[:54] for frame in conversation.frames], originals=lengths).only
    assert recorder.events == [
        ("gap", 0, 5, "snap length"), ("gap", 1, 5, "snap length"), END,
    ]  # fmt: skip


def test_frames_cut_within_the_tcp_header_are_reported_once() -> None:
    """A frame too short for the TCP flags is no segment, and one warning reports it."""
    conversation = whole()
    lengths = [len(frame) for frame in conversation.frames]
    result = run([frame[:40] for frame in conversation.frames], originals=lengths)
    assert result.consumers == []
    assert result.kinds == ["snap-length"]
    assert result.streams.cut_headers == 5


def test_reuse_ends_the_old_connection() -> None:
    """A new SYN on the same ports begins a new stream and ends the old one."""
    first = whole()
    second = TcpConversation(seq=[90000, 80000]).open().send(0, b"again")
    result = run(first.frames + second.frames)
    assert [recorder.joined()[-1] for recorder in result.consumers] == [("finished", "reused"), END]
    assert [recorder.connection.stream for recorder in result.consumers] == [0, 1]
    assert result.consumers[1].text(0) == b"again"


def test_reuse_with_the_same_sequence_number() -> None:
    """After a close the same SYN again is a new connection with Wireshark's old number."""
    frames = whole().close().frames + whole().frames
    result = run(frames)
    assert [recorder.connection.stream for recorder in result.consumers] == [0, 0]
    assert [recorder.text(0) for recorder in result.consumers] == [b"hello", b"hello"]
    assert result.streams.streams == 1


def test_a_consumer_may_stop() -> None:
    """After the consumer returned False it is not called again; the stream number is kept."""
    conversation = whole().close()
    result = run(conversation.frames, stop_after=1)
    assert result.only.events == [c(b"hello")]
    assert result.streams.streams == 1


def test_no_consumer_before_the_first_bytes() -> None:
    """On other ports the factory is called at the first payload byte."""
    conversation = TcpConversation(server_port=8883).open()
    assert run(conversation.frames).consumers == []
    assert len(run(conversation.send(0, b"x").frames).consumers) == 1


def test_a_clock_going_back_is_reported_once() -> None:
    """Times that go back more than a second are used as they are, with one warning."""
    conversation = whole().close()
    times = [START, START + 9 * SECOND, START, START + 9 * SECOND, *[START] * 4]
    result = run(conversation.frames, times=times)
    assert result.kinds == ["clock-going-back"]
    assert result.only.joined() == [c(b"hello"), s(b"world"), fin(0), fin(1), CLOSED]


def test_server_ports_are_counted() -> None:
    """Connections are counted by the port of the responder, mid-stream by the lower port."""
    frames = whole().frames + TcpConversation(client_port=5, server_port=443).open().frames
    frames += TcpConversation(client_port=50001, server_port=8080).open().ack(0).frames[3:]
    assert run(frames).streams.server_ports() == {1883: 1, 443: 1, 8080: 1}


@pytest.mark.parametrize(("later", "reported"), [(1, True), (3, True), (4, False)])
def test_delivered_bytes_are_compared_for_some_windows(later: int, reported: bool) -> None:
    """A retransmission is compared with the bytes of this window and the three before."""
    conversation = TcpConversation().open().send(0, b"first")
    result = run(conversation.frames, finish=False)
    for number in range(later):
        again = conversation.segment(0, CLIENT_ISN + 1, SERVER_ISN + 1, ACK, b"First")
        last = number == later - 1
        frame = again if last else TcpConversation(client_port=50000 + number).add(0, SYN).frames[0]
        batch = wire.batch([frame], first_number=10 + number)
        result.streams.feed(batch, 0, 1)
    assert result.kinds == (["overlap-different-bytes"] if reported else [])


def test_files_read_alternately_keep_their_windows() -> None:
    """Frames of several files, read alternately, are compared as those of one."""
    conversation = TcpConversation().open().send(0, b"ab").send(1, b"cd")
    conversation.put(0, 0, b"aX").put(1, 0, b"Xd")
    batches = [wire.batch(conversation.frames, file=number) for number in (0, 1)]
    result = run([])
    for at in range(len(conversation.frames)):
        result.streams.feed(batches[at % 2], at, at + 1)
    result.streams.finish()
    assert [(kind, frame >> 40, frame & 0xFF) for kind, _, frame, _ in result.warnings] == [
        ("overlap-different-bytes", 1, 6)
    ]
    assert result.only.text(0) == b"ab"
    assert all(result.only.connection.direction(side).conflict for side in (0, 1))


def test_an_icmp_error_makes_no_consumer() -> None:
    """A segment quoted by an ICMP error only gets a stream number."""
    datagram = wire.ipv4(wire.tcp(40000, 1883, CLIENT_ISN, 0, SYN, b""))
    error = wire.ethernet(wire.ipv4(b"\3\1" + bytes(6) + datagram, "192.0.2.9", protocol=1))
    assert run([error]).consumers == []
    assert run([error]).streams.streams == 1
    result = run([error, *whole().frames])
    assert result.only.text(0) == b"hello"
    assert result.streams.streams == 1


def test_a_frame_outside_of_its_window_raises() -> None:
    """A batch whose offsets point beyond its window raises IndexError."""
    batch = wire.batch(whole().frames)
    batch.captured[4] += 1
    with pytest.raises(IndexError):
        run([]).streams.feed(batch, 0, batch.count)
