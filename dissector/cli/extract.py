"""The command `dissector extract`: writes selected connections of captures to a pcapng file."""

from __future__ import annotations

import os
from collections.abc import Sequence

from dissector.cli.options import Parser, add_selection_options, add_source_options
from dissector.cli.terminal import note
from dissector.errors import OptionError

_EXAMPLES = """\
  dissector extract --flagged -w flagged.pcapng capture.pcap
  dissector extract --flagged --select SES,ACK -w flagged.pcapng capture.pcap
  dissector extract --flagged --audit -w flagged.pcapng capture.pcap
  dissector extract --stream 4 -w four.pcapng capture.pcap

Findings become packet comments: Wireshark lists them under Analyze, Expert
Information, and the display filter `pkt_comment` shows the packets that have
one. Passwords, authentication data and undecoded bytes are overwritten with
asterisks; lengths and checksums stay valid. In WebSocket connections the HTTP
headers are kept and the frames overwritten.
"""


def parser() -> Parser:
    """Builds the command's parser."""
    made = Parser("extract", "Write packets of flagged connections with comments.", _EXAMPLES)
    add_source_options(made)
    add_selection_options(made)
    group = made.add_argument_group("what to write")
    group.add_argument("-w", dest="output", metavar="FILE", help="write the packets to this file")
    group.add_argument("--flagged", action="store_true", help="connections with findings")
    group.add_argument("--audit", action="store_true", help="also use the rules of `audit`")
    group.add_argument(
        "--keep-secrets", action="store_true", help="overwrite nothing; passwords stay readable"
    )
    return made


def run(arguments: Sequence[str]) -> int:
    """Runs the command and returns its exit code."""
    namespace = parser().parse(arguments)
    if namespace.output is None:
        raise OptionError("no output file given: -w FILE")
    if not (namespace.flagged or namespace.stream or namespace.client):
        raise OptionError("no connections selected: --flagged, --stream N or --client ID")

    from dissector.cli import config, inputs, output, progress
    from dissector.cli.thresholds import deadlines, thresholds
    from dissector.extract.run import run as run_extract
    from dissector.options import Options
    from dissector.report.style import counted
    from dissector.rules.registry import selected

    settings = config.resolve(vars(namespace), os.environ, os.getcwd())
    if settings.engine not in ("auto", "native"):
        raise OptionError("extract works with the native engine only")
    selected(settings.select, settings.ignore, audit=namespace.audit)
    options = Options(
        select=settings.select,
        ignore=settings.ignore,
        ports=inputs.ports(settings.decode_as),
        streams=inputs.streams(namespace.stream),
        clients=inputs.clients(namespace.client),
        audit=namespace.audit,
        thresholds=thresholds(settings.thresholds) if namespace.audit else None,
        deadlines=deadlines(settings.deadlines),
        pedantic=settings.pedantic,
    )
    paths = inputs.expand([*namespace.files, *namespace.read], recursive=settings.recursive)
    if "-" in paths:
        raise OptionError("extract reads a capture several times; write the pipe to a file first")
    captures = inputs.captures(paths, join=settings.join, separate=settings.separate)
    bar = progress.wanted()
    with output.opened(namespace.output, paths, private=True, option="-w") as stream:
        try:
            made = run_extract(
                captures,
                options,
                stream,
                flagged=namespace.flagged,
                keep_secrets=namespace.keep_secrets,
                progress=bar,
            )
        finally:
            if bar is not None:
                bar.clear()
    text = (
        f"{counted(made.frames, 'frame')} of {counted(made.connections, 'connection')}, "
        f"{counted(made.findings, 'finding')} as comments"
    )
    if not namespace.keep_secrets:
        text += f", {counted(made.overwritten, 'byte')} overwritten"
    note(text)
    if not made.frames:
        note(
            f"{namespace.output} holds no frame: no connection matches --flagged, --stream or "
            "--client; `dissector FILE` lists the connections"
        )
    return 0
