"""State that all trackers of one analysis share: file names, endpoints, counters, event sink."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import cython

from dissector.connections.connection import Connection
from dissector.connections.deadlines import DEFAULT, Deadlines
from dissector.connections.proven_servers import ProvenServers
from dissector.integers import IntegerArray
from dissector.model import Endpoint, FrameRef, Side, Version
from dissector.mqtt.packets import Packet
from dissector.net.inflate import Inflaters

if TYPE_CHECKING:
    from dissector.connections.decrypted import Decrypted
    from dissector.connections.tls_handshake import TlsHandshake
    from dissector.net.reassembly import TcpConnection

if cython.compiled:
    from cython.cimports.dissector.integers import format_ipv4, format_mac  # type: ignore[import-not-found]
    from cython.cimports.dissector.model import endpoint, frame_ref  # type: ignore[import-not-found]
else:
    from dissector.integers import format_ipv4, format_mac
    from dissector.model import endpoint, frame_ref

_NUMBER = (1 << 40) - 1
_NONE: frozenset[Version] = frozenset()
_FORMATTED_KEPT = 32768  # IPv6 addresses whose text form is cached
_SERVERS_KEPT = 65536
ASSIGNED_KEPT = 1024  # client ids of one server that are remembered


class EventSink:
    """Receives the events of trackers as they occur. This base class ignores them."""

    def defects(self, connection: Connection, packet: Packet, side: Side) -> None:
        """Called for a packet with at least one defect."""

    def answered(self, connection: Connection) -> None:
        """Called at the first CONNACK of a connection: its handshake can be checked."""

    def not_judged(self, connection: Connection, packet: Packet) -> None:
        """Called for a packet that cannot be evaluated because the capture is incomplete."""

    def ended(self, connection: Connection) -> None:
        """Called when a connection ended: missing packets and closes can be checked."""

    def limited(self, kind: str, message: str, frame: FrameRef | None, stream: int) -> None:
        """Called for a capture warning: a limit was hit, or data could not be captured or read."""

    def encrypted(self, record: TlsHandshake) -> None:
        """Called when a TLS connection that seems to carry MQTT ended."""

    def packet(self, connection: Connection, packet: Packet, side: Side) -> None:
        """Called for every packet, only with `keep_all`."""


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


class AnalysisContext:
    """Shared by the trackers of one analysis. `counts` are control packets by type.

    `ports` are those where MQTT is expected in clear text, `tls_ports` those where TLS carries it;
    `decrypted` holds decrypted data of TLS connections.
    `on_packet(connection, packet type, time)`, if set, is called for every packet that is handled
    one by one: a live capture sets deadlines by it. `watched`: frames that the kernel dropped are
    counted, and `dropped_ns` is the time of the last drop.
    """

    def __init__(
        self,
        sink: EventSink,
        files: list[str],
        ports: frozenset[int],
        keep_all: bool = False,
        tls_ports: frozenset[int] = frozenset(),
        decrypted: Decrypted | None = None,
        deadlines: Deadlines = DEFAULT,
    ) -> None:
        self.sink = sink
        self.files = files
        self.ports = ports
        self.tls_ports = tls_ports
        self.decrypted = decrypted
        self.keep_all = keep_all
        self.deadlines = deadlines
        self.close_ns = deadlines.close_ns
        self.connack_ns = deadlines.connack_ns
        self.counts = IntegerArray(16)
        self.mqtt_connections = 0
        self.on_packet: Callable[[int, int, int], None] | None = None
        self.watched = False
        self.dropped_ns = -1
        self.handshakes = 0
        self.tls_handshakes = 0
        self.other: dict[str, int] = {}
        self.unread_advice = ""  # what to do about frames of link types that the engine cannot read
        self.other_ports: dict[str, dict[int, int]] = {}  # by kind: connections by server port
        self.inflaters = Inflaters()
        self.proven = ProvenServers(sink)
        self._servers: dict[bytes, dict[int, KnownServer]] = {}  # by address, by port
        self._known_servers = 0
        self._formatted: dict[bytes, str] = {}

    def frame(self, key: int, time_ns: int) -> FrameRef:
        """Returns the reference of a frame from its key, `file << 40 | number`."""
        file = self.files[0] if key <= _NUMBER else self.files[key >> 40]
        return frame_ref(file, key & _NUMBER, time_ns)

    def endpoint(self, ip: bytes, port: int, mac: bytes | None) -> Endpoint:
        """Returns one end of a connection with its addresses as text."""
        return endpoint(self._format(ip), port, None if mac is None else self._format(mac))

    def _format(self, address: bytes) -> str:
        """Formats an address: IPv4, IPv6 or MAC, by its length."""
        size = len(address)
        if size == 4:
            return format_ipv4(address)
        if size == 6:
            return format_mac(address)
        known = self._formatted.get(address)
        if known is None:
            import socket  # its import costs more than a small capture

            known = socket.inet_ntop(socket.AF_INET6, address)
            if len(self._formatted) >= _FORMATTED_KEPT:
                self._formatted.clear()
            self._formatted[address] = known
        return known

    def server(self, ip: bytes, port: int, mac: bytes | None) -> KnownServer:
        """Returns the record of a server, and creates it at the first call."""
        there = self._servers.get(ip)
        if there is None:
            there = {}
            if self._known_servers < _SERVERS_KEPT:
                self._servers[ip] = there
        known = there.get(port)
        if known is None:
            known = KnownServer(self.endpoint(ip, port, mac), mac)
            if self._known_servers < _SERVERS_KEPT:
                self._known_servers += 1
                there[port] = known
        elif known.mac != mac:
            known.mac = mac
            known.endpoint = self.endpoint(ip, port, mac)
        return known

    def other_traffic(self, kind: str, tcp: TcpConnection) -> None:
        """Counts a connection that carries another protocol."""
        port = tcp.port_b
        if not tcp.syn_seen and tcp.port_a < port:
            port = tcp.port_a  # no SYN captured: the server usually has the lower port
        self.count_other(kind, port)

    def count_other(self, kind: str, port: int) -> None:
        """Counts a flow of another protocol with this server port."""
        self.other[kind] = self.other.get(kind, 0) + 1
        ports = self.other_ports.setdefault(kind, {})
        ports[port] = ports.get(port, 0) + 1
