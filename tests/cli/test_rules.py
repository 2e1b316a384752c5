"""`dissector rules`: the list, the pages and their JSON."""

from __future__ import annotations

import json
import re

import pytest

from dissector.cli.rules import page
from dissector.model import Version
from dissector.mqtt.statements import STATEMENTS, paraphrase
from dissector.rules.base import Rule
from dissector.rules.registry import all_rules, every_rule
from tests.cli.running import dissector


def test_lists_every_rule() -> None:
    """The list has every rule with its id and name."""
    ran = dissector("rules")
    assert ran.code == 0
    for rule in all_rules():
        assert f"{rule.id} " in ran.out
        assert rule.name in ran.out


def test_a_page_has_everything() -> None:
    """A rule's page has its statements, what it checks, why, fixes, and examples as bytes."""
    text = " ".join(dissector("rules", "ses-01").out.split())
    for part in ("SES01", "MQTT-3.2.2-1 of 3.1.1: ", "checks ", "why ", "client: ", "server: ",
                 "alarms ", "S 20 02 01 00"):  # fmt: skip
        assert part in text
    assert dissector("rules", "session-present-after-clean-session").out.startswith("SES01 ")


def test_a_page_has_the_severity_per_version() -> None:
    """If the severity differs between versions, the page lists it with the versions."""
    text = dissector("rules", "CON14").out
    assert "weight  error in 3.1, info in 3.1.1 and 5.0; MUST (info: advice); proven" in text
    assert "   weight  error; MUST; proven" in dissector("rules", "SES01").out


def test_a_page_has_the_side_at_fault() -> None:
    """If either side may be at fault, the page and the list name both."""
    assert "   side    client or server, whichever is at fault" in dissector("rules", "ENC05").out
    assert "   side    server\n" in dissector("rules", "SES01").out
    rows = {line.split()[0]: line.split()[3] for line in dissector("rules").out.splitlines()}
    assert (rows["ENC05"], rows["SES01"], rows["CON01"]) == ("either", "server", "client")
    made = {rule["id"]: rule["sides"] for rule in map(page, every_rule())}
    assert (made["SEQ17"], made["SES01"]) == (["client", "server"], ["server"])


def test_a_page_of_an_audit_rule_has_its_references() -> None:
    """The page of an audit rule has the same references as its findings."""
    text = " ".join(dissector("rules", "SEC03").out.split())
    assert "relates to CWE-306, CWE-287, OWASP IoT 2018 I9, " in text


@pytest.mark.parametrize("rule", every_rule(), ids=lambda rule: rule.id)
def test_a_page_is_plain_text(rule: Rule) -> None:
    """Pages have no reStructuredText markup and no words broken at line ends."""
    text = " ".join(str(value) for value in page(rule).values())
    assert "``" not in text
    assert not re.search(r"(?<![\w*])\*\w+\*", text)
    assert not re.search(r"\w-\n", text), "a word broken at the end of a line"


def test_a_group_is_a_shorter_list() -> None:
    """A prefix lists only the rules whose ids begin with it."""
    ran = dissector("rules", "ACK")
    assert "ACK01" in ran.out
    assert "SES01" not in ran.out


def test_json_has_all_pages() -> None:
    """The JSON has every rule with its page."""
    found = json.loads(dissector("rules", "--format", "json").out)
    assert [rule["id"] for rule in found] == [rule.id for rule in every_rule()]
    assert found[-1]["why"]


@pytest.mark.parametrize("rule", all_rules(), ids=lambda rule: rule.id)
def test_every_page_cites_the_catalogue(rule: Rule) -> None:
    """Every statement that a rule cites is in the catalogue of that version."""
    for version, identifiers in rule.statements.items():
        for identifier in identifiers:
            assert (version, identifier) in STATEMENTS
    assert page(rule)["checks"]


def test_the_catalogue_is_complete() -> None:
    """3.1.1 has 141 numbered statements, 5.0 has 251, 3.1 none; an unknown id gives no text."""
    counts = dict.fromkeys(Version, 0)
    for version, _ in STATEMENTS:
        counts[version] += 1
    assert counts == {Version.V3_1: 0, Version.V3_1_1: 141, Version.V5_0: 251}
    assert paraphrase(Version.V3_1_1, "MQTT-9.9.9-9") == ""
    assert paraphrase(None, "MQTT-3.2.2-1") == ""
    assert paraphrase(Version.V5_0, "MQTT-3.2.2-2") != paraphrase(Version.V3_1_1, "MQTT-3.2.2-2")
