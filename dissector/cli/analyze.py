"""The command `dissector analyze` (or `dissector FILE...`): reports what a capture contains."""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from collections.abc import Sequence
from typing import TYPE_CHECKING

from dissector.cli.options import (
    Parser,
    add_known_options,
    add_report_options,
    add_source_options,
)
from dissector.cli.terminal import note
from dissector.errors import OptionError
from dissector.report.formats import FORMATS

if TYPE_CHECKING:
    from dissector.analysis import AnalysisResult
    from dissector.capture.rings import CaptureFiles
    from dissector.cli.config import Settings
    from dissector.cli.known_findings import KnownFindings
    from dissector.model import Capture, Summary
    from dissector.options import Options
    from dissector.report.reporter import ByteStream, Reporter

_EXAMPLES = """\
  dissector analyze capture.pcap
  dissector -r capture.pcapng.gz --format jsonl --output findings.jsonl
  dissector --recursive captures/ --format concise
  dissector ring_*.pcapng monday.pcap       two captures: a ring and a file
  dissector -d tcp.port==1884,mqtt --select SES,ACK --fail-on warning a.pcap

configuration, in order of precedence:
  flag; environment (DISSECTOR_FAIL_ON=warning); dissector.toml or
  [tool.dissector] in pyproject.toml, here or in the nearest parent;
  ~/.config/dissector/dissector.toml

DISSECTOR_FINGERPRINT_KEY makes fingerprints of secrets comparable between runs.
"""
INTERRUPTED = 130  # the exit code of shells after Ctrl-C
_PORTS_NAMED = 3  # per kind of traffic in the note that there was no MQTT
# Kinds of capture warnings about a truncated or damaged file; see `--strict-input`.
DAMAGE = frozenset({"cut-record", "damaged", "shrunk"})
FILES_NAMED = 5  # of captures without MQTT


def parser() -> Parser:
    """Builds the command's parser."""
    made = Parser("analyze", "Report handshakes and findings of captures.", _EXAMPLES)
    add_source_options(made)
    add_known_options(made)
    add_report_options(made)
    return made


def run(arguments: Sequence[str]) -> int:
    """Runs the command and returns its exit code."""
    namespace = parser().parse(arguments)
    disable_garbage_collector()

    from dissector.cli import config, inputs, output
    from dissector.cli.thresholds import deadlines
    from dissector.options import Options
    from dissector.rules.registry import selected

    settings = config.resolve(vars(namespace), os.environ, os.getcwd())
    check_statistics_format(settings)
    check_privacy_options(namespace)
    selected(settings.select, settings.ignore)  # reports a misspelt rule before any input is read
    known = known_findings(namespace, settings)
    options = Options(
        select=settings.select,
        ignore=settings.ignore,
        ports=inputs.ports(settings.decode_as),
        tls_ports=inputs.ports(settings.decode_as, "tls"),
        keylog=namespace.keylog,
        streams=inputs.streams(namespace.stream),
        clients=inputs.clients(namespace.client),
        engine=settings.engine,
        deadlines=deadlines(settings.deadlines),
        pedantic=settings.pedantic,
        known=known,
    )
    paths = inputs.expand([*namespace.files, *namespace.read], recursive=settings.recursive)
    captures = inputs.captures(paths, join=settings.join, separate=settings.separate)
    private = namespace.show_secrets
    with output.opened_report(namespace.output, paths, settings.format, private=private) as stream:
        code = _analyze(captures, options, settings, namespace, stream)
    for text in known.notes() if known is not None else ():
        note(text)
    return code


def disable_garbage_collector() -> None:
    """Turns the cycle collector off: it costs a quarter, and analyses make no cycles (tested)."""
    import gc

    gc.disable()


def check_statistics_format(settings: Settings) -> None:
    """Raises OptionError if `--statistics` is used with a format for programs."""
    if settings.statistics and not FORMATS[settings.format].counts:
        raise OptionError(
            f"--statistics is a text format; count the findings in the {settings.format} instead"
        )


def check_privacy_options(namespace: Namespace) -> None:
    """Raises OptionError if identities are to be hidden and secrets to be shown."""
    if namespace.pseudonymize and namespace.show_secrets:
        raise OptionError("--pseudonymize and --show-secrets contradict each other")


def known_findings(namespace: Namespace, settings: Settings) -> KnownFindings | None:
    """Returns the predicate of findings that are not to be reported; None if all are."""
    if namespace.baseline is None and not settings.suppressions:
        return None
    from dissector.cli.known_findings import known

    return known(namespace.baseline, settings.suppressions)


def _analyze(
    captures: Sequence[CaptureFiles],
    options: Options,
    settings: Settings,
    namespace: Namespace,
    stream: ByteStream,
) -> int:
    """Reports on captures; returns the exit code."""
    from dissector import analysis
    from dissector.cli import progress
    from dissector.cli.watch import Watch

    reporter = _reporter(settings, namespace, stream, several=len(captures) > 1)
    if namespace.pseudonymize:
        from dissector.report.pseudonyms import Pseudonymous

        reporter = Pseudonymous(reporter)
    sink = Watch(reporter, DAMAGE)
    bar = progress.wanted()
    try:
        outcome = analysis.run(captures, options, sink, bar)
    finally:
        if bar is not None:
            bar.clear()
    outcome.capture.config = settings.config
    sink.reporter.finish(outcome.capture, outcome.summary, outcome.not_evaluated)
    note_outcome(options, outcome, contradicting=sink.contradicting)
    return exit_code(outcome, settings, damaged=sink.damaged)


def _reporter(
    settings: Settings, namespace: Namespace, stream: ByteStream, *, several: bool
) -> Reporter:
    from dissector.cli import output
    from dissector.report.formats import analysis_reporter
    from dissector.report.reporter import ReportOptions
    from dissector.rules.registry import selected

    to_file = namespace.output not in (None, "-")
    look = ReportOptions(
        output.style(settings.color, os.environ, to_file=to_file),
        encoding=output.encoding(to_file),
        everything=settings.all,
        show_secrets=namespace.show_secrets,
        key=os.environ.get("DISSECTOR_FINGERPRINT_KEY", "").encode()[:64] or None,
        rules=selected(settings.select, settings.ignore),
        fail_on=settings.fail_on,
        several=several,
        notes=sys.stderr.buffer,
    )
    if settings.statistics:
        from dissector.report.statistics import Statistics

        return Statistics.create(stream, look)
    return analysis_reporter(settings.format, stream, look)


def exit_code(outcome: AnalysisResult, settings: Settings, *, damaged: bool) -> int:
    """Returns the exit code for a result."""
    if outcome.interrupted:
        return INTERRUPTED
    if outcome.failed or (settings.strict_input and damaged):
        return 2
    if settings.require_mqtt and not outcome.capture.mqtt_connections:
        return 2
    return int(not settings.exit_zero and _failing(outcome.summary, settings.fail_on))


def _failing(summary: Summary, fail_on: str) -> bool:
    levels = {"error": 1, "warning": 2, "info": 3, "never": 0}[fail_on]
    return any((summary.error, summary.warning, summary.info)[:levels])


def note_outcome(options: Options, outcome: AnalysisResult, *, contradicting: bool) -> None:
    """Notes on standard error which inputs failed, and what is doubtful or missing."""
    from dissector.analysis import CONTRADICTING

    for failure in outcome.failed:
        note(str(failure))
    if contradicting:
        note(CONTRADICTING)
    if outcome.capture.files:
        note_nothing_found(options, outcome)


def note_nothing_found(options: Options, outcome: AnalysisResult) -> None:
    """Notes on standard error that there was no MQTT, or nothing that a filter matches."""
    if not outcome.capture.mqtt_connections:
        note(no_mqtt(outcome.capture))
        return
    note_without_mqtt(outcome.capture)
    summary = outcome.summary
    if summary.handshakes or summary.encrypted or summary.error or summary.warning or summary.info:
        return
    if options.streams is not None:
        names = ",".join(sorted(
            str(item) if isinstance(item, int) else f"{item[0]}:{item[1]}"
            for item in options.streams
        ))  # fmt: skip
        parts = outcome.capture.parts or [outcome.capture]
        most = max(part.streams for part in parts) - 1
        whose = "of each capture " if outcome.capture.parts else ""
        note(
            f"--stream {names} matches nothing: no handshake there; the TCP connections {whose}are "
            f"numbered from 0 to {'at most ' if outcome.capture.parts else ''}{most}"
        )
    elif options.clients is not None:
        names = ", ".join(name or '""' for name in sorted(options.clients))
        note(f"--client {names} matches nothing: no handshake has exactly that client id")


def note_without_mqtt(capture: Capture) -> None:
    """Notes which of several captures have no MQTT."""
    without = [part for part in capture.parts if not part.mqtt_connections]
    if without:
        names = [part.files[0].path.replace("\n", "\\n") for part in without[:FILES_NAMED]]
        etc = ", …" if len(without) > FILES_NAMED else ""
        note(
            f"no MQTT in {len(without):,} of {len(capture.parts):,} captures: "
            f"{', '.join(names)}{etc}"
        )


def no_mqtt(capture: Capture) -> str:
    """Formats the note that there was no MQTT, what was there instead, and what to do."""
    from dissector.report.ending import described
    from dissector.report.style import counted

    files = described(capture).replace("\n", "\\n")
    lines = [
        f"NO MQTT was seen in {files}: {counted(capture.frames, 'frame')}, "
        f"{counted(capture.streams, 'TCP connection')}."
    ]
    seen = [
        f"{sum(ports.values()):,} {kind} ({_ports_listed(ports)})"
        for kind, ports in sorted(capture.other_ports.items())
    ]
    rest = capture.streams - sum(sum(ports.values()) for ports in capture.other_ports.values())
    if seen and rest > 0:
        seen.append(f"{rest:,} with too little data to tell")
    if seen:
        lines.append(f"TCP connections by what they carry: {', '.join(seen)}.")
    if tls := capture.other_ports.get("tls"):
        lines.append(
            "TLS is decrypted with --keylog FILE (a key log as SSLKEYLOGFILE writes it); "
            f"-d tcp.port=={_busiest(tls)[0]},tls lists its handshakes if that port carries MQTT."
        )
    if "websocket" in capture.other_ports:
        lines.append("The WebSocket connections carry no MQTT, or none that can be decoded.")
    if capture.streams:
        ports = capture.other_ports.get("other", {})
        port = _busiest(ports)[0] if ports else "PORT"
        lines.append(
            "MQTT is found on any port if the capture has the start of its connection; if not, a "
            f"port other than 1883 needs -d tcp.port=={port},mqtt."
        )
    if count := capture.datagrams.get("mqtt-sn"):
        lines.append(
            f"{counted(count, 'UDP datagram')} of MQTT-SN: it is another protocol; capture between "
            "its gateway and the MQTT server."
        )
    if count := capture.datagrams.get("quic"):
        lines.append(
            f"{counted(count, 'UDP datagram')} of QUIC handshakes: MQTT inside QUIC cannot be "
            "read; let the client use TCP for the capture."
        )
    return "\n".join(lines)


def _busiest(ports: dict[int, int]) -> list[int]:
    """Returns ports by their number of connections."""
    return sorted(ports, key=lambda port: (-ports[port], port))


def _ports_listed(ports: dict[int, int]) -> str:
    """Lists the busiest ports."""
    named = _busiest(ports)[:_PORTS_NAMED]
    etc = ", …" if len(ports) > len(named) else ""
    return f"port{'s' * (len(ports) > 1)} {', '.join(map(str, named))}{etc}"
