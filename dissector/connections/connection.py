"""Record of one TCP connection that carries MQTT: facts for the rules, without any judgement.

The tracker fills it, rules read it. Ordinary packets of an established connection are only counted;
`activity` keeps those that rules need in order (all up to the end of the handshake, and unusual
ones later), at most `HISTORY_LIMIT` of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cython
import msgspec

from dissector.connections.deadlines import DEFAULT, Deadlines
from dissector.connections.handshake import Close, Handshake
from dissector.model import Endpoint, Finding, FrameRef, Side, Version
from dissector.mqtt import spec
from dissector.mqtt.packets.auth import Auth
from dissector.mqtt.packets.connack import Connack
from dissector.mqtt.packets.connect import Connect
from dissector.mqtt.packets.disconnect import Disconnect

if TYPE_CHECKING:
    from dissector.connections.encapsulation.record import Encapsulation
    from dissector.mqtt.unfinished_connect import UnfinishedConnect

HISTORY_LIMIT = 64
FOREIGN_KEPT = 16  # bytes


class Phase:
    """Protocol state of a connection (`transitions.py`). Plain numbers: they change often."""

    OPEN = 0  # no packet yet
    CONNECTING = 1  # CONNECT seen, no answer
    AUTHENTICATING = 2  # AUTH exchanged, no CONNACK
    CONNECTED = 3
    REFUSED = 4
    DISCONNECTED = 5  # one side sent DISCONNECT
    MIDSTREAM = 6  # the capture starts in the middle of the connection


_OPEN = Phase.OPEN
_DEADLINES = DEFAULT
# Packets of a server that do not show that it accepted the client
_NOT_OF_A_SESSION = frozenset({spec.CONNACK, spec.AUTH, spec.DISCONNECT})


class ConnectionFlag:
    """What is notable about a connection, as bits; each rule names those that trigger it."""

    CONNECT = 1
    CONNACK = 2
    REFUSED = 4
    UNANSWERED = 8  # CONNECT without CONNACK, or with a late one
    AUTH = 16  # an AUTH packet, or a method in CONNECT or CONNACK
    DISCONNECT = 32
    EXTRA_CONNECT = 64
    EXTRA_CONNACK = 128
    DEFECT = 256  # at least one defect was recorded
    CLIENT_FIRST_OTHER = 512  # the client's first packet is not a CONNECT
    SERVER_FIRST_OTHER = 1024  # a server packet before its CONNACK that is not AUTH
    AFTER_DISCONNECT = 2048  # a packet from a side that had sent DISCONNECT
    AFTER_REFUSAL = 4096  # a packet after a refusing CONNACK
    BEFORE_CONNACK = 8192  # a client packet, other than CONNECT, before the CONNACK
    SILENT = 1 << 14  # an open connection on an MQTT port without any MQTT
    SESSION_PRESENT = 1 << 15  # in an accepting CONNACK
    CONNACK_EXTRAS = 1 << 16  # a CONNACK with a Reason String or User Property
    NO_CLIENT_ID = 1 << 17  # the client id is empty, or could not be read
    SERVER_DISCONNECT = 1 << 18
    DISCONNECT_PROPERTIES = 1 << 19  # a DISCONNECT with any property
    OPEN_AFTER_DISCONNECT = 1 << 20  # neither side closed within 5 s of a DISCONNECT
    FINDING = 1 << 21  # a rule has reported a finding
    WEBSOCKET = 1 << 22  # carried in WebSocket frames
    RESPONSE_INFORMATION = 1 << 23  # in a CONNACK
    ASSIGNED_CLIENT_ID = 1 << 24  # in a CONNACK
    WILL_LIMITS = 1 << 25  # a CONNACK with Maximum QoS or Retain Available
    SIZE_LIMIT = 1 << 26  # a CONNECT or CONNACK with Maximum Packet Size
    UNFINISHED_CONNECT = 1 << 27  # a CONNECT began and never ended


_ASSIGNED = ConnectionFlag.ASSIGNED_CLIENT_ID

# Flags that properties of a CONNECT and of a CONNACK set, by property identifier
CONNECT_FLAGS = {0x15: ConnectionFlag.AUTH, 0x27: ConnectionFlag.SIZE_LIMIT}
CONNACK_FLAGS = {
    0x12: ConnectionFlag.ASSIGNED_CLIENT_ID,
    0x15: ConnectionFlag.AUTH,
    0x1A: ConnectionFlag.RESPONSE_INFORMATION,
    0x1F: ConnectionFlag.CONNACK_EXTRAS,
    0x24: ConnectionFlag.WILL_LIMITS,
    0x25: ConnectionFlag.WILL_LIMITS,
    0x26: ConnectionFlag.CONNACK_EXTRAS,
    0x27: ConnectionFlag.SIZE_LIMIT,
}


@cython.freelist(64)
@cython.no_gc
@cython.cclass
class PacketRef:
    """One packet of the history. `order` counts the packets of both directions from 0.

    `code` is the return or reason code of CONNACK, DISCONNECT and AUTH, else None.
    """

    def __init__(
        self,
        type: int,  # noqa: A002  # the standard's word
        flags: int,
        side: Side,
        frame: FrameRef,
        order: int,
        size: int,
        code: int | None = None,
    ) -> None:
        self.type = type
        self.flags = flags
        self.side = side
        self.frame = frame
        self.order = order
        self.size = size
        self.code = code


def packet_ref(
    packet_type: int,
    flags: int,
    side: Side,
    frame: FrameRef,
    order: int,
    size: int,
    code: int | None,
) -> PacketRef:
    """Makes a `PacketRef`; from compiled code at a quarter of the cost of its constructor."""
    made = PacketRef.__new__(PacketRef)
    made.type = packet_type
    made.flags = flags
    made.side = side
    made.frame = frame
    made.order = order
    made.size = size
    made.code = code
    return made


@cython.freelist(64)
@cython.no_gc
@cython.cclass
class CloseEvent:
    """How one side closed the connection; `how` is "fin", "rst" or "close-frame" (WebSocket)."""

    def __init__(self, side: Side, how: str, frame: FrameRef) -> None:
        self.begin(side, how, frame)

    def begin(self, side: Side, how: str, frame: FrameRef) -> None:
        """Initialises a record that was made without its constructor (see `SequenceTracker`)."""
        self.side = side
        self.how = how
        self.frame = frame


@cython.freelist(64)
@cython.no_gc
@cython.cclass
class CaptureQuality:
    """How completely a connection was captured.

    `gaps` holds, per side, the last frame with bytes of that side before a gap: the missing bytes
    may have been sent at any time after it. `gap_orders`, None without gaps, holds how many packets
    of the connection precede the gap. `dropped`: the kernel dropped frames (of any connection)
    while it was open. `ended` is why tracking ended: "closed", "reused", "evicted" or "capture
    end"; None while open. `server_seen_ns` is the time of the last segment of any connection of its
    server, 0 if some of their bytes are missing. `ended_ns` is the capture's clock at that time,
    `last_seen_ns` the time of the last segment of either side, or, in a live capture that counts
    drops, the time up to which any would have been seen. `conflict`: overlapping segments had
    different bytes. `ambiguous`: segments of two connections that cannot be told apart;
    `foreign_segments`: segments of another connection that could be told apart. `monotonic_clock`:
    all times are of one clock that did not go back. `out_of_order`: packets of one side may be
    delivered before the packets of the other side that they answer. `foreign`: the server sent
    something other than MQTT; `foreign_answer` has its first bytes, at most `FOREIGN_KEPT`, and
    their frame.
    """

    def __init__(self, ended: str | None = None, ended_ns: int = 0) -> None:
        self.begin()
        self.ended: str | None = ended
        self.ended_ns = self.last_seen_ns = ended_ns

    def begin(self) -> None:
        """Initialises a record that was made without its constructor (see `SequenceTracker`)."""
        self.syn_seen = True
        self.both_seen = True
        self.conflict = False
        self.ambiguous = False
        self.foreign_segments = False
        self.monotonic_clock = True
        self.out_of_order = False
        self.foreign = False
        self.foreign_answer: tuple[bytes, FrameRef] | None = None
        self.dropped = False
        self.gaps: dict[Side, FrameRef] = {}
        self.gap_orders: dict[Side, int] | None = None
        self.gap_reason: str | None = None
        self.ended = None
        self.ended_ns = 0
        self.last_seen_ns = 0
        self.server_seen_ns = 0

    def incomplete_reason(self) -> str | None:
        """Reason why the capture of this connection may be incomplete, None if it is complete."""
        if not self.both_seen:
            return "one direction only"
        if not self.syn_seen:
            return "the capture starts in mid-stream"
        if self.dropped:
            return "frames were dropped while it was open"
        return self.broken()

    def broken(self) -> str | None:
        """Reason why the reassembled bytes may not be those that were sent, or None."""
        if self.gaps:
            return "cut by the snap length" if self.gap_reason == "snap length" else "bytes missing"
        if self.conflict:
            return "overlapping segments disagree"
        if self.ambiguous:
            return "segments of two connections cannot be told apart"
        if self.foreign:
            return "the server sends something other than MQTT"
        return None


class Overdue(msgspec.Struct, frozen=True):
    """An event that was due by `deadline_ns` is missing, though the capture is complete.

    `unseen`: nothing more was seen of the connection, only of its server.
    """

    deadline_ns: int
    unseen: bool = False


@cython.freelist(64)
@cython.no_gc
@cython.cclass
class Connection:
    """One TCP connection with MQTT on it. `findings` are those reported on it so far,
    `unjudged` the ids of rules that were not evaluated, if any. `malformed` are the findings by
    which one of its packets is malformed; those about the CONNECT and the CONNACK of the handshake
    are also in `connect_faults` and `connack_faults`. `withheld` are pairs of a pedantic rule that
    is switched off and its finding, until the CONNACK.

    `opened_ns` is the time of its first frame, `last_data_ns` that of the last bytes of either side
    (both are set when it ends). `connect_delivered`: the server's TCP has acknowledged the whole
    CONNECT. `connack_read`: the client's TCP had acknowledged the whole CONNACK when the client
    sent its first DISCONNECT. `deadlines` are those of the analysis. `client_sent_bytes` and
    `server_sent_bytes` count the bytes that each side sent, `server_packets` the control packets of
    the server (set when it ends).

    The collector sets what rules need of earlier connections (`activity/servers.py`):
    `server_versions` are the versions that the same server has accepted in the capture so far,
    known when a connection with a defect is judged; `id_assigned_before` is the CONNACK by which
    the server had assigned this connection's Assigned Client Identifier to another client that
    still uses it.
    """

    def __init__(self, stream: int, client: Endpoint, server: Endpoint, first: FrameRef) -> None:
        self.begin(stream, client, server, first)

    def begin(self, stream: int, client: Endpoint, server: Endpoint, first: FrameRef) -> None:
        """Initialises a record that was made without its constructor (see `SequenceTracker`)."""
        self.stream = stream
        self.client = client
        self.server = server
        self.first = first
        self.transport = "tcp"
        self.encapsulation: Encapsulation | None = None  # None: MQTT directly on TCP
        self.version: Version | None = None
        self.bridge = False
        self.phase = _OPEN
        self.connection_flags = 0
        self.deadlines: Deadlines = _DEADLINES
        self.quality = CaptureQuality.__new__(CaptureQuality)
        self.quality.begin()
        self.connect: Connect | None = None
        self.unfinished: UnfinishedConnect | None = None  # a CONNECT that began and never ended
        self.connack: Connack | None = None
        self.auths: tuple[Auth, ...] = ()
        self.disconnects: tuple[Disconnect, ...] = ()
        self.activity: list[PacketRef] = []
        self.closes: tuple[CloseEvent, ...] = ()
        self.close: Close | None = None
        self.handshake: Handshake | None = None
        self.findings: tuple[Finding, ...] = ()
        self.malformed: tuple[Finding, ...] = ()
        self.connect_faults: tuple[Finding, ...] = ()
        self.connack_faults: tuple[Finding, ...] = ()
        self.withheld: tuple[tuple[Any, Finding], ...] = ()
        self.unjudged: set[str] | None = None
        self.kept_bytes = 0  # approximate memory of its packets and findings
        self.opened_ns = self.last_data_ns = first.time_ns
        self.connect_delivered = False
        self.connack_read = False
        self.client_sent_bytes = 0
        self.server_sent_bytes = 0
        self.server_packets = 0
        self.server_versions: frozenset[Version] = frozenset()
        self.id_assigned_before: FrameRef | None = None

    def close_overdue(self, since_ns: int, grace_ns: int) -> Overdue | str | None:
        """Evaluates "this connection has to be closed after `since_ns`".

        None: a side closed in time. `Overdue`: neither did, and the capture would have shown it.
        A text: not evaluated, for that reason.
        """
        deadline = since_ns + grace_ns
        if self.quality.foreign_segments and not self.closes:
            return (
                self.quality.incomplete_reason()
                or "the start of the next connection was not captured"
            )
        if not self.quality.monotonic_clock:
            return self.quality.incomplete_reason() or "the capture's clock goes back"
        for event in self.closes:
            if event.frame.time_ns <= deadline:
                return None
        incomplete_reason = self.quality.incomplete_reason()
        if incomplete_reason is not None:
            return incomplete_reason
        if self.quality.ended in (None, "evicted"):
            return "the connection was evicted while it was open"
        if self.quality.ended_ns < deadline and not self.closes:
            return "the capture ends before the deadline"
        if self.quality.last_seen_ns < deadline:  # a close may have happened without being captured
            if self.quality.server_seen_ns >= deadline and self.quality.ended == "capture end":
                return Overdue(deadline, unseen=True)
            return "no segment of the connection was seen after the deadline"
        return Overdue(deadline)

    def answered_within(self, limit_ns: int) -> bool:
        """Whether a CONNACK, or a DISCONNECT of either side, came within `limit_ns`."""
        connect, connack = self.connect, self.connack
        if connect is None or connect.frame is None:
            return False
        deadline = connect.frame.time_ns + limit_ns
        if connack is not None and connack.frame is not None:
            if connack.frame.time_ns <= deadline:
                return True
        for item in self.disconnects:
            if item.frame is not None and item.frame.time_ns <= deadline:
                return True
        return False

    def left_open(self, grace_ns: int) -> bool:
        """Whether neither side closed within `grace_ns` after the first DISCONNECT."""
        packet = self.disconnects[0]
        if packet.frame is None or not self.closes:
            return True
        event = self.closes[0]
        return event.frame.time_ns > packet.frame.time_ns + grace_ns

    def assigned_client_id(self) -> str | None:
        """Returns the client id that the server assigned to a client without one, or None."""
        if not self.connection_flags & _ASSIGNED:
            return None
        connect, connack = self.connect, self.connack
        if connect is None or connack is None or connect.client_id or not connect.complete:
            return None
        for item in connack.properties:
            if item.name == "assignedClientIdentifier" and item.value:
                return str(item.value)
        return None

    def auths_before_connack(self) -> tuple[Auth, ...]:
        """Returns the AUTH packets that were sent before the CONNACK."""
        if self.connack is None or self.connack.frame is None:
            return self.auths
        limit = self.connack.frame.time_ns
        return tuple(
            auth for auth in self.auths if auth.frame is None or auth.frame.time_ns <= limit
        )

    def session_expiry(self) -> int:
        """Returns how many seconds its Session lasts after the connection (5.0), as captured."""
        expiry = 0
        for packet in (self.connect, self.connack, *self.disconnects):
            if packet is None or (
                isinstance(packet, Disconnect) and packet.side is not Side.CLIENT
            ):
                continue
            for item in packet.properties:
                if item.name == "sessionExpiryInterval":
                    expiry = int(item.value)
        return expiry

    def has_data(self) -> bool:
        """Whether either side sent any data; known when it has ended."""
        return self.client_sent_bytes > 0 or self.server_sent_bytes > 0

    def served(self) -> bool:
        """Whether the server accepted the client.

        Its CONNACK says so, or, when the connection has ended, a packet that only an accepted
        client gets: any but CONNACK, AUTH and DISCONNECT.
        """
        if self.connack is not None and self.connack.return_code == 0:
            return True
        quality = self.quality
        if quality.conflict or quality.ambiguous or quality.foreign:
            return False
        if quality.gaps and quality.gap_reason != "mid-stream":
            return False  # packets after a gap may be the payload of an unseen one
        others = 0
        for packet in self.activity:
            if packet.side is Side.SERVER and packet.type in _NOT_OF_A_SESSION:
                others += 1
        return self.server_packets > others

    def method(self) -> str | None:
        """Returns the Authentication Method of its CONNECT, or None."""
        if self.connect is not None:
            for item in self.connect.properties:
                if item.name == "authenticationMethod":
                    return str(item.value)
        return None
