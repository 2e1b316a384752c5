"""A consumer that records all calls, and a builder of the frames of a TCP conversation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dissector.net.consumer import Consumer
from dissector.net.limits import Limits
from dissector.net.streams import Streams
from dissector.net.tcp import TcpConnection
from samples.frames import SegmentBuilder
from tests.net import wire
from tests.net.wire import ACK, PSH

A, B = "10.0.0.1", "10.0.0.2"
CLIENT_ISN, SERVER_ISN = 1000, 5000

RecordedEvent = tuple[object, ...]


class RecordingConsumer(Consumer):
    """Records all calls; after `stop_after` chunks it wants no more."""

    def __init__(self, connection: TcpConnection, stop_after: int = -1) -> None:
        self.connection = connection
        self.stop_after = stop_after
        self.events: list[RecordedEvent] = []
        self.frames: list[tuple[str, int, int, int]] = []
        self.parts: tuple[list[bytes], list[bytes]] = ([], [])
        self.ended = False

    def _note(self, name: str, side: int, frame: int, time_ns: int, *what: object) -> None:
        assert not self.ended, "a call after finished()"
        self.events.append((name, side, *what))
        self.frames.append((name, side, frame, time_ns))

    def chunk(
        self, side: int, window: bytes, start: int, stop: int, frame: int, time_ns: int
    ) -> bool:
        assert 0 <= start < stop <= len(window)
        self._note("chunk", side, frame, time_ns, bytes(window[start:stop]))
        self.parts[side].append(bytes(window[start:stop]))
        return self.stop_after < 0 or sum(map(len, self.parts)) < self.stop_after

    def gap(self, side: int, missing: int, frame: int, time_ns: int, reason: str) -> bool:
        assert missing > 0 or missing == -1
        self._note("gap", side, frame, time_ns, missing, reason)
        return True

    def closed(self, side: int, how: int, frame: int, time_ns: int) -> bool:
        self._note("closed", side, frame, time_ns, {1: "FIN", 2: "RST"}[how])
        return True

    def finished(self, reason: int, time_ns: int) -> bool:
        assert not self.ended
        self.ended = True
        names = {1: "closed", 2: "reused", 3: "evicted", 4: "capture end"}
        self.events.append(("finished", names[reason]))
        return True

    def text(self, side: int) -> bytes:
        """All bytes of a side."""
        return b"".join(self.parts[side])

    def gaps(self, side: int) -> list[tuple[object, object]]:
        """Size and reason of each gap of a side."""
        return [
            (event[2], event[3]) for event in self.events if event[0] == "gap" and event[1] == side
        ]

    def reached(self, side: int) -> int:
        """Return the position of a side: its bytes plus its gaps of known size."""
        sizes = [size for size, _ in self.gaps(side) if isinstance(size, int)]
        return len(self.text(side)) + sum(size for size in sizes if size > 0)

    def joined(self) -> list[RecordedEvent]:
        """All events, with consecutive chunks of one side joined."""
        out: list[RecordedEvent] = []
        for event in self.events:
            if event[0] == "chunk" and out and out[-1][:2] == event[:2]:
                out[-1] = (*out[-1][:2], bytes(out[-1][2]) + bytes(event[2]))  # type: ignore[call-overload]
            else:
                out.append(event)
        return out


@dataclass
class RecordedRun:
    """The result of feeding frames."""

    streams: Streams
    consumers: list[RecordingConsumer]
    warnings: list[tuple[str, str, int, int]]

    @property
    def kinds(self) -> list[str]:
        """Kinds of the warnings, in order."""
        return [warning[0] for warning in self.warnings]

    @property
    def only(self) -> RecordingConsumer:
        """The consumer of the one connection."""
        assert len(self.consumers) == 1
        return self.consumers[0]


def run(
    frames: Sequence[bytes],
    link: int | Sequence[int] = 1,
    times: Sequence[int] | None = None,
    originals: Sequence[int] | None = None,
    *,
    ports: frozenset[int] = frozenset({1883}),
    limits: Limits | None = None,
    finish: bool = True,
    stop_after: int = -1,
    size: int = 8192,
    consumer: type[RecordingConsumer] = RecordingConsumer,
) -> RecordedRun:
    """Feed frames to a flow table in batches of at most `size` frames."""
    consumers: list[RecordingConsumer] = []
    warnings: list[tuple[str, str, int, int]] = []

    def follow(connection: TcpConnection) -> RecordingConsumer:
        consumers.append(consumer(connection, stop_after))
        return consumers[-1]

    def warn(kind: str, message: str, frame: int, stream: int) -> None:
        warnings.append((kind, message, frame, stream))

    streams = Streams(follow, ports, warn=warn, limits=limits)
    for at in range(0, len(frames), size):
        part = slice(at, at + size)
        batch = wire.batch(
            frames[part],
            link if isinstance(link, int) else link[part],
            times[part] if times else None,
            originals[part] if originals else None,
            first_number=at + 1,
        )
        streams.feed(batch, 0, batch.count)
    if finish:
        streams.finish()
    return RecordedRun(streams, consumers, warnings)


class TcpConversation(SegmentBuilder):
    """Builds the frames of one connection between A (client) and B, and counts sequence numbers."""

    def __init__(
        self,
        client_port: int = 40000,
        server_port: int = 1883,
        seq: Sequence[int] = (CLIENT_ISN, SERVER_ISN),
    ) -> None:
        super().__init__((client_port, server_port), seq)
        self.frames: list[bytes] = []

    def captured(self, side: int, segment: bytes, payload: bytes, pause: int | None) -> None:
        """Adds the frame of a segment."""
        self.frames.append(self._framed(side, segment))

    def segment(
        self,
        side: int,
        seq: int,
        ack: int,
        flags: int,
        payload: bytes = b"",
        options: bytes = b"",
    ) -> bytes:
        """Build any frame of this connection, without adding it."""
        segment = self.tcp_segment(side, flags, payload, seq=seq, ack=ack, options=options)
        return self._framed(side, segment)

    def _framed(self, side: int, segment: bytes) -> bytes:
        ends = ((A, B), (B, A))[side]
        macs = ((wire.MAC_A, wire.MAC_B), (wire.MAC_B, wire.MAC_A))[side]
        return wire.ethernet(wire.ipv4(segment, *ends), src=macs[0], dst=macs[1])

    def close(self) -> TcpConversation:
        """Add a FIN of each side."""
        return self.fin()

    def drop(self, index: int = -1) -> TcpConversation:
        """Remove a frame, as if it was never captured."""
        del self.frames[index]
        return self

    def put(
        self, side: int, offset: int, payload: bytes, flags: int = PSH | ACK
    ) -> TcpConversation:
        """Add a segment at any offset from the side's first byte, without counting it."""
        return self.send_at(side, offset, payload, flags)
