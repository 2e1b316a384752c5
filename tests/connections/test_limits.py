"""What one connection can cause is bounded, and each limit that is hit is named once."""

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


def said(side: str, data: bytes) -> list[str]:
    """The steps in which a side sends these bytes, in segments of usual size."""
    return [f"{side} {data[at : at + 1400].hex()}" for at in range(0, len(data), 1400)]


def of(step: str) -> bytes:
    """The bytes of a step."""
    return bytes.fromhex(step[2:])


def kinds(report: dissector.Report) -> list[str]:
    """The kinds of the warnings."""
    return [warning.kind for warning in report.warnings]


def test_findings_of_one_connection() -> None:
    """Beyond the limit packets raise no findings of their own; rules on the connection still do."""
    zeros = said("C", bytes(2 * (FINDINGS_LIMIT + 500)))
    report = judge_steps((CONNECT_311, ACCEPTED_311, *zeros, "+6"))
    assert sum(finding.rule == "ENC12" for finding in report.findings) == FINDINGS_LIMIT
    assert kinds(report) == ["finding-limit"]
    assert report.warnings[0].stream == 0
    assert "SEQ17" in rules_of(report)
    assert sum(report.capture.control_packets.values()) == FINDINGS_LIMIT + 500 + 2


def test_findings_as_many_as_allowed_are_no_warning() -> None:
    """One finding less than the limit is no reason to warn."""
    zeros = said("C", bytes(2 * (FINDINGS_LIMIT - 1)))
    report = judge_steps((CONNECT_311, ACCEPTED_311, *zeros, *GRACEFUL_CLOSE))
    assert len(report.findings) == FINDINGS_LIMIT - 1
    assert kinds(report) == []


def test_disconnects_that_are_kept() -> None:
    """One side's flood of DISCONNECTs does not hide the other side's only one."""
    flood = said("C", bytes.fromhex("e0018e") * (HISTORY_LIMIT + 300))
    goodbye = said("S", bytes.fromhex("e0018b"))
    report = judge_steps((CONNECT_5, ACCEPTED_5, *flood, *goodbye, "S FIN", "C FIN"))
    assert kinds(report) == ["history-limit"]
    assert rules_of(report) == {"SEQ14", "SEQ15"}


def test_an_answer_behind_a_flood() -> None:
    """A server that asked for AUTH has answered, also where a flood filled the history before."""
    asks, gives = "S f0 06 18 04 15 00 01 4d", "C f0 06 18 04 15 00 01 4d"
    flood = f"C {'c000' * (HISTORY_LIMIT + 100)}"
    steps = (CONNECT_5_METHOD, flood, asks, "+40", gives, ACCEPTED_5_METHOD, *GRACEFUL_CLOSE)
    assert not rules_of(judge_steps(steps)) & {"SEQ11", "SEQ12"}


def test_auths_that_are_kept() -> None:
    """A flood of AUTHs is looked into up to the limit, and one warning says so."""
    flood = said("C", bytes.fromhex("f000") * 3000)
    report = judge_steps((CONNECT_5_METHOD, ACCEPTED_5_METHOD, *flood, *GRACEFUL_CLOSE))
    assert kinds(report) == ["history-limit"]
    assert sum(finding.rule == "AUT04" for finding in report.findings) == HISTORY_LIMIT


def test_a_compressed_bomb_of_control_packets() -> None:
    """A tiny compressed message cannot become many packets or findings; what came before stays."""
    connect, bomb = deflated(of(CONNECT_311), bytes(1 << 20))
    (accepted,) = deflated(of(ACCEPTED_311))
    steps = [
        *said("C", REQUEST),
        *said("S", ANSWER),
        *said("C", framed(connect, 0xC2)),
        *said("S", framed(accepted, 0xC2, masked=False)),
    ]
    report = judge_steps([*steps, *said("C", framed(bomb, 0xC2)), "C FIN", "S FIN"], 9001)
    assert report.handshakes[0].outcome.value == "accepted"
    packets = sum(report.capture.control_packets.values())
    assert packets <= PACKETS + PACKET_RATIO * (len(bomb) + 100) + PIECE // 2
    assert len(report.findings) <= FINDINGS_LIMIT
    assert "inflate-limit" in kinds(report) and "finding-limit" in kinds(report)
