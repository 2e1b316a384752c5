"""The command `dissector live`: analyzes traffic of interfaces or a pipe while it is captured."""

from __future__ import annotations

import os
import signal
import sys
import time
from argparse import Namespace
from collections.abc import Sequence
from contextlib import closing
from importlib import import_module
from typing import TYPE_CHECKING

from dissector.cli import live_options
from dissector.cli.live_options import parser
from dissector.cli.options import LIVE_FORMATS
from dissector.errors import CaptureError, OptionError

if TYPE_CHECKING:
    from dissector.capture.live_source import LiveSource
    from dissector.capture.recorder import Recorder, Ring
    from dissector.cli.config import Settings
    from dissector.cli.status import Output, Status
    from dissector.connections.handshake import Handshake
    from dissector.live import Live
    from dissector.report.reporter import Reporter


_IMPORT_EARLY = (
    "dissector.capture.recorder", "dissector.machine.build", "dissector.net.harmless",
    "dissector.report.json_lines", "dissector.report.live_text", "traceback",
)  # fmt: skip


def run(arguments: Sequence[str]) -> int:
    """Runs the command and returns its exit code."""
    namespace = parser().parse(arguments)

    from dissector.cli import config

    settings = config.resolve(vars(namespace), os.environ, os.getcwd(), LIVE_FORMATS)
    if namespace.list:
        _list_interfaces()
        return 0
    if namespace.files not in ([], ["-"]) or bool(namespace.files) == bool(namespace.interfaces):
        raise OptionError(
            "name what to capture from: -i IFACE, -i any, or - for a capture on standard input; "
            "`dissector live -D` lists the interfaces, `dissector FILE` reads a file"
        )
    ring = live_options.ring(namespace.ring)
    if ring is not None and namespace.write is None:
        raise OptionError("-b needs a file to rotate; name one with -w FILE")
    if namespace.flagged_only and namespace.write is None:
        raise OptionError("--flagged-only needs a file to write; name one with -w FILE")
    limits = live_options.limits(namespace.stop, namespace.count)
    if not 2 <= namespace.buffer <= live_options.LARGEST_BUFFER:
        raise OptionError(f"--buffer takes MiB, 2 to {live_options.LARGEST_BUFFER}")

    from dissector.cli import inputs, output, privileges
    from dissector.cli.analyze import exit_code, known_findings, note_nothing_found
    from dissector.cli.status import Output, Status
    from dissector.cli.terminal import note
    from dissector.cli.thresholds import deadlines
    from dissector.live import Live
    from dissector.options import Options
    from dissector.rules.registry import selected

    selected(settings.select, settings.ignore)
    known = known_findings(namespace, settings)
    options = Options(
        select=settings.select,
        ignore=settings.ignore,
        ports=inputs.ports(settings.decode_as),
        tls_ports=inputs.ports(settings.decode_as, "tls"),
        clients=inputs.clients(namespace.client),
        deadlines=deadlines(settings.deadlines),
        pedantic=settings.pedantic,
        known=known,
    )
    for module in _IMPORT_EARLY:
        import_module(module)  # without root privileges its directories may be unreadable
    source, expression = _open(namespace, options.ports | options.tls_ports)
    recorder: Recorder | None = None
    try:
        user = privileges.drop(os.environ)
        if user:
            note(f"root privileges dropped; running as {user}")
        if namespace.write is not None:
            recorder = _recorder(namespace.write, expression, ring)
        private = namespace.show_secrets
        with output.opened(namespace.output, [], private=private, in_place=True) as stream:
            status = Status()
            out = Output(namespace.output, stream, status, private=private)
            sink = _Sink(_reporter(settings, namespace, out))
            live = Live(
                source, options, sink, recorder=recorder, flagged_only=namespace.flagged_only
            )
            failure = _capture(live, limits, status, out, sink, recorder)
            outcome = live.outcome()
            if failure is not None:
                if not source.frames:
                    raise failure
                outcome.failed.append(failure)
            if recorder is not None:
                recorder.close()
            outcome.capture.config = settings.config
            sink.reporter.finish(outcome.capture, outcome.summary, outcome.not_evaluated)
            out.flush()
        for each in outcome.failed:
            note(str(each))
        note_nothing_found(options, outcome)
        if not outcome.capture.mqtt_connections:
            _remind_of_filter(namespace)
        for text in known.notes() if known is not None else ():
            note(text)
        return exit_code(outcome, settings, damaged=False)
    finally:
        source.close()
        if recorder is not None:
            recorder.close()


def _remind_of_filter(namespace: Namespace) -> None:
    """Notes what the capture filter may have left out, because no MQTT was seen."""
    from dissector.cli.terminal import note

    if namespace.files or namespace.all_tcp:
        return
    if namespace.filter is None:
        note(
            "only the usual MQTT ports and those of -d were captured; --all-tcp looks for MQTT on "
            "every TCP port"
        )
    elif namespace.filter:
        note(
            f"only what the filter {namespace.filter!r} passes was captured; --all-tcp instead of "
            "-f looks for MQTT on every TCP port"
        )


class _Sink:
    """Passes records to a reporter, which may lack the optional methods `tick` and `closed`."""

    def __init__(self, reporter: Reporter) -> None:
        self.reporter = reporter
        self.precision = reporter.precision
        self.handshake = reporter.handshake
        self.finding = reporter.finding
        self.warning = reporter.warning
        self.tls_handshake = reporter.tls_handshake
        self.tick = getattr(reporter, "tick", _do_nothing)
        self._closed = getattr(reporter, "closed", None)

    def closed(self, record: Handshake) -> None:
        """Passes on a handshake whose connection has ended."""
        if self._closed is not None:
            self._closed(record)


def _do_nothing() -> None:
    """Does nothing."""


def _capture(
    live: Live,
    limits: tuple[float | None, int | None],
    status: Status,
    out: Output,
    sink: _Sink,
    recorder: Recorder | None,
) -> CaptureError | None:
    """Captures until a signal, a limit or the end of input; returns the error that ended it."""
    duration, count = limits
    live.source.limit = count
    end = None if duration is None else time.monotonic() + duration
    signals = _Signals(live.source, reopens=recorder is not None or out.reopens)
    failure: CaptureError | None = None
    try:
        with closing(live.steps()) as steps:
            for _ in steps:
                if status.due():
                    sink.tick()
                    status.show(live.counters())
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
    """Handles SIGINT and SIGTERM, which end the capture, and SIGHUP, which reopens files.

    SIGHUP ends it, too, if there are no files to reopen or if the terminal was closed.
    """

    def __init__(self, source: LiveSource, *, reopens: bool) -> None:
        self.stop = self.hangup = False
        self._reopens = reopens
        self._on_terminal = _has_terminal()
        self._source = source
        self._before = {
            number: signal.signal(number, self._ended) for number in (signal.SIGINT, signal.SIGTERM)
        }
        if hasattr(signal, "SIGHUP"):
            self._before[signal.SIGHUP] = signal.signal(signal.SIGHUP, self._hung_up)

    def restore(self) -> None:
        """Restores the previous signal handlers."""
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _ended(self, number: int, frame: object) -> None:
        if self.stop:
            raise KeyboardInterrupt  # the second signal
        self.stop = True
        self._source.stop()

    def _hung_up(self, number: int, frame: object) -> None:
        terminal_closed = self._on_terminal and not _has_terminal()
        if self._reopens and not terminal_closed:
            self.hangup = True
        elif self._before[signal.SIGHUP] is not signal.SIG_IGN:  # which nohup sets
            self._ended(number, frame)


def _has_terminal() -> bool:
    """Whether this process belongs to a terminal."""
    try:
        os.close(os.open(os.ctermid(), os.O_RDONLY | os.O_NOCTTY))
    except OSError:
        return False
    return True


def _open(namespace: Namespace, ports: frozenset[int]) -> tuple[LiveSource, str]:
    """Opens the source and notes on standard error what it is; returns source and filter."""
    from dissector.cli.terminal import note

    if namespace.files:
        from dissector.capture.pipe import Pipe

        if namespace.filter is not None:
            raise OptionError("-f does not apply to standard input; give it to tcpdump")
        note("listening to standard input; deadlines follow the times of its frames")
        return Pipe(0, "-"), ""
    from dissector.capture.live import open_live
    from dissector.capture.packet_filter import default_filter

    own = namespace.filter
    expression = default_filter(ports, all_tcp=namespace.all_tcp) if own is None else own
    if own is not None and namespace.all_tcp:
        raise OptionError("--all-tcp and -f are two filters; use one of them")
    source = open_live(
        namespace.interfaces,
        expression,
        vlan_too=own is None,
        means=namespace.means,
        buffer=namespace.buffer,
        promiscuous=namespace.promiscuous,
    )
    what = f"filter: {expression}" if expression else "no filter"
    hint = "; also with VLAN tags; -f sets another filter, --all-tcp passes every port"
    note(f"listening on {source.path} with {source.how}, {what}{hint if own is None else ''}")
    return source, expression


def _recorder(path: str, expression: str, ring: Ring | None) -> Recorder:
    from dissector.capture.recorder import Recorder
    from dissector.version import VERSION

    if path == "-":
        raise OptionError("-w - would mix with the report; give a file name")
    return Recorder(path, f"mqtt-dissector {VERSION}", capture_filter=expression, ring=ring)


def _reporter(settings: Settings, namespace: Namespace, out: Output) -> Reporter:
    from dissector.cli import output

    if settings.format == "jsonl":
        from dissector.report.json_lines import JsonLines

        key = os.environ.get("DISSECTOR_FINGERPRINT_KEY", "").encode()[:64] or None
        return JsonLines(out, show_secrets=namespace.show_secrets, key=key, eager=True)
    from dissector.cli.terminal import columns
    from dissector.report.live_text import LiveText

    to_file = namespace.output not in (None, "-")
    return LiveText(
        out,
        output.style(settings.color, os.environ, to_file=to_file),
        repeat=namespace.repeat,
        columns=columns if sys.stdout.isatty() and not to_file else None,
        everything=settings.all,
        encoding=output.encoding(to_file),
    )


def _list_interfaces() -> None:
    from dissector.capture.interfaces import ANY, interfaces

    for number, each in enumerate(interfaces(), 1):
        state = "up" if each.up else "down"
        line = f"{number:2} {each.name:16}{state:6}{', '.join(each.addresses)}"
        sys.stdout.write(line.rstrip() + "\n")
    sys.stdout.write(f"   {ANY:16}      all interfaces\n")
