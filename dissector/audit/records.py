"""Defines the records of an audit: devices and servers, with the reasons for each judgement.

Text from the wire is stored as in the other records (`text.py`): reports pass it through
`lossless()` or `printable()`. The records contain no secrets: credentials are represented by a
keyed fingerprint of user name and password together. Times are nanoseconds since the Unix epoch.
JSON names are the camelCase of the attribute names; `report/json_audit.py` writes them. Lists that
could grow without bound are cut at `LISTED` entries, with the full count beside them.
"""

from __future__ import annotations

import enum
from typing import Any

import msgspec

from dissector.analysis import Report
from dissector.model import Severity, Stream

LISTED = 64  # maximum number of entries in a list of a device or server


class Kind(enum.Enum):
    """Presumed kind of a device; `Device.kind_reason` is the reason."""

    DEVICE = "device"
    GATEWAY = "gateway"  # one host with several client ids at the same time
    NAT = "nat"  # one address with several hosts behind it
    ROUTED = "routed"  # its MAC address is a router's: other IP addresses share it
    BRIDGE = "bridge"  # a server that connects to a server


class Evidence(msgspec.Struct, frozen=True, rename="camel"):
    """One piece of evidence that identifies a device.

    `kind` is "mac", "address", "forwarded" (the address reported by a proxy), "clientId",
    "username", "credentials" (a keyed fingerprint), "certificate" or "tls" (JA3 of the
    ClientHello); `value` what was seen, `reason` what it means, `count` on how many connections.
    """

    kind: str
    value: str
    reason: str
    count: int = 1


class Guess(msgspec.Struct, frozen=True, rename="camel"):
    """Presumed software of a party, and the reason. `confidence` is "likely" or "possible"."""

    name: str
    reason: str
    confidence: str = "likely"


class Will(msgspec.Struct, frozen=True, rename="camel"):
    """A will message of a device; of its payload only the length in bytes is stored."""

    topic: str
    qos: int
    retain: bool
    message_length: int
    count: int = 1


class Point(msgspec.Struct, frozen=True, rename="camel"):
    """One point of a posture that is right: on `count` of `total` connections.

    On the other connections it could not be seen; in an `Overview` it may also be wrong on them.
    `topic` is a keyword for grouping: "encryption", "authentication", "credentials", "identity",
    "session", "version".
    """

    topic: str
    text: str
    count: int
    total: int


class Problem(msgspec.Struct, frozen=True, rename="camel"):
    """Findings of one rule: count, worst severity, and the indices in `Audit.report.findings`."""

    rule: str
    name: str
    severity: Severity
    count: int
    findings: tuple[int, ...]


class Posture(msgspec.Struct, frozen=True, rename="camel"):
    """The posture of one party. `worst` is the severity of its worst problem, None if it has none.

    `right` is what is right, `wrong` the rules with findings, worst first, `unseen` what could not
    be evaluated, as sentences.
    """

    worst: Severity | None
    right: tuple[Point, ...] = ()
    wrong: tuple[Problem, ...] = ()
    unseen: tuple[str, ...] = ()


class Session(msgspec.Struct, frozen=True, rename="camel"):
    """Session requests of a device: connections with a clean start, and with a kept session.

    `expiry` holds the Session Expiry Intervals (5.0) that it requested, in seconds.
    """

    clean: int = 0
    kept: int = 0
    expiry: tuple[int, ...] = ()


class Device(msgspec.Struct, kw_only=True, rename="camel"):
    """One device: a client, as far as the evidence distinguishes clients.

    `id` counts devices from 0 in order of first appearance; `name` is its client id if it has
    exactly one, else its address, else its MAC address. `authentication`, `versions` and
    `transports` map what was used to a number of connections: "none", "password", "user name
    only", "client certificate", "method NAME" or one of the texts in `login_methods`; "3.1.1";
    "tcp", "tls", "ws", "wss". Connections without data are in none of them, such as those on which
    TLS was not established. `connections` counts all; `refusals` maps the name of a code to a
    count. `reconnects` are connections after the first with the same client id,
    `takeovers` those that took over an open session. `findings` are indices into the report's
    findings, in order.
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
    streams: tuple[Stream, ...] = ()
    first_seen_ns: int = 0
    last_seen_ns: int = 0
    findings: tuple[int, ...] = ()
    posture: Posture = msgspec.field(default_factory=lambda: Posture(None))


class CertificateRecord(msgspec.Struct, frozen=True, rename="camel"):
    """A certificate that a server sent unencrypted (up to TLS 1.2)."""

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

    `name` is address:port. `hosts` and `paths` are those that WebSocket clients requested,
    `forwarders` maps the way in which a proxy gives client addresses ("PROXY protocol 2",
    "X-Forwarded-For", "Forwarded") to a number of connections. `accepts` and `refuses` map a login
    method ("none", "password", …, as in `Device.authentication`) to the number of connections
    accepted and refused with it; `refusals` maps the name of a code to a count; `versions` counts
    accepted connections, `versions_refused` those refused for their version. `limits` holds the
    values of CONNACK properties by property name (`receiveMaximum`, `maximumQos`, …). `tls` maps
    "TLS 1.2 SUITE" to a count.
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

    Counts connections: all, those in clear and those encrypted (the others carried no data), those
    without and with credentials (of the others they were not seen); and devices by their worst
    finding ("error", "warning", "info", "none"). `right` is what is right on the connections of all
    devices, `not_seen` what the capture cannot show, `method` and `limits` how the results were
    obtained, all as sentences.
    """

    devices: int = 0
    servers: int = 0
    connections: int = 0
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
    """A whole audit: the report of `analyze` with the SEC and TLS rules, devices and servers.

    Findings that several parties share are in the `findings` of each.
    """

    report: Report
    devices: list[Device] = msgspec.field(default_factory=list)
    servers: list[Server] = msgspec.field(default_factory=list)
    overview: Overview = msgspec.field(default_factory=Overview)
