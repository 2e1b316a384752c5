"""What the MQTT servers of one capture have accepted so far: versions and assigned client ids.

Rules about one connection ask what its server did earlier on others (SEQ06, ACK08). That depends on
the order of connections, so it is no part of a tracker: the collector feeds it in the order of
time.
"""

from __future__ import annotations

from dissector.connections.connection import Connection
from dissector.model import FrameRef, Version

SERVERS_KEPT = 65_536  # further servers are not remembered
ASSIGNED_KEPT = 1024  # client ids of one server that are remembered
_NONE: frozenset[Version] = frozenset()


class AssignedId:
    """A client id that a server assigned, with the frame of its CONNACK.

    `connection` is the client's while it is tracked, then None; its Session lasts until `until_ns`.
    """

    __slots__ = ("connection", "frame", "until_ns")

    def __init__(self, connection: Connection, frame: FrameRef) -> None:
        self.connection: Connection | None = connection
        self.frame = frame
        self.until_ns = 0

    def in_use(self, now_ns: int) -> bool:
        """Whether a client is connected with the id, or a Session of one remains, as captured."""
        if self.connection is None:
            return now_ns < self.until_ns
        return not self.connection.closes and self.connection.quality.incomplete_reason() is None


class AcceptingServer:
    """A server that accepted a client: the `versions` in which it did, and the assigned ids.

    `assigned` are the newest `ASSIGNED_KEPT` client ids that it assigned, None without any.
    """

    __slots__ = ("assigned", "versions")

    def __init__(self) -> None:
        self.versions = _NONE
        self.assigned: dict[str, AssignedId] | None = None


class AcceptingServers:
    """The servers that accepted a client in this capture, by address and port."""

    def __init__(self) -> None:
        self._servers: dict[tuple[str, int], AcceptingServer] = {}

    def clear(self) -> None:
        """Begins another capture."""
        self._servers.clear()

    def accepted(self, connection: Connection) -> None:
        """Records the CONNACK of a connection, if it accepts the client.

        Sets `id_assigned_before` of the connection. A second call for it changes nothing.
        """
        connack = connection.connack
        if connack is None or connack.return_code != 0:
            return
        end = connection.server
        server = self._servers.get((end.ip, end.port))
        if server is None:
            if len(self._servers) >= SERVERS_KEPT:
                return
            server = self._servers[end.ip, end.port] = AcceptingServer()
        version = connection.version
        if version is not None and version not in server.versions:
            server.versions |= {version}
        client_id = connection.assigned_client_id()
        if client_id is not None and connack.frame is not None:
            self._assign(server, client_id, connection, connack.frame)

    def versions(self, connection: Connection) -> frozenset[Version]:
        """Returns the versions that the server of a connection has accepted so far."""
        server = self._servers.get((connection.server.ip, connection.server.port))
        return _NONE if server is None else server.versions

    def ended(self, connection: Connection) -> None:
        """Records that a connection has ended: nobody may be connected with its assigned id."""
        client_id = connection.assigned_client_id()
        if client_id is None:
            return
        server = self._servers.get((connection.server.ip, connection.server.port))
        if server is None or server.assigned is None:
            return
        known = server.assigned.get(client_id)
        if known is None or known.connection is not connection:
            return
        known.connection = None
        if connection.closes and connection.quality.incomplete_reason() is None:
            closed_ns = connection.closes[0].frame.time_ns
            known.until_ns = closed_ns + connection.session_expiry() * 1_000_000_000

    def _assign(
        self, server: AcceptingServer, client_id: str, connection: Connection, frame: FrameRef
    ) -> None:
        """Records an assigned client id, and where it was assigned before if still in use."""
        if server.assigned is None:
            server.assigned = {}
        before = server.assigned.get(client_id)
        if before is not None:
            if before.connection is connection:
                return
            del server.assigned[client_id]  # the new one is the newest
            if before.in_use(frame.time_ns):
                connection.id_assigned_before = before.frame
        if len(server.assigned) >= ASSIGNED_KEPT:
            del server.assigned[next(iter(server.assigned))]
        server.assigned[client_id] = AssignedId(connection, frame)
