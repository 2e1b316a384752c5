"""A finding in, its JSON text out: what `json_v1` and msgspec write, byte for byte, but quickly.

An audit has a finding about nearly every device, and nearly all of them hold nothing that JSON has
to escape. Whatever is out of the ordinary is left to the general way: `text` gives None.
"""

from __future__ import annotations

from typing import Any

from dissector.model import Endpoint, Finding, FrameRef
from dissector.report.clock import rfc3339
from dissector.report.json_v1 import Writer
from dissector.report.pen import Pen

_LARGEST = 10**18  # numbers from here on, and below zero, go the general way


class FindingText:
    """Writes findings for one report with `pen`."""

    def __init__(self, writer: Writer, pen: Pen) -> None:
        self._writer = writer
        self._pen = pen

    def text(self, record: Finding, start: str) -> bytes | None:
        """Give a finding's object; `start` stands before its members. None: not by this way."""
        self._write(record, start)
        return self._pen.done()

    def line(self, record: Finding, start: str) -> bool:
        """Keep a finding's object as a line of the pen; False: not by this way."""
        self._write(record, start)
        return self._pen.keep()

    def _write(self, record: Finding, start: str) -> None:
        pen, version = self._pen, record.version
        pen.begin()
        pen.put(start)
        pen.put('"rule":')
        pen.quoted(record.rule)
        pen.put(',"name":')
        pen.quoted(record.name)
        pen.put(',"severity":')
        pen.quoted(record.severity._value_)
        pen.put(',"obligation":')
        pen.quoted(record.obligation._value_)
        pen.put(',"confidence":')
        pen.quoted(record.confidence._value_)
        pen.put(',"statements":')
        self._value(record.statements)
        pen.put(',"section":')
        pen.quoted(record.section)
        pen.put(',"version":')
        pen.quoted(None if version is None else version._value_)
        pen.put(',"side":')
        pen.quoted(record.side._value_)
        pen.put(',"handshake":')
        self._value(record.handshake)
        pen.put(',"stream":')
        self._value(record.stream)
        pen.put(',"clientId":')
        pen.quoted(record.client_id)
        pen.put(',"file":')
        pen.quoted(record.file)
        pen.put(',"frame":')
        self._value(record.frame)
        pen.put(',"frames":[')
        self._frames(record.frames)
        pen.put('],"time":')
        pen.quoted(rfc3339(record.time_ns, self._writer.digits))
        pen.put(',"message":')
        pen.quoted(record.message)
        pen.put(',"evidence":{')
        self._evidence(record.evidence)
        pen.put('},"wireshark":"')
        self._filter(record.frames, record.file, record.frame)
        pen.put('","client":')
        self._end(record.client)
        pen.put(',"server":')
        self._end(record.server)
        pen.put("}")

    def _frames(self, frames: tuple[FrameRef, ...]) -> None:
        pen = self._pen
        between = '{"file":'
        for frame in frames:
            pen.put(between)
            pen.quoted(frame.file)
            pen.put(',"frame":')
            pen.number(frame.number)
            pen.put("}")
            between = ',{"file":'

    def _filter(self, frames: tuple[FrameRef, ...], file: str, at: int) -> None:
        """Write what `wireshark.display_filter` gives."""
        pen = self._pen
        numbers: dict[int, None] = {}
        for frame in frames:
            if frame.file == file:
                numbers[frame.number] = None
        between = "frame.number=="
        for number in numbers or (at,):
            pen.put(between)
            pen.number(number)
            between = "||frame.number=="

    def _evidence(self, evidence: dict[str, Any]) -> None:
        pen = self._pen
        between = ""
        for key, value in evidence.items():
            pen.put(between)
            pen.quoted(key)
            pen.put(":")
            self._value(value)
            between = ","

    def _value(self, value: Any) -> None:
        """Write a value of a kind that rules nearly always give."""
        pen = self._pen
        kind = type(value)
        if value is None:
            pen.put("null")
        elif kind is str:
            pen.quoted(value)
        elif kind is bool:
            pen.put("true" if value else "false")
        elif kind is int and 0 <= value < _LARGEST:
            pen.number(value)
        elif kind is list or kind is tuple:
            between = "["
            for item in value:
                pen.put(between)
                self._value(item)
                between = ","
            pen.put("]" if value else "[]")
        else:
            pen.spoilt = True

    def _end(self, end: Endpoint | None) -> None:
        pen = self._pen
        if end is None:
            pen.put("null")
            return
        pen.put('{"ip":')
        pen.quoted(end.ip)
        pen.put(',"port":')
        pen.number(end.port)
        pen.put(',"mac":')
        pen.quoted(end.mac)
        pen.put("}")
