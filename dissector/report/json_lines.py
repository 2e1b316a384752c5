# cython: annotation_typing=False
"""Records in, one line of JSON each out, as they are proven and in bounded memory.

Every line has `type`: `handshake`, `tlsHandshake`, `finding`, `captureWarning`, `notEvaluated`,
`summary`. The last line is the summary; it also says which schema and tool wrote the lines and what
was read.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from dissector.connections.handshake import Handshake
from dissector.model import Capture, CaptureWarning, Finding, NotEvaluated, Summary
from dissector.report.json_finding import FindingText
from dissector.report.json_handshake import HandshakeText
from dissector.report.json_shape import FindingShape, HandshakeShape
from dissector.report.json_v1 import SCHEMA, Writer, tool
from dissector.report.reporter import ByteStream

if TYPE_CHECKING:
    from dissector.connections.tls_handshake import TlsHandshake

_HELD = 64


class JsonLines:
    """The `jsonl` format. `eager` hands on every line at once, for a reader that waits for it."""

    def __init__(
        self,
        stream: ByteStream,
        *,
        show_secrets: bool = False,
        key: bytes | None = None,
        eager: bool = False,
    ) -> None:
        self._stream = stream
        self._writer = Writer(show_secrets=show_secrets, key=key)
        self._limit = 1 if eager else _HELD
        self._eager = eager
        self._lines: list[bytes] = []
        self._encode = msgspec.json.Encoder().encode
        self._quick = HandshakeText(self._writer, self._encode)
        self._quick_finding = FindingText(self._writer)

    def precision(self, digits: int) -> None:
        """Take the capture's precision."""
        self._writer.digits = digits
        self._quick.precision(digits)

    def handshake(self, record: Handshake) -> None:
        """Write one handshake."""
        text = self._quick.text(record, '{"type":"handshake",')
        if text is None:
            self._line("handshake", self._writer.handshake(record))
        else:
            self._add(text)

    def tls_handshake(self, record: TlsHandshake) -> None:
        """Write one TLS connection."""
        self._line("tlsHandshake", self._writer.tls_handshake(record))

    def finding(self, record: Finding) -> None:
        """Write one finding."""
        text = self._quick_finding.text(record, '{"type":"finding",')
        if text is None:
            self._line("finding", self._writer.finding(record))
        else:
            self._add(text)

    def warning(self, record: CaptureWarning) -> None:
        """Write one capture warning."""
        self._line("captureWarning", self._writer.warning(record))

    def finish(
        self, capture: Capture, summary: Summary, not_evaluated: Sequence[NotEvaluated]
    ) -> None:
        """Write what is known at the end."""
        for record in not_evaluated:
            self._line("notEvaluated", self._writer.not_evaluated(record))
        self._line(
            "summary",
            {
                "schema": SCHEMA,
                "tool": tool(capture.engine),
                "capture": self._writer.capture(capture),
                **self._writer.summary(summary),
            },
        )
        self._flush()

    def _line(self, kind: str, record: dict[str, Any] | HandshakeShape | FindingShape) -> None:
        self.put(kind, self._encode(record))

    def put(self, kind: str, record: bytes) -> None:
        """Write a record that is an object already."""
        self._add(b'{"type":"%s",' % kind.encode() + record[1:])

    def _add(self, line: bytes) -> None:
        self._lines.append(line)
        if len(self._lines) >= self._limit:
            self._flush()

    def _flush(self) -> None:
        if self._lines:
            self._lines.append(b"")
            self._stream.write(b"\n".join(self._lines))
            self._lines.clear()
            if self._eager:
                self._stream.flush()
