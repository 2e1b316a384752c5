"""What a rule is: its facts as class attributes, its page as docstring, its judgement as `check`.

A rule is one file, `rules/<group>/<id>_<name>.py`, with one class derived from `DefectRule`,
`HandshakeRule` or `ConnectionRule`, whichever subject is the narrowest that suffices. Everything
else (registry, `dissector rules`, tests, counts) derives from these files.

A check gives a `Failure`, several in a list, `Unevaluated` (a reason: our own view is too narrow),
or None: passed, or not this rule's business.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

import msgspec

from dissector.connections.connection import Connection
from dissector.model import Confidence, FrameRef, Obligation, Severity, Side, Version
from dissector.mqtt.defects import Defect, DefectKind
from dissector.mqtt.packets import Packet

Step = str | Callable[[], str]


def spelt(steps: Iterable[Step]) -> tuple[str, ...]:
    """Give steps in words."""
    return tuple(step if isinstance(step, str) else step() for step in steps)


class Example:
    """A small conversation, from the first byte after the TCP handshake.

    Steps: ``"C 10 0c …"`` and ``"S 20 02 …"`` are hex bytes that client or server sends, one TCP
    segment each; ``"+6"`` lets that many seconds pass; ``"C FIN"``, ``"S FIN"``, ``"C RST"``,
    ``"S RST"`` close; ``"NEW"`` opens the next TCP connection to the same server, ``"HOST 7"`` the
    same from another host, and ``"ON 0"`` goes back to the first one. The capture ends with the
    last step. `also` names the rules that fire on top. A step may also be what makes its words,
    asked when somebody reads them: rules are loaded far more often than that.
    """

    __slots__ = ("_steps", "also", "port", "title")

    def __init__(
        self, title: str, steps: tuple[Step, ...], also: tuple[str, ...] = (), port: int = 1883
    ) -> None:
        self.title = title
        self.also = also
        self.port = port
        self._steps = steps

    @property
    def steps(self) -> tuple[str, ...]:
        """All steps in words."""
        return spelt(self._steps)


class Failure(msgspec.Struct, kw_only=True):
    """A rule's judgement, before it becomes a `Finding`; None takes the rule's own value."""

    message: str
    at: FrameRef
    frames: tuple[FrameRef, ...] = ()
    evidence: dict[str, Any] = msgspec.field(default_factory=dict)
    side: Side | None = None
    statements: tuple[str, ...] | None = None
    section: str | None = None
    severity: Severity | None = None
    confidence: Confidence | None = None
    obligation: Obligation | None = None
    time_ns: int | None = None
    packet: Packet | None = None
    span: tuple[int, int] | None = None


class Unevaluated(NamedTuple):
    """Our own view is too narrow to judge."""

    reason: str


Verdict = Failure | list[Failure] | Unevaluated | None


class Page(NamedTuple):
    """A rule's docstring, taken apart: paragraphs of text by heading."""

    summary: str
    checks: str
    why: str
    fix_client: str
    fix_server: str
    false_alarms: str


_HEADINGS = {
    "What it checks": "checks",
    "Why it matters": "why",
    "Fix on the client": "fix_client",
    "Fix on the server": "fix_server",
    "Known false alarms": "false_alarms",
}


class Rule:
    """Facts that every rule states. `statements` maps a version to the ids it may cite.

    A version that is absent from `statements` means that the rule does not apply there; an empty
    tuple means that the duty has no number there, and `sections` says where it stands.
    """

    id: ClassVar[str]
    name: ClassVar[str]
    side: ClassVar[Side]  # at fault, unless a failure names one
    either: ClassVar[bool] = False  # whether failures may name the other side
    severity: ClassVar[Severity | Mapping[Version, Severity]]
    obligation: ClassVar[Obligation] = Obligation.MUST
    confidence: ClassVar[Confidence] = Confidence.PROVEN
    statements: ClassVar[Mapping[Version, tuple[str, ...]]]
    sections: ClassVar[Mapping[Version, str]] = {}
    version_may_be_unknown: ClassVar[bool] = False
    bad: ClassVar[tuple[Example, ...]]
    good: ClassVar[tuple[Example, ...]]

    @classmethod
    def applies(cls, version: Version | None) -> bool:
        """Whether the rule has anything to say about a connection of that version."""
        return cls.version_may_be_unknown if version is None else version in cls.statements

    @classmethod
    def severity_in(cls, version: Version | None) -> Severity:
        """Give its severity in a version."""
        if isinstance(cls.severity, Severity):
            return cls.severity
        if version is None or version not in cls.severity:
            return next(iter(cls.severity.values()))
        return cls.severity[version]

    @classmethod
    def sides(cls) -> tuple[Side, ...]:
        """Give the sides that its findings may name."""
        return tuple(Side) if cls.either else (cls.side,)

    @classmethod
    def page(cls) -> Page:
        """Take the docstring apart; every heading must be there (a test holds it)."""
        import inspect
        import re

        text = inspect.cleandoc(cls.__doc__ or "")
        parts = dict.fromkeys(_HEADINGS.values(), "")
        chunks = re.split(r"^([A-Z][a-z ]+)\n-+\n", text, flags=re.MULTILINE)
        for heading, body in zip(chunks[1::2], chunks[2::2], strict=True):
            parts[_HEADINGS[heading]] = body.strip()
        return Page(summary=chunks[0].strip(), **parts)


class DefectFact(NamedTuple):
    """A defect with what holds it. `frame` is the frame that completes the packet."""

    defect: Defect
    packet: Packet
    side: Side
    frame: FrameRef
    connection: Connection


class DefectRule(Rule):
    """Judges single oddities of single packets; the judge hands it those that it consumes.

    `consumes` maps a kind of defect to the packet types (`spec` numbers) it takes it from; an empty
    tuple means all.
    """

    consumes: ClassVar[Mapping[DefectKind, tuple[int, ...]]]
    # where it takes a kind from a packet type in some versions only, because in the others a more
    # specific rule speaks: (kind, packet type) to those versions
    only_in: ClassVar[Mapping[tuple[DefectKind, int], tuple[Version, ...]]] = {}

    def check(self, fact: DefectFact) -> Verdict:
        """Judge one defect."""
        raise NotImplementedError

    @staticmethod
    def failure(fact: DefectFact, message: str, **more: Any) -> Failure:
        """Make the failure of the sender of the packet, with the defect's bytes marked."""
        more.setdefault("side", fact.side)
        more.setdefault("evidence", _evidence(fact.defect))
        return Failure(
            message=message,
            at=fact.frame,
            frames=(fact.frame,),
            packet=fact.packet,
            span=(fact.defect.offset, fact.defect.length),
            **more,
        )


def _evidence(defect: Defect) -> dict[str, Any]:
    evidence: dict[str, Any] = {"defect": defect.kind.value, "offset": defect.offset}
    if defect.field is not None:
        evidence["field"] = defect.field
    if defect.seen is not None:
        evidence["seen"] = defect.seen
    return evidence


class HandshakeRule(Rule):
    """Judges a CONNECT together with its CONNACK, as soon as the CONNACK is there.

    `asks` names the traits of the connection it is called for, as bits of `ConnectionFlag`.
    """

    asks: ClassVar[int]

    def check(self, connection: Connection) -> Verdict:
        """Judge the handshake of a connection; `connection.connack` is not None."""
        raise NotImplementedError


class ConnectionRule(Rule):
    """Judges a connection when the view of it ends; `asks` names the traits it is called for."""

    asks: ClassVar[int]  # bits of `ConnectionFlag`
    last: ClassVar[bool] = False  # it looks at the findings of the others
    consumes: ClassVar[Mapping[DefectKind, tuple[int, ...]]] = {}  # judged here and nowhere else

    def check(self, connection: Connection) -> Verdict:
        """Judge a connection that has one of the traits."""
        raise NotImplementedError


AnyRule = DefectRule | HandshakeRule | ConnectionRule


def both(*statements: str) -> dict[Version, tuple[str, ...]]:
    """Statements that carry the same ids in 3.1.1 and 5.0."""
    return {Version.V3_1_1: statements, Version.V5_0: statements}


def versions(**ids: Sequence[str] | str) -> dict[Version, tuple[str, ...]]:
    """Spell a `statements` mapping: ``versions(v311="MQTT-3.2.2-1", v5="MQTT-3.2.2-2")``."""
    names = {"v31": Version.V3_1, "v311": Version.V3_1_1, "v5": Version.V5_0}
    return {
        names[key]: (value,) if isinstance(value, str) else tuple(value)
        for key, value in ids.items()
    }
