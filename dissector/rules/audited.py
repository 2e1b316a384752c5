"""What a rule of an audit is: of a connection with its history (SEC), of a TLS handshake (TLS).

Like the other rules each is one file with one class. They are about good practice and not about the
standard, so they cite no statement; `references` name what they relate to. Plain `analyze` neither
loads nor asks them, unless they are selected by name.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import ClassVar

from dissector.connections.connection import Connection
from dissector.connections.history import Moment
from dissector.model import FrameRef, Obligation, Severity, Side, Version
from dissector.rules.base import Failure, Rule, Verdict
from dissector.rules.thresholds import Thresholds

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


class AuditedRule(Rule):
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


class MomentRule(AuditedRule):
    """Judges a connection when it is answered and when it ends; `asks` are bits of `Event`."""

    asks: ClassVar[int]

    def check(self, moment: Moment, limits: Thresholds) -> Verdict:
        """Judge one moment that has one of the events."""
        raise NotImplementedError


def place(connection: Connection) -> FrameRef:
    """Give the frame that a finding about a connection is shown at: its CONNECT, else its first."""
    if connection.connect is not None and connection.connect.frame is not None:
        return connection.connect.frame
    return connection.first


def failure(
    moment: Moment,
    message: str,
    severity: Severity | None = None,
    *,
    side: Side | None = None,
    at: FrameRef | None = None,
    **evidence: object,
) -> Failure:
    """Make the failure of a moment; its frames are the CONNECT, and the CONNACK if there is one."""
    connection = moment.connection
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


def encrypted(connection: Connection) -> bool:
    """Whether the connection came out of an encrypted transport."""
    return connection.transport in ENCRYPTED


def server_name(connection: Connection) -> str:
    """Spell the server's address and port."""
    server = connection.server
    return f"[{server.ip}]:{server.port}" if ":" in server.ip else f"{server.ip}:{server.port}"


def exposure(connection: Connection, limits: Thresholds) -> str:
    """Say how far the connection's bytes travel: "loopback", "tunnel", "private" or "public"."""
    client, server = _reach(connection.client.ip), _reach(connection.server.ip)
    if client == server == "loopback":
        return "loopback"
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
    return "private" if address.is_private else "public"


def _tunnelled(connection: Connection, limits: Thresholds) -> bool:
    import ipaddress

    ends = [ipaddress.ip_address(end.ip) for end in (connection.client, connection.server)]
    networks = [ipaddress.ip_network(text, strict=False) for text in limits.tunnels]
    return any(all(end in network for end in ends) for network in networks)
