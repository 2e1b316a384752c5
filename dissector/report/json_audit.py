"""Writes an audit as JSON: the output of `analyze` plus devices, servers and posture.

The document has the additional members `devices`, `servers` and `posture`; lines have the
additional types `device`, `server` and `posture`, before the summary. Keys are the camelCase of the
attribute names; attributes ending in `_ns` are times, and the keys do not have that ending.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dissector.audit.records import Device, Overview, Server
from dissector.model import Capture, NotEvaluated, Summary
from dissector.report.fields import of_struct
from dissector.report.json_document import JsonDocument
from dissector.report.json_lines import JsonLines


class AuditDocument(JsonDocument):
    """The `json` format of an audit."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._devices: list[bytes] = []
        self._servers: list[bytes] = []
        self._posture = b""

    def device(self, record: Device) -> None:
        """Stores one device."""
        self._writer.share(record.posture.right)
        self._writer.share(record.posture.unseen)
        self._devices.append(self._writer.encoded_value(record))

    def server(self, record: Server) -> None:
        """Stores one server."""
        self._servers.append(self._writer.encoded_value(record))

    def overview(self, record: Overview) -> None:
        """Stores the overview; called before `finish`."""
        self._posture = self._writer.encoded_value(record)

    def end(self) -> None:
        """Writes the additional members of an audit and closes the document."""
        self._list("devices", iter(self._devices))
        self._list("servers", iter(self._servers))
        self._member("posture", self._posture)
        super().end()


class AuditLines(JsonLines):
    """The `jsonl` format of an audit."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._overview = Overview()

    def device(self, record: Device) -> None:
        """Writes one device."""
        self._writer.share(record.posture.right)
        self._writer.share(record.posture.unseen)
        self.line("device", of_struct(Device), record)

    def server(self, record: Server) -> None:
        """Writes one server."""
        self.line("server", of_struct(Server), record)

    def overview(self, record: Overview) -> None:
        """Stores the overview; called before `finish`."""
        self._overview = record

    def finish(
        self, capture: Capture, summary: Summary, not_evaluated: Sequence[NotEvaluated]
    ) -> None:
        """Writes the posture and the records that are only known at the end."""
        self.line("posture", of_struct(Overview), self._overview)
        super().finish(capture, summary, not_evaluated)
