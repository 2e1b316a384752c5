"""Helpers that run `analyze` on frames or conversation steps."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence

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


FindingKey = tuple[str, str, int]  # the same in all variants of a capture: rule, side and time


def keys_of(report: dissector.Report) -> set[FindingKey]:
    """Returns the keys of the findings of a report."""
    return {(finding.rule, finding.side.value, finding.time_ns) for finding in report.findings}


def judge_each(variants: Mapping[str, Sequence[Frame]]) -> dict[str, set[FindingKey]]:
    """Analyzes many captures in one run, which sets up the rules once; returns keys by name."""
    files = [io.BytesIO(pcap(frames)) for frames in variants.values()]
    found: list[set[FindingKey]] = [set() for _ in files]
    for finding in dissector.analyze(*files, separate=True).findings:
        found[finding.capture].add((finding.rule, finding.side.value, finding.time_ns))
    return dict(zip(variants, found, strict=True))
