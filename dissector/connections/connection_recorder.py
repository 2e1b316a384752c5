"""Tracks capture completeness for one TCP connection and builds its `Connection` record.

The base class of a tracker: it holds all state of a connection, makes the record that rules read,
and notes what is missing in it. Sides are numbers as in `net`; `client` is one of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dissector.connections.analysis_context import AnalysisContext, KnownServer
from dissector.connections.connection import CaptureQuality, Connection, ConnectionFlag
from dissector.model import FrameRef, Side
from dissector.mqtt.stream import Framer
from dissector.net.consumer import CAPTURE_END, EVICTED, REUSED, Consumer
from dissector.net.reassembly import TcpConnection

if TYPE_CHECKING:
    from dissector.connections.encapsulation import Encapsulation

UNDECIDED, MQTT, IGNORED, HTTP = range(4)

_CLIENT, _SERVER = Side.CLIENT, Side.SERVER
_ENDINGS = {REUSED: "reused", EVICTED: "evicted", CAPTURE_END: "capture end"}


class ConnectionRecorder(Consumer):
    """State of one connection, and how completely it was captured."""

    def begin(self, context: AnalysisContext, tcp: TcpConnection) -> None:
        """Initialises a tracker that was made without its constructor (see `SequenceTracker`)."""
        self.context = context
        self.tcp = tcp
        self.mode = UNDECIDED
        self.known_port = tcp.expected
        self.client = 0
        self.phase = 0
        self.order = 0
        self.tries = 0
        self.framer_a: Framer | None = None
        self.framer_b: Framer | None = None
        self.held: list[tuple[int, bytes, int, int]] | None = None  # None for most
        self.held_bytes = 0
        self.held_closes: tuple[tuple[int, int, int, int], ...] = ()  # while bytes are held
        self.charged = 0  # bytes that the connection was charged for, see `TcpConnection.charge`
        self.lost_a = False
        self.lost_b = False
        self.gap_inside_a = False  # bytes in the middle are missing, not only at the beginning
        self.gap_inside_b = False
        self.resync_a = False
        self.resync_b = False
        self.bytes_a = 0
        self.bytes_b = 0
        self.packets_a = 0
        self.packets_b = 0
        self.last_a = self.tcp.first_frame  # frame of the last data of each side
        self.last_b = self.tcp.first_frame
        self.last_time_a = self.tcp.first_time_ns
        self.last_time_b = self.tcp.first_time_ns
        self.connect_end = -1
        self.connack_end = -1
        self.gaps: tuple[tuple[int, FrameRef, FrameRef, str], ...] = ()
        self.connection: Connection | None = None
        self.server: KnownServer | None = None
        self.encapsulation: Encapsulation | None = None  # the layers between TCP and MQTT
        self.outer_layers = 0  # these layers, as bits of `unwrap`
        self.waits = False  # with held bytes, until its server proves to speak MQTT
        self.proven_side = -1  # the side of a server that is proven by other connections
        self.unwrapper: Consumer | None = None  # receives all events once it is set

    def _update_quality(self, connection: Connection, reason: int, time_ns: int) -> None:
        """Updates the record's capture quality, and the flags for what is missing by now."""
        quality = connection.quality
        quality.ended = _ENDINGS.get(reason, "closed")
        quality.ended_ns = time_ns
        quality.last_seen_ns = time_ns if self.context.watched else self.tcp.last_time_ns
        quality.dropped = self.context.dropped_ns >= self.tcp.first_time_ns
        quality.monotonic_clock = self.tcp.monotonic_clock()
        quality.foreign_segments = self.tcp.foreign_segments
        quality.out_of_order = self.tcp.out_of_order
        quality.both_seen = self.tcp.both_seen()
        quality.conflict = self.tcp.direction(0).conflict or self.tcp.direction(1).conflict
        quality.ambiguous = quality.ambiguous or self._ambiguous()
        quality.syn_seen = self.tcp.syn_seen or self.tcp.synack_seen
        client = self.tcp.direction(self.client)
        connection.connect_delivered = 0 <= self.connect_end <= client.acknowledged
        connection.opened_ns = self.tcp.first_time_ns
        connection.last_data_ns = max(self.last_time_a, self.last_time_b)
        if self.server is not None:
            connection.server_versions = self.server.versions
        connection.client_sent_bytes = self.bytes_a if self.client == 0 else self.bytes_b
        connection.server_sent_bytes = self.bytes_b if self.client == 0 else self.bytes_a
        connection.server_packets = self.packets_b if self.client == 0 else self.packets_a
        connection.phase = self.phase
        if connection.connect is not None and not connection.answered_within(
            self.context.connack_ns
        ):
            connection.connection_flags |= ConnectionFlag.UNANSWERED
        if connection.disconnects and self._left_open(connection):
            connection.connection_flags |= ConnectionFlag.OPEN_AFTER_DISCONNECT

    def _note_server(self, server: KnownServer) -> None:
        """Notes until when the server was seen here, and whether all that was sent was captured."""
        tcp = self.tcp
        if tcp.last_time_ns > server.last_seen_ns:
            server.last_seen_ns = tcp.last_time_ns
        pending = not (tcp.a.nothing_pending() and tcp.b.nothing_pending())
        dropped = self.context.dropped_ns >= tcp.first_time_ns
        if self.gap_inside_a or self.gap_inside_b or pending or dropped:
            server.bytes_missing = True

    def _make_connection(self) -> Connection:
        tcp, context = self.tcp, self.context
        if self.client == 0:
            client = context.endpoint(tcp.ip_a, tcp.port_a, tcp.a.mac)
            server = context.server(tcp.ip_b, tcp.port_b, tcp.b.mac)
        else:
            client = context.endpoint(tcp.ip_b, tcp.port_b, tcp.b.mac)
            server = context.server(tcp.ip_a, tcp.port_a, tcp.a.mac)
        self.server = server
        first = context.frame(tcp.first_frame, tcp.first_time_ns)
        made = self.connection = Connection.__new__(Connection)
        made.begin(tcp.stream, client, server.endpoint, first)
        made.deadlines = context.deadlines
        if self.encapsulation is not None:
            self.encapsulation.mqtt = True
            made.encapsulation = self.encapsulation
            made.transport = self.encapsulation.transport
            made.connection_flags |= ConnectionFlag.WEBSOCKET if self.encapsulation.websocket else 0
        return made

    def _silent_connection(self) -> Connection | None:
        """Makes the record of a connection on an MQTT port on which no data was sent."""
        if self.mode != UNDECIDED or not self.known_port or self._has_sent(0) or self._has_sent(1):
            return None
        if not self.tcp.syn_seen or not self.tcp.synack_seen:
            return None
        if self.tcp.direction(0).segments < 2:
            return None  # the SYN/ACK was not answered: half-open
        connection = self._make_connection()
        connection.connection_flags |= ConnectionFlag.SILENT
        for found in self.gaps:
            self._record_gap(found)
        return connection

    def _left_open(self, connection: Connection) -> bool:
        """Whether neither side closed within the grace time after the first DISCONNECT."""
        packet = connection.disconnects[0]
        if packet.frame is None or not connection.closes:
            return True
        event = connection.closes[0]
        return event.frame.time_ns > packet.frame.time_ns + self.context.close_ns

    def _record_gap(self, found: tuple[int, FrameRef, FrameRef, str]) -> None:
        assert self.connection is not None
        side, since, where, reason = found
        quality: CaptureQuality = self.connection.quality
        who = self._side_of(side)
        kind, _, count = reason.partition(": ")
        if who not in quality.gaps:
            quality.gaps[who] = since
            quality.gap_orders = (quality.gap_orders or {}) | {who: self.order}
            quality.gap_reason = quality.gap_reason or kind
            self.context.sink.limited(
                "mid-stream" if kind == "mid-stream" else "gap",
                _gap_message(who, kind, count),
                where,
                self.connection.stream,
            )

    def _side_of(self, side: int) -> Side:
        return _CLIENT if side == self.client else _SERVER

    def _has_sent(self, side: int) -> bool:
        return (self.bytes_a if side == 0 else self.bytes_b) > 0

    def _midstream(self) -> bool:
        return not self.tcp.syn_seen and not self.tcp.synack_seen

    def _has_conflicts(self) -> bool:
        """Whether segments of this connection contradict each other; sets its quality then."""
        assert self.connection is not None
        if self._ambiguous():
            self.connection.quality.ambiguous = True
            return True
        if self.tcp.direction(0).conflict or self.tcp.direction(1).conflict:
            self.connection.quality.conflict = True
            return True
        return False

    def _ambiguous(self) -> bool:
        return self.tcp.direction(0).ambiguous or self.tcp.direction(1).ambiguous


def _gap_message(who: Side, kind: str, count: str) -> str:
    if kind == "mid-stream":
        return f"the capture starts in the middle of what the {who.value} sent"
    amount = f"{count} bytes" if count else "bytes"
    why = {
        "lost": "were never captured",
        "snap length": "were cut off by the snap length",
        "buffer limit": "did not arrive before the reassembly buffer was full",
        "websocket": "cannot be read from their WebSocket frames",
        "tls": "could not be decrypted",
    }
    return f"{amount} that the {who.value} sent {why.get(kind, 'are missing')}"
