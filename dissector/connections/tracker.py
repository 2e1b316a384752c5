# cython: annotation_typing=False
"""One TCP connection's bytes in, its MQTT connection out: recognised, framed, followed to its end.

A tracker begins undecided. As soon as the first bytes are MQTT (`recognise.py`) it frames both
directions; where they are something else it lets the connection go. Packets of an undisturbed
connection are counted and no more. A gap stops the framing of its direction until a chain of
plausible packets; what is decoded after a gap is reported but never judged.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import cython

from dissector.connections import deadlines
from dissector.connections.connection import (
    CONNACK_TRAITS,
    HISTORY_LIMIT,
    CloseEvent,
    Connection,
    Phase,
    Trait,
    View,
)
from dissector.connections.handshake import Close, Handshake
from dissector.connections.tracking import Server, Tracking
from dissector.connections.transitions import CONNACK_REFUSED, EVENTS, NEXT, STAYS
from dissector.model import FrameRef, Outcome, Side, Version
from dissector.mqtt import spec
from dissector.mqtt.defects import Defect, DefectKind
from dissector.mqtt.packets import Auth, Connack, Connect, Disconnect, Packet
from dissector.mqtt.stream import BROKEN, NEED_DATA, Framer
from dissector.net.consumer import CAPTURE_END, CLOSE_FRAME, EVICTED, FIN, REUSED, RST, Consumer
from dissector.net.tcp import TcpConnection

if TYPE_CHECKING:
    from dissector.connections.carrier import Carrier

if cython.compiled:
    from cython.cimports.dissector.connections.connection import (  # type: ignore[import-not-found]
        packet_ref,
    )
    from cython.cimports.dissector.connections.outcome import outcome  # type: ignore[import-not-found]
    from cython.cimports.dissector.connections.recognise import (  # type: ignore[import-not-found]
        looks_like_connect,
        other_protocol,
        plausible_chain,
    )
    from cython.cimports.dissector.mqtt.decode import (  # type: ignore[import-not-found]
        decode_packet,
        header_defects,
    )
    from cython.cimports.dissector.octets import cut  # type: ignore[import-not-found]
else:
    from dissector.connections.connection import packet_ref
    from dissector.connections.outcome import outcome
    from dissector.connections.recognise import (
        looks_like_connect,
        other_protocol,
        plausible_chain,
    )
    from dissector.mqtt.decode import decode_packet, header_defects
    from dissector.octets import cut

UNDECIDED, MQTT, IGNORED = range(3)

HELD_LIMIT = 4096  # bytes held of a connection that is still undecided
_CLOSE_GRACE_NS = deadlines.CLOSE_GRACE_NS
_HANDSHAKE_TIMEOUT_NS = deadlines.HANDSHAKE_TIMEOUT_NS
_SMALL = 5  # a first chunk in mid-stream of fewer bytes may be a packet's fixed header
TRIES_LIMIT = 16  # chunks of a stream in mid-stream that are tried before it is given up

# What client (0) and server (1) send in an undisturbed connection, as bits by type
_QUIET_CLIENT = (
    (1 << 3) | (1 << 4) | (1 << 5) | (1 << 6) | (1 << 7) | (1 << 8) | (1 << 10) | (1 << 12)
)
_QUIET_SERVER = (
    (1 << 3) | (1 << 4) | (1 << 5) | (1 << 6) | (1 << 7) | (1 << 9) | (1 << 11) | (1 << 13)
)
_FLAGS_OF_TWO = (1 << 6) | (1 << 8) | (1 << 10)


def _bytes_of(quiet: int) -> bytes:
    """Give, for each first byte of a packet, whether its type is quiet and has its usual flags."""
    return bytes(
        quiet >> (first >> 4) & 1
        and (first >> 4 == 3 or first & 15 == (2 if _FLAGS_OF_TWO >> (first >> 4) & 1 else 0))
        for first in range(256)
    )


_USUAL_CLIENT, _USUAL_SERVER = _bytes_of(_QUIET_CLIENT), _bytes_of(_QUIET_SERVER)

# Attributes of classes as this module's own names: C integers where compiled
_CONNECTING, _AUTHENTICATING = Phase.CONNECTING, Phase.AUTHENTICATING
_CONNECTED, _REFUSED, _MIDSTREAM = Phase.CONNECTED, Phase.REFUSED, Phase.MIDSTREAM
_WITH_CONNECT, _WITH_CONNACK, _WITH_REFUSAL = Trait.CONNECT, Trait.CONNACK, Trait.REFUSED
_WITH_DISCONNECT, _WITH_SESSION = Trait.DISCONNECT, Trait.SESSION_PRESENT
_NO_CLIENT_ID = Trait.NO_CLIENT_ID
_REFUSED_CONNACK, _STAYS, _EVENTS, _NEXT = CONNACK_REFUSED, STAYS, EVENTS, NEXT
_CLIENT, _SERVER, _INCOMPLETE = Side.CLIENT, Side.SERVER, Outcome.INCOMPLETE

_CLOSES = {FIN: "fin", RST: "rst", CLOSE_FRAME: "close-frame"}
_ENDINGS = {REUSED: "reused", EVICTED: "evicted", CAPTURE_END: "capture end"}
_V3_1, _V3_1_1 = Version.V3_1, Version.V3_1_1
_CONNECT, _CONNACK, _DISCONNECT, _AUTH = spec.CONNECT, spec.CONNACK, spec.DISCONNECT, spec.AUTH
_DECODED = (1 << _CONNECT) | (1 << _CONNACK) | (1 << _DISCONNECT) | (1 << _AUTH)
_CLIENT_ONLY = sum(1 << kind for kind in spec.CLIENT_ONLY)
_SERVER_ONLY = sum(1 << kind for kind in spec.SERVER_ONLY)


class Tracker(Consumer):
    """Follows one TCP connection. Sides are numbers here, those of net; `client` is one of them."""

    def __init__(self, tracking: Tracking, tcp: TcpConnection) -> None:
        self.begin(tracking, tcp)

    def begin(self, tracking: Tracking, tcp: TcpConnection) -> None:
        """Set everything; for a tracker made without a constructor (see `Half`)."""
        self.tracking = tracking
        self.tcp = tcp
        self.mode = UNDECIDED
        ports = self.tracking.ports
        self.known_port = self.tcp.port_a in ports or self.tcp.port_b in ports
        self.client = 0
        self.phase = 0
        self.order = 0
        self.tries = 0
        self.framer_a: Framer | None = None
        self.framer_b: Framer | None = None
        self.held: list[tuple[int, bytes, int, int]] = []
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
        self.last_a = self.last_b = self.tcp.first_frame  # where each side was heard last
        self.last_time_a = self.last_time_b = self.tcp.first_time_ns
        self.connect_end = -1
        self.gaps: list[tuple[int, FrameRef, FrameRef, str]] = []
        self.connection: Connection | None = None
        self.server: Server | None = None
        self.carrier: Carrier | None = None  # what is known of the layers around it
        self.inside = 0  # these layers, as bits of `unwrap`
        self.unwrapper: Consumer | None = None  # takes everything once it is there

    # -- what net calls ---------------------------------------------------------------------------

    def chunk(
        self, side: int, window: bytes, start: int, stop: int, frame: int, time_ns: int
    ) -> bool:
        """Take the next bytes of a side."""
        if side == 0:
            self.spoke_a += stop - start
        else:
            self.spoke_b += stop - start
        if self.mode == MQTT:
            self._packets(side, window, start, stop, frame, time_ns)
        elif self.mode == IGNORED or not self._decide(side, window, start, stop, frame, time_ns):
            return False
        if side == 0:
            self.last_a, self.last_time_a = frame, time_ns
        else:
            self.last_b, self.last_time_b = frame, time_ns
        return True

    def gap(self, side: int, missing: int, frame: int, time_ns: int, reason: str) -> bool:
        """Bytes of a side will never come: its framing starts afresh."""
        if self.unwrapper is not None:
            return self.unwrapper.gap(side, missing, frame, time_ns, reason)
        if side == 0:
            self.lost_a = self.resync_a = True
        else:
            self.lost_b = self.resync_b = True
        if reason != "mid-stream":
            if side == 0:
                self.torn_a = True
            else:
                self.torn_b = True
        where = self.tracking.frame(frame, time_ns)
        since = (
            self.tracking.frame(self.last_a, self.last_time_a)
            if side == 0
            else self.tracking.frame(self.last_b, self.last_time_b)
        )
        found = (side, since, where, f"{reason}: {missing}" if missing > 0 else reason)
        if self.connection is None:
            self.gaps.append(found)
        else:
            self._note_gap(found)
        framer = self.framer_a if side == 0 else self.framer_b
        if framer is not None:
            framer.reset()
        return self.mode != IGNORED

    def closed(self, side: int, how: int, frame: int, time_ns: int) -> bool:
        """A side closed."""
        if self.unwrapper is not None:
            return self.unwrapper.closed(side, how, frame, time_ns)
        connection = self.connection
        if connection is None:
            connection = self._silent()
            if connection is None:
                return self.mode != IGNORED
        who = self._who(side)
        event = CloseEvent.__new__(CloseEvent)
        event.begin(who, _CLOSES[how], self.tracking.frame(frame, time_ns))
        connection.closes.append(event)
        if connection.close is None:
            connection.close = Close.__new__(Close)
            connection.close.begin(who, event.how, event.frame)
        return True

    def finished(self, reason: int, time_ns: int) -> bool:
        """The view ends: what was seen is handed over to be judged."""
        if self.unwrapper is not None:
            return self.unwrapper.finished(reason, time_ns)
        connection = self.connection
        if connection is None:
            connection = self._silent()
            if connection is None:
                return False
        self._look(connection, reason, time_ns)
        if self._mixed():
            self.tracking.listener.limited(
                "mixed-connections",
                "a SYN/ACK does not fit what was seen before it: segments of two connections",
                connection.first,
                connection.stream,
            )
        if connection.handshake is not None:
            connection.handshake.outcome = outcome(connection)
            if connection.auths:
                connection.handshake.auths = _before(connection.auths, connection.connack)
            connection.handshake.close = connection.close
        self.tracking.listener.ended(connection)
        self.connection = None
        self.mode = IGNORED
        return True

    def review(self, time_ns: int, judge: Callable[[Connection], None]) -> bool:
        """Have the connection judged as if the view of it ended now; it stays as it is.

        False where bytes are on their way that were not seen yet: to be asked again later.
        """
        tcp = self.tcp
        if self.unwrapper is not None or self.mode == IGNORED:
            return True
        if not (tcp.a.plain() and tcp.b.plain()) or (tcp.turns is not None and tcp.turns.size):
            return tcp.lingering or tcp.over
        connection = self.connection
        if connection is None:
            connection = None if self.gaps else self._silent()
            if connection is None:
                return True
            self.connection = None
        traits = connection.traits
        self._look(connection, CAPTURE_END, time_ns)
        judge(connection)
        connection.traits = traits
        connection.view.ended = None
        return True

    def _look(self, connection: Connection, reason: int, time_ns: int) -> None:
        """Tell the connection how much of it was seen, and what is missing by now."""
        view = connection.view
        view.ended = _ENDINGS.get(reason, "closed")
        view.ended_ns = time_ns
        view.heard_ns = time_ns if self.tracking.watched else self.tcp.last_time_ns
        view.dropped = self.tracking.dropped_ns >= self.tcp.first_time_ns
        view.steady = self.tcp.steady
        view.strayed = self.tcp.strayed
        view.disordered = self.tcp.disordered
        view.both_seen = self.tcp.a.segments > 0 and self.tcp.b.segments > 0
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

    # -- recognition ------------------------------------------------------------------------------

    def _decide(
        self, side: int, window: bytes, start: int, stop: int, frame: int, time_ns: int
    ) -> bool:
        """Settle whether the connection is MQTT; give False where it is something else."""
        if self.unwrapper is not None:
            return self.unwrapper.chunk(side, window, start, stop, frame, time_ns)
        before = b""
        if self.held:
            for held_side, held, _, _ in self.held:
                if held_side == side:
                    before += held
        probe = cut(window, start, min(stop, start + 32))
        if before:
            probe = before + probe
        lost = self.lost_a if side == 0 else self.lost_b
        verdict = looks_like_connect(probe, self.known_port and not lost)
        if verdict == 1:  # YES
            torn = self.torn_a if side == 0 else self.torn_b
            if torn and (not self.known_port or side == 1):
                verdict = 0  # in the midst of a stream it may be payload
            else:
                self.client = side
                return self._begin(side, window, start, stop, frame, time_ns)
        if verdict == 2 and self.held_bytes < HELD_LIMIT:  # MORE
            return self._hold(side, window, start, stop, frame, time_ns)
        if self.known_port and not before and plausible_chain(window, start, stop):
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
            self.tries += 1
            if self.tries < TRIES_LIMIT:
                return True
        elif side == 1 and not self._spoke(0) and self.held_bytes < HELD_LIMIT:
            return self._hold(side, window, start, stop, frame, time_ns)
        inside = self.carrier is not None and self.carrier.websocket
        self.tracking.other_traffic(
            "websocket" if inside else other_protocol(before + window[start:stop])
        )
        self.mode = IGNORED
        self.held = []
        return False

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
        """Have taken off what stands around the MQTT; False where it does not look like that."""
        from dissector.connections.tls_watcher import TlsWatcher
        from dissector.connections.unwrap import TLS, unwrapper, wrapping

        lost = self.lost_a if side == 0 else self.lost_b
        kind = wrapping(before + window[start:stop], self.inside, lost=lost)
        if not kind:
            return False
        gaps, self.gaps = self.gaps, []
        if kind == TLS:
            found: Consumer = TlsWatcher(self.tracking, self.tcp, self.carrier, self.inside, gaps)
        else:
            inner = Tracker(self.tracking, self.tcp)
            inner.carrier = self.carrier
            inner.inside = self.inside
            inner.lost_a, inner.lost_b = self.lost_a, self.lost_b
            inner.torn_a, inner.torn_b = self.torn_a, self.torn_b
            inner.gaps = gaps
            found = unwrapper(kind, inner)
        held, self.held = self.held, []
        held.append((side, window[start:stop], frame, time_ns))
        for held_side, data, held_frame, held_time in held:
            if not found.chunk(held_side, data, 0, len(data), held_frame, held_time):
                self.mode = IGNORED
                return True
        self.unwrapper = found
        return True

    def idle(self) -> bool:
        """Whether it has not found out what its connection carries."""
        return self.mode == UNDECIDED and self.unwrapper is None

    def _hold(
        self, side: int, window: bytes, start: int, stop: int, frame: int, time_ns: int
    ) -> bool:
        self.held.append((side, window[start:stop], frame, time_ns))
        self.held_bytes += stop - start
        return True

    def _spoke(self, side: int) -> bool:
        return (self.spoke_a if side == 0 else self.spoke_b) > 0

    def _midstream(self) -> bool:
        return not self.tcp.syn_seen and not self.tcp.synack_seen

    def _client_by_type(self, side: int, packet_type: int) -> int:
        """Name the client: who sent the SYN; without it by who sent what, or by port."""
        if not self._midstream():
            return 0
        if packet_type in spec.CLIENT_ONLY:
            return side
        if packet_type in spec.SERVER_ONLY:
            return 1 - side
        return 1 if self.tcp.port_a in self.tracking.ports else 0

    def _begin(
        self, side: int, window: bytes, start: int, stop: int, frame: int, time_ns: int
    ) -> bool:
        """The connection is MQTT: frame what was held, then this chunk."""
        self.mode = MQTT
        self.framer_a = Framer.__new__(Framer)
        self.framer_a.begin(self.tracking.keep_all)
        self.framer_b = Framer.__new__(Framer)
        self.framer_b.begin(self.tracking.keep_all)
        self.tracking.mqtt_connections += 1
        connection = self._connection()
        if self._midstream():
            self.phase = _MIDSTREAM
            connection.view.syn_seen = False
        for found in self.gaps:
            self._note_gap(found)
        if side == 0:
            self.resync_a = False
        else:
            self.resync_b = False
        held, self.held = self.held, []
        for held_side, data, held_frame, held_time in held:
            self._packets(held_side, data, 0, len(data), held_frame, held_time)
        self._packets(side, window, start, stop, frame, time_ns)
        return True

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

    # -- packets ----------------------------------------------------------------------------------

    def _packets(
        self, side: int, window: bytes, start: int, stop: int, frame: int, time_ns: int
    ) -> None:
        if self.resync_a if side == 0 else self.resync_b:
            if not plausible_chain(window, start, stop):
                return
            if side == 0:
                self.resync_a = False
            else:
                self.resync_b = False
        if side != self.client and (self.packets_a if side == 0 else self.packets_b) == 0:
            if not self._server_speaks_mqtt(side, window, start, stop):
                return
        framer = self.framer_a if side == 0 else self.framer_b
        assert framer is not None
        if (
            (self.phase == _CONNECTED or self.phase == _MIDSTREAM)
            and (self.packets_a if side == 0 else self.packets_b) > 0
            and framer.between_packets()
            and not self.tracking.keep_all
        ):
            start = self._quiet(side, window, start, stop)
            if start == stop:
                return
        framer.feed(window, start, stop, frame, time_ns)
        while True:
            got = framer.next()
            if got == NEED_DATA:
                break
            if got == BROKEN:
                self._broken(side, framer)
                break
            kind = framer.first >> 4
            self.tracking.counts[kind] += 1
            if side == 0:
                self.packets_a += 1
            else:
                self.packets_b += 1
            if (
                (self.phase == _CONNECTED or self.phase == _MIDSTREAM)
                and _usual(framer.first, side == self.client)
                and (
                    framer.header_size == 2
                    or framer.remaining >= (1 << (7 * (framer.header_size - 2)))
                )
                and not self.tracking.keep_all
                and (self.packets_a if side == 0 else self.packets_b) > 1
            ):
                self.order += 1
                continue
            self._noteworthy(side, framer)
        framer.release()

    def _quiet(self, side: int, window: bytes, start: int, stop: int) -> int:
        """Count packets of an undisturbed connection that lie whole in a chunk; where they end."""
        if start < 0 or stop > len(window):
            raise IndexError("a chunk lies outside of its window")
        octets = window  # compiled: a pointer
        client = side == self.client
        counts = self.tracking.counts
        count = 0
        while stop - start >= 2:
            first = octets[start]
            if not _usual(first, client):
                break
            size = octets[start + 1]
            if size < 0x80:
                size += 2
            elif stop - start < 3 or not 0 < octets[start + 2] < 0x80:
                break  # longer, or longer than need be
            else:
                size = (size & 0x7F) + (octets[start + 2] << 7) + 3
            if stop - start < size:
                break
            counts[first >> 4] += 1
            count += 1
            start += size
        self.order += count
        if side == 0:
            self.packets_a += count
        else:
            self.packets_b += count
        return start

    def _server_speaks_mqtt(self, side: int, window: bytes, start: int, stop: int) -> bool:
        """Whether the first bytes of the server can be MQTT; who answers HTTP is no MQTT server."""
        assert self.connection is not None
        framer = self.framer_a if side == 0 else self.framer_b
        assert framer is not None
        if self.connection.view.foreign:
            return False
        if not framer.idle():
            return True
        first = window[start]
        size = stop - start
        if first == 0x20 or (size == 1 and (first == 0xE0 or first == 0xF0)):
            return True
        if size >= 4 and first >> 4 == 2 and window[start + 1] == 2 and window[start + 2] < 2:
            return True
        if plausible_chain(window, start, stop):
            return True
        # what is odd but MQTT all the same: bad flags, type 0; one packet, and nothing but it
        odd = first == 0 or first >> 4 >= 14
        if odd and size >= 2 and window[start + 1] + 2 == size:
            return True
        # an AUTH of which this is only the beginning
        if first == 0xF0 and window[start + 1] + 2 > size:
            code = 3 if window[start + 1] & 0x80 else 2
            return size <= code or window[start + code] == 0x18
        self.connection.view.foreign = True
        return False

    def _broken(self, side: int, framer: Framer) -> None:
        """A Remaining Length of five bytes: nobody knows where the next packet begins."""
        assert self.connection is not None
        kind = framer.first >> 4
        defect = Defect(DefectKind.LENGTH_FIVE_BYTES, kind, 1, framer.header_size - 1, None)
        where = self.tracking.frame(framer.frame, framer.time_ns)
        packet = Packet(
            type=kind, flags=framer.first & 15, remaining_length=0, size=framer.size,
            frame=where, first=where, raw=framer.window, defects=(defect,),
        )  # fmt: skip
        self._defects(side, packet)

    def _noteworthy(self, side: int, framer: Framer) -> None:
        """Decode and follow a packet that the order of things depends on."""
        connection = self.connection
        assert connection is not None
        who = _CLIENT if side == self.client else _SERVER
        kind = framer.first >> 4
        raw = cut(framer.window, framer.start, framer.stop) if framer.kept else b""
        version = connection.version
        before_5 = version is _V3_1_1 or version is _V3_1
        decoded = framer.kept and _DECODED >> kind & 1 and not (kind == _AUTH and before_5)
        packet = decode_packet(raw, version, who) if decoded else self._framed(framer, raw)
        where = self.tracking.frame(framer.frame, framer.time_ns)
        packet.frame = where
        packet.first = (
            where
            if framer.first_frame == framer.frame
            else self.tracking.frame(framer.first_frame, framer.first_time_ns)
        )
        odd = self._misplaced(who, kind, before_5)
        if odd is not None:
            packet.defects += (Defect(odd, kind, 0, 1, kind),)
        self._traits(side, who, kind)
        code = packet.code()
        if len(connection.history) < HISTORY_LIMIT:
            connection.history.append(
                packet_ref(kind, framer.first & 15, who, where, self.order, framer.size, code)
            )
        self.order += 1
        event = kind
        answered = False
        if isinstance(packet, Connect):
            if side == self.client:
                self._connect(side, packet, framer)
        elif isinstance(packet, Connack):
            if side != self.client:
                if code != 0:
                    event = _REFUSED_CONNACK
                answered = self._connack(side, packet, framer)
        elif isinstance(packet, Auth):
            connection.traits |= Trait.AUTH
            self._keep(connection.auths, packet)
        elif isinstance(packet, Disconnect):
            self._disconnect(who, packet)
        target = _NEXT[(2 * self.phase + (side != self.client)) * _EVENTS + event]
        if target != _STAYS:
            self.phase = target
        if packet.defects:
            self._defects(side, packet)
        if self.tracking.keep_all:
            self.tracking.listener.packet(connection, packet, who)
        if answered:
            if self._disagrees():
                self.tracking.listener.doubted(connection, packet)
            else:
                self.tracking.listener.answered(connection)
        if self.tracking.noted is not None:
            self.tracking.noted(self.tcp.serial, kind, framer.time_ns)

    def _framed(self, framer: Framer, raw: bytes) -> Packet:
        """Make the record of a packet that is not decoded."""
        kind = framer.first >> 4
        packet = Packet(
            type=kind, flags=framer.first & 15, remaining_length=framer.remaining,
            size=framer.size, raw=raw if self.tracking.keep_all else raw[: framer.header_size],
            defects=tuple(header_defects(framer.first, framer.remaining, framer.header_size)),
        )  # fmt: skip
        if kind == _AUTH:
            packet.secrets = ((framer.header_size, framer.remaining),)  # its data, undecoded
        if _DECODED >> kind & 1 and not framer.kept:
            assert self.connection is not None
            self.tracking.listener.limited(
                "packet-limit",
                f"a {packet.name} of {framer.size} bytes is over the limit of 1 MiB; not decoded",
                self.tracking.frame(framer.frame, framer.time_ns),
                self.connection.stream,
            )
        return packet

    def _misplaced(self, who: Side, kind: int, before_5: bool) -> DefectKind | None:
        """Hold a packet's type against direction and version (v3.1.1 table 2.1, v5.0 table 2-1)."""
        assert self.connection is not None
        if kind == 0:
            return DefectKind.TYPE_ZERO
        if kind == _AUTH and before_5:
            return DefectKind.TYPE_AUTH_BEFORE_5
        wrong = (_SERVER_ONLY if who is _CLIENT else _CLIENT_ONLY) >> kind & 1
        if not wrong and not (kind == _DISCONNECT and who is _SERVER and before_5):
            return None
        if self.connection.connect is None and self._midstream():
            return None  # who is the client is a guess
        return DefectKind.WRONG_DIRECTION

    def _traits(self, side: int, who: Side, kind: int) -> None:
        """Note what is noteworthy about a packet at this point."""
        connection = self.connection
        assert connection is not None
        traits = 0
        first = (self.packets_a if side == 0 else self.packets_b) == 1
        lost = self.lost_a if side == 0 else self.lost_b
        if first and not lost and not self._midstream():
            if who is _CLIENT and kind != _CONNECT:
                traits |= Trait.CLIENT_FIRST_OTHER if self.tcp.syn_seen else 0
            elif who is _SERVER and kind != _CONNACK and kind != _AUTH:
                traits |= Trait.SERVER_FIRST_OTHER
        phase = self.phase
        if phase == _CONNECTING or phase == _AUTHENTICATING:
            if who is _CLIENT and kind != _CONNECT:
                traits |= Trait.BEFORE_CONNACK
        elif phase == _REFUSED:
            traits |= Trait.AFTER_REFUSAL
        for item in connection.disconnects:
            if item.side is who:
                traits |= Trait.AFTER_DISCONNECT
        connection.traits |= traits

    def _keep(self, kept: list[Any], packet: Auth | Disconnect) -> None:
        """Keep a packet that rules ask for later, one of the first of its side."""
        assert self.connection is not None and packet.side is not None
        known = 0
        for item in kept:
            known += item.side is packet.side
        if known < HISTORY_LIMIT:
            kept.append(packet)
        if known + 1 == HISTORY_LIMIT:
            self.tracking.listener.limited(
                "history-limit",
                f"{HISTORY_LIMIT} {packet.name} packets of the {packet.side.value}; no more of "
                "them are looked into",
                packet.frame,
                self.connection.stream,
            )

    def _disconnect(self, who: Side, packet: Disconnect) -> None:
        connection = self.connection
        assert connection is not None
        self._keep(connection.disconnects, packet)
        connection.traits |= _WITH_DISCONNECT
        if who is _SERVER:
            connection.traits |= Trait.SERVER_DISCONNECT
        if packet.properties:
            connection.traits |= Trait.DISCONNECT_PROPERTIES
        if connection.close is None and packet.frame is not None:
            connection.close = Close.__new__(Close)
            connection.close.begin(who, "disconnect", packet.frame)

    def _connect(self, side: int, packet: Connect, framer: Framer) -> None:
        connection = self.connection
        assert connection is not None
        if not self._begins(side, framer):
            return
        if connection.connect is not None or connection.connack is not None:
            connection.traits |= Trait.EXTRA_CONNECT
            return
        connection.connect = packet
        connection.version = packet.version
        connection.bridge = packet.bridge
        connection.traits |= _WITH_CONNECT
        if not packet.client_id:
            connection.traits |= _NO_CLIENT_ID
        if packet.properties and connection.method() is not None:
            connection.traits |= Trait.AUTH
        consumed = self.spoke_a if side == 0 else self.spoke_b
        self.connect_end = consumed - (framer.end - framer.pos)
        if self.inside:  # what carries it takes bytes, too
            self.connect_end = self.tcp.direction(side).next
        self._handshake(connection)

    def _begins(self, side: int, framer: Framer) -> bool:
        """Whether a packet is one of a direction whose bytes were all seen, or the first seen.

        What is found again behind missing bytes may as well be payload: nobody is asked to answer
        for it. Where the capture starts in mid-stream only the very first bytes will do.
        """
        if self.torn_a if side == 0 else self.torn_b:
            return False
        if not (self.lost_a if side == 0 else self.lost_b):
            return True
        rest = framer.end - framer.pos
        if (self.spoke_a if side == 0 else self.spoke_b) - rest != framer.size:
            return False
        return rest == 0 or plausible_chain(framer.chunk, framer.pos, framer.end)

    def _connack(self, side: int, packet: Connack, framer: Framer) -> bool:
        """Take a CONNACK; whether it is the first."""
        connection = self.connection
        assert connection is not None
        if not self._begins(side, framer):
            return False
        if connection.connack is not None:
            connection.traits |= Trait.EXTRA_CONNACK
            return False
        connection.connack = packet
        connection.traits |= _WITH_CONNACK
        if packet.properties:
            for item in packet.properties:
                connection.traits |= CONNACK_TRAITS.get(item.id, 0)
        if packet.return_code != 0:
            connection.traits |= _WITH_REFUSAL
        else:
            if packet.session_present:
                connection.traits |= _WITH_SESSION
            if connection.version is not None:
                assert self.server is not None
                self.server.accepts(connection.version)
        if connection.handshake is None:
            self._handshake(connection)
        handshake = connection.handshake
        assert handshake is not None
        handshake.connack = packet
        connect = connection.connect
        if connect is not None:
            assert connect.frame is not None and packet.frame is not None
            passed = packet.frame.time_ns - connect.frame.time_ns
            if passed >= 0:  # else they were captured out of order: nobody knows
                handshake.latency = passed / 1e9
        return True

    def _handshake(self, connection: Connection) -> None:
        handshake = connection.handshake = Handshake.__new__(Handshake)
        handshake.begin(
            self.tracking.handshakes, connection.stream, connection.transport, connection.version,
            connection.bridge, _INCOMPLETE, connection.client, connection.server,
            connection.connect,
        )  # fmt: skip
        handshake.carrier = self.carrier
        self.tracking.handshakes += 1

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

    def _defects(self, side: int, packet: Packet) -> None:
        connection = self.connection
        assert connection is not None
        if self.lost_a if side == 0 else self.lost_b:
            if packet is not connection.connect:
                self.tracking.listener.doubted(connection, packet)
                return  # behind a gap nothing proves that the packet begins where we think
        if self._disagrees():
            self.tracking.listener.doubted(connection, packet)
            return  # two copies of the same bytes differ: nobody knows which were received
        connection.traits |= Trait.DEFECT
        self.tracking.listener.defects(connection, packet, self._who(side))


def _usual(first: int, client: bool) -> bool:
    """Whether a packet that begins with this byte does nothing but count."""
    return _USUAL_CLIENT[first] == 1 if client else _USUAL_SERVER[first] == 1


def follow(tracking: Tracking, tcp: TcpConnection) -> Tracker:
    """Make a tracker without its constructor."""
    made = Tracker.__new__(Tracker)
    made.begin(tracking, tcp)
    return made


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


def _before(auths: list[Auth], connack: Connack | None) -> tuple[Auth, ...]:
    """Give those AUTH packets that came before the CONNACK."""
    if connack is None or connack.frame is None:
        return tuple(auths)
    limit = connack.frame.time_ns
    return tuple(auth for auth in auths if auth.frame is None or auth.frame.time_ns <= limit)
