"""`--baseline` and suppressions: known findings are left out everywhere, and noted."""

from __future__ import annotations

import datetime
import io
import json
from pathlib import Path
from typing import Any

import pytest

from dissector import analyze
from dissector.cli.known_findings import KnownFindings, Suppression
from samples.build import START_NS, conversation, pcap
from tests.cli.running import CompletedRun, dissector

CONNECT = "C 10 0d 00 04 4d 51 54 54 04 02 00 3c 00 01 61"
BAD = (CONNECT, "S 20 02 01 00", "C e0 00", "C FIN", "S FIN")
OTHER = ("C 10 0d 00 04 4d 51 54 54 04 02 00 00 00 01 61", "S 20 02 00 00", "C e0 00", "C FIN")


@pytest.fixture
def later(tmp_path: Path) -> Path:
    """A capture with the same fault a day later from another port, and a new fault."""
    path = tmp_path / "later.pcap"
    start = START_NS + 86_400_000_000_000
    path.write_bytes(
        pcap(
            [
                *conversation(BAD, client_port=45_000, start_ns=start),
                *conversation(OTHER, client_port=45_001, start_ns=start + 10**9),
            ]
        )
    )
    return path


def document(ran: CompletedRun) -> dict[str, Any]:
    """Parses a JSON report."""
    found: dict[str, Any] = json.loads(ran.out)
    return found


def rules(found: dict[str, Any]) -> list[str]:
    """Returns the rules of the findings; checks them against devices, servers and summary."""
    mine = [finding["rule"] for finding in found["findings"]]
    for party in (*found.get("devices", ()), *found.get("servers", ())):
        assert {problem["rule"] for problem in party["posture"]["wrong"]} <= set(mine)
        assert all(number < len(mine) for number in party["findings"])
    summary = found["summary"]
    assert summary["error"] + summary["warning"] + summary["info"] == len(mine)
    return mine


@pytest.mark.parametrize("form", ["json", "jsonl"])
@pytest.mark.parametrize("command", ["analyze", "audit"])
def test_a_baseline_leaves_only_what_is_new(
    bad: Path, later: Path, tmp_path: Path, command: str, form: str
) -> None:
    """A fault of the same party is known, whatever its frame and port; a new one is shown."""
    baseline = tmp_path / f"baseline.{form}"
    dissector(command, "--format", form, "--output", str(baseline), str(bad))
    same = dissector(command, "--format", "json", "--baseline", str(baseline), str(bad))
    assert rules(document(same)) == []
    assert same.code == 0
    assert "of the baseline left out" in same.err
    new = dissector("audit", "--format", "json", "--baseline", str(baseline), str(later))
    found = rules(document(new))
    assert "SES01" not in found
    assert "SEC15" in found  # keep alive off


def test_a_baseline_does_not_cover_another_server(bad: Path, tmp_path: Path) -> None:
    """The same fault of another server is new."""
    baseline = tmp_path / "baseline.json"
    dissector("--format", "json", "--output", str(baseline), str(bad))
    path = tmp_path / "elsewhere.pcap"
    path.write_bytes(pcap(conversation(BAD, server_ip=bytes((10, 0, 0, 9)))))
    ran = dissector("--format", "json", "--baseline", str(baseline), str(path))
    assert rules(document(ran)) == ["SES01"]
    assert ran.code == 1


@pytest.mark.parametrize("text", ["", "{}", '{"schema": 2, "findings": []}', "[]", "\x00", "{"])
def test_an_invalid_baseline_is_refused(bad: Path, tmp_path: Path, text: str) -> None:
    """A baseline that is no JSON report is exit 2; the message says how to write one."""
    baseline = tmp_path / "baseline.json"
    baseline.write_text(text)
    ran = dissector("--baseline", str(baseline), str(bad))
    assert ran.code == 2
    assert "--format json or jsonl" in ran.err


def test_a_missing_baseline_is_refused(bad: Path, tmp_path: Path) -> None:
    """A missing baseline is exit 2 before any capture is read."""
    ran = dissector("--baseline", str(tmp_path / "none.json"), str(bad))
    assert (ran.code, ran.out) == (2, "")


def suppressed(directory: Path, bad: Path, *lines: str, command: str = "analyze") -> CompletedRun:
    """Runs the command with one suppression in the project file."""
    (directory / "dissector.toml").write_text("\n".join(("[[suppressions]]", *lines)))
    return dissector(command, "--format", "json", str(bad), cwd=directory)


REASON = 'reason = "fixed in spring"'
NEXT_CENTURY, LONG_AGO = "expires = 2126-01-01", "expires = 2020-01-01"


@pytest.mark.parametrize(
    "where", ['rule = "SES01"', 'rule = "SES"\nserver = "10.0.0.2"',
              'rule = "SES01"\nserver = "10.0.0.2:1883"', 'rule = "SES01"\nclient = "10.0.0.1"',
              'rule = "SES01"\nclient-id = "a"'],
)  # fmt: skip
@pytest.mark.parametrize("command", ["analyze", "audit"])
def test_a_suppression_applies(bad: Path, tmp_path: Path, where: str, command: str) -> None:
    """A suppressed finding is not shown, not counted, does not fail, and is noted."""
    ran = suppressed(tmp_path, bad, where, REASON, NEXT_CENTURY, command=command)
    assert "SES01" not in rules(document(ran))
    assert "1 finding suppressed" in ran.err


@pytest.mark.parametrize(
    "where", ['rule = "SES01"\nserver = "10.0.0.3"', 'rule = "ACK"',
              'rule = "SES01"\nclient-id = "b"', 'rule = "SES01"\nclient = "10.0.0.2"'],
)  # fmt: skip
def test_a_suppression_of_something_else(bad: Path, tmp_path: Path, where: str) -> None:
    """A finding of another rule, server or client is not suppressed."""
    ran = suppressed(tmp_path, bad, where, REASON, NEXT_CENTURY)
    assert rules(document(ran)) == ["SES01"]
    assert ran.code == 1


def test_an_expired_suppression_is_noted(bad: Path, tmp_path: Path) -> None:
    """After its last day the finding is shown again, and the reason is noted."""
    ran = suppressed(tmp_path, bad, 'rule = "SES01"', REASON, LONG_AGO)
    assert rules(document(ran)) == ["SES01"]
    assert "expired on 2020-01-01" in ran.err
    assert "fixed in spring" in ran.err


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (('rule = "SES01"', NEXT_CENTURY), "it has no reason; write reason ="),
        (('rule = "SES01"', REASON), "it has no expires; write expires ="),
        (('rule = "SES01"', 'reason = " "', NEXT_CENTURY), "it has no reason"),
        (('rule = "SES01"', REASON, 'expires = "soon"'), "expires is 'soon'; it has to be a date"),
        (('rule = "SES01"', REASON, "expires = 2126-01-01T00:00:00Z"), "it has to be a date"),
        (('rule = "NO99"', REASON, NEXT_CENTURY), "NO99"),
        (('rule = "SES01"', REASON, NEXT_CENTURY, 'host = "10.0.0.1"'), "unknown key 'host'"),
        (('rule = "SES01"', REASON, NEXT_CENTURY, 'server = "broker"'), "server is 'broker'"),
        (('rule = "SES01"', REASON, NEXT_CENTURY, 'server = "10.0.0.1:0"'), "an IP address, with"),
        (('rule = "SES01"', REASON, NEXT_CENTURY, 'client = "10.0.0"'), "client is '10.0.0'"),
        (('rule = "SES01"', REASON, NEXT_CENTURY, "client-id = 3"), "a quoted string"),
        ((REASON, NEXT_CENTURY), "suppression 1: it has no rule"),
    ],
)
def test_a_suppression_needs_reason_and_last_day(
    bad: Path, tmp_path: Path, lines: tuple[str, ...], words: str
) -> None:
    """An incomplete suppression, or one that can match nothing, is refused with a hint."""
    ran = suppressed(tmp_path, bad, *lines)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("dissector: ")
    assert words in ran.err


def test_live_leaves_out_what_is_known(bad: Path, later: Path, tmp_path: Path) -> None:
    """Known findings are left out of a live report, its exit code and its capture file."""
    baseline, out = tmp_path / "baseline.jsonl", tmp_path / "out.pcapng"
    dissector("--format", "jsonl", "--output", str(baseline), str(bad))
    words = ("live", "-", "--format", "jsonl", "-w", str(out))
    for more, note in (
        (("--baseline", str(baseline)), "1 finding of the baseline left out"),
        ((), "1 finding suppressed by the configuration"),
    ):
        if not more:
            lines = ("[[suppressions]]", 'rule = "SES01"', REASON, NEXT_CENTURY)
            (tmp_path / "dissector.toml").write_text("\n".join(lines))
        ran = dissector(*words, *more, cwd=tmp_path, stdin=later.read_bytes())
        records = [json.loads(line) for line in ran.out.splitlines()]
        found = [record["rule"] for record in records if record["type"] == "finding"]
        assert "SES01" not in found
        assert records[-1]["error"] == 0
        assert ran.code == 0
        assert note in ran.err
        assert b"SES01" not in out.read_bytes()
    ran = dissector(*words, stdin=later.read_bytes())
    assert ran.code == 1
    assert b"SES01" in out.read_bytes()


def test_a_suppression_expires_during_a_capture() -> None:
    """A live capture shows findings again after the last day of their suppression."""
    days = [datetime.date(2027, 3, 31)]
    item = Suppression(rule="SES01", reason="fixed in spring", expires=days[0])
    known = KnownFindings(None, [item], lambda: days[-1])
    (finding,) = analyze(io.BytesIO(pcap(conversation(BAD)))).findings
    assert known(finding)
    days.append(datetime.date(2027, 4, 1))
    assert not known(finding)
    assert [note.split(":")[0] for note in known.notes()] == [
        "1 finding suppressed by the configuration",
        "a suppression of SES01 expired on 2027-03-31",
    ]
