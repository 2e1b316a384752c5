"""Tests the audit rules with their own examples as whole captures, also incomplete ones.

Every unencrypted example violates SEC02, SEC01 if it has credentials, and SEC03 and SEC36 if it has
none; these are ignored unless the example is their own.
"""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from pathlib import Path

import pytest

import dissector
import dissector.rules
from dissector.model import Obligation, Severity, Side
from dissector.rules.audit_rule import SOURCES, AuditRule
from dissector.rules.base import Example, step_texts
from dissector.rules.examples import CONNECT_5, SERVER_CLOSES, connack_5
from dissector.rules.registry import all_rules, audit_rules, every_rule, selected
from samples.build import Frame, conversation, pcap
from tests.judging import keys_of, rules_of

USUAL = {"SEC01", "SEC02", "SEC03", "SEC36"}
RULES = [pytest.param(rule, id=rule.id) for rule in audit_rules()]
BAD = [
    pytest.param(rule, example, id=f"{rule.id} {example.title}")
    for rule in audit_rules()
    for example in rule.bad
]
GOOD = [
    pytest.param(rule, example, id=f"{rule.id} {example.title}")
    for rule in audit_rules()
    for example in rule.good
]
# rules that need the contents of PUBLISH and SUBSCRIBE do not exist yet
NOT_YET = {24, 25, 26, 28, 35}
EXPECTED = [f"SEC{number:02}" for number in range(1, 37) if number not in NOT_YET]
EXPECTED += [f"TLS{number:02}" for number in range(1, 15)]


def judge(frames: Sequence[Frame], *select: str) -> dissector.Report:
    """Analyses frames as a capture, with the audit rules."""
    names = select or ("SEC", "TLS")
    return dissector.analyze(io.BytesIO(pcap(frames)), select=names)


def frames_of(example: Example) -> list[Frame]:
    """Returns the frames of an example."""
    return conversation(example.steps, server_port=example.port)


@pytest.mark.parametrize(("rule", "example"), BAD)
def test_bad_example_has_findings_of_its_rule_only(rule: AuditRule, example: Example) -> None:
    """A bad example has findings of its rule, and otherwise only of those in `also`."""
    report = judge(frames_of(example))
    assert rules_of(report) - (USUAL - {rule.id}) == {rule.id, *example.also}
    named = {finding.side for finding in report.findings if finding.rule == rule.id}
    assert named <= set(rule.sides()), "a side that is not on the rule's page"


@pytest.mark.parametrize(("rule", "example"), GOOD)
def test_good_example_has_no_finding(rule: AuditRule, example: Example) -> None:
    """A good example has no finding of the rule."""
    assert rule.id not in rules_of(judge(frames_of(example)))


@pytest.mark.parametrize(("rule", "example"), BAD + GOOD)
def test_an_incomplete_capture_adds_no_finding(rule: AuditRule, example: Example) -> None:
    """Frames, one direction, or the beginning or end are missing: there is no new finding."""
    frames = frames_of(example)
    whole = kinds(judge(frames, rule.id))
    step = max(len(frames) // 24, 1)
    for index in range(0, len(frames), step):
        fewer = frames[:index] + frames[index + 1 :]
        for variant in (fewer, frames[:index], frames[index:]):
            assert kinds(judge(variant, rule.id)) <= whole, f"at frame {index + 1}"
    for side in "CS":
        assert kinds(judge([frame for frame in frames if frame.side == side], rule.id)) <= whole
    twice = judge([frame for frame in frames for _ in range(2)], rule.id)
    assert keys_of(twice) == keys_of(judge(frames, rule.id))


def kinds(report: dissector.Report) -> set[tuple[str, str, str | None]]:
    """Returns findings without their connection: with frames missing, it may be another one."""
    return {(found.rule, found.side.value, found.severity.value) for found in report.findings}


@pytest.mark.parametrize("rule_id", EXPECTED)
def test_every_audit_rule_has_a_file(rule_id: str) -> None:
    """Every audit rule that needs no PUBLISH or SUBSCRIBE has one file."""
    group = Path(dissector.rules.__file__).parent / rule_id[:-2].lower()
    assert len(list(group.glob(f"{rule_id.lower()}_*.py"))) == 1


@pytest.mark.parametrize("rule", RULES)
def test_attributes_and_page_are_complete(rule: AuditRule) -> None:
    """An audit rule has a page, a name, examples and references."""
    assert all(rule.page())
    assert rule.page().summary.count("\n") <= 1
    assert re.fullmatch(r"(SEC|TLS)\d\d", rule.id)
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)+", rule.name)
    assert isinstance(rule.side, Side)
    assert isinstance(rule.severity_in(None), Severity)
    assert rule.obligation is Obligation.ADVICE
    assert rule.references
    assert set(rule.references) <= set(SOURCES)
    assert rule.relates_to()
    module = type(rule).__module__.split(".")
    assert module[-2] == rule.id[:-2].lower()
    assert module[-1].startswith(rule.id.lower() + "_")
    assert not hasattr(rule, "asks") or int(rule.asks)


def test_ids_and_names_are_unique() -> None:
    """No two rules share an id or a name, those about the standard included."""
    rules = every_rule()
    assert len({rule.id for rule in rules}) == len(rules)
    assert len({rule.name for rule in rules}) == len(rules)


def test_a_refusal_may_disclose_several_things() -> None:
    """SEC31 reports each kind of information that a server discloses, each once."""
    reason = "FooBroker/4.2.1: cannot read /etc/foobroker/passwd"
    refused = step_texts((connack_5((0x1F, "reasonString", reason), code=0x80),))
    steps = (CONNECT_5, *refused, *SERVER_CLOSES)
    report = judge(conversation((*steps, "NEW", *steps)), "SEC31")
    assert [finding.message for finding in report.findings] == [
        "the server's reasonString discloses a product and its version",
        "the server's reasonString discloses a file path",
    ]


def test_analyze_has_no_audit_rules_unless_selected() -> None:
    """Plain analysis has only rules about the standard; a prefix of a group adds audit rules."""
    plain = {rule.id for rule in all_rules()}
    assert selected((), ()) == plain
    assert selected((), ("SEC",)) == plain
    assert selected((), (), audit=True) == plain | {rule.id for rule in audit_rules()}
    assert selected(("SEC-01",), ()) == {"SEC01"}
    assert selected(("S",), ()) == {name for name in plain if name.startswith("S")}
