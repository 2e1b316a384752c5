"""Defines what a TCP connection needs from the flow table (net/flow_table.py derives from this)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dissector.net.consumer import Consumer
from dissector.net.delivered_ring import DeliveredRing
from dissector.net.limits import ByteBudget, Limits

if TYPE_CHECKING:
    from dissector.net.tcp import TcpConnection


class ReassemblyContext:
    """State shared by all connections, and the calls by which they report."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.delivered = DeliveredRing()
        self.buffered = 0  # bytes buffered in all connections
        self.buffered_limit = limits.buffered_bytes
        self.budget = ByteBudget(limits.kept_bytes)  # by serial: what consumers keep
        self.over_budget = False
        self.attention = False  # `over_budget`, or there are abandoned connections
        self.abandoned: list[TcpConnection] = []  # whose bytes are not wanted any more
        # how often a server proved to speak MQTT; unread flows are looked up again after each
        self.generation = 0
        self.direction_limit = limits.direction_bytes
        self.hole_segments = limits.hole_segments
        self.hole_ns = limits.hole_ns
        self.contradictions = 0  # segments that do not fit the others of their connection
        self.clock_steps_back = 0  # how often the capture's clock went back by more than a second

    def open(self, connection: TcpConnection) -> Consumer | None:
        """Return the consumer for a connection's bytes; None if they are not wanted."""
        return None

    def connection_closed(self, connection: TcpConnection) -> None:
        """Called when a connection was closed; tracking ends after the linger time."""

    def connection_complete(self, connection: TcpConnection) -> None:
        """Called when a connection was closed and nothing is missing; tracking ends."""

    def connection_decided(self, connection: TcpConnection) -> None:
        """Called when a connection turned out to have MQTT, or a layer that may hold MQTT."""

    def report(self, kind: str, message: str, frame: int, stream: int) -> None:
        """Report a capture warning."""
