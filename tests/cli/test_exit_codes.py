"""Exit codes, and what goes to standard output and to standard error."""

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
    """A finding of severity error reaches the default of `--fail-on`."""
    ran = dissector(str(bad))
    assert ran.code == 1
    assert "SES01" in ran.out
    assert ran.err == ""


def test_nothing_found_exits_with_0(good: Path) -> None:
    """A capture without findings is exit 0."""
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
    """Selection, filters and `--fail-on` decide on the exit code."""
    assert dissector(*arguments, str(bad)).code == code


def test_options_between_files(bad: Path, good: Path) -> None:
    """Files and options may come in any order."""
    ran = dissector(str(good), "--format", "json", str(bad))
    assert len(json.loads(ran.out)["capture"]["files"]) == 2


def test_after_two_dashes_all_are_files(bad: Path) -> None:
    """A file whose name looks like an option is read if it comes after `--`."""
    (bad.parent / "-T").write_bytes(bad.read_bytes())
    ran = dissector("--fail-on", "error", "--", "-T", cwd=bad.parent)
    assert (ran.code, ran.err) == (1, "")
    assert dissector("doctor", "--", "-T").code == 2


def test_no_mqtt_is_noted(other: Path) -> None:
    """Without MQTT the exit code is 0, and standard error lists what was there instead."""
    ran = dissector(str(other))
    assert ran.code == 0
    assert "NO MQTT was seen" in ran.err
    assert "1 tls" in ran.err
    assert dissector("--require-mqtt", str(other)).code == 2


def test_another_port_is_named_by_d(elsewhere: Path) -> None:
    """`-d` assigns MQTT to a port or a range of ports."""
    assert dissector("-d", "tcp.port==18840,mqtt", str(elsewhere)).code == 1
    assert dissector("-d", "tcp.port==18000-19000,mqtt", str(elsewhere)).code == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("missing.pcap",), "missing.pcap: no such file"),
        (("--frobnicate", "x.pcap"), "unknown option --frobnicate"),
        (("--selct", "SES", "x.pcap"), "did you mean --select?"),
        (("--format", "xml", "x.pcap"), "--format is 'xml'; it has to be one of"),
        (("-Y", "mqtt", "x.pcap"), "reserved"),
        (("-i", "lo"), "belongs to `dissector live`"),
        (("-d", "udp.port==1,mqtt", "x.pcap"), "not understood"),
        (("-d", "tcp.port==0,mqtt", "x.pcap"), "not understood"),
        (("--stream", "one", "x.pcap"), "a stream is a number"),
        (("--stream", "1:", "x.pcap"), "a stream is a number"),
        (("--join", "--separate", "x.pcap"), "contradict each other"),
        (("--engine", "wireshark", "x.pcap"), "--engine"),
        (("--statistics", "--format", "json", "x.pcap"), "--statistics"),
        (("--statistics", "--format", "sarif", "x.pcap"), "count the findings in the sarif"),
        (("browse",), "reserved"),
        (("live",), "name what to capture from"),
        (("live", "-i", "lo", "-"), "name what to capture from"),
        (("live", "x.pcap"), "reads a file"),
        (("live", "-i", "lo", "-a", "forever"), "not understood"),
        (("live", "-i", "lo", "-b", "files:2"), "needs -b filesize"),
        (("live", "-i", "no-such"), "there is no interface no-such; there are"),
        (("live", "-i", "lo", "--buffer", "100000000"), "--buffer takes MiB"),
        (("live", "-i", "lo", "--flagged-only"), "name one with -w FILE"),
        (("live", "-", "-f", "tcp"), "give it to tcpdump"),
        (("analyse",), "did you mean `dissector analyze`?"),
        (("analyze",), "no capture given"),
        (("-", "-"), "only once"),
        (("rules", "SES99"), "no rule 'SES99'"),
        (("doctor", "x.pcap"), "unexpected argument 'x.pcap'"),
        (("show", "hex", "2g"), "not valid hex bytes"),
        (("show", "hex"), "no bytes given"),
    ],
)
def test_misuse_exits_with_2_and_one_line(
    tmp_path: Path, arguments: tuple[str, ...], words: str
) -> None:
    """Misuse is exit 2 and one line that says what to do."""
    ran = dissector(*arguments, cwd=tmp_path)
    assert ran.code == 2
    assert words in ran.err
    assert ran.out == ""
    assert ran.err.count("\n") == 1


def test_no_rule_begins_with_the_prefix(bad: Path) -> None:
    """A selection that matches no rule is an error."""
    ran = dissector("--select", "SEZ", str(bad))
    assert (ran.code, ran.out) == (2, "")
    assert "SEZ" in ran.err


def test_no_arguments_show_the_help() -> None:
    """Without arguments the help goes to standard error, exit 2."""
    ran = dissector()
    assert ran.code == 2
    assert "usage: dissector" in ran.err


def test_one_bad_input_of_several_is_reported(bad: Path, tmp_path: Path) -> None:
    """The other inputs are analyzed, the exit code is 2."""
    ran = dissector(str(bad), str(tmp_path / "missing.pcap"))
    assert ran.code == 2
    assert "SES01" in ran.out
    assert "missing.pcap" in ran.err


def test_a_cut_record_is_a_warning_unless_strict(good: Path) -> None:
    """A truncated capture is analyzed up to the cut; with `--strict-input` it is exit 2."""
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
    """A directory is read only with `--recursive`; other files in it are ignored."""
    (tmp_path / "notes.txt").write_text("no capture")
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "unnamed").write_bytes(bad.read_bytes())
    refused = dissector(str(tmp_path))
    assert refused.code == 2
    assert "--recursive" in refused.err
    ran = dissector("--recursive", "--format", "json", str(tmp_path))
    files = [file["path"] for file in json.loads(ran.out)["capture"]["files"]]
    assert files == [str(bad), str(tmp_path / "deep" / "unnamed")]


def test_a_report_goes_to_a_file(bad: Path, tmp_path: Path) -> None:
    """`--output` leaves standard output empty and never overwrites an input capture."""
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
    """If the reader closes the pipe, the command ends without an error message."""
    command = f"'{sys.executable}' -m dissector --format json '{bad}' | head -c 1"
    done = subprocess.run(
        ["sh", "-c", command], capture_output=True, env=CLEAN, cwd=ROOT, check=False
    )
    assert done.stdout == b"{"
    assert done.stderr == b""


def test_a_format_of_the_audit_is_refused_with_a_hint() -> None:
    """The error for `analyze --format html` names the command that supports it."""
    ran = dissector("analyze", "--format", "html", "a.pcap")
    assert (ran.code, ran.err) == (2, "dissector: --format html belongs to `dissector audit`\n")
    assert "has to be one of" in dissector("analyze", "--format", "pdf", "a.pcap").err


def test_version_says_how_it_was_built() -> None:
    """`--version` ends with "compiled" or "interpreted"."""
    ran = dissector("--version")
    assert ran.code == 0
    assert ran.out.startswith("dissector ")
    assert ran.out.rstrip().endswith(("(compiled)", "(interpreted)"))


def test_colour_in_a_pipe(bad: Path) -> None:
    """A pipe gets no colour except with `--color always`, which overrides NO_COLOR."""
    assert "\x1b" not in dissector(str(bad)).out
    assert "\x1b[" in dissector("--color", "always", str(bad), NO_COLOR="1").out
    assert "\x1b" not in dissector(str(bad), NO_COLOR="1").out


def test_an_odd_encoding_of_the_terminal_is_no_error(bad: Path) -> None:
    """Characters that the terminal's encoding lacks are escaped."""
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
    """Output that cannot be written is one line and exit 2, never 1 as for findings."""
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
    """Help that cannot be written is exit 2 and one line, if standard error is open."""
    done = subprocess.run(
        ["sh", "-c", f"'{sys.executable}' -m dissector {arguments} {tail}"],
        capture_output=True, env=CLEAN, cwd=ROOT, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.count(b"\n") == (0 if "2>&-" in tail else 1), done.stderr


def test_closed_streams_are_no_crash(bad: Path, tmp_path: Path) -> None:
    """A closed standard output is exit 2; the other streams may be closed."""
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


def test_a_bug_is_no_finding(bad: Path, tmp_path: Path) -> None:
    """A crash prints its traceback and exits with 2: a CI job must not take it for findings."""
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
    assert b"a bug in dissector" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--stream", "7"), "--stream 7 matches nothing: no handshake there"),
        (("--client", "nobody"), "--client nobody matches nothing"),
        (("--client", ""), '--client "" matches nothing'),
    ],
)
@pytest.mark.parametrize("command", ["analyze", "audit"])
def test_a_filter_that_matches_nothing_is_noted(
    bad: Path, command: str, arguments: tuple[str, ...], words: str
) -> None:
    """A mistyped stream or client id is noted, so it does not look like a clean capture."""
    ran = dissector(command, *arguments, str(bad))
    assert ran.code == 0
    assert words in ran.err
    assert "matches nothing" not in dissector(command, "--client", "a", str(bad)).err


def test_a_client_that_live_did_not_see_is_noted(bad: Path) -> None:
    """A live capture notes at its end that the client id matched nothing."""
    ran = dissector("live", "-", "--client", "nobody", stdin=bad.read_bytes())
    assert ran.code == 0
    assert "--client nobody matches nothing" in ran.err


def test_help_and_version_accept_further_arguments() -> None:
    """`help COMMAND` prints that command's help; `--version` ignores further arguments."""
    assert dissector("help", "extract").out == dissector("extract", "--help").out
    assert dissector("help", "nothing").out == dissector("help").out == dissector("--help").out
    assert dissector("--version", "x.pcap").out == dissector("--version").out != ""
