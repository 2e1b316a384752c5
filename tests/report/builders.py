"""Builds records for the tests of reports, with default values."""

from __future__ import annotations

import io
from typing import Any

from dissector.analysis import Report
from dissector.connections.handshake import Close, Handshake
from dissector.model import (
    Capture,
    CaptureFile,
    CaptureWarning,
    Confidence,
    Endpoint,
    Finding,
    FrameRef,
    NotEvaluated,
    Obligation,
    Outcome,
    Severity,
    Side,
    Summary,
    Version,
)
from dissector.mqtt.packets import Connack, Connect
from dissector.report.reporter import Reporter, write_report

START_NS = 1_700_000_000_000_000_000


def frame(number: int, after_us: int = 0, file: str = "a.pcap") -> FrameRef:
    return FrameRef(file, number, START_NS + after_us * 1000)


def connect(**facts: Any) -> Connect:
    base: dict[str, Any] = {
        "type": 1,
        "flags": 0,
        "remaining_length": 13,
        "size": 15,
        "frame": frame(4),
        "protocol_name": "MQTT",
        "protocol_level": 4,
        "version": Version.V3_1_1,
        "client_id": "c1",
        "clean_session": True,
        "keep_alive": 60,
    }
    return Connect(**{**base, **facts})


def connack(**facts: Any) -> Connack:
    base: dict[str, Any] = {
        "type": 2,
        "flags": 0,
        "remaining_length": 2,
        "size": 4,
        "frame": frame(6, 1900),
        "version": Version.V3_1_1,
        "session_present": True,
        "return_code": 0,
    }
    return Connack(**{**base, **facts})


class NullSink:
    """A sink that ignores all records; tests override the methods they need."""

    def handshake(self, record: Any) -> None:
        pass

    def finding(self, record: Any) -> None:
        pass

    def warning(self, record: Any) -> None:
        pass

    def tls_handshake(self, record: Any) -> None:
        pass


def handshake(number: int = 0, **facts: Any) -> Handshake:
    base: dict[str, Any] = {
        "id": number,
        "stream": number,
        "transport": "tcp",
        "version": Version.V3_1_1,
        "bridge": False,
        "outcome": Outcome.ACCEPTED,
        "client": Endpoint("10.0.0.1", 40000 + number, "02:00:00:00:00:01"),
        "server": Endpoint("10.0.0.2", 1883, None),
        "connect": connect(),
        "connack": connack(),
        "latency": 0.0019,
        "close": Close(Side.CLIENT, "disconnect", frame(9, 3000)),
    }
    return Handshake(**{**base, **facts})


def finding(number: int | None = 0, **facts: Any) -> Finding:
    base: dict[str, Any] = {
        "rule": "SES01",
        "name": "session-present-after-clean-session",
        "severity": Severity.ERROR,
        "obligation": Obligation.MUST,
        "confidence": Confidence.PROVEN,
        "statements": ("MQTT-3.2.2-1",),
        "section": "3.2.2.2",
        "version": Version.V3_1_1,
        "side": Side.SERVER,
        "handshake": number,
        "stream": number or 0,
        "client_id": "c1",
        "file": "a.pcap",
        "frame": 6,
        "frames": (frame(4), frame(6, 1900)),
        "time_ns": frame(6, 1900).time_ns,
        "message": "sessionPresent=1 in reply to cleanSession=1",
        "evidence": {"cleanSession": True, "sessionPresent": True},
        "packet": bytes.fromhex("20020100"),
        "span": (2, 1),
        "client": Endpoint("10.0.0.1", 40000 + (number or 0), "02:00:00:00:00:01"),
        "server": Endpoint("10.0.0.2", 1883, None),
    }
    return Finding(**{**base, **facts})


def capture() -> Capture:
    return Capture(
        files=[CaptureFile("a.pcap", 12, 1341, ["EN10MB"])],
        frames=12,
        start_ns=START_NS,
        end_ns=START_NS + 1_000_000,
        streams=1,
        mqtt_connections=1,
        control_packets={"CONNECT": 1, "CONNACK": 1},
    )


def report(**facts: Any) -> Report:
    base: dict[str, Any] = {
        "capture": capture(),
        "handshakes": [handshake()],
        "findings": [finding()],
        "warnings": [CaptureWarning("gap", "bytes are missing", "a.pcap", 9, 0)],
        "not_evaluated": [NotEvaluated("SEQ11", "capture ends before the deadline", 2, [0, 4])],
        "summary": Summary(handshakes=1, accepted=1, error=1),
    }
    return Report(**{**base, **facts})


def written(made: Report, make: type[Any], *arguments: Any, **options: Any) -> bytes:
    """Returns what a reporter writes for a report."""
    stream = io.BytesIO()
    reporter: Reporter = make(stream, *arguments, **options)
    write_report(made, reporter)
    return stream.getvalue()
