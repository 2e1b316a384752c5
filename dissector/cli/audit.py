"""The command `dissector audit`: lists devices and servers of captures with their posture."""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from collections.abc import Sequence
from typing import TYPE_CHECKING

from dissector.cli.options import (
    AUDIT_FORMATS,
    Parser,
    add_known_options,
    add_report_options,
    add_source_options,
)
from dissector.cli.terminal import note

if TYPE_CHECKING:
    from dissector.capture.rings import CaptureFiles
    from dissector.cli.config import Settings
    from dissector.report.reporter import AuditReporter, ByteStream

_EXAMPLES = """\
  dissector audit capture.pcap
  dissector audit --format json --output audit.json monday.pcap tuesday.pcap
  dissector audit --select SEC,TLS --fail-on warning capture.pcap

Files that `--output` writes are readable by their owner only. The thresholds
of the rules are set in the configuration, in the table `thresholds`
(docs/audit.md lists the keys).
"""


def parser() -> Parser:
    """Builds the command's parser."""
    made = Parser("audit", "Report every device and server: security and fixes.", _EXAMPLES)
    add_source_options(made)
    add_known_options(made)
    add_report_options(made, AUDIT_FORMATS, each=False)
    return made


def run(arguments: Sequence[str]) -> int:
    """Runs the command and returns its exit code."""
    namespace = parser().parse(arguments)

    from dissector.cli import analyze

    analyze.disable_garbage_collector()

    from dissector.cli import config, inputs, output
    from dissector.cli.thresholds import deadlines, thresholds
    from dissector.options import Options
    from dissector.rules.registry import selected

    settings = config.resolve(vars(namespace), os.environ, os.getcwd(), AUDIT_FORMATS)
    analyze.check_privacy_options(namespace)
    selected(settings.select, settings.ignore, audit=True)
    known = analyze.known_findings(namespace, settings)
    options = Options(
        select=settings.select,
        ignore=settings.ignore,
        ports=inputs.ports(settings.decode_as),
        tls_ports=inputs.ports(settings.decode_as, "tls"),
        keylog=namespace.keylog,
        streams=inputs.streams(namespace.stream),
        clients=inputs.clients(namespace.client),
        engine=settings.engine,
        thresholds=thresholds(settings.thresholds),
        deadlines=deadlines(settings.deadlines),
        pedantic=settings.pedantic,
        known=known,
    )
    paths = inputs.expand([*namespace.files, *namespace.read], recursive=settings.recursive)
    captures = inputs.captures(paths, join=settings.join, separate=settings.separate)
    with output.opened_report(namespace.output, paths, settings.format, private=True) as stream:
        code = _audit(captures, options, settings, namespace, stream)
    for text in known.notes() if known is not None else ():
        note(text)
    return code


def _audit(
    captures: Sequence[CaptureFiles],
    options: object,
    settings: Settings,
    namespace: Namespace,
    stream: ByteStream,
) -> int:
    from dissector.audit.run import run as run_audit
    from dissector.cli import analyze, progress
    from dissector.cli.watch import AuditWatch
    from dissector.options import Options

    assert isinstance(options, Options)
    key = os.environ.get("DISSECTOR_FINGERPRINT_KEY", "").encode()[:64] or os.urandom(16)
    reporter = _reporter(settings, namespace, stream, key, several=len(captures) > 1)
    if namespace.pseudonymize:
        from dissector.report.pseudonyms import PseudonymousAudit

        reporter = PseudonymousAudit(reporter)
    sink = AuditWatch(reporter, analyze.DAMAGE)
    bar = progress.wanted()
    try:
        found = run_audit(captures, options, sink, bar, key=key)
    finally:
        if bar is not None:
            bar.clear()
    import gc

    gc.freeze()  # the process ends soon: skips the search for cycles at exit
    outcome = found.outcome
    sink.reporter.overview(found.overview)
    outcome.capture.config = settings.config
    sink.reporter.finish(outcome.capture, outcome.summary, outcome.not_evaluated)
    analyze.note_outcome(options, outcome, contradicting=sink.contradicting)
    return analyze.exit_code(outcome, settings, damaged=sink.damaged)


def _reporter(
    settings: Settings, namespace: Namespace, stream: ByteStream, key: bytes, *, several: bool
) -> AuditReporter:
    from dissector.cli import output
    from dissector.report.formats import audit_reporter
    from dissector.report.reporter import ReportOptions
    from dissector.rules.registry import selected

    to_file = namespace.output not in (None, "-")
    look = ReportOptions(
        output.style(settings.color, os.environ, to_file=to_file),
        encoding=output.encoding(to_file),
        everything=settings.all,
        show_secrets=namespace.show_secrets,
        key=key,
        rules=selected(settings.select, settings.ignore, audit=True),
        fail_on=settings.fail_on,
        several=several,
        notes=sys.stderr.buffer,
    )
    return audit_reporter(settings.format, stream, look)
