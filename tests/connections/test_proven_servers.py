"""Once a server endpoint has proved to speak MQTT, its other connections are read as MQTT, too."""

from __future__ import annotations

from pathlib import Path

import pytest

import dissector
from dissector.connections import proven_servers
from dissector.rules.examples import (
    ACCEPTED_5,
    ACCEPTED_311,
    CONNECT_5,
    CONNECT_31,
    CONNECT_311,
    GRACEFUL_CLOSE,
    SERVER_CLOSES,
)
from samples.build import START_NS, Frame, conversation
from tests.connections.test_detection import OTHERS, segments
from tests.judging import judge

CASES = Path(__file__).parent.parent / "cases"
SECOND = 1_000_000_000
ANSWERS = {CONNECT_31: ACCEPTED_311, CONNECT_311: ACCEPTED_311, CONNECT_5: ACCEPTED_5}


def publish(topic: str, size: int, qos: int = 0) -> str:
    """Returns the hex digits of a PUBLISH with a payload of that many zero bytes."""
    body = len(topic).to_bytes(2, "big") + topic.encode() + (b"\0\1" if qos else b"") + bytes(size)
    left, remaining = bytearray(), len(body)
    while True:
        remaining, low = remaining >> 7, remaining & 0x7F
        left.append(low | (0x80 if remaining else 0))
        if not remaining:
            return (bytes((0x30 | qos << 1,)) + bytes(left) + body).hex()


MIDDLE = ("C " + publish("a/b", 4, 1), "S 40 02 00 01")


CLIENT, SERVER = bytes((10, 0, 0, 1)), bytes((10, 0, 0, 2))


def proof(
    port: int,
    connect: str = CONNECT_311,
    at: int = 0,
    client_ip: bytes = CLIENT,
    server_ip: bytes = SERVER,
) -> list[Frame]:
    """Returns a handshake with the server, `at` seconds after the start."""
    return conversation(
        (connect, ANSWERS[connect], *GRACEFUL_CLOSE),
        server_port=port,
        start_ns=START_NS + at * SECOND,
        client_ip=client_ip,
        server_ip=server_ip,
    )


def flow(
    steps: tuple[str, ...],
    port: int,
    at: int,
    skip: int = 3,
    client_ip: bytes = CLIENT,
    server_ip: bytes = SERVER,
) -> list[Frame]:
    """Returns another connection to the server, without its first frames."""
    frames = conversation(
        steps,
        server_port=port,
        client_port=50000,
        start_ns=START_NS + at * SECOND,
        client_ip=client_ip,
        server_ip=server_ip,
    )
    return frames[skip:]


def merged(*parts: list[Frame]) -> list[Frame]:
    """Returns all frames in time order."""
    return sorted((frame for part in parts for frame in part), key=lambda frame: frame.time_ns)


def kinds(report: dissector.Report) -> list[str]:
    """Returns the kinds of all capture warnings."""
    return [warning.kind for warning in report.warnings]


def test_a_connection_from_the_middle() -> None:
    """It is MQTT, the report says why and how to make it certain, and there is no finding."""
    report = dissector.analyze(CASES / "midstream-of-a-known-server.pcap")
    assert report.capture.mqtt_connections == 2
    assert report.capture.control_packets["PUBLISH"] == 7
    (warning,) = [item for item in report.warnings if item.kind == "proven-server"]
    assert "-d tcp.port==17555,mqtt" in warning.message
    assert report.findings == []


def test_traffic_in_clear_without_its_connect() -> None:
    """On a known port it is MQTT without any proof."""
    report = dissector.analyze(CASES / "midstream-in-clear.pcap")
    assert report.capture.mqtt_connections == 1
    assert report.capture.control_packets == {"PUBLISH": 5, "PUBACK": 5}


@pytest.mark.parametrize("connect", ANSWERS)
@pytest.mark.parametrize("port", [17555, 443, 40])
@pytest.mark.parametrize("first", ["client", "server"])
@pytest.mark.parametrize("at", [-2, 2])
def test_before_and_after_the_proof(connect: str, port: int, first: str, at: int) -> None:
    """Packets before the proof are counted as those after it, whichever side is seen first."""
    steps = MIDDLE if first == "client" else MIDDLE[::-1]
    report = judge(merged(proof(port, connect), flow(steps * 3, port, at)))
    assert report.capture.mqtt_connections == 2
    assert report.capture.control_packets["PUBLISH"] == 3
    assert report.capture.control_packets["PUBACK"] == 3
    assert kinds(report).count("proven-server") == 1
    assert report.findings == []


@pytest.mark.parametrize("ip", [bytes((10, 0, 0, 2)), bytes(15) + b"\2"])
def test_from_the_proof_on(ip: bytes) -> None:
    """A connection whose first bytes are the middle of a packet joins at the proof."""
    client = bytes(len(ip) - 1) + b"\1"
    broken = ("C " + "ff" * 30, *MIDDLE * 2, "+5", *MIDDLE * 2)
    report = judge(
        merged(proof(17555, CONNECT_5, 2, client, ip), flow(broken, 17555, 0, 3, client, ip))
    )
    assert report.capture.mqtt_connections == 2
    assert report.capture.control_packets["PUBLISH"] == 2
    assert report.capture.streams == 2
    assert report.findings == []


def test_a_warning_for_each_endpoint() -> None:
    """Several connections of one server give one warning, and those with a CONNECT give none."""
    parts = [flow(MIDDLE, 17555, at, client_ip=bytes((10, 0, 0, 9 + at))) for at in range(2, 6)]
    report = judge(merged(proof(17555), *parts))
    assert report.capture.mqtt_connections == 5
    assert kinds(report).count("proven-server") == 1
    twice = judge(merged(proof(17555), proof(17555, at=2, client_ip=bytes((10, 0, 0, 9)))))
    assert twice.capture.mqtt_connections == 2
    assert kinds(twice) == []


@pytest.mark.parametrize(
    "answer", ["S 20 02 05 00", "S 15 03 03 00 02 02 28", "S 30 05 00 01 61 68 69"]
)
def test_what_is_no_proof(answer: str) -> None:
    """Without a CONNACK that fits nothing is proven."""
    frames = conversation((CONNECT_311, answer, *SERVER_CLOSES), server_port=17555)
    report = judge(merged(frames, flow(MIDDLE, 17555, 2)))
    assert report.capture.mqtt_connections == 1
    assert "proven-server" not in kinds(report)


@pytest.mark.parametrize("other", [(bytes((10, 0, 0, 3)), 17555), (bytes((10, 0, 0, 2)), 17556)])
def test_another_address_or_port_is_not_proven(other: tuple[bytes, int]) -> None:
    """Only the endpoint itself is proven."""
    ip, port = other
    report = judge(merged(proof(17555), flow(MIDDLE, port, 2, server_ip=ip)))
    assert report.capture.mqtt_connections == 1


@pytest.mark.parametrize("skip", [0, 3])
@pytest.mark.parametrize("at", [-2, 2])
@pytest.mark.parametrize("name", OTHERS)
def test_other_protocols_of_a_proven_endpoint(name: str, at: int, skip: int) -> None:
    """What begins as another protocol stays that on an endpoint that multiplexes."""
    client, server, _ = OTHERS[name]
    steps = (*segments("C", [client]), *segments("S", [server]), *SERVER_CLOSES)
    report = judge(merged(proof(17555), flow(steps, 17555, at, skip)))
    assert report.capture.mqtt_connections == 1
    assert report.findings == []


def test_a_wrong_first_packet_to_a_proven_server() -> None:
    """It is an error of the client, as on a known port."""
    report = judge(merged(proof(17555), flow(("C d0 00", *SERVER_CLOSES), 17555, 2, 0)))
    assert "SEQ01" in {item.rule for item in report.findings}
    assert report.capture.mqtt_connections == 2


def test_the_limit_of_held_bytes() -> None:
    """More than 4 KiB of one connection are not held, which a warning says; then it joins late."""
    early = ("C " + publish("a/b", 1200),) * 4
    late = ("C " + publish("a/b", 10),) * 3
    report = judge(merged(proof(17555, at=2), flow((*early, "+5", *late), 17555, 0)))
    assert kinds(report).count("held-limit") == 1
    assert report.capture.control_packets["PUBLISH"] == 3
    assert report.findings == []


def test_the_limit_of_all_held_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Past the limit over all connections a warning names it, and the held ones are kept."""
    monkeypatch.setattr(proven_servers, "HELD_IN_ALL", 100)
    parts = [
        flow(("C " + publish("a/b", 40),), 17555, 0, client_ip=bytes((10, 0, 0, 9 + at)))
        for at in range(5)
    ]
    report = judge(merged(*parts, proof(17555, at=2)))
    assert kinds(report).count("held-limit") == 1
    assert report.capture.control_packets["PUBLISH"] == 2


def test_bytes_that_are_held_no_more_do_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a connection held is subtracted when it ends, no more and no less."""
    monkeypatch.setattr(proven_servers, "HELD_IN_ALL", 200)
    ended = [
        flow((("C " + publish("a/b", 40)), *GRACEFUL_CLOSE), 17555, at) for at in range(0, 600, 30)
    ]
    waiting = [
        flow(("C " + publish("a/b", 40),), 17555, 600, client_ip=bytes((10, 0, 0, 9 + at)))
        for at in range(9)
    ]
    report = judge(merged(*ended, *waiting, proof(17555, at=602)))
    assert kinds(report).count("held-limit") == 1
    assert report.capture.control_packets["PUBLISH"] == 200 // (40 + 7)


def test_any_number_of_unread_flows() -> None:
    """However many flows are captured from the middle, all are read once their server is proven."""
    parts = [
        flow(("C " + "ff" * 9, "+5", *MIDDLE), 17555, 0, client_ip=bytes((10, 0, 0, 9 + at)))
        for at in range(5)
    ]
    report = judge(merged(*parts, proof(17555, at=2)))
    assert report.capture.mqtt_connections == 6


@pytest.mark.parametrize("segment", [100, 536, 1448])
@pytest.mark.parametrize("size", [600, 5000, 70_000])
@pytest.mark.parametrize("lost", [False, True])
def test_a_packet_longer_than_its_segment(size: int, segment: int, lost: bool) -> None:
    """In mid-stream, and behind lost bytes, a PUBLISH that spans segments is found."""
    data = publish("a/b", size, 1)
    steps = [f"C {data[at : at + 2 * segment]}" for at in range(0, len(data), 2 * segment)]
    if lost:
        frames = conversation((CONNECT_311, ACCEPTED_311, "C " + publish("x", 9), *steps, *steps))
        del frames[7]
    else:
        frames = flow((*steps, "S 40 02 00 01", *steps, "S 40 02 00 02"), 1883, 0)
    report = judge(frames)
    assert report.capture.mqtt_connections == 1
    assert report.capture.control_packets["PUBLISH"] == 2
    assert report.findings == []
