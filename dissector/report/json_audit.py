"""Writes an audit as JSON: the output of `analyze` plus devices, servers and posture.

The document has the additional members `devices`, `servers` and `posture`; lines have the
additional types `device`, `server` and `posture`, before the summary. Keys are the camelCase of the
attribute names; attributes ending in `_ns` are times, and the keys do not have that ending.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from dissector.audit.records import Device, Overview, Server
from dissector.model import Capture, NotEvaluated, Summary
from dissector.report.clock import rfc3339
from dissector.report.json_document import JsonDocument
from dissector.report.json_lines import JsonLines
from dissector.report.json_values import json_bytes, set_value
from dissector.text import lossless


def encoded(record: Device | Server | Overview, digits: int | None) -> bytes:
    """Returns one record as a JSON object.

    There may be many devices, so msgspec encodes them directly and the numbers of their times are
    replaced afterwards; quotes inside a text are escaped, so no text can look like these members.
    Values are converted one by one only if a text is not UTF-8 or a time is nested deeper.
    """
    if isinstance(record, Overview) or (isinstance(record, Server) and record.certificates):
        return json_bytes(shape(record, digits))
    try:
        text = json_bytes(record)
    except UnicodeEncodeError:
        return json_bytes(shape(record, digits))
    before, _, rest = text.partition(b'"firstSeenNs":')
    _, _, after = rest.partition(b',"findings":')
    first = rfc3339(record.first_seen_ns, digits).encode()
    last = rfc3339(record.last_seen_ns, digits).encode()
    return b'%b"firstSeen":"%b","lastSeen":"%b","findings":%b' % (before, first, last, after)


def shape(record: Device | Server | Overview, digits: int | None) -> dict[str, Any]:
    """Returns one record as a dict with lossless text."""
    plain = msgspec.to_builtins(record, str_keys=True)
    return _converted(plain, digits)


def _converted(plain: dict[str, Any], digits: int | None) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for key, value in plain.items():
        if key.endswith("Ns") and isinstance(value, int):
            made[key[:-2]] = rfc3339(value, digits)
        elif isinstance(value, dict):
            made[lossless(key)] = _converted(value, digits)
        elif isinstance(value, list | tuple) and value and isinstance(value[0], dict):
            made[key] = [_converted(item, digits) for item in value]
        else:
            set_value(made, lossless(key), value)
    return made


class AuditDocument(JsonDocument):
    """The `json` format of an audit."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._devices: list[bytes] = []
        self._servers: list[bytes] = []
        self._posture: dict[str, Any] = {}

    def device(self, record: Device) -> None:
        """Stores one device."""
        self._devices.append(encoded(record, self._writer.digits))

    def server(self, record: Server) -> None:
        """Stores one server."""
        self._servers.append(encoded(record, self._writer.digits))

    def overview(self, record: Overview) -> None:
        """Stores the overview; called before `finish`."""
        self._posture = shape(record, self._writer.digits)

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
        self._posture: dict[str, Any] = {}

    def device(self, record: Device) -> None:
        """Writes one device."""
        self.put("device", encoded(record, self._writer.digits))

    def server(self, record: Server) -> None:
        """Writes one server."""
        self.put("server", encoded(record, self._writer.digits))

    def overview(self, record: Overview) -> None:
        """Stores the overview; called before `finish`."""
        self._posture = shape(record, self._writer.digits)

    def finish(
        self, capture: Capture, summary: Summary, not_evaluated: Sequence[NotEvaluated]
    ) -> None:
        """Writes the posture and the records that are only known at the end."""
        self._line("posture", self._posture)
        super().finish(capture, summary, not_evaluated)
