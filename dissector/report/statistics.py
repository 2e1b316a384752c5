"""Counts findings by rule and severity, most frequent first (`--statistics`).

Findings of several captures are counted by file, too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Self

from dissector.connections.handshake import Handshake
from dissector.model import Capture, CaptureWarning, Finding, NotEvaluated, Severity, Summary
from dissector.report.ending import configuration, findings
from dissector.report.reporter import ByteStream, ReportOptions
from dissector.report.style import Style, counted
from dissector.text import printable

if TYPE_CHECKING:
    from dissector.connections.tls_handshake import TlsHandshake


class Statistics:
    """The reporter for `--statistics`, which shows counts instead of findings."""

    def __init__(
        self, stream: ByteStream, style: Style, *, encoding: str = "utf-8", several: bool = False
    ) -> None:
        self._several = several
        self._stream = stream
        self._style = style
        self._encoding = encoding
        self._counts: Counter[tuple[str, str, Severity, str]] = Counter()

    @classmethod
    def create(cls, stream: ByteStream, options: ReportOptions) -> Self:
        """Creates the reporter with the options that it needs."""
        return cls(stream, options.style, encoding=options.encoding, several=options.several)

    def precision(self, digits: int) -> None:
        """Ignored: lines contain no times."""

    def handshake(self, record: Handshake) -> None:
        """Ignored: only findings are counted."""

    def finding(self, record: Finding) -> None:
        """Counts the record."""
        file = record.file if self._several else ""
        self._counts[record.rule, record.name, record.severity, file] += 1

    def tls_handshake(self, record: TlsHandshake) -> None:
        """Ignored: only findings are counted."""

    def warning(self, record: CaptureWarning) -> None:
        """Ignored: only findings are counted."""

    def finish(
        self, capture: Capture, summary: Summary, not_evaluated: Sequence[NotEvaluated]
    ) -> None:
        """Writes the counts."""
        width = max((len(str(count)) for count in self._counts.values()), default=1)
        ordered = sorted(self._counts.items(), key=lambda item: (-item[1], item[0][0]))
        for (rule, name, severity, file), count in ordered:
            word = self._style.severity(severity, f"{severity.value:7}")
            line = f"{count:{width}}  {self._style.paint(f'{rule:5}', 'bold')}  {word}  {name}"
            self._line(f"{line}  {printable(file)}" if file else line)
        self._line(f"{counted(summary.handshakes, 'handshake')}. {findings(summary)}")
        for line in configuration(capture):
            self._line(line)

    def _line(self, line: str) -> None:
        self._stream.write(line.encode(self._encoding, "backslashreplace") + b"\n")
