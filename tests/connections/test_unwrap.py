"""Malformed WebSocket upgrades and frames give findings or warnings, and never an exception."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import dissector
from dissector.net import first_bytes
from dissector.net.first_bytes import HEAD_LIMIT
from dissector.rules.examples import ACCEPTED_311, CONNECT_311, websocket_answer, websocket_request
from dissector.rules.examples import framed as framed_step
from tests.connections.test_limits import ANSWER, REQUEST, kinds, payload_of, send_steps
from tests.judging import judge_steps, rules_of
from tests.net.test_websocket import framed

PLAIN = (REQUEST.replace(b"permessage-deflate", b"x-none"), ANSWER.replace(b"deflate", b"none"))
FORBIDDEN = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno"
CONNECT = framed(payload_of(CONNECT_311))
ACCEPTED = framed(payload_of(ACCEPTED_311), masked=False)
ENDS = ("C FIN", "S FIN")


def talk(
    request: bytes = PLAIN[0],
    answer: bytes = PLAIN[1],
    asked: bytes = CONNECT,
    answered: bytes = ACCEPTED,
    more: bytes = b"",
) -> dissector.Report:
    """Returns the report on an upgrade, a CONNECT and its CONNACK, and more client data."""
    steps = [
        *send_steps("C", request),
        *send_steps("S", answer),
        *send_steps("C", asked),
        *send_steps("S", answered),
    ]
    return judge_steps((*steps, *send_steps("C", more), *ENDS), 9001)


def test_a_plain_upgrade() -> None:
    """The unchanged conversation is a handshake without findings or warnings."""
    report = talk()
    assert [handshake.outcome.value for handshake in report.handshakes] == ["accepted"]
    assert report.handshakes[0].transport == "ws"
    assert (report.findings, report.warnings) == ([], [])


@pytest.mark.parametrize(
    ("request_", "answer", "words"),
    [
        (PLAIN[0].replace(b"Host: h", b"Host\x00h"), PLAIN[1], "upgrade"),
        (PLAIN[0], PLAIN[1].replace(b"Upgrade: websocket", b"Upgrade websocket"), "upgrade"),
        (PLAIN[0].replace(b"\r\n\r\n", b"\r\nA: " + b"a" * HEAD_LIMIT), b"", "more than"),
    ],
    ids=["no header in the request", "no header in the answer", "no end"],
)
def test_a_malformed_upgrade(request_: bytes, answer: bytes, words: str) -> None:
    """An upgrade that cannot be read gives one warning, and its connection is not MQTT."""
    report = talk(request_, answer)
    assert kinds(report) == ["websocket"]
    assert words in report.warnings[0].message
    assert (report.handshakes, report.findings) == ([], [])
    assert report.capture.other_traffic["websocket"] == 1


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"GET /mqtt HTTP", b"GET /\xff?token=hush HTTP"),
        (b"Host: h", b"Host: h\r\nCookie\x00: hush"),
        (b"Host: h", b"Host: h\r\nAuthorization: hush\x00"),
    ],
)
def test_malformed_headers_are_not_quoted(before: bytes, after: bytes) -> None:
    """An HTTP header that h11 rejects may hold a secret, so the warning does not quote it."""
    report = talk(PLAIN[0].replace(before, after))
    assert kinds(report) == ["websocket"]
    assert "hush" not in report.warnings[0].message
    assert report.warnings[0].message.lower().startswith("a websocket upgrade: illegal")


def test_an_upgrade_that_is_refused() -> None:
    """A refused upgrade for MQTT counts as MQTT, and a warning has the status; no finding."""
    report = talk(PLAIN[0], FORBIDDEN)
    assert (report.handshakes, report.findings, kinds(report)) == ([], [], ["websocket"])
    assert "403" in report.warnings[0].message
    assert report.capture.mqtt_connections == 1
    assert "websocket" not in report.capture.other_traffic


def test_a_request_without_upgrade_is_http() -> None:
    """An HTTP request without WebSocket upgrade gives no finding and no warning."""
    report = talk(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n", FORBIDDEN)
    assert kinds(report) == []
    assert report.capture.other_traffic["http"] == 1


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        (framed(b"\xc0\0", 0xA2), "reserved bits"),
        (framed(b"\xc0\0", 0xC2), "reserved bits"),
        (framed(b"", 0x09), "control frame"),
        (framed(bytes(126), 0x89), "over 125"),
        (b"\x82\xff" + b"\x80" + bytes(11), "highest bit"),
        (framed(b"\xc0\0", 0x83), "reserved opcode 3"),
        (framed(b"\xc0\0", 0x80), "continuation frame without a message"),
        (framed(b"\xc0", 0x02) + framed(b"\0", 0x82), "before the previous one"),
        (framed(b"\xc0\0", masked=False), "not masked"),
    ],
)
def test_a_malformed_frame(frame: bytes, words: str) -> None:
    """A frame that RFC 6455 forbids gives one warning; the handshake before it is reported."""
    report = talk(more=frame)
    warnings = [warning for warning in report.warnings if warning.kind == "websocket"]
    assert [words in warning.message for warning in warnings] == [True]
    assert report.handshakes[0].outcome.value == "accepted"
    assert report.findings == []


def test_compressed_bytes_that_are_damaged() -> None:
    """Data that cannot be inflated gives a warning and a gap, and no finding."""
    packed = talk(REQUEST, ANSWER, more=framed(b"\xff\xff\xff\xff\xff", 0xC2))
    assert "websocket" in kinds(packed)
    assert packed.handshakes[0].outcome.value == "accepted"
    assert packed.findings == []


def test_mqtt_in_text_frames_is_a_finding() -> None:
    """MQTT in a text frame is read, and is a finding on its sender."""
    report = talk(asked=framed(payload_of(CONNECT_311), 0x81))
    assert rules_of(report) == {"SEQ19"}
    assert report.handshakes[0].outcome.value == "accepted"


@settings(max_examples=300)
@given(
    parts=st.lists(st.integers(0, 3), min_size=1, max_size=3),
    places=st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=6),
    cut=st.integers(0, 400),
)
def test_any_change(parts: list[int], places: list[tuple[int, int]], cut: int) -> None:
    """Changed and truncated headers and frames never raise, and are never silently ignored."""
    pieces = [bytearray(part) for part in (*PLAIN, CONNECT, ACCEPTED)]
    for part in parts:
        for place, value in places:
            piece = pieces[part]
            if piece:
                piece[place % len(piece)] = value
        if cut < 30:
            del pieces[part][cut:]
    report = talk(*map(bytes, pieces))
    assert report.handshakes or report.capture.other_traffic or report.warnings


UPGRADED = (websocket_request("mqtt"), websocket_answer("mqtt"))
HANDSHAKE = (*UPGRADED, framed_step(CONNECT_311), framed_step(ACCEPTED_311), *ENDS)
REFUSALS = {
    "401": b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n",
    "400 with a body": b"HTTP/1.1 400 Bad\r\nContent-Length: 9\r\n\r\nwebsocket",
    "302 of HTTP/1.0": b"HTTP/1.0 302 Found\r\nLocation: /mqtt\r\n\r\n",
    "426": b"HTTP/1.1 426 Upgrade Required\r\nUpgrade: websocket\r\n\r\n",
}
CASES = Path(__file__).parent.parent / "cases"


def test_a_refused_upgrade_and_another_one() -> None:
    """The upgrade behind a 401 on one connection is followed, and the refusal is a warning."""
    report = dissector.analyze(CASES / "ws_401_then_upgrade.pcap")
    assert [item.outcome.value for item in report.handshakes] == ["accepted"]
    assert (report.findings, kinds(report)) == ([], ["websocket"])


def test_an_upgrade_without_subprotocol_and_without_mqtt() -> None:
    """If the server selects none and the client leaves, the server is at fault: 6.0.0-4."""
    report = dissector.analyze(CASES / "ws-no-subprotocol-selected.pcap")
    (finding,) = report.findings
    assert (finding.rule, finding.side.value) == ("SEQ24", "server")
    assert finding.statements == ("MQTT-6.0.0-4",)
    assert report.capture.mqtt_connections == 1


@pytest.mark.parametrize("port", [80, 1883, 9001])
@pytest.mark.parametrize("times", [1, 3])
@pytest.mark.parametrize("name", REFUSALS)
def test_upgrades_behind_refused_ones(name: str, times: int, port: int) -> None:
    """However often and however an upgrade is refused, the next one is followed."""
    refused = (websocket_request("mqtt"), *send_steps("S", REFUSALS[name]))
    report = judge_steps((*refused * times, *HANDSHAKE), port)
    assert [item.outcome.value for item in report.handshakes] == ["accepted"]
    assert report.findings == []


@pytest.mark.parametrize("method", [b"GET", b"POST", b"OPTIONS"])
@pytest.mark.parametrize("times", [1, 3])
def test_upgrades_behind_other_requests(method: bytes, times: int) -> None:
    """An upgrade on a connection that was kept alive after other requests is followed."""
    request = method + b" /index.html HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 3000\r\n\r\n" + b"GET /" + b"x" * 1495
    exchange = (*send_steps("C", request), *send_steps("S", answer), f"S {'78' * 1500}")
    report = judge_steps((*exchange * times, *HANDSHAKE), 8080)
    assert [item.outcome.value for item in report.handshakes] == ["accepted"]
    assert (report.findings, report.warnings) == ([], [])


@pytest.mark.parametrize("name", REFUSALS)
@pytest.mark.parametrize("offer", ["mqtt", "mqttv3.1", "chat", ""])
def test_an_upgrade_that_is_only_refused(name: str, offer: str) -> None:
    """It counts as MQTT if the client offered it, and is no finding."""
    asked = websocket_request(offer) if offer else websocket_request()
    report = judge_steps((asked, *send_steps("S", REFUSALS[name]), *ENDS), 8080)
    assert report.findings == []
    assert report.capture.mqtt_connections == (offer[:4] == "mqtt")
    assert kinds(report) == (["websocket"] if offer[:4] == "mqtt" else [])


@pytest.mark.parametrize("ends", [("S FIN", "C FIN"), ("C RST",), ("S RST",)])
def test_an_upgrade_that_is_closed_without_an_answer(ends: tuple[str, ...]) -> None:
    """It counts as MQTT if the client offered it, and is no finding."""
    report = judge_steps((websocket_request("mqtt"), "+1", *ends), 8080)
    assert report.capture.mqtt_connections == 1
    assert report.findings == []


@pytest.mark.parametrize(
    ("offered", "selected", "failed"),
    [
        (("mqtt",), None, True), (("mqtt",), "chat", True), (("mqtt", "mqttv3.1"), None, True),
        (("mqtt", "mqttv3.1"), "mqttv3.1", False), (("mqttv3.1",), None, False),
        (("mqtt",), "mqtt", False), (("chat",), None, False),
    ],
)  # fmt: skip
def test_the_subprotocol_without_any_packet(
    offered: tuple[str, ...], selected: str | None, failed: bool
) -> None:
    """Without a CONNECT the server is judged where the version does not matter, nobody else is."""
    report = judge_steps((websocket_request(*offered), websocket_answer(selected), *ENDS), 8080)
    assert [(item.rule, item.side.value) for item in report.findings] == (
        [("SEQ24", "server")] if failed else []
    )


def test_a_request_in_tiny_segments_is_searched_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """However small its segments, each byte of a header is searched for its end once."""
    searched = 0
    whole = first_bytes.head_size

    def counted(data: bytes | bytearray, start: int = 0) -> int:
        nonlocal searched
        searched += len(data) - start
        return whole(data, start)

    monkeypatch.setattr(first_bytes, "head_size", counted)
    request = PLAIN[0].replace(b"\r\n\r\n", b"\r\nA: " + b"a" * 500 + b"\r\n\r\n")
    steps = [f"C {byte:02x}" for byte in request]
    report = judge_steps((*steps, *send_steps("S", PLAIN[1]), f"C {CONNECT.hex()}", *ENDS), 9001)
    assert report.handshakes[0].transport == "ws"
    assert searched <= len(request) + 2 * len(PLAIN[1])
