"""What all trackers of one analysis share: names, counts, and who listens."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import cython

from dissector.connections.connection import Connection
from dissector.integers import IntegerArray
from dissector.model import Endpoint, FrameRef, Side, Version
from dissector.mqtt.packets import Packet
from dissector.net.inflate import Inflaters

if TYPE_CHECKING:
    from dissector.connections.decrypted import Decrypted
    from dissector.connections.tls_handshake import TlsHandshake

if cython.compiled:
    from cython.cimports.dissector.integers import format_ipv4, format_mac  # type: ignore[import-not-found]
    from cython.cimports.dissector.model import endpoint, frame_ref  # type: ignore[import-not-found]
else:
    from dissector.integers import format_ipv4, format_mac
    from dissector.model import endpoint, frame_ref

_NUMBER = (1 << 40) - 1
_NONE: frozenset[Version] = frozenset()
_SPELT_KEPT = 32768  # IPv6 addresses whose spelling is kept
_SERVERS_KEPT = 65536


class EventSink:
    """Receives what the trackers see, as it happens. Here it does nothing with it."""

    def defects(self, connection: Connection, packet: Packet, side: Side) -> None:
        """A packet with at least one defect."""

    def answered(self, connection: Connection) -> None:
        """The first CONNACK of a connection; its handshake can be judged."""

    def not_judged(self, connection: Connection, packet: Packet) -> None:
        """A packet that would be judged if the view of the connection were not as it is."""

    def ended(self, connection: Connection) -> None:
        """The view of a connection ended; what is missing can be judged."""

    def limited(self, kind: str, message: str, frame: FrameRef | None, stream: int) -> None:
        """A limit of our own was hit."""

    def encrypted(self, record: TlsHandshake) -> None:
        """The view of a TLS connection ended that seems to carry MQTT."""

    def packet(self, connection: Connection, packet: Packet, side: Side) -> None:
        """Any packet; called only where `keep_all` was asked for."""


class KnownServer:
    """A server as trackers know it; `versions` are those that it has accepted so far."""

    def __init__(self, endpoint: Endpoint, mac: bytes | None) -> None:
        self.endpoint = endpoint
        self.mac = mac
        self.versions: frozenset[Version] = _NONE

    def accepts(self, version: Version) -> None:
        """Remember that it accepted a connection of that version."""
        if version not in self.versions:
            self.versions |= {version}


class AnalysisContext:
    """Shared by the trackers of one analysis. `counts` are control packets by type.

    `ports` are those where MQTT is expected in clear, `tls_ports` those where TLS carries it;
    `decrypted` is what is known of the inside of TLS connections.
    `noted(connection, packet type, time)` hears of every packet that the order of things depends
    on, where somebody asked: a live capture, for deadlines. `watched`: frames that are lost before
    anybody sees them are counted, and `dropped_ns` is when that was for the last time.
    """

    def __init__(
        self,
        sink: EventSink,
        files: list[str],
        ports: frozenset[int],
        keep_all: bool = False,
        tls_ports: frozenset[int] = frozenset(),
        decrypted: Decrypted | None = None,
    ) -> None:
        self.sink = sink
        self.files = files
        self.ports = ports
        self.tls_ports = tls_ports
        self.decrypted = decrypted
        self.keep_all = keep_all
        self.counts = IntegerArray(16)
        self.mqtt_connections = 0
        self.noted: Callable[[int, int, int], None] | None = None
        self.watched = False
        self.dropped_ns = -1
        self.handshakes = 0
        self.tls_handshakes = 0
        self.other: dict[str, int] = {}
        self.inflaters = Inflaters()
        self._servers: dict[bytes, dict[int, KnownServer]] = {}  # by address, by port
        self._known_servers = 0
        self._spelt: dict[bytes, str] = {}

    def frame(self, key: int, time_ns: int) -> FrameRef:
        """Spell a frame key, `file << 40 | number`."""
        file = self.files[0] if key <= _NUMBER else self.files[key >> 40]
        return frame_ref(file, key & _NUMBER, time_ns)

    def endpoint(self, ip: bytes, port: int, mac: bytes | None) -> Endpoint:
        """Spell one end of a connection."""
        return endpoint(self._spell(ip), port, None if mac is None else self._spell(mac))

    def _spell(self, address: bytes) -> str:
        """Spell an address, by its length IPv4, IPv6 or MAC."""
        size = len(address)
        if size == 4:
            return format_ipv4(address)
        if size == 6:
            return format_mac(address)
        known = self._spelt.get(address)
        if known is None:
            import socket  # its import costs more than a small capture

            known = socket.inet_ntop(socket.AF_INET6, address)
            if len(self._spelt) >= _SPELT_KEPT:
                self._spelt.clear()
            self._spelt[address] = known
        return known

    def server(self, ip: bytes, port: int, mac: bytes | None) -> KnownServer:
        """Give what is known of a server, its end of a connection spelt."""
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

    def other_traffic(self, kind: str) -> None:
        """Count a connection that carries something else."""
        self.other[kind] = self.other.get(kind, 0) + 1
