"""Creates the reporter of a format, by its name."""

from __future__ import annotations

from collections.abc import Collection

from dissector.report.reporter import AuditReporter, ByteStream
from dissector.report.style import Style


class ReportOptions:
    """Appearance of a report, and what it may show.

    `rules` are the ids of the selected rules; findings of severity `fail_on` or above are failures.
    `several`: there is more than one capture.
    `notes` is where a format writes what is not part of the report.
    """

    def __init__(
        self,
        style: Style,
        *,
        encoding: str = "utf-8",
        everything: bool = False,
        show_secrets: bool = False,
        key: bytes | None = None,
        rules: Collection[str] = (),
        fail_on: str = "error",
        several: bool = False,
        notes: ByteStream | None = None,
    ) -> None:
        self.style = style
        self.encoding = encoding
        self.everything = everything
        self.show_secrets = show_secrets
        self.key = key
        self.rules = rules
        self.fail_on = fail_on
        self.several = several
        self.notes = notes


def audit_reporter(name: str, stream: ByteStream, options: ReportOptions) -> AuditReporter:
    """Creates the reporter of a format; `name` is one of `cli.options.AUDIT_FORMATS`."""
    if name == "json":
        from dissector.report.json_audit import AuditDocument

        return AuditDocument(
            stream, show_secrets=options.show_secrets, key=options.key, several=options.several
        )
    if name == "jsonl":
        from dissector.report.json_audit import AuditLines

        return AuditLines(
            stream, show_secrets=options.show_secrets, key=options.key, several=options.several
        )
    if name == "table":
        from dissector.report.audit_text import AuditTextReport

        return AuditTextReport(
            stream, options.style, everything=options.everything, encoding=options.encoding
        )
    if name == "concise":
        from dissector.report.concise import Concise

        return Concise(stream, options.notes, options.style, encoding=options.encoding)
    if name == "html":
        from dissector.report.html.page import HtmlPage

        return HtmlPage(stream)
    if name == "markdown":
        from dissector.report.markdown import MarkdownReport

        return MarkdownReport(stream)
    if name == "csv":
        from dissector.report.csv_table import CsvTable

        return CsvTable(stream)
    return shared_reporter(name, stream, options)


def shared_reporter(name: str, stream: ByteStream, options: ReportOptions) -> AuditReporter:
    """Creates the reporter of an analysis for other programs, one of `cli.options.SHARED`."""
    if name == "sarif":
        from dissector.report.sarif import Sarif

        return Sarif(stream)
    if name == "junit":
        from dissector.report.junit import JUnit

        return JUnit(stream, options.rules, options.fail_on)
    if name == "eve":
        from dissector.report.eve import Eve

        return Eve(stream, show_secrets=options.show_secrets)
    if name == "zeek":
        from dissector.report.zeek import Zeek

        return Zeek(stream, several=options.several)
    from dissector.report.csv_table import CsvTable

    return CsvTable(stream, handshakes=True, show_secrets=options.show_secrets)
