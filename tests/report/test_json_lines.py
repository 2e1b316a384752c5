"""JSON lines: one record a line, the same records as the document."""

from __future__ import annotations

import io
import json

from dissector.report.json_document import document
from dissector.report.json_lines import JsonLines
from tests.report.builders import connect, handshake, report, written
from tests.report.schema import check_line

KINDS = {
    "handshakes": "handshake",
    "findings": "finding",
    "captureWarnings": "captureWarning",
    "notEvaluated": "notEvaluated",
}


def test_lines_are_the_records_of_the_document() -> None:
    """Every line fits the schema, and together they contain the records of the document."""
    made = report()
    whole = document(made, key=b"k")
    lines = [json.loads(line) for line in written(made, JsonLines, key=b"k").splitlines()]
    for line in lines:
        check_line(line)
    for member, kind in KINDS.items():
        found = [
            {key: value for key, value in line.items() if key != "type"}
            for line in lines
            if line["type"] == kind
        ]
        assert found == whole[member]
    last = lines[-1]
    assert last["type"] == "summary"
    assert last["capture"] == whole["capture"]
    assert last["tool"] == whole["tool"]
    assert whole["summary"].items() <= last.items()


def test_lines_are_written_before_the_end() -> None:
    """Records are written as they arrive; only a few are buffered."""
    stream = io.BytesIO()
    sink = JsonLines(stream)
    for number in range(1000):
        sink.handshake(handshake(number))
    assert stream.getvalue().count(b"\n") > 900


def test_an_eager_sink_buffers_nothing() -> None:
    """With `eager` every line is written at once."""
    stream = io.BytesIO()
    sink = JsonLines(stream, eager=True)
    sink.handshake(handshake())
    assert json.loads(stream.getvalue())["type"] == "handshake"


def test_lines_of_any_length_keep_their_order() -> None:
    """Short lines, lines with escapes and lines longer than the buffer are written in order."""
    stream = io.BytesIO()
    sink = JsonLines(stream)
    sizes = [1, 30_000, 32_767, 1, 70_000, 33_000, 33_000, 1, 65_535, 2] * 3
    for number, size in enumerate(sizes):
        letter = "\\" if number % 7 == 3 else "a"
        sink.handshake(handshake(number, connect=connect(client_id=letter * size)))
    written_at_the_end = report()
    sink.finish(written_at_the_end.capture, written_at_the_end.summary, ())
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [line["type"] for line in lines] == ["handshake"] * len(sizes) + ["summary"]
    assert [len(line["connect"]["clientId"]) for line in lines[:-1]] == sizes
    assert [line["id"] for line in lines[:-1]] == list(range(len(sizes)))
