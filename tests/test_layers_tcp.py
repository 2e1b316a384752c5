"""The scapy layers on TCP: reassembly by scapy's TCPSession, port bindings, real captures."""

from __future__ import annotations

import doctest
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from scapy.layers.inet import IP, TCP
from scapy.layers.l2 import Ether
from scapy.packet import Packet, Padding, Raw
from scapy.sendrecv import sniff
from scapy.sessions import TCPSession

from dissector import layers
from dissector.layers import MQTT, MQTTConnect
from tests.conftest import ROOT
from tests.test_layers import FIVE, FULL, chain, rebuilt


@pytest.fixture
def bound() -> Iterator[None]:
    """Binds the layers to port 1883 for one test."""
    layers.bind()
    yield
    layers.unbind()


def segments(wire: bytes, cuts: list[int], end: bool = False) -> list[Packet]:
    """Returns frames that carry `wire`, cut at the offsets, after a SYN; `end` adds a FIN."""
    places = sorted({0, *cuts, len(wire)})
    pieces = [(start, "PA", wire[start:stop]) for start, stop in pairwise(places)]
    pieces = [(-1, "S", b""), *pieces, *([(len(wire), "FA", b"")] if end else [])]
    return [
        Ether(bytes(
            Ether() / IP(src="10.0.0.1", dst="10.0.0.2")
            / TCP(sport=40000, dport=1883, flags=flags, seq=1000 + offset) / piece
        ))
        for offset, flags, piece in pieces
    ]  # fmt: skip


def reassembled(frames: list[Packet]) -> list[bytes]:
    """Returns each MQTT packet that scapy's TCPSession yields, as bytes."""
    found = []
    for frame in sniff(offline=frames, session=TCPSession, quiet=True):
        for layer in chain(frame):
            if isinstance(layer, MQTT):
                body = layer.payload.self_build() if layer.payload else b""
                found.append(layer.self_build() + (b"" if MQTT in [type(layer.payload)] else body))
    return found


@pytest.mark.usefixtures("bound")
def test_large_will_over_three_segments() -> None:
    """A CONNECT with a large will is reassembled from three segments (scapy issue 4595)."""
    will = bytes(range(256)) * 14
    wire = bytes(MQTT() / MQTTConnect(clientId="c", lastWillTopic="t", lastWillMessage=will))
    frames = sniff(offline=segments(wire, [1400, 2800]), session=TCPSession, quiet=True)
    found = [frame for frame in frames if MQTTConnect in frame]
    assert len(found) == 1
    assert found[0][MQTTConnect].lastWillMessage == will
    assert bytes(found[0][MQTT]) == wire


STREAM = [
    bytes.fromhex(raw) for raw in (FIVE, "F00618041500014D", "C000", "30050001746869", "E000")
]


@pytest.mark.usefixtures("bound")
@pytest.mark.parametrize("end", [False, True])
def test_every_split(end: bool) -> None:
    """Wherever a stream is cut into two segments, a TCPSession yields the same packets."""
    wire = b"".join(STREAM)
    for cut in range(1, len(wire)):
        assert reassembled(segments(wire, [cut], end)) == STREAM
    assert reassembled(segments(wire, [], end)) == STREAM


@pytest.mark.usefixtures("bound")
def test_byte_by_byte() -> None:
    """Segments of one byte give the same packets."""
    wire = b"".join(STREAM)
    assert reassembled(segments(wire, list(range(len(wire))))) == STREAM


def test_incomplete_reassembly() -> None:
    """An incomplete packet is not returned; after a bad length, or at the end, all bytes are."""
    wire = bytes.fromhex(FULL)
    for size in range(len(wire)):
        assert MQTT.tcp_reassemble(wire[:size], {}, {}) is None
    packet = MQTT.tcp_reassemble(wire + wire[:5], {}, {})
    assert packet is not None
    assert isinstance(packet.lastlayer(), Padding)
    assert packet.lastlayer().load == wire[:5]
    false = MQTT.tcp_reassemble(b"\xc0\x00\x10\xff\xff\xff\xff\x01abc", {}, {})
    assert false is not None
    assert [type(layer) for layer in chain(false)] == [MQTT, MQTT, Raw]
    cut = MQTT.tcp_reassemble(wire[:9], {"tcp_end": True}, {})
    assert cut is not None
    assert cut.payload.protocolLevel == 4


@pytest.mark.parametrize("ours_first", [True, False])
def test_beside_the_layers_of_scapy(ours_first: bool) -> None:
    """Importing the layers does not change scapy's own MQTT layers; only `bind` does."""
    imports = ["import dissector.layers as ours", "import scapy.contrib.mqtt as theirs"]
    code = imports if ours_first else imports[::-1]
    code += [
        "from scapy.layers.inet import IP, TCP",
        "wire = bytes(IP() / TCP(sport=5, dport=1883) / bytes.fromhex('20020000'))",
        "def kind(): return type(IP(wire)[TCP].payload)",
        "assert kind() is theirs.MQTT",
        "assert type(theirs.MQTT(wire[-4:]).payload) is theirs.MQTTConnack",
        "ours.bind(); ours.bind(1883, 1884)",
        "assert kind() is ours.MQTT and (TCP() / ours.MQTT()).dport == 1884",
        "assert bytes(theirs.MQTT() / theirs.MQTTConnack())[:2] == bytes((0x20, 2))",
        "ours.unbind(1883, 1884)",
        "assert kind() is theirs.MQTT",
        "assert all(upper is not ours.MQTT for _, upper in TCP.payload_guess)",
        "import sys; assert 'scapy.all' not in sys.modules",
    ]
    subprocess.run([sys.executable, "-c", "\n".join(code)], check=True)


def test_real_captures(shared_captures: list[Path]) -> None:
    """Every MQTT segment of the real captures is dissected and rebuilt."""
    seen = 0
    for path in shared_captures:
        for frame in sniff(offline=str(path), quiet=True):
            load = bytes(frame[TCP].payload.original) if TCP in frame else b""
            if load:
                packet = MQTT(load)
                assert bytes(packet) == rebuilt(packet) == load
                seen += MQTTConnect in packet
    assert seen > 10


TSHARK: dict[str, Callable[[Any], str]] = {
    "mqtt.protoname": lambda body: body.protocolName.decode(),
    "mqtt.ver": lambda body: str(body.protocolLevel),
    "mqtt.kalive": lambda body: str(body.keepAlive),
    "mqtt.clientid": lambda body: body.clientId.decode(),
    "mqtt.username": lambda body: (body.username or b"").decode(),
    "mqtt.passwd": lambda body: (body.password or b"").decode(),
    "mqtt.willtopic": lambda body: (body.lastWillTopic or b"").decode(),
    "mqtt.willmsg": lambda body: (body.lastWillMessage or b"").hex(),
    "mqtt.conflag.cleansess": lambda body: str(body.cleanSession),
    "mqtt.conflag.qos": lambda body: str(body.lastWillQos),
    "mqtt.conflag.retain": lambda body: str(body.lastWillRetain),
}


@pytest.mark.usefixtures("bound")
def test_connects_equal_tshark(shared_captures: list[Path], tshark: str) -> None:
    """The fields of every complete CONNECT of the real captures equal those of tshark."""
    fields = [word for name in TSHARK for word in ("-e", name)]
    compared = 0
    for path in shared_captures:
        command = [
            tshark,
            "-r",
            str(path),
            "-Y",
            "mqtt.msgtype==1 && !_ws.malformed",
            "-T",
            "fields",
            *fields,
        ]
        run = subprocess.run(command, capture_output=True, text=True, check=True)
        theirs = [line.split("\t") for line in run.stdout.splitlines()]
        frames = sniff(offline=str(path), session=TCPSession, quiet=True)
        bodies = [
            layer
            for frame in frames
            for layer in frame.iterpayloads()
            if isinstance(layer, MQTTConnect) and layer.clientId is not None
        ]
        ours = [[give(body) for give in TSHARK.values()] for body in bodies]
        assert ours == theirs, path.name
        compared += len(ours)
    assert compared > 10


def test_examples_in_the_documentation() -> None:
    """Every example in docs/scapy.md gives the documented output."""
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "scapy.md").read_text(), re.S)
    assert blocks
    names: dict[str, Any] = {}
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
    try:
        for number, block in enumerate(blocks):
            test = doctest.DocTestParser().get_doctest(block, names, f"block {number}", None, 0)
            runner.run(test, clear_globs=False)
            names = test.globs
    finally:
        layers.unbind()
    assert runner.summarize().failed == 0
