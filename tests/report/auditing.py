"""Audits or analyses a capture and returns the output of one format."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dissector.analysis import run
from dissector.audit.run import run as run_audit
from dissector.capture.rings import groups
from dissector.cli.options import AUDIT_FORMATS
from dissector.cli.options import FORMATS as ANALYSIS_FORMATS
from dissector.options import Options
from dissector.report.formats import analysis_reporter, audit_reporter
from dissector.report.reporter import ReportOptions
from dissector.report.style import Style

KEY = b"one key for all tests"
CREDENTIALS = "samples/recorded/aedes-paho-3.1.1-credentials.pcap"
FORMATS: Sequence[str] = AUDIT_FORMATS
# of analyses and audits, for other programs
SHARED = [
    name for name in ANALYSIS_FORMATS
    if name in AUDIT_FORMATS and name not in ("table", "concise", "json", "jsonl")
]  # fmt: skip


def audited(path: Path | str, form: str, options: Options | None = None, **look: Any) -> bytes:
    """Audits a capture."""
    stream = io.BytesIO()
    reporter = audit_reporter(
        form, stream, ReportOptions(Style(), key=KEY, everything=True, **look)
    )
    found = run_audit(groups([str(path)]), options or Options(), reporter, key=KEY)
    reporter.overview(found.overview)
    outcome = found.outcome
    reporter.finish(outcome.capture, outcome.summary, outcome.not_evaluated)
    return stream.getvalue()


def analyzed(path: Path | str, form: str, **look: Any) -> bytes:
    """Analyzes a capture."""
    stream = io.BytesIO()
    reporter = analysis_reporter(form, stream, ReportOptions(Style(), key=KEY, **look))
    outcome = run(groups([str(path)]), Options(), reporter)
    reporter.finish(outcome.capture, outcome.summary, outcome.not_evaluated)
    return stream.getvalue()
