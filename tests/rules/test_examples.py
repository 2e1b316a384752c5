"""Every rule, by its own examples, as whole captures: fires, stays silent, is not fooled."""

from __future__ import annotations

import pytest

from dissector.rules.base import Example, Rule
from dissector.rules.registry import all_rules
from samples.build import conversation
from tests.judging import judge, judge_steps, keys_of, rules_of

BAD = [
    pytest.param(rule, example, id=f"{rule.id} {example.title}")
    for rule in all_rules()
    for example in rule.bad
]
GOOD = [
    pytest.param(rule, example, id=f"{rule.id} {example.title}")
    for rule in all_rules()
    for example in rule.good
]
EVERY = BAD + GOOD


@pytest.mark.parametrize(("rule", "example"), BAD)
def test_bad_example_fires_the_rule_and_no_other(rule: Rule, example: Example) -> None:
    """A bad example fires its rule, and besides it only those that `also` names."""
    report = judge_steps(example.steps, example.port)
    assert rules_of(report) == {rule.id, *example.also}
    for finding in report.findings:
        if finding.rule == rule.id:
            assert finding.severity is not None
            assert set(finding.statements) <= {
                identifier for ids in rule.statements.values() for identifier in ids
            }
            if finding.version is not None:
                assert finding.version in rule.statements


@pytest.mark.parametrize(("rule", "example"), GOOD)
def test_near_miss_is_silent(rule: Rule, example: Example) -> None:
    """A good example does not fire the rule."""
    assert rule.id not in rules_of(judge_steps(example.steps, example.port))


@pytest.mark.parametrize(("rule", "example"), EVERY)
def test_a_lost_segment_adds_no_finding(rule: Rule, example: Example) -> None:
    """With any one data segment or FIN removed, nothing is found that the whole does not show."""
    frames = conversation(example.steps, server_port=example.port)
    whole = keys_of(judge(frames))
    for index in range(3, len(frames)):
        fewer = frames[:index] + frames[index + 1 :]
        assert keys_of(judge(fewer)) <= whole, f"without frame {index + 1}"


@pytest.mark.parametrize(("rule", "example"), EVERY)
def test_one_direction_adds_no_finding(rule: Rule, example: Example) -> None:
    """With one direction missing, nothing is found that the whole does not show."""
    frames = conversation(example.steps, server_port=example.port)
    whole = keys_of(judge(frames))
    for side in "CS":
        assert keys_of(judge([frame for frame in frames if frame.side == side])) <= whole


@pytest.mark.parametrize(("rule", "example"), EVERY)
def test_a_prefix_adds_no_finding(rule: Rule, example: Example) -> None:
    """The findings on every prefix are a subset of those on the whole."""
    frames = conversation(example.steps, server_port=example.port)
    whole = keys_of(judge(frames))
    for stop in range(1, len(frames)):
        assert keys_of(judge(frames[:stop])) <= whole, f"the first {stop} frames"


@pytest.mark.parametrize(("rule", "example"), EVERY)
def test_a_missing_beginning_adds_no_finding(rule: Rule, example: Example) -> None:
    """A capture that starts in mid-stream shows nothing that the whole does not show."""
    frames = conversation(example.steps, server_port=example.port)
    whole = keys_of(judge(frames))
    for start in range(1, len(frames)):
        assert keys_of(judge(frames[start:])) <= whole, f"from frame {start + 1}"


@pytest.mark.parametrize(("rule", "example"), EVERY)
def test_doubled_and_shuffled_frames_change_nothing(rule: Rule, example: Example) -> None:
    """Frames captured twice, or neighbours swapped, give the same findings."""
    frames = conversation(example.steps, server_port=example.port)
    whole = keys_of(judge(frames))
    assert keys_of(judge([frame for frame in frames for _ in range(2)])) == whole
