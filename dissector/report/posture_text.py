"""Formats what every report of an audit for people says about devices, servers and connections."""

from __future__ import annotations

from dissector.audit.records import Device, Overview, Point, Posture, Server
from dissector.report.style import counted


def rank(posture: Posture) -> int:
    """Returns the rank of the worst finding, -1 without findings."""
    return -1 if posture.worst is None else posture.worst.rank


def share(point: Point) -> str:
    """Formats what is right and on how many connections: `… (5 of 12 connections)`."""
    return f"{point.text} ({point.count:,} of {counted(point.total, 'connection')})"


def connections(overview: Overview) -> str:
    """Formats how many connections are encrypted and how many log in.

    Those of which it is unknown are counted, too: `3 connections: 1 in clear, 0 encrypted, …`.
    """
    hidden = overview.connections - overview.clear - overview.encrypted
    unread = overview.connections - overview.anonymous - overview.authenticated
    encryption = f"{overview.clear:,} in clear, {overview.encrypted:,} encrypted"
    if hidden:
        encryption += f", {hidden:,} without data or established TLS"
    login = f"{overview.anonymous:,} without credentials, {overview.authenticated:,} with"
    if unread:
        login += f", {unread:,} unknown"
    return f"{counted(overview.connections, 'connection')}: {encryption}; {login}"


def versions(record: Device | Server) -> str:
    """Returns the MQTT versions, or the TLS versions if TLS was not decrypted."""
    ways = dict.fromkeys(" ".join(way.split(" ")[:2]) for way in record.tls)
    return " ".join(record.versions) or ", ".join(ways) or "-"
