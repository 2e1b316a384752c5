"""The flat table of flows, and what becomes of flows that never carry MQTT."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import pytest

from dissector.net.consumer import FirstPayload
from dissector.net.limits import Limits
from dissector.net.streams import Streams
from tests.net import wire
from tests.net.recording import RecordingConsumer, TcpConversation
from tests.net.wire import ACK, FIN, PSH, RST, SYN

FOREIGN = b"SSH-2.0-x\r\n"


class Dismissing(FirstPayload):
    """Dismisses the flows that begin as SSH; `counted` are kinds and ports."""

    def __init__(self) -> None:
        self.counted: list[tuple[str, int]] = []
        self.proven: set[bytes] = set()

    def judge(self, window: bytes, start: int, stop: int, ports: int, lost: bool) -> str | None:
        return "other" if window[start : start + 4] == b"SSH-" else None

    def dismissed(self, kind: str, port: int) -> None:
        self.counted.append((kind, port))

    def serves(self, one: bytes, other: bytes, midstream: bool) -> bool:
        return other in self.proven or (midstream and one in self.proven)


@dataclass
class Run:
    """Streams that are fed frame by frame, with all that they report."""

    limits: Limits = field(default_factory=Limits)
    first_payload: FirstPayload | None = None
    consumers: list[RecordingConsumer] = field(default_factory=list)
    warnings: list[tuple[str, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.streams = Streams(
            self._follow,
            warn=lambda kind, message, frame, stream: self.warnings.append((kind, stream)),
            limits=self.limits,
            first_payload=self.first_payload,
        )
        self.fed = 0

    def _follow(self, connection: object) -> RecordingConsumer:
        self.consumers.append(RecordingConsumer(connection))  # type: ignore[arg-type]
        return self.consumers[-1]

    def feed(self, *frames: bytes) -> Run:
        """Feed frames, all captured at once."""
        batch = wire.batch(list(frames), first_number=self.fed + 1)
        self.fed += len(frames)
        self.streams.feed(batch, 0, batch.count)
        return self


def talk(port: int, server_port: int = 22) -> TcpConversation:
    """Return a conversation with a port that is not expected."""
    return TcpConversation(client_port=port, server_port=server_port)


def test_a_dismissed_flow_is_no_connection() -> None:
    """It is counted by its kind and its server's port, and stays flat to its end."""
    judge = Dismissing()
    run = Run(first_payload=judge)
    run.feed(*talk(40000).open().send(0, FOREIGN).send(1, FOREIGN).close().frames)
    assert (run.consumers, run.streams.connections) == ([], {})
    assert judge.counted == [("other", 22)]
    assert run.streams.flows.states() == ["unwanted"]


def test_a_flow_that_is_not_dismissed_has_all_its_segments() -> None:
    """Its connection is as if it had existed from the first segment."""
    conversation = talk(40000).open().send(0, b"\x10abc").send(1, b"answer")
    run = Run(first_payload=Dismissing()).feed(*conversation.frames)
    (consumer,) = run.consumers
    tcp = consumer.connection
    assert consumer.events == [("chunk", 0, b"\x10abc"), ("chunk", 1, b"answer")]
    assert tcp.syn_seen and tcp.synack_seen
    assert (tcp.first_frame, tcp.a.segments, tcp.b.segments) == (1, 3, 2)
    assert tcp.a.started and tcp.b.started


@pytest.mark.parametrize("flags", [RST, RST | ACK])
def test_data_after_a_reset(flags: int) -> None:
    """Data that was captured after the RST that answers a SYN is delivered all the same."""
    conversation = talk(40000).add(0, SYN).add(1, flags).send(0, b"\x10abc")
    run = Run().feed(*conversation.frames)
    assert [event[0] for event in run.consumers[0].events] == ["gap", "closed", "chunk"]


@pytest.mark.parametrize("acknowledged", [False, True])
def test_two_fins_without_payload(acknowledged: bool) -> None:
    """A flow of which only both FINs are seen stays flat, and is closed after the linger time."""
    conversation = talk(40000).add(0, FIN | ACK)
    conversation.add(1, FIN | ACK, ack=None if acknowledged else conversation.seq[0] - 1)
    run = Run(Limits(linger_ns=5)).feed(*conversation.frames)
    assert (run.streams.connections, run.streams.flows.states()) == ({}, ["waiting"])
    run.streams.advance(1 << 61)
    assert run.streams.flows.states() == ["closed"]


def test_data_after_two_fins() -> None:
    """The connection that late data begins has both FINs, as if it had existed before."""
    conversation = talk(40000).add(0, FIN | ACK).add(1, FIN | ACK).send(0, b"x")
    run = Run().feed(*conversation.frames)
    (consumer,) = run.consumers
    kinds = ["gap", "closed"]
    assert [event[:2] for event in consumer.events] == [(k, side) for side in (0, 1) for k in kinds]
    assert (consumer.connection.a.segments, consumer.connection.b.segments) == (2, 1)


def test_the_window_scale_is_held() -> None:
    """A flat flow keeps the window scale options of both SYNs."""
    conversation = talk(40000)
    conversation.add(0, SYN, options=b"\3\3\7\1").add(1, SYN | ACK, options=b"\1\3\3\2")
    run = Run().feed(*conversation.add(0, ACK).send(0, b"x").frames)
    tcp = run.consumers[0].connection
    assert (tcp.a.scale, tcp.b.scale) == (7, 2)


def test_foreign_flows_evict_no_connection() -> None:
    """Idle connections outlast any number of flows that are no connections."""
    idle = [TcpConversation(client_port=1024 + n).open().send(0, b"a") for n in range(10)]
    run = Run(Limits(connections=10, undecided=10, flows=200, closed=50), Dismissing())
    for conversation in idle:
        run.feed(*conversation.frames)
    for number in range(1500):
        scanned = talk(10000 + number, 1 + number % 1000)
        if number % 3 == 0:
            run.feed(*scanned.add(0, SYN).add(1, RST | ACK).frames)
        elif number % 3 == 1:
            run.feed(*scanned.add(0, SYN).frames)
        else:
            run.feed(*scanned.add(0, PSH | ACK, FOREIGN).frames)
    for conversation in idle:
        run.feed(conversation.send(0, b"b").frames[-1])
    assert [consumer.text(0) for consumer in run.consumers] == [b"ab"] * 10
    assert run.streams.flows.count <= 200
    assert "flow-limit" in {kind for kind, _ in run.warnings}
    assert "connection-limit" not in {kind for kind, _ in run.warnings}


def test_undecided_connections_evict_no_decided_one() -> None:
    """A flood of connections that may be MQTT evicts only others of that kind."""
    run = Run(Limits(connections=10, undecided=5))
    first = TcpConversation(client_port=1024).open().send(0, b"a")
    run.feed(*first.frames)
    run.consumers[0].connection.mark_decided()
    for number in range(20):
        run.feed(*TcpConversation(client_port=2000 + number).open().frames)
    run.feed(first.send(0, b"b").frames[-1])
    assert run.consumers[0].text(0) == b"ab"
    assert len(run.streams.connections) == 6
    assert [kind for kind, _ in run.warnings] == ["connection-limit"]


def test_a_dropped_flow_has_a_new_number() -> None:
    """A flow that is seen again after it was dropped is counted as another stream."""
    run = Run(Limits(flows=3, undecided=1, connections=1))
    frames = [talk(40000 + number).add(0, SYN).frames[0] for number in range(6)]
    run.feed(*frames)
    assert run.streams.flows.count == 3
    assert run.streams.dropped_flows == 3
    assert [kind for kind, _ in run.warnings] == ["flow-limit"]
    run.feed(frames[0])
    assert run.streams.streams == 7


def test_an_unread_flow_is_read_after_a_proof() -> None:
    """A flow from the middle that was dismissed becomes a connection once its server is proven."""
    judge = Dismissing()
    run = Run(first_payload=judge)
    conversation = talk(40000).add(0, PSH | ACK, FOREIGN)
    run.feed(*conversation.frames)
    judge.proven.add(bytes((10, 0, 0, 2)) + (22).to_bytes(2, "big"))
    run.feed(conversation.send(0, b"1").frames[-1])
    assert run.consumers == []
    run.streams.generation += 1
    run.feed(conversation.send(0, b"2").frames[-1])
    assert run.consumers[0].events == [("gap", 0, -1, "mid-stream"), ("chunk", 0, b"2")]
    assert run.consumers[0].connection.stream == 0


@pytest.mark.parametrize("seed", range(4))
def test_flows_are_found_again(seed: int) -> None:
    """Thousands of flows over both versions of IP, some removed, keep their numbers and sides."""
    rng = random.Random(seed)
    run = Run(Limits(closed=300, linger_ns=0))
    numbers: dict[tuple[int, int], int] = {}
    ends = (("10.0.0.1", "10.0.0.2"), ("fd00::1", "fd00::2"))
    for _ in range(4000):
        version, port = rng.randrange(2), rng.randrange(1500)
        side = rng.randrange(2)
        ports = (1024 + port, 9)
        segment = wire.tcp(ports[side], ports[1 - side], 5, 5, ACK)
        one, other = ends[version][side], ends[version][1 - side]
        frame = wire.ethernet(
            wire.ipv6(segment, one, other) if version else wire.ipv4(segment, one, other),
            0x86DD if version else 0x800,
        )
        run.feed(frame)
        found = run.streams.owner(run.streams.segment)
        assert found is not None
        assert numbers.setdefault((version, port), found[0]) == found[0]
    assert run.streams.flows.count == run.streams.streams == len(numbers)


def test_everything_is_forgotten_at_the_end() -> None:
    """After the end the table is empty, and can be filled again."""
    run = Run(first_payload=Dismissing())
    for _ in range(2):
        for number in range(2000):
            run.feed(*talk(1024 + number).add(0, PSH | ACK, FOREIGN).add(0, FIN | ACK).frames)
        run.streams.finish()
        assert (run.streams.flows.count, run.streams.open_flows) == (0, 0)
    assert run.streams.streams == 4000
