"""SARIF of audits and analyses: valid, folded, with the same fingerprints in the next capture."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic_sarif.model import (
    StaticAnalysisResultsFormatSarifVersion210JsonSchema as Log,
)

from samples.build import START_NS, conversation, pcap
from tests.conftest import ROOT
from tests.report.auditing import CREDENTIALS, analyzed, audited

SAMPLES = sorted((ROOT / "samples").glob("[hr]*/*.pcap*"))
BAD = ("C 10 0d 00 04 4d 51 54 54 04 02 00 3c 00 01 61", "S 20 02 01 00", "C e0 00", "C FIN")


def run_of(data: bytes) -> dict[str, Any]:
    """Checks a log against the schema and the needs of code scanning; returns its run."""
    log = json.loads(data)
    Log.model_validate(log)  # made from the official schema: unknown members are errors
    (run,) = log["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert len({rule["id"] for rule in rules}) == len(rules)
    for result in run["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["partialFingerprints"]["primaryLocationLineHash"]
        assert result["message"]["text"].isprintable()
        for location in (*result["locations"], *result.get("relatedLocations", ())):
            place = location["physicalLocation"]
            artifact = run["artifacts"][place["artifactLocation"]["index"]]
            assert artifact["location"]["uri"] == place["artifactLocation"]["uri"]
            assert place["region"]["startLine"] >= 1
    return dict(run)


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.name)
def test_logs_of_samples_are_valid(path: Path) -> None:
    """The log of any sample is valid SARIF 2.1.0."""
    run_of(audited(path, "sarif"))
    run_of(analyzed(path, "sarif"))


def test_hostile_names_are_valid(hostile: Path) -> None:
    """The log is valid with client ids of any bytes."""
    run = run_of(audited(hostile, "sarif"))
    assert {result["ruleId"] for result in run["results"]} >= {"SES01", "SEC01"}


def test_counts_are_those_of_the_json() -> None:
    """The occurrences of folded results add up to the number of findings."""
    document = json.loads(audited(CREDENTIALS, "json"))
    run = run_of(audited(CREDENTIALS, "sarif"))
    assert sum(result["occurrenceCount"] for result in run["results"]) == len(document["findings"])
    assert len(run["results"]) < len(document["findings"])


def test_fingerprints_are_the_same_in_another_capture(tmp_path: Path) -> None:
    """Only the same fault of the same party has the same fingerprint in another capture."""
    prints: list[dict[str, str]] = []
    for name, later, server in (("a", 0, 2), ("b", 86_400, 2), ("c", 0, 3)):
        path = tmp_path / f"{name}.pcap"
        frames = conversation(
            BAD,
            client_port=50_000 + later % 1000,
            server_ip=bytes((10, 0, 0, server)),
            start_ns=START_NS + later * 1_000_000_000,
        )
        path.write_bytes(pcap(frames))
        results = run_of(audited(path, "sarif"))["results"]
        prints.append(
            {item["ruleId"]: item["partialFingerprints"]["mqttDissector/v1"] for item in results}
        )
    assert prints[0] == prints[1]
    assert len(set(prints[0].values())) == len(prints[0])
    assert prints[0]["SES01"] != prints[2]["SES01"]  # the fault of another server


def test_security_rules_are_tagged_for_code_scanning() -> None:
    """Rules of an audit have a score and CWE tags; other rules are no security alerts."""
    rules = run_of(audited(CREDENTIALS, "sarif"))["tool"]["driver"]["rules"]
    for rule in rules:
        audit = rule["id"].startswith(("SEC", "TLS"))
        assert ("security-severity" in rule["properties"]) is audit
        assert ("external/cwe/cwe-319" in rule["properties"]["tags"]) is (
            rule["id"] in ("SEC01", "SEC02", "SEC36")
        )


def test_what_was_not_evaluated_is_a_notification(incomplete: Path) -> None:
    """Rules that were not evaluated are notifications, not results."""
    document = json.loads(audited(incomplete, "json"))
    run = run_of(audited(incomplete, "sarif"))
    texts = [
        note["message"]["text"] for note in run["invocations"][0]["toolExecutionNotifications"]
    ]
    assert document["notEvaluated"]
    for record in document["notEvaluated"]:
        assert any(text.startswith(f"{record['rule']} not evaluated") for text in texts)
