"""What the readers of encapsulations have in common.

A reader is a `Consumer` between `net` and the detector of what it carries: it reads the outer layer
and delivers the inner bytes, with their frames. The outer detector makes it when the first bytes
look like such a layer, so connections without one do not come here. Decrypted TLS data is processed
in the same way. Gaps are passed on.
"""

from __future__ import annotations

from typing import Protocol

from dissector.connections.analysis_context import AnalysisContext
from dissector.connections.encapsulation.record import Encapsulation
from dissector.model import FrameRef
from dissector.net.consumer import Consumer
from dissector.net.reassembly import TcpConnection


class InnerConsumer(Protocol):
    """The consumer of what an encapsulation carries: a detector. Its methods are `Consumer`'s.

    `known_port`: MQTT is expected there.
    """

    known_port: bool

    def chunk(
        self, side: int, window: bytes, start: int, stop: int, frame: int, time_ns: int
    ) -> bool:
        """See `Consumer.chunk`."""

    def gap(self, side: int, missing: int, frame: int, time_ns: int, reason: str) -> bool:
        """See `Consumer.gap`."""

    def closed(self, side: int, how: int, frame: int, time_ns: int) -> bool:
        """See `Consumer.closed`."""

    def capture_ends(self) -> None:
        """See `Consumer.capture_ends`."""

    def finished(self, reason: int, time_ns: int) -> bool:
        """See `Consumer.finished`."""


class EncapsulationReader(Consumer):
    """Base class of readers: passes events on to `inner`, of what `encapsulation` describes."""

    def __init__(
        self,
        context: AnalysisContext,
        tcp: TcpConnection,
        encapsulation: Encapsulation,
        inner: InnerConsumer,
    ) -> None:
        self.context = context
        self.tcp = tcp
        self.encapsulation = encapsulation
        self.inner = inner
        self._charged = 0

    def gap(self, side: int, missing: int, frame: int, time_ns: int, reason: str) -> bool:
        """Passes the gap on."""
        return self.inner.gap(side, missing, frame, time_ns, reason)

    def closed(self, side: int, how: int, frame: int, time_ns: int) -> bool:
        """Passes the close on."""
        return self.inner.closed(side, how, frame, time_ns)

    def capture_ends(self) -> None:
        """Passes the event on."""
        self.inner.capture_ends()

    def finished(self, reason: int, time_ns: int) -> bool:
        """Passes the end on."""
        return self.inner.finished(reason, time_ns)

    def _keep(self, size: int) -> None:
        """Charges the connection for the bytes that are buffered here."""
        self.tcp.charge(size - self._charged)
        self._charged = size

    def _other(self, kind: str) -> bool:
        self.context.other_traffic(kind, self.tcp)
        return False

    def _frame(self, frame: int, time_ns: int) -> FrameRef:
        return self.context.frame(frame, time_ns)

    def _limited(self, kind: str, message: str, frame: int, time_ns: int) -> None:
        where = self._frame(frame, time_ns)
        self.context.sink.limited(kind, message, where, self.tcp.stream)
