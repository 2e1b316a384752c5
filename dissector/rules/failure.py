"""What a rule about single packets judges (`DefectFact`), and what it and all others report.

A `Failure` is a violation before the judge makes a `Finding` of it. Both records are compiled: in
some captures every handshake has them.
"""

from __future__ import annotations

from typing import Any

from dissector.connections.connection import Connection
from dissector.model import Confidence, FrameRef, Obligation, Severity, Side
from dissector.mqtt.defects import Defect
from dissector.mqtt.packets.packet import Packet


class Failure:
    """A violation, before it becomes a `Finding`; None means that the rule's own value is used.

    `evidence` is not copied: a finding has the same dictionary.
    """

    def __init__(
        self,
        *,
        message: str,
        at: FrameRef,
        frames: tuple[FrameRef, ...] = (),
        evidence: dict[str, Any] | None = None,
        side: Side | None = None,
        statements: tuple[str, ...] | None = None,
        section: str | None = None,
        severity: Severity | None = None,
        confidence: Confidence | None = None,
        obligation: Obligation | None = None,
        time_ns: int | None = None,
        packet: Packet | None = None,
        span: tuple[int, int] | None = None,
    ) -> None:
        self.message = message
        self.at = at
        self.frames = frames
        self.evidence: dict[str, Any] = {} if evidence is None else evidence
        self.side = side
        self.statements = statements
        self.section = section
        self.severity = severity
        self.confidence = confidence
        self.obligation = obligation
        self.time_ns = time_ns
        self.packet = packet
        self.span = span


class DefectFact:
    """A defect with its packet and connection; `frame` completes the packet."""

    def __init__(
        self, defect: Defect, packet: Packet, side: Side, frame: FrameRef, connection: Connection
    ) -> None:
        self.defect = defect
        self.packet = packet
        self.side = side
        self.frame = frame
        self.connection = connection


def defect_fact(defect: Defect, packet: Packet, side: Side, connection: Connection) -> DefectFact:
    """Makes a `DefectFact`; from compiled code at a quarter of a constructor's cost."""
    assert packet.frame is not None
    made = DefectFact.__new__(DefectFact)
    made.defect = defect
    made.packet = packet
    made.side = side
    made.frame = packet.frame
    made.connection = connection
    return made


def defect_failure(
    fact: DefectFact,
    message: str,
    *,
    evidence: dict[str, Any] | None = None,
    statements: tuple[str, ...] | None = None,
    section: str | None = None,
    severity: Severity | None = None,
    confidence: Confidence | None = None,
    obligation: Obligation | None = None,
) -> Failure:
    """Returns a failure of the packet's sender, with the defect's bytes as `span`.

    Without `evidence` it is what is known of the defect.
    """
    return _failure_of(
        fact, message, evidence, statements, section, severity, confidence, obligation
    )


def _failure_of(
    fact: DefectFact,
    message: str,
    evidence: dict[str, Any] | None,
    statements: tuple[str, ...] | None,
    section: str | None,
    severity: Severity | None,
    confidence: Confidence | None,
    obligation: Obligation | None,
) -> Failure:
    # a function of its own, because a .pxd cannot declare one with keyword-only arguments
    defect, frame = fact.defect, fact.frame
    made = Failure.__new__(Failure)
    made.message = message
    made.at = frame
    made.frames = (frame,)
    made.evidence = _evidence(defect) if evidence is None else evidence
    made.side = fact.side
    made.statements = statements
    made.section = section
    made.severity = severity
    made.confidence = confidence
    made.obligation = obligation
    made.time_ns = None
    made.packet = fact.packet
    made.span = (defect.offset, defect.length)
    return made


def _evidence(defect: Defect) -> dict[str, Any]:
    # the private name is a plain attribute, `value` a function
    evidence: dict[str, Any] = {"defect": defect.kind._value_, "offset": defect.offset}
    if defect.field is not None:
        evidence["field"] = defect.field
    if defect.seen is not None:
        evidence["seen"] = defect.seen
    return evidence
