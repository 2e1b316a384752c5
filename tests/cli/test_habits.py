"""Options and commands of other programs: one line that names ours, exit 2, no report."""

from __future__ import annotations

import importlib
import re

import pytest

from dissector.cli import habits
from dissector.cli.main import COMMANDS, main
from dissector.cli.options import ALL_FORMATS

PARSERS = {name: importlib.import_module(f"dissector.cli.{name}").parser() for name in COMMANDS}
OPTIONS = {option for parser in PARSERS.values() for option in parser._option_string_actions}
OPTIONS.add("--version")
MESSAGES = [*habits._OPTIONS, *habits._COMMANDS]


@pytest.mark.parametrize(
    ("words", "instead"),
    [
        ("-T json", "--format json"),
        ("-Tfields -e mqtt.topic", "--format json"),
        ("-n", "leave it out"),
        ("-nr", "leave it out"),
        ("-t ad", "always UTC"),
        ("-tud", "always UTC"),
        ("-q", "--format concise"),
        ("-z io,phs", "--statistics"),
        ("-o tls.keylog_file:keys", "--keylog FILE"),
        ("-V", "dissector show -V"),
        ("-k none", "wrong checksums"),
        ("live -i lo -s 0 -l", "captures whole frames"),
        ("live -i lo -l", "written at once"),
        ("--json", "dissector analyze --format json"),
        ("--html", "dissector audit --format html"),
        ("--list-rules", "dissector rules"),
        ("--fix", "--baseline"),
        ("--output-format=json", "--format json"),
        ("show -T json", "--format json"),
        ("live -i lo -n", "leave it out"),
        ("audit -z conv,tcp", "--statistics"),
        ("rules -q", "concise"),
        ("audit --statistics", "--statistics belongs to `dissector analyze`"),
        ("show --format json", "--format belongs to `dissector analyze`, `dissector live`"),
        ("extract --output x", "--output belongs to `dissector analyze`"),
        ("--all=1", "--all takes no value"),
        ("--stream", "--stream needs a value"),
        ("live -i lo --buffer x", "--buffer needs a whole number, not 'x'"),
        ("--format xml", "--format is 'xml'; it has to be one of 'table'"),
        ("check", "dissector FILE..."),
        ("stats", "reserved for a later version"),
        ("sessions", "reserved for a later version"),
        ("browse", "reserved for a later version"),
        ("rule SES01", "dissector rules"),
        ("sniff", "dissector live"),
    ],
)
def test_habits_get_a_pointer(words: str, instead: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What fingers know from other programs is refused with one line that names our way."""
    needs_value = words == "--stream"
    assert main(words.split() if needs_value else [*words.split(), "missing.pcap"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert instead in err
    assert "missing.pcap" not in err


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: message[0])
def test_pointers_name_what_exists(message: tuple[str, str]) -> None:
    """Every option and command that a pointer names is one of ours."""
    _, instead = message
    assert set(re.findall(r"(?<![\w-])--?[a-zA-Z][\w-]*", instead)) <= OPTIONS
    for command in re.findall(r"`dissector ([a-z]+)\b", instead):
        assert command in COMMANDS


def test_each_word_has_one_pointer() -> None:
    """No option and no command is listed twice, and no command of ours is listed."""
    for table in (habits._OPTIONS, habits._COMMANDS):
        words = [word for listed, _ in table for word in listed.split()]
        assert len(words) == len(set(words))
        assert not set(words) & set(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_own_options_are_never_refused(name: str) -> None:
    """An option that a command has is not looked up, with a value attached or without."""
    own = PARSERS[name]._option_string_actions
    for option in own:
        for argument in (option, f"{option}=x", f"{option}x" if len(option) == 2 else option):
            habits.refuse_option(argument, own, dict.fromkeys(ALL_FORMATS, "analyze"))
