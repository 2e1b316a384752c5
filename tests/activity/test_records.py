"""An audit of records alone equals that of the connections that they were made of."""

from __future__ import annotations

import enum
import io
from typing import Any

import msgspec
import pytest

from dissector import analysis
from dissector.activity.tracker import ActivityTracker
from dissector.audit.records import Device, Overview, Server
from dissector.audit.run import Collector, inventoried
from dissector.audit.tally import Tallies
from dissector.capture.rings import groups
from dissector.connections.connection import CloseEvent, Connection
from dissector.connections.record import ConnectionRecord
from dissector.connections.tls_handshake import TlsHandshake
from dissector.model import Capture, Endpoint, Finding, FrameRef, NotEvaluated
from dissector.mqtt.properties import Property
from dissector.options import Options
from dissector.rules import audit_collector
from dissector.rules.audit_collector import AuditCollector
from dissector.rules.examples import (
    ACCEPTED_311,
    GRACEFUL_CLOSE,
    REFUSED_311,
    SERVER_CLOSES,
    connect,
)
from dissector.rules.registry import AUDIT_GROUPS
from samples.build import conversation, pcap
from tests.conftest import ROOT

CAPTURES = sorted((ROOT / "samples").rglob("*.pcap*"))
OPTIONS = Options(audit=True)
PLAIN = (int, float, str, bytes, enum.Enum, type(None), FrameRef, Endpoint)


class Recording(AuditCollector):
    """Audits connections, and keeps the events: records of connections, and other findings."""

    events: list[tuple[str, Any]] = []

    def begin_capture(self, number: int, streams: frozenset[int] | None, *, overlaps: bool) -> None:
        self.events.append(("capture", (number, overlaps)))
        super().begin_capture(number, streams, overlaps=overlaps)

    def record_answered(self, record: ConnectionRecord) -> None:
        self.events.append(("record_answered", record))
        super().record_answered(record)

    def closing(self, connection: Connection) -> None:
        self.events.append(("closing", connection.stream))
        super().closing(connection)

    def record_ended(self, record: ConnectionRecord) -> None:
        self.events.append(("record_ended", record))
        super().record_ended(record)

    def encrypted(self, record: TlsHandshake) -> None:
        self.events.append(("encrypted", record))
        super().encrypted(record)

    def found(self, finding: Finding) -> None:
        if not finding.rule.startswith(AUDIT_GROUPS):
            self.events.append(("finding", finding))
        super().found(finding)


class Found(Collector):
    """Collects findings, devices and servers. `capture` is set in replayed findings."""

    def __init__(self) -> None:
        super().__init__()
        self.tallies = Tallies()
        self.activity = ActivityTracker(b"key")
        self.findings: list[Finding] = []
        self.devices: list[Device] = []
        self.servers: list[Server] = []
        self.capture: int | None = None

    def finding(self, record: Finding) -> None:
        if self.capture is not None:
            record.capture = self.capture
        self.findings.append(record)
        self.tallies.finding(record)

    def device(self, record: Device) -> None:
        self.devices.append(record)

    def server(self, record: Server) -> None:
        self.servers.append(record)

    def inventory(self) -> Overview:
        """Builds the inventory."""
        return inventoried(self.activity, self.tallies, OPTIONS, Capture(), self)


def recorded(
    monkeypatch: pytest.MonkeyPatch, captures: list[Any]
) -> tuple[Found, list[tuple[str, Any]], list[NotEvaluated]]:
    """Audits captures; returns what was found, and the events."""
    monkeypatch.setattr(audit_collector, "AuditCollector", Recording)
    monkeypatch.setattr(Recording, "events", [])
    found = Found()
    result = analysis.run(
        groups(captures, separate=True), OPTIONS, found, None, found.activity, found.tallies.ended
    )
    return found, Recording.events, result.not_evaluated


def replayed(events: list[tuple[str, Any]]) -> tuple[Found, list[NotEvaluated]]:
    """Audits the records of events, without their connections."""
    found = Found()
    collector = analysis.make_collector(OPTIONS, found, found.activity, found.tallies.ended)
    assert isinstance(collector, AuditCollector)
    for kind, value in events:
        if kind == "capture":
            found.capture = value[0]
            collector.begin_capture(value[0], None, overlaps=value[1])
        elif kind == "closing":
            found.activity.closing(value)
        elif kind == "finding":
            found.finding(value)
        else:
            assert kind in ("record_answered", "record_ended", "encrypted")
            getattr(collector, kind)(value)
    return found, collector.not_evaluated()


def test_records_fed_from_elsewhere_give_the_same_audit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Records in order of time give the same findings and inventory without their connections."""
    first, events, skipped = recorded(monkeypatch, CAPTURES)
    monkeypatch.undo()
    overview = first.inventory()
    second, second_skipped = replayed(events)
    assert len(first.findings) > 200
    assert [item.evidence for item in second.findings] == [item.evidence for item in first.findings]
    assert second.findings == first.findings
    assert [item for item in skipped if item.rule.startswith(AUDIT_GROUPS)] == second_skipped
    assert second.inventory() == overview
    assert second.devices == first.devices
    assert second.servers == first.servers


def values(record: ConnectionRecord) -> list[object]:
    """Returns all values in a record, also those in tuples and structs."""
    found: list[object] = []
    left: list[object] = [getattr(record, name) for name in ConnectionRecord.__slots__]
    while left:
        value = left.pop()
        if isinstance(value, tuple):
            left += value
        elif isinstance(value, msgspec.Struct):
            left += msgspec.structs.astuple(value)
        elif isinstance(value, Property):
            left += (value.id, value.name, value.value)
        elif isinstance(value, CloseEvent):
            left += (value.side, value.how, value.frame)
        else:
            found.append(value)
    return found


def test_records_hold_plain_values_without_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    """A record refers to no live object, and holds no password and no authentication data."""
    secret, data = "Zq7-unlikely-Pw", "zq8-unlikely-data"
    steps = (
        connect("lamp", "anna", secret), ACCEPTED_311, *GRACEFUL_CLOSE, "NEW",
        connect("lamp", "anna", secret + "?"), REFUSED_311, *SERVER_CLOSES, "NEW",
        "C 10 28 00 04 4d 51 54 54 05 02 00 3c 1a 15 00 04 53 43 52 41 "
        f"16 00 11 {data.encode().hex()} 00 01 61",
        "S 20 03 00 00 00", *GRACEFUL_CLOSE,
    )  # fmt: skip
    _, events, _ = recorded(monkeypatch, [io.BytesIO(pcap(conversation(steps)))])
    records = [value for kind, value in events if kind in ("record_answered", "record_ended")]
    assert len(records) == 6
    assert records[4].method == "SCRA"
    for record in records:
        for value in values(record):
            assert isinstance(value, PLAIN), type(value)
            assert secret not in str(value)
            assert data not in str(value)
    _, events, _ = recorded(monkeypatch, CAPTURES)
    for kind, record in events:
        if kind in ("record_answered", "record_ended"):
            assert all(isinstance(value, PLAIN) for value in values(record))
