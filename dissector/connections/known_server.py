"""What is known of an MQTT server from its earlier connections in the capture."""

from __future__ import annotations

from dissector.connections.connection import Connection
from dissector.model import Endpoint, FrameRef, Version

ASSIGNED_KEPT = 1024  # client ids of one server that are remembered
_NONE: frozenset[Version] = frozenset()


class AssignedId:
    """A client id that a server assigned, with the frame of its CONNACK.

    `connection` is the client's while it is tracked, then None; its Session lasts until `until_ns`.
    """

    def __init__(self, connection: Connection, frame: FrameRef) -> None:
        self.connection: Connection | None = connection
        self.frame = frame
        self.until_ns = 0

    def in_use(self, now_ns: int) -> bool:
        """Whether a client is connected with the id, or a Session of one remains, as captured."""
        if self.connection is None:
            return now_ns < self.until_ns
        return not self.connection.closes and self.connection.quality.incomplete_reason() is None


class KnownServer:
    """A server seen by the trackers; `versions` are the MQTT versions it has accepted so far.

    `assigned` are the client ids that it assigned, the newest `ASSIGNED_KEPT` of them.
    `last_seen_ns` is the time of the last segment of any of its connections that has ended (at the
    end of the capture: of any). `bytes_missing`: not all of what they carried was captured.
    """

    def __init__(self, endpoint: Endpoint, mac: bytes | None) -> None:
        self.endpoint = endpoint
        self.mac = mac
        self.versions: frozenset[Version] = _NONE
        self.assigned: dict[str, AssignedId] | None = None
        self.last_seen_ns = 0
        self.bytes_missing = False

    def accepts(self, version: Version) -> None:
        """Records that the server accepted a connection of that version."""
        if version not in self.versions:
            self.versions |= {version}

    def assign(self, client_id: str, connection: Connection, frame: FrameRef) -> FrameRef | None:
        """Records an assigned client id; returns where it was assigned before, if still in use."""
        if self.assigned is None:
            self.assigned = {}
        before = self.assigned.pop(client_id, None)
        if len(self.assigned) >= ASSIGNED_KEPT:
            del self.assigned[next(iter(self.assigned))]
        self.assigned[client_id] = AssignedId(connection, frame)
        return before.frame if before is not None and before.in_use(frame.time_ns) else None

    def release(self, client_id: str, connection: Connection) -> None:
        """Records that the connection of an assigned client id has ended."""
        record = (self.assigned or {}).get(client_id)
        if record is None or record.connection is not connection:
            return
        record.connection = None
        if connection.closes and connection.quality.incomplete_reason() is None:
            closed_ns = connection.closes[0].frame.time_ns
            record.until_ns = closed_ns + connection.session_expiry() * 1_000_000_000
