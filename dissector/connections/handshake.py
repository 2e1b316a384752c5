"""Records of one MQTT handshake and of how its connection was closed, for rules and reports."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cython

from dissector.model import Endpoint, FrameRef, Outcome, Side, Version
from dissector.mqtt.packets.auth import Auth
from dissector.mqtt.packets.connack import Connack
from dissector.mqtt.packets.connect import Connect

if TYPE_CHECKING:
    from dissector.connections.encapsulation.record import Encapsulation
    from dissector.mqtt.unfinished_connect import UnfinishedConnect


@cython.freelist(64)
@cython.no_gc
@cython.cclass
class Close:
    """Which side ended the connection first, and how: "disconnect", "fin", "rst", "close-frame"."""

    def __init__(self, by: Side, how: str, frame: FrameRef) -> None:
        self.begin(by, how, frame)

    def begin(self, by: Side, how: str, frame: FrameRef) -> None:
        """Initialises a record that was made without its constructor (see `SequenceTracker`)."""
        self.by = by
        self.how = how
        self.frame = frame


@cython.freelist(64)
@cython.no_gc
@cython.cclass
class Handshake:
    """One CONNECT with its answer; `id` counts handshakes over all captures from 0.

    `stream` is a number within the capture with the id `capture`.

    `connect` is None if only its CONNACK was seen, `connack` if none was. `latency` is in seconds,
    from the frame that completes the CONNECT to the one that completes the CONNACK. `auths` are the
    AUTH packets in between, `auth_rounds` counts those from the server. `close` is None while the
    connection is open. `encapsulation` describes PROXY protocol and WebSocket, None without both.
    `unfinished` is the CONNECT if it began and never ended; `connect` is None then.
    """

    def __init__(
        self,
        id: int,  # noqa: A002  # as every output calls it
        stream: int,
        transport: str,
        version: Version | None,
        bridge: bool,
        outcome: Outcome,
        client: Endpoint,
        server: Endpoint,
        connect: Connect | None = None,
        connack: Connack | None = None,
        auths: tuple[Auth, ...] = (),
        latency: float | None = None,
        close: Close | None = None,
    ) -> None:
        self.begin(id, stream, transport, version, bridge, outcome, client, server, connect)
        self.connack: Connack | None = connack
        self.auths: tuple[Auth, ...] = auths
        self.latency: float | None = latency
        self.close: Close | None = close

    def begin(
        self,
        number: int,
        stream: int,
        transport: str,
        version: Version | None,
        bridge: bool,
        outcome: Outcome,
        client: Endpoint,
        server: Endpoint,
        connect: Connect | None,
    ) -> None:
        """Initialises a record that was made without its constructor, without an answer."""
        self.id = number
        self.stream = stream
        self.transport = transport
        self.version = version
        self.bridge = bridge
        self.outcome = outcome
        self.client = client
        self.server = server
        self.connect = connect
        self.connack = None
        self.auths = ()
        self.latency = None
        self.close = None
        self.encapsulation: Encapsulation | None = None
        self.capture = 0
        self.unfinished: UnfinishedConnect | None = None

    def __repr__(self) -> str:
        return f"Handshake(id={self.id}, stream={self.stream}, outcome={self.outcome})"

    @property
    def began(self) -> Connect | None:
        """The CONNECT, also one that never ended; None if there was none."""
        return self.connect if self.unfinished is None else self.unfinished.connect

    @property
    def auth_rounds(self) -> int:
        """Number of AUTH packets that the server sent before its CONNACK."""
        return sum(1 for auth in self.auths if auth.side is Side.SERVER)
