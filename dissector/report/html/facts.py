"""Collects the facts about a device or a server for its page and its table row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from dissector.audit.records import Device, Kind, Server
from dissector.report.clock import rfc3339
from dissector.report.html.diagram import short
from dissector.report.posture_text import versions

ID_SHOWN = 80


class Facts(NamedTuple):
    """Cells of the row, pairs of label and value, and the evidence that identifies the device."""

    cells: list[str]
    reported: list[tuple[str, str]]
    evidence: list[tuple[str, str, str, int]]


def of_device(record: Device) -> Facts:
    """Returns the facts about a device."""
    software = record.software
    facts = [
        ("kind", _with(record.kind.value, record.kind_reason)),
        ("vendor", _with(record.vendor, record.vendor_reason)),
        ("software", "" if software is None else _with(
            f"{software.name} ({software.confidence})", software.reason)),
        ("MQTT", _counts(record.versions)),
        ("transport", _counts(record.transports)),
        ("logs in by", _counts(record.authentication)),
        ("TLS", _counts(record.tls)),
        ("keep alive", _counts({f"{k} s": n for k, n in record.keep_alives.items()})),
        ("sessions", _sessions(record)),
        ("wills", "; ".join(
            f"{short(will.topic)} (QoS {will.qos}{', retained' if will.retain else ''}, "
            f"{will.message_length:,} bytes)" for will in record.wills[:5])),
        ("servers", ", ".join(record.servers[:10])),
        ("connections", _connections(record)),
        ("reconnects", f"{record.reconnects:,}" if record.reconnects else ""),
        ("takeovers", f"{record.takeovers:,}" if record.takeovers else ""),
        ("seen", f"{timestamp(record.first_seen_ns)} to {timestamp(record.last_seen_ns)}"),
    ]  # fmt: skip
    evidence = [
        (item.kind, short(item.value, ID_SHOWN), item.reason, item.count)
        for item in record.evidence[:12]
    ]
    address_shown = record.addresses[0] if record.addresses else ""
    cells = [
        address_shown + (" …" if len(record.addresses) > 1 else ""),
        "" if record.kind is Kind.DEVICE else record.kind.value,
        versions(record),
        short(", ".join(record.authentication), 40),
        short(record.vendor or (software.name if software else ""), 30),
    ]
    return Facts(cells, [(what, value) for what, value in facts if value], evidence)


def of_server(record: Server) -> Facts:
    """Returns the facts about a server."""
    software = record.software
    asks = record.asks_client_certificate
    facts = [
        ("vendor", _with(record.vendor, record.vendor_reason)),
        ("software", "" if software is None else _with(
            f"{software.name} ({software.confidence})", software.reason)),
        ("MAC", " ".join(record.macs[:5])),
        ("MQTT", _counts(record.versions)),
        ("refused versions", _counts(record.versions_refused)),
        ("transport", _counts(record.transports)),
        ("requested as", short(", ".join(record.hosts), 200)),
        ("paths", short(", ".join(record.paths), 200)),
        ("behind a proxy", _counts(record.forwarders)),
        ("TLS", _counts(record.tls)),
        ("accepts login by", _counts(record.accepts)),
        ("refuses login by", _counts(record.refuses)),
        ("refusal codes", _counts(record.refusals)),
        ("requests a certificate", "" if asks is None else ("yes" if asks else "no")),
        ("announced limits", "; ".join(
            f"{name} {', '.join(map(str, values[:5]))}"
            for name, values in record.limits.items())),
        ("devices", f"{record.devices:,}"),
        ("connections", _connections(record)),
        ("seen", f"{timestamp(record.first_seen_ns)} to {timestamp(record.last_seen_ns)}"),
    ]  # fmt: skip
    facts += [
        ("certificate", f"{short(item.subject, ID_SHOWN)}, by {short(item.issuer, ID_SHOWN)}, "
         f"{timestamp(item.not_before_ns)[:10]} to {timestamp(item.not_after_ns)[:10]}, "
          f"{item.key}, {item.signature}")
        for item in record.certificates[:3]
    ]  # fmt: skip
    cells = [
        short(", ".join(record.accepts), 60) or "none seen",
        short(", ".join(record.refusals), 60) or "none seen",
        versions(record),
        short(software.name, 30) if software else "",
        f"{record.devices:,}",
    ]
    return Facts(cells, [(what, value) for what, value in facts if value], [])


def timestamp(time_ns: int) -> str:
    """Formats a time in whole seconds."""
    return rfc3339(time_ns, 6)[:19].replace("T", " ")


def _with(value: str | None, reason: str | None) -> str:
    if value is None:
        return reason or ""
    return f"{value}: {reason}" if reason else value


def _counts(counts: Mapping[Any, int]) -> str:
    if len(counts) == 1:
        return "".join(str(key) for key in counts)
    return ", ".join(f"{short(str(key))} ({count:,})" for key, count in list(counts.items())[:10])


def _sessions(record: Device) -> str:
    session = record.session
    parts = [f"{session.clean:,} clean"] if session.clean else []
    parts += [f"{session.kept:,} kept"] if session.kept else []
    if session.expiry:
        parts.append(f"expire after {', '.join(f'{item:,} s' for item in session.expiry[:5])}")
    return ", ".join(parts)


def _connections(record: Device | Server) -> str:
    names = ("accepted", "refused", "unanswered")
    parts = [f"{getattr(record, name):,} {name}" for name in names if getattr(record, name)]
    return f"{record.connections:,}" + (f" ({', '.join(parts)})" if parts else "")
