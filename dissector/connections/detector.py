"""Decides what a TCP connection, or what an encapsulation carries, is, by its first bytes.

A detector is the first consumer of a connection. It holds what it cannot decide by yet, and then
puts the right consumer in its place and delivers to it what was held: a `Tracker` for MQTT, or a
reader of an encapsulation (`encapsulation/`: WebSocket, PROXY protocol, TLS), which has a detector
of its own for the bytes inside; other protocols are counted and ignored.
The predicates of this decision are in `detection.py`. On a port that is known for MQTT more forms
are accepted than on others, also the middle of a stream. On an unknown port

- bytes that are a chain of plausible packets are held while the connection waits for its server to
  be proven by another connection (`proven_servers.py`), and
- a connection with HTTP requests is watched: one of them may ask for an upgrade to WebSocket.

After the decision the reassembly calls the new consumer directly (see
`TcpConnection.replace_consumer`); inside an encapsulation the detector passes all events on to it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import cython

from dissector.connections.analysis_context import AnalysisContext
from dissector.connections.connection import Connection
from dissector.connections.encapsulation.record import PROXY, TLS, WEBSOCKET, Encapsulation
from dissector.connections.mqtt_direction import MqttDirection
from dissector.connections.tracker import Tracker
from dissector.mqtt import spec
from dissector.net.consumer import Consumer
from dissector.net.reassembly import TcpConnection

if TYPE_CHECKING:
    from dissector.connections.completeness import Gap

if cython.compiled:
    from cython.cimports.dissector.connections.completeness import (  # type: ignore[import-not-found]
        ambiguous,
        gap_of,
        midstream,
        pending,
    )
    from cython.cimports.dissector.connections.detection import (  # type: ignore[import-not-found]
        encapsulation_of,
        hello_without_mqtt,
        looks_like_connect,
        malformed_packets,
        other_protocol,
        packet_begins,
        plain_connect,
        plausible_chain,
        unfinished_connect,
    )
    from cython.cimports.dissector.connections.mqtt_direction import (  # type: ignore[import-not-found]
        make_direction,
    )
    from cython.cimports.dissector.connections.tracker import (  # type: ignore[import-not-found]
        make_tracker,
    )
    from cython.cimports.dissector.integers import cut  # type: ignore[import-not-found]
    from cython.cimports.dissector.net.first_bytes import (  # type: ignore[import-not-found]
        asks_for_upgrade,
    )
else:
    from dissector.connections.completeness import ambiguous, gap_of, midstream, pending
    from dissector.connections.detection import (
        encapsulation_of,
        hello_without_mqtt,
        looks_like_connect,
        malformed_packets,
        other_protocol,
        packet_begins,
        plain_connect,
        plausible_chain,
        unfinished_connect,
    )
    from dissector.connections.mqtt_direction import make_direction
    from dissector.connections.tracker import make_tracker
    from dissector.integers import cut
    from dissector.net.first_bytes import asks_for_upgrade

# What a detector does
UNDECIDED = 0  # looks at each chunk, with those held
WAITING = 1  # holds plausible packets until the server is proven
HTTP = 2  # looks for a request to upgrade to WebSocket
DECIDED = 3  # passes everything on
IGNORED = 4

HELD_LIMIT = 4096  # bytes buffered of a connection that is still undecided
CHUNK_COST = (
    32  # counted for each buffered chunk besides its bytes: all are joined for each new one
)
HELD_CHUNK = 200  # bytes of memory for each buffered chunk, besides its data
_SMALL = 5  # a first chunk in mid-stream of fewer bytes may be a packet's fixed header
TRIES_LIMIT = 16  # chunks of a stream in mid-stream that are tried before it is ignored
_HTTP = b"HTTP/1.1"  # how HTTP begins, in one direction
_PROXY, _WEBSOCKET, _TLS = PROXY, WEBSOCKET, TLS


class Detector(Consumer):
    """Decides on one connection. `successor` is the consumer that it decided for.

    `known_port`: MQTT is expected, by the port or because the server is proven; `proven_side` is
    that server's side, or -1. `held` are chunks (side, bytes, frame, time), `held_closes` how sides
    closed meanwhile (side, how, frame, time). `gaps` are those before the decision. `silent` is a
    tracker that records the closes of a connection on which no data was sent so far, `evaluated`
    one by which such a connection was evaluated before its end. `charged` are the bytes that the
    connection was charged for.
    """

    def begin(self, context: AnalysisContext, tcp: TcpConnection) -> None:
        """Initialises a detector; only `make_detector` and `_inner` call this."""
        self.context = context
        self.tcp = tcp
        self.state = UNDECIDED
        self.known_port = tcp.expected
        self.proven_side = -1
        self.outer_layers = 0
        self.tries = 0
        self.held_bytes = 0
        self.charged = 0
        self.initiator = make_direction(0, tcp.first_frame, tcp.first_time_ns)
        self.responder = make_direction(1, tcp.first_frame, tcp.first_time_ns)
        self.successor: Consumer | None = None
        self.held: list[tuple[int, bytes, int, int]] | None = None  # None for most
        self.held_closes: tuple[tuple[int, int, int, int], ...] = ()
        self.gaps: tuple[Gap, ...] = ()
        self.encapsulation: Encapsulation | None = None
        self.silent: Tracker | None = None
        self.evaluated: Tracker | None = None
        self.http_side = 0  # which side sends the HTTP requests

    def direction(self, side: int) -> MqttDirection:
        """Returns the direction in which `side` sends."""
        return self.responder if side else self.initiator

    # -- events of TCP ----------------------------------------------------------------------------

    def chunk(
        self, side: int, window: bytes, start: int, stop: int, frame: int, time_ns: int
    ) -> bool:
        """Decides by the next bytes of a side; False if the connection is ignored."""
        if self.successor is not None:
            return self.successor.chunk(side, window, start, stop, frame, time_ns)
        direction = self.responder if side else self.initiator
        direction.byte_count += stop - start
        if not self._examine(side, window, start, stop, frame, time_ns):
            return False
        direction.last_frame = frame
        direction.last_time_ns = time_ns
        return True

    def gap(self, side: int, missing: int, frame: int, time_ns: int, reason: str) -> bool:
        """Called for missing bytes of a side."""
        if self.successor is not None:
            return self.successor.gap(side, missing, frame, time_ns, reason)
        if self.state == HTTP:
            return self._ignore(_HTTP)
        if self.state == WAITING and reason != "mid-stream":
            return self._ignore(b"")
        direction = self.direction(side)
        direction.note_missing(reason != "mid-stream")
        gap = gap_of(self.context, direction, missing, frame, time_ns, reason)
        if self.silent is None:
            self.gaps += (gap,)
        else:
            self.silent.record_gap(gap)
        if direction.framer is not None:
            self._charge_framers()
        return self.state != IGNORED

    def closed(self, side: int, how: int, frame: int, time_ns: int) -> bool:
        """Called when a side closed."""
        if self.successor is None and self.held:
            if side == 0 or self.state == WAITING:  # the server may still answer, or be proven
                self.held_closes += ((side, how, frame, time_ns),)
                return True
            if not self._decide_at_end():
                return False
        if self.successor is not None:
            return self.successor.closed(side, how, frame, time_ns)
        if self.silent is None:
            self.silent = self._silent_tracker()
            if self.silent is None:
                return self.state != IGNORED
        return self.silent.closed(side, how, frame, time_ns)

    def capture_ends(self) -> None:
        """Called at the end of the capture."""
        if self.successor is not None:
            self.successor.capture_ends()
        elif self.silent is not None:
            self.silent.capture_ends()
        elif self.evaluated is not None:
            self.evaluated.capture_ends()

    def finished(self, reason: int, time_ns: int) -> bool:
        """Called when tracking of the connection ends; True if it was MQTT."""
        if self.successor is None and self.held and not self._decide_at_end():
            return False
        if self.successor is not None:
            return self.successor.finished(reason, time_ns)
        if self.state == HTTP:
            return self._ignore(_HTTP)
        silent = self.silent or self._silent_tracker()
        if silent is not None:
            self.state = IGNORED
            return silent.finished(reason, time_ns)
        if self.state == UNDECIDED and self.outer_layers:
            self._count("tls" if self.outer_layers & _TLS else "other")
        return False

    def evaluate_now(self, time_ns: int, judge: Callable[[Connection], None]) -> bool:
        """Has `judge` evaluate a connection without data, as `Tracker.evaluate_now` does."""
        tcp = self.tcp
        if self.state == IGNORED:
            return True
        if pending(tcp) or (tcp.causal_order is not None and tcp.causal_order.size):
            return tcp.lingering or tcp.over
        silent = self.silent
        if silent is None:
            silent = None if self.gaps else self._silent_tracker()
            if silent is None:
                return True
            self.evaluated = silent
        return silent.evaluate_now(time_ns, judge)

    def has_record(self) -> bool:
        """Whether there is a record of an MQTT connection, as yet without data."""
        return self.silent is not None

    def server_proven(self) -> None:
        """Called while it waits, when its server proves to speak MQTT: reads the held bytes."""
        held, self.held = self.held or [], None
        closes, self.held_closes = self.held_closes, ()
        self.state = UNDECIDED
        self.held_bytes = 0
        self.known_port = True
        self.proven_side = self.context.proven.side(self.tcp)
        for side, data, frame, time_ns in held:
            if self.state == UNDECIDED:
                self._decide(side, data, 0, len(data), frame, time_ns)
            elif isinstance(self.successor, Tracker):  # its bytes are counted already
                tracker = self.successor
                tracker.packets(self.direction(side), data, 0, len(data), frame, time_ns)
            elif self.successor is not None:
                self.successor.chunk(side, data, 0, len(data), frame, time_ns)
        for side, how, frame, time_ns in closes:
            self.closed(side, how, frame, time_ns)

    # -- the decision -----------------------------------------------------------------------------

    def _examine(
        self, side: int, window: bytes, start: int, stop: int, frame: int, time_ns: int
    ) -> bool:
        """Processes a chunk in the current state; False if the connection is ignored."""
        if self.state == UNDECIDED:
            return self._decide(side, window, start, stop, frame, time_ns)
        if self.state == HTTP:
            return self._http(side, window, start, stop, frame, time_ns)
        if self.state == WAITING:
            return self._wait(side, window, start, stop, frame, time_ns)
        return False

    def _decide(
        self, side: int, window: bytes, start: int, stop: int, frame: int, time_ns: int
    ) -> bool:
        """Decides what the connection carries, if possible; False if it is another protocol."""
        direction = self.responder if side else self.initiator
        if direction.packet_begun():
            if self._at_boundary(direction, window, start, stop, frame, time_ns):
                return self._begin_inside(side, window, start, stop, frame, time_ns)
            if direction.packet_begun():
                return True
        before = self._held_of(side) if self.held else b""
        if not before and plain_connect(window, start, stop):
            verdict = 1
            probe = b"\x10"
        else:
            probe = before + cut(window, start, min(stop, start + 64))
            verdict = looks_like_connect(probe, self.known_port and not direction.lost)
        if verdict == 1:  # YES
            if direction.gap_inside and (not self.known_port or side == 1):
                verdict = 0  # in the middle of a stream it may be payload
            else:
                return self._begin(side, side, window, start, stop, frame, time_ns)
        if verdict == 2 and self.held_bytes < HELD_LIMIT:  # MORE
            return self._hold(side, window, start, stop, frame, time_ns)
        if (
            self.known_port
            and not before
            and not self._wrong_first_sender(side, window[start] >> 4)
            and plausible_chain(window, start, stop)
        ):
            client_side = self._client_by_type(side, window[start] >> 4)
            return self._begin(client_side, side, window, start, stop, frame, time_ns)
        first = probe[0] if probe else 0
        # "G", "H", "P", CR, and the types of TLS records
        if (
            first == 0x47
            or first == 0x48
            or first == 0x50
            or first == 0x0D
            or 0x14 <= first <= 0x17
        ):
            if self._encapsulated(before, side, window, start, stop, frame, time_ns):
                return self.state != IGNORED
        if self.known_port and direction.lost:
            if not before and stop - start < _SMALL:
                return self._hold(side, window, start, stop, frame, time_ns)
            if 0 < len(before) < _SMALL:
                joined = before + window[start:stop]
                if plausible_chain(joined, 0, len(joined)):
                    client_side = self._client_by_type(side, joined[0] >> 4)
                    return self._begin(client_side, side, window, start, stop, frame, time_ns)
            if self._at_boundary(direction, window, start, stop, frame, time_ns):
                return self._begin_inside(side, window, start, stop, frame, time_ns)
            if direction.packet_begun():
                return True
            self.tries += 1
            if self.tries < TRIES_LIMIT:
                return True
        elif side == 1 and not self.initiator.byte_count and self.held_bytes < HELD_LIMIT:
            return self._hold(side, window, start, stop, frame, time_ns)
        elif self.known_port and self._complete():
            if side == 1 and self.held:
                if malformed_packets(window, start, stop, True) == 1 and self._held_are_mqtt():
                    return self._begin(0, side, window, start, stop, frame, time_ns)
            elif side == 0 and self.held_bytes < HELD_LIMIT:
                joined = before + window[start:stop]
                if malformed_packets(joined, 0, len(joined), False) != 0:
                    return self._hold(side, window, start, stop, frame, time_ns)
        elif not self.known_port and not before and not self.outer_layers:
            if plausible_chain(window, start, stop) or packet_begins(window, start, stop):
                return self._wait(side, window, start, stop, frame, time_ns)
        data = before + window[start:stop]
        if not self.outer_layers & _WEBSOCKET and not direction.lost:
            if other_protocol(data) == "http" and data[:5] != b"HTTP/":
                self.state = HTTP  # a request: an upgrade to WebSocket may follow
                self.http_side = side
                self.held = None
                return True
        return self._ignore(data)

    def _http(
        self, side: int, window: bytes, start: int, stop: int, frame: int, time_ns: int
    ) -> bool:
        """Watches an HTTP connection for an upgrade to WebSocket; False if it is ignored."""
        if side != self.http_side or window[start] != 0x47:  # "G"
            return True
        if not asks_for_upgrade(window[start:stop]):
            return True
        self.state = UNDECIDED
        if not self._encapsulated(b"", side, window, start, stop, frame, time_ns):
            return self._ignore(window[start:stop])
        return self.state != IGNORED

    def _wait(
        self, side: int, window: bytes, start: int, stop: int, frame: int, time_ns: int
    ) -> bool:
        """Holds bytes that are MQTT if the server proves to speak it; False past a limit."""
        proven = self.context.proven
        if proven.wait(self, stop - start, self.context.frame(frame, time_ns)):
            self.state = WAITING
            return self._hold(side, window, start, stop, frame, time_ns)
        self.state = UNDECIDED
        return self._ignore(b"")

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
        complete = self._complete() and not ambiguous(self.tcp)
        if not (self.known_port and complete and held[0][0] == 0 and self._held_are_mqtt()):
            return self._ignore(self._held_of(held[0][0]))
        side, data, frame, time_ns = held.pop()
        return self._begin(0, side, data, 0, len(data), frame, time_ns)

    def _complete(self) -> bool:
        """Whether the connection was captured from its beginning, without gaps."""
        return not midstream(self.tcp) and not self.initiator.lost and not self.responder.lost

    def _wrong_first_sender(self, side: int, packet_type: int) -> bool:
        """Whether a completely captured connection begins as no MQTT connection does.

        If the server sends first, or the client begins with a packet of a server, it is another
        protocol.
        """
        if not self._complete() or not self.tcp.both_seen() or ambiguous(self.tcp):
            return False
        if side == 1:
            return not self.initiator.byte_count
        return packet_type in spec.SERVER_ONLY

    def _client_by_type(self, side: int, packet_type: int) -> int:
        """Returns the client's side: the sender of the SYN; without it by packet type, or port."""
        if not midstream(self.tcp):
            return 0
        if packet_type in spec.CLIENT_ONLY:
            return side
        if packet_type in spec.SERVER_ONLY:
            return 1 - side
        return 1 if self.tcp.direction(0).port in self.context.ports or self.proven_side == 0 else 0

    def _at_boundary(
        self,
        direction: MqttDirection,
        window: bytes,
        start: int,
        stop: int,
        frame: int,
        time_ns: int,
    ) -> bool:
        """Whether framing may begin with this chunk; see `MqttDirection.at_boundary`."""
        self.initiator.make_framer(self.context.keep_all)
        self.responder.make_framer(self.context.keep_all)
        if direction.at_boundary(window, start, stop, frame, time_ns):
            return True
        if direction.packet_begun():
            self._charge_framers()
        return False

    def _charge_framers(self) -> None:
        """Charges the connection for what its framers keep, instead of what is held."""
        kept = self.initiator.kept_bytes() + self.responder.kept_bytes()
        if kept != self.charged:
            self.tcp.charge(kept - self.charged)
            self.charged = kept

    # -- what was decided -------------------------------------------------------------------------

    def _begin(
        self,
        client_side: int,
        side: int,
        window: bytes,
        start: int,
        stop: int,
        frame: int,
        time_ns: int,
    ) -> bool:
        """Puts a tracker in its place, and delivers the held chunks, then this one."""
        tracker = make_tracker(self.context, self.tcp, self.initiator, self.responder)
        tracker.encapsulation = self.encapsulation
        tracker.outer_layers = self.outer_layers
        tracker.charged = self.charged
        connection = tracker.open(client_side)
        tracker.begin_packets()
        silent = None if self.silent is None else self.silent.connection
        if silent is None:
            for gap in self.gaps:
                tracker.record_gap(gap)
        else:  # a close was captured before these bytes
            connection.quality = silent.quality
            connection.closes = silent.closes
            connection.close = silent.close
            if client_side == 1:  # what is known of one side was recorded of the other
                connection.quality.ambiguous = True
        if self.proven_side >= 0:
            first = self.held[0][1] if self.held else cut(window, start, min(stop, start + 64))
            if looks_like_connect(first, False) != 1:
                where = self.context.frame(frame, time_ns)
                self.context.proven.report(self.tcp, self.proven_side, where)
        self._succeed(tracker)
        self.direction(side).resync = False
        if self.held is not None:
            held, self.held = self.held, None
            for held_side, data, held_frame, held_time in held:
                tracker.packets(
                    self.direction(held_side), data, 0, len(data), held_frame, held_time
                )
        tracker.packets(self.direction(side), window, start, stop, frame, time_ns)
        closes, self.held_closes = self.held_closes, ()
        for closed_side, how, closed_frame, closed_time in closes:
            tracker.closed(closed_side, how, closed_frame, closed_time)
        return True

    def _begin_inside(
        self, side: int, window: bytes, start: int, stop: int, frame: int, time_ns: int
    ) -> bool:
        """Begins in mid-stream, where a packet begins or one that was begun continues."""
        direction = self.direction(side)
        framer = direction.framer
        assert framer is not None
        kind = (framer.first if direction.packet_begun() else window[start]) >> 4
        client_side = self._client_by_type(side, kind)
        return self._begin(client_side, side, window, start, stop, frame, time_ns)

    def _encapsulated(
        self,
        before: bytes,
        side: int,
        window: bytes,
        start: int,
        stop: int,
        frame: int,
        time_ns: int,
    ) -> bool:
        """Puts the reader of an encapsulation in its place, or ignores TLS; False without one."""
        data = before + window[start:stop]
        plain = not self.outer_layers and not self.gaps
        if plain and hello_without_mqtt(data) and not self._tls_expected():
            self._count("tls")
            self.state = IGNORED
            self.held = None
            return True
        kind = encapsulation_of(data, self.outer_layers, self.direction(side).lost)
        if not kind:
            return False
        reader = self._reader(kind)
        held = self.held or []
        self.held = None
        held.append((side, window[start:stop], frame, time_ns))
        for held_side, data, held_frame, held_time in held:
            if not reader.chunk(held_side, data, 0, len(data), held_frame, held_time):
                self.state = IGNORED
                return True
        self._succeed(reader)
        self.tcp.charge(-self.charged)
        self.charged = 0
        return True

    def _reader(self, kind: int) -> Consumer:
        """Makes the reader of an encapsulation, with a detector for what it carries."""
        gaps, self.gaps = self.gaps, ()
        if kind == _TLS:
            from dissector.connections.encapsulation.tls import TlsWatcher

            make_inner = partial(_detector_in_tls, self.context, self.tcp)
            return TlsWatcher(
                self.context, self.tcp, self.encapsulation, self.outer_layers, list(gaps),
                make_inner,
            )  # fmt: skip
        encapsulation = self.encapsulation or Encapsulation()
        inner = _inner(self.context, self.tcp, encapsulation, self.outer_layers | kind)
        for side in (0, 1):
            inner.direction(side).lost = self.direction(side).lost
            inner.direction(side).gap_inside = self.direction(side).gap_inside
        inner.gaps = gaps
        if kind == _PROXY:
            from dissector.connections.encapsulation.proxy import ProxyReader

            return ProxyReader(self.context, self.tcp, encapsulation, inner)
        from dissector.connections.encapsulation.websocket import WebSocketReader

        return WebSocketReader(self.context, self.tcp, encapsulation, inner)

    def _succeed(self, consumer: Consumer) -> None:
        self.state = DECIDED
        self.successor = consumer
        self.tcp.mark_decided()
        self.tcp.replace_consumer(self, consumer)

    def _tls_expected(self) -> bool:
        """Whether MQTT is expected inside TLS by a port, or because the TLS was decrypted."""
        tcp, context = self.tcp, self.context
        if (
            self.known_port
            or tcp.direction(0).port in context.tls_ports
            or tcp.direction(1).port in context.tls_ports
        ):
            return True
        return context.decrypted is not None and tcp.stream in context.decrypted

    def _silent_tracker(self) -> Tracker | None:
        """Makes a tracker for a connection on an MQTT port on which no data was sent, or None."""
        if self.state != UNDECIDED or not self.known_port:
            return None
        if self.initiator.byte_count or self.responder.byte_count:
            return None
        if not self.tcp.syn_seen or not self.tcp.synack_seen:
            return None
        if self.tcp.direction(0).segments < 2:
            return None  # the SYN/ACK was not answered: half-open
        tracker = make_tracker(self.context, self.tcp, self.initiator, self.responder)
        tracker.encapsulation = self.encapsulation
        tracker.outer_layers = self.outer_layers
        tracker.open_silent(self.gaps)
        return tracker

    def _ignore(self, data: bytes) -> bool:
        """Ignores a connection of another protocol from now on."""
        if self.state == WAITING:
            self.context.proven.release(self)
        kind = other_protocol(data)
        if kind == "other" and midstream(self.tcp) and not self.known_port:
            if not self.outer_layers and self.context.proven.side(self.tcp) < 0:
                self.tcp.unread = True  # read from the proof on, if its server is proven later
        self._count(kind)
        self.state = IGNORED
        self.held = None
        return False

    def _count(self, kind: str) -> None:
        """Counts the connection as other traffic."""
        if self.encapsulation is not None and self.encapsulation.websocket:
            kind = "websocket"
        self.context.other_traffic(kind, self.tcp)


def make_detector(context: AnalysisContext, tcp: TcpConnection) -> Detector:
    """Makes the first consumer of a TCP connection."""
    made = Detector.__new__(Detector)
    made.begin(context, tcp)
    if not tcp.expected:
        made.proven_side = context.proven.side(tcp)
        made.known_port = made.proven_side >= 0
    return made


def _inner(
    context: AnalysisContext, tcp: TcpConnection, encapsulation: Encapsulation, outer_layers: int
) -> Detector:
    """Makes the detector of what an encapsulation carries."""
    made = Detector.__new__(Detector)
    made.begin(context, tcp)
    made.encapsulation = encapsulation
    made.outer_layers = outer_layers
    return made


def _detector_in_tls(
    context: AnalysisContext,
    tcp: TcpConnection,
    encapsulation: Encapsulation,
    outer_layers: int,
    *,
    expected: bool,
    gaps: list[Gap],
) -> Detector:
    """Makes the detector of decrypted data; `gaps` are those of TLS so far."""
    made = _inner(context, tcp, encapsulation, outer_layers)
    made.known_port = expected
    for side, _, _, reason in gaps:
        direction = made.direction(side)
        direction.lost = True
        if not reason.startswith("mid-stream"):
            direction.gap_inside = True
    made.gaps = tuple(gaps)
    return made
