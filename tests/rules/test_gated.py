"""Every rule of the handshake on captures that hide something: not evaluated, and said so."""

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
# They speak of what carries a connection: nothing about it is missing where MQTT is read
CARRIED = {"SEQ19", "SEQ24"}
RULES = [
    pytest.param(rule, id=rule.id)
    for rule in all_rules()
    if rule.id[:3] in HANDSHAKE and rule.id not in CARRIED
]


def frames_of(example: Example) -> list[Frame]:
    """Play an example."""
    return conversation(example.steps, server_port=example.port)


def lost(frames: Sequence[Frame]) -> Iterator[list[Frame]]:
    """Give the capture without each of its data segments in turn."""
    for at, frame in enumerate(frames):
        if frame.payload:
            yield [*frames[:at], *frames[at + 1 :]]


def one_way(frames: Sequence[Frame]) -> Iterator[list[Frame]]:
    """Give either direction of a capture alone."""
    for side in "CS":
        yield [frame for frame in frames if frame.side == side]


def cut(frames: Sequence[Frame]) -> Iterator[list[Frame]]:
    """Give every beginning of a capture that holds its TCP handshake."""
    for stop in range(3, len(frames)):
        yield list(frames[:stop])


def verdict(rule: Rule, report: dissector.Report) -> str:
    """Say what a report says of a rule: found, not evaluated, or nothing."""
    if rule.id in rules_of(report):
        return "found"
    reported = any(item.rule == rule.id and item.reason for item in report.not_evaluated)
    return "not evaluated" if reported else "nothing"


@pytest.mark.parametrize("rule", RULES)
def test_not_evaluated_where_a_segment_is_lost(rule: Rule) -> None:
    """Without one of its segments each bad example is found still or not evaluated, never passed.

    What can be lost without a trace is the end of a capture: nothing acknowledges it.
    """
    for example in rule.bad:
        frames = frames_of(example)
        if not any(frame.payload for frame in frames):
            continue  # nothing was sent, and so nothing can be lost
        verdicts = [verdict(rule, judge(variant)) for variant in lost(frames)]
        assert "not evaluated" in verdicts, example.title


@pytest.mark.parametrize("rule", RULES)
def test_one_direction_is_enough_or_not_evaluated(rule: Rule) -> None:
    """With one direction a rule about single packets finds them; the others are not evaluated.

    A server that is heard alone, and does not send MQTT, is not known to be one.
    """
    for example in rule.bad:
        variants = [judge(variant) for variant in one_way(frames_of(example))]
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
    """A capture that ends early shows nothing of a rule about a deadline, and says why."""
    reason = "the capture ends before the deadline"
    late = [example for example in rule.bad if any(step[0] == "+" for step in example.steps)]
    assert late
    for example in late:
        reports = [judge(variant) for variant in cut(frames_of(example))]
        ended = [
            report
            for report in reports
            if any(item.rule == rule.id and item.reason == reason for item in report.not_evaluated)
        ]
        assert ended, example.title
        assert all(rule.id not in rules_of(report) for report in ended)


def test_the_rules_of_the_tables_are_all_here() -> None:
    """What the tables name is what these tests went through."""
    names = {rule.id for rule in all_rules() if rule.id[:3] in HANDSHAKE} - CARRIED
    assert names >= {row.rule for row in rows()} | set(IN_3_1)
    assert all(find(name) is not None for name in names)
