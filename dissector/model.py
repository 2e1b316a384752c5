"""Records and enums that all layers share: findings, frames, endpoints, counts.

Times are integers, nanoseconds since the Unix epoch. A frame is identified by the path of its file
and its 1-based number in that file. Attribute names are the snake_case of the JSON names; there is
no alias table.
"""

from __future__ import annotations

import enum
from typing import Any

import cython
import msgspec


class Version(enum.Enum):
    """A version of MQTT that has rules here; the value is its name in every output."""

    V3_1 = "3.1"
    V3_1_1 = "3.1.1"
    V5_0 = "5.0"

    __hash__ = object.__hash__  # members are singletons; the enum's own hash is a Python call


class Side(enum.Enum):
    """The side that sent something or is at fault."""

    CLIENT = "client"
    SERVER = "server"

    __hash__ = object.__hash__

    @property
    def other(self) -> Side:
        """The peer."""
        return Side.SERVER if self is Side.CLIENT else Side.CLIENT


class Severity(enum.Enum):
    """Severity of a finding."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"

    __hash__ = object.__hash__

    @property
    def rank(self) -> int:
        """Order of severities: 0 for info, 1 for warning, 2 for error."""
        return _RANKS[self]


_RANKS = {Severity.INFO: 0, Severity.WARNING: 1, Severity.ERROR: 2}


class Obligation(enum.Enum):
    """Obligation level of a statement of the standard (RFC 2119)."""

    MUST = "MUST"
    SHOULD = "SHOULD"
    ADVICE = "advice"

    __hash__ = object.__hash__


class Confidence(enum.Enum):
    """Evidence of a finding: captured bytes, a deadline or history, or state that is invisible."""

    PROVEN = "proven"
    LIKELY = "likely"
    POSSIBLE = "possible"

    __hash__ = object.__hash__


class Outcome(enum.Enum):
    """How a handshake ended, as decided by `connections/outcome.py`."""

    INCOMPLETE = "incomplete"
    INVALID = "invalid"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    UNANSWERED = "unanswered"

    __hash__ = object.__hash__


@cython.freelist(64)
@cython.cclass
class Endpoint:
    """One end of a TCP connection; immutable. `mac` is None if the link layer has none."""

    def __init__(self, ip: str, port: int, mac: str | None = None) -> None:
        self.ip = ip
        self.port = port
        self.mac = mac

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Endpoint):
            return NotImplemented
        return (self.ip, self.port, self.mac) == (other.ip, other.port, other.mac)

    def __hash__(self) -> int:
        return hash((self.ip, self.port, self.mac))

    def __repr__(self) -> str:
        return f"Endpoint(ip={self.ip!r}, port={self.port}, mac={self.mac!r})"


@cython.freelist(256)
@cython.cclass
class FrameRef:
    """One frame of one file; immutable. `number` is 1-based, as in Wireshark."""

    def __init__(self, file: str, number: int, time_ns: int) -> None:
        self.file = file
        self.number = number
        self.time_ns = time_ns

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, FrameRef):
            return NotImplemented
        return (self.number, self.time_ns, self.file) == (other.number, other.time_ns, other.file)

    def __hash__(self) -> int:
        return hash((self.file, self.number, self.time_ns))

    def __repr__(self) -> str:
        return f"FrameRef(file={self.file!r}, number={self.number}, time_ns={self.time_ns})"


def endpoint(ip: str, port: int, mac: str | None) -> Endpoint:
    """Makes an `Endpoint`; from compiled code at a quarter of a constructor's cost."""
    made = Endpoint.__new__(Endpoint)
    made.ip = ip
    made.port = port
    made.mac = mac
    return made


def frame_ref(file: str, number: int, time_ns: int) -> FrameRef:
    """Makes a `FrameRef`; from compiled code at a quarter of a constructor's cost."""
    made = FrameRef.__new__(FrameRef)
    made.file = file
    made.number = number
    made.time_ns = time_ns
    return made


class CaptureWarning(msgspec.Struct, frozen=True):
    """A limit of the capture or its analysis, never a peer's fault. `kind` is in kebab-case."""

    kind: str
    message: str
    file: str | None = None
    frame: int | None = None
    stream: int | None = None
    capture: int = 0


class Classification:
    """What many findings of one rule share; immutable. The judge makes one and reuses it."""

    def __init__(
        self,
        rule: str,
        name: str,
        severity: Severity,
        obligation: Obligation,
        confidence: Confidence,
        statements: tuple[str, ...],
        section: str | None,
        version: Version | None,
        side: Side,
    ) -> None:
        self.rule = rule
        self.name = name
        self.severity = severity
        self.obligation = obligation
        self.confidence = confidence
        self.statements = statements
        self.section = section
        self.version = version
        self.side = side


class Finding:
    """A violation of one rule by one peer; immutable but for `capture`.

    `frames` are all frames that prove it, in order; `frame` and `file` name the one at fault (if
    something is missing: the packet that should have been answered, with the deadline as
    `time_ns`). `packet` has the bytes of the packet at fault, secrets masked, and `span` the
    offending (offset, length) in it; both are None if no bytes are at fault. `client` and `server`
    are the ends of the connection. `capture` is the id of the capture, to which `stream` belongs.
    """

    def __init__(
        self,
        rule: str,
        name: str,
        severity: Severity,
        obligation: Obligation,
        confidence: Confidence,
        statements: tuple[str, ...],
        section: str | None,
        version: Version | None,
        side: Side,
        handshake: int | None,
        stream: int,
        client_id: str | None,
        file: str,
        frame: int,
        frames: tuple[FrameRef, ...],
        time_ns: int,
        message: str,
        evidence: dict[str, Any],
        packet: bytes | None = None,
        span: tuple[int, int] | None = None,
        client: Endpoint | None = None,
        server: Endpoint | None = None,
        capture: int = 0,
    ) -> None:
        self.classification = Classification(
            rule, name, severity, obligation, confidence, statements, section, version, side
        )
        self.handshake = handshake
        self.stream = stream
        self.client_id = client_id
        self.file = file
        self.frame = frame
        self.frames = frames
        self.time_ns = time_ns
        self.message = message
        self.evidence = evidence
        self.packet = packet
        self.span = span
        self.client = client
        self.server = server
        self.capture = capture

    @property
    def rule(self) -> str:
        """Id of the rule."""
        return self.classification.rule

    @property
    def name(self) -> str:
        """Name of the rule."""
        return self.classification.name

    @property
    def severity(self) -> Severity:
        """How bad it is."""
        return self.classification.severity

    @property
    def obligation(self) -> Obligation:
        """Obligation level of what is violated."""
        return self.classification.obligation

    @property
    def confidence(self) -> Confidence:
        """How certain it is."""
        return self.classification.confidence

    @property
    def statements(self) -> tuple[str, ...]:
        """Ids of the statements of the standard that are violated."""
        return self.classification.statements

    @property
    def section(self) -> str | None:
        """Section of the standard."""
        return self.classification.section

    @property
    def version(self) -> Version | None:
        """Version of the connection, None if it is unknown."""
        return self.classification.version

    @property
    def side(self) -> Side:
        """The side at fault."""
        return self.classification.side

    @property
    def cited_version(self) -> str:
        """Version of the standard that is cited.

        Without a version, only statements are cited that have the same id in 3.1.1 and 5.0, else a
        section of 3.1.1.
        """
        if self.version is not None:
            return self.version.value
        return "3.1.1 and 5.0" if self.statements else "3.1.1"

    def values(self) -> dict[str, Any]:
        """Returns its fields by name, as the constructor takes them."""
        return {name: getattr(self, name) for name in FINDING_FIELDS}

    def replace(self, **changes: Any) -> Finding:
        """Returns a copy with other values of some fields."""
        return Finding(**self.values() | changes)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Finding):
            return NotImplemented
        return self.values() == other.values()

    def __repr__(self) -> str:
        values = ", ".join(f"{name}={value!r}" for name, value in self.values().items())
        return f"Finding({values})"


FINDING_FIELDS = (
    "rule", "name", "severity", "obligation", "confidence", "statements", "section", "version",
    "side", "handshake", "stream", "client_id", "file", "frame", "frames", "time_ns", "message",
    "evidence", "packet", "span", "client", "server", "capture",
)  # fmt: skip


Stream = int | tuple[int, int]  # of one of several captures: the capture's id and the stream


class NotEvaluated(msgspec.Struct):
    """A rule that could not be evaluated, grouped by reason, for `count` subjects on `streams`."""

    rule: str
    reason: str
    count: int = 0
    streams: list[Stream] = msgspec.field(default_factory=list)


class CaptureFile(msgspec.Struct):
    """One input file: frames and bytes read, names of its link types (libpcap, without DLT_)."""

    path: str
    frames: int = 0
    bytes: int = 0
    link_types: list[str] = msgspec.field(default_factory=list)


class ConfigFile(msgspec.Struct, frozen=True):
    """A configuration file that was used, and the settings in it that had an effect, as text."""

    path: str
    settings: tuple[str, ...] = ()


class Capture(msgspec.Struct):
    """What was read, by which engine, and by which configuration files.

    `digits` is the capture's precision: 6 for microseconds, 9 for nanoseconds. `other_traffic`
    counts TCP connections without MQTT, per kind ("tls", "websocket", "http", "ssh", "other") and
    per busiest server port ("port 443"); `other_ports` has their server ports per kind. `datagrams`
    counts those of MQTT-SN, and of handshakes of QUIC. `dropped` are frames that a live capture
    lost before they were read; None if the count is unknown.

    `ring`: its files are those of a ring (`capture/rings.py`). If several captures were read, this
    is their total, and they are its `parts`, each with its `id`.
    """

    files: list[CaptureFile] = msgspec.field(default_factory=list)
    frames: int = 0
    start_ns: int | None = None
    end_ns: int | None = None
    digits: int = 6
    streams: int = 0
    mqtt_connections: int = 0
    control_packets: dict[str, int] = msgspec.field(default_factory=dict)
    other_traffic: dict[str, int] = msgspec.field(default_factory=dict)
    other_ports: dict[str, dict[int, int]] = msgspec.field(default_factory=dict)
    datagrams: dict[str, int] = msgspec.field(default_factory=dict)
    engine: str = "native"
    dropped: int | None = None
    id: int = 0
    ring: bool = False
    parts: list[Capture] = msgspec.field(default_factory=list)
    config: tuple[ConfigFile, ...] = ()


class Summary(msgspec.Struct):
    """Counts of handshakes by outcome and of findings by severity.

    `encrypted` are connections that seem to carry MQTT inside TLS and were not decrypted.
    """

    handshakes: int = 0
    accepted: int = 0
    refused: int = 0
    unanswered: int = 0
    incomplete: int = 0
    invalid: int = 0
    error: int = 0
    warning: int = 0
    info: int = 0
    encrypted: int = 0
