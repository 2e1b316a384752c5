"""What a rule of an audit is: of a connection with its history (SEC), of a TLS handshake (TLS).

Like the other rules each is one file with one class. They are about good practice and not about the
standard, so they cite no statement; `references` name what they relate to. Plain `analyze` neither
loads nor asks them, unless they are selected by name.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from dissector.connections.audit_context import AuditContext
from dissector.connections.connection import Connection
from dissector.model import (
    Endpoint,
    Finding,
    FrameRef,
    Obligation,
    Severity,
    Side,
    Version,
)
from dissector.rules.base import Failure, Rule, Verdict
from dissector.rules.judge import in_order
from dissector.rules.thresholds import Thresholds

if TYPE_CHECKING:
    from dissector.connections.tls_activity import TlsAuditContext
    from dissector.connections.tls_handshake import TlsHandshake

# What the rules relate to: names of the sources and how a report prints them
SOURCES = {
    "CWE": "CWE-{}",
    "OWASP": "OWASP IoT 2018 {}",
    "ETSI": "ETSI EN 303 645 V2.1.1 {}",
    "NISTIR": "NISTIR 8259A {}",
    "MQTT": "MQTT chapter {} (non-normative)",
    "RFC": "RFC {}",
}
ENCRYPTED = frozenset({"tls", "wss", "quic"})


class AuditRule(Rule):
    """A rule that takes part in audits. `references` maps a key of `SOURCES` to items.

    The mappings are ours and mean "relates to", never "violates".
    """

    obligation: ClassVar[Obligation] = Obligation.ADVICE
    statements: ClassVar[Mapping[Version, tuple[str, ...]]] = {}
    references: ClassVar[Mapping[str, tuple[str, ...]]]
    version_may_be_unknown: ClassVar[bool] = True

    @classmethod
    def applies(cls, version: Version | None) -> bool:
        """Say yes: these rules are about every version."""
        return True

    @classmethod
    def relates_to(cls) -> tuple[str, ...]:
        """Spell the references."""
        return tuple(
            SOURCES[source].format(item)
            for source, items in cls.references.items()
            for item in items
        )


class ConnectionAuditRule(AuditRule):
    """Judges a connection when it is answered and when it ends; `asks` are bits of `Event`."""

    asks: ClassVar[int]

    def check(self, context: AuditContext, limits: Thresholds) -> Verdict:
        """Judge one moment that has one of the events."""
        raise NotImplementedError


class TlsRule(AuditRule):
    """Judges a TLS connection that seems to carry MQTT, when the view of it ends."""

    def check_tls(self, context: TlsAuditContext, limits: Thresholds) -> Verdict:
        """Judge one of them."""
        raise NotImplementedError


def place(connection: Connection) -> FrameRef:
    """Give the frame that a finding about a connection is shown at: its CONNECT, else its first."""
    if connection.connect is not None and connection.connect.frame is not None:
        return connection.connect.frame
    return connection.first


def failure(
    context: AuditContext,
    message: str,
    severity: Severity | None = None,
    *,
    side: Side | None = None,
    at: FrameRef | None = None,
    **evidence: object,
) -> Failure:
    """Make the failure of a moment; its frames are the CONNECT, and the CONNACK if there is one."""
    connection = context.connection
    where = at or place(connection)
    frames = [where]
    if connection.connack is not None and connection.connack.frame is not None:
        frames.append(connection.connack.frame)
    return Failure(
        message=message,
        at=where,
        frames=tuple(frames),
        evidence=evidence,
        severity=severity,
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
    """Make the failure of a TLS connection, shown at the frame `at`; who was there is evidence."""
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


def tls_finding(rule: AuditRule, record: TlsHandshake, failure: Failure) -> Finding:
    """Complete a failure with what the rule and the connection say."""
    return Finding(
        rule=rule.id,
        name=rule.name,
        severity=failure.severity or rule.severity_in(None),
        obligation=rule.obligation,
        confidence=failure.confidence or rule.confidence,
        statements=(),
        section=None,
        version=None,
        side=failure.side or rule.side,
        handshake=None,
        stream=record.stream,
        client_id=None,
        file=failure.at.file,
        frame=failure.at.number,
        frames=in_order(failure.frames or (failure.at,)),
        time_ns=failure.at.time_ns,
        message=failure.message,
        evidence=failure.evidence,
        client=record.client,
        server=record.server,
    )


def encrypted(connection: Connection) -> bool:
    """Whether the connection came out of an encrypted transport."""
    return connection.transport in ENCRYPTED


BY_WAY = {
    "loopback": ", on the loopback interface",
    "tunnel": ", in a tunnel",
    "proxy": ", behind a proxy that took TLS off",
    "public": " over a public address",
}


def ends_tls(connection: Connection) -> bool:
    """Whether a proxy says that its client speaks TLS with it, and hands on in clear."""
    encapsulation = connection.encapsulation
    if encapsulation is None:
        return False
    if encapsulation.proxied is not None and encapsulation.proxied.tls is not None:
        return True
    forwarded = None if encapsulation.request is None else encapsulation.request.forwarded
    return forwarded is not None and "proto=https" in forwarded.lower().replace('"', "")


def server_name(connection: Connection) -> str:
    """Spell the server's address and port."""
    return named(connection.server)


def named(end: Endpoint) -> str:
    """Spell address and port."""
    return f"[{end.ip}]:{end.port}" if ":" in end.ip else f"{end.ip}:{end.port}"


def hosts_behind(macs: Mapping[str, str | None]) -> int:
    """Count the hosts behind addresses, at least; `macs` has the MAC address of each.

    A host may have an IPv4 address and several of IPv6: so of one MAC address either the former
    are counted, or the IPv6 networks, whichever are more. Behind a router each is another host.
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


def exposure(connection: Connection, limits: Thresholds) -> str:
    """Say how far the connection's bytes travel.

    "loopback", "tunnel", "proxy" (from one that speaks TLS with the client), "private", "public".
    """
    client, server = _reach(connection.client.ip), _reach(connection.server.ip)
    if client == server == "loopback":
        return "loopback"
    if ends_tls(connection):
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


def _tunnelled(connection: Connection, limits: Thresholds) -> bool:
    import ipaddress

    ends = [ipaddress.ip_address(end.ip) for end in (connection.client, connection.server)]
    networks = [ipaddress.ip_network(text, strict=False) for text in limits.tunnels]
    return any(all(end in network for end in ends) for network in networks)
