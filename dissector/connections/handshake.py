"""Records of one handshake and of how its connection was closed: facts, ready for any report."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dissector.model import Endpoint, FrameRef, Outcome, Side, Version
from dissector.mqtt.packets import Auth, Connack, Connect

if TYPE_CHECKING:
    from dissector.connections.encapsulation import Encapsulation


class Close:
    """Who ended the connection first, and how: "disconnect", "fin", "rst" or "close-frame"."""

    def __init__(self, by: Side, how: str, frame: FrameRef) -> None:
        self.begin(by, how, frame)

    def begin(self, by: Side, how: str, frame: FrameRef) -> None:
        """Set everything; for a record made without a constructor (see `SequenceTracker`)."""
        self.by = by
        self.how = how
        self.frame = frame


class Handshake:
    """One CONNECT with what answers it; `id` counts handshakes over the capture from 0.

    `connect` is None where only its CONNACK was seen, `connack` where none came. `latency` is in
    seconds, from the CONNECT's completing frame to the CONNACK's. `auths` are the AUTH packets in
    between, `auth_rounds` their number from the server. `close` is None while nothing closed.
    `encapsulation` tells of PROXY protocol and WebSocket around it, None where there is neither.
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
        """Set everything, without an answer; for a record made without a constructor."""
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

    def __repr__(self) -> str:
        return f"Handshake(id={self.id}, stream={self.stream}, outcome={self.outcome})"

    @property
    def auth_rounds(self) -> int:
        """Number of AUTH packets that the server sent before its CONNACK."""
        return sum(1 for auth in self.auths if auth.side is Side.SERVER)
