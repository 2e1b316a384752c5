"""Interfaces or a pipe in, what happens on them out: `dissector live`."""

from __future__ import annotations

import os
import signal
import sys
import time
from argparse import Namespace
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from dissector.cli.options import LIVE_FORMATS, Parser, add_judging_options
from dissector.errors import CaptureError, OptionError

if TYPE_CHECKING:
    from dissector.capture.live_source import LiveSource
    from dissector.capture.recorder import Recorder, Ring
    from dissector.cli.config import Settings
    from dissector.cli.status import Output, Status
    from dissector.connections.handshake import Handshake
    from dissector.live import Live
    from dissector.report.reporter import Reporter

_EXAMPLES = """\
  dissector live -i eth0                     every handshake, as it happens
  dissector live -i any --format jsonl       one record a line, at once
  dissector live -i eth0 -w seen.pcapng      and keep what was seen, with comments
  dissector live -i eth0 -w ring.pcapng -b filesize:100000 -b files:10
  ssh gateway tcpdump -U -w - | dissector live -
  dissector live -D                          which interfaces there are
"""
_MEANS = ("socket", "dumpcap", "scapy")
_LARGEST_BUFFER = 2000  # MiB
_SMALLEST_FILE = 16  # kilobytes


def parser() -> Parser:
    """Build the command's parser."""
    made = Parser(
        "live", "Handshakes and spec findings on an interface, as they happen.", _EXAMPLES
    )
    group = made.add_argument_group("where to listen")
    group.add_argument("files", metavar="-", nargs="*", help="a capture on standard input")
    group.add_argument(
        "-i", dest="interfaces", metavar="IFACE", action="append", default=[],
        help="an interface, or its number; any is all; several times is possible",
    )  # fmt: skip
    group.add_argument("-D", dest="list", action="store_true", help="list the interfaces")
    group.add_argument("-f", dest="filter", metavar="FILTER", help="a filter in tcpdump's words")
    group.add_argument("--all-tcp", action="store_true", help="look for MQTT on every TCP port")
    group.add_argument(
        "-d", "--decode-as", metavar="tcp.port==N,mqtt", action="append",
        help="MQTT runs on this port, too (N,tls: inside TLS); N-M is a range; repeatable",
    )  # fmt: skip
    group.add_argument("--client", metavar="ID", action="append", help="this client id only")
    group.add_argument("--means", choices=_MEANS, help="capture by these means, and no other")
    group.add_argument(
        "--buffer", metavar="MIB", type=int, default=32, help="kernel's buffer (default: 32)"
    )
    group.add_argument(
        "-p", dest="promiscuous", action="store_false", help="only frames that are for us"
    )
    kept = made.add_argument_group("what to keep")
    kept.add_argument("-w", dest="write", metavar="FILE", help="write the frames, as pcapng")
    kept.add_argument(
        "-b", dest="ring", metavar="filesize:KB|duration:S|files:N", action="append", default=[],
        help="begin another file then; keep so many",
    )  # fmt: skip
    kept.add_argument(
        "--flagged-only", action="store_true", help="write connections with findings only"
    )
    ends = made.add_argument_group("when to stop")
    ends.add_argument(
        "-a", dest="stop", metavar="duration:S|packets:N", action="append", default=[],
        help="after so many seconds or frames",
    )  # fmt: skip
    ends.add_argument("-c", dest="count", metavar="N", type=int, help="after so many frames")
    add_judging_options(made, LIVE_FORMATS)
    made.set_defaults(baseline=None)  # of a live capture there is no earlier report
    shown = made.add_argument_group("how often")
    shown.add_argument(
        "--repeat", metavar="S", type=float, default=60.0,
        help="seconds between two lines on the same finding of the same client (default: 60)",
    )  # fmt: skip
    return made


def run(arguments: Sequence[str]) -> int:
    """Run the command; give its exit code."""
    namespace = parser().parse(arguments)
    if namespace.list:
        _list()
        return 0
    if namespace.files not in ([], ["-"]) or bool(namespace.files) == bool(namespace.interfaces):
        raise OptionError(
            "name what to listen to: -i IFACE, -i any, or - for a capture on standard input; "
            "`dissector live -D` lists the interfaces, `dissector FILE` reads a file"
        )
    ring = _ring(namespace.ring)
    if ring is not None and namespace.write is None:
        raise OptionError("-b is about the files of -w; name one with -w FILE")
    if namespace.flagged_only and namespace.write is None:
        raise OptionError("--flagged-only is about the file of -w; name one with -w FILE")
    limits = _limits(namespace.stop, namespace.count)
    if not 2 <= namespace.buffer <= _LARGEST_BUFFER:
        raise OptionError(f"--buffer takes MiB, 2 to {_LARGEST_BUFFER}")

    from dissector.analysis import Options
    from dissector.cli import config, inputs, output, privileges
    from dissector.cli.analyze import exit_code, known_findings, no_mqtt, note
    from dissector.cli.status import Output, Status
    from dissector.live import Live
    from dissector.rules.registry import selected

    settings = config.resolve(vars(namespace), os.environ, Path.cwd(), LIVE_FORMATS)
    selected(settings.select, settings.ignore)
    options = Options(
        select=settings.select,
        ignore=settings.ignore,
        ports=inputs.ports(settings.decode_as),
        tls_ports=inputs.ports(settings.decode_as, "tls"),
        clients=inputs.clients(namespace.client),
        known=known_findings(namespace, settings),
    )
    source, expression = _open(namespace, options.ports | options.tls_ports)
    recorder: Recorder | None = None
    try:
        user = privileges.give_up(os.environ)
        if user:
            note(f"root's rights are given up; this is {user} now")
        if namespace.write is not None:
            recorder = _recorder(namespace.write, expression, ring)
        with output.opened(namespace.output, []) as stream:
            status = Status()
            out = Output(namespace.output, stream, status)
            sink = _Sink(_reporter(settings, namespace, out))
            live = Live(
                source, options, sink, recorder=recorder, flagged_only=namespace.flagged_only
            )
            failure = _follow(live, limits, status, out, sink, recorder)
            outcome = live.outcome()
            if failure is not None:
                if not source.frames:
                    raise failure
                outcome.failed.append(failure)
            if recorder is not None:
                recorder.close()
            sink.reporter.finish(outcome.capture, outcome.summary, outcome.not_evaluated)
            out.flush()
        for each in outcome.failed:
            note(str(each))
        if not outcome.capture.mqtt_connections:
            note(no_mqtt(outcome.capture))
        return exit_code(outcome, settings, damaged=False)
    finally:
        source.close()
        if recorder is not None:
            recorder.close()


class _Sink:
    """Stands between the live capture and a reporter, which may not care for what was closed."""

    def __init__(self, reporter: Reporter) -> None:
        self.reporter = reporter
        self.precision = reporter.precision
        self.handshake = reporter.handshake
        self.finding = reporter.finding
        self.warning = reporter.warning
        self.tls_handshake = reporter.tls_handshake
        self.tick = getattr(reporter, "tick", _nothing)
        self._closed = getattr(reporter, "closed", None)

    def closed(self, record: Handshake) -> None:
        """Hand on."""
        if self._closed is not None:
            self._closed(record)


def _nothing() -> None:
    """Do nothing."""


def _follow(
    live: Live,
    limits: tuple[float | None, int | None],
    status: Status,
    out: Output,
    sink: _Sink,
    recorder: Recorder | None,
) -> CaptureError | None:
    """Go on until somebody ends it, it is full, or nothing can come; why it had to end, if so."""
    duration, count = limits
    live.source.limit = count
    end = None if duration is None else time.monotonic() + duration
    signals = _Signals(live.source)
    failure: CaptureError | None = None
    try:
        with closing(live.steps()) as steps:
            for _ in steps:
                if status.due():
                    sink.tick()
                    status.show(live.figures())
                    if out.abandoned():
                        raise BrokenPipeError
                if signals.hangup:
                    signals.hangup = False
                    out.reopen()
                    if recorder is not None:
                        recorder.reopen()
                if signals.stop or (count is not None and live.source.frames >= count):
                    break
                if end is not None and time.monotonic() >= end:
                    break
    except CaptureError as error:
        failure = error
    finally:
        status.clear()
        signals.restore()
    return failure


class _Signals:
    """Hears of SIGINT and SIGTERM, which end the capture, and of SIGHUP, which reopens files."""

    def __init__(self, source: LiveSource) -> None:
        self.stop = self.hangup = False
        self._source = source
        self._before = {
            number: signal.signal(number, self._ended) for number in (signal.SIGINT, signal.SIGTERM)
        }
        if hasattr(signal, "SIGHUP"):
            self._before[signal.SIGHUP] = signal.signal(signal.SIGHUP, self._hung_up)

    def restore(self) -> None:
        """Leave signals as they were."""
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _ended(self, number: int, frame: object) -> None:
        if self.stop:
            raise KeyboardInterrupt  # asked twice
        self.stop = True
        self._source.stop()

    def _hung_up(self, number: int, frame: object) -> None:
        self.hangup = True


def _open(namespace: Namespace, ports: frozenset[int]) -> tuple[LiveSource, str]:
    """Open the source, and say on standard error what it is; give its filter, too."""
    from dissector.cli.analyze import note

    if namespace.files:
        from dissector.capture.pipe import Pipe

        if namespace.filter is not None:
            raise OptionError("-f belongs to whoever captures; give it to tcpdump")
        note("listening to standard input; deadlines go by the time of its frames")
        return Pipe(0, "-"), ""
    from dissector.capture.live import open_live
    from dissector.capture.packet_filter import default_filter

    own = namespace.filter
    expression = default_filter(ports, all_tcp=namespace.all_tcp) if own is None else own
    if own is not None and namespace.all_tcp:
        raise OptionError("--all-tcp and -f are two filters; give one")
    source = open_live(
        namespace.interfaces,
        expression,
        vlan_too=own is None,
        means=namespace.means,
        buffer=namespace.buffer,
        promiscuous=namespace.promiscuous,
    )
    what = f"filter: {expression}" if expression else "no filter"
    hint = "; VLAN-tagged, too; -f takes another, --all-tcp looks on every port"
    note(f"listening on {source.path} by {source.how}, {what}{hint if own is None else ''}")
    return source, expression


def _recorder(path: str, expression: str, ring: Ring | None) -> Recorder:
    from dissector import __version__
    from dissector.capture.recorder import Recorder

    if path == "-":
        raise OptionError("-w - would mix with the report; name a file")
    return Recorder(path, f"mqtt-dissector {__version__}", capture_filter=expression, ring=ring)


def _reporter(settings: Settings, namespace: Namespace, out: Output) -> Reporter:
    from dissector.cli import output

    if settings.format == "jsonl":
        from dissector.report.json_lines import JsonLines

        key = os.environ.get("DISSECTOR_FINGERPRINT_KEY", "").encode()[:64] or None
        return JsonLines(out, show_secrets=namespace.show_secrets, key=key, eager=True)
    from dissector.report.live_text import LiveText

    to_file = namespace.output not in (None, "-")
    return LiveText(
        out,
        output.style(settings.color, os.environ, to_file=to_file),
        repeat=namespace.repeat,
        everything=settings.all,
        encoding=output.encoding(to_file),
    )


def _pairs(option: str, words: Sequence[str], names: Sequence[str]) -> dict[str, float]:
    """Read `name:number` words."""
    found: dict[str, float] = {}
    for word in words:
        name, _, number = word.partition(":")
        try:
            value = float(number)
        except ValueError:
            value = 0
        if name not in names or not 0 < value < 1e12:
            known = ", ".join(f"{each}:N" for each in names)
            raise OptionError(f"{option} {word} is not understood; there are {known}")
        found[name] = value
    return found


def _limits(words: Sequence[str], count: int | None) -> tuple[float | None, int | None]:
    """Give the seconds and the frames after which to stop."""
    found = _pairs("-a", words, ("duration", "packets"))
    if count is not None and count < 1:
        raise OptionError("-c takes a number of frames, 1 or more")
    packets = [int(found["packets"])] if "packets" in found else []
    packets += [] if count is None else [count]
    return found.get("duration"), min(packets, default=None)


def _ring(words: Sequence[str]) -> Ring | None:
    from dissector.capture.recorder import Ring

    found = _pairs("-b", words, ("filesize", "duration", "files"))
    if not found:
        return None
    if "filesize" not in found and "duration" not in found:
        raise OptionError("-b files:N needs -b filesize:KB or -b duration:S beside it")
    size = found.get("filesize")
    return Ring(
        size=None if size is None else int(max(size, _SMALLEST_FILE) * 1000),
        seconds=found.get("duration"),
        files=int(found["files"]) if "files" in found else None,
    )


def _list() -> None:
    from dissector.capture.interfaces import ANY, interfaces

    for number, each in enumerate(interfaces(), 1):
        state = "up" if each.up else "down"
        line = f"{number:2} {each.name:16}{state:6}{', '.join(each.addresses)}"
        sys.stdout.write(line.rstrip() + "\n")
    sys.stdout.write(f"   {ANY:16}      all of them\n")
