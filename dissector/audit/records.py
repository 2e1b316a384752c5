"""What an audit hands over: a record for each device and each server, with its reasons.

Text from the wire is kept as the other records keep it (`text.py`): reports take it through
`lossless()` or `printable()`. Secrets are not in these records: credentials are known by a keyed
fingerprint of user name and password together. Times are nanoseconds since the Unix epoch. JSON
names are the camelCase of the attribute names; `report/json_audit.py` writes them. Lists that could
grow without end are cut at `LISTED` entries, and a count beside them says how many there were.
"""

from __future__ import annotations

import enum
from typing import Any

import msgspec

from dissector.model import Report, Severity

LISTED = 64  # entries that a list of a device or server holds at most


class Kind(enum.Enum):
    """What a device seems to be; `Device.kind_reason` says why."""

    DEVICE = "device"
    GATEWAY = "gateway"  # one host that speaks for several client ids at the same time
    NAT = "nat"  # one address behind which several hosts are
    ROUTED = "routed"  # its MAC is that of a router: other addresses have the same
    BRIDGE = "bridge"  # a server that connects to a server


class Evidence(msgspec.Struct, frozen=True, rename="camel"):
    """One thing that a device is told by.

    `kind` is "mac", "address", "forwarded" (the address that a proxy names), "clientId",
    "username", "credentials" (a keyed fingerprint), "certificate" or "tls" (how it says hello);
    `value` what was seen, `reason` how it counts, `count` on how many connections.
    """

    kind: str
    value: str
    reason: str
    count: int = 1


class Guess(msgspec.Struct, frozen=True, rename="camel"):
    """What software seems to be at work, and the reason. `confidence` is "likely" or "possible"."""

    name: str
    reason: str
    confidence: str = "likely"


class Will(msgspec.Struct, frozen=True, rename="camel"):
    """A will that a device left; its message is not kept, only its length in bytes."""

    topic: str
    qos: int
    retain: bool
    message_length: int
    count: int = 1


class Point(msgspec.Struct, frozen=True, rename="camel"):
    """One line of a posture: what was seen to be so, and on how many connections.

    `topic` is a short word for grouping: "encryption", "authentication", "credentials", "identity",
    "session", "behaviour", "version", "availability".
    """

    topic: str
    text: str
    count: int = 1


class Problem(msgspec.Struct, frozen=True, rename="camel"):
    """What is wrong by one rule: how often, how bad, and the indices in `Audit.report.findings`."""

    rule: str
    name: str
    severity: Severity
    count: int
    findings: tuple[int, ...]


class Posture(msgspec.Struct, frozen=True, rename="camel"):
    """The judgement on one party. `worst` is the severity of its worst problem, None if none.

    `right` is what was seen to be good, `wrong` the rules that found something, worst first,
    `unseen` what could not be judged, as sentences.
    """

    worst: Severity | None
    right: tuple[Point, ...] = ()
    wrong: tuple[Problem, ...] = ()
    unseen: tuple[str, ...] = ()


class Session(msgspec.Struct, frozen=True, rename="camel"):
    """How a device asks for sessions: connections with a clean start, and with a kept one.

    `expiry` holds the Session Expiry Intervals (5.0) that it asked for, in seconds.
    """

    clean: int = 0
    kept: int = 0
    expiry: tuple[int, ...] = ()


class Device(msgspec.Struct, kw_only=True, rename="camel"):
    """One device: whoever connects, as far as the evidence tells one from another.

    `id` counts devices from 0 in order of first sight; `name` is the best that it is known by: its
    client id, else MAC, else address. `authentication`, `versions` and `transports` map what was
    used to a number of connections: "none", "password", "user name only", "client certificate", or
    "method NAME"; "3.1.1"; "tcp", "tls", "ws", "wss". `connections` counts those with a CONNECT,
    and TLS ones that cannot be looked into; `refusals` maps the code's name to a count.
    `reconnects` are connections after the first of the same client id, `takeovers` those that
    pushed an open one out. `findings` are indices into the report's findings, in order.
    """

    id: int
    name: str
    kind: Kind = Kind.DEVICE
    kind_reason: str | None = None
    evidence: tuple[Evidence, ...] = ()
    macs: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    client_ids: tuple[str, ...] = ()
    client_ids_seen: int = 0
    usernames: tuple[str, ...] = ()
    credentials: tuple[str, ...] = ()
    vendor: str | None = None
    vendor_reason: str | None = None
    software: Guess | None = None
    versions: dict[str, int] = msgspec.field(default_factory=dict)
    transports: dict[str, int] = msgspec.field(default_factory=dict)
    authentication: dict[str, int] = msgspec.field(default_factory=dict)
    keep_alives: dict[int, int] = msgspec.field(default_factory=dict)
    session: Session = msgspec.field(default_factory=Session)
    wills: tuple[Will, ...] = ()
    servers: tuple[str, ...] = ()
    connections: int = 0
    accepted: int = 0
    refused: int = 0
    unanswered: int = 0
    refusals: dict[str, int] = msgspec.field(default_factory=dict)
    reconnects: int = 0
    takeovers: int = 0
    tls: dict[str, int] = msgspec.field(default_factory=dict)
    streams: tuple[int, ...] = ()
    first_seen_ns: int = 0
    last_seen_ns: int = 0
    findings: tuple[int, ...] = ()
    posture: Posture = msgspec.field(default_factory=lambda: Posture(None))


class CertificateRecord(msgspec.Struct, frozen=True, rename="camel"):
    """A certificate that a server showed in clear (up to TLS 1.2)."""

    subject: str
    issuer: str
    names: tuple[str, ...]
    not_before_ns: int
    not_after_ns: int
    key: str
    signature: str
    fingerprint: str


class Server(msgspec.Struct, kw_only=True, rename="camel"):
    """One server: an address and a port.

    `name` is address:port. `hosts` and `paths` are those that WebSocket clients asked for,
    `forwarders` maps a way in which a proxy before it names clients ("PROXY protocol 2",
    "X-Forwarded-For", "Forwarded") to the number of connections that came so. `accepts` and
    `refuses` map a way to come in ("none", "password", …, as in `Device.authentication`) to the
    number of connections that were let in and turned away so; `refusals` maps the code's name to a
    count; `versions` those accepted, `versions_refused` those turned away for their version.
    `limits` holds what CONNACK properties announce, by property name (`receiveMaximum`,
    `maximumQos`, …): the values seen. `tls` maps "TLS 1.2 SUITE" to a count.
    """

    id: int
    name: str
    ip: str
    port: int
    macs: tuple[str, ...] = ()
    vendor: str | None = None
    vendor_reason: str | None = None
    software: Guess | None = None
    transports: dict[str, int] = msgspec.field(default_factory=dict)
    hosts: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    forwarders: dict[str, int] = msgspec.field(default_factory=dict)
    versions: dict[str, int] = msgspec.field(default_factory=dict)
    versions_refused: dict[str, int] = msgspec.field(default_factory=dict)
    accepts: dict[str, int] = msgspec.field(default_factory=dict)
    refuses: dict[str, int] = msgspec.field(default_factory=dict)
    refusals: dict[str, int] = msgspec.field(default_factory=dict)
    limits: dict[str, tuple[Any, ...]] = msgspec.field(default_factory=dict)
    devices: int = 0
    connections: int = 0
    accepted: int = 0
    refused: int = 0
    unanswered: int = 0
    tls: dict[str, int] = msgspec.field(default_factory=dict)
    certificates: tuple[CertificateRecord, ...] = ()
    asks_client_certificate: bool | None = None
    first_seen_ns: int = 0
    last_seen_ns: int = 0
    findings: tuple[int, ...] = ()
    posture: Posture = msgspec.field(default_factory=lambda: Posture(None))


class Overview(msgspec.Struct, kw_only=True, rename="camel"):
    """The posture as a whole: `"posture"` of the JSON document.

    Counts of connections: in clear, encrypted, and of devices by their worst finding ("error",
    "warning", "info", "none"). `right` is what holds for all or most, `not_seen` what the capture
    cannot show, `method` and `limits` how it was found out, all as sentences.
    """

    devices: int = 0
    servers: int = 0
    clear: int = 0
    encrypted: int = 0
    anonymous: int = 0
    authenticated: int = 0
    devices_by_worst: dict[str, int] = msgspec.field(default_factory=dict)
    right: tuple[Point, ...] = ()
    not_seen: tuple[str, ...] = ()
    method: tuple[str, ...] = ()
    limits: tuple[str, ...] = ()


class Audit(msgspec.Struct, kw_only=True):
    """All of an audit: the report that `analyze` gives, with the rules of SEC and TLS, and more.

    Findings that two or more parties share are in each one's `findings`.
    """

    report: Report
    devices: list[Device] = msgspec.field(default_factory=list)
    servers: list[Server] = msgspec.field(default_factory=list)
    overview: Overview = msgspec.field(default_factory=Overview)
