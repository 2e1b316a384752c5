"""Tracks the MQTT connection on one TCP connection, from protocol detection to its end.

A tracker begins undecided. When the first bytes are MQTT (`detection.py`) it frames both
directions; when they are another protocol it ignores the connection. Its base classes are in
`handshake_tracker.py` (packets), `packet_framing.py` (framing) and `connection_recorder.py`
(record and capture completeness).
"""

from __future__ import annotations

from collections.abc import Callable

import cython

from dissector.connections.analysis_context import AnalysisContext
from dissector.connections.connection import CloseEvent, Connection, ConnectionFlag, Phase
from dissector.connections.connection_recorder import HTTP, IGNORED, MQTT, UNDECIDED
from dissector.connections.handshake import Close
from dissector.connections.handshake_tracker import HandshakeTracker
from dissector.mqtt import spec
from dissector.mqtt.packets import Auth, Connack
from dissector.net.consumer import CAPTURE_END, CLOSE_FRAME, FIN, RST, Consumer
from dissector.net.reassembly import TcpConnection

if cython.compiled:
    from cython.cimports.dissector.connections.detection import (  # type: ignore[import-not-found]
        hello_without_mqtt,
        looks_like_connect,
        malformed_packets,
        other_protocol,
        packet_begins,
        plausible_chain,
        unfinished_connect,
    )
    from cython.cimports.dissector.connections.outcome import outcome  # type: ignore[import-not-found]
    from cython.cimports.dissector.integers import cut  # type: ignore[import-not-found]
else:
    from dissector.connections.detection import (
        hello_without_mqtt,
        looks_like_connect,
        malformed_packets,
        other_protocol,
        packet_begins,
        plausible_chain,
        unfinished_connect,
    )
    from dissector.connections.outcome import outcome
    from dissector.integers import cut

HELD_LIMIT = 4096  # bytes buffered of a connection that is still undecided
CHUNK_COST = (
    32  # counted for each buffered chunk besides its bytes: all are joined for each new one
)
HELD_CHUNK = 200  # bytes of memory for each buffered chunk, besides its data
_SMALL = 5  # a first chunk in mid-stream of fewer bytes may be a packet's fixed header
TRIES_LIMIT = 16  # chunks of a stream in mid-stream that are tried before it is ignored
_MIDSTREAM = Phase.MIDSTREAM
_SILENT, _IN_WEBSOCKET = ConnectionFlag.SILENT, ConnectionFlag.WEBSOCKET
_WEBSOCKET = 2  # as in `unwrap`, which is imported only when it is needed
_HTTP = b"HTTP/1.1"  # how HTTP begins, in one direction
_CLOSES = ("", "fin", "rst", "close-frame")
assert (_CLOSES[FIN], _CLOSES[RST], _CLOSES[CLOSE_FRAME]) == _CLOSES[1:]


class Tracker(HandshakeTracker):
    """Tracks one TCP connection."""

    def __init__(self, context: AnalysisContext, tcp: TcpConnection) -> None:
        self.begin(context, tcp)

    def chunk(
        self, side: int, window: bytes, start: int, stop: int, frame: int, time_ns: int
    ) -> bool:
        """Processes the next bytes of a side; False if the connection is ignored."""
        if side == 0:
            self.bytes_a += stop - start
        else:
            self.bytes_b += stop - start
        if self.mode == MQTT:
            self._packets(side, window, start, stop, frame, time_ns)
        elif self.mode == HTTP:
            if not self._http(side, window, start, stop, frame, time_ns):
                return False
        elif self.mode == IGNORED or not self._decide(side, window, start, stop, frame, time_ns):
            return False
        if side == 0:
            self.last_a, self.last_time_a = frame, time_ns
        else:
            self.last_b, self.last_time_b = frame, time_ns
        return True

    def gap(self, side: int, missing: int, frame: int, time_ns: int, reason: str) -> bool:
        """Called for missing bytes of a side: its framing is reset."""
        if self.unwrapper is not None:
            return self.unwrapper.gap(side, missing, frame, time_ns, reason)
        if self.mode == HTTP:
            return self._ignore(_HTTP)
        if self.waits and reason != "mid-stream":
            return self._ignore(b"")
        if side == 0:
            self.lost_a = self.resync_a = True
        else:
            self.lost_b = self.resync_b = True
        if reason != "mid-stream":
            if side == 0:
                self.gap_inside_a = True
            else:
                self.gap_inside_b = True
        where = self.context.frame(frame, time_ns)
        since = (
            self.context.frame(self.last_a, self.last_time_a)
            if side == 0
            else self.context.frame(self.last_b, self.last_time_b)
        )
        found = (side, since, where, f"{reason}: {missing}" if missing > 0 else reason)
        if self.connection is None:
            self.gaps += (found,)
        else:
            self._record_gap(found)
        framer = self.framer_a if side == 0 else self.framer_b
        if framer is not None:
            framer.reset()
            self._charge()
        return self.mode != IGNORED

    def closed(self, side: int, how: int, frame: int, time_ns: int) -> bool:
        """Called when a side closed."""
        if self.unwrapper is not None:
            return self.unwrapper.closed(side, how, frame, time_ns)
        if self.mode == UNDECIDED and self.held:
            if side == 0 or self.waits:  # the server may still answer, or be proven
                self.held_closes += ((side, how, frame, time_ns),)
                return True
            if not self._decide_at_end():
                return False
        connection = self.connection
        if connection is None:
            connection = self._silent_connection()
            if connection is None:
                return self.mode != IGNORED
        self._record_close(connection, side, how, frame, time_ns)
        return True

    def _record_close(
        self, connection: Connection, side: int, how: int, frame: int, time_ns: int
    ) -> None:
        who = self._side_of(side)
        event = CloseEvent.__new__(CloseEvent)
        event.begin(who, _CLOSES[how], self.context.frame(frame, time_ns))
        connection.closes += (event,)
        if connection.close is None:
            connection.close = Close.__new__(Close)
            connection.close.begin(who, event.how, event.frame)

    def capture_ends(self) -> None:
        """Called at the end of the capture: notes how long its server was seen."""
        if self.unwrapper is not None:
            self.unwrapper.capture_ends()
        elif self.server is not None:
            self._note_server(self.server)

    def finished(self, reason: int, time_ns: int) -> bool:
        """Called when tracking of the connection ends: completes its record and reports it."""
        if self.unwrapper is not None:
            return self.unwrapper.finished(reason, time_ns)
        if self.mode == UNDECIDED and self.held and not self._decide_at_end():
            return False
        if self.mode == HTTP:
            return self._ignore(_HTTP)
        connection = self.connection
        if connection is None:
            connection = self._silent_connection()
            if connection is None:
                return False
        if connection.connection_flags & _SILENT and connection.connection_flags & _IN_WEBSOCKET:
            self.context.mqtt_connections += 1  # WebSocket for MQTT that failed before any packet
        self._incomplete_packets(connection)
        self._update_quality(connection, reason, time_ns)
        if self.server is not None:
            self._note_server(self.server)
            if not self.server.bytes_missing:
                connection.quality.server_seen_ns = self.server.last_seen_ns
        if self._ambiguous():
            self.context.sink.limited(
                "mixed-connections",
                "a SYN/ACK does not match earlier segments: two connections cannot be told apart",
                connection.first,
                connection.stream,
            )
        if connection.handshake is not None:
            connection.handshake.outcome = outcome(connection)
            if connection.auths:
                connection.handshake.auths = _before(connection.auths, connection.connack)
            connection.handshake.close = connection.close
        self.context.sink.ended(connection)
        assigned = self._assigned_id(connection)
        if assigned is not None and self.server is not None:
            self.server.release(assigned, connection)
        self.connection = None
        self.mode = IGNORED
        return True

    def evaluate_now(self, time_ns: int, judge: Callable[[Connection], None]) -> bool:
        """Has `judge` evaluate the connection as if the capture ended now; tracking goes on.

        False if segments are still pending in reassembly: the caller has to try again later.
        """
        tcp = self.tcp
        if self.unwrapper is not None or self.mode == IGNORED:
            return True
        if not (tcp.a.nothing_pending() and tcp.b.nothing_pending()) or (
            tcp.causal_order is not None and tcp.causal_order.size
        ):
            return tcp.lingering or tcp.over
        connection = self.connection
        if connection is None:
            connection = None if self.gaps else self._silent_connection()
            if connection is None:
                return True
            self.connection = None
        connection_flags = connection.connection_flags
        self._update_quality(connection, CAPTURE_END, time_ns)
        judge(connection)
        connection.connection_flags = connection_flags
        connection.quality.ended = None
        return True

    def _decide(
        self, side: int, window: bytes, start: int, stop: int, frame: int, time_ns: int
    ) -> bool:
        """Decides whether the connection is MQTT; False if it is another protocol."""
        if self.unwrapper is not None:
            return self.unwrapper.chunk(side, window, start, stop, frame, time_ns)
        if self.waits:
            return self._wait(side, window, start, stop, frame, time_ns)
        if self._packet_begun(side):
            if self._at_boundary(side, window, start, stop, frame, time_ns):
                return self._begin_inside(side, window, start, stop, frame, time_ns)
            if self._packet_begun(side):
                return True
        before = b""
        if self.held:
            for held_side, held, _, _ in self.held:
                if held_side == side:
                    before += held
        probe = cut(window, start, min(stop, start + 64))
        if before:
            probe = before + probe
        lost = self.lost_a if side == 0 else self.lost_b
        verdict = looks_like_connect(probe, self.known_port and not lost)
        if verdict == 1:  # YES
            gap_inside = self.gap_inside_a if side == 0 else self.gap_inside_b
            if gap_inside and (not self.known_port or side == 1):
                verdict = 0  # in the middle of a stream it may be payload
            else:
                self.client = side
                return self._begin(side, window, start, stop, frame, time_ns)
        if verdict == 2 and self.held_bytes < HELD_LIMIT:  # MORE
            return self._hold(side, window, start, stop, frame, time_ns)
        if (
            self.known_port
            and not before
            and not self._wrong_first_sender(side, window[start] >> 4)
            and plausible_chain(window, start, stop)
        ):
            self.client = self._client_by_type(side, window[start] >> 4)
            return self._begin(side, window, start, stop, frame, time_ns)
        first = probe[0] if probe else 0
        # "G", "H", "P", CR, and the types of TLS records
        if (
            first == 0x47
            or first == 0x48
            or first == 0x50
            or first == 0x0D
            or 0x14 <= first <= 0x17
        ):
            if self._unwrap(before, side, window, start, stop, frame, time_ns):
                return self.mode != IGNORED
        if self.known_port and lost:
            if not before and stop - start < _SMALL:
                return self._hold(side, window, start, stop, frame, time_ns)
            if 0 < len(before) < _SMALL:
                joined = before + window[start:stop]
                if plausible_chain(joined, 0, len(joined)):
                    self.client = self._client_by_type(side, joined[0] >> 4)
                    return self._begin(side, window, start, stop, frame, time_ns)
            if self._at_boundary(side, window, start, stop, frame, time_ns):
                return self._begin_inside(side, window, start, stop, frame, time_ns)
            if self._packet_begun(side):
                return True
            self.tries += 1
            if self.tries < TRIES_LIMIT:
                return True
        elif side == 1 and not self._has_sent(0) and self.held_bytes < HELD_LIMIT:
            return self._hold(side, window, start, stop, frame, time_ns)
        elif self.known_port and not self._midstream() and not self.lost_a and not self.lost_b:
            if side == 1 and self.held:
                if malformed_packets(window, start, stop, True) == 1 and self._held_are_mqtt():
                    return self._begin(side, window, start, stop, frame, time_ns)
            elif side == 0 and self.held_bytes < HELD_LIMIT:
                joined = before + window[start:stop]
                if malformed_packets(joined, 0, len(joined), False) != 0:
                    return self._hold(side, window, start, stop, frame, time_ns)
        elif not self.known_port and not before and not self.outer_layers:
            if plausible_chain(window, start, stop) or packet_begins(window, start, stop):
                return self._wait(side, window, start, stop, frame, time_ns)
        data = before + window[start:stop]
        if not self.outer_layers & _WEBSOCKET and not lost and other_protocol(data) == "http":
            if data[:5] != b"HTTP/":
                self.mode = HTTP  # a request: an upgrade to WebSocket may follow
                self.client = side
                self.held = None
                return True
        return self._ignore(data)

    def _http(
        self, side: int, window: bytes, start: int, stop: int, frame: int, time_ns: int
    ) -> bool:
        """Watches an HTTP connection for an upgrade to WebSocket; False if it is ignored."""
        if side != self.client or window[start] != 0x47:  # "G"
            return True
        from dissector.net.upgrade import asks

        if not asks(window[start:stop]):
            return True
        self.mode = UNDECIDED
        if not self._unwrap(b"", side, window, start, stop, frame, time_ns):
            return self._ignore(window[start:stop])
        return self.mode != IGNORED

    def _wait(
        self, side: int, window: bytes, start: int, stop: int, frame: int, time_ns: int
    ) -> bool:
        """Holds bytes that are MQTT if the server proves to speak it; False past a limit."""
        proven = self.context.proven
        if proven.wait(self, stop - start, self.context.frame(frame, time_ns)):
            self.waits = True
            return self._hold(side, window, start, stop, frame, time_ns)
        self.waits = False
        return self._ignore(b"")

    def server_proven(self) -> None:
        """Called while it waits, when its server proves to speak MQTT: reads the held bytes."""
        held, self.held = self.held or [], None
        closes, self.held_closes = self.held_closes, ()
        self.waits = False
        self.held_bytes = 0
        self.known_port = True
        self.proven_side = self.context.proven.side(self.tcp)
        for side, data, frame, time_ns in held:
            if self.mode == MQTT:
                self._packets(side, data, 0, len(data), frame, time_ns)
            elif self.mode == UNDECIDED:
                self._decide(side, data, 0, len(data), frame, time_ns)
        for side, how, frame, time_ns in closes:
            self.closed(side, how, frame, time_ns)

    def _begin_inside(
        self, side: int, window: bytes, start: int, stop: int, frame: int, time_ns: int
    ) -> bool:
        """Starts framing in mid-stream, where a packet begins or one that was begun continues."""
        framer = self.framer_a if side == 0 else self.framer_b
        begun = self._packet_begun(side)
        assert framer is not None
        kind = (framer.first if begun else window[start]) >> 4
        self.client = self._client_by_type(side, kind)
        return self._begin(side, window, start, stop, frame, time_ns)

    def _ignore(self, data: bytes) -> bool:
        """Ignores a connection of another protocol from now on."""
        if self.waits:
            self.context.proven.release(self)
            self.waits = False
        if self._midstream() and not self.known_port and not self.outer_layers:
            if other_protocol(data) == "other" and self.context.proven.side(self.tcp) < 0:
                self.tcp.unread = True  # read from the proof on, if its server is proven later
        in_websocket = self.encapsulation is not None and self.encapsulation.websocket
        self.context.other_traffic("websocket" if in_websocket else other_protocol(data), self.tcp)
        self.mode = IGNORED
        self.held = None
        return False

    def _held_of(self, side: int) -> bytes:
        """Returns the bytes that are held of a side."""
        return b"".join([item[1] for item in self.held or () if item[0] == side])

    def _held_are_mqtt(self) -> bool:
        """Whether what the client sent is malformed MQTT, or the beginning of a CONNECT."""
        data = self._held_of(0)
        return unfinished_connect(data) or malformed_packets(data, 0, len(data), True) == 1

    def _decide_at_end(self) -> bool:
        """Decides by the held bytes alone, since no more will come; False: another protocol."""
        held = self.held
        assert held is not None
        complete = not (self._midstream() or self.lost_a or self.lost_b or self._ambiguous())
        if not (self.known_port and complete and held[0][0] == 0 and self._held_are_mqtt()):
            return self._ignore(self._held_of(held[0][0]))
        side, data, frame, time_ns = held.pop()
        return self._begin(side, data, 0, len(data), frame, time_ns)

    def _wrong_first_sender(self, side: int, packet_type: int) -> bool:
        """Whether a completely captured connection begins as no MQTT connection does.

        If the server sends first, or the client begins with a packet of a server, it is another
        protocol.
        """
        if self._midstream() or self.lost_a or self.lost_b or not self.tcp.both_seen():
            return False
        if self._ambiguous():
            return False
        if side == 1:
            return not self._has_sent(0)
        return packet_type in spec.SERVER_ONLY

    def _unwrap(
        self,
        before: bytes,
        side: int,
        window: bytes,
        start: int,
        stop: int,
        frame: int,
        time_ns: int,
    ) -> bool:
        """Sets up the unwrapper of an outer layer (PROXY, TLS, WebSocket); False without one."""
        data = before + window[start:stop]
        plain = not self.outer_layers and not self.gaps
        if plain and hello_without_mqtt(data) and not self._tls_expected():
            self.context.other_traffic("tls", self.tcp)
            self.mode = IGNORED
            self.held = None
            return True
        from dissector.connections.tls_watcher import TlsWatcher
        from dissector.connections.unwrap import TLS, unwrapper, wrapping

        lost = self.lost_a if side == 0 else self.lost_b
        kind = wrapping(data, self.outer_layers, lost=lost)
        if not kind:
            return False
        gaps, self.gaps = self.gaps, ()
        if kind == TLS:
            found: Consumer = TlsWatcher(
                self.context, self.tcp, self.encapsulation, self.outer_layers, list(gaps)
            )
        else:
            inner = Tracker(self.context, self.tcp)
            inner.encapsulation = self.encapsulation
            inner.outer_layers = self.outer_layers
            inner.lost_a, inner.lost_b = self.lost_a, self.lost_b
            inner.gap_inside_a, inner.gap_inside_b = self.gap_inside_a, self.gap_inside_b
            inner.gaps = gaps
            found = unwrapper(kind, inner)
        held = self.held or []
        self.held = None
        held.append((side, window[start:stop], frame, time_ns))
        for held_side, data, held_frame, held_time in held:
            if not found.chunk(held_side, data, 0, len(data), held_frame, held_time):
                self.mode = IGNORED
                return True
        self.unwrapper = found
        self.tcp.mark_decided()
        self.tcp.charge(-self.charged)
        self.charged = 0
        return True

    def _tls_expected(self) -> bool:
        """Whether MQTT is expected inside TLS by a port, or because the TLS was decrypted."""
        tcp, context = self.tcp, self.context
        if self.known_port or tcp.port_a in context.tls_ports or tcp.port_b in context.tls_ports:
            return True
        return context.decrypted is not None and tcp.stream in context.decrypted

    def idle(self) -> bool:
        """Whether the protocol of the connection is still undecided."""
        return self.mode == UNDECIDED and self.unwrapper is None

    def _hold(
        self, side: int, window: bytes, start: int, stop: int, frame: int, time_ns: int
    ) -> bool:
        if self.held is None:
            self.held = []
        self.held.append((side, window[start:stop], frame, time_ns))
        self.held_bytes += stop - start + CHUNK_COST
        self.charged += stop - start + HELD_CHUNK
        self.tcp.charge(stop - start + HELD_CHUNK)
        return True

    def _client_by_type(self, side: int, packet_type: int) -> int:
        """Returns the client's side: the sender of the SYN; without it by packet type, or port."""
        if not self._midstream():
            return 0
        if packet_type in spec.CLIENT_ONLY:
            return side
        if packet_type in spec.SERVER_ONLY:
            return 1 - side
        return 1 if self.tcp.port_a in self.context.ports or self.proven_side == 0 else 0

    def _begin(
        self, side: int, window: bytes, start: int, stop: int, frame: int, time_ns: int
    ) -> bool:
        """Starts framing a connection that is MQTT: the buffered chunks, then this one."""
        self.mode = MQTT
        self.tcp.mark_decided()
        self._make_framers()
        self.context.mqtt_connections += 1
        silent = self.connection  # made by a close that was captured before these bytes
        connection = self._make_connection()
        if self._midstream():
            self.phase = _MIDSTREAM
            connection.quality.syn_seen = False
        if silent is None:
            for found in self.gaps:
                self._record_gap(found)
        else:
            connection.quality = silent.quality
            connection.closes = silent.closes
            connection.close = silent.close
            if self.client == 1:  # what is known of one side was recorded of the other
                connection.quality.ambiguous = True
        if self.proven_side >= 0:
            first = self.held[0][1] if self.held else cut(window, start, min(stop, start + 64))
            if looks_like_connect(first, False) != 1:
                where = self.context.frame(frame, time_ns)
                self.context.proven.report(self.tcp, self.proven_side, where)
        if side == 0:
            self.resync_a = False
        else:
            self.resync_b = False
        if self.held is not None:
            held, self.held = self.held, None
            for held_side, data, held_frame, held_time in held:
                self._packets(held_side, data, 0, len(data), held_frame, held_time)
        self._packets(side, window, start, stop, frame, time_ns)
        for closed_side, how, closed_frame, closed_time in self.held_closes:
            self._record_close(connection, closed_side, how, closed_frame, closed_time)
        self.held_closes = ()
        return True


def make_tracker(context: AnalysisContext, tcp: TcpConnection) -> Tracker:
    """Makes a tracker without its constructor."""
    made = Tracker.__new__(Tracker)
    made.begin(context, tcp)
    if not tcp.expected:
        made.proven_side = context.proven.side(tcp)
        made.known_port = made.proven_side >= 0
    return made


def _before(auths: tuple[Auth, ...], connack: Connack | None) -> tuple[Auth, ...]:
    """Returns the AUTH packets that were sent before the CONNACK."""
    if connack is None or connack.frame is None:
        return auths
    limit = connack.frame.time_ns
    return tuple(auth for auth in auths if auth.frame is None or auth.frame.time_ns <= limit)
