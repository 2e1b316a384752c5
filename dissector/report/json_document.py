"""Writes one JSON document of schema 1, with one record a line.

The head of the document is known only at the end, so records are encoded as they arrive and kept in
a spool, on disk if there are many. Handshakes are written in order of id.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from io import BytesIO
from typing import TYPE_CHECKING, Any, Self

import msgspec

from dissector.connections.handshake import Handshake
from dissector.model import Capture, CaptureWarning, Finding, NotEvaluated, Summary
from dissector.report import fields
from dissector.report.json_writer import JsonWriter, Plan
from dissector.report.reporter import ByteStream, ReportOptions, write_report

if TYPE_CHECKING:
    from dissector.analysis import Report
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
        self._several = several
        self._writer = JsonWriter(show_secrets=show_secrets, key=key, several=several)
        self._handshake_plan = self._writer.plan(fields.HANDSHAKE)
        self._finding_plan = self._writer.plan(fields.FINDING)
        self._warning_plan = self._writer.plan(fields.CAPTURE_WARNING)
        self._tls_plan: Plan | None = None
        self._handshakes = _Spool()
        self._tls_handshakes = _Spool()
        self._findings = _Spool()
        self._warnings = _Spool()

    @classmethod
    def create(cls, stream: ByteStream, options: ReportOptions) -> Self:
        """Creates the reporter with the options that it needs."""
        return cls(
            stream, show_secrets=options.show_secrets, key=options.key, several=options.several
        )

    def precision(self, digits: int) -> None:
        """Sets the precision of times."""
        self._writer.digits = digits

    def handshake(self, record: Handshake) -> None:
        """Stores one handshake."""
        self._handshakes.add(self._writer.encoded(self._handshake_plan, record), record.id)

    def tls_handshake(self, record: TlsHandshake) -> None:
        """Stores one TLS connection."""
        if self._tls_plan is None:
            from dissector.report.tls_fields import TLS_HANDSHAKE

            self._tls_plan = self._writer.plan(TLS_HANDSHAKE)
        self._tls_handshakes.add(self._writer.encoded(self._tls_plan, record))

    def finding(self, record: Finding) -> None:
        """Stores one finding."""
        self._findings.add(self._writer.encoded(self._finding_plan, record))

    def warning(self, record: CaptureWarning) -> None:
        """Stores one capture warning."""
        self._warnings.add(self._writer.encoded(self._warning_plan, record))

    def finish(
        self, capture: Capture, summary: Summary, not_evaluated: Sequence[NotEvaluated]
    ) -> None:
        """Writes the document."""
        writer = self._writer
        self._stream.write(b'{"schema": %d' % fields.SCHEMA)
        self._member("tool", writer.encoded_value(fields.tool(capture)))
        self._member("capture", writer.encoded(writer.plan(fields.TOTAL), capture))
        if self._several:
            self._records("captures", fields.CAPTURE, capture.parts)
        self._list("handshakes", self._handshakes.records())
        self._list("tlsHandshakes", self._tls_handshakes.records())
        self._list("findings", self._findings.records())
        self._list("captureWarnings", self._warnings.records())
        self._records("notEvaluated", fields.NOT_EVALUATED, not_evaluated)
        self._member("summary", writer.encoded(writer.plan(fields.SUMMARY), summary))
        self.end()

    def end(self) -> None:
        """Closes the document; subclasses write their own members first."""
        self._stream.write(b"}\n")

    def _member(self, name: str, value: bytes) -> None:
        self._stream.write(b',\n"%s": %s' % (name.encode(), value))

    def _records(
        self, name: str, members: tuple[fields.Field, ...], records: Sequence[Any]
    ) -> None:
        plan = self._writer.plan(members)
        self._list(name, (self._writer.encoded(plan, record) for record in records))

    def _list(self, name: str, records: Iterator[bytes]) -> None:
        self._stream.write(b',\n"%s": [' % name.encode())
        separator = b"\n  "
        for record in records:
            self._stream.write(separator + record)
            separator = b",\n  "
        self._stream.write(b"]")


def document(
    report: Report, *, show_secrets: bool = False, key: bytes | None = None
) -> dict[str, Any]:
    """Returns a whole report as one document, parsed again."""
    stream = BytesIO()
    several = bool(report.capture.parts)
    write_report(report, JsonDocument(stream, show_secrets=show_secrets, key=key, several=several))
    made: dict[str, Any] = msgspec.json.decode(stream.getvalue())
    return made
