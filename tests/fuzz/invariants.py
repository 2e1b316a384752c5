"""Checks the invariants of a fuzz case; raises `BrokenError` with the one that is violated.

Cheap invariants are checked on every case, slow ones (schema, tables, short reads, audits) on every
n-th case.
"""

from __future__ import annotations

import functools
import io
import json
import os
import resource
import unicodedata
from collections.abc import Iterable
from typing import Any

import dissector
from dissector.mqtt import encode, packets
from dissector.mqtt.decode import decode_packet
from dissector.net.inflate import PACKET_RATIO, PACKETS, PIECE
from dissector.report.concise import Concise
from dissector.report.json_document import JsonDocument, document
from dissector.report.json_lines import JsonLines
from dissector.report.reporter import write_report
from dissector.report.style import Style
from dissector.report.text_report import TextReport
from dissector.rules.finding_collector import FINDINGS_LIMIT
from dissector.text import encode as encode_text
from tests.fuzz import answer
from tests.fuzz.control_packet import SECRET
from tests.fuzz.targets import FuzzCase

MEMORY_LIMIT = 300 << 20


MARK = SECRET[:6]  # a part of the password that must not be shown either
SCHEMA_EVERY, TEXT_EVERY, SHORT_READS_EVERY, LAYERS_EVERY, AUDIT_EVERY = 41, 7, 11, 31, 3
# Blocks that are numbered like frames, as Wireshark does: journal entries and custom blocks
_NUMBERED = [
    kind.to_bytes(4, order) for kind in (9, 0xBAD, 0x40000BAD) for order in ("big", "little")
]


class BrokenError(Exception):
    """An invariant is violated; the message begins with its name and a colon."""


class ShortReads:
    """A file whose reads return few bytes, like a pipe."""

    def __init__(self, data: bytes, most: int) -> None:
        self._file = io.BytesIO(data)
        self._most = most

    def read(self, size: int) -> bytes:
        """Returns at most `most` bytes."""
        return self._file.read(min(size, self._most))


def _in_suite() -> bool:
    """Whether pytest runs the case; peak memory is then that of all tests."""
    return "PYTEST_CURRENT_TEST" in os.environ


def check_case(case: FuzzCase, index: int) -> tuple[bytes, frozenset[str]]:
    """Checks one case; returns its answer and the kinds of results in it."""
    if case.kind == answer.PACKET:
        answered, shown = _check_packet(case.data, index), frozenset[str]()
    else:
        answered, shown = _check_capture(case, index)
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10
    if used > MEMORY_LIMIT and not _in_suite():
        raise BrokenError(f"memory: {used >> 20} MiB")
    return answered, shown


def _check_packet(data: bytes, index: int) -> bytes:
    for version in (None, *dissector.Version):
        for side in (None, *dissector.Side):
            packet = decode_packet(data, version, side)
            hidden = packet.masked()
            _require(len(hidden) == len(packet.raw), "masked: another length")
            _require(len(packet.raw) <= len(data), "raw: longer than what was given")
            for offset, length in packet.secrets:
                _require(0 <= offset <= offset + length <= len(packet.raw), "secrets: outside")
            for defect in packet.defects:
                end = defect.offset + defect.length
                where = f"defect: {defect} outside of {len(data)} bytes"
                _require(0 <= defect.offset <= end <= max(len(data), 1), where)
            if isinstance(packet, packets.Connect) and packet.password:
                shown = _without(hidden, packet)
                _require(
                    len(packet.password) < 6 or packet.password not in shown, "masked: password"
                )
            _encoded_again(packet)
    if index % LAYERS_EVERY == 0:
        _layers(data)
    return answer.of_packet(data)


def _without(hidden: bytes, packet: packets.Connect) -> bytes:
    """Removes the fields that may contain the bytes of the password by chance."""
    named = (packet.protocol_name, packet.client_id, packet.username, packet.last_will_topic)
    for field in named:
        if field:
            hidden = hidden.replace(encode_text(field), b"")
    if packet.last_will_message:
        hidden = hidden.replace(packet.last_will_message, b"")
    for item in (*packet.properties, *packet.last_will_properties):
        if isinstance(item.value, bytes) and item.value:
            hidden = hidden.replace(item.value, b"")
        for part in item.value if isinstance(item.value, tuple) else (item.value,):
            if isinstance(part, str) and part:
                hidden = hidden.replace(encode_text(part), b"")
    return hidden


def _encoded_again(packet: packets.Packet) -> None:
    """Requires that encoding the fields of a packet without defects gives its bytes."""
    if packet.defects or not packet.raw or packet.size != len(packet.raw):
        return
    if isinstance(packet, packets.Connect):
        # 3.1 allows fields to be missing although flags announce them
        if packet.bridge or packet.version is dissector.Version.V3_1:
            return
        again = encode.connect(packet)
    elif isinstance(packet, packets.Connack):
        again = encode.connack(packet)
    else:
        return
    _require(again == packet.raw, f"encode: {again.hex()} is not {packet.raw.hex()}")


def _layers(data: bytes) -> None:
    try:
        from dissector.layers import MQTT
    except ImportError:
        return
    for version in (None, *dissector.Version):
        layer = MQTT(data, version=version) if data else None
        if layer is not None:
            layer.clear_cache()
            _require(bytes(layer) == data, f"layers: {bytes(layer).hex()} is not {data.hex()}")


def _check_capture(case: FuzzCase, index: int) -> tuple[bytes, frozenset[str]]:
    try:
        report = dissector.analyze(io.BytesIO(case.data))
    except dissector.DissectorError as error:
        _require(not case.whole, f"refused: {error}")
        _require(_shown_safely(str(error)) and "\n" not in str(error), f"error text: {error!r}")
        return answer.of_error(error), frozenset({"refused"})
    compressed = case.data[:2] == b"\x1f\x8b"
    _check_references(report, 1 << 30 if compressed else sum(map(case.data.count, _NUMBERED)))
    _check_summary(report)
    if not compressed:
        _check_bounds(report, len(case.data))
    whole = document(report, key=answer.KEY)
    try:
        answered = answer.of_report(report)
    except (UnicodeError, ValueError, TypeError) as error:
        raise BrokenError(f"json: {error}") from error
    _check_secrets(
        report, [json.dumps(whole, ensure_ascii=False).encode("utf-8", "surrogateescape")]
    )
    if index % SCHEMA_EVERY == 0:
        _check_schema(whole)
    if index % TEXT_EVERY == 0:
        _check_formats(report, whole)
    if index % AUDIT_EVERY == 0:
        _check_audit(case.data)
    if index % SHORT_READS_EVERY == 0:
        for most in (1 if len(case.data) < 3000 else 61, 257):
            try:
                again = dissector.analyze(ShortReads(case.data, most))  # type: ignore[arg-type]
            except dissector.CaptureError as error:
                # variants of pcap are detected by the first records; a short read has fewer
                _require("record headers" in str(error), f"short reads: {error}")
                continue
            if any(warning.kind == "overlap-different-bytes" for warning in report.warnings):
                continue  # bytes of discarded windows are not compared (net/delivered_ring.py)
            same = _comparable(again) == _comparable(report)
            _require(same, f"short reads: {most} bytes at a time give another report")
    shown = {f"{finding.rule} {finding.side.value}" for finding in report.findings}
    shown |= {warning.kind for warning in report.warnings}
    shown |= {f"{item.rule} {item.reason}" for item in report.not_evaluated}
    shown |= {handshake.outcome.value for handshake in report.handshakes}
    return answered, frozenset(shown)


def _check_audit(data: bytes) -> None:
    """Checks the same invariants for the audit rules, which also decode certificates."""
    report = dissector.analyze(io.BytesIO(data), select=("SEC", "TLS"))
    _check_references(report, 1 << 30)
    _check_summary(report)
    _check_secrets(report, [json.dumps(document(report, key=answer.KEY)).encode()])
    table = io.BytesIO()
    write_report(report, TextReport(table, Style(), everything=True))
    _require(_shown_safely(table.getvalue().decode()), "control bytes: in the table of an audit")


def _comparable(report: dissector.Report) -> bytes:
    """Formats a report as JSON, without the frames and the order of the reader's own warnings.

    They refer to the last frame passed on before, which depends on the size of the windows.
    """
    own = ("no-time", "time-out-of-range", "damaged", "cut-record", "clock-going-back")
    whole = document(report, key=answer.KEY)
    whole["captureWarnings"] = sorted(
        json.dumps(warning if warning["kind"] not in own else {"kind": warning["kind"]})
        for warning in whole["captureWarnings"]
    )
    return json.dumps(whole).encode()


def _check_references(report: dissector.Report, more: int) -> None:
    """Requires that referenced frames and streams exist; `more` frames have only a number."""
    capture = report.capture
    counts = {file.path: file.frames + more for file in capture.files}

    def frame(what: str, file: str, number: int) -> None:
        _require(
            1 <= number <= counts.get(file, 0), f"frame: {what} names {file}:{number} of {counts}"
        )

    ids = {handshake.id for handshake in report.handshakes}
    _require(len(ids) == len(report.handshakes), "handshake: ids are not unique")
    for finding in report.findings:
        frame(finding.rule, finding.file, finding.frame)
        _require(bool(finding.frames), f"frames: {finding.rule} names none")
        for place in finding.frames:
            frame(finding.rule, place.file, place.number)
        _require(0 <= finding.stream < capture.streams, f"stream: {finding.rule} {finding.stream}")
        _require(
            finding.handshake is None or finding.handshake in ids,
            f"handshake: {finding.rule} names {finding.handshake} of {sorted(ids)[:9]}",
        )
        if finding.span is not None and finding.packet is not None:
            offset, length = finding.span
            inside = 0 <= offset <= offset + length <= len(finding.packet)
            _require(inside, f"span: {finding.rule} {finding.span} in {len(finding.packet)} bytes")
    for handshake in report.handshakes:
        _require(0 <= handshake.stream < capture.streams, f"stream: handshake {handshake.stream}")
        for packet in (handshake.connect, handshake.connack):
            if packet is not None and packet.frame is not None:
                frame("handshake", packet.frame.file, packet.frame.number)
        if handshake.close is not None:
            frame("close", handshake.close.frame.file, handshake.close.frame.number)
    for warning in report.warnings:
        if warning.frame is not None and warning.file is not None:
            frame(f"warning {warning.kind}", warning.file, warning.frame)
        _require(
            warning.stream is None or 0 <= warning.stream < capture.streams, f"stream: {warning}"
        )


def _check_summary(report: dissector.Report) -> None:
    """Requires that the summary has the counts of the records."""
    summary = report.summary
    _require(summary.handshakes == len(report.handshakes), "summary: handshakes")
    severities = [finding.severity.value for finding in report.findings]
    for name in ("error", "warning", "info"):
        _require(getattr(summary, name) == severities.count(name), f"summary: {name}")
    outcomes = [handshake.outcome.value for handshake in report.handshakes]
    for outcome in dissector.Outcome:
        same = getattr(summary, outcome.value) == outcomes.count(outcome.value)
        _require(same, f"summary: {outcome.value}")


def _check_bounds(report: dissector.Report, size: int) -> None:
    """Requires that packets, findings and warnings are bounded by the size of the capture."""
    directions = 2 * report.capture.streams
    most = size * PACKET_RATIO + directions * (PACKETS + PIECE // 2)
    count = sum(report.capture.control_packets.values())
    _require(count <= most, f"bounds: {count} control packets of {size} bytes")
    most = report.capture.streams * (FINDINGS_LIMIT + 1000)
    _require(len(report.findings) <= most, f"bounds: {len(report.findings)} findings")
    _require(len(report.warnings) <= size // 16, f"bounds: {len(report.warnings)} warnings")


def _plain_values(value: Any) -> Iterable[bytes]:
    if isinstance(value, str):
        yield encode_text(value)
    elif isinstance(value, bytes):
        yield value
    elif isinstance(value, tuple | list):
        for item in value:
            yield from _plain_values(item)


def _read_elsewhere(report: dissector.Report) -> bool:
    """Whether a mutation made (a part of) the password a field that is not secret."""
    for handshake in report.handshakes:
        fields: list[Any] = []
        if (connect := handshake.connect) is not None:
            fields += [connect.client_id, connect.username, connect.protocol_name]
            fields += [connect.last_will_topic, connect.last_will_message]
            items = (*connect.properties, *connect.last_will_properties)
            fields += [item.value for item in items if item.id != 0x16]
        if (connack := handshake.connack) is not None:
            fields += [item.value for item in connack.properties if item.id != 0x16]
        encapsulation = handshake.encapsulation
        if encapsulation is not None and (head := encapsulation.request) is not None:
            fields += [head.path, head.host, head.origin, head.user_agent, head.forwarded_for]
            fields += [head.forwarded, head.subprotocols]
        if encapsulation is not None and (taken := encapsulation.answer) is not None:
            fields.append(taken.subprotocol)
        if any(MARK in value for value in _plain_values(fields)):
            return True
    for finding in report.findings:
        if finding.client_id and MARK in encode_text(finding.client_id):
            return True
        # a packet outside of the handshake, like a second CONNECT or CONNACK
        packet = decode_packet(finding.packet) if finding.packet else None
        fields = [item.value for item in getattr(packet, "properties", ()) if item.id != 0x16]
        if isinstance(packet, packets.Connect):
            fields += [packet.protocol_name, packet.client_id, packet.username]
            fields += [packet.last_will_topic, packet.last_will_message]
        if any(MARK in value for value in _plain_values(fields)):
            return True
    return False


def _check_secrets(report: dissector.Report, outputs: list[bytes]) -> None:
    """Requires that no output shows the password, as text or in hex."""
    shown = [output for output in outputs if MARK in output or MARK.hex().encode() in output]
    leaked = [
        finding.rule for finding in report.findings if finding.packet and MARK in finding.packet
    ]
    if (shown or leaked) and not _read_elsewhere(report):
        raise BrokenError(f"secret: in {'a report' if shown else f'the bytes of {leaked}'}")


@functools.cache
def _validator() -> Any:
    from importlib.resources import files

    import jsonschema

    place = files("dissector") / "report" / "schema_v1.json"
    if not place.is_file():
        return None
    return jsonschema.Draft202012Validator(json.loads(place.read_text()))


def _check_schema(whole: dict[str, Any]) -> None:
    validator = _validator()
    if validator is None:
        return
    for error in validator.iter_errors(json.loads(json.dumps(whole))):
        raise BrokenError(f"schema: {error.json_path}: {error.message[:200]}")


def _check_formats(report: dissector.Report, whole: dict[str, Any]) -> None:
    """Requires that no format has control bytes or secrets, and that JSON formats agree."""
    written, lines, notes = io.BytesIO(), io.BytesIO(), io.BytesIO()
    write_report(report, JsonDocument(written, key=answer.KEY))
    _require(
        json.loads(written.getvalue()) == json.loads(json.dumps(whole)), "json: documents differ"
    )
    write_report(report, JsonLines(lines, key=answer.KEY))
    for line in lines.getvalue().splitlines():
        json.loads(line)
    outputs = [written.getvalue(), lines.getvalue()]
    for everything in (False, True):
        table, concise = io.BytesIO(), io.BytesIO()
        write_report(report, TextReport(table, Style(), everything=everything))
        write_report(report, Concise(concise, notes, Style()))
        for name, output in (("table", table), ("concise", concise), ("notes", notes)):
            text = output.getvalue().decode("utf-8")
            _require(_shown_safely(text), f"control bytes: in {name}")
            outputs.append(output.getvalue())
    _check_secrets(report, outputs)


def _shown_safely(text: str) -> bool:
    """Whether a text has no control characters or other invisible characters."""
    if text.isascii():
        return all(char.isprintable() or char == "\n" for char in text)
    return all(
        unicodedata.category(char) not in ("Cc", "Cf", "Cs", "Zl", "Zp") or char == "\n"
        for char in text
    )


def _require(condition: bool, what: str) -> None:
    if not condition:
        raise BrokenError(what)
