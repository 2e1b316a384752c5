"""Exit codes and channels, as the interface contract has them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from dissector.cli.main import COMMANDS
from tests.cli.running import CLEAN, dissector
from tests.conftest import ROOT


def test_findings_exit_with_1(bad: Path) -> None:
    """An error is at the default threshold."""
    ran = dissector(str(bad))
    assert ran.code == 1
    assert "SES01" in ran.out
    assert ran.err == ""


def test_nothing_found_exits_with_0(good: Path) -> None:
    """A clean capture is no failure."""
    ran = dissector("analyze", str(good))
    assert ran.code == 0
    assert "No findings." in ran.out


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("--fail-on", "never"), 0),
        (("--exit-zero",), 0),
        (("--ignore", "SES"), 0),
        (("--select", "ACK,SES01"), 1),
        (("--select", "ACK"), 0),
        (("--fail-on", "info"), 1),
        (("--client", "a"), 1),
        (("--client", "b"), 0),
        (("--stream", "0"), 1),
        (("--stream", "1,2"), 0),
    ],
)
def test_options_decide_on_findings(bad: Path, arguments: tuple[str, ...], code: int) -> None:
    """Selection, filters and thresholds decide whether findings fail."""
    assert dissector(*arguments, str(bad)).code == code


def test_options_may_stand_between_files(bad: Path, good: Path) -> None:
    """Files and options come in any order."""
    ran = dissector(str(good), "--format", "json", str(bad))
    assert len(json.loads(ran.out)["capture"]["files"]) == 2


def test_no_mqtt_is_loud(other: Path) -> None:
    """Without MQTT the exit is 0, but standard error says so, and what was there instead."""
    ran = dissector(str(other))
    assert ran.code == 0
    assert "NO MQTT was seen" in ran.err
    assert "1 tls" in ran.err
    assert dissector("--require-mqtt", str(other)).code == 2


def test_another_port_is_named_by_d(elsewhere: Path) -> None:
    """`-d` makes a port MQTT's, alone or in a range."""
    assert dissector("-d", "tcp.port==18840,mqtt", str(elsewhere)).code == 1
    assert dissector("-d", "tcp.port==18000-19000,mqtt", str(elsewhere)).code == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("missing.pcap",), "missing.pcap: no such file"),
        (("--frobnicate", "x.pcap"), "unknown option --frobnicate"),
        (("--selct", "SES", "x.pcap"), "did you mean --select?"),
        (("--format", "xml", "x.pcap"), "invalid choice: 'xml'"),
        (("-Y", "mqtt", "x.pcap"), "reserved"),
        (("-i", "lo"), "belongs to `dissector live`"),
        (("-d", "udp.port==1,mqtt", "x.pcap"), "not understood"),
        (("-d", "tcp.port==0,mqtt", "x.pcap"), "not understood"),
        (("--stream", "one", "x.pcap"), "a stream is a number"),
        (("--engine", "wireshark", "x.pcap"), "--engine"),
        (("--statistics", "--format", "json", "x.pcap"), "--statistics"),
        (("--statistics", "--format", "sarif", "x.pcap"), "count the findings in the sarif"),
        (("browse",), "reserved"),
        (("live",), "name what to listen to"),
        (("live", "-i", "lo", "-"), "name what to listen to"),
        (("live", "x.pcap"), "reads a file"),
        (("live", "-i", "lo", "-a", "forever"), "not understood"),
        (("live", "-i", "lo", "-b", "files:2"), "needs -b filesize"),
        (("live", "-i", "no-such"), "there is no interface no-such; there are"),
        (("live", "-i", "lo", "--buffer", "100000000"), "--buffer takes MiB"),
        (("live", "-i", "lo", "--flagged-only"), "name one with -w FILE"),
        (("live", "-", "-f", "tcp"), "give it to tcpdump"),
        (("analyse",), "did you mean `dissector analyze`?"),
        (("analyze",), "no capture given"),
        (("-", "-"), "once only"),
        (("rules", "SES99"), "no rule 'SES99'"),
        (("doctor", "x.pcap"), "'x.pcap' has no place here"),
        (("show", "hex", "2g"), "no hex bytes"),
        (("show", "hex"), "no bytes given"),
    ],
)
def test_misuse_exits_with_2_and_one_line(
    tmp_path: Path, arguments: tuple[str, ...], words: str
) -> None:
    """Whatever cannot be done is one line that says what to do."""
    ran = dissector(*arguments, cwd=tmp_path)
    assert ran.code == 2
    assert words in ran.err
    assert ran.out == ""
    assert ran.err.count("\n") == 1


def test_no_rule_begins_with_the_prefix(bad: Path) -> None:
    """A misspelt selection is no silent success."""
    ran = dissector("--select", "SEZ", str(bad))
    assert (ran.code, ran.out) == (2, "")
    assert "SEZ" in ran.err


def test_no_arguments_show_the_help() -> None:
    """Without arguments there is nothing to do."""
    ran = dissector()
    assert ran.code == 2
    assert "usage: dissector" in ran.err


def test_one_bad_input_of_several_is_reported(bad: Path, tmp_path: Path) -> None:
    """The others are judged, the exit is 2."""
    ran = dissector(str(bad), str(tmp_path / "missing.pcap"))
    assert ran.code == 2
    assert "SES01" in ran.out
    assert "missing.pcap" in ran.err


def test_a_cut_record_is_a_warning_unless_strict(good: Path) -> None:
    """A capture that was cut off is judged as far as it goes."""
    good.write_bytes(good.read_bytes()[:-5])
    ran = dissector(str(good))
    assert ran.code == 0
    assert "cut-record" in ran.out
    assert dissector("--strict-input", str(good)).code == 2


def test_standard_input_is_a_capture(bad: Path) -> None:
    """`-` reads from a pipe."""
    ran = dissector("--format", "concise", "-", stdin=bad.read_bytes())
    assert ran.code == 1
    assert ran.out.startswith("-:6: SES01 error server")


def test_directories_need_recursive(bad: Path, tmp_path: Path) -> None:
    """A directory is read only when asked for; what is no capture in it is left alone."""
    (tmp_path / "notes.txt").write_text("no capture")
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "unnamed").write_bytes(bad.read_bytes())
    refused = dissector(str(tmp_path))
    assert refused.code == 2
    assert "--recursive" in refused.err
    ran = dissector("--recursive", "--format", "json", str(tmp_path))
    files = [file["path"] for file in json.loads(ran.out)["capture"]["files"]]
    assert files == [str(bad), str(tmp_path / "deep" / "unnamed")]


def test_separate_judges_each_file(bad: Path, good: Path) -> None:
    """With `--separate` every file has its own report."""
    ran = dissector("--separate", "--format", "jsonl", str(good), str(bad))
    kinds = [json.loads(line)["type"] for line in ran.out.splitlines()]
    assert ran.code == 1
    assert kinds.count("summary") == 2


def test_separate_goes_on_after_a_bad_file(bad: Path, tmp_path: Path) -> None:
    """A file that cannot be read does not hide the next one."""
    ran = dissector("--separate", "--format", "concise", str(tmp_path / "missing"), str(bad))
    assert ran.code == 2
    assert "SES01" in ran.out


def test_a_report_goes_to_a_file(bad: Path, tmp_path: Path) -> None:
    """`--output` leaves standard output empty, and never writes over a capture."""
    target = tmp_path / "report.json"
    ran = dissector("--format", "json", "--output", str(target), str(bad))
    assert (ran.code, ran.out) == (1, "")
    assert json.loads(target.read_text())["schema"] == 1
    before = bad.read_bytes()
    refused = dissector("--output", str(bad), str(bad))
    assert refused.code == 2
    assert bad.read_bytes() == before
    assert dissector("--output", str(tmp_path / "no" / "where"), str(bad)).code == 2


def test_a_broken_pipe_ends_quietly(bad: Path) -> None:
    """Whoever reads one line and leaves hears nothing more."""
    command = f"'{sys.executable}' -m dissector --format json '{bad}' | head -c 1"
    done = subprocess.run(
        ["sh", "-c", command], capture_output=True, env=CLEAN, cwd=ROOT, check=False
    )
    assert done.stdout == b"{"
    assert done.stderr == b""


def test_a_format_of_the_audit_is_said_to_be_one() -> None:
    """Whoever asks `analyze` for a page is sent to the command that writes it."""
    ran = dissector("analyze", "--format", "html", "a.pcap")
    assert (ran.code, ran.err) == (2, "dissector: --format html belongs to `dissector audit`\n")
    assert "choose from" in dissector("analyze", "--format", "pdf", "a.pcap").err


def test_version_says_how_it_was_built() -> None:
    """Compiled or interpreted is part of the version."""
    ran = dissector("--version")
    assert ran.code == 0
    assert ran.out.startswith("dissector ")
    assert ran.out.rstrip().endswith(("(compiled)", "(interpreted)"))


def test_colour_only_where_it_is_wanted(bad: Path) -> None:
    """A pipe gets no colour, `--color always` does, NO_COLOR does not change that."""
    assert "\x1b" not in dissector(str(bad)).out
    assert "\x1b[" in dissector("--color", "always", str(bad), NO_COLOR="1").out
    assert "\x1b" not in dissector(str(bad), NO_COLOR="1").out


def test_an_odd_encoding_of_the_terminal_is_no_error(bad: Path) -> None:
    """What the terminal cannot show is escaped."""
    ran = dissector(str(bad), PYTHONIOENCODING="ascii")
    assert ran.code == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
@pytest.mark.parametrize(
    "arguments",
    [
        "{bad}",
        "--format json {bad}",
        "--format jsonl {bad}",
        "--output /dev/full {bad}",
        "extract --flagged -w /dev/full {bad}",
        "audit {bad}",
        "show {bad}",
        "rules",
        "--help",
    ],
)
def test_a_full_disk_is_no_finding(bad: Path, arguments: str) -> None:
    """What cannot be written is one line and exit 2, never the 1 that means findings."""
    command = f"'{sys.executable}' -m dissector {arguments.format(bad=bad)} > /dev/full"
    done = subprocess.run(
        ["sh", "-c", command], capture_output=True, env=CLEAN, cwd=ROOT, check=False
    )
    assert (done.returncode, done.stderr.count(b"\n")) == (2, 1), done.stderr
    assert b"No space left on device" in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
@pytest.mark.parametrize("tail", [">&-", "> /dev/full", ">&- 2>&-"])
@pytest.mark.parametrize(
    "arguments",
    [
        "--help",
        "--version",
        "rules",
        "rules SES01",
        "help audit",
        *(f"{c} --help" for c in COMMANDS),
    ],
)
def test_help_that_cannot_be_written(arguments: str, tail: str) -> None:
    """Where help goes nowhere, that is one line (if anybody hears it) and exit 2."""
    done = subprocess.run(
        ["sh", "-c", f"'{sys.executable}' -m dissector {arguments} {tail}"],
        capture_output=True, env=CLEAN, cwd=ROOT, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.count(b"\n") == (0 if "2>&-" in tail else 1), done.stderr


def test_closed_streams_are_no_crash(bad: Path, tmp_path: Path) -> None:
    """Without standard output there is nowhere to report to: 2; without the others it goes on."""
    report = tmp_path / "report"
    for tail, code in (
        (">&-", 2),
        (">&- 2>&-", 2),
        ("2>&- > /dev/null", 1),
        (f"--output {report} >&- 2>&- <&-", 1),
        ("- <&-", 2),
    ):
        command = f"'{sys.executable}' -m dissector {bad} {tail}"
        done = subprocess.run(
            ["sh", "-c", command], capture_output=True, env=CLEAN, cwd=ROOT, check=False
        )
        assert (done.returncode, b"Traceback" in done.stderr) == (code, False), tail
    assert "SES01" in report.read_text()


def test_our_own_fault_is_no_finding(bad: Path, tmp_path: Path) -> None:
    """A crash shows where it was and exits with 2: a CI job must not take it for findings."""
    (tmp_path / "sitecustomize.py").write_text(
        "import dissector.analysis\n"
        "def run(*_):\n    raise ZeroDivisionError('made for the test')\n"
        "dissector.analysis.run = run\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "dissector", str(bad)],
        capture_output=True,
        env={**CLEAN, "PYTHONPATH": f"{tmp_path}:{ROOT}"},
        cwd=ROOT,
        check=False,
    )
    assert done.returncode == 2
    assert b"ZeroDivisionError: made for the test" in done.stderr
    assert b"a fault of dissector itself" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--stream", "7"), "--stream 7 left nothing: no handshake there"),
        (("--client", "nobody"), "--client nobody left nothing"),
        (("--client", ""), '--client "" left nothing'),
    ],
)
@pytest.mark.parametrize("command", ["analyze", "audit"])
def test_a_filter_that_leaves_nothing_is_said(
    bad: Path, command: str, arguments: tuple[str, ...], words: str
) -> None:
    """A mistyped stream or client id does not look like a clean capture."""
    ran = dissector(command, *arguments, str(bad))
    assert ran.code == 0
    assert words in ran.err
    assert "left nothing" not in dissector(command, "--client", "a", str(bad)).err


def test_a_client_that_live_did_not_see_is_said(bad: Path) -> None:
    """So it is at the end of a live capture."""
    ran = dissector("live", "-", "--client", "nobody", stdin=bad.read_bytes())
    assert ran.code == 0
    assert "--client nobody left nothing" in ran.err


def test_help_and_version_need_no_exact_words() -> None:
    """`help COMMAND` is that command's help, and `--version` is one whatever follows."""
    assert dissector("help", "extract").out == dissector("extract", "--help").out
    assert dissector("help", "nothing").out == dissector("help").out == dissector("--help").out
    assert dissector("--version", "x.pcap").out == dissector("--version").out != ""
