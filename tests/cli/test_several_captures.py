"""Several captures in one run: each is judged for itself, and the report is one document."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from dissector.analysis import run
from dissector.audit.run import run as run_audit
from dissector.capture.rings import groups
from dissector.options import Options
from dissector.report.concise import Concise
from dissector.report.formats import analysis_reporter, audit_reporter
from dissector.report.json_document import JsonDocument
from dissector.report.json_lines import JsonLines
from dissector.report.reporter import ReportOptions
from dissector.report.statistics import Statistics
from dissector.report.style import Style
from dissector.report.text_report import TextReport
from dissector.rules.registry import selected
from samples.build import conversation, pcap
from tests.cli.running import CLEAN, dissector
from tests.conftest import ROOT
from tests.report import schema
from tests.report.auditing import SHARED

MADE = sorted((ROOT / "samples" / "made").glob("*.pcap"))
RINGS = ROOT / "tests" / "capture" / "rings"
KEY = b"one key for all"
ENDS = ("C e0 00", "C FIN", "S FIN")
_OF_ITS_RUN = {"id", "handshake", "capture", "flow_id", "findings"}


class Tee:
    """Passes every record to several reporters."""

    def __init__(self, reporters: Sequence[Any]) -> None:
        self._reporters = reporters

    def __getattr__(self, name: str) -> Callable[..., None]:
        def to_all(*record: Any) -> None:
            for reporter in self._reporters:
                getattr(reporter, name)(*record)

        return to_all


def reported(paths: Sequence[Path]) -> dict[str, str]:
    """Analyzes captures once and returns the report in every format."""
    captures = groups([str(path) for path in paths])
    several = len(captures) > 1
    style = Style()
    look = ReportOptions(
        style, key=KEY, rules=selected((), ()), fail_on="info", several=several, everything=True
    )
    made: dict[str, Any] = {
        "json": lambda stream: JsonDocument(stream, key=KEY, several=several),
        "jsonl": lambda stream: JsonLines(stream, key=KEY, several=several),
        "concise": lambda stream: Concise(stream, io.BytesIO(), style),
        "statistics": lambda stream: Statistics(stream, style, several=several),
        "table": lambda stream: TextReport(stream, style, everything=True),
    }
    for form in SHARED:
        made[form] = lambda stream, form=form: analysis_reporter(form, stream, look)
    streams = {form: io.BytesIO() for form in made}
    tee = Tee([make(streams[form]) for form, make in made.items()])
    outcome = run(captures, Options(), tee)
    tee.finish(outcome.capture, outcome.summary, outcome.not_evaluated)
    return {form: stream.getvalue().decode() for form, stream in streams.items()}


def audited(paths: Sequence[Path], form: str) -> str:
    """Audits captures and returns the report."""
    captures = groups([str(path) for path in paths])
    stream = io.BytesIO()
    look = ReportOptions(Style(), key=KEY, several=len(captures) > 1, everything=True)
    reporter = audit_reporter(form, stream, look)
    found = run_audit(captures, Options(), reporter, key=KEY)
    reporter.overview(found.overview)
    outcome = found.outcome
    reporter.finish(outcome.capture, outcome.summary, outcome.not_evaluated)
    return stream.getvalue().decode()


def plain(record: Any) -> str:
    """Returns a record without the numbers that count over all captures."""
    return json.dumps({key: value for key, value in record.items() if key not in _OF_ITS_RUN})


def of_json(text: str, path: Path | None) -> Iterator[str]:
    document = json.loads(text)
    for name in ("handshakes", "tlsHandshakes", "findings", "captureWarnings"):
        for record in document[name]:
            if path is not None and record.get("file", "") is None:
                record["file"] = str(path)
            yield name + plain(record)
    for record in document["notEvaluated"]:
        yield from [f"{record['rule']} {record['reason']}"] * record["count"]


def of_jsonl(text: str, path: Path | None) -> Iterator[str]:
    for line in text.splitlines():
        record = json.loads(line)
        if record["type"] in ("handshake", "tlsHandshake", "finding"):
            yield plain(record)


def of_csv(text: str, path: Path | None) -> Iterator[str]:
    for row in csv.DictReader(io.StringIO(text)):
        assert row["file"] or row["record"] != "finding"
        yield plain(row)


def of_sarif(text: str, path: Path | None) -> Iterator[str]:
    for result in json.loads(text)["runs"][0]["results"]:
        for place in (*result["locations"], *result.get("relatedLocations", ())):
            place["physicalLocation"]["artifactLocation"].pop("index")
        yield plain({key: item for key, item in result.items() if key != "ruleIndex"})


def of_junit(text: str, path: Path | None) -> Iterator[str]:
    for case in ET.fromstring(text).iter("testcase"):
        for part in case:
            yield from re.findall(r"^\S*/\S+:\d+: .*$", part.text or "", re.MULTILINE)


def of_eve(text: str, path: Path | None) -> Iterator[str]:
    for line in text.splitlines():
        assert json.loads(line)["pcap_filename"]
        yield plain(json.loads(line))


def of_zeek(text: str, path: Path | None) -> Iterator[str]:
    for line in text.splitlines():
        if not line.startswith("#"):
            cells = line.split("\t")
            del cells[1]  # the uid, which differs by stream and capture
            yield "\t".join(cells if path is None else [*cells, str(path)])


def of_concise(text: str, path: Path | None) -> Iterator[str]:
    yield from text.splitlines()


def of_statistics(text: str, path: Path | None) -> Iterator[str]:
    for line in text.splitlines()[:-1]:
        yield " ".join(line.split() if path is None else [*line.split(), str(path)])


RECORDS: dict[str, Callable[[str, Path | None], Iterator[str]]] = {
    "json": of_json, "jsonl": of_jsonl, "csv": of_csv, "sarif": of_sarif, "junit": of_junit,
    "eve": of_eve, "zeek": of_zeek, "concise": of_concise, "statistics": of_statistics,
}  # fmt: skip


@pytest.fixture(scope="module", params=["made", "alike"])
def captures(request: pytest.FixtureRequest, tmp_path_factory: Any) -> list[Path]:
    """Captures that all use the same addresses, ports and times."""
    if request.param == "made":
        return MADE
    folder = tmp_path_factory.mktemp("alike")
    paths = []
    for number in range(12):
        name = f"{number:02}".encode().hex(" ")
        steps = (
            f"C 10 0e 00 04 4d 51 54 54 04 02 00 3c 00 02 {name}",
            f"S 20 02 0{number % 2} 00",
            *(ENDS if number % 3 else ()),
        )
        paths.append(folder / f"same-{number}.pcap")
        paths[-1].write_bytes(pcap(conversation(steps)))
    return paths


@pytest.fixture(scope="module")
def both(captures: list[Path]) -> tuple[dict[str, str], dict[Path, dict[str, str]]]:
    """All captures in one run, and each in a run of its own, in every format."""
    return reported(captures), {path: reported([path]) for path in captures}


@pytest.mark.parametrize("form", RECORDS)
def test_each_capture_gives_what_it_gives_alone(form: str, both: Any) -> None:
    """All captures together have the records that each has alone, and each names its file."""
    together, alone = both
    records = RECORDS[form]
    found = Counter(records(together[form], None))
    assert found == Counter(
        record for path, made in alone.items() for record in records(made[form], path)
    )
    assert found


def test_the_table_names_the_file_of_every_finding(both: Any) -> None:
    """Each file with a finding is named in the table, and the end says how many captures."""
    together, alone = both
    text = " ".join(together["table"].split())
    for path, made in alone.items():
        if json.loads(made["json"])["findings"]:
            assert path.name in text
    assert f"{len(alone)} captures" in text


def test_an_audit_of_captures_alike_judges_each_for_itself(captures: list[Path]) -> None:
    """Captures of the same times have the findings that each has alone, and one inventory."""
    chosen = captures[:12]
    together = json.loads(audited(chosen, "json"))
    alone = [json.loads(audited([path], "json")) for path in chosen]
    schema.check_audit_document(together)
    found = Counter(plain(finding) for finding in together["findings"])
    assert found == Counter(plain(finding) for one in alone for finding in one["findings"])
    assert {finding["capture"] for finding in together["findings"]} == set(range(len(chosen)))
    servers = {server["name"] for one in alone for server in one["servers"]}
    assert {server["name"] for server in together["servers"]} == servers
    assert len(together["servers"]) == len(servers)
    for form in ("html", "markdown", "table", "csv", "sarif"):
        assert chosen[0].name in audited(chosen, form)


def test_the_json_of_several_captures_fits_the_schema(captures: list[Path]) -> None:
    """Document and lines have `captures` and the id of each record's capture."""
    made = reported(captures[:5])
    document = json.loads(made["json"])
    schema.check_document(document)
    assert [part["id"] for part in document["captures"]] == list(range(5))
    assert document["capture"]["frames"] == sum(part["frames"] for part in document["captures"])
    assert [record["id"] for record in document["handshakes"]] == list(
        range(len(document["handshakes"]))
    )
    of = {record["id"]: record["capture"] for record in document["handshakes"]}
    for finding in document["findings"]:
        assert finding["handshake"] is None or of[finding["handshake"]] == finding["capture"]
        assert finding["file"] == document["captures"][finding["capture"]]["files"][0]["path"]
    for record in document["notEvaluated"]:
        assert all(len(place) == 2 for place in record["streams"])
    lines = [json.loads(line) for line in made["jsonl"].splitlines()]
    for line in lines:
        schema.check_line(line)
    assert lines[-1]["captures"] == document["captures"]


def test_recorded_rings_are_one_capture_each() -> None:
    """Rings of dumpcap and tcpdump in one directory are read without a flag, connections whole."""
    ran = dissector("--recursive", "--format", "json", str(RINGS))
    document = json.loads(ran.out)
    names = [[Path(file["path"]).name for file in part["files"]] for part in document["captures"]]
    assert [len(files) for files in names] == [4, 5, 3, 3]
    assert names[3] == ["wrap.pcap1.gz", "wrap.pcap2.gz", "wrap.pcap0.gz"]  # the oldest first
    assert (ran.code, ran.err) == (0, "")
    assert document["summary"]["accepted"] == 29
    assert not document["findings"]
    over = [
        record
        for record in document["handshakes"]
        if record["close"] and record["connect"]["file"] != record["close"]["file"]
    ]
    assert {record["capture"] for record in over} == {1, 2, 3}
    assert [part["streams"] for part in document["captures"]] == [7, 9, 7, 8]
    end = dissector("--recursive", str(RINGS)).out
    assert "4 captures, all of them rings of 3 to 5 files" in " ".join(end.split())


def test_separate_and_join(bad: Path, good: Path) -> None:
    """`--separate` makes a capture of each file, `--join` one of all, both are a usage error."""
    counts = []
    for option in ("--separate", "--join"):
        ran = dissector(option, "--recursive", "--format", "json", str(RINGS))
        document = json.loads(ran.out)
        counts.append(len(document.get("captures", [0])))
    assert counts == [15, 1]
    for command in ("analyze", "audit", "show", "crosscheck"):
        refused = dissector(command, "--join", "--separate", str(bad), str(good))
        assert refused.code == 2
        assert "contradict each other" in refused.err


def test_a_configuration_can_join(bad: Path, good: Path, tmp_path: Path) -> None:
    """`join` is a key of the configuration, which the flag `--separate` overrides."""
    (tmp_path / "dissector.toml").write_text("join = true\n")
    files = (str(bad), str(good))
    ran = dissector("--format", "json", *files, cwd=tmp_path)
    assert "captures" not in json.loads(ran.out)
    ran = dissector("--separate", "--format", "json", *files, cwd=tmp_path)
    assert len(json.loads(ran.out)["captures"]) == 2


def test_joined_files_that_contradict_each_other(tmp_path: Path) -> None:
    """Joined captures of the same addresses and times are a loud warning that names --separate."""
    connect = "C 10 0d 00 04 4d 51 54 54 04 02 00 3c 00 01 61"
    for name, code in (("a", "00"), ("b", "05")):
        steps = (connect, f"S 20 02 00 {code}", *ENDS)
        (tmp_path / f"{name}.pcap").write_bytes(pcap(conversation(steps)))
    ran = dissector("--join", str(tmp_path / "a.pcap"), str(tmp_path / "b.pcap"))
    assert "contradict" in ran.err
    assert "--separate" in ran.err
    assert "contradicting-files" in ran.out


def test_files_of_one_network_do_not_contradict_each_other(tmp_path: Path) -> None:
    """Joined captures of different connections give no such warning."""
    shutil.copy(RINGS / "ring_00001_20261128221900.pcapng", tmp_path / "one.pcapng")
    shutil.copy(RINGS / "ring_00002_20261128221901.pcapng", tmp_path / "two.pcapng")
    ran = dissector("--join", str(tmp_path / "one.pcapng"), str(tmp_path / "two.pcapng"))
    assert "contradict" not in ran.err + ran.out


def test_streams_of_one_capture(bad: Path, good: Path) -> None:
    """`--stream N` is that stream of each capture, `--stream C:N` of capture C only."""
    files = (str(good), str(bad))
    for value, count in (("0", 2), ("0:0", 1), ("1:0", 1), ("1:1", 0)):
        ran = dissector("--stream", value, "--format", "json", *files)
        assert json.loads(ran.out)["summary"]["handshakes"] == count, value
    assert "SES01" in dissector("--stream", "1:0", *files).out
    assert "SES01" not in dissector("--stream", "0:0", *files).out
    refused = dissector("--stream", "2:0", *files)
    assert refused.code == 2
    assert "there is no capture 2" in refused.err
    shown = dissector("show", "--stream", "1:0", *files).out
    assert str(bad) in shown
    assert str(good) not in shown


def test_exit_codes_over_all_captures(bad: Path, good: Path, other: Path, tmp_path: Path) -> None:
    """One failed input is exit 2, else a finding is exit 1; MQTT in one capture suffices."""
    assert dissector(str(good), str(good)).code == 0
    assert dissector(str(good), str(bad)).code == 1
    ran = dissector("--require-mqtt", str(good), str(other))
    assert ran.code == 0
    assert f"no MQTT in 1 of 2 captures: {other}" in ran.err
    missing = str(tmp_path / "missing.pcap")
    ran = dissector("--format", "json", missing, str(bad))
    assert ran.code == 2
    assert "missing.pcap: no such file" in ran.err
    assert [part["id"] for part in json.loads(ran.out)["captures"]] == [1]
    ran = dissector("--require-mqtt", str(other), str(other))
    assert ran.code == 2
    assert "NO MQTT was seen in 2 captures" in ran.err
    ran = dissector(missing, missing + "2")
    assert ran.code == 2
    assert ran.err.count("no such file") == 2


def test_an_interrupt_reports_what_was_read(bad: Path, good: Path) -> None:
    """Ctrl-C in the second of three captures ends the analysis; what was read is reported."""
    captures = groups([str(bad), str(bad), str(good)])
    calls = []

    def progress(done: int, total: int | None) -> None:
        calls.append((done, total))
        if done > bad.stat().st_size:
            raise KeyboardInterrupt

    stream = io.BytesIO()
    reporter = JsonDocument(stream, several=True)
    outcome = run(captures, Options(), reporter, progress)
    reporter.finish(outcome.capture, outcome.summary, outcome.not_evaluated)
    assert outcome.interrupted
    assert calls[-1] == (2 * bad.stat().st_size, 3 * bad.stat().st_size)
    document = json.loads(stream.getvalue())
    assert [part["id"] for part in document["captures"]] == [0, 1]
    assert document["summary"]["error"] == 2


def test_ring_names_that_are_no_ring_are_noted(bad: Path, tmp_path: Path) -> None:
    """If files with names as in a ring overlap in time, a note says so and names --join."""
    for number in (1, 2):
        shutil.copy(bad, tmp_path / f"ring_0000{number}_2023111422132{number}.pcap")
    paths = sorted(map(str, tmp_path.glob("ring*")))
    ran = dissector("--format", "concise", *paths)
    assert ran.out.count("SES01") == 2
    assert "were read as two captures: their times overlap; --join" in ran.err


def test_extracted_frames_of_several_captures(bad: Path, good: Path, tmp_path: Path) -> None:
    """An extract of several captures holds the frames of the selected streams of each."""
    alike = tmp_path / "alike.pcap"
    shutil.copy(bad, alike)
    out = tmp_path / "out.pcapng"
    ran = dissector(
        "extract", "--flagged", "-w", str(out), str(good), str(bad), str(alike), cwd=tmp_path
    )
    assert ran.code == 0
    assert "of 2 connections, 2 findings" in ran.err
    shown = dissector("--format", "json", "--separate", str(out))
    assert json.loads(shown.out)["capture"]["frames"] == 2 * 13


_MANY = """
import gc, io, sys
from dissector.analysis import run
from dissector.options import Options
from dissector.capture.rings import groups
from dissector.report.json_document import JsonDocument
from dissector.report.style import Style
from dissector.report.text_report import TextReport

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096

gc.disable()  # as the command does
path, audit = sys.argv[1], sys.argv[2] == "audit"
for make in (lambda out: JsonDocument(out, several=True), lambda out: TextReport(out, Style())):
    sizes = []
    for count in (20, 200):
        reporter = make(io.BytesIO())
        run(groups([path] * count), Options(audit=audit), reporter)
        sizes.append(resident())
    print(sizes[1] - sizes[0])
"""


@pytest.mark.parametrize("rules", ["plain", "audit"])
def test_many_captures_need_bounded_memory(rules: str, bad: Path) -> None:
    """Of a capture that was read only its description is kept, without the cycle collector."""
    done = subprocess.run(
        [sys.executable, "-c", _MANY, str(bad), rules],
        capture_output=True, check=True, env=CLEAN, timeout=120,
    )  # fmt: skip
    for grown in map(int, done.stdout.split()):
        assert grown < 180 * 16_000
