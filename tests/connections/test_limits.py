"""Limits of one connection: each has an effect and gives one warning."""

from __future__ import annotations

import dissector
from dissector.connections.connection import HISTORY_LIMIT
from dissector.net.inflate import PACKET_RATIO, PACKETS, PIECE
from dissector.rules.examples import (
    ACCEPTED_5,
    ACCEPTED_5_METHOD,
    ACCEPTED_311,
    CONNECT_5,
    CONNECT_5_METHOD,
    CONNECT_311,
    GRACEFUL_CLOSE,
)
from dissector.rules.finding_collector import FINDINGS_LIMIT
from tests.judging import judge_steps, rules_of
from tests.net.test_websocket import deflated, framed

REQUEST = (
    b"GET /mqtt HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Protocol: mqtt\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n"
)
ANSWER = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: ICX+Yqv66kxgM0FcWaLWlFLwTAI=\r\n"
    b"Sec-WebSocket-Protocol: mqtt\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n"
)


def send_steps(side: str, data: bytes) -> list[str]:
    """Returns the steps in which a side sends these bytes, in segments of usual size."""
    return [f"{side} {data[at : at + 1400].hex()}" for at in range(0, len(data), 1400)]


def payload_of(step: str) -> bytes:
    """Returns the bytes of a step."""
    return bytes.fromhex(step[2:])


def kinds(report: dissector.Report) -> list[str]:
    """Returns the kinds of the warnings."""
    return [warning.kind for warning in report.warnings]


def test_findings_of_one_connection() -> None:
    """Beyond the limit packets give no findings; rules about the whole connection still do."""
    zeros = send_steps("C", bytes(2 * (FINDINGS_LIMIT + 500)))
    report = judge_steps((CONNECT_311, ACCEPTED_311, *zeros, "+6"))
    assert sum(finding.rule == "ENC12" for finding in report.findings) == FINDINGS_LIMIT
    assert kinds(report) == ["finding-limit"]
    assert report.warnings[0].stream == 0
    assert "SEQ17" in rules_of(report)
    assert sum(report.capture.control_packets.values()) == FINDINGS_LIMIT + 500 + 2


def test_findings_up_to_the_limit_give_no_warning() -> None:
    """One finding less than the limit gives no warning."""
    zeros = send_steps("C", bytes(2 * (FINDINGS_LIMIT - 1)))
    report = judge_steps((CONNECT_311, ACCEPTED_311, *zeros, *GRACEFUL_CLOSE))
    assert len(report.findings) == FINDINGS_LIMIT - 1
    assert kinds(report) == []


def test_disconnects_that_are_kept() -> None:
    """Many DISCONNECTs of one side do not hide the only one of the other side."""
    flood = send_steps("C", bytes.fromhex("e0018e") * (HISTORY_LIMIT + 300))
    disconnect = send_steps("S", bytes.fromhex("e0018b"))
    report = judge_steps((CONNECT_5, ACCEPTED_5, *flood, *disconnect, "S FIN", "C FIN"))
    assert kinds(report) == ["history-limit"]
    assert rules_of(report) == {"SEQ14", "SEQ15"}


def test_an_answer_after_a_full_history() -> None:
    """An AUTH of the server counts as an answer, even if the history was full before."""
    asks, gives = "S f0 06 18 04 15 00 01 4d", "C f0 06 18 04 15 00 01 4d"
    flood = f"C {'c000' * (HISTORY_LIMIT + 100)}"
    steps = (CONNECT_5_METHOD, flood, asks, "+40", gives, ACCEPTED_5_METHOD, *GRACEFUL_CLOSE)
    assert not rules_of(judge_steps(steps)) & {"SEQ11", "SEQ12"}


def test_auths_that_are_kept() -> None:
    """AUTHs are evaluated up to the limit, and there is one warning."""
    flood = send_steps("C", bytes.fromhex("f000") * 3000)
    report = judge_steps((CONNECT_5_METHOD, ACCEPTED_5_METHOD, *flood, *GRACEFUL_CLOSE))
    assert kinds(report) == ["history-limit"]
    assert sum(finding.rule == "AUT04" for finding in report.findings) == HISTORY_LIMIT


def test_a_decompression_bomb_of_control_packets() -> None:
    """A small compressed message cannot give many packets or findings; earlier packets remain."""
    connect, bomb = deflated(payload_of(CONNECT_311), bytes(1 << 20))
    (accepted,) = deflated(payload_of(ACCEPTED_311))
    steps = [
        *send_steps("C", REQUEST),
        *send_steps("S", ANSWER),
        *send_steps("C", framed(connect, 0xC2)),
        *send_steps("S", framed(accepted, 0xC2, masked=False)),
    ]
    report = judge_steps([*steps, *send_steps("C", framed(bomb, 0xC2)), "C FIN", "S FIN"], 9001)
    assert report.handshakes[0].outcome.value == "accepted"
    packets = sum(report.capture.control_packets.values())
    assert packets <= PACKETS + PACKET_RATIO * (len(bomb) + 100) + PIECE // 2
    assert len(report.findings) <= FINDINGS_LIMIT
    assert "inflate-limit" in kinds(report) and "finding-limit" in kinds(report)
