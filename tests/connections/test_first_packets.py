"""What speaks MQTT badly on a known port is reported against who sent it, and is never ignored."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

import dissector
from dissector.model import Outcome, Severity, Side
from dissector.report.json_document import document
from dissector.rules.examples import (
    ACCEPTED_5,
    ACCEPTED_311,
    CLIENT_CLOSES,
    CONNECT_5,
    CONNECT_31,
    CONNECT_311,
    GRACEFUL_CLOSE,
    SERVER_CLOSES,
    framed,
    websocket_answer,
    websocket_request,
)
from samples.build import conversation
from tests.judging import judge, judge_steps, rules_of

CASES = Path(__file__).parent.parent / "cases"
CONNECTS = {"3.1": CONNECT_31, "3.1.1": CONNECT_311, "5.0": CONNECT_5}
TRANSPORTS = ("tcp", "ws")


def case(name: str) -> dissector.Report:
    """Returns the report on a captured case."""
    return dissector.analyze(CASES / f"{name}.pcap")


def over(transport: str, *steps: str, port: int = 1883) -> dissector.Report:
    """Returns the report on a conversation over a transport."""
    if transport == "tcp":
        return judge_steps(steps, port)
    upgrade = (websocket_request("mqtt"), websocket_answer("mqtt"))
    data = (
        framed(step) if step[2:3].isalnum() and step[2:] not in ENDINGS else step for step in steps
    )
    return judge_steps((*upgrade, *data), 8080)


ENDINGS = ("FIN", "RST")


def marks(report: dissector.Report) -> list[tuple[str, str, str]]:
    """Returns rule, side and severity of all findings."""
    return [(item.rule, item.side.value, item.severity.value) for item in report.findings]


def test_a_connect_that_stalls_after_two_bytes() -> None:
    """It is an unanswered handshake with what came of it, and an info against the client."""
    report = case("strlen-cut-connect-stalls")
    (handshake,) = report.handshakes
    assert handshake.outcome is Outcome.UNANSWERED
    assert handshake.connect is None
    assert handshake.unfinished is not None
    assert (handshake.unfinished.received, handshake.unfinished.length) == (2, 20)
    assert marks(report) == [("SEQ12", "client", "info")]
    words = "CONNECT unfinished: 2 of 20 bytes, idle 20.0 s, closed by the server"
    assert report.findings[0].message.startswith(words)
    assert report.capture.mqtt_connections == 1


@pytest.mark.parametrize(
    ("name", "rule", "statement"),
    [
        ("v4_name_MQTT_space", "CON01", "MQTT-3.1.2-1"),
        ("v4_first_pingresp", "SEQ01", "MQTT-3.1.0-1"),
        ("v5_connect_remlen_5", "ENC03", None),
    ],
)
def test_a_wrong_first_packet(name: str, rule: str, statement: str | None) -> None:
    """An odd name, a wrong type or an unreadable length is an error of the client."""
    report = case(name)
    errors = {item.rule: item for item in report.findings if item.severity is Severity.ERROR}
    assert errors[rule].side is Side.CLIENT
    assert statement is None or errors[rule].statements == (statement,)
    assert set(errors) <= {rule, "ENC12"}  # a type that the client may not send is one, too
    assert report.capture.other_traffic == {}


def test_bytes_that_never_complete_a_packet() -> None:
    """Type 0 is an error of the client although its packet is incomplete; the server must close."""
    found = marks(case("ping-0ac0"))
    assert ("ENC12", "client", "error") in found
    assert ("SEQ17", "server", "warning") in found


def test_a_connack_with_wrong_flags() -> None:
    """In 5.0, too, it is a CONNACK, and an error of the server."""
    report = case("v5_connack_flags_21")
    assert marks(report) == [("ENC01", "server", "error")]
    assert report.findings[0].statements == ("MQTT-2.1.3-1",)
    assert report.handshakes[0].connack is not None


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("version", CONNECTS)
def test_every_cut_of_a_connect(version: str, transport: str) -> None:
    """Wherever a CONNECT is cut it is a handshake with the bytes and the fields that came."""
    data = CONNECTS[version][2:]
    whole = bytes.fromhex(data)
    for size in range(1, len(whole)):
        report = over(transport, f"C {whole[:size].hex()}", "+8", *SERVER_CLOSES)
        (handshake,) = report.handshakes
        assert handshake.outcome is Outcome.UNANSWERED
        assert handshake.unfinished is not None
        assert handshake.unfinished.received == size
        assert handshake.unfinished.length == (len(whole) if size > 1 else None)
        assert marks(report) == [("SEQ12", "client", "info")]
        made = msgspec.to_builtins(document(report)["handshakes"][0]["connect"])
        assert made["received"] == size
        assert ("clientId" in made) == (size == len(whole))
        assert ("keepAlive" in made) == (size >= whole.index(b"\x00\x3c") + 2)


@pytest.mark.parametrize("end", [CLIENT_CLOSES, SERVER_CLOSES, ("C RST",), ("S RST",), ("+32",)])
@pytest.mark.parametrize("version", CONNECTS)
def test_a_remaining_length_that_promises_more(version: str, end: tuple[str, ...]) -> None:
    """It is an info against the client however the connection ends, and the fields are known."""
    data = bytes.fromhex(CONNECTS[version][2:])
    body = b"\x10" + bytes((0x80 | len(data) & 0x7F, 12)) + data[2:]
    report = judge_steps((f"C {body.hex()}", "+10", *end))
    (handshake,) = report.handshakes
    assert handshake.version is not None
    assert handshake.version.value == version
    assert handshake.unfinished is not None
    assert handshake.unfinished.connect.client_id == "a" or version == "3.1"
    assert "clientId" in handshake.unfinished.fields
    assert [mark for mark in marks(report) if mark[0] == "SEQ12"] == [("SEQ12", "client", "info")]
    assert all(item.severity is not Severity.ERROR for item in report.findings)


@pytest.mark.parametrize("port", [1883, 5000])
def test_a_length_inside_that_exceeds_the_packet(port: int) -> None:
    """A field that cannot fit is an error of the client, though the packet was never completed."""
    report = judge_steps(
        ("C 10 20 00 04 4d 51 54 54 04 02 00 3c 61 00 62", "+8", *SERVER_CLOSES), port
    )
    assert ("ENC13", "client", "error") in marks(report)
    assert report.handshakes[0].outcome is Outcome.INVALID


def test_the_capture_ends_within_a_connect() -> None:
    """A CONNECT that may still be completed after the capture is incomplete, without a finding."""
    report = judge_steps(("C 10 0d 00 04 4d 51 54 54 04", "+5"))
    (handshake,) = report.handshakes
    assert handshake.outcome is Outcome.INCOMPLETE
    assert report.findings == []


@pytest.mark.parametrize("lost", range(3, 8))
def test_a_cut_connect_in_a_capture_with_losses(lost: int) -> None:
    """Without one of the frames nothing worse is found than with all of them."""
    frames = conversation(("C 10 0d 00 04 4d 51", "C 54 54 04", "+8", *SERVER_CLOSES))
    report = judge(frames[:lost] + frames[lost + 1 :])
    assert rules_of(report) <= {"SEQ12"}
    assert all(item.severity is Severity.INFO for item in report.findings)


NAMES = [b"", b"MQTT ", b"MQTT\0", b"mqtt5", b"XQTT", b"MQ\xffT", b"MQIsdp3", b"A" * 30]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("level", [3, 4, 5, 6])
def test_odd_protocol_names(name: bytes, level: int) -> None:
    """On a known port a CONNECT with any protocol name is reported against the client."""
    body = len(name).to_bytes(2, "big") + name + bytes((level, 2, 0, 60))
    body += (b"\0" if level >= 5 else b"") + b"\0\1a"
    packet = bytes((0x10, len(body))) + body
    for parts in ([packet], [packet[:1], packet[1:]], [packet[:5], packet[5:]]):
        report = judge_steps((*(f"C {part.hex()}" for part in parts), *SERVER_CLOSES))
        assert "CON01" in rules_of(report)
        assert report.capture.mqtt_connections == 1
    if not name.upper().startswith((b"MQTT", b"MQISDP")) or len(name) not in (4, 6):
        other = judge_steps((f"C {packet.hex()}", *SERVER_CLOSES), 5000)
        assert other.capture.mqtt_connections == 0


@pytest.mark.parametrize(
    "data",
    [
        "10 0f 04 00 4d 51 54 54 04 02 00 3c 00 01 61 62 63",
        "10 0b 4d 51 54 54 04 02 00 3c 00 01 61",
    ],
    ids=["little-endian length", "no length"],
)
def test_the_name_at_a_wrong_offset(data: str) -> None:
    """A wrong or missing length of the protocol name is an error of the client."""
    report = judge_steps((f"C {data}", *SERVER_CLOSES))
    assert any(item[1:] == ("client", "error") for item in marks(report))
    assert len(report.handshakes) == 1


FIRST = {
    "PINGRESP": "d0 00", "CONNACK": "20 02 00 00", "SUBACK": "90 03 00 01 00",
    "UNSUBACK": "b0 02 00 01", "PINGREQ": "c0 00", "PINGREQ with flags": "c1 00",
    "DISCONNECT": "e0 00", "type 0": "00 00", "PUBACK": "40 02 00 01",
    "SUBSCRIBE with flags 0": "80 06 00 01 00 01 61 00", "PUBLISH": "30 05 00 01 61 68 69",
    "PUBLISH of QoS 3": "36 07 00 01 61 00 01 68 69",
}  # fmt: skip


@pytest.mark.parametrize("split", [False, True])
@pytest.mark.parametrize("end", [SERVER_CLOSES, CLIENT_CLOSES, ("S RST",), ("C RST",), ("+40",)])
@pytest.mark.parametrize("name", FIRST)
def test_first_packets_of_a_wrong_type(name: str, end: tuple[str, ...], split: bool) -> None:
    """On a known port it is an error of the client, however the connection ends."""
    data = FIRST[name].replace(" ", "")
    parts = (f"C {data[:2]}", f"C {data[2:]}") if split else (f"C {data}",)
    report = judge_steps((*parts, *end))
    assert "SEQ01" in rules_of(report)
    assert {item.side for item in report.findings if item.rule == "SEQ01"} == {Side.CLIENT}


@pytest.mark.parametrize("version", ["3.1.1", "5.0"])
@pytest.mark.parametrize("flags", range(1, 16))
def test_a_connack_with_any_flags(flags: int, version: str) -> None:
    """It is a CONNACK with wrong flags in each version."""
    answer = (ACCEPTED_5 if version == "5.0" else ACCEPTED_311)[2:].replace(" ", "")
    steps = (CONNECTS[version], f"S 2{flags:x}{answer[2:]}", *GRACEFUL_CLOSE)
    report = judge_steps(steps)
    assert ("ENC01", "server", "error") in marks(report)
    assert report.handshakes[0].connack is not None


@pytest.mark.parametrize("side", ["C", "S"])
@pytest.mark.parametrize("version", CONNECTS)
def test_a_packet_in_the_middle_of_which_its_sender_closes(version: str, side: str) -> None:
    """It is an info against the sender; if the other side closes first, there is none."""
    answer = ACCEPTED_5 if version == "5.0" else ACCEPTED_311
    cut = f"{side} 30 20 00 01 61 62"
    other = "S" if side == "C" else "C"
    who = "client" if side == "C" else "server"
    report = judge_steps((CONNECTS[version], answer, cut, f"{side} FIN", f"{other} FIN"))
    assert ("ENC13", who, "info") in marks(report)
    report = judge_steps((CONNECTS[version], answer, cut, f"{other} FIN", f"{side} FIN"))
    assert "ENC13" not in rules_of(report)


def test_another_protocol_whose_server_answers() -> None:
    """Bytes that could be a packet are another protocol if the answer is one."""
    for answer in (
        b"220 mail\r\n",
        b"HTTP/1.1 400 Bad\r\n\r\n",
        b"\x15\3\1\0\2\2\x28",
        b"\0\0\0\1",
    ):
        report = judge_steps(("C d0 00", f"S {answer.hex()}", *SERVER_CLOSES))
        assert report.findings == []
        assert report.capture.mqtt_connections == 0
