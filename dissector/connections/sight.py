"""How much of one TCP connection is seen in, its `Connection` with a true `View` out.

The ground floor of a tracker: all that it keeps of a connection, the record that rules will read,
and what is missing in it. Sides are numbers here, those of net; `client` is one of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dissector.connections import deadlines
from dissector.connections.connection import Connection, Trait, View
from dissector.connections.tracking import Server, Tracking
from dissector.model import FrameRef, Side
from dissector.mqtt.stream import Framer
from dissector.net.consumer import CAPTURE_END, EVICTED, REUSED, Consumer
from dissector.net.tcp import TcpConnection

if TYPE_CHECKING:
    from dissector.connections.carrier import Carrier

UNDECIDED, MQTT, IGNORED = range(3)

_CLOSE_GRACE_NS = deadlines.CLOSE_GRACE_NS
_HANDSHAKE_TIMEOUT_NS = deadlines.HANDSHAKE_TIMEOUT_NS
_CLIENT, _SERVER = Side.CLIENT, Side.SERVER
_ENDINGS = {REUSED: "reused", EVICTED: "evicted", CAPTURE_END: "capture end"}


class Sight(Consumer):
    """What is known of a connection, and how well it could be seen."""

    def begin(self, tracking: Tracking, tcp: TcpConnection) -> None:
        """Set everything; for a tracker made without a constructor (see `Half`)."""
        self.tracking = tracking
        self.tcp = tcp
        self.mode = UNDECIDED
        self.known_port = tcp.expected
        self.client = 0
        self.phase = 0
        self.order = 0
        self.tries = 0
        self.framer_a: Framer | None = None
        self.framer_b: Framer | None = None
        self.held: list[tuple[int, bytes, int, int]] | None = None  # most hold nothing
        self.held_bytes = 0
        self.lost_a = False
        self.lost_b = False
        self.torn_a = False  # bytes of the midst are missing, not only the beginning
        self.torn_b = False
        self.resync_a = False
        self.resync_b = False
        self.spoke_a = 0
        self.spoke_b = 0
        self.packets_a = 0
        self.packets_b = 0
        self.last_a = self.tcp.first_frame  # where each side was heard last
        self.last_b = self.tcp.first_frame
        self.last_time_a = self.tcp.first_time_ns
        self.last_time_b = self.tcp.first_time_ns
        self.connect_end = -1
        self.gaps: tuple[tuple[int, FrameRef, FrameRef, str], ...] = ()
        self.connection: Connection | None = None
        self.server: Server | None = None
        self.carrier: Carrier | None = None  # what is known of the layers around it
        self.inside = 0  # these layers, as bits of `unwrap`
        self.unwrapper: Consumer | None = None  # takes everything once it is there

    def _look(self, connection: Connection, reason: int, time_ns: int) -> None:
        """Tell the connection how much of it was seen, and what is missing by now."""
        view = connection.view
        view.ended = _ENDINGS.get(reason, "closed")
        view.ended_ns = time_ns
        view.heard_ns = time_ns if self.tracking.watched else self.tcp.last_time_ns
        view.dropped = self.tracking.dropped_ns >= self.tcp.first_time_ns
        view.steady = self.tcp.steady()
        view.strayed = self.tcp.strayed
        view.disordered = self.tcp.disordered
        view.both_seen = self.tcp.both_seen()
        view.conflict = self.tcp.direction(0).conflict or self.tcp.direction(1).conflict
        view.mixed = view.mixed or self._mixed()
        view.syn_seen = self.tcp.syn_seen or self.tcp.synack_seen
        client = self.tcp.direction(self.client)
        connection.connect_delivered = 0 <= self.connect_end <= client.acknowledged
        connection.opened_ns = self.tcp.first_time_ns
        connection.spoke_ns = max(self.last_time_a, self.last_time_b)
        if self.server is not None:
            connection.server_versions = self.server.versions
        connection.client_spoke = self.spoke_a if self.client == 0 else self.spoke_b
        connection.server_spoke = self.spoke_b if self.client == 0 else self.spoke_a
        connection.phase = self.phase
        if connection.connect is not None and not connection.answered_within(_HANDSHAKE_TIMEOUT_NS):
            connection.traits |= Trait.UNANSWERED
        if connection.disconnects and self._left_open(connection):
            connection.traits |= Trait.OPEN_AFTER_DISCONNECT

    def _connection(self) -> Connection:
        tcp, tracking = self.tcp, self.tracking
        if self.client == 0:
            client = tracking.endpoint(tcp.ip_a, tcp.port_a, tcp.a.mac)
            server = tracking.server(tcp.ip_b, tcp.port_b, tcp.b.mac)
        else:
            client = tracking.endpoint(tcp.ip_b, tcp.port_b, tcp.b.mac)
            server = tracking.server(tcp.ip_a, tcp.port_a, tcp.a.mac)
        self.server = server
        first = tracking.frame(tcp.first_frame, tcp.first_time_ns)
        made = self.connection = Connection.__new__(Connection)
        made.begin(tcp.stream, client, server.endpoint, first)
        if self.carrier is not None:
            self.carrier.mqtt = True
            made.carrier = self.carrier
            made.transport = self.carrier.transport
            made.traits |= Trait.WEBSOCKET if self.carrier.websocket else 0
        return made

    def _silent(self) -> Connection | None:
        """Make the record of a connection on an MQTT port on which nobody has said anything."""
        if self.mode != UNDECIDED or not self.known_port or self._spoke(0) or self._spoke(1):
            return None
        if not self.tcp.syn_seen or not self.tcp.synack_seen:
            return None
        if self.tcp.direction(0).segments < 2:
            return None  # the SYN/ACK was not answered: half-open
        connection = self._connection()
        connection.traits |= Trait.SILENT
        for found in self.gaps:
            self._note_gap(found)
        return connection

    def _left_open(self, connection: Connection) -> bool:
        """Whether nobody closed within the grace time of the first DISCONNECT."""
        packet = connection.disconnects[0]
        if packet.frame is None or not connection.closes:
            return True
        event = connection.closes[0]
        return event.frame.time_ns > packet.frame.time_ns + _CLOSE_GRACE_NS

    def _note_gap(self, found: tuple[int, FrameRef, FrameRef, str]) -> None:
        assert self.connection is not None
        side, since, where, reason = found
        view: View = self.connection.view
        who = self._who(side)
        kind, _, count = reason.partition(": ")
        if who not in view.gaps:
            view.gaps[who] = since
            view.gap_orders = (view.gap_orders or {}) | {who: self.order}
            view.gap_reason = view.gap_reason or kind
            self.tracking.listener.limited(
                "mid-stream" if kind == "mid-stream" else "gap",
                _gap_message(who, kind, count),
                where,
                self.connection.stream,
            )

    def _who(self, side: int) -> Side:
        return _CLIENT if side == self.client else _SERVER

    def _spoke(self, side: int) -> bool:
        return (self.spoke_a if side == 0 else self.spoke_b) > 0

    def _midstream(self) -> bool:
        return not self.tcp.syn_seen and not self.tcp.synack_seen

    def _disagrees(self) -> bool:
        """Whether segments of this connection contradict each other; the view says so."""
        assert self.connection is not None
        if self._mixed():
            self.connection.view.mixed = True
            return True
        if self.tcp.direction(0).conflict or self.tcp.direction(1).conflict:
            self.connection.view.conflict = True
            return True
        return False

    def _mixed(self) -> bool:
        return self.tcp.direction(0).mixed or self.tcp.direction(1).mixed


def _gap_message(who: Side, kind: str, count: str) -> str:
    if kind == "mid-stream":
        return f"the capture starts in the middle of what the {who.value} sent"
    amount = f"{count} bytes" if count else "bytes"
    why = {
        "lost": "were never captured",
        "snap length": "were cut off by the snap length",
        "buffer limit": "did not come before the buffer was full",
        "websocket": "cannot be read out of their WebSocket frames",
        "tls": "could not be decrypted",
    }
    return f"{amount} that the {who.value} sent {why.get(kind, 'are missing')}"
