"""Frames or steps in, what `analyze` says of them out; shared by the tests that judge captures."""

from __future__ import annotations

import io
from collections.abc import Sequence

import dissector
from samples.build import Frame, conversation, pcap


def judge(frames: Sequence[Frame]) -> dissector.Report:
    """Analyse frames as a capture."""
    return dissector.analyze(io.BytesIO(pcap(frames)))


def judge_steps(steps: Sequence[str], port: int = 1883) -> dissector.Report:
    """Analyse a conversation."""
    return judge(conversation(steps, server_port=port))


def rules_of(report: dissector.Report) -> set[str]:
    """Give the ids of the rules that fired."""
    return {finding.rule for finding in report.findings}


def keys_of(report: dissector.Report) -> set[tuple[str, str, int]]:
    """Give what identifies a finding in every variant of a capture: rule, side and moment."""
    return {(finding.rule, finding.side.value, finding.time_ns) for finding in report.findings}
