"""Reads the PROXY protocol, by which a proxy states the client's address, around MQTT."""

from __future__ import annotations

from dissector.connections.analysis_context import AnalysisContext
from dissector.connections.encapsulation.layer import EncapsulationReader, InnerConsumer
from dissector.connections.encapsulation.record import Encapsulation
from dissector.net import proxy
from dissector.net.first_bytes import proxy_begins
from dissector.net.reassembly import TcpConnection


class ProxyReader(EncapsulationReader):
    """Reads the PROXY protocol header at the start of the connecting side's stream."""

    def __init__(
        self,
        context: AnalysisContext,
        tcp: TcpConnection,
        encapsulation: Encapsulation,
        inner: InnerConsumer,
    ) -> None:
        super().__init__(context, tcp, encapsulation, inner)
        self._head: bytearray | None = bytearray()  # None once it was read
        self._side = -1

    def chunk(
        self, side: int, window: bytes, start: int, stop: int, frame: int, time_ns: int
    ) -> bool:
        """Reads the header, then passes all bytes on."""
        if self._head is None:
            return self.inner.chunk(side, window, start, stop, frame, time_ns)
        if side == 1 - self._side:
            return self._other(
                "other"
            )  # the other side sends nothing before the header is complete
        self._side = side
        head = self._head
        before = len(head)
        head += window[start:stop]
        try:
            if not proxy_begins(head):
                return self._other("other")
            found = proxy.read(head)
        except proxy.MalformedProxyHeaderError as error:
            what = f"a malformed PROXY protocol header: {error}"
            self._limited("proxy-header", what, frame, time_ns)
            return self._other("other")
        if found is None:
            self._keep(len(head))
            return True
        size, header = found
        self.encapsulation.proxied = header
        rest = start + size - before
        self._head = None
        self._keep(0)
        return rest >= stop or self.inner.chunk(side, window, rest, stop, frame, time_ns)

    def gap(self, side: int, missing: int, frame: int, time_ns: int, reason: str) -> bool:
        """Ignores a connection with a gap in its header, passes other gaps on."""
        if self._head is not None and side == self._side:
            return self._other("other")
        return self.inner.gap(side, missing, frame, time_ns, reason)

    def closed(self, side: int, how: int, frame: int, time_ns: int) -> bool:
        """Passes a close on once the header was read."""
        return self._head is not None or self.inner.closed(side, how, frame, time_ns)

    def finished(self, reason: int, time_ns: int) -> bool:
        """Passes the end on; counts a connection with an incomplete header as other traffic."""
        if self._head is not None:
            return self._other("other")
        return super().finished(reason, time_ns)
