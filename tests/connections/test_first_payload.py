"""Dismissing a flow by its first payload gives the same report as tracking it."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dissector.connections.analysis_context import AnalysisContext
from dissector.connections.detection import hello_without_mqtt
from dissector.connections.event_sink import EventSink
from dissector.connections.first_payload import FirstPayloadDetector
from dissector.engines import native
from dissector.engines.native import NativeEngine, PacketSink
from dissector.model import FrameRef
from dissector.net.consumer import FirstPayload
from tests.connections.test_detection import HELLO, UPGRADE
from tests.net import wire
from tests.net.recording import TcpConversation
from tests.net.wire import ACK, FIN, PSH, RST

CONNECT = bytes.fromhex("100d00044d5154540402003c000161")
BEGINNINGS = [
    HELLO,
    HELLO[:20],
    b"\x17\3\3\0\x20" + bytes(32),
    b"\x17\3\3\0\x20" + bytes(7),
    b"\x17\3",
    b"\x17\3\3\xff\xff",
    b"\x15\3\3\0\2\1\0",
    b"\x16\x0d\0\4MQTT\4\2\0\x3c\0\1a",
    UPGRADE,
    UPGRADE[:30],
    b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET / HTTP",
    b"POST / HTTP/1.1\r\nUpgrade: websocket\r\n\r\n",
    b"DELETE / HTTP/1.1\r\n\r\n",
    b"OPTIONS * HTTP/1.1\r\n\r\n",
    b"HTTP/1.1 200 OK\r\n\r\n",
    b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
    b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c" + bytes(12),
    b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n",
    b"P",
    b"\r",
    b"SSH-2.0-x\r\n",
    CONNECT,
    CONNECT[:1],
    CONNECT[:4],
    b"\xc0\0",
    b"\x30\7\0\3abcxy",
    b"\x10\0",
    b"\0",
    b"\xff" * 20,
]


class WarningSink(PacketSink):
    """Keeps the warnings."""

    def __init__(self) -> None:
        super().__init__()
        self.warnings: list[tuple[str, str, int]] = []

    def limited(self, kind: str, message: str, frame: FrameRef | None, stream: int) -> None:
        self.warnings.append((kind, message, stream))


def outcome(frames: list[bytes]) -> tuple[object, ...]:
    """Return what an engine counts and reports of frames."""
    sink = WarningSink()
    engine = NativeEngine(["-"], sink, frozenset())
    batch = wire.batch(frames)
    engine.streams.feed(batch, 0, batch.count)
    engine.streams.finish()
    context = engine.context
    return (
        list(context.other.items()),
        {kind: list(ports.items()) for kind, ports in context.other_ports.items()},
        context.mqtt_connections,
        engine.control_packets(),
        engine.streams.streams,
        engine.streams.contradictions,
        engine.streams.server_ports(),
        sink.warnings,
    )


@pytest.mark.parametrize("seed", range(60))
def test_dismissing_is_as_tracking(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether flows are dismissed or all are tracked makes no difference."""
    rng = random.Random(seed)
    lanes = []
    for number in range(12):
        port = rng.choice([1883, 8883, 443, 5000, 5001])
        talk = TcpConversation(client_port=40000 + number, server_port=port)
        if rng.random() < 0.6:
            talk.open()
        first = rng.choice(BEGINNINGS)
        if rng.random() < 0.3:
            changed = bytearray(first)
            changed[rng.randrange(len(first))] = rng.randrange(256)
            first = bytes(changed)
        talk.send(0 if rng.random() < 0.85 else 1, first)
        for _ in range(rng.randrange(4)):
            talk.send(rng.randrange(2), rng.choice(BEGINNINGS))
        if rng.random() < 0.3:
            talk.send(0, CONNECT).send(1, b"\x20\2\0\0")
        talk.add(rng.randrange(2), rng.choice([ACK, FIN | ACK, RST, PSH | ACK]))
        lanes.append(talk.frames)
    frames = []
    while lanes:
        lane = rng.choice(lanes)
        frames.append(lane.pop(0))
        if not lane:
            lanes.remove(lane)
    dismissing = outcome(frames)
    monkeypatch.setattr(native, "FirstPayloadDetector", lambda context: FirstPayload())
    assert outcome(frames) == dismissing


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (HELLO, "tls"),
        (b"\x17\3\3\0\x20" + bytes(32), "tls"),
        (b"SSH-2.0-x\r\n", "ssh"),
        (b"\xff" * 20, "other"),
        (b"GET / HTTP/1.1\r\n\r\n", None),
        (CONNECT, None),
        (CONNECT[:3], None),
        (HELLO[:20], None),
    ],
)
def test_kinds(data: bytes, kind: str | None) -> None:
    """What is certain is named; what may be MQTT, or become it, is left to a tracker."""
    detector = FirstPayloadDetector(AnalysisContext(EventSink(), ["-"], frozenset({1883})))
    assert detector.judge(data, 0, len(data), 40000 << 16 | 5000, False) == kind


@given(st.binary(max_size=9), st.sampled_from([b"mqtt", b"MqTT", b"mqt", b"tqtt"]), st.binary())
def test_hellos_that_offer_mqtt(before: bytes, name: bytes, after: bytes) -> None:
    """A ClientHello with "mqtt" anywhere in it is left to a tracker, another is dismissed."""
    body = before + name + after
    message = b"\1" + len(body).to_bytes(3, "big") + body
    data = b"\x16\3\1" + len(message).to_bytes(2, "big") + message
    assert hello_without_mqtt(data) is (b"mqtt" not in data.lower())
