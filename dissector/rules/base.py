"""Base classes of rules: facts as class attributes, the rule page as docstring, `check` to judge.

A rule is one file, `rules/<group>/<id>_<name>.py`, with one class. All rules are of one kind: each
has a subject, and its `check` gets the subject's context. The derived classes (`DefectRule`,
`HandshakeRule`, `ConnectionRule`, and those of `audit_rule`) only fix the subject and its type; a
rule has the narrowest sufficient one. Everything else (registry, `dissector rules`, tests, counts)
is derived from these files.

`check` returns a `Failure`, a list of them, `Unevaluated` with a reason (the capture is
incomplete), or None if the rule passed or does not apply.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

from dissector.connections.connection import Connection
from dissector.model import Confidence, Finding, Obligation, Severity, Side, Version
from dissector.mqtt import spec
from dissector.mqtt.defects import DefectKind
from dissector.rules.failure import DefectFact, Failure, defect_failure

Step = str | Callable[[], str]


def step_texts(steps: Iterable[Step]) -> tuple[str, ...]:
    """Returns all steps as text."""
    return tuple(step if isinstance(step, str) else step() for step in steps)


class Example:
    """A short TCP conversation, from the first byte after the TCP handshake.

    Steps: ``"C 10 0c …"`` and ``"S 20 02 …"`` are hex bytes that client or server sends, one TCP
    segment each; ``"+6"`` is a pause of that many seconds; ``"C FIN"``, ``"S FIN"``, ``"C RST"``,
    ``"S RST"`` close; ``"NEW"`` opens another TCP connection to the same server, ``"HOST 7"`` one
    from another host, and ``"ON 0"`` continues the first one. The capture ends with the last step.
    `also` lists further rules that report findings. A step may be a function that returns its text,
    called only when the steps are read: rules are loaded far more often than that.
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
        """All steps as text."""
        return step_texts(self._steps)


class Unevaluated(NamedTuple):
    """The capture does not allow a verdict, for this reason."""

    reason: str


Verdict = Failure | list[Failure] | Unevaluated | None


class Page(NamedTuple):
    """A rule's docstring, split into its sections."""

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


def _paragraphs_of(text: str, version: Version | None) -> str:
    """Drops the paragraphs of other versions, and the label of those of this one."""
    if version is None:
        return text
    kept = []
    for paragraph in text.split("\n\n"):
        label, colon, rest = paragraph.partition(": ")
        labelled = bool(colon) and label in {each.value for each in Version}
        if not labelled or label == version.value:
            kept.append(rest if labelled else paragraph)
    return "\n\n".join(kept)


class Subject(enum.Enum):
    """What a rule judges, and so when the judge calls it, with which context.

    PACKET: one defect of a packet (`DefectFact`); HANDSHAKE: a CONNECT and its CONNACK, when the
    CONNACK is received (`Connection`); CONNECTION: a connection, when it ends in the capture
    (`Connection`); ACTIVITY: a connection with what an audit remembers of its host, client id and
    server (`AuditContext`); TLS_CONNECTION: a TLS connection that seems to carry MQTT
    (`TlsAuditContext`).
    """

    PACKET = "packet"
    HANDSHAKE = "handshake"
    CONNECTION = "connection"
    ACTIVITY = "activity"
    TLS_CONNECTION = "tls-connection"

    __hash__ = object.__hash__


class Cause:
    """What a rule about a reaction judges the reaction to, as bits; the judge determines them."""

    MALFORMED_CONNECT = 1  # a finding by which the CONNECT is malformed
    UNKNOWN_LEVEL = 2  # a CONNECT with an unknown protocol level
    EMPTY_CLIENT_ID = 4  # a CONNECT with an empty client id and cleanSession=0
    HEADER_FLAGS = 8  # a finding about the flags of a fixed header
    VIOLATION = 16  # a finding that is an error, proven, and violates a MUST


# names of the defects of a finding with `Cause.HEADER_FLAGS`
HEADER_FLAGS_DEFECTS = frozenset(
    kind.value
    for kind in (DefectKind.HEADER_FLAGS, DefectKind.AUTH_FLAGS, DefectKind.DISCONNECT_FLAGS)
)


class Rule:
    """Attributes of every rule. `statements` maps a version to the statement ids it may cite.

    The rule does not apply to versions that are missing in `statements`; an empty tuple means that
    the requirement has no statement id in that version, and `sections` gives its section.
    """

    subjects: ClassVar[tuple[Subject, ...]]  # nearly always one
    # bits of `ConnectionFlag` or, for ACTIVITY, `Event`: it judges subjects that have one of them
    asks: ClassVar[int] = 0
    # bits of `Cause`, of a rule about connections: those that it asks for pass without one of them
    causes: ClassVar[int] = 0
    # kinds of defects that no other rule judges, each with packet types (`spec` numbers) or, empty,
    # all; a rule with the subject PACKET judges these
    consumes: ClassVar[Mapping[DefectKind, tuple[int, ...]]] = {}
    # packet types without which there is nothing to judge. Where they may have been sent but not
    # captured, the rule is not evaluated; so is a rule with none wherever the capture is incomplete
    about: ClassVar[tuple[int, ...]] = ()
    last: ClassVar[bool] = False  # evaluated last, because it depends on findings of other rules

    id: ClassVar[str]
    name: ClassVar[str]
    side: ClassVar[Side]  # at fault, unless a failure gives another one
    either: ClassVar[bool] = False  # whether failures may give the other side
    severity: ClassVar[Severity | Mapping[Version, Severity]]
    obligation: ClassVar[Obligation] = Obligation.MUST
    confidence: ClassVar[Confidence] = Confidence.PROVEN
    statements: ClassVar[Mapping[Version, tuple[str, ...]]]
    sections: ClassVar[Mapping[Version, str]] = {}
    version_may_be_unknown: ClassVar[bool] = False
    # keys of the configuration table `deadlines` by which it judges
    deadlines: ClassVar[tuple[str, ...]] = ()
    # versions in which it is advice that most real traffic breaks; off by default
    pedantic: ClassVar[tuple[Version, ...]] = ()
    # of `DefectRule`: whether a packet with such a defect is malformed; see `says_malformed`
    malformed: ClassVar[bool] = False
    bad: ClassVar[tuple[Example, ...]]
    good: ClassVar[tuple[Example, ...]]

    def check(self, context: Any) -> Verdict:
        """Judges one subject; `Subject` says what the context of each is."""
        raise NotImplementedError

    @classmethod
    def applies(cls, version: Version | None) -> bool:
        """Whether the rule applies to connections of that version."""
        return cls.version_may_be_unknown if version is None else version in cls.statements

    @classmethod
    def matters(cls, connection: Connection) -> bool:
        """Whether a pedantic rule that is off matters nevertheless; called at the CONNACK."""
        return False

    @classmethod
    def says_malformed(cls, finding: Finding) -> bool:
        """Whether a finding of the rule means that its packet is malformed.

        The outcome of a handshake, the rules about the reaction to malformed packets, and audits
        use this. What the standard only advises against does not make a packet malformed.
        """
        return (
            cls.malformed
            and finding.severity is not Severity.INFO
            and finding.obligation is Obligation.MUST
        )

    @classmethod
    def severity_in(cls, version: Version | None) -> Severity:
        """Returns the severity in a version."""
        if isinstance(cls.severity, Severity):
            return cls.severity
        if version is None or version not in cls.severity:
            return next(iter(cls.severity.values()))
        return cls.severity[version]

    @classmethod
    def sides(cls) -> tuple[Side, ...]:
        """Returns the sides that findings of the rule may name."""
        return tuple(Side) if cls.either else (cls.side,)

    @classmethod
    def page(cls, version: Version | None = None) -> Page:
        """Splits the docstring into sections; a test requires every heading.

        A paragraph may begin with a version, as in "5.0: Close …". With a `version` only its own
        remain of these, without that label.
        """
        import inspect
        import re

        text = inspect.cleandoc(cls.__doc__ or "")
        parts = dict.fromkeys(_HEADINGS.values(), "")
        chunks = re.split(r"^([A-Z][a-z ]+)\n-+\n", text, flags=re.MULTILINE)
        for heading, body in zip(chunks[1::2], chunks[2::2], strict=True):
            parts[_HEADINGS[heading]] = _paragraphs_of(body.strip(), version)
        return Page(summary=chunks[0].strip(), **parts)


class DefectRule(Rule):
    """Judges single defects of single packets, of the kinds that it consumes."""

    subjects = (Subject.PACKET,)
    malformed: ClassVar[bool] = True
    # (kind, packet type) to the versions in which the rule consumes it, if not all: in the others
    # a more specific rule does
    only_in: ClassVar[Mapping[tuple[DefectKind, int], tuple[Version, ...]]] = {}

    def check(self, fact: DefectFact) -> Verdict:
        """Judges one defect."""
        raise NotImplementedError

    failure = staticmethod(defect_failure)


class HandshakeRule(Rule):
    """Judges a CONNECT together with its CONNACK, as soon as the CONNACK is received."""

    subjects = (Subject.HANDSHAKE,)
    about = (spec.CONNECT, spec.CONNACK)

    def check(self, connection: Connection) -> Verdict:
        """Judges the handshake of a connection; `connection.connack` is not None."""
        raise NotImplementedError


class ConnectionRule(Rule):
    """Judges a connection when it ends in the capture."""

    subjects = (Subject.CONNECTION,)

    def check(self, connection: Connection) -> Verdict:
        """Judges a connection that has one of the flags."""
        raise NotImplementedError


def both(*statements: str) -> dict[Version, tuple[str, ...]]:
    """Returns a `statements` mapping with the same ids for 3.1.1 and 5.0."""
    return {Version.V3_1_1: statements, Version.V5_0: statements}


def versions(**ids: Sequence[str] | str) -> dict[Version, tuple[str, ...]]:
    """Returns a `statements` mapping: ``versions(v311="MQTT-3.2.2-1", v5="MQTT-3.2.2-2")``."""
    names = {"v31": Version.V3_1, "v311": Version.V3_1_1, "v5": Version.V5_0}
    return {
        names[key]: (value,) if isinstance(value, str) else tuple(value)
        for key, value in ids.items()
    }
