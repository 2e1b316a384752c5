"""The default engine: finds MQTT connections with the project's own readers and reassembly."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

from dissector.capture.batch import ROOM, Batch
from dissector.capture.merge import merged
from dissector.capture.source import CaptureReader
from dissector.connections.analysis_context import AnalysisContext
from dissector.connections.connection import Connection
from dissector.connections.deadlines import DEFAULT, Deadlines
from dissector.connections.detector import make_detector
from dissector.connections.event_sink import EventSink
from dissector.connections.first_payload import FirstPayloadDetector
from dissector.errors import CaptureError
from dissector.model import FrameRef, Side
from dissector.mqtt import spec
from dissector.mqtt.packets import Packet
from dissector.net.limits import Limits
from dissector.net.link import is_known
from dissector.net.streams import Streams

if TYPE_CHECKING:
    from dissector.connections.decrypted import Decrypted

MQTT_PORT = 1883
# IANA's port for MQTT over TLS, and those commonly used besides, 8084 for WebSocket over TLS
TLS_PORTS = frozenset({8883, 8884, 8885, 8886, 8887, 8084})
_NUMBER = (1 << 40) - 1
_KEPT_STEP = 16  # frames


class NativeEngine:
    """Runs captures through reassembly and trackers, and reports events to a sink."""

    name = "native"
    # What to do about frames of link types that were not read
    unread_advice = "without --engine native scapy or tshark decodes them, if they can"

    def __init__(
        self,
        files: list[str],
        sink: EventSink,
        ports: frozenset[int],
        keep_all: bool = False,
        tls_ports: frozenset[int] = frozenset(),
        decrypted: Decrypted | None = None,
        limits: Limits | None = None,
        deadlines: Deadlines = DEFAULT,
    ) -> None:
        self._sink = sink
        self.context = AnalysisContext(
            sink, files, ports | {MQTT_PORT}, keep_all, tls_ports | TLS_PORTS, decrypted, deadlines
        )
        self.context.unread_advice = self.unread_advice
        self._warn = partial(self.warn_of, self.context)  # refers to no engine: no reference cycle
        self.streams = Streams(
            partial(make_detector, self.context),
            self.context.ports,
            warn=self._warn,
            limits=limits,
            first_payload=FirstPayloadDetector(self.context),
        )

    @staticmethod
    def warn_of(context: AnalysisContext, kind: str, message: str, frame: int, stream: int) -> None:
        """Passes a warning on to the sink; `frame` is a key, negative for none."""
        if kind == "unknown-link-type":
            message = f"{message}; {context.unread_advice}"
        where = None if frame < 0 else FrameRef(context.files[frame >> 40], frame & _NUMBER, 0)
        context.sink.limited(kind, message, where, stream)

    def run(self, readers: Sequence[CaptureReader], progress: Callable[[], None]) -> None:
        """Reads all captures to the end, merged in time order; calls `progress` per window."""
        for _ in self.steps(readers):
            progress()

    def steps(self, readers: Sequence[CaptureReader]) -> Iterator[None]:
        """Reads window by window; if interrupted, connections seen so far are still finished.

        With `keep_all` the steps are smaller, as a window may hold millions of packets.
        """
        most = _KEPT_STEP if self.context.keep_all else ROOM
        try:
            for batch, start, stop in self.batches(readers):
                for at in range(start, stop, most):
                    self.streams.feed(batch, at, min(at + most, stop))
                    yield
        finally:
            self.streams.finish()
        yield

    def batches(self, readers: Sequence[CaptureReader]) -> Iterator[tuple[Batch, int, int]]:
        """Returns the frames of all captures in time order: batch, start and stop."""
        return merged(readers)

    def unknown_files(self, readers: Sequence[CaptureReader]) -> list[CaptureError]:
        """Returns an error for each file that holds only link types unknown to this engine."""
        return [
            CaptureError(
                f"{reader.path}: link type {', '.join(reader.link_types)} {self.unknown()}"
            )
            for reader in readers
            if reader.frames and not any(map(self.reads, reader.links))
        ]

    def reads(self, link: int) -> bool:
        """Whether the engine reads frames of this link type (a LINKTYPE_ number)."""
        return is_known(link)

    def unknown(self) -> str:
        """Returns what is said of a file of which no frame can be read."""
        return f"is unknown to the native engine; {self.context.unread_advice}"

    def control_packets(self) -> dict[str, int]:
        """Returns the number of control packets by type name, without types that were not seen."""
        return {
            spec.PACKET_NAMES[kind]: count
            for kind, count in enumerate(self.context.counts.values())
            if count
        }


class PacketSink(EventSink):
    """An event sink that keeps packets, for `show`."""

    def __init__(self) -> None:
        self.packets: list[tuple[Connection, Packet, Side]] = []

    def packet(self, connection: Connection, packet: Packet, side: Side) -> None:
        """Keeps the packet."""
        self.packets.append((connection, packet, side))
