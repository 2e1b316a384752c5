"""Tests every rule with its own examples as whole captures, also incomplete ones."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from dissector.model import Side, Version
from dissector.rules.base import Example, Rule
from dissector.rules.examples import ACCEPTED_5, CONNECT_5, CONNECT_311, GRACEFUL_CLOSE
from dissector.rules.registry import all_rules
from samples.build import Frame, conversation
from tests.judging import judge_each, judge_steps, rules_of

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
def test_bad_example_has_findings_of_its_rule_only(rule: Rule, example: Example) -> None:
    """A bad example has findings of its rule, and otherwise only of those in `also`."""
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


@pytest.mark.parametrize("rule", all_rules(), ids=lambda rule: rule.id)
def test_bad_examples_fire_every_version_and_statement(rule: Rule) -> None:
    """Each version and each statement id that a rule lists is cited by one of its bad examples."""
    cited: dict[Version | None, set[str]] = {}
    for example in rule.bad:
        for finding in judge_steps(example.steps, example.port).findings:
            if finding.rule == rule.id:
                cited.setdefault(finding.version, set()).update(finding.statements)
    unknown = cited.pop(None, None)  # a finding without version cites an id of every version
    for version, ids in rule.statements.items():
        assert (unknown is not None and set(ids) <= unknown) or cited.get(version) == set(ids)


@pytest.mark.parametrize("rule", all_rules(), ids=lambda rule: rule.id)
def test_findings_name_the_sides_of_the_rule(rule: Rule) -> None:
    """The findings of the bad examples name exactly the sides on the rule's page."""
    named = {
        finding.side
        for example in rule.bad
        for finding in judge_steps(example.steps, example.port).findings
        if finding.rule == rule.id
    }
    assert named == set(rule.sides())


@pytest.mark.parametrize(
    ("steps", "side"),
    [
        (
            (CONNECT_311, "S 20 02 00 00", "S 10 0c 00 04 4d 51 54 54 04 01 00 3c 00 00"),
            Side.SERVER,
        ),
        ((CONNECT_5, ACCEPTED_5, "C 20 03 02 05 00"), Side.CLIENT),
    ],
)
def test_a_packet_of_the_other_side_has_one_finding(steps: tuple[str, ...], side: Side) -> None:
    """A packet that only the other side may send has one finding, and none about its fields."""
    report = judge_steps((*steps, *GRACEFUL_CLOSE))
    assert [(found.rule, found.side) for found in report.findings] == [("ENC12", side)]


@pytest.mark.parametrize(("rule", "example"), GOOD)
def test_good_example_has_no_finding(rule: Rule, example: Example) -> None:
    """A good example has no finding of the rule."""
    assert rule.id not in rules_of(judge_steps(example.steps, example.port))


def incomplete(frames: Sequence[Frame]) -> dict[str, Sequence[Frame]]:
    """Returns every way in which a capture of a connection may be incomplete.

    Any one data segment, acknowledgement or FIN is lost; one direction is missing; the capture
    ends early; it begins late.
    """
    found = {
        f"without frame {at + 1}": [*frames[:at], *frames[at + 1 :]] for at in range(3, len(frames))
    }
    for side in "CS":
        found[f"only {side}"] = [frame for frame in frames if frame.side == side]
    for at in range(1, len(frames)):
        found[f"the first {at} frames"] = list(frames[:at])
        found[f"from frame {at + 1}"] = list(frames[at:])
    return {name: variant for name, variant in found.items() if variant}


@pytest.mark.parametrize(("rule", "example"), EVERY)
def test_an_incomplete_capture_adds_no_finding(rule: Rule, example: Example) -> None:
    """However incomplete a capture is, it has no finding that the whole lacks."""
    frames = conversation(example.steps, server_port=example.port)
    found = judge_each({"whole": frames, **incomplete(frames)})
    whole = found.pop("whole")
    added = {name: keys - whole for name, keys in found.items() if keys - whole}
    assert not added


@pytest.mark.parametrize(("rule", "example"), EVERY)
def test_doubled_frames_change_nothing(rule: Rule, example: Example) -> None:
    """Frames captured twice give the same findings."""
    frames = conversation(example.steps, server_port=example.port)
    doubled = [frame for frame in frames for _ in range(2)]
    found = judge_each({"whole": frames, "doubled": doubled})
    assert found["doubled"] == found["whole"]
