"""JUnit XML of audits and analyses: valid, one case for each rule, failing as the command does."""

from __future__ import annotations

from pathlib import Path

import pytest
from lxml import etree

from dissector.rules.registry import selected
from tests.conftest import ROOT
from tests.report.auditing import CREDENTIALS, analyzed, audited

SCHEMA = etree.XMLSchema(etree.parse(Path(__file__).parent / "schemas" / "junit.xsd"))
SAMPLES = sorted((ROOT / "samples").glob("[hr]*/*.pcap*"))
SES01 = ROOT / "samples" / "made" / "ses01-session-present-after-clean-session.pcap"
EVERY = selected((), (), audit=True)


def suites(data: bytes) -> etree._Element:
    """Parses XML and checks it against the schema, and its counts against its cases."""
    root = etree.fromstring(data)
    SCHEMA.assertValid(root)
    for suite in (root, *root.iter("testsuite")):
        cases = list(suite.iter("testcase"))
        assert int(suite.get("tests")) == len(cases)
        assert int(suite.get("failures")) == len(list(suite.iter("failure")))
        assert int(suite.get("skipped")) == len(list(suite.iter("skipped")))
    return root


def rules_with(root: etree._Element, inner: str) -> set[str]:
    """Returns the ids of the rules whose case contains an element."""
    return {
        case.get("name").split()[0]
        for case in root.iter("testcase")
        if case.find(inner) is not None
    }


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.name)
def test_every_sample_is_valid(path: Path) -> None:
    """There is one case for each selected rule, with any capture."""
    root = suites(audited(path, "junit", rules=EVERY))
    names = [case.get("name").split()[0] for case in root.iter("testcase")]
    assert sorted(names) == sorted(EVERY)


def test_hostile_names_are_valid(hostile: Path) -> None:
    """No client id makes the XML invalid or adds an element."""
    root = suites(audited(hostile, "junit", rules=EVERY, fail_on="info"))
    allowed = {
        "testsuites",
        "testsuite",
        "properties",
        "property",
        "testcase",
        "failure",
        "skipped",
    }
    assert {element.tag for element in root.iter()} <= allowed | {"system-out"}
    for element in root.iter():
        for text in (element.text or "", *element.attrib.values()):
            assert all(line.isprintable() for line in text.split("\n"))


@pytest.mark.parametrize(("fail_on", "fails"), [("error", True), ("never", False)])
def test_a_case_fails_from_the_severity_of_fail_on(fail_on: str, fails: bool) -> None:
    """`--fail-on` decides, as for the exit code; findings below it are in the output."""
    root = suites(analyzed(SES01, "junit", rules=selected((), ()), fail_on=fail_on))
    assert ("SES01" in rules_with(root, "failure")) is fails
    assert ("SES01" in rules_with(root, "system-out")) is not fails


def test_infos_do_not_fail_by_default() -> None:
    """A finding of severity info is a failure only on request."""
    assert not rules_with(suites(audited(CREDENTIALS, "junit", rules=EVERY)), "failure")
    every = suites(audited(CREDENTIALS, "junit", rules=EVERY, fail_on="info"))
    assert rules_with(every, "failure") == {"SEC01", "SEC02", "SEC36"}


def test_what_was_not_evaluated_is_skipped(incomplete: Path) -> None:
    """A rule without findings that was not evaluated everywhere is skipped, with the reason."""
    root = suites(audited(incomplete, "junit", rules=EVERY))
    skipped = rules_with(root, "skipped")
    assert "SES01" in skipped
    assert not skipped & (rules_with(root, "failure") | rules_with(root, "system-out"))
    (ses01,) = (case for case in root.iter("testcase") if case.get("name").startswith("SES01 "))
    assert (
        ses01.find("skipped").get("message") == "1 time: the version of the connection is unknown"
    )
