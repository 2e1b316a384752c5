"""Arguments in, an exit code out: finds the command, and says in one line what went wrong.

Here and in the commands beside it is the only place that prints or exits. Nothing heavy is
imported before the arguments are read, so that `--help` is there at once.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence

from dissector.errors import DissectorError, OptionError

COMMANDS = {
    "analyze": "handshakes and spec findings of captures (`dissector FILE...` does this)",
    "live": "the same on an interface, as it happens",
    "show": "control packets, decoded field by field, with their bytes; `show hex 20020100`",
    "audit": "every device and server, how safe they are, what to do",
    "extract": "packets of flagged connections, findings as packet comments",
    "crosscheck": "our engines and tshark side by side",
    "rules": "every rule; `rules SES01`: one rule's page",
    "doctor": "what works on this machine, and how to mend the rest",
}
RESERVED = ("browse",)

_HELP = """\
usage: dissector [COMMAND] [OPTIONS] FILE...

A linter for MQTT traffic: every handshake of a capture, and what breaks the standard.

commands:
{commands}

examples:
  dissector capture.pcap                     handshakes and findings
  dissector --format json capture.pcap       the same for programs
  dissector --select SES,ACK03 ring_*.pcap   some rules only, several files as one capture
  tcpdump -w - port 1883 | dissector -       from standard input
  dissector live -i eth0                     the same on an interface, as it happens
  dissector rules SES01                      what a rule checks, why, and how to fix it
  dissector audit capture.pcap               devices, servers, and how safe they are
  dissector show -V capture.pcap             every control packet, field by field

`dissector COMMAND --help` lists a command's options; `dissector --version` says what this is.
Exit codes: 0 nothing at or above --fail-on (default error), 1 findings, 2 could not do the job.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; `arguments` are those after the program's name."""
    try:
        code = _run(list(sys.argv[1:] if arguments is None else arguments))
        sys.stdout.flush()
        if arguments is None:
            gc.freeze()  # the process ends: nothing need be looked through for cycles on the way
        return code
    except DissectorError as error:
        return _refuse(error)
    except BrokenPipeError:
        # whoever read us has seen enough; nothing may be flushed to it at exit either
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return 130


def _run(arguments: list[str]) -> int:
    if not arguments:
        sys.stderr.write(_help())
        return 2
    first = arguments[0]
    if first in ("-h", "--help", "help"):
        sys.stdout.write(_help())
        return 0
    if first in ("-V", "--version") and len(arguments) == 1:
        from dissector import __version__
        from dissector.report.build import compiled

        how = "compiled" if compiled() else "interpreted"
        sys.stdout.write(f"dissector {__version__} ({how})\n")
        return 0
    if first in RESERVED:
        raise OptionError(f"`dissector {first}` is reserved for a later version")
    if first not in COMMANDS:
        _guess(first)
        return _command("analyze", arguments)
    return _command(first, arguments[1:])


def _command(name: str, arguments: list[str]) -> int:
    if name == "show":
        from dissector.cli import show

        return show.run(arguments)
    if name == "rules":
        from dissector.cli import rules

        return rules.run(arguments)
    if name == "live":
        from dissector.cli import live

        return live.run(arguments)
    if name == "extract":
        from dissector.cli import extract

        return extract.run(arguments)
    if name == "audit":
        from dissector.cli import audit

        return audit.run(arguments)
    if name == "doctor":
        from dissector.cli import doctor

        return doctor.run(arguments)
    if name == "crosscheck":
        from dissector.cli import crosscheck

        return crosscheck.run(arguments)
    from dissector.cli import analyze

    return analyze.run(arguments)


def _guess(word: str) -> None:
    """Refuse what is a command with a typing slip, and no file."""
    if word.startswith("-") or not word.isalpha() or os.path.lexists(word):
        return
    from difflib import get_close_matches

    near = get_close_matches(word, [*COMMANDS, *RESERVED], n=1, cutoff=0.7)
    if near:
        raise OptionError(f"no file and no command {word!r}; did you mean `dissector {near[0]}`?")


def _help() -> str:
    lines = [f"  {name:11}{what}" for name, what in COMMANDS.items()]
    return _HELP.format(commands="\n".join(lines))


def _refuse(error: DissectorError) -> int:
    from dissector.text import printable

    sys.stderr.write(f"dissector: {printable(str(error))}\n")
    return 2
