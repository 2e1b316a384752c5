"""Formats what every report of an audit for people says about devices, servers and connections."""

from __future__ import annotations

from collections.abc import Callable

from dissector.audit.records import Device, Overview, Point, Posture, Server
from dissector.report.style import counted


def rank(posture: Posture) -> int:
    """Returns the rank of the worst finding, -1 without findings."""
    return -1 if posture.worst is None else posture.worst.rank


class WorstDevices:
    """The `limit` devices with the worst findings; all others are only counted, in `total`.

    None keeps all. `order` sorts them, the worst first; by default by their worst finding, then id.
    `parties` counts the devices with findings of each rule.
    """

    def __init__(
        self, limit: int | None, order: Callable[[Device], tuple[int, ...]] | None = None
    ) -> None:
        self.total = 0
        self.parties: dict[str, int] = {}
        self._limit = limit
        self._order = _by_worst if order is None else order
        self._kept: list[Device] = []

    def add(self, record: Device) -> None:
        """Adds a device; from time to time those are discarded that will not be shown."""
        self.total += 1
        for problem in record.posture.wrong:
            self.parties[problem.rule] = self.parties.get(problem.rule, 0) + 1
        self._kept.append(record)
        if self._limit is not None and len(self._kept) >= 2 * self._limit:
            self._kept = self.ranked()

    def ranked(self) -> list[Device]:
        """Returns the worst devices, the worst first."""
        return sorted(self._kept, key=self._order)[: self._limit]


def _by_worst(record: Device) -> tuple[int, ...]:
    return (-rank(record.posture), record.id)


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
