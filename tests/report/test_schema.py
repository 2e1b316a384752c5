"""Reports and audits of every capture of the project, checked against the schema."""

from __future__ import annotations

import io
import json
from pathlib import Path

import msgspec
import pytest

from dissector.analysis import run
from dissector.audit.records import (
    CertificateRecord,
    Device,
    Evidence,
    Guess,
    Overview,
    Point,
    Posture,
    Problem,
    Server,
    Session,
    Will,
)
from dissector.audit.run import run as run_audit
from dissector.capture.rings import groups
from dissector.options import Options
from dissector.report.json_audit import AuditDocument, AuditLines
from dissector.report.json_document import JsonDocument
from dissector.report.json_lines import JsonLines
from samples.build import conversation, pcap
from tests.conftest import ROOT
from tests.report.schema import (
    PLACE,
    check_audit_document,
    check_audit_line,
    check_document,
    check_line,
)

SAMPLES = sorted((ROOT / "samples").rglob("*.pcap*"))


def check(path: Path) -> None:
    """Checks both formats of one capture against the schema."""
    stream = io.BytesIO()
    document = JsonDocument(stream)
    outcome = run(groups([str(path)]), Options(), document)
    document.finish(outcome.capture, outcome.summary, outcome.not_evaluated)
    check_document(json.loads(stream.getvalue()))
    stream = io.BytesIO()
    lines = JsonLines(stream, show_secrets=True)
    outcome = run(groups([str(path)]), Options(), lines)
    lines.finish(outcome.capture, outcome.summary, outcome.not_evaluated)
    for line in stream.getvalue().splitlines():
        check_line(json.loads(line))


def check_audit(path: Path) -> None:
    """Checks both formats of an audit of one capture against the schema."""
    written: list[bytes] = []
    for make, show in ((AuditDocument, False), (AuditLines, True)):
        stream = io.BytesIO()
        reporter = make(stream, show_secrets=show)
        found = run_audit(groups([str(path)]), Options(), reporter)
        reporter.overview(found.overview)
        outcome = found.outcome
        reporter.finish(outcome.capture, outcome.summary, outcome.not_evaluated)
        written.append(stream.getvalue())
    document = json.loads(written[0])
    check_audit_document(document)
    lines = [json.loads(line) for line in written[1].splitlines()]
    for line in lines:
        check_audit_line(line)
    for kind in ("device", "server"):
        assert len(document[f"{kind}s"]) == sum(line["type"] == kind for line in lines)


@pytest.mark.parametrize(
    ("record", "name"),
    [
        (CertificateRecord, "serverCertificate"), (Device, "device"), (Evidence, "evidence"),
        (Guess, "guess"), (Overview, "posture"), (Point, "point"), (Posture, "partyPosture"),
        (Problem, "problem"), (Server, "server"), (Session, "session"), (Will, "will"),
    ],
)  # fmt: skip
def test_schema_has_the_members_of_the_records(record: type[msgspec.Struct], name: str) -> None:
    """The fields of the audit's records are those of the schema."""
    members = json.loads(PLACE.read_text(encoding="utf-8"))["$defs"][name]
    fields = [field.removesuffix("Ns") for field in record.__struct_encode_fields__]
    assert members["required"] == fields
    assert [key for key in members["properties"] if not key.endswith("Hex")] == fields


def test_no_key_is_repeated_in_the_schema() -> None:
    """Of two definitions with the same name only the second would be used."""

    def once(pairs: list[tuple[str, object]]) -> dict[str, object]:
        names = [name for name, _ in pairs]
        assert sorted(set(names)) == sorted(names)
        return dict(pairs)

    json.loads(PLACE.read_text(encoding="utf-8"), object_pairs_hook=once)


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.name)
def test_reports_of_samples_fit_the_schema(path: Path) -> None:
    """The report of every sample fits the schema."""
    check(path)


def test_reports_of_outside_captures_fit_the_schema(shared_captures: list[Path]) -> None:
    """The same for captures of other projects."""
    for path in shared_captures:
        check(path)


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.name)
def test_audits_of_samples_fit_the_schema(path: Path) -> None:
    """Devices, servers and posture fit the schema in both formats, with the same counts."""
    check_audit(path)


def test_audits_of_outside_captures_fit_the_schema(shared_captures: list[Path]) -> None:
    """The same for captures of other projects."""
    for path in shared_captures:
        check_audit(path)


def test_hostile_names_fit_the_schema(tmp_path: Path) -> None:
    """Client ids and topics that are not UTF-8 have their bytes in a sibling and fit the schema."""
    path = tmp_path / "hostile.pcap"
    connect = b"\0\4MQTT\4\x26\0\x3c" + b"".join(
        len(part).to_bytes(2, "big") + part for part in (b"\xff<b>\x1b[31m", b"t/\xfe", b"\0\1")
    )
    steps = ("C " + (bytes((0x10, len(connect))) + connect).hex(" "), "S 20 02 00 00", "C FIN")
    path.write_bytes(pcap(conversation(steps)))
    check_audit(path)
