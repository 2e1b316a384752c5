"""Every capture that comes with the project, against the schema."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from dissector.analysis import Options, run
from dissector.report.json_document import JsonDocument
from dissector.report.json_lines import JsonLines
from tests.conftest import ROOT
from tests.report.schema import check_document, check_line

SAMPLES = sorted((ROOT / "samples").rglob("*.pcap*"))


def check(path: Path) -> None:
    """Hold both formats of one capture against the schema."""
    stream = io.BytesIO()
    document = JsonDocument(stream)
    outcome = run([str(path)], Options(), document)
    document.finish(outcome.capture, outcome.summary, outcome.not_evaluated)
    check_document(json.loads(stream.getvalue()))
    stream = io.BytesIO()
    lines = JsonLines(stream, show_secrets=True)
    outcome = run([str(path)], Options(), lines)
    lines.finish(outcome.capture, outcome.summary, outcome.not_evaluated)
    for line in stream.getvalue().splitlines():
        check_line(json.loads(line))


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.name)
def test_reports_of_samples_fit_the_schema(path: Path) -> None:
    """Whatever is in a sample, the report is what the schema says."""
    check(path)


def test_reports_of_outside_captures_fit_the_schema(shared_captures: list[Path]) -> None:
    """The same for captures of others."""
    for path in shared_captures:
        check(path)
