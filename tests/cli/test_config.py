"""Sources of settings, their precedence, and errors in them."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from dissector.cli.config import Settings, resolve
from dissector.cli.main import COMMANDS, main
from dissector.cli.thresholds import thresholds
from dissector.connections.thresholds import Thresholds
from dissector.errors import OptionError
from tests.cli.running import dissector


def settings(tmp_path: Path, flags: Mapping[str, object] | None = None, **names: str) -> Settings:
    """Resolves settings with a home and a project below tmp_path."""
    return resolve(
        flags or {}, {"HOME": str(tmp_path / "home"), **names}, str(tmp_path / "project/a")
    )


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A home with a user file, and a project directory without one."""
    user = tmp_path / "home/.config/dissector"
    user.mkdir(parents=True)
    (tmp_path / "project/a").mkdir(parents=True)
    (user / "dissector.toml").write_text('fail-on = "info"\nselect = ["SES"]\nall = true\n')
    return tmp_path


def test_defaults_without_any_source(tmp_path: Path) -> None:
    """Without any source all settings have their defaults."""
    assert settings(tmp_path) == Settings()


def test_order_of_precedence(tree: Path) -> None:
    """A flag overrides the environment, that the project file, and that the user file."""
    assert settings(tree).fail_on == "info"
    (tree / "project/dissector.toml").write_text('fail-on = "warning"\n')
    assert settings(tree).fail_on == "warning"
    assert settings(tree).select == ("SES",)  # missing in the project file: from the user file
    assert settings(tree, DISSECTOR_FAIL_ON="never").fail_on == "never"
    flags = {"fail_on": "error"}
    assert settings(tree, flags, DISSECTOR_FAIL_ON="never").fail_on == "error"


def test_a_flag_can_turn_off_a_switch(tree: Path) -> None:
    """`--no-all` overrides a file with `all = true`."""
    assert settings(tree).all
    assert not settings(tree, {"all": False}).all
    assert not settings(tree, DISSECTOR_ALL="0").all


def test_pyproject_is_used_if_it_has_a_table(tree: Path) -> None:
    """A pyproject.toml without our table is skipped; the nearest file with one is used."""
    (tree / "project/pyproject.toml").write_text('[tool.dissector]\nformat = "json"\n')
    (tree / "project/a/pyproject.toml").write_text("[tool.other]\n")
    assert settings(tree).format == "json"
    (tree / "project/dissector.toml").write_text('format = "concise"\n')
    assert settings(tree).format == "concise"  # dissector.toml beats pyproject.toml beside it


def test_lists_are_split_at_commas(tree: Path) -> None:
    """Every source accepts prefixes as a list or separated by commas."""
    flags = {"select": ["ACK,SES01", "CON"]}
    assert settings(tree, flags).select == ("ACK", "SES01", "CON")
    assert settings(tree, DISSECTOR_SELECT="ACK, SES01").select == ("ACK", "SES01")
    (tree / "project/dissector.toml").write_text(
        'ignore = "ENC,SEQ"\ndecode-as = ["tcp.port==1884,mqtt"]\n'
    )
    assert settings(tree).ignore == ("ENC", "SEQ")
    assert settings(tree).decode_as == ("tcp.port==1884,mqtt",)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('selekt = ["SES"]', "unknown key 'selekt'; did you mean 'select'?"),
        ("show-secrets = true", "unknown key 'show-secrets'"),
        ('output = "x"', "unknown key 'output'"),
        ('fail-on = "always"', "one of error, warning, info, never"),
        ("all = 1", "true or false"),
        ("select = [1]", "a list of strings"),
        ("format = ", "not valid TOML"),
    ],
)
def test_a_wrong_file_is_named(tree: Path, text: str, words: str) -> None:
    """The error message names the file."""
    path = tree / "project/dissector.toml"
    path.write_text(text + "\n")
    with pytest.raises(OptionError, match=r"dissector\.toml") as caught:
        settings(tree)
    assert words in str(caught.value)
    assert str(path) in str(caught.value)


def test_a_wrong_variable_is_named(tree: Path) -> None:
    """The error message names the environment variable."""
    with pytest.raises(OptionError, match="DISSECTOR_ALL"):
        settings(tree, DISSECTOR_ALL="maybe")
    with pytest.raises(OptionError, match="DISSECTOR_FORMAT"):
        settings(tree, DISSECTOR_FORMAT="xml")


COMMANDS_AND_WORDS = [
    "x.pcap", "live -D", "live -i lo", "show x.pcap", "show hex 20020100", "audit x.pcap",
    "extract --flagged -w out x.pcap", "crosscheck x.pcap", "rules", "rules SES01", "doctor",
]  # fmt: skip


def test_every_command_is_tried() -> None:
    """Each command is among those whose configuration is checked below."""
    words = {text.split()[0] for text in COMMANDS_AND_WORDS}
    assert words >= COMMANDS.keys() - {"analyze"}


@pytest.mark.parametrize("words", COMMANDS_AND_WORDS)
@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ('selekt = ["SES"]', "unknown key 'selekt'"),
        ('fail-on = "always"', "fail-on is 'always'"),
        ('select = ["SEZ"]', "no rule begins with 'SEZ'"),
        ('ignore = ["XYZ01"]', "no rule begins with 'XYZ01'"),
        ('decode-as = ["udp.port==1,mqtt"]', "not understood"),
        ("[thresholds]\nshared-host = 5", "unknown threshold 'shared-host'"),
        ("[thresholds]\nshared-hosts = -5", "shared-hosts is -5"),
        ('[[suppressions]]\nrule = "SEC02"', "suppression 1: it has no reason"),
        ('[[suppressions]]\nrule = "SEC02"\nwhy = "x"', "unknown key 'why'"),
    ],
)
def test_every_command_refuses_the_same(
    tree: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: str,
    text: str,
    shown: str,
) -> None:
    """An unknown key and a wrong value are refused by each command, with exit 2 and the file."""
    path = tree / "project/dissector.toml"
    path.write_text(text + "\n")
    monkeypatch.setenv("HOME", str(tree / "home"))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.chdir(tree / "project/a")
    with monkeypatch.context() as context:
        context.setattr("gc.disable", lambda: None)
        assert main(words.split()) == 2
    out, err = capsys.readouterr()
    assert shown in out + err
    assert str(path) in out + err
    if words != "doctor":  # it reports all checks
        assert out == ""
        assert err.count("\n") == 1


def test_the_environment_is_checked_alike(tmp_path: Path) -> None:
    """A variable with a rule or a port that does not exist is refused, with its name."""
    with pytest.raises(OptionError, match="DISSECTOR_SELECT: no rule begins with 'SEZ'"):
        settings(tmp_path, DISSECTOR_SELECT="SES,SEZ")
    with pytest.raises(OptionError, match=r"DISSECTOR_DECODE_AS: -d tcp\.port==0,mqtt is not"):
        settings(tmp_path, DISSECTOR_DECODE_AS="tcp.port==0,mqtt")


def test_the_command_reads_the_project_file(bad: Path) -> None:
    """The command applies the project file, and a flag overrides it."""
    (bad.parent / "dissector.toml").write_text('ignore = ["SES"]\nformat = "concise"\n')
    assert dissector(str(bad), cwd=bad.parent).code == 0
    assert dissector("--ignore", "ACK", str(bad), cwd=bad.parent).code == 1


def test_a_file_that_windows_wrote_is_read(tree: Path) -> None:
    """A byte order mark and carriage returns are accepted."""
    (tree / "project/dissector.toml").write_bytes(
        b'\xef\xbb\xbffail-on = "never"\r\nall = true\r\n'
    )
    assert settings(tree).fail_on == "never"


def test_another_encoding_is_named(tree: Path) -> None:
    """UTF-16 is refused with a message that says what to do."""
    (tree / "project/dissector.toml").write_text('fail-on = "never"\n', encoding="utf-16")
    with pytest.raises(OptionError, match="save it as UTF-8"):
        settings(tree)


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"shared-hosts": "x"}, "shared-hosts is 'x'; it has to be a whole number"),
        ({"shared-hosts": -5}, "shared-hosts is -5"),
        ({"shared-hosts": True}, "shared-hosts is True"),
        ({"shared-hosts": 10**30}, "0 to 2147483647"),
        ({"shared-host": 5}, "did you mean 'shared-hosts'?"),
        ({"oldest-version": "4"}, "one of 3.1, 3.1.1, 5.0"),
        ({"tunnels": ["10.0.0.0/33"]}, "a list of networks"),
        ({"gateways": ["10.0.0.0/8"]}, "a list of IP addresses"),
        ({"bridges": "10.0.0.1"}, "a list of strings"),
    ],
)
def test_invalid_thresholds(table: dict[str, object], words: str) -> None:
    """The error message has the key, the value and what it has to be."""
    with pytest.raises(OptionError, match=re.escape(words)):
        thresholds(table)


def test_thresholds_of_the_configuration_are_used() -> None:
    """Thresholds in the table override defaults; the others keep theirs."""
    made = thresholds({"shared-hosts": 7, "tunnels": ["10.0.0.1/8"], "bridges": ["fd00::1"]})
    assert (made.shared_hosts, made.tunnels, made.bridges) == (7, ("10.0.0.1/8",), ("fd00::1",))
    assert made.shared_clients == Thresholds().shared_clients


@pytest.mark.parametrize("mode", [0o620, 0o602])
@pytest.mark.parametrize("name", ["dissector.toml", "pyproject.toml"])
def test_a_file_that_others_may_write_is_not_used(
    bad: Path, tmp_path: Path, mode: int, name: str
) -> None:
    """A project file that group or others may write counts as missing, and a note says so."""
    table = "[tool.dissector]\n" if name == "pyproject.toml" else ""
    (tmp_path / name).write_text(table + 'ignore = ["SES01"]\n')
    assert dissector(str(bad), cwd=tmp_path).code == 0
    (tmp_path / name).chmod(mode)
    ran = dissector(str(bad), cwd=tmp_path)
    assert ran.code == 1
    assert f"{name} is not used: other users may write it" in ran.err
    assert "Configuration" not in ran.out


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_file_of_another_user_is_not_used(bad: Path, tmp_path: Path) -> None:
    """A file of another user counts as missing, unless that user called sudo."""
    path = tmp_path / "dissector.toml"
    path.write_text('ignore = ["SES01"]\n')
    os.chown(path, 12345, 12345)
    ran = dissector(str(bad), cwd=tmp_path)
    assert ran.code == 1
    assert "is not used: it belongs to another user" in ran.err
    assert dissector(str(bad), cwd=tmp_path, SUDO_UID="12345").code == 0


def test_a_foreign_file_without_our_table_is_no_matter(bad: Path, tmp_path: Path) -> None:
    """A pyproject.toml without our table gives no note, whoever may write it."""
    path = tmp_path / "pyproject.toml"
    path.write_text("[tool.other]\n")
    path.chmod(0o666)
    assert dissector(str(bad), cwd=tmp_path).err == ""


def test_reports_name_the_file_and_its_settings(bad: Path, tmp_path: Path) -> None:
    """The last line of text reports, and `tool.config` in JSON, name the file and its settings."""
    path = tmp_path / "dissector.toml"
    path.write_text('ignore = ["SES01"]\nfail-on = "warning"\nall = true\n')
    line = f"Configuration: {path} (ignore SES01; all true)"
    flag = ("--fail-on", "never")  # overrides the file
    ran = dissector(*flag, str(bad), cwd=tmp_path)
    assert ran.out.splitlines()[-1] == line
    assert dissector("--statistics", *flag, str(bad), cwd=tmp_path).out.splitlines()[-1] == line
    concise = dissector("--format", "concise", *flag, str(bad), cwd=tmp_path)
    assert concise.err.splitlines()[-1] == line
    wanted = [{"file": str(path), "settings": ["ignore SES01", "all true"]}]
    out = dissector("--format", "json", *flag, str(bad), cwd=tmp_path).out
    assert json.loads(out)["tool"]["config"] == wanted
    out = dissector("--format", "jsonl", *flag, str(bad), cwd=tmp_path).out
    assert json.loads(out.splitlines()[-1])["tool"]["config"] == wanted
    page = dissector("audit", "--format", "html", *flag, str(bad), cwd=tmp_path).out
    assert f"Configuration: {path} (ignore SES01; all true)" in page
    path.unlink()
    assert "config" not in json.loads(dissector("--format", "json", str(bad)).out)["tool"]


def test_suppressions_are_counted_in_the_report(bad: Path, tmp_path: Path) -> None:
    """The last line says how many suppressions the file has."""
    table = '[[suppressions]]\nrule = "SES01"\nreason = "x"\nexpires = 2999-01-01\n'
    (tmp_path / "dissector.toml").write_text(table * 2)
    assert dissector(str(bad), cwd=tmp_path).out.splitlines()[-1].endswith("(2 suppressions)")


@pytest.mark.parametrize("name", ["dissector.toml", "pyproject.toml"])
def test_deep_nesting_is_an_error_of_one_line(bad: Path, tmp_path: Path, name: str) -> None:
    """A file nested too deeply is exit 2 and one line that names it."""
    (tmp_path / name).write_text("[tool.dissector]\na = " + "[" * 100_000)
    ran = dissector(str(bad), cwd=tmp_path)
    assert (ran.code, ran.err.count("\n")) == (2, 1)
    assert name in ran.err


@pytest.mark.parametrize("text", ["[" * 10**6, '{"schema":1,"findings":' + '{"a":' * 10**6])
def test_a_deeply_nested_baseline_is_an_error_of_one_line(
    bad: Path, tmp_path: Path, text: str
) -> None:
    """A baseline nested too deeply is exit 2 and one line that names it."""
    path = tmp_path / "baseline.json"
    path.write_text(text)
    ran = dissector("--baseline", str(path), str(bad))
    assert (ran.code, ran.err.count("\n")) == (2, 1)
    assert str(path) in ran.err


@pytest.mark.parametrize("error", [MemoryError, RecursionError])
def test_no_memory_is_an_error_of_one_line(
    error: type[Exception], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Lack of memory or stack is exit 2 and one line, not a traceback."""

    def fail(arguments: list[str]) -> int:
        raise error

    monkeypatch.setattr("dissector.cli.main._run", fail)
    assert main([]) == 2
    assert capsys.readouterr().err.count("\n") == 1
