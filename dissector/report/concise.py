"""Writes one line for each finding as soon as it is known, for editors, CI logs and `grep`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

from dissector.model import Capture, CaptureWarning, Finding, NotEvaluated, Summary
from dissector.report.ending import configuration, findings
from dissector.report.reporter import ByteStream, ReporterBase, ReportOptions
from dissector.report.style import Style, counted, place
from dissector.text import printable


class Concise(ReporterBase):
    """The `concise` format; counts are written to `notes`, because they are not findings."""

    def __init__(
        self,
        stream: ByteStream,
        notes: ByteStream | None,
        style: Style,
        *,
        encoding: str = "utf-8",
    ) -> None:
        self._stream = stream
        self._notes = notes
        self._style = style
        self._encoding = encoding
        self._warnings = 0

    @classmethod
    def create(cls, stream: ByteStream, options: ReportOptions) -> Self:
        """Creates the reporter with the options that it needs."""
        return cls(stream, options.notes, options.style, encoding=options.encoding)

    def finding(self, record: Finding) -> None:
        """Writes one line."""
        text = line(record, self._style)
        self._stream.write(text.encode(self._encoding, "backslashreplace") + b"\n")

    def warning(self, record: CaptureWarning) -> None:
        """Counts the record."""
        self._warnings += 1

    def finish(
        self, capture: Capture, summary: Summary, not_evaluated: Sequence[NotEvaluated]
    ) -> None:
        """Writes the counts to `notes`."""
        if self._notes is None:
            return
        rules = len({record.rule for record in not_evaluated})
        self._notes.write(
            f"{counted(summary.handshakes, 'handshake')}. {findings(summary)} "
            f"{counted(self._warnings, 'capture warning')}; "
            f"{counted(rules, 'rule')} not evaluated everywhere.\n".encode()
        )
        for text in configuration(capture):
            self._notes.write(text.encode(self._encoding, "backslashreplace") + b"\n")


def line(record: Finding, style: Style) -> str:
    """Formats one finding as a line, without the line end."""
    who = record.side.value
    if record.client_id:
        who += f" (client id {printable(record.client_id, 40)})"
    breaks = ", ".join(record.statements) or (place(record.section) if record.section else "")
    breaks = f" [{breaks} of {record.cited_version}]" if breaks else ""
    return (
        f"{printable(record.file)}:{record.frame}: {style.paint(record.rule, 'bold')} "
        f"{style.severity(record.severity)} {who}: {printable(record.message)}{breaks}"
    )
