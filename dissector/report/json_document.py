"""Writes one JSON document of schema 1, with one record a line.

The head of the document is known only at the end, so records are encoded as they arrive and kept in
a spool, on disk if there are many. Handshakes are written in order of id.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from dissector.connections.handshake import Handshake
from dissector.model import Capture, CaptureWarning, Finding, NotEvaluated, Summary
from dissector.report.json_buffer import JsonBuffer
from dissector.report.json_finding import FindingText
from dissector.report.json_handshake import HandshakeText
from dissector.report.json_v1 import SCHEMA, Writer, tool
from dissector.report.json_values import json_bytes
from dissector.report.reporter import ByteStream

if TYPE_CHECKING:
    from dissector.connections.tls_handshake import TlsHandshake

_IN_MEMORY = 32 << 20


class _Spool:
    """Stores encoded records with a number each and returns them in order of number."""

    def __init__(self) -> None:
        import tempfile  # takes 2 ms; not needed for the `jsonl` format of an audit

        # closed by `records` or with the object
        self._file = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115
        self._numbers = array("q")
        self._offsets = array("q", [0])

    def add(self, record: bytes, number: int = 0) -> None:
        self._file.write(record)
        self._numbers.append(number)
        self._offsets.append(self._offsets[-1] + len(record))

    def records(self) -> Iterator[bytes]:
        place = -1
        for index in sorted(range(len(self._numbers)), key=self._numbers.__getitem__):
            start, stop = self._offsets[index], self._offsets[index + 1]
            if place != start:
                self._file.seek(start)
            yield self._file.read(stop - start)
            place = stop
        self._file.close()


class JsonDocument:
    """The `json` format; `several`: of more than one capture."""

    def __init__(
        self,
        stream: ByteStream,
        *,
        show_secrets: bool = False,
        key: bytes | None = None,
        several: bool = False,
    ) -> None:
        self._stream = stream
        self._writer = Writer(show_secrets=show_secrets, key=key, several=several)
        self._encode = json_bytes
        buffer = JsonBuffer()
        self._handshake_text = HandshakeText(self._writer, self._encode, buffer)
        self._finding_text = FindingText(self._writer, buffer)
        self._handshakes = _Spool()
        self._tls_handshakes = _Spool()
        self._findings = _Spool()
        self._warnings = _Spool()

    def precision(self, digits: int) -> None:
        """Sets the precision of times."""
        self._writer.digits = digits
        self._handshake_text.precision(digits)

    def handshake(self, record: Handshake) -> None:
        """Stores one handshake."""
        encoded = self._handshake_text.text(record, "{")
        if encoded is None:
            encoded = self._encode(self._writer.handshake(record))
        self._handshakes.add(encoded, record.id)

    def tls_handshake(self, record: TlsHandshake) -> None:
        """Stores one TLS connection."""
        self._tls_handshakes.add(self._encode(self._writer.tls_handshake(record)))

    def finding(self, record: Finding) -> None:
        """Stores one finding."""
        encoded = self._finding_text.text(record, "{")
        if encoded is None:
            encoded = self._encode(self._writer.finding(record))
        self._findings.add(encoded)

    def warning(self, record: CaptureWarning) -> None:
        """Stores one capture warning."""
        self._warnings.add(self._encode(self._writer.warning(record)))

    def finish(
        self, capture: Capture, summary: Summary, not_evaluated: Sequence[NotEvaluated]
    ) -> None:
        """Writes the document."""
        self._stream.write(b'{"schema": %d' % SCHEMA)
        self._member("tool", tool(capture))
        self._member("capture", self._writer.total(capture))
        if self._writer.several:
            parts = (self._encode(self._writer.capture(part)) for part in capture.parts)
            self._list("captures", parts)
        self._list("handshakes", self._handshakes.records())
        self._list("tlsHandshakes", self._tls_handshakes.records())
        self._list("findings", self._findings.records())
        self._list("captureWarnings", self._warnings.records())
        entries = (self._encode(self._writer.not_evaluated(record)) for record in not_evaluated)
        self._list("notEvaluated", entries)
        self._member("summary", self._writer.summary(summary))
        self.end()

    def end(self) -> None:
        """Closes the document; subclasses write their own members first."""
        self._stream.write(b"}\n")

    def _member(self, name: str, value: dict[str, Any]) -> None:
        self._stream.write(b',\n"%s": ' % name.encode() + self._encode(value))

    def _list(self, name: str, records: Iterator[bytes]) -> None:
        self._stream.write(b',\n"%s": [' % name.encode())
        separator = b"\n  "
        for record in records:
            self._stream.write(separator + record)
            separator = b",\n  "
        self._stream.write(b"]")
