"""Receives what the trackers of one analysis find: rules and reports derive from this class."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dissector.connections.connection import Connection
from dissector.model import FrameRef, Side
from dissector.mqtt.packets import Packet

if TYPE_CHECKING:
    from dissector.connections.tls_handshake import TlsHandshake


class EventSink:
    """Receives the events of trackers as they occur. This base class ignores them."""

    def defects(self, connection: Connection, packet: Packet, side: Side) -> None:
        """Called for a packet with at least one defect."""

    def answered(self, connection: Connection) -> None:
        """Called at the first CONNACK of a connection: its handshake can be checked."""

    def not_judged(self, connection: Connection, packet: Packet) -> None:
        """Called for a packet that cannot be evaluated because the capture is incomplete."""

    def closing(self, connection: Connection) -> None:
        """Called when one side has closed a connection, the first time."""

    def ended(self, connection: Connection) -> None:
        """Called when a connection ended: missing packets and closes can be checked."""

    def limited(self, kind: str, message: str, frame: FrameRef | None, stream: int) -> None:
        """Called for a capture warning: a limit was hit, or data could not be captured or read."""

    def encrypted(self, record: TlsHandshake) -> None:
        """Called when a TLS connection that seems to carry MQTT ended."""

    def packet(self, connection: Connection, packet: Packet, side: Side) -> None:
        """Called for every packet, only with `keep_all`."""
