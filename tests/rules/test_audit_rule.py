"""The rules of an audit, by their own examples, as whole captures: fire, stay silent, not fooled.

Every example in clear shows what SEC02 and SEC03 are about; those are left out of account, and so
is SEC01 where there are credentials, unless the example is their own.
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
from dissector.rules.base import Example, spelt
from dissector.rules.examples import CONNECT_5, SERVER_CLOSES, connack_5
from dissector.rules.registry import all_rules, audit_rules, every_rule, selected
from samples.build import Frame, conversation, pcap
from tests.judging import keys_of, rules_of

AMBIENT = {"SEC01", "SEC02", "SEC03"}
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
# what needs the contents of PUBLISH and SUBSCRIBE comes with whole sessions
LATER = {24, 25, 26, 28, 35}
WANTED = [f"SEC{number:02}" for number in range(1, 36) if number not in LATER]
WANTED += [f"TLS{number:02}" for number in range(1, 15)]


def judge(frames: Sequence[Frame], *select: str) -> dissector.Report:
    """Analyse frames as a capture, with the rules of an audit."""
    names = select or ("SEC", "TLS")
    return dissector.analyze(io.BytesIO(pcap(frames)), select=names)


def play(example: Example) -> list[Frame]:
    """Give the frames of an example."""
    return conversation(example.steps, server_port=example.port)


@pytest.mark.parametrize(("rule", "example"), BAD)
def test_bad_example_fires_the_rule_and_no_other(rule: AuditRule, example: Example) -> None:
    """A bad example fires its rule, and besides it only those that `also` names."""
    report = judge(play(example))
    assert rules_of(report) - (AMBIENT - {rule.id}) == {rule.id, *example.also}
    named = {finding.side for finding in report.findings if finding.rule == rule.id}
    assert named <= set(rule.sides()), "the rule's page names another side"


@pytest.mark.parametrize(("rule", "example"), GOOD)
def test_near_miss_is_silent(rule: AuditRule, example: Example) -> None:
    """A good example does not fire the rule."""
    assert rule.id not in rules_of(judge(play(example)))


@pytest.mark.parametrize(("rule", "example"), BAD + GOOD)
def test_a_narrower_view_adds_no_finding(rule: AuditRule, example: Example) -> None:
    """With frames lost, one direction, or the beginning or end missing, nothing new is found."""
    frames = play(example)
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
    """Give what is found, wherever: with frames missing another connection may be the first."""
    return {(found.rule, found.side.value, found.severity.value) for found in report.findings}


@pytest.mark.parametrize("rule_id", WANTED)
def test_every_row_of_the_table_has_a_file(rule_id: str) -> None:
    """Every check of part (c) that needs no PUBLISH or SUBSCRIBE has one file."""
    group = Path(dissector.rules.__file__).parent / rule_id[:-2].lower()
    assert len(list(group.glob(f"{rule_id.lower()}_*.py"))) == 1


@pytest.mark.parametrize("rule", RULES)
def test_facts_and_page_are_whole(rule: AuditRule) -> None:
    """A rule of an audit has a page, a name, examples, and says what it relates to."""
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


def test_a_refusal_may_tell_several_things() -> None:
    """SEC31 reports each thing that a server tells, and each once."""
    reason = "FooBroker/4.2.1: cannot read /etc/foobroker/passwd"
    refused = spelt((connack_5((0x1F, "reasonString", reason), code=0x80),))
    steps = (CONNECT_5, *refused, *SERVER_CLOSES)
    report = judge(conversation((*steps, "NEW", *steps)), "SEC31")
    assert [finding.message for finding in report.findings] == [
        "the server's reasonString discloses a product and its version",
        "the server's reasonString discloses a file path",
    ]


def test_analyze_has_none_of_them_unless_named() -> None:
    """Plain analysis knows the rules about the standard only; a prefix of the group brings them."""
    plain = {rule.id for rule in all_rules()}
    assert selected((), ()) == plain
    assert selected((), ("SEC",)) == plain
    assert selected((), (), audit=True) == plain | {rule.id for rule in audit_rules()}
    assert selected(("SEC-01",), ()) == {"SEC01"}
    assert selected(("S",), ()) == {name for name in plain if name.startswith("S")}
