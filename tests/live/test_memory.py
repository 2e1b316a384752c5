"""The memory of a live capture does not grow with the number of connections."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator

import pytest

from dissector.engines import live as engine
from dissector.live import Live
from dissector.net.limits import Limits
from dissector.options import Options
from dissector.report import clock
from dissector.report.live_text import LiveText
from dissector.report.style import Style
from samples.build import START_NS, Frame, conversation
from tests.live.test_equivalence import ReplaySource

CONNECT = "C 10 0d 00 04 4d 51 54 54 04 02 00 3c 00 01 61"
KINDS = (
    (CONNECT, "S 20 02 00 00", "C e0 00", "C FIN", "S FIN"),
    (CONNECT, "S 20 02 01 00", "C e0 00", "C FIN", "S FIN"),
    (CONNECT, "S 20 02 00 05", "C RST"),
    (CONNECT, "C FIN", "S FIN"),
)


class DiscardedStream:
    def write(self, data: bytes, /) -> int:
        return len(data)

    def flush(self) -> None:
        pass


def many(count: int) -> Iterator[Frame]:
    """Yields the frames of connections one after the other, four per second."""
    for index in range(count):
        yield from conversation(
            KINDS[index % len(KINDS)],
            client_port=1024 + index,
            start_ns=START_NS + index * 250_000_000,
        )


def test_memory_does_not_grow_with_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    """Further connections, with findings and without, take no additional memory."""
    monkeypatch.setattr(engine, "LIMITS", Limits(closed=50))
    monkeypatch.setattr(clock, "_KEPT", 10)  # size of the cache of formatted seconds
    live = Live(
        ReplaySource(list(many(900)), dropped=0), Options(), LiveText(DiscardedStream(), Style())
    )
    held: list[int] = []
    for step, _ in enumerate(live.steps()):
        if step == 200:
            tracemalloc.start(1)
        elif step > 200 and step % 500 == 0:
            held.append(tracemalloc.get_traced_memory()[0])
    tracemalloc.stop()
    assert len(held) > 10
    later = held[len(held) // 2 :]
    assert max(later) - min(later) < 100_000  # about a handful of connections
