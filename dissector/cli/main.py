"""Entry point of the command line: runs a command and reports errors in one line.

Only this module and the commands in this package print or exit. Nothing heavy is imported before
the arguments are parsed, so that `--help` is fast.
"""

from __future__ import annotations

import contextlib
import errno
import gc
import importlib
import os
import sys
from collections.abc import Sequence

from dissector.cli.habits import refuse_command
from dissector.errors import DissectorError, OptionError

COMMANDS = {
    "analyze": "handshakes and findings of captures (`dissector FILE...` does this)",
    "live": "the same for an interface, while capturing",
    "show": "packets, decoded field by field; `show hex 20020100` decodes bytes",
    "audit": "every device and server, how secure it is, what to fix",
    "extract": "packets of flagged connections, findings as packet comments",
    "crosscheck": "compare our engines with tshark",
    "rules": "list of rules; `rules SES01` shows one rule's page",
    "doctor": "what works on this machine and how to fix the rest",
}

_HELP = """\
usage: dissector [COMMAND] [OPTIONS] FILE...

A linter for MQTT traffic: reports handshakes and violations of the standard.

commands:
{commands}

examples:
  dissector capture.pcap                    handshakes and findings
  dissector --format json capture.pcap      the same for programs
  dissector --select SES,ACK03 *.pcap       some rules; each file is a capture
  tcpdump -w - port 1883 | dissector -      from standard input
  dissector live -i eth0                    the same, while capturing
  dissector rules SES01                     what it checks, why, how to fix it
  dissector audit capture.pcap              security of devices and servers
  dissector show -V capture.pcap            every control packet, field by field

judged today: CONNECT, AUTH, CONNACK and DISCONNECT, the order of packets around
them, and type, length and reserved flags of every packet, in MQTT 3.1, 3.1.1
and 5.0, also in WebSocket, behind a PROXY header, and in TLS with --keylog; by
`audit` also passwords, TLS parameters and the history of devices.
not judged yet: topics, payloads and properties of PUBLISH and SUBSCRIBE, their
acknowledgements, QoS deliveries, keep alive, sessions over several connections;
MQTT-SN and MQTT over QUIC are not read.

`dissector COMMAND --help` lists a command's options; `dissector --version`
shows the version. Exit codes: 0 no findings at or above --fail-on (default
error), 1 findings, 2 the command failed.
"""


# Errors of writing to a full disk, past a quota, to a failing device or a closed descriptor.
_UNWRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; `arguments` are those after the program's name."""
    _open_closed_streams()
    try:
        code = _run(list(sys.argv[1:] if arguments is None else arguments))
        sys.stdout.flush()
        if arguments is None:
            gc.freeze()  # the process ends: skips the search for cycles at exit
        return code
    except DissectorError as error:
        return _refuse(error)
    except BrokenPipeError:
        _discard_output()  # the reader closed the pipe
        return 0
    except KeyboardInterrupt:
        return 130
    except (MemoryError, RecursionError) as error:
        return _refuse(_out_of_memory(error))
    except OSError as error:
        if error.errno not in _UNWRITABLE:
            raise
        _discard_output()
        return _refuse(
            OptionError(
                f"the output could not be written completely ({error.strerror}); "
                "free some space or write elsewhere"
            )
        )
    except Exception:
        if arguments is not None:
            raise
        return _report_bug()


def _open_closed_streams() -> None:
    """Replaces standard streams that the caller closed (`>&-`) by the null device.

    No file opened later may get the descriptor of standard output. Standard output is opened for
    reading, so that writing fails like on a full disk; notes on standard error are lost.
    """
    if sys.stdin is None:
        os.open(os.devnull, os.O_WRONLY)  # gets the lowest free descriptor, 0
    if sys.stdout is None:
        sys.stdout = open(os.open(os.devnull, os.O_RDONLY), "w")  # noqa: SIM115 (open until exit)
    if sys.stderr is None:
        sys.stderr = open(os.open(os.devnull, os.O_WRONLY), "w")  # noqa: SIM115 (open until exit)


def _discard_output() -> None:
    """Redirects standard output to the null device, also for the flush at exit."""
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
        from dissector.machine import build
        from dissector.version import VERSION

        how = "compiled" if build.compiled() else "interpreted"
        sys.stdout.write(f"dissector {VERSION} ({how})\n")
        stale = build.stale()
        if stale:
            sys.stderr.write(
                f"dissector: {len(stale)} compiled modules are older than their sources "
                f"({stale[0]}, …): edits have no effect until the package is installed again\n"
            )
        return 0
    if first not in COMMANDS:
        refuse_command(first, list(COMMANDS))
        return _command("analyze", arguments)
    return _command(first, arguments[1:])


def _command(name: str, arguments: list[str]) -> int:
    command = importlib.import_module(f"dissector.cli.{name}")  # only this one is loaded
    return int(command.run(arguments))


def _help() -> str:
    lines = [f"  {name:11}{what}" for name, what in COMMANDS.items()]
    return _HELP.format(commands="\n".join(lines))


def _out_of_memory(error: BaseException) -> OptionError:
    if isinstance(error, RecursionError):
        return OptionError("an input is nested too deeply to be read")
    return OptionError("not enough memory; read fewer files at once, or --select fewer rules")


def _refuse(error: DissectorError) -> int:
    from dissector.cli.terminal import message
    from dissector.text import printable

    _write_error(message(printable(str(error)), terminal=sys.stderr.isatty()))
    return 2


def _report_bug() -> int:
    """Prints the traceback of a bug; returns 2, because a CI job takes 1 for findings."""
    import traceback

    _write_error(
        f"{traceback.format_exc()}dissector: this is a bug in dissector, not a fault of the "
        "capture; please report the lines above with the output of `dissector doctor`\n"
    )
    return 2


def _write_error(text: str) -> None:
    """Writes to standard error, if that is possible."""
    with contextlib.suppress(OSError):
        sys.stderr.write(text)
