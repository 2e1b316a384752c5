"""Writes each record as a line of JSON as soon as it is known, in bounded memory.

Every line has `type`: `handshake`, `tlsHandshake`, `finding`, `captureWarning`, `notEvaluated`,
`summary`. The last line is the summary; it also holds the schema, the tool and the capture.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from dissector.connections.handshake import Handshake
from dissector.model import Capture, CaptureWarning, Finding, NotEvaluated, Summary
from dissector.report.json_buffer import JsonBuffer
from dissector.report.json_finding import FindingText
from dissector.report.json_handshake import HandshakeText
from dissector.report.json_shape import FindingShape, HandshakeShape
from dissector.report.json_v1 import SCHEMA, Writer, tool
from dissector.report.json_values import json_bytes
from dissector.report.reporter import ByteStream

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
        self._writer = Writer(show_secrets=show_secrets, key=key, several=several)
        self._limit = 0 if eager else _HELD
        self._eager = eager
        self._encode = json_bytes
        self._buffer = JsonBuffer()
        self._handshakes = HandshakeText(self._writer, self._encode, self._buffer)
        self._findings = FindingText(self._writer, self._buffer)

    def precision(self, digits: int) -> None:
        """Sets the precision of times."""
        self._writer.digits = digits
        self._handshakes.precision(digits)

    def handshake(self, record: Handshake) -> None:
        """Writes one handshake."""
        if not self._handshakes.line(record, '{"type":"handshake",'):
            self._line("handshake", self._writer.handshake(record))
        elif self._buffer.used > self._limit:
            self._flush()

    def tls_handshake(self, record: TlsHandshake) -> None:
        """Writes one TLS connection."""
        self._line("tlsHandshake", self._writer.tls_handshake(record))

    def finding(self, record: Finding) -> None:
        """Writes one finding."""
        if not self._findings.line(record, '{"type":"finding",'):
            self._line("finding", self._writer.finding(record))
        elif self._buffer.used > self._limit:
            self._flush()

    def warning(self, record: CaptureWarning) -> None:
        """Writes one capture warning."""
        self._line("captureWarning", self._writer.warning(record))

    def finish(
        self, capture: Capture, summary: Summary, not_evaluated: Sequence[NotEvaluated]
    ) -> None:
        """Writes the records that are only known at the end."""
        for record in not_evaluated:
            self._line("notEvaluated", self._writer.not_evaluated(record))
        self._line(
            "summary",
            {
                "schema": SCHEMA,
                "tool": tool(capture),
                "capture": self._writer.total(capture),
                **self._captures(capture),
                **self._writer.summary(summary),
            },
        )
        self._flush()

    def _captures(self, capture: Capture) -> dict[str, Any]:
        if not self._writer.several:
            return {}
        return {"captures": [self._writer.capture(part) for part in capture.parts]}

    def _line(self, kind: str, record: dict[str, Any] | HandshakeShape | FindingShape) -> None:
        self.put(kind, self._encode(record))

    def put(self, kind: str, record: bytes) -> None:
        """Writes a record that is already encoded as an object."""
        line = b'{"type":"%s",%s\n' % (kind.encode(), record[1:])
        if not self._buffer.add(line):
            self._flush()
            self._stream.write(line)
        if self._buffer.used > self._limit or self._eager:
            self._flush()

    def _flush(self) -> None:
        lines = self._buffer.take()
        if lines:
            self._stream.write(lines)
        if self._eager:
            self._stream.flush()
