"""What is known of one TCP connection that carries MQTT: facts for the rules, nothing judged.

The tracker fills it; a rule reads it. Packets of an undisturbed connection are only counted;
`history` keeps those that matter to the order of things (all before and around the handshake, and
whatever is out of the ordinary later), at most `HISTORY_LIMIT` of them.
"""

from __future__ import annotations

from typing import Any

import msgspec

from dissector.connections.handshake import Close, Handshake
from dissector.model import Endpoint, Finding, FrameRef, Side, Version
from dissector.mqtt.packets import Auth, Connack, Connect, Disconnect

HISTORY_LIMIT = 64


class Phase:
    """Where a connection stands; see `transitions.py`. Plain numbers: they change with every packet."""

    OPEN = 0  # no packet yet
    CONNECTING = 1  # CONNECT seen, no answer
    AUTHENTICATING = 2  # AUTH exchanged, no CONNACK
    CONNECTED = 3
    REFUSED = 4
    DISCONNECTED = 5  # one side sent DISCONNECT
    MIDSTREAM = 6  # the beginning was not seen


class Trait:
    """What is noteworthy about a connection, as bits; a rule names those that it asks about."""

    CONNECT = 1
    CONNACK = 2
    REFUSED = 4
    UNANSWERED = 8  # CONNECT without CONNACK
    AUTH = 16  # an AUTH packet, or a method in CONNECT or CONNACK
    DISCONNECT = 32
    EXTRA_CONNECT = 64
    EXTRA_CONNACK = 128
    DEFECT = 256  # at least one defect was recorded
    CLIENT_FIRST_OTHER = 512  # the client's first packet is no CONNECT
    SERVER_FIRST_OTHER = 1024  # the server's first packet is neither CONNACK nor AUTH
    AFTER_DISCONNECT = 2048  # a packet of a side that had sent DISCONNECT
    AFTER_REFUSAL = 4096  # a packet after a refusing CONNACK
    BEFORE_CONNACK = 8192  # a client packet, other than CONNECT, before the CONNACK
    SILENT = 16384  # an open connection on an MQTT port without any MQTT


class PacketRef(msgspec.Struct, frozen=True):
    """One packet of the history. `order` counts the connection's packets from 0, both ways.

    `code` is the return or reason code of CONNACK, DISCONNECT and AUTH, else None.
    """

    type: int
    flags: int
    side: Side
    frame: FrameRef
    order: int
    size: int
    code: int | None = None


class CloseEvent(msgspec.Struct, frozen=True):
    """A FIN or RST of one side; `how` is "fin" or "rst"."""

    side: Side
    how: str
    frame: FrameRef


class View(msgspec.Struct):
    """How much of a connection could be seen.

    `gaps` holds, per side, the last frame with bytes of that side before some were missing: what is
    missing may have been sent at any time after it.
    `ended` is why the view ended: "closed", "reused", "evicted" or "capture end"; None while open.
    `ended_ns` is the capture's clock at that moment. `conflict`: segments overlapped with different
    bytes. `foreign`: what the server sent is no MQTT.
    """

    syn_seen: bool = True
    both_seen: bool = True
    conflict: bool = False
    foreign: bool = False
    gaps: dict[Side, FrameRef] = msgspec.field(default_factory=dict)
    gap_reason: str | None = None
    ended: str | None = None
    ended_ns: int = 0

    def blind(self) -> str | None:
        """Why something may have gone unseen on this connection, or None if all was seen."""
        if not self.both_seen:
            return "one direction only"
        if not self.syn_seen:
            return "the capture starts in mid-stream"
        return self.broken()

    def broken(self) -> str | None:
        """Why the bytes that were seen may not be all that were sent, or None."""
        if self.gaps:
            return "cut by the snap length" if self.gap_reason == "snap length" else "bytes missing"
        if self.conflict:
            return "overlapping segments disagree"
        if self.foreign:
            return "the server does not speak MQTT"
        return None


class Overdue(msgspec.Struct, frozen=True):
    """Something that had to happen by `deadline_ns` and did not, in a view that would have shown it."""

    deadline_ns: int


class Connection(msgspec.Struct, kw_only=True):
    """One TCP connection with MQTT on it. `findings` are those raised on it so far."""

    stream: int
    client: Endpoint
    server: Endpoint
    first: FrameRef
    transport: str = "tcp"
    version: Version | None = None
    bridge: bool = False
    phase: int = Phase.OPEN
    traits: int = 0
    view: View = msgspec.field(default_factory=View)
    connect: Connect | None = None
    connack: Connack | None = None
    auths: list[Auth] = msgspec.field(default_factory=list)
    disconnects: list[Disconnect] = msgspec.field(default_factory=list)
    history: list[PacketRef] = msgspec.field(default_factory=list)
    closes: list[CloseEvent] = msgspec.field(default_factory=list)
    close: Close | None = None
    handshake: Handshake | None = None
    findings: list[Finding] = msgspec.field(default_factory=list)
    facts: dict[str, Any] = msgspec.field(default_factory=dict)

    def close_overdue(self, since_ns: int, grace_ns: int) -> Overdue | str | None:
        """Judge "this connection has to be closed after `since_ns`".

        None: some side closed in time. `Overdue`: nobody did, and the view would have shown it.
        A text: not evaluated, for that reason.
        """
        deadline = since_ns + grace_ns
        for event in self.closes:
            if event.frame.time_ns <= deadline:
                return None
        blind = self.view.blind()
        if blind is not None:
            return blind
        if self.view.ended in (None, "evicted"):
            return "the connection was let go while open"
        if self.view.ended_ns < deadline and not self.closes:
            return "the capture ends before the deadline"
        return Overdue(deadline)

    def method(self) -> str | None:
        """Give the Authentication Method of its CONNECT."""
        if self.connect is not None:
            for item in self.connect.properties:
                if item.name == "authenticationMethod":
                    return str(item.value)
        return None
