"""Server endpoints that are proven to speak MQTT on ports where it was not expected.

A server endpoint (address and port) is proven by a CONNECT with a CONNACK. From then on its other
connections are read as on a known port. Those seen before the proof either wait here with what they
have sent, if their first bytes are a chain of plausible control packets, or are marked as unread in
the flow table, if they were captured from the middle: these are read from the proof on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from dissector.model import FrameRef

if TYPE_CHECKING:
    from dissector.connections.event_sink import EventSink
    from dissector.net.reassembly import TcpConnection

HELD_LIMIT = 4096  # bytes of one waiting connection
HELD_IN_ALL = 16 << 20
PROVEN_LIMIT = 65_536  # endpoints


class WaitingConnection(Protocol):
    """A connection with `held_bytes` of plausible packets: a detector."""

    tcp: TcpConnection
    held_bytes: int

    def server_proven(self) -> None:
        """Called when one of its ends is proven to be an MQTT server."""


class ProvenServers:
    """The proven endpoints, and the connections whose endpoints may be proven later."""

    def __init__(self, sink: EventSink) -> None:
        self._sink = sink
        self._proofs: dict[bytes, int] = {}  # by endpoint, the stream that proved it
        self._reported: set[bytes] = set()
        self._waiting: dict[bytes, dict[int, WaitingConnection]] = {}  # by endpoint, by connection
        self._held_of: dict[int, int] = {}  # bytes held of each waiting connection, by its serial
        self._held = 0  # of all
        self._warned: set[str] = set()

    def side(self, tcp: TcpConnection) -> int:
        """Returns the side of a connection that is a proven server, or -1."""
        if not self._proofs:
            return -1
        if _endpoint(tcp, 1) in self._proofs:
            return 1
        midstream = not tcp.syn_seen and not tcp.synack_seen
        return 0 if midstream and _endpoint(tcp, 0) in self._proofs else -1

    def serves(self, one: bytes, other: bytes, midstream: bool) -> bool:
        """Whether an end of a flow is proven, see `FirstPayload.serves`."""
        return other in self._proofs or (midstream and one in self._proofs)

    def prove(self, tcp: TcpConnection, side: int) -> None:
        """Records that `side` is an MQTT server; its waiting connections are read from now on."""
        endpoint = _endpoint(tcp, side)
        if endpoint in self._proofs or len(self._proofs) >= PROVEN_LIMIT:
            return
        self._proofs[endpoint] = tcp.stream
        tcp.reassembly.generation += 1
        for waiting in list(self._waiting.get(endpoint, {}).values()):
            if self.side(waiting.tcp) >= 0:
                self.release(waiting)
                waiting.server_proven()

    def report(self, tcp: TcpConnection, side: int, where: FrameRef) -> None:
        """Reports, once for each endpoint, that it is read as MQTT because of the proof."""
        endpoint = _endpoint(tcp, side)
        proof = self._proofs.get(endpoint)
        if proof is None or endpoint in self._reported:
            return
        self._reported.add(endpoint)
        port = tcp.direction(side).port
        self._sink.limited(
            "proven-server",
            f"stream {proof} proves that its server speaks MQTT on port {port}: the other "
            f"connections of this server are read as MQTT, too, from the proof on at the latest; "
            f"-d tcp.port=={port},mqtt reads all of them from their beginning",
            where,
            tcp.stream,
        )

    def wait(self, waiting: WaitingConnection, size: int, where: FrameRef) -> bool:
        """Counts `size` more held bytes of a connection that waits; False past a limit."""
        if waiting.held_bytes + size > HELD_LIMIT or self._held + size > HELD_IN_ALL:
            one = waiting.held_bytes + size > HELD_LIMIT
            limit = f"{HELD_LIMIT:,} bytes of one connection"
            self._limited(
                "held-limit",
                f"{limit if one else f'{HELD_IN_ALL:,} bytes'} that may be MQTT were held back; "
                "if its server proves to speak MQTT, it is read from there on only "
                f"(-d tcp.port==PORT,mqtt reads all)",
                where,
                waiting.tcp.stream,
            )
            self.release(waiting)
            return False
        serial = waiting.tcp.serial
        self._held_of[serial] = self._held_of.get(serial, 0) + size
        self._held += size
        for side in (0, 1):
            there = self._waiting.setdefault(_endpoint(waiting.tcp, side), {})
            there[serial] = waiting
        return True

    def release(self, waiting: WaitingConnection) -> None:
        """Ends the waiting of a connection, if it waits."""
        serial = waiting.tcp.serial
        for side in (0, 1):
            endpoint = _endpoint(waiting.tcp, side)
            there = self._waiting.get(endpoint, {})
            there.pop(serial, None)
            if not there:
                self._waiting.pop(endpoint, None)
        self._held -= self._held_of.pop(serial, 0)

    def _limited(self, kind: str, message: str, where: FrameRef, stream: int) -> None:
        if kind not in self._warned:
            self._warned.add(kind)
            self._sink.limited(kind, message, where, stream)


def _endpoint(tcp: TcpConnection, side: int) -> bytes:
    """Returns address and port of a side as a key."""
    direction = tcp.direction(side)
    return direction.ip + direction.port.to_bytes(2, "big")
