"""Records in, a count per rule and severity out, most frequent first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from dissector.connections.handshake import Handshake
from dissector.model import Capture, CaptureWarning, Finding, NotEvaluated, Severity, Summary
from dissector.report.ending import findings
from dissector.report.reporter import ByteStream
from dissector.report.style import Style, counted

if TYPE_CHECKING:
    from dissector.connections.tls_handshake import TlsHandshake


class Statistics:
    """What `--statistics` shows instead of the findings."""

    def __init__(self, stream: ByteStream, style: Style, *, encoding: str = "utf-8") -> None:
        self._stream = stream
        self._style = style
        self._encoding = encoding
        self._counts: Counter[tuple[str, str, Severity]] = Counter()

    def precision(self, digits: int) -> None:
        """No line has a time."""

    def handshake(self, record: Handshake) -> None:
        """No line is about a handshake."""

    def finding(self, record: Finding) -> None:
        """Count it."""
        self._counts[record.rule, record.name, record.severity] += 1

    def tls_handshake(self, record: TlsHandshake) -> None:
        """No line is about an encrypted connection."""

    def warning(self, record: CaptureWarning) -> None:
        """No line is about a warning."""

    def finish(
        self, capture: Capture, summary: Summary, not_evaluated: Sequence[NotEvaluated]
    ) -> None:
        """Write the counts."""
        width = max((len(str(count)) for count in self._counts.values()), default=1)
        ordered = sorted(self._counts.items(), key=lambda item: (-item[1], item[0][0]))
        for (rule, name, severity), count in ordered:
            said = self._style.severity(severity, f"{severity.value:7}")
            self._line(f"{count:{width}}  {self._style.paint(f'{rule:5}', 'bold')}  {said}  {name}")
        self._line(f"{counted(summary.handshakes, 'handshake')}. {findings(summary)}")

    def _line(self, line: str) -> None:
        self._stream.write(line.encode(self._encoding, "backslashreplace") + b"\n")
