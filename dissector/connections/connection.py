"""Record of one TCP connection that carries MQTT: facts for the rules, without any judgement.

The tracker fills it, rules read it. Ordinary packets of an established connection are only counted;
`activity` keeps those that rules need in order (all up to the end of the handshake, and unusual
ones later), at most `HISTORY_LIMIT` of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from dissector.connections.handshake import Close, Handshake
from dissector.model import Endpoint, Finding, FrameRef, Side, Version
from dissector.mqtt.packets import Auth, Connack, Connect, Disconnect

if TYPE_CHECKING:
    from dissector.connections.encapsulation import Encapsulation

HISTORY_LIMIT = 64


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
    SERVER_FIRST_OTHER = 1024  # the server's first packet is neither CONNACK nor AUTH
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


# Flags that properties of a CONNACK set, by property identifier
CONNACK_FLAGS = {
    0x12: ConnectionFlag.ASSIGNED_CLIENT_ID,
    0x15: ConnectionFlag.AUTH,
    0x1A: ConnectionFlag.RESPONSE_INFORMATION,
    0x1F: ConnectionFlag.CONNACK_EXTRAS,
    0x24: ConnectionFlag.WILL_LIMITS,
    0x25: ConnectionFlag.WILL_LIMITS,
    0x26: ConnectionFlag.CONNACK_EXTRAS,
}


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


class CloseEvent:
    """How one side closed the connection; `how` is "fin", "rst" or "close-frame" (WebSocket)."""

    def __init__(self, side: Side, how: str, frame: FrameRef) -> None:
        self.begin(side, how, frame)

    def begin(self, side: Side, how: str, frame: FrameRef) -> None:
        """Initialises a record that was made without its constructor (see `SequenceTracker`)."""
        self.side = side
        self.how = how
        self.frame = frame


class CaptureQuality:
    """How completely a connection was captured.

    `gaps` holds, per side, the last frame with bytes of that side before a gap: the missing bytes
    may have been sent at any time after it. `gap_orders`, None without gaps, holds how many packets
    of the connection precede the gap.
    `dropped`: the kernel dropped frames (of any connection) while it was open.
    `ended` is why tracking ended: "closed", "reused", "evicted" or "capture end"; None while open.
    `ended_ns` is the capture's clock at that time, `last_seen_ns` the time of the last segment of
    either side, or, in a live capture that counts drops, the time up to which any would have been
    seen. `conflict`: overlapping segments had different bytes. `ambiguous`: segments of two
    connections that cannot be told apart; `foreign_segments`: segments of another connection that
    could be told apart. `monotonic_clock`: all times are of one clock that did not go back.
    `out_of_order`: packets of one side may be delivered before the packets of the other side that
    they answer. `foreign`: the server sent something other than MQTT.
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
        self.dropped = False
        self.gaps: dict[Side, FrameRef] = {}
        self.gap_orders: dict[Side, int] | None = None
        self.gap_reason: str | None = None
        self.ended = None
        self.ended_ns = 0
        self.last_seen_ns = 0

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
    """An event that was due by `deadline_ns` is missing, though the capture is complete."""

    deadline_ns: int


class Connection:
    """One TCP connection with MQTT on it. `findings` are those reported on it so far,
    `unjudged` the ids of rules that were not evaluated, if any.

    `opened_ns` is the time of its first frame, `last_data_ns` that of the last bytes of either side
    (both are set when it ends). `connect_delivered`: the server's TCP has acknowledged the whole
    CONNECT. `client_sent_bytes` and `server_sent_bytes` count the bytes that each side sent,
    `server_versions` are the versions that the same server accepted earlier in the capture.
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
        self.quality = CaptureQuality.__new__(CaptureQuality)
        self.quality.begin()
        self.connect: Connect | None = None
        self.connack: Connack | None = None
        self.auths: tuple[Auth, ...] = ()
        self.disconnects: tuple[Disconnect, ...] = ()
        self.activity: list[PacketRef] = []
        self.closes: tuple[CloseEvent, ...] = ()
        self.close: Close | None = None
        self.handshake: Handshake | None = None
        self.findings: tuple[Finding, ...] = ()
        self.unjudged: set[str] | None = None
        self.kept_bytes = 0  # approximate memory of its packets and findings
        self.opened_ns = self.last_data_ns = first.time_ns
        self.connect_delivered = False
        self.client_sent_bytes = 0
        self.server_sent_bytes = 0
        self.server_versions: frozenset[Version] = frozenset()

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

    def method(self) -> str | None:
        """Returns the Authentication Method of its CONNECT, or None."""
        if self.connect is not None:
            for item in self.connect.properties:
                if item.name == "authenticationMethod":
                    return str(item.value)
        return None
