"""Base classes of audit rules: on connections with host activity (SEC), on TLS handshakes (TLS).

Like the other rules, each is one file with one class. They check good practice instead of the
standard, so they cite no statements; `references` lists what they relate to. Plain `analyze` does
not load or evaluate them unless they are selected by name. Their files import all names of this
module, and of `authoring`.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import ClassVar

from dissector.activity.context import AuditContext, Event
from dissector.activity.profile import ENCRYPTED
from dissector.activity.tls import TlsAuditContext
from dissector.connections.record import ConnectionRecord
from dissector.connections.thresholds import Thresholds
from dissector.model import Confidence, Endpoint, FrameRef, Obligation, Severity, Side, Version
from dissector.rules.base import Rule, Subject, Verdict
from dissector.rules.failure import Failure

__all__ = [
    "EXPOSURE_TEXT", "AuditContext", "AuditRule", "ConnectionAuditRule", "Event", "Thresholds",
    "TlsAuditContext", "TlsRule", "encrypted", "exposure", "failure", "hosts_behind", "named",
    "place", "proxy_terminates_tls", "server_name", "tls_failure",
]  # fmt: skip

# Sources that rules relate to, and the format in which a report prints a reference
SOURCES = {
    "CWE": "CWE-{}",
    "OWASP": "OWASP IoT 2018 {}",
    "ETSI": "ETSI EN 303 645 V2.1.1 {}",
    "NISTIR": "NISTIR 8259A {}",
    "MQTT": "MQTT chapter {} (non-normative)",
    "RFC": "RFC {}",
}


class AuditRule(Rule):
    """A rule for audits. `references` maps a key of `SOURCES` to items.

    These mappings are our own and mean "relates to", never "violates".
    """

    obligation: ClassVar[Obligation] = Obligation.ADVICE
    statements: ClassVar[Mapping[Version, tuple[str, ...]]] = {}
    references: ClassVar[Mapping[str, tuple[str, ...]]]
    version_may_be_unknown: ClassVar[bool] = True

    @classmethod
    def applies(cls, version: Version | None) -> bool:
        """Always True: these rules apply to every version."""
        return True

    @classmethod
    def relates_to(cls) -> tuple[str, ...]:
        """Returns the references, formatted for a report."""
        return tuple(
            SOURCES[source].format(item)
            for source, items in cls.references.items()
            for item in items
        )


class ConnectionAuditRule(AuditRule):
    """Judges a connection at its CONNACK and at its end; `asks` holds bits of `Event`."""

    subjects = (Subject.ACTIVITY,)

    def check(self, context: AuditContext) -> Verdict:
        """Judges a connection that has one of the events."""
        raise NotImplementedError


class TlsRule(AuditRule):
    """Judges a TLS connection that seems to carry MQTT, when it ends in the capture."""

    subjects = (Subject.TLS_CONNECTION,)
    asks = 1  # any bit: every TLS connection

    def check(self, context: TlsAuditContext) -> Verdict:
        """Judges a TLS connection."""
        raise NotImplementedError


def place(record: ConnectionRecord) -> FrameRef:
    """Returns the frame of a finding about a connection: its CONNECT, else its first frame."""
    return record.connect_frame or record.first


def failure(
    context: AuditContext,
    message: str,
    severity: Severity | None = None,
    *,
    side: Side | None = None,
    at: FrameRef | None = None,
    confidence: Confidence | None = None,
    **evidence: object,
) -> Failure:
    """Returns a failure with the frames of the CONNECT and, if there is one, the CONNACK."""
    record = context.connection
    where = at or place(record)
    return Failure(
        message=message,
        at=where,
        frames=(where,) if record.connack_frame is None else (where, record.connack_frame),
        evidence=evidence,
        severity=severity,
        confidence=confidence,
        side=side,
    )


def tls_failure(
    context: TlsAuditContext,
    message: str,
    at: FrameRef | None,
    severity: Severity | None = None,
    *,
    side: Side | None = None,
    frames: tuple[FrameRef | None, ...] = (),
    **evidence: object,
) -> Failure:
    """Returns the failure of a TLS connection at frame `at`; its evidence names both peers."""
    record = context.record
    where = at or record.first
    return Failure(
        message=message,
        at=where,
        frames=tuple(frame for frame in (where, *frames) if frame is not None),
        evidence={
            "client": context.profile.client_ip,
            "server": named(record.server),
            "serverName": record.server_name,
        }
        | evidence,
        severity=severity,
        side=side,
    )


def encrypted(connection: ConnectionRecord) -> bool:
    """Whether the connection was carried in an encrypted transport."""
    return connection.transport in ENCRYPTED


EXPOSURE_TEXT = {
    "loopback": ", on the loopback interface",
    "tunnel": ", in a tunnel",
    "proxy": ", behind a proxy that terminates TLS",
    "public": " over a public address",
}


def proxy_terminates_tls(connection: ConnectionRecord) -> bool:
    """Whether a proxy reports that it terminates TLS: it forwards the connection unencrypted."""
    return connection.behind_tls_proxy


def server_name(connection: ConnectionRecord) -> str:
    """Formats the server's address and port."""
    return named(connection.server)


def named(end: Endpoint) -> str:
    """Formats address and port."""
    return f"[{end.ip}]:{end.port}" if ":" in end.ip else f"{end.ip}:{end.port}"


def hosts_behind(macs: Mapping[str, str | None]) -> int:
    """Returns the minimum number of hosts that the addresses belong to.

    `macs` maps IP addresses to MAC addresses. A host may have an IPv4 and several IPv6 addresses:
    per MAC address, either the IPv4 addresses or the IPv6 networks (/64) count, whichever are more.
    Hosts behind a router share its MAC address; then each IPv4 address counts as one host.
    """
    fours: dict[str, set[str]] = {}
    sixes: dict[str, set[str]] = {}
    for ip, mac in macs.items():
        if ":" not in ip:
            fours.setdefault(mac or ip, set()).add(ip)
        elif not ip.startswith("fe80:"):
            sixes.setdefault(mac or _prefix(ip), set()).add(_prefix(ip))
        else:
            sixes.setdefault(mac or ip, set())
    return sum(
        max(len(fours.get(place, ())), len(sixes.get(place, ())), 1)
        for place in fours.keys() | sixes.keys()
    )


def _prefix(ip: str) -> str:
    import ipaddress

    return str(ipaddress.ip_network(f"{ip}/64", strict=False))


def exposure(connection: ConnectionRecord, limits: Thresholds) -> str:
    """Returns the network range that the connection's bytes cross.

    "loopback", "tunnel", "proxy" (one that terminates the client's TLS), "private" or "public".
    """
    client, server = _reach(connection.client.ip), _reach(connection.server.ip)
    if client == server == "loopback":
        return "loopback"
    if proxy_terminates_tls(connection):
        return "proxy"
    if limits.tunnels and _tunnelled(connection, limits):
        return "tunnel"
    return "public" if "public" in (client, server) else "private"


@functools.lru_cache(maxsize=4096)
def _reach(ip: str) -> str:
    if ip.startswith(("10.", "192.168.")):
        return "private"
    import ipaddress

    address = ipaddress.ip_address(ip)
    if address.is_loopback:
        return "loopback"
    return "public" if address.is_global else "private"


def _tunnelled(connection: ConnectionRecord, limits: Thresholds) -> bool:
    import ipaddress

    ends = [ipaddress.ip_address(end.ip) for end in (connection.client, connection.server)]
    networks = [ipaddress.ip_network(text, strict=False) for text in limits.tunnels]
    return any(all(end in network for end in ends) for network in networks)
