"""A detector puts the consumer that it decides for in its place, as early as it can decide."""

from __future__ import annotations

import pytest

from dissector.connections.detector import Detector
from dissector.connections.encapsulation.proxy import ProxyReader
from dissector.connections.encapsulation.tls import TlsWatcher
from dissector.connections.encapsulation.websocket import WebSocketReader
from dissector.connections.tracker import Tracker
from dissector.engines.native import NativeEngine, PacketSink
from dissector.net.consumer import Consumer
from dissector.net.reassembly import CausalOrder
from dissector.rules.examples import (
    ACCEPTED_311,
    CONNECT_311,
    framed,
    websocket_answer,
    websocket_request,
)
from samples.build import Frame, conversation
from tests.net import wire

UPGRADE = (websocket_request("mqtt"), websocket_answer("mqtt"))
PROXIED = "C " + b"PROXY TCP4 192.0.2.1 192.0.2.2 40000 1883\r\n".hex()
HELLO = "C 16 03 01 00 05 01 00 00 01 00"
SPLIT = (CONNECT_311[:13], "C " + CONNECT_311[13:])


def consumer_of(frames: list[Frame], port: int = 1883) -> Consumer | None:
    """Returns the consumer of the only connection after these frames; None if it is unwanted."""
    engine = NativeEngine(["-"], PacketSink(), frozenset({port}))
    batch = wire.batch([frame.data for frame in frames])
    engine.streams.feed(batch, 0, batch.count)
    connections = list(engine.streams.connections.values())
    assert len(connections) <= engine.streams.streams == 1
    return connections[0].consumer if connections else None  # else a flat entry again


@pytest.mark.parametrize(
    ("steps", "kind"),
    [
        ((CONNECT_311,), Tracker),
        ((CONNECT_311, ACCEPTED_311), Tracker),
        (SPLIT[:1], Detector),
        (SPLIT, Tracker),
        (UPGRADE[:1], WebSocketReader),
        ((*UPGRADE, framed(CONNECT_311)), WebSocketReader),
        ((PROXIED,), ProxyReader),
        ((PROXIED, CONNECT_311), ProxyReader),
        ((HELLO,), TlsWatcher),
        (("C " + b"GET / HTTP/1.1\r\n\r\n".hex(),), Detector),
        (("C " + b"SSH-2.0-x\r\n".hex(),), type(None)),
    ],
)
def test_consumer_after_the_decision(steps: tuple[str, ...], kind: type[object]) -> None:
    """The reassembly calls the consumer that was decided for, without a detector before it."""
    assert type(consumer_of(conversation(steps))) is kind


@pytest.mark.parametrize("layers", [UPGRADE, (PROXIED,)], ids=["WebSocket", "PROXY"])
def test_consumer_in_an_encapsulation(layers: tuple[str, ...]) -> None:
    """Inside an encapsulation there is a detector, which passes all on to a tracker."""
    connect = framed(CONNECT_311) if layers is UPGRADE else CONNECT_311
    reader = consumer_of(conversation((*layers, connect)))
    inner = getattr(reader, "inner", None)
    assert isinstance(inner, Detector)
    assert isinstance(inner.successor, Tracker)


def test_consumer_behind_a_causal_order() -> None:
    """A consumer that reorders both sides delivers to the tracker directly."""
    frames = conversation((*SPLIT, ACCEPTED_311))
    late = frames.pop(5)  # the end of the CONNECT, after the CONNACK that answers it
    assert late.payload == bytes.fromhex(SPLIT[1][2:])
    frames.append(late)
    ordered = consumer_of(frames)
    assert isinstance(ordered, CausalOrder)
    assert isinstance(ordered.consumer, Tracker)
