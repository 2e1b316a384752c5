"""Unusual but lawful conversations give no finding above info."""

from __future__ import annotations

import pytest

from dissector.model import Confidence, Severity, Version
from dissector.rules.registry import find
from tests.judging import judge_steps
from tests.transport.unusual import UnusualConversation

SEEDS = 90  # with three versions and two transports more than 500 conversations


@pytest.mark.parametrize("seed", range(SEEDS))
@pytest.mark.parametrize("transport", ["tcp", "websocket"])
@pytest.mark.parametrize("version", list(Version))
def test_unusual_conversations_give_no_finding(version: Version, transport: str, seed: int) -> None:
    """A lawful conversation gives at most info findings, and warnings of deadlines of ours."""
    steps = UnusualConversation(version, transport, seed).conversation()
    report = judge_steps(steps)
    assert len(report.handshakes) == 1
    wrong = [
        f"{item.rule} {item.message}"
        for item in report.findings
        if item.severity is not Severity.INFO
        and not (find(item.rule).deadlines and item.confidence is Confidence.LIKELY)
    ]
    assert not wrong, steps
