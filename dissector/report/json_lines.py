"""Writes each record as a line of JSON as soon as it is known, in bounded memory.

Every line has `type`: `handshake`, `tlsHandshake`, `finding`, `captureWarning`, `notEvaluated`,
`summary`. The last line is the summary; it also holds the schema, the tool and the capture.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

from dissector.connections.handshake import Handshake
from dissector.model import Capture, CaptureWarning, Finding, NotEvaluated, Summary
from dissector.report import fields
from dissector.report.json_writer import JsonWriter, Plan
from dissector.report.reporter import ByteStream, ReportOptions

if TYPE_CHECKING:
    from dissector.connections.tls_handshake import TlsHandshake

_HELD = 1 << 15  # bytes of lines buffered before they are written


class JsonLines:
    """The `jsonl` format; `several`: of more than one capture.

    `eager` flushes every line at once, for a reader that waits for it.
    """

    def __init__(
        self,
        stream: ByteStream,
        *,
        show_secrets: bool = False,
        key: bytes | None = None,
        eager: bool = False,
        several: bool = False,
    ) -> None:
        self._stream = stream
        self._writer = JsonWriter(show_secrets=show_secrets, key=key, several=several)
        self._buffer = self._writer.buffer
        self._limit = 0 if eager else _HELD
        self._eager = eager
        self._handshakes = self.plan("handshake", fields.HANDSHAKE)
        self._findings = self.plan("finding", fields.FINDING)
        self._plans: dict[str, Plan] = {}

    @classmethod
    def create(cls, stream: ByteStream, options: ReportOptions) -> Self:
        """Creates the reporter with the options that it needs."""
        return cls(
            stream, show_secrets=options.show_secrets, key=options.key, several=options.several
        )

    def plan(self, kind: str, members: tuple[fields.Field, ...]) -> Plan:
        """Prepares the lines of a type."""
        return self._writer.plan(members, b'{"type":"%b",' % kind.encode())

    def precision(self, digits: int) -> None:
        """Sets the precision of times."""
        self._writer.digits = digits

    def handshake(self, record: Handshake) -> None:
        """Writes one handshake."""
        self._writer.write(self._handshakes, record)
        self._end_line()

    def tls_handshake(self, record: TlsHandshake) -> None:
        """Writes one TLS connection."""
        from dissector.report.tls_fields import TLS_HANDSHAKE

        self.line("tlsHandshake", TLS_HANDSHAKE, record)

    def finding(self, record: Finding) -> None:
        """Writes one finding."""
        self._writer.write(self._findings, record)
        self._end_line()

    def warning(self, record: CaptureWarning) -> None:
        """Writes one capture warning."""
        self.line("captureWarning", fields.CAPTURE_WARNING, record)

    def finish(
        self, capture: Capture, summary: Summary, not_evaluated: Sequence[NotEvaluated]
    ) -> None:
        """Writes the records that are only known at the end."""
        for record in not_evaluated:
            self.line("notEvaluated", fields.NOT_EVALUATED, record)
        self.line("summary", fields.LAST_LINE, fields.CaptureSummary(capture, summary))
        self._flush()

    def line(self, kind: str, members: tuple[fields.Field, ...], record: Any) -> None:
        """Writes one record; `members` are those of its type."""
        plan = self._plans.get(kind)
        if plan is None:
            plan = self._plans[kind] = self.plan(kind, members)
        self._writer.write(plan, record)
        self._end_line()

    def _end_line(self) -> None:
        self._buffer.put(b"\n")
        if self._buffer.used > self._limit:
            self._flush()

    def _flush(self) -> None:
        lines = self._buffer.take()
        if lines:
            self._stream.write(lines)
        if self._eager:
            self._stream.flush()
