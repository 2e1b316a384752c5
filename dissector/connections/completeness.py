"""How completely a connection was captured, as far as TCP shows it, and its gaps.

A gap is noted before it is known which side is the client, or whether the connection is MQTT at
all, and recorded in the `Connection` when that is known.
"""

from __future__ import annotations

from dissector.connections.analysis_context import AnalysisContext
from dissector.connections.connection import CaptureQuality, Connection
from dissector.connections.event_sink import EventSink
from dissector.connections.mqtt_direction import MqttDirection
from dissector.model import FrameRef, Side
from dissector.net.consumer import CAPTURE_END, CLOSED, EVICTED, REUSED
from dissector.net.reassembly import TcpConnection

ENDINGS = ("closed",) * 2 + ("reused", "evicted", "capture end")  # by the reason of `finished`
assert (CLOSED, REUSED, EVICTED, CAPTURE_END) == (1, 2, 3, 4)
_ENDINGS = ENDINGS  # as a C variable when compiled

# side, frame of the last bytes before the gap, frame that shows it, reason with number of bytes
Gap = tuple[int, FrameRef, FrameRef, str]


def midstream(tcp: TcpConnection) -> bool:
    """Whether the capture begins in the middle of a connection."""
    return not tcp.syn_seen and not tcp.synack_seen


def ambiguous(tcp: TcpConnection) -> bool:
    """Whether segments of two connections cannot be told apart."""
    return tcp.direction(0).ambiguous or tcp.direction(1).ambiguous


def conflicting(connection: Connection, tcp: TcpConnection) -> bool:
    """Whether segments of a connection contradict each other; sets its quality then."""
    if ambiguous(tcp):
        connection.quality.ambiguous = True
        return True
    if tcp.direction(0).conflict or tcp.direction(1).conflict:
        connection.quality.conflict = True
        return True
    return False


def pending(tcp: TcpConnection) -> bool:
    """Whether segments of either side wait in reassembly for earlier ones."""
    return not (tcp.direction(0).nothing_pending() and tcp.direction(1).nothing_pending())


def update_quality(quality: CaptureQuality, tcp: TcpConnection, reason: int, time_ns: int) -> None:
    """Updates the capture quality by what TCP shows; `reason` is why tracking ends (`Consumer`)."""
    quality.ended = _ENDINGS[reason]
    quality.ended_ns = time_ns
    quality.last_seen_ns = tcp.last_time_ns
    quality.monotonic_clock = tcp.monotonic_clock()
    quality.foreign_segments = tcp.foreign_segments
    quality.out_of_order = tcp.out_of_order
    quality.both_seen = tcp.both_seen()
    quality.conflict = tcp.direction(0).conflict or tcp.direction(1).conflict
    quality.ambiguous = quality.ambiguous or ambiguous(tcp)
    quality.syn_seen = tcp.syn_seen or tcp.synack_seen


def gap_of(
    context: AnalysisContext,
    direction: MqttDirection,
    missing: int,
    frame: int,
    time_ns: int,
    reason: str,
) -> Gap:
    """Returns the gap after the latest bytes of a direction; arguments as of `Consumer.gap`."""
    since = context.frame(direction.last_frame, direction.last_time_ns)
    where = context.frame(frame, time_ns)
    return direction.side, since, where, f"{reason}: {missing}" if missing > 0 else reason


def record_gap(sink: EventSink, connection: Connection, gap: Gap, who: Side, order: int) -> None:
    """Records the first gap of a side in the connection's quality, and reports it.

    `order` counts the packets before it.
    """
    _, since, where, reason = gap
    quality = connection.quality
    if who in quality.gaps:
        return
    kind, _, count = reason.partition(": ")
    quality.gaps[who] = since
    quality.gap_orders = (quality.gap_orders or {}) | {who: order}
    quality.gap_reason = quality.gap_reason or kind
    sink.limited(
        "mid-stream" if kind == "mid-stream" else "gap",
        _gap_message(who, kind, count),
        where,
        connection.stream,
    )


def _gap_message(who: Side, kind: str, count: str) -> str:
    if kind == "mid-stream":
        return f"the capture starts in the middle of what the {who.value} sent"
    amount = f"{count} bytes" if count else "bytes"
    why = {
        "lost": "were never captured",
        "snap length": "were cut off by the snap length",
        "buffer limit": "did not arrive before the reassembly buffer was full",
        "websocket": "cannot be read from their WebSocket frames",
        "tls": "could not be decrypted",
    }
    return f"{amount} that the {who.value} sent {why.get(kind, 'are missing')}"
