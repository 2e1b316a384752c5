"""Tracks a TLS connection and builds its `TlsHandshake` from what is visible without keys.

Only connections that seem to carry MQTT are tracked: by their port, by the protocols that the
client offers (ALPN), or because they were decrypted. All others are ignored after the ClientHello.

If the connection was decrypted, the decrypted data is delivered to a detector of its own, in step
with the segments that carried it, so that it has the order and the gaps of the TCP streams.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from dissector.connections.completeness import ENDINGS, midstream
from dissector.connections.connection import CaptureQuality
from dissector.connections.encapsulation.record import TLS, Encapsulation
from dissector.connections.handshake import Close
from dissector.connections.tls_handshake import Alert, TlsHandshake
from dissector.model import Endpoint, FrameRef, Side
from dissector.net import tls, tls_messages
from dissector.net.consumer import FIN, Consumer
from dissector.net.tls_messages import ClientHello, ServerHello
from dissector.net.tls_names import TLS_1_3

if TYPE_CHECKING:
    from dissector.connections.analysis_context import AnalysisContext
    from dissector.connections.completeness import Gap
    from dissector.connections.decrypted import DecryptedChunk
    from dissector.connections.encapsulation.layer import InnerConsumer
    from dissector.net.reassembly import TcpConnection

ALERTS_KEPT = 16
_HASHES = {0x1301: 32, 0x1302: 48, 0x1303: 32, 0x1304: 32, 0x1305: 32}  # hash size by 1.3 suite
_SHORT_TAG = 0x1305
_ALERT_SIZE = 2


class MakeInner(Protocol):
    """Makes the detector of the decrypted data; `expected`: they are expected to be MQTT."""

    def __call__(
        self,
        encapsulation: Encapsulation,
        outer_layers: int,
        *,
        expected: bool,
        gaps: list[Gap],
    ) -> InnerConsumer:
        """Returns the detector; `outer_layers` as in `encapsulation/record.py`."""


class TlsWatcher(Consumer):
    """Tracks one TLS connection. Sides are numbers as in `net`.

    `encapsulation` and `outer_layers` describe the layers around it, `gaps` are those before its
    first bytes. `make_inner` makes the detector of what was decrypted.
    """

    def __init__(
        self,
        context: AnalysisContext,
        tcp: TcpConnection,
        encapsulation: Encapsulation | None,
        outer_layers: int,
        gaps: list[Gap],
        make_inner: MakeInner,
    ) -> None:
        self._context = context
        self._tcp = tcp
        self._readers = (tls.TlsReader(), tls.TlsReader())
        self._client = 0
        if midstream(tcp) and tcp.direction(0).port in _mqtt_ports(context):
            self._client = 1
        self._gaps = gaps
        for side, *_ in gaps:
            self._readers[side].gap()
        self._has_sent = [0, 0]
        self._last = context.frame(tcp.first_frame, tcp.first_time_ns)
        self._close: tuple[int, str, FrameRef] | None = None
        self._client_finished = False  # of TLS 1.3, as is the next
        self._server_sent_after = False  # sent a record after the client's Finished
        self._record_seen = False  # at least one TLS record
        self._warned = False
        self._record = TlsHandshake(-1, tcp.stream, *self._ends(), self._last, self._because())
        self._record.encapsulation = encapsulation
        self._outer_layers = outer_layers
        self._make_inner = make_inner
        self._inner: InnerConsumer | None = None
        self._encapsulation: Encapsulation | None = None  # of `_inner`
        self._kept = self._charged = 0  # bytes of the record, and those charged with the buffers
        self._decrypted = False  # decrypted data was found, and the inner detector made

    def chunk(
        self, side: int, window: bytes, start: int, stop: int, frame: int, time_ns: int
    ) -> bool:
        """Processes the next bytes of a side; False if the connection is ignored."""
        self._has_sent[side] += stop - start
        where = self._context.frame(frame, time_ns)
        for event in self._readers[side].feed(window, start, stop):
            if event.kind == tls.BROKEN and not self._broken(side, where):
                return False
            self._record_seen = True
            if event.kind == tls.HANDSHAKE:
                self._message(side, event, where)
            elif event.kind == tls.APPLICATION_DATA:
                self._data(side, event.size, where)
            elif event.kind == tls.ALERT:
                self._alert(side, event.body, where)
            elif event.kind == tls.CHANGE_CIPHER_SPEC:
                self._change_cipher(side)
            if not self._record.because and event.kind != tls.CHANGE_CIPHER_SPEC:
                return self._ignore("tls")
        self._last = where
        kept = self._kept + self._readers[0].buffered + self._readers[1].buffered
        if kept != self._charged:
            self._tcp.charge(kept - self._charged)
            self._charged = kept
        self._deliver(side, frame, time_ns)
        return True

    def gap(self, side: int, missing: int, frame: int, time_ns: int, reason: str) -> bool:
        """Called for missing bytes of a side."""
        where = self._context.frame(frame, time_ns)
        self._note_gap(side, where, reason)
        self._readers[side].gap()
        self._deliver(side, frame, time_ns)
        if self._inner is not None and not self._inner.gap(side, -1, frame, time_ns, reason):
            self._inner = None
        return bool(self._record.because) or self._ignore("tls")

    def closed(self, side: int, how: int, frame: int, time_ns: int) -> bool:
        """Called when a side closed."""
        if self._close is None:
            name = "fin" if how == FIN else "rst"
            self._close = (side, name, self._context.frame(frame, time_ns))
        self._deliver(side, frame, time_ns)
        if self._inner is not None and not self._inner.closed(side, how, frame, time_ns):
            self._inner = None
        return True

    def capture_ends(self) -> None:
        """Passes the event on to the inner detector."""
        if self._inner is not None:
            self._inner.capture_ends()

    def finished(self, reason: int, time_ns: int) -> bool:
        """Called when tracking of the connection ends: completes its record and reports it."""
        record, context = self._record, self._context
        self._deliver_rest()
        if self._inner is not None:
            self._inner.finished(reason, time_ns)
        if not self._decrypted:
            self._ignore("tls")
        if not record.because or (record.because == "keys" and not self._found_mqtt()):
            return True
        record.id = context.tls_handshakes
        context.tls_handshakes += 1
        record.client, record.server = self._ends()
        record.client_bytes = self._has_sent[self._client]
        record.server_bytes = self._has_sent[1 - self._client]
        if self._close is not None:
            side, how, where = self._close
            record.close = Close(self._side_of(side), how, where)
        record.quality = self._quality(reason, time_ns)
        context.sink.encrypted(record)
        return True

    def _because(self) -> str:
        tcp, decrypted = self._tcp, self._context.decrypted
        if not _mqtt_ports(self._context).isdisjoint(
            (tcp.direction(0).port, tcp.direction(1).port)
        ):
            return "port"
        return "keys" if decrypted is not None and tcp.stream in decrypted else ""

    def _ends(self) -> tuple[Endpoint, Endpoint]:
        """Returns client and server, as far as the sides are known by now."""
        context, tcp = self._context, self._tcp
        return context.end_of(tcp, self._client), context.end_of(tcp, 1 - self._client)

    def _note_gap(self, side: int, where: FrameRef, reason: str) -> None:
        """Records missing bytes of a side, once for each reason."""
        if not any(known == side and why == reason for known, _, _, why in self._gaps):
            self._gaps.append((side, self._last, where, reason))

    def _ignore(self, kind: str) -> bool:
        """Counts the connection as other traffic and stops tracking it."""
        self._context.other_traffic(kind, self._tcp)
        return False

    def _quality(self, reason: int, time_ns: int) -> CaptureQuality:
        tcp = self._tcp
        quality = CaptureQuality(ENDINGS[reason], time_ns)
        quality.syn_seen = tcp.syn_seen or tcp.synack_seen
        quality.both_seen = tcp.both_seen()
        quality.conflict = tcp.direction(0).conflict or tcp.direction(1).conflict
        for side, since, _, kind in self._gaps:
            quality.gaps.setdefault(self._side_of(side), since)
            quality.gap_reason = quality.gap_reason or kind.partition(": ")[0]
        return quality

    def _side_of(self, side: int) -> Side:
        return Side.CLIENT if side == self._client else Side.SERVER

    # -- records ----------------------------------------------------------------------------------

    def _message(self, side: int, event: tls.TlsEvent, where: FrameRef) -> None:
        record, kind, body = self._record, event.type, event.body
        if kind in (tls_messages.CLIENT_HELLO, tls_messages.CERTIFICATE):
            self._kept += 2 * len(body)  # what the record has of it
        if kind == tls_messages.CLIENT_HELLO:
            self._client_hello(side, tls_messages.client_hello(body), where)
        elif kind == tls_messages.SERVER_HELLO:
            self._server_hello(side, tls_messages.server_hello(body), where)
        elif kind == tls_messages.CERTIFICATE:
            self._certificates(side, tls_messages.certificates(body), where)
        elif side == self._client:
            if kind == tls_messages.CLIENT_KEY_EXCHANGE and record.server_hello is not None:
                record.psk_identity = tls_messages.psk_text(body, record.server_hello.suite)
                record.psk_identity_frame = where if record.psk_identity is not None else None
        elif kind == tls_messages.SERVER_KEY_EXCHANGE and record.server_hello is not None:
            record.psk_hint = tls_messages.psk_text(body, record.server_hello.suite)
        elif kind == tls_messages.CERTIFICATE_REQUEST:
            record.certificate_requested = True
            record.certificate_request_frame = where
        elif kind == tls_messages.SERVER_HELLO_DONE and record.server_hello is not None:
            record.resumed = False
            record.certificate_requested = record.certificate_request_frame is not None

    def _client_hello(self, side: int, hello: ClientHello | None, where: FrameRef) -> None:
        record = self._record
        if hello is None:
            self._malformed("ClientHello", where)
        elif record.client_hello is None:
            self._client = side
            record.client_hello = hello
            record.client_hello_frame = where
            if record.because != "port" and any("mqtt" in name.lower() for name in hello.alpn):
                record.because = "alpn"

    def _server_hello(self, side: int, hello: ServerHello | None, where: FrameRef) -> None:
        record = self._record
        if hello is None:
            self._malformed("ServerHello", where)
        elif hello.retry:
            record.retried = True
        elif record.server_hello is None:
            if record.client_hello is None:
                self._client = 1 - side
            record.server_hello = hello
            record.server_hello_frame = where
            if hello.version == TLS_1_3:
                record.resumed = hello.pre_shared_key

    def _certificates(self, side: int, chain: tuple[bytes, ...] | None, where: FrameRef) -> None:
        record = self._record
        if chain is None:
            self._malformed("Certificate", where)
        elif side != self._client:
            record.certificates, record.certificates_frame = chain, where
        else:
            record.client_certificates, record.client_certificates_frame = chain, where

    def _change_cipher(self, side: int) -> None:
        """Handles ChangeCipherSpec: up to TLS 1.2 encryption begins; in 1.3 it has no meaning."""
        record = self._record
        if record.version != TLS_1_3 and not record.retried:
            self._readers[side].encrypted = True
            if side != self._client and record.server_hello is not None and record.resumed is None:
                record.resumed = True  # the messages of a full handshake did not precede it

    def _alert(self, side: int, body: bytes, where: FrameRef) -> None:
        clear = len(body) == _ALERT_SIZE
        alert = Alert(
            self._side_of(side), where, body[0] if clear else None, body[1] if clear else None
        )
        if len(self._record.alerts) < ALERTS_KEPT:
            self._record.alerts.append(alert)

    def _data(self, side: int, size: int, where: FrameRef) -> None:
        record, client = self._record, side == self._client
        hello, chosen = record.client_hello, record.server_hello
        if chosen is None and hello is not None and TLS_1_3 in hello.versions:
            return  # its meaning depends on the chosen version, which was not seen
        if chosen is not None and chosen.version == TLS_1_3:
            if not self._is_data(side, size, chosen.suite, where):
                return
        if client:
            record.client_data = record.client_data or where
        else:
            record.server_data = record.server_data or where

    def _is_data(self, side: int, size: int, suite: int, where: FrameRef) -> bool:
        """Distinguishes application data of TLS 1.3 from handshake messages and alerts.

        It does so by order and size. An alert has the size of a DISCONNECT or PINGREQ, but those
        come after the handshake.
        """
        tag = 8 if suite == _SHORT_TAG else 16
        like_alert = size == _ALERT_SIZE + 1 + tag
        if side == self._client:
            if self._client_finished:
                return True
            self._client_finished = size == 4 + _HASHES.get(suite, 0) + 1 + tag
        else:
            like_alert = like_alert and not self._server_sent_after
            self._server_sent_after = self._server_sent_after or self._client_finished
            if not like_alert:
                return self._record.client_data is not None
        if like_alert:
            self._alert(side, b"", where)
        return False

    def _malformed(self, name: str, where: FrameRef) -> None:
        self._warn(f"a malformed {name} of TLS", where)

    def _broken(self, side: int, where: FrameRef) -> bool:
        """Handles bytes that are not a TLS record; False if neither side sent TLS before."""
        record = self._record
        self._note_gap(side, where, "tls")
        if record.client_hello is None and record.server_hello is None and self._readers_lost():
            return self._ignore("tls" if self._record_seen else "other")
        self._warn("the next bytes are not a TLS record", where)
        return True

    # -- decrypted data ---------------------------------------------------------------------------

    def _deliver(self, side: int, frame: int, time_ns: int) -> None:
        """Delivers the decrypted data that a side sent in records up to this frame."""
        decrypted, tcp = self._context.decrypted, self._tcp
        if decrypted is None or tcp.direction(0).port == tcp.direction(1).port:
            return  # with equal ports the sides cannot be told apart
        port = tcp.direction(side).port
        for chunk in decrypted.take(tcp.stream, port, time_ns, frame):
            self._deliver_chunk(side, chunk)

    def _deliver_rest(self) -> None:
        decrypted, tcp = self._context.decrypted, self._tcp
        if decrypted is not None and tcp.direction(0).port != tcp.direction(1).port:
            for port, chunk in decrypted.rest(tcp.stream):
                self._deliver_chunk(int(port == tcp.direction(1).port), chunk)

    def _deliver_chunk(self, side: int, chunk: DecryptedChunk) -> None:
        data = chunk.data
        if not self._decrypted and data is not None:
            self._decrypted = True
            self._inner = self._begin_inner()
        if self._inner is None:
            return
        if data is not None:
            self._record.decrypted = True
            wanted = self._inner.chunk(side, data, 0, len(data), chunk.frame, chunk.time_ns)
        elif self._record.client_data is None:
            return  # a handshake message: of TLS 1.3 they look like data
        else:
            wanted = self._inner.gap(side, -1, chunk.frame, chunk.time_ns, "tls")
        if not wanted:
            self._inner = None

    def _found_mqtt(self) -> bool:
        return self._encapsulation is not None and self._encapsulation.mqtt

    def _begin_inner(self) -> InnerConsumer:
        encapsulation = self._encapsulation = Encapsulation("tls")
        if self._record.encapsulation is not None:
            encapsulation.proxied = self._record.encapsulation.proxied
        return self._make_inner(
            encapsulation,
            self._outer_layers | TLS,
            expected=self._record.because in ("port", "alpn"),
            gaps=self._gaps,
        )

    def _readers_lost(self) -> bool:
        return all(
            reader.lost or not sent
            for reader, sent in zip(self._readers, self._has_sent, strict=True)
        )

    def _warn(self, what: str, where: FrameRef) -> None:
        if not self._warned and self._record.because:
            self._warned = True
            self._context.sink.limited("tls", what, where, self._tcp.stream)


def _mqtt_ports(context: AnalysisContext) -> frozenset[int]:
    """Returns the ports on which MQTT is expected, with or without TLS."""
    return context.tls_ports | context.ports
