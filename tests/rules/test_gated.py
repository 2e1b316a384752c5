"""Tests that rules are reported as not evaluated where the capture is incomplete."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest

import dissector
from dissector.model import Confidence
from dissector.rules.base import DefectRule, Example, Rule
from dissector.rules.registry import all_rules, find
from samples.build import Frame, conversation
from tests.judging import judge, rules_of
from tests.rules.test_tables import IN_3_1, rows

HANDSHAKE = ("ENC", "CON", "ACK", "SEQ", "AUT", "SES")
# Rules about WebSocket, of which nothing is missing if MQTT could be decoded
WEBSOCKET_RULES = {"SEQ19", "SEQ24"}
RULES = [
    pytest.param(rule, id=rule.id)
    for rule in all_rules()
    if rule.id[:3] in HANDSHAKE and rule.id not in WEBSOCKET_RULES
]


def frames_of(example: Example) -> list[Frame]:
    """Returns the frames of an example."""
    return conversation(example.steps, server_port=example.port)


def lost(frames: Sequence[Frame]) -> Iterator[list[Frame]]:
    """Yields the capture without each of its data segments in turn."""
    for at, frame in enumerate(frames):
        if frame.payload:
            yield [*frames[:at], *frames[at + 1 :]]


def one_direction(frames: Sequence[Frame]) -> Iterator[list[Frame]]:
    """Yields each direction of a capture alone."""
    for side in "CS":
        yield [frame for frame in frames if frame.side == side]


def prefixes(frames: Sequence[Frame]) -> Iterator[list[Frame]]:
    """Yields every prefix of a capture that has the TCP handshake."""
    for stop in range(3, len(frames)):
        yield list(frames[:stop])


def verdict(rule: Rule, report: dissector.Report) -> str:
    """Returns what a report has for a rule: found, not evaluated, or nothing."""
    if rule.id in rules_of(report):
        return "found"
    reported = any(item.rule == rule.id and item.reason for item in report.not_evaluated)
    return "not evaluated" if reported else "nothing"


@pytest.mark.parametrize("rule", RULES)
def test_not_evaluated_where_a_segment_is_lost(rule: Rule) -> None:
    """Without one of its segments a bad example still has its finding, or is not evaluated.

    Only the last segment of a capture can be missing unnoticed: nothing acknowledges it.
    """
    for example in rule.bad:
        frames = frames_of(example)
        if not any(frame.payload for frame in frames):
            continue  # no data that could be lost
        verdicts = [verdict(rule, judge(variant)) for variant in lost(frames)]
        assert "not evaluated" in verdicts, example.title


@pytest.mark.parametrize("rule", RULES)
def test_one_direction_has_the_finding_or_is_not_evaluated(rule: Rule) -> None:
    """With one direction, rules about single packets have findings; others are not evaluated.

    A server whose direction alone was captured is not recognized if it does not send MQTT.
    """
    for example in rule.bad:
        variants = [judge(variant) for variant in one_direction(frames_of(example))]
        verdicts = {verdict(rule, report) for report in variants if report.capture.mqtt_connections}
        assert verdicts or rule.id == "SEQ12", example.title
        single = isinstance(rule, DefectRule) or "found" in verdicts
        assert single or "nothing" not in verdicts or "not evaluated" in verdicts, example.title


DEADLINES = [
    pytest.param(rule, id=rule.id)
    for rule in all_rules()
    if rule.id[:3] in HANDSHAKE
    and (rule.confidence is Confidence.LIKELY or rule.id in ("SEQ05", "SEQ11", "SEQ12"))
]


@pytest.mark.parametrize("rule", DEADLINES)
def test_not_evaluated_where_the_capture_ends_before_the_deadline(rule: Rule) -> None:
    """If the capture ends before a deadline, its rule is not evaluated, for that reason."""
    reason = "the capture ends before the deadline"
    late = [example for example in rule.bad if any(step[0] == "+" for step in example.steps)]
    assert late
    for example in late:
        reports = [judge(variant) for variant in prefixes(frames_of(example))]
        ended = [
            report
            for report in reports
            if any(item.rule == rule.id and item.reason == reason for item in report.not_evaluated)
        ]
        assert ended, example.title
        assert all(rule.id not in rules_of(report) for report in ended)


def test_all_rules_of_the_tables_are_covered() -> None:
    """These tests cover all rules in the tables."""
    names = {rule.id for rule in all_rules() if rule.id[:3] in HANDSHAKE} - WEBSOCKET_RULES
    assert names >= {row.rule for row in rows()} | set(IN_3_1)
    assert all(find(name) is not None for name in names)
