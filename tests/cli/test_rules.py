"""`dissector rules`."""

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
    """All rules are there, with severity, side and versions."""
    ran = dissector("rules")
    assert ran.code == 0
    for rule in all_rules():
        assert f"{rule.id} " in ran.out
        assert rule.name in ran.out


def test_a_page_has_everything() -> None:
    """A rule's page says what it checks, why, how to fix, and shows examples as bytes."""
    text = " ".join(dissector("rules", "ses-01").out.split())
    for part in ("SES01", "MQTT-3.2.2-1 of 3.1.1: ", "checks ", "why ", "client: ", "server: ",
                 "alarms ", "S 20 02 01 00"):  # fmt: skip
        assert part in text
    assert dissector("rules", "session-present-after-clean-session").out.startswith("SES01 ")


def test_a_page_says_where_it_weighs_what() -> None:
    """A rule that is an error in one version and a note in another says which is which."""
    text = dissector("rules", "CON14").out
    assert "weight  error in 3.1, info in 3.1.1 and 5.0; MUST (info: advice); proven" in text
    assert "   weight  error; MUST; proven" in dissector("rules", "SES01").out


def test_a_page_says_whom_findings_name() -> None:
    """Where a rule blames whoever did it, neither its page nor the list names one side only."""
    assert "   side    client or server, whichever it was" in dissector("rules", "ENC05").out
    assert "   side    server\n" in dissector("rules", "SES01").out
    rows = {line.split()[0]: line.split()[3] for line in dissector("rules").out.splitlines()}
    assert (rows["ENC05"], rows["SES01"], rows["CON01"]) == ("either", "server", "client")
    made = {rule["id"]: rule["sides"] for rule in map(page, every_rule())}
    assert (made["SEQ17"], made["SES01"]) == (["client", "server"], ["server"])


def test_a_page_of_the_audit_says_what_it_relates_to() -> None:
    """References of a rule of the audit stand on the page as in a finding."""
    text = " ".join(dissector("rules", "SEC03").out.split())
    assert "relates to CWE-306, CWE-287, OWASP IoT 2018 I9, " in text


@pytest.mark.parametrize("rule", every_rule(), ids=lambda rule: rule.id)
def test_a_page_is_plain_text(rule: Rule) -> None:
    """No markup of another program gets to the terminal."""
    said = " ".join(str(value) for value in page(rule).values())
    assert "``" not in said
    assert not re.search(r"(?<![\w*])\*\w+\*", said)
    assert not re.search(r"\w-\n", said), "a word broken at the end of a line"


def test_a_group_is_a_shorter_list() -> None:
    """A prefix lists the rules that begin with it."""
    ran = dissector("rules", "ACK")
    assert "ACK01" in ran.out
    assert "SES01" not in ran.out


def test_json_has_all_pages() -> None:
    """Programs get every rule with its page and examples."""
    found = json.loads(dissector("rules", "--format", "json").out)
    assert [rule["id"] for rule in found] == [rule.id for rule in every_rule()]
    assert found[-1]["why"]


@pytest.mark.parametrize("rule", all_rules(), ids=lambda rule: rule.id)
def test_every_page_cites_the_catalogue(rule: Rule) -> None:
    """Every statement that a rule may cite is in the catalogue of that version."""
    for version, identifiers in rule.statements.items():
        for identifier in identifiers:
            assert (version, identifier) in STATEMENTS
    assert page(rule)["checks"]


def test_the_catalogue_is_whole() -> None:
    """3.1.1 has 141 numbered statements, 5.0 has 251, 3.1 none; a wrong id gives no text."""
    counts = dict.fromkeys(Version, 0)
    for version, _ in STATEMENTS:
        counts[version] += 1
    assert counts == {Version.V3_1: 0, Version.V3_1_1: 141, Version.V5_0: 251}
    assert paraphrase(Version.V3_1_1, "MQTT-9.9.9-9") == ""
    assert paraphrase(None, "MQTT-3.2.2-1") == ""
    assert paraphrase(Version.V5_0, "MQTT-3.2.2-2") != paraphrase(Version.V3_1_1, "MQTT-3.2.2-2")
