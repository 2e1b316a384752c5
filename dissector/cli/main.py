"""Arguments in, an exit code out: finds the command, and says in one line what went wrong.

Here and in the commands beside it is the only place that prints or exits. Nothing heavy is
imported before the arguments are read, so that `--help` is there at once.
"""

from __future__ import annotations

import contextlib
import errno
import gc
import importlib
import os
import sys
from collections.abc import Sequence

from dissector.errors import DissectorError, OptionError

COMMANDS = {
    "analyze": "handshakes and findings of captures (`dissector FILE...` does this)",
    "live": "the same on an interface, as it happens",
    "show": "packets, decoded field by field; `show hex 20020100`: these bytes",
    "audit": "every device and server, how safe they are, what to do",
    "extract": "packets of flagged connections, findings as packet comments",
    "crosscheck": "our engines and tshark side by side",
    "rules": "every rule; `rules SES01`: one rule's page",
    "doctor": "what works on this machine, and how to mend the rest",
}
RESERVED = ("browse",)

_HELP = """\
usage: dissector [COMMAND] [OPTIONS] FILE...

A linter for MQTT traffic: every handshake, and what breaks the standard.

commands:
{commands}

examples:
  dissector capture.pcap                    handshakes and findings
  dissector --format json capture.pcap      the same for programs
  dissector --select SES,ACK03 ring*.pcap   some rules, files as one capture
  tcpdump -w - port 1883 | dissector -      from standard input
  dissector live -i eth0                    the same, as it happens
  dissector rules SES01                     what it checks, why, how to fix it
  dissector audit capture.pcap              devices, servers, how safe they are
  dissector show -V capture.pcap            every control packet, field by field

`dissector COMMAND --help` lists a command's options; `dissector --version` says
what this is. Exit codes: 0 nothing at or above --fail-on (default error),
1 findings, 2 could not do the job.
"""


# What a full disk, a quota, a device that fails or a closed descriptor answers to a write.
_UNWRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; `arguments` are those after the program's name."""
    _open_what_is_closed()
    try:
        code = _run(list(sys.argv[1:] if arguments is None else arguments))
        sys.stdout.flush()
        if arguments is None:
            gc.freeze()  # the process ends: nothing need be looked through for cycles on the way
        return code
    except DissectorError as error:
        return _refuse(error)
    except BrokenPipeError:
        _write_no_more()  # whoever read us has seen enough
        return 0
    except KeyboardInterrupt:
        return 130
    except OSError as error:
        if error.errno not in _UNWRITABLE:
            raise
        _write_no_more()
        return _refuse(
            OptionError(
                f"what was to be written could not be ({error.strerror}), and is not whole; "
                "make room, or write elsewhere"
            )
        )
    except Exception:
        if arguments is not None:
            raise
        return _own_fault()


def _open_what_is_closed() -> None:
    """Put something in place of standard streams that the caller closed (`>&-`).

    No capture may get the number of standard output. That refuses to be written to, which ends
    the command as a full disk does; notes are lost.
    """
    if sys.stdin is None:
        os.open(os.devnull, os.O_WRONLY)  # the lowest number that is free: 0
    if sys.stdout is None:
        sys.stdout = open(os.open(os.devnull, os.O_RDONLY), "w")  # noqa: SIM115 (lives as long as we)
    if sys.stderr is None:
        sys.stderr = open(os.open(os.devnull, os.O_WRONLY), "w")  # noqa: SIM115 (lives as long as we)


def _write_no_more() -> None:
    """Let nothing be flushed to standard output any more, not at exit either."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _run(arguments: list[str]) -> int:
    if not arguments:
        sys.stderr.write(_help())
        return 2
    first = arguments[0]
    if first == "help" and arguments[1:2] and arguments[1] in COMMANDS:
        return _command(arguments[1], ["--help"])
    if first in ("-h", "--help", "help"):
        sys.stdout.write(_help())
        return 0
    if first == "--version" or arguments == ["-V"]:
        from dissector import __version__
        from dissector.machine import build

        how = "compiled" if build.compiled() else "interpreted"
        sys.stdout.write(f"dissector {__version__} ({how})\n")
        stale = build.stale()
        if stale:
            sys.stderr.write(
                f"dissector: {len(stale)} compiled modules are older than their sources "
                f"({stale[0]}, …): edits there have no effect until it is installed again\n"
            )
        return 0
    if first in RESERVED:
        raise OptionError(f"`dissector {first}` is reserved for a later version")
    if first not in COMMANDS:
        _guess(first)
        return _command("analyze", arguments)
    return _command(first, arguments[1:])


def _command(name: str, arguments: list[str]) -> int:
    command = importlib.import_module(f"dissector.cli.{name}")  # no other is loaded
    return int(command.run(arguments))


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

    _say(f"dissector: {printable(str(error))}\n")
    return 2


def _own_fault() -> int:
    """Show where we failed; never with exit code 1, which a CI job would take for findings."""
    import traceback

    _say(
        f"{traceback.format_exc()}dissector: this is a fault of dissector itself, and nothing that "
        "the capture did; please report the lines above, with what `dissector doctor` says\n"
    )
    return 2


def _say(text: str) -> None:
    """Write on standard error, if anybody can hear it."""
    with contextlib.suppress(OSError):
        sys.stderr.write(text)
