"""Handshakes written on the fast path."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dissector.analysis import run
from dissector.capture.rings import groups
from dissector.connections.handshake import Close, Handshake
from dissector.model import Endpoint, FrameRef, Outcome, Side, Version
from dissector.options import Options
from dissector.report.json_buffer import JsonBuffer
from dissector.report.json_handshake import HandshakeText
from dissector.report.json_v1 import Writer
from tests.conftest import ROOT
from tests.report.builders import NullSink, connack, connect, handshake
from tests.strategies import connacks, connects

CAPTURES = sorted((ROOT / "samples").rglob("*.pcap*"))
encode = msgspec.json.Encoder().encode


class BothWriters(NullSink):
    """A sink that writes every handshake on the fast path and on the general path."""

    def __init__(self, digits: int | None = None, *, show_secrets: bool = False) -> None:
        self.writer = Writer(show_secrets=show_secrets, key=b"k", digits=digits)
        self.fast = HandshakeText(self.writer, encode, JsonBuffer())
        self.counts = [0, 0]

    def precision(self, digits: int) -> None:
        self.writer.digits = digits
        self.fast.precision(digits)

    def handshake(self, record: Handshake) -> None:
        text = self.fast.text(record, "{")
        self.counts[text is None] += 1
        if text is not None:
            assert text == encode(self.writer.handshake(record))


@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: path.name)
def test_samples_are_written_alike(path: Path) -> None:
    """Fast path and general path write the same for every handshake of every sample."""
    run(groups([str(path)]), Options(), BothWriters())


times = st.integers(-(2**40), 2**62) | st.integers(0, 2**33).map(lambda second: second * 10**9)
frames = st.builds(FrameRef, st.sampled_from(["a.pcap", 'odd "name".pcap', "é.pcap"]),
                   st.integers(1, 2**40), times)  # fmt: skip
ends = st.builds(Endpoint, st.sampled_from(["10.0.0.1", "::1", 'not "one"']),
                 st.integers(0, 65535), st.sampled_from([None, "02:00:00:00:00:01"]))  # fmt: skip


@given(st.data(), st.sampled_from([6, 9, None]), st.booleans())
def test_any_handshake_is_written_alike(
    data: st.DataObject, digits: int | None, show_secrets: bool
) -> None:
    """For any handshake the fast path writes the same as the general path or nothing."""
    one, two = data.draw(st.none() | connects()), data.draw(st.none() | connacks())
    for packet in (one, two):
        if packet is not None:
            packet.frame = data.draw(st.none() | frames)
    record = Handshake(
        id=data.draw(st.integers(0, 2**40)),
        stream=data.draw(st.integers(0, 2**40)),
        transport="tcp",
        version=data.draw(st.none() | st.sampled_from(Version)),
        bridge=data.draw(st.booleans()),
        outcome=data.draw(st.sampled_from(Outcome)),
        client=data.draw(ends),
        server=data.draw(ends),
        connect=one,
        connack=two,
        latency=data.draw(st.none() | st.floats()),
        close=data.draw(
            st.none() | st.builds(Close, st.sampled_from(Side), st.just("fin"), frames)
        ),
    )
    BothWriters(digits, show_secrets=show_secrets).handshake(record)


@pytest.mark.parametrize(
    ("record", "fast"),
    [
        (handshake(), True),
        (handshake(connect=connect(client_id="a\\b")), False),
        (handshake(connect=connect(client_id='a"b')), False),
        (handshake(connect=connect(username="a\nb")), False),
        (handshake(connect=connect(last_will_topic="é")), False),
        (handshake(connect=connect(last_will_message=b"\xff")), False),
        (handshake(connect=connect(protocol_name="\x7f")), False),
        (handshake(connack=connack(return_code=77)), True),
    ],
)
def test_only_plain_text_takes_the_fast_path(record: Handshake, fast: bool) -> None:
    """Text that JSON has to escape or that is not ASCII takes the general path."""
    both = BothWriters()
    both.handshake(record)
    assert both.counts == [fast, not fast]
