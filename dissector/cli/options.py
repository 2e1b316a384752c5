"""Parses the arguments of a command with argparse, with error messages of its own.

Options that a configuration may set have no default here: a missing one is None, and
`config.resolve` fills it in.
"""

from __future__ import annotations

import argparse
import functools
import re
import sys
from collections.abc import Sequence
from typing import NoReturn

from dissector.cli.habits import refuse_option, refuse_option_of_others
from dissector.cli.terminal import columns
from dissector.errors import OptionError
from dissector.report import formats

FORMATS = tuple(name for name, each in formats.FORMATS.items() if each.analysis)
AUDIT_FORMATS = tuple(name for name, each in formats.FORMATS.items() if each.audit)
LIVE_FORMATS = ("text", "jsonl")
ALL_FORMATS = tuple(dict.fromkeys((*FORMATS, *AUDIT_FORMATS)))
_COMMANDS = {name: "analyze" if name in FORMATS else "audit" for name in ALL_FORMATS}
FAIL_ON = ("error", "warning", "info", "never")
COLORS = ("auto", "always", "never")
ENGINES = ("auto", "native", "scapy", "tshark")


# What argparse says, and what it means
_PLAIN = (
    (r"^argument (\S+?)(/\S+)?: expected one argument$", r"\1 needs a value"),
    (r"^argument (\S+?)(/\S+)?: ignored explicit argument .*$", r"\1 takes no value"),
    (r"^argument (\S+?)(/\S+)?: invalid int value: (.*)$", r"\1 needs a whole number, not \3"),
    (r"^argument (\S+?)(/\S+)?: invalid float value: (.*)$", r"\1 needs a number, not \3"),
    (r"^argument (\S+?)(/\S+)?: invalid choice: (.*) \(choose from (.*)\)$",
     r"\1 is \3; it has to be one of \4"),
)  # fmt: skip


class _Formatter(argparse.RawDescriptionHelpFormatter):
    """Formats help for the width of the terminal; argparse imports much to find that out."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=columns() - 2)


class Parser(argparse.ArgumentParser):
    """An argument parser that raises OptionError, with the nearest option for a misspelt one."""

    def __init__(self, command: str, description: str, examples: str) -> None:
        super().__init__(
            prog=f"dissector {command}",
            description=description,
            epilog=f"examples:\n{examples}",
            formatter_class=_Formatter,
            allow_abbrev=False,
        )

    def print_help(self, file: object = None) -> None:
        """Writes and flushes the help, so that main reports errors; argparse ignores them."""
        sys.stdout.write(self.format_help())
        sys.stdout.flush()

    def error(self, message: str) -> NoReturn:
        """Raises OptionError instead of exiting; main prints it."""
        for pattern, words in _PLAIN:
            message = re.sub(pattern, words, message)
        raise OptionError(f"{message}; `{self.prog} --help` lists the options")

    def parse(self, arguments: Sequence[str]) -> argparse.Namespace:
        """Parses all arguments; options and files may come in any order; after -- all are files."""
        arguments = list(arguments)
        end = arguments.index("--") if "--" in arguments else len(arguments)
        self._refuse_options_of_others(arguments[:end])
        namespace, left = self.parse_known_intermixed_args(arguments[:end])
        left += [] if self._get_positional_actions() else arguments[end + 1 :]
        if left:
            self._unknown(left[0])
        for positional in self._get_positional_actions():
            getattr(namespace, positional.dest).extend(arguments[end + 1 :])
        return namespace

    def _refuse_options_of_others(self, arguments: Sequence[str]) -> None:
        for argument in arguments:
            if argument.startswith("-") and argument != "-":
                refuse_option(argument, self._option_string_actions, _COMMANDS)

    def _unknown(self, argument: str) -> NoReturn:
        from difflib import get_close_matches

        option = argument.partition("=")[0]
        if not option.startswith("-"):
            raise OptionError(f"unexpected argument {option!r}; see `{self.prog} --help`")
        from dissector.cli.main import COMMANDS

        refuse_option_of_others(option, COMMANDS)
        near = get_close_matches(option, list(self._option_string_actions), n=1)
        hint = f"; did you mean {near[0]}?" if near else f"; `{self.prog} --help` lists them"
        raise OptionError(f"unknown option {option}{hint}")


def add_source_options(parser: Parser, *, choose: bool = True) -> None:
    """Adds options for the input; `choose`: also for streams, client ids and the engine."""
    group = parser.add_argument_group("what to read")
    group.add_argument(
        "files", metavar="FILE", nargs="*", help="a capture, pcap or pcapng; - is standard input"
    )
    group.add_argument(
        "-r", dest="read", metavar="FILE", action="append", default=[], help="the same as FILE"
    )
    _flag(group, "--recursive", "also read the captures in directories")
    _flag(group, "--join", "all files are one capture; default: each is one, but a ring is one")
    _flag(group, "--separate", "each file is a capture of its own, even in a ring")
    group.add_argument(
        "-d",
        "--decode-as",
        metavar="tcp.port==N,mqtt",
        action="append",
        help="MQTT also runs on this port (N,tls: inside TLS); N-M is a range; repeatable",
    )
    group.add_argument(
        "--keylog",
        metavar="FILE",
        help="TLS key log, as SSLKEYLOGFILE writes it; tshark decrypts with it",
    )
    if choose:
        group.add_argument(
            "--stream",
            metavar="N",
            action="append",
            help="this TCP connection only; of several captures, C:N is stream N of capture C",
        )
        group.add_argument("--client", metavar="ID", action="append", help="this client id only")
        group.add_argument(
            "--engine",
            choices=ENGINES,
            help="default: auto (native, and scapy or tshark for link types that it does not read)",
        )


def add_known_options(parser: Parser) -> None:
    """Adds the options that leave out known findings and replace identities."""
    add_baseline_option(parser).add_argument(
        "--pseudonymize", action="store_true", help="replace identities by pseudonyms"
    )


def add_baseline_option(parser: Parser) -> argparse._ArgumentGroup:
    """Adds the option that leaves out known findings; returns its group."""
    group = parser.add_argument_group("what to keep out of the report")
    group.add_argument(
        "--baseline", metavar="FILE", help="show only findings that this earlier JSON report lacks"
    )
    return group


def add_selection_options(parser: Parser) -> None:
    """Adds the options that select rules."""
    rules = parser.add_argument_group("which rules to check")
    _add_rules(rules)


def _add_rules(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--select",
        metavar="RULES",
        action="append",
        help="only these rules: ids or id prefixes; SEC and TLS (security) are checked by `audit`, "
        "by other commands only if they are named here",
    )
    group.add_argument("--ignore", metavar="RULES", action="append", help="without these rules")
    _flag(group, "--pedantic", "also report advice that most real traffic breaks")


def add_report_options(
    parser: Parser, names: Sequence[str] = FORMATS, *, each: bool = True
) -> None:
    """Adds the options of commands that report on files; `each`: also `--statistics`."""
    _, shown, ends = add_report_and_rule_options(parser, names)
    if each:
        _flag(shown, "--statistics", "show only a count per rule")
    _flag(ends, "--strict-input", "exit 2 if a capture is truncated or damaged")


def add_report_and_rule_options(
    parser: Parser, names: Sequence[str]
) -> tuple[argparse._ArgumentGroup, argparse._ArgumentGroup, argparse._ArgumentGroup]:
    """Adds the options for rules, output and exit code; returns the three groups."""
    rules = parser.add_argument_group("which rules to check")
    _add_rules(rules)
    shown = parser.add_argument_group("what to show")
    shown.add_argument(
        "--format",
        metavar="FORMAT",
        type=functools.partial(_format, names),
        choices=names,
        help=f"{', '.join(names)}; default: {names[0]}",
    )
    shown.add_argument(
        "--output",
        metavar="FILE",
        help="write the report to this file"
        + ("; zeek: DIR/ for a file per log" if "zeek" in names else ""),
    )
    _flag(shown, "--all", "show all handshakes and parties, not only the first ones")
    shown.add_argument(
        "--show-secrets",
        action="store_true",
        help="show passwords in json, jsonl, csv, eve; authentication data in json, jsonl",
    )
    shown.add_argument("--color", choices=COLORS, help="default: auto; NO_COLOR turns it off")
    ends = parser.add_argument_group("exit code")
    ends.add_argument(
        "--fail-on", choices=FAIL_ON, help="exit 1 from this severity on (default: error)"
    )
    _flag(ends, "--exit-zero", "exit 0 even with findings")
    _flag(ends, "--require-mqtt", "exit 2 if no MQTT was seen")
    return rules, shown, ends


def _format(names: Sequence[str], name: str) -> str:
    """Returns a format; raises OptionError for one that only `dissector audit` writes."""
    if name in AUDIT_FORMATS and name not in names:
        raise OptionError(f"--format {name} belongs to `dissector audit`")
    return name


def _flag(group: argparse._ArgumentGroup, name: str, text: str) -> None:
    """Adds a switch and its hidden negation, which overrides a configuration."""
    dest = name.lstrip("-").replace("-", "_")
    group.add_argument(name, dest=dest, action="store_const", const=True, help=text)
    group.add_argument(
        f"--no-{name.lstrip('-')}",
        dest=dest,
        action="store_const",
        const=False,
        help=argparse.SUPPRESS,
    )
