"""State that all trackers of one analysis share: file names, endpoints, counters, servers."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import cython

from dissector.connections.deadlines import DEFAULT, Deadlines
from dissector.connections.event_sink import EventSink
from dissector.connections.known_server import KnownServer
from dissector.connections.proven_servers import ProvenServers
from dissector.integers import IntegerArray
from dissector.model import Endpoint, FrameRef
from dissector.net.flow_table import PortCounter
from dissector.net.inflate import Inflaters

if TYPE_CHECKING:
    from dissector.connections.decrypted import Decrypted
    from dissector.net.reassembly import TcpConnection

if cython.compiled:
    from cython.cimports.dissector.integers import format_ipv4, format_mac  # type: ignore[import-not-found]
    from cython.cimports.dissector.model import endpoint, frame_ref  # type: ignore[import-not-found]
else:
    from dissector.integers import format_ipv4, format_mac
    from dissector.model import endpoint, frame_ref

_NUMBER = (1 << 40) - 1
_FORMATTED_KEPT = 32768  # IPv6 addresses whose text form is cached
_SERVERS_KEPT = 65536


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
        self.unread_advice = ""  # what to do about frames of link types that the engine cannot read
        self._other: dict[str, PortCounter] = {}  # by kind: connections of other protocols
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

    def end_of(self, tcp: TcpConnection, side: int) -> Endpoint:
        """Returns one end of a connection with its addresses as text."""
        direction = tcp.direction(side)
        return self.endpoint(direction.ip, direction.port, direction.mac)

    def server_of(self, tcp: TcpConnection, side: int) -> KnownServer:
        """Returns the record of the server that one end of a connection is."""
        direction = tcp.direction(side)
        return self.server(direction.ip, direction.port, direction.mac)

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
        port = tcp.b.port
        if not tcp.syn_seen and tcp.a.port < port:
            port = tcp.a.port  # no SYN captured: the server usually has the lower port
        self.count_other(kind, port)

    def count_other(self, kind: str, port: int) -> None:
        """Counts a flow of another protocol with this server port."""
        ports = self._other.get(kind)
        if ports is None:
            ports = self._other[kind] = PortCounter()
        ports.add(port)

    @property
    def other(self) -> dict[str, int]:
        """The number of connections that carry another protocol, by its kind."""
        return {kind: sum(ports.values()) for kind, ports in self.other_ports.items()}

    @property
    def other_ports(self) -> dict[str, dict[int, int]]:
        """Connections of other protocols by kind and server port."""
        return {kind: ports.by_port() for kind, ports in self._other.items()}
