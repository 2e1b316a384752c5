"""Lists the formats of reports and creates the reporter of one.

A format is one file and one line here; `cli/options.py` takes the names from this table.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from dissector.report.reporter import AuditReporter, ByteStream, Reporter, ReportOptions


class Format(NamedTuple):
    """A format of `analyze` and of `audit`: "module.Class" in this package, "" if there is none.

    The class has a method `create(stream, options)`. `counts`: `--statistics` may replace it.
    """

    analysis: str = ""
    audit: str = ""
    counts: bool = False


FORMATS = {
    "table": Format("text_report.TextReport", "audit_text.AuditTextReport", counts=True),
    "text": Format("text_report.FindingsReport", counts=True),
    "concise": Format("concise.Concise", "concise.Concise", counts=True),
    "json": Format("json_document.JsonDocument", "json_audit.AuditDocument"),
    "jsonl": Format("json_lines.JsonLines", "json_audit.AuditLines"),
    "markdown": Format(audit="markdown.MarkdownReport"),
    "html": Format(audit="html.page.HtmlPage"),
    "csv": Format("csv_table.CsvTable", "csv_table.AuditCsvTable"),
    "sarif": Format("sarif.Sarif", "sarif.Sarif"),
    "junit": Format("junit.JUnit", "junit.JUnit"),
    "eve": Format("eve.Eve", "eve.Eve"),
    "zeek": Format("zeek.Zeek", "zeek.Zeek"),
}


def analysis_reporter(name: str, stream: ByteStream, options: ReportOptions) -> Reporter:
    """Creates the reporter of an analysis in a format that has one."""
    reporter: Reporter = _created(FORMATS[name].analysis, stream, options)
    return reporter


def audit_reporter(name: str, stream: ByteStream, options: ReportOptions) -> AuditReporter:
    """Creates the reporter of an audit in a format that has one."""
    reporter: AuditReporter = _created(FORMATS[name].audit, stream, options)
    return reporter


def _created(place: str, stream: ByteStream, options: ReportOptions) -> Any:
    module, _, name = place.rpartition(".")
    kind = getattr(import_module(f"dissector.report.{module}"), name)
    return kind.create(stream, options)
