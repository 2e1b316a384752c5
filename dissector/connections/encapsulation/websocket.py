"""Reads WebSocket around MQTT: the HTTP upgrade, and the frames of both sides.

After a gap, the framing of its direction is lost until it resynchronises at whole frames.
"""

from __future__ import annotations

from dissector.connections.analysis_context import AnalysisContext
from dissector.connections.encapsulation.layer import EncapsulationReader, InnerConsumer
from dissector.connections.encapsulation.record import Encapsulation
from dissector.model import Side
from dissector.net import first_bytes, upgrade
from dissector.net.consumer import CLOSE_FRAME
from dissector.net.inflate import Inflater
from dissector.net.reassembly import TcpConnection
from dissector.net.websocket import BROKEN, CLOSED, DATA, NEED_DATA, TEXT, FrameReader

HELD_LIMIT = 4096  # buffered bytes of frames, until the other side's HTTP header is complete
HELD_CHUNK = 200  # bytes of memory for each buffered chunk, besides its data
_SUBPROTOCOLS = ("mqtt", "mqttv3.1")


class WebSocketReader(EncapsulationReader):
    """Reads the HTTP headers of the upgrade, then the WebSocket frames of both sides.

    Frames are buffered until both headers are complete or lost: the server's says whether messages
    are compressed. If it was lost, the client's offer is assumed to be accepted.
    """

    def __init__(
        self,
        context: AnalysisContext,
        tcp: TcpConnection,
        encapsulation: Encapsulation,
        inner: InnerConsumer,
    ) -> None:
        super().__init__(context, tcp, encapsulation, inner)
        self._client = -1
        # bytes so far; None when read or lost
        self._heads: list[bytearray | None] = [bytearray(), bytearray()]
        self._held: list[tuple[int, bytes, int, int, int, str]] = []
        self._held_bytes = 0
        self._readers: tuple[FrameReader, FrameReader] | None = None
        self._refused = False  # the last request was; another one may follow on the connection

    def chunk(
        self, side: int, window: bytes, start: int, stop: int, frame: int, time_ns: int
    ) -> bool:
        """Processes the next bytes of a side; False if the connection is ignored."""
        if self._readers is not None:
            return self._frames(side, window, start, stop, frame, time_ns)
        if self._refused:
            if side != self._client or not first_bytes.asks_for_upgrade(window[start:stop]):
                return True  # the rest of the answer, or an ordinary request
            self._refused = False
        head = self._heads[side]
        if head is not None:
            before = len(head)
            head += window[start:stop]
            size = first_bytes.head_size(head, before)
            if not first_bytes.upgrade_begins(head, size):
                if side == 1 - self._client and upgrade.may_refuse(head):
                    return self._answered_without_upgrade(head, frame, time_ns)
                return self._other("websocket" if None in self._heads else "http")
            if not size:
                if len(head) < first_bytes.HEAD_LIMIT:
                    self._keep(self._charged + stop - start)
                    return True
                if b"websocket" not in head.lower():
                    return self._other("http")
                limit = first_bytes.HEAD_LIMIT
                what = f"the header of a WebSocket upgrade has more than {limit} bytes"
                self._limited("websocket", what, frame, time_ns)
                return self._other("websocket")
            if not self._read_head(side, bytes(head[:size]), frame, time_ns):
                return False
            start += size - before
        if start < stop:
            self._held.append((side, window[start:stop], frame, time_ns, 0, ""))
            self._held_bytes += stop - start
            self._keep(self._charged + stop - start + HELD_CHUNK)
        if self._heads[1 - side] is not None and self._held_bytes < HELD_LIMIT:
            return True
        return self._open()

    def gap(self, side: int, missing: int, frame: int, time_ns: int, reason: str) -> bool:
        """Handles missing bytes of frames or of a header (then the other header is used alone)."""
        if self._readers is not None:
            return self._gap(side, missing, frame, time_ns, reason)
        self._held.append((side, b"", frame, time_ns, missing, reason))
        self._keep(self._charged + HELD_CHUNK)
        if self._heads[side] is None:
            return True
        self._heads[side] = None
        return self._heads[1 - side] is not None or self._open()

    def closed(self, side: int, how: int, frame: int, time_ns: int) -> bool:
        """Passes a close on; a header that is still incomplete is treated as lost."""
        if self._readers is None:
            if self._client < 0:
                return True
            if not self._open():
                return False
        return self.inner.closed(side, how, frame, time_ns)

    def finished(self, reason: int, time_ns: int) -> bool:
        """Reads the buffered frames and releases the inflate windows."""
        if self._readers is None:
            if not self._open():
                return False
        for reader in self._readers or ():
            if reader.inflater is not None:
                reader.inflater.release()
        return super().finished(reason, time_ns)

    def _answered_without_upgrade(self, head: bytearray, frame: int, time_ns: int) -> bool:
        """Handles an answer that is no upgrade: the client may ask again on the connection."""
        status = upgrade.refusal(head)
        if not status:
            return True
        self._refused = True
        self._heads = [bytearray(), bytearray()]
        self._held, self._held_bytes = [], 0
        self._keep(0)
        self.encapsulation.refused = status
        if self._offers_mqtt():
            what = f"a WebSocket upgrade for MQTT is refused with HTTP status {status}"
            self._limited("websocket", what, frame, time_ns)
        return True

    def _offers_mqtt(self) -> bool:
        request = self.encapsulation.request
        return request is not None and not set(_SUBPROTOCOLS).isdisjoint(request.subprotocols)

    def _read_head(self, side: int, head: bytes, frame: int, time_ns: int) -> bool:
        encapsulation = self.encapsulation
        try:
            if head.startswith(first_bytes.REQUEST_START):
                encapsulation.request = upgrade.request(head)
                encapsulation.request_frame = self._frame(frame, time_ns)
                encapsulation.refused = None
                self._client = side
            else:
                encapsulation.answer = upgrade.answer(head)
                encapsulation.answer_frame = self._frame(frame, time_ns)
                self._client = 1 - side
        except upgrade.NotUpgradeError as error:
            if not error.websocket:
                return self._other("http")
            self._limited("websocket", f"a WebSocket upgrade: {error}", frame, time_ns)
            return self._other("websocket")
        self._heads[side] = None
        return True

    def _open(self) -> bool:
        """Starts framing when both headers are read or lost, with the buffered frames."""
        if self._client < 0:
            return self._other("http")
        encapsulation = self.encapsulation
        request, answer = encapsulation.request, encapsulation.answer
        encapsulation.transport = "wss" if encapsulation.transport == "tls" else "ws"
        source = answer or request
        deflate = None if source is None else source.deflate
        names = (
            {answer.subprotocol, *(request.subprotocols if request else ())} if answer else set()
        )
        if not names.isdisjoint(_SUBPROTOCOLS):
            self.inner.known_port = True
        elif answer is None and self._heads[1 - self._client] is not None and self._offers_mqtt():
            self.inner.known_port = True  # refused, or closed without an answer
        elif request is not None and request.subprotocols and not self._offers_mqtt():
            self.inner.known_port = False  # another protocol, whatever the port is known for
        readers = []
        for side in (0, 1):
            client = side == self._client
            inflater = None
            if deflate is not None:
                keeps = (
                    deflate.client_context_takeover if client else deflate.server_context_takeover
                )
                inflater = Inflater(keeps, self.context.inflaters)
            readers.append(FrameReader(client, inflater))
            if self._lost(side):
                readers[side].gap(-1)
        self._readers = (readers[0], readers[1])
        held, self._held = self._held, []
        self._keep(0)
        for side, data, frame, time_ns, missing, reason in held:
            if missing:
                if not self._gap(side, missing, frame, time_ns, reason):
                    return False
            elif not self._frames(side, data, 0, len(data), frame, time_ns):
                return False
        return True

    def _gap(self, side: int, missing: int, frame: int, time_ns: int, reason: str) -> bool:
        assert self._readers is not None
        self._readers[side].gap(missing)
        return self.inner.gap(side, missing, frame, time_ns, reason)

    def _lost(self, side: int) -> bool:
        """Whether a side's header was not read, so that the start of its frames is unknown."""
        encapsulation = self.encapsulation
        return (encapsulation.request if side == self._client else encapsulation.answer) is None

    def _frames(
        self, side: int, window: bytes, start: int, stop: int, frame: int, time_ns: int
    ) -> bool:
        assert self._readers is not None
        reader = self._readers[side]
        inner = self.inner
        counts = self.context.counts
        if reader.lost and not reader.resynchronise(window, start, stop):
            return True
        odd = reader.violation
        reader.feed(window, start, stop)
        while True:
            got = reader.next()
            if got == NEED_DATA:
                break
            if got == DATA:
                payload = reader.payload
                if reader.opcode == TEXT:
                    who = Side.CLIENT if side == self._client else Side.SERVER
                    self.encapsulation.texts.setdefault(who, self._frame(frame, time_ns))
                before = sum(counts.values()) if reader.inflating else 0
                if not inner.chunk(side, payload, 0, len(payload), frame, time_ns):
                    return False
                if reader.inflating:
                    assert reader.inflater is not None
                    reader.inflater.count_packets(sum(counts.values()) - before)
            elif got == CLOSED:
                if not inner.closed(side, CLOSE_FRAME, frame, time_ns):
                    return False
            elif got == BROKEN:
                assert reader.reason is not None
                kind, why = reader.reason
                if kind:
                    self._limited(kind, f"WebSocket: {why}", frame, time_ns)
                if not inner.gap(side, -1, frame, time_ns, "websocket"):
                    return False
        if reader.violation is not odd:
            self._limited("websocket", f"WebSocket: {reader.violation}", frame, time_ns)
        return True
