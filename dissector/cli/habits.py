"""Options and commands that users know from other programs, and what to use here instead.

They come from tshark, tcpdump, ruff, Zeek and Suricata. Each is refused with one line, also options
of our own in a command that lacks them; an option that a command has is never looked up here.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Collection, Iterable, Mapping, Sequence

from dissector.errors import OptionError

_FORMAT = "use --format: `dissector --format json FILE` (`dissector analyze --help` lists them)"
_CONFIGURATION = (
    "settings are read from dissector.toml or [tool.dissector] in pyproject.toml; a flag overrides "
    "them"
)
_ALWAYS_NUMBERS = "addresses and ports are always numbers; leave it out"
_OPTIONS = (
    ("-Y -R --display-filter --read-filter", "display filters are reserved for a later version; "
     "use --stream N, --client ID, --select RULES"),
    ("-i -D --interface", "reading interfaces belongs to `dissector live`: `dissector live -i "
     "eth0`, `dissector live -D`"),
    ("-f", "capture filters belong to `dissector live`; --format has no short form"),
    ("-w", "writing captures belongs to `dissector extract` and `dissector live`"),
    ("-a -b -p --autostop --ring-buffer", "it belongs to `dissector live`"),
    ("-V -x -O -A -X --frame --hexdump", "packets with their fields and bytes: `dissector show -V "
     "-x FILE`, also with --frame N"),
    ("-c", "it belongs to `dissector show` and `dissector live`: stop after N packets; " +
     _CONFIGURATION),
    ("-T -e -E -j -J --output-format", _FORMAT),
    ("-n -N", _ALWAYS_NUMBERS),
    ("-t -u --time", "times are always UTC, in full in --format json and csv; leave it out"),
    ("-q -Q --quiet --silent", "use --format concise for one line per finding, --statistics for "
     "counts only, --fail-on never or --exit-zero for the exit code"),
    ("-z --stats", "use --statistics for counts per rule; every report ends with the counts of the "
     "capture, `dissector audit FILE` counts per device"),
    ("-o --output-file --log-dir --out", "use --output FILE for the report, -d tcp.port==N,mqtt "
     "for a port, --keylog FILE for TLS keys"),
    ("-v --verbose --debug", "use `dissector --version` for the version, --all for handshakes and "
     "findings that are left out, `dissector show -V FILE` for every field"),
    ("-B --buffer-size", "use `dissector live --buffer MIB`"),
    ("-s --snaplen --snapshot-length", "`dissector live` captures whole frames; leave it out"),
    ("-l -U --line-buffered --packet-buffered", "every line and frame is written at once; leave it "
     "out"),
    ("-k -C --disable-checksum --ignore-checksums", "frames with wrong checksums are read, too; "
     "leave it out"),
    ("-F", "captures are written as pcapng, by `dissector extract` and `dissector live`"),
    ("-G -L --list-rules --list-checks --list-keywords --rules --explain -S", "`dissector rules` "
     "lists the rules, `dissector rules SES01` explains one; --select and --ignore choose"),
    ("--config --isolated --settings --profile", _CONFIGURATION),
    ("--extend-select", "use --select RULES"),
    ("--extend-ignore --disable --exclude", "use --ignore RULES; files are named one by one"),
    ("--fix --diff --unsafe-fixes --add-noqa --noqa", "a capture cannot be fixed; each finding "
     "says how to fix client and server; --baseline FILE and suppressions in dissector.toml leave "
     "out known findings"),
    ("--watch --follow", "use `dissector live -i IFACE`"),
    ("--no-color --no-colour", "use --color never, or NO_COLOR=1 in the environment"),
    ("--list --list-files --show-files", "the files read are in the report; `dissector live -D` "
     "lists interfaces"),
    ("--stdin --stdin-filename", "- is standard input: `dissector -`"),
    ("--pcap-file-recursive", "use --recursive DIRECTORY"),
    ("--decrypt --tls-keylog --ssl-keylog", "use --keylog FILE"),
    ("--port", "use -d tcp.port==N,mqtt"),
    ("--filter", "capture filters are `dissector live -f FILTER`; of a capture, --stream N, "
     "--client ID and --select RULES choose"),
)  # fmt: skip
_COMMANDS = (
    ("check lint scan test read verify validate parse pcap", "`dissector FILE...` checks captures"),
    ("capture sniff monitor listen watch", "`dissector live -i IFACE` checks while capturing"),
    ("explain rule linter list-rules checks", "`dissector rules` lists the rules, `dissector rules "
     "SES01` explains one"),
    ("devices inventory security", "`dissector audit FILE...` lists devices and servers"),
    ("decode dump hex packets print", "`dissector show FILE` shows packets, `dissector show hex "
     "20020100` decodes bytes"),
    ("compare", "`dissector crosscheck FILE...` compares our engines with tshark"),
    ("export filter", "`dissector extract --flagged -w OUT FILE...` writes packets"),
    ("config", _CONFIGURATION),
    ("version", "`dissector --version` shows the version"),
)  # fmt: skip
_COMMANDS_TO_COME = {
    "stats": "--statistics counts findings per rule, `dissector audit FILE` counts per device",
    "sessions": "`dissector --format json FILE` has every handshake and how it ended",
    "browse": "`dissector show FILE` lists packets",
}


def refuse_option(argument: str, own: Collection[str], formats: Mapping[str, str]) -> None:
    """Raises OptionError for an option of other programs or commands.

    `own` are the options of the command, `formats` the commands that write each format. A short
    option may have its value attached (`-Tjson`) or be one of several in a word (`-nr`).
    """
    option = argument.partition("=")[0]
    if option in own or not option.startswith("-"):
        return
    if not option.startswith("--") and len(option) > 2:
        option = option[:2]
        if option in own:
            return
    if option[2:] in formats:
        name = option[2:]
        raise OptionError(f"{option}: use `dissector {formats[name]} --format {name} FILE`")
    for words, instead in _OPTIONS:
        if option in words.split():
            raise OptionError(f"{option}: {instead}")


def refuse_option_of_others(option: str, commands: Iterable[str]) -> None:
    """Raises OptionError for an option that only other ones of the commands have."""
    modules = {name: importlib.import_module(f"dissector.cli.{name}") for name in commands}
    having = [
        name for name, module in modules.items() if option in module.parser()._option_string_actions
    ]
    if having:
        names = ", ".join(f"`dissector {name}`" for name in having)
        raise OptionError(f"{option} belongs to {names}")


def refuse_command(word: str, commands: Sequence[str]) -> None:
    """Raises OptionError for a word that is no file and resembles a command."""
    if word in _COMMANDS_TO_COME:
        instead = _COMMANDS_TO_COME[word]
        raise OptionError(f"`dissector {word}` is reserved for a later version; {instead}")
    if word.startswith("-") or not word.replace("-", "").isalpha() or os.path.lexists(word):
        return
    for words, instead in _COMMANDS:
        if word in words.split():
            raise OptionError(f"no file and no command {word!r}; {instead}")
    from difflib import get_close_matches

    near = get_close_matches(word, commands, n=1, cutoff=0.7)
    if near:
        raise OptionError(f"no file and no command {word!r}; did you mean `dissector {near[0]}`?")
