"""Connections come and go for ever, and memory stays as it is."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator

import pytest

from dissector.analysis import Options
from dissector.engines import live as engine
from dissector.live import Live
from dissector.net.limits import Limits
from dissector.report import clock
from dissector.report.live_text import LiveText
from dissector.report.style import Style
from samples.build import START_NS, Frame, conversation
from tests.live.test_equivalence import Played

CONNECT = "C 10 0d 00 04 4d 51 54 54 04 02 00 3c 00 01 61"
KINDS = (
    (CONNECT, "S 20 02 00 00", "C e0 00", "C FIN", "S FIN"),
    (CONNECT, "S 20 02 01 00", "C e0 00", "C FIN", "S FIN"),
    (CONNECT, "S 20 02 00 05", "C RST"),
    (CONNECT, "C FIN", "S FIN"),
)


class Nowhere:
    def write(self, data: bytes, /) -> int:
        return len(data)

    def flush(self) -> None:
        pass


def many(count: int) -> Iterator[Frame]:
    """Give the frames of one connection after the other, four a second."""
    for index in range(count):
        yield from conversation(
            KINDS[index % len(KINDS)],
            client_port=1024 + index,
            start_ns=START_NS + index * 250_000_000,
        )


def test_memory_does_not_grow_with_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    """After as many connections again, with findings and without, no more memory is held."""
    monkeypatch.setattr(engine, "LIMITS", Limits(closed=50))
    monkeypatch.setattr(clock, "_KEPT", 10)  # seconds that are spelt already
    live = Live(Played(list(many(900)), dropped=0), Options(), LiveText(Nowhere(), Style()))
    held: list[int] = []
    for step, _ in enumerate(live.steps()):
        if step == 200:
            tracemalloc.start(1)
        elif step > 200 and step % 500 == 0:
            held.append(tracemalloc.get_traced_memory()[0])
    tracemalloc.stop()
    assert len(held) > 10
    later = held[len(held) // 2 :]
    assert max(later) - min(later) < 100_000  # a handful of connections, and what they hold
