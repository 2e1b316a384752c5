"""Helpers that run `analyze` on frames or conversation steps."""

from __future__ import annotations

import io
from collections.abc import Sequence

import dissector
from samples.build import Frame, conversation, pcap


def judge(frames: Sequence[Frame]) -> dissector.Report:
    """Analyzes frames as a capture."""
    return dissector.analyze(io.BytesIO(pcap(frames)))


def judge_steps(steps: Sequence[str], port: int = 1883) -> dissector.Report:
    """Analyzes a conversation."""
    return judge(conversation(steps, server_port=port))


def rules_of(report: dissector.Report) -> set[str]:
    """Returns the ids of the rules with findings."""
    return {finding.rule for finding in report.findings}


def keys_of(report: dissector.Report) -> set[tuple[str, str, int]]:
    """Returns the keys of findings in all variants of a capture: rule, side and time."""
    return {(finding.rule, finding.side.value, finding.time_ns) for finding in report.findings}
