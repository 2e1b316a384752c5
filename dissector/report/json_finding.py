"""Formats a finding as JSON on a fast path, byte for byte as `json_v1` and msgspec would.

An audit has a finding about nearly every device, and nearly all of them hold nothing that JSON has
to escape. Anything else takes the general path: `text` returns None.
"""

from __future__ import annotations

from typing import Any

from dissector.model import Endpoint, Finding, FrameRef
from dissector.report.clock import rfc3339
from dissector.report.json_buffer import JsonBuffer
from dissector.report.json_v1 import Writer

_LARGEST = 10**18  # larger and negative numbers take the general path


class FindingText:
    """Formats the findings of one report in `buffer`."""

    def __init__(self, writer: Writer, buffer: JsonBuffer) -> None:
        self._writer = writer
        self._buffer = buffer

    def text(self, record: Finding, start: str) -> bytes | None:
        """Returns a finding's object, `start` before its members; None if not on the fast path."""
        self._write(record, start)
        return self._buffer.done()

    def line(self, record: Finding, start: str) -> bool:
        """Keeps a finding's object as a line of the buffer; False if not on the fast path."""
        self._write(record, start)
        return self._buffer.keep()

    def _write(self, record: Finding, start: str) -> None:
        buffer, version = self._buffer, record.version
        buffer.begin()
        buffer.put(start)
        buffer.put('"rule":')
        buffer.quoted(record.rule)
        buffer.put(',"name":')
        buffer.quoted(record.name)
        buffer.put(',"severity":')
        buffer.quoted(record.severity._value_)
        buffer.put(',"obligation":')
        buffer.quoted(record.obligation._value_)
        buffer.put(',"confidence":')
        buffer.quoted(record.confidence._value_)
        buffer.put(',"statements":')
        self._value(record.statements)
        buffer.put(',"section":')
        buffer.quoted(record.section)
        buffer.put(',"version":')
        buffer.quoted(None if version is None else version._value_)
        buffer.put(',"side":')
        buffer.quoted(record.side._value_)
        buffer.put(',"handshake":')
        self._value(record.handshake)
        if self._writer.several:
            buffer.put(',"capture":')
            self._value(record.capture)
        buffer.put(',"stream":')
        self._value(record.stream)
        buffer.put(',"clientId":')
        buffer.quoted(record.client_id)
        buffer.put(',"file":')
        buffer.quoted(record.file)
        buffer.put(',"frame":')
        self._value(record.frame)
        buffer.put(',"frames":[')
        self._frames(record.frames)
        buffer.put('],"time":')
        buffer.quoted(rfc3339(record.time_ns, self._writer.digits))
        buffer.put(',"message":')
        buffer.quoted(record.message)
        buffer.put(',"evidence":{')
        self._evidence(record.evidence)
        buffer.put('},"wireshark":"')
        self._filter(record.frames, record.file, record.frame)
        buffer.put('","client":')
        self._end(record.client)
        buffer.put(',"server":')
        self._end(record.server)
        buffer.put("}")

    def _frames(self, frames: tuple[FrameRef, ...]) -> None:
        buffer = self._buffer
        between = '{"file":'
        for frame in frames:
            buffer.put(between)
            buffer.quoted(frame.file)
            buffer.put(',"frame":')
            buffer.number(frame.number)
            buffer.put("}")
            between = ',{"file":'

    def _filter(self, frames: tuple[FrameRef, ...], file: str, at: int) -> None:
        """Writes the same as `wireshark.display_filter`."""
        buffer = self._buffer
        numbers: dict[int, None] = {}
        for frame in frames:
            if frame.file == file:
                numbers[frame.number] = None
        between = "frame.number=="
        for number in numbers or (at,):
            buffer.put(between)
            buffer.number(number)
            between = "||frame.number=="

    def _evidence(self, evidence: dict[str, Any]) -> None:
        buffer = self._buffer
        between = ""
        for key, value in evidence.items():
            buffer.put(between)
            buffer.quoted(key)
            buffer.put(":")
            self._value(value)
            between = ","

    def _value(self, value: Any) -> None:
        """Writes a value of the types that nearly all rules use."""
        buffer = self._buffer
        kind = type(value)
        if value is None:
            buffer.put("null")
        elif kind is str:
            buffer.quoted(value)
        elif kind is bool:
            buffer.put("true" if value else "false")
        elif kind is int and 0 <= value < _LARGEST:
            buffer.number(value)
        elif kind is list or kind is tuple:
            between = "["
            for item in value:
                buffer.put(between)
                self._value(item)
                between = ","
            buffer.put("]" if value else "[]")
        else:
            buffer.unusable = True

    def _end(self, end: Endpoint | None) -> None:
        buffer = self._buffer
        if end is None:
            buffer.put("null")
            return
        buffer.put('{"ip":')
        buffer.quoted(end.ip)
        buffer.put(',"port":')
        buffer.number(end.port)
        buffer.put(',"mac":')
        buffer.quoted(end.mac)
        buffer.put("}")
