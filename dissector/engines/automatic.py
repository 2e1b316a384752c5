"""The default engine: the native one, with scapy or tshark for link types that it does not read.

Frames of a link type unknown to native are decoded by scapy if it has a layer for it, otherwise (or
if scapy finds no IP in any of them) by tshark, interface by interface; everything else is the
native engine's. Neither program is loaded before such a frame occurs. tshark is run on up to
`_CHUNK` such frames at a time; the frames between are held back, so that all stay in order. One
capture warning says which engine read what.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from dissector.capture import linktypes
from dissector.capture.batch import ROOM, Batch
from dissector.capture.source import CaptureReader
from dissector.connections.event_sink import EventSink
from dissector.engines.native import NativeEngine
from dissector.engines.rebuilt_frame import RebuiltBatch
from dissector.errors import EngineError
from dissector.net.link import is_known

if TYPE_CHECKING:
    from dissector.engines.scapy import Decoder
    from dissector.engines.tshark_engine import Found

_CHUNK = ROOM  # frames for one run of tshark
_HELD_BYTES = 16 << 20
_TRIES = 4  # runs of tshark after which a link type without any IP is given up
_LAST_LINK = 0xFFFF  # the largest that a pcapng file can hold
_SCAPY, _TSHARK, _NONE = "scapy", "tshark", ""


class AutomaticEngine(NativeEngine):
    """As `NativeEngine`, with other engines for link types unknown to it.

    `name` is the engine that read most of what native cannot read, "native" if there was nothing.
    """

    def __init__(
        self, files: list[str], sink: EventSink, ports: frozenset[int], **more: Any
    ) -> None:
        super().__init__(files, sink, ports, **more)
        self._decoder: Decoder | None = None
        self._chosen: dict[int, str] = {}  # by link type: the engine that decodes it
        self._with_ip: set[int] = set()  # link types in which the engine of their own found IP
        self._tries: dict[int, int] = {}  # by link type: runs of tshark that found no IP in it
        self._read: dict[tuple[str, int], int] = {}  # frames by engine and link type
        self._first = -1  # frame that was not native's
        self._failed = False  # whether tshark could not be run
        self.context.unread_advice = "neither scapy nor tshark finds IP in them"

    def batches(self, readers: Sequence[CaptureReader]) -> Iterator[tuple[Batch, int, int]]:
        """Yields the frames of all captures, those of unknown link types decoded."""
        links = {reader.file_index: reader for reader in readers}
        plain: dict[int, int] = {}  # by file: the number of its link types, all known to native
        held = _HeldFrames()
        try:
            for batch, start, stop in super().batches(readers):
                seen = links[batch.file].links
                if plain.get(batch.file) != len(seen):
                    if all(map(is_known, seen)):
                        plain[batch.file] = len(seen)
                    elif self._decode(batch, start, stop, held):
                        yield from self._released(held, full=True)
                        continue
                if held.batches:
                    held.add(batch, start, stop)
                    yield from self._released(held, full=True)
                else:
                    yield batch, start, stop
            yield from self._released(held, full=False)
        finally:
            self._report()

    def reads(self, link: int) -> bool:
        """Whether native, scapy or tshark decoded frames of this link type, or native would."""
        return is_known(link) or self._chosen.get(link) == _SCAPY or (_TSHARK, link) in self._read

    def unknown(self) -> str:
        """Returns what is said of a file of which no frame can be read."""
        return f"is unknown: {self.context.unread_advice}; capture on another interface"

    def _engine_for(self, link: int) -> str:
        """Returns the engine that decodes a link type unknown to native, `_NONE` if none does."""
        chosen = self._chosen.get(link)
        if chosen is None:
            from dissector.engines.scapy import Decoder

            try:
                self._decoder = self._decoder or Decoder()
            except EngineError:
                chosen = _TSHARK
            else:
                chosen = _SCAPY if self._decoder.knows(link) else _TSHARK
            self._chosen[link] = chosen
        return chosen

    def _decode(self, batch: Batch, start: int, stop: int, held: _HeldFrames) -> bool:
        """Adds frames to those held, those for scapy decoded; False if all are native's."""
        foreign = {
            link for link in {batch.link[i] for i in range(start, stop)} if not is_known(link)
        }
        engines = {link: self._engine_for(link) for link in foreign if link <= _LAST_LINK}
        if not any(engines.values()):
            return False
        made = held.add(batch, start, stop)
        for place, i in enumerate(range(start, stop)):
            link = batch.link[i]
            engine = engines.get(link, _NONE)
            if engine == _NONE:
                continue
            key = batch.file << 40 | batch.first_number + i
            if engine == _TSHARK:
                held.wanted.append((made, place))
                continue
            assert self._decoder is not None
            found = self._decoder.frame(link, made.data[place], key)
            if found[1]:
                self._with_ip.add(link)
            elif link not in self._with_ip and self._tries.get(link, 0) < _TRIES:
                held.wanted.append((made, place))
                continue
            self._count(_SCAPY, link, key)
            made.replace(place, *found)
        return True

    def _released(self, held: _HeldFrames, *, full: bool) -> Iterator[tuple[Batch, int, int]]:
        """Yields the held frames when tshark has decoded theirs; with `full` only if many wait."""
        if held.wanted:
            if full and len(held.wanted) < _CHUNK and held.size < _HELD_BYTES:
                return
            self._decode_by_tshark(held.wanted)
        batches = held.batches
        held.clear()
        for made in batches:
            batch = made.batch()
            yield batch, 0, batch.count

    def _decode_by_tshark(self, wanted: list[tuple[RebuiltBatch, int]]) -> None:
        """Replaces frames by what tshark decodes; those of unknown link types are kept."""
        found: dict[int, Found] = {}
        if not self._failed:
            try:
                found = _decoded([made.frame(place) for made, place in wanted])
            except EngineError as error:
                self._failed = True
                self.context.unread_advice += f": {error}"
        links = [made.link[place] for made, place in wanted]
        for link in {links[number] for number in found} - self._with_ip:
            self._with_ip.add(link)
            self._chosen[link] = _TSHARK
        for link in set(links) - self._with_ip:
            self._tries[link] = _TRIES if self._failed else self._tries.get(link, 0) + 1
            if self._tries[link] >= _TRIES and self._chosen[link] == _TSHARK:
                self._chosen[link] = _NONE
        for number, (made, place) in enumerate(wanted):
            link = links[number]
            engine = self._chosen[link]
            if engine == _SCAPY or (link in self._with_ip and not self._failed):
                self._count(engine, link, made.file << 40 | made.first_number + place)
                made.replace(place, *found.get(number, (linktypes.RAW, b"", 0)))

    def _count(self, engine: str, link: int, key: int) -> None:
        if self._first < 0:
            self._first = key
        self._read[engine, link] = self._read.get((engine, link), 0) + 1

    def _report(self) -> None:
        """Reports which engine read what, if not all was native's."""
        if self._decoder is not None:
            for warning in self._decoder.skipped():
                self._warn(*warning, -1)
        if not self._read:
            return
        self.name = max(engine for engine, _ in self._read)
        each = [
            f"{linktypes.name(link)} ({count:,} frame{'s' * (count != 1)}) by {engine}"
            for (engine, link), count in self._read.items()
        ]
        what = f"link types that the native engine does not read were decoded: {', '.join(each)}"
        self._warn("engine", what, self._first, -1)


class _HeldFrames:
    """Batches in order, and the frames in them that wait for tshark."""

    def __init__(self) -> None:
        self.batches: list[RebuiltBatch] = []
        self.wanted: list[tuple[RebuiltBatch, int]] = []
        self.size = 0

    def add(self, batch: Batch, start: int, stop: int) -> RebuiltBatch:
        """Adds a copy of frames [start, stop) of a batch."""
        made = RebuiltBatch.of(batch, start, stop)
        self.batches.append(made)
        self.size += sum(map(len, made.data)) + 256 * len(made.data)
        return made

    def clear(self) -> None:
        """Begins anew."""
        self.batches, self.wanted, self.size = [], [], 0


def _decoded(frames: Sequence[tuple[int, bytes, int, int]]) -> dict[int, Found]:
    """Returns what tshark finds in frames (link type, bytes, length on the wire, time), by index.

    The frames are in a file without a name, so that nothing outlives this process. Raises
    EngineError if tshark is missing or fails.
    """
    import tempfile

    from dissector.capture.pcapng_writer import PcapngWriter
    from dissector.engines.decryption import inherited_path
    from dissector.engines.tshark_engine import TsharkInput, innermost

    with tempfile.TemporaryFile() as file:
        writer = PcapngWriter(file, "mqtt-dissector")
        for link, data, original, time_ns in frames:
            writer.frame(data, time_ns, original, writer.interface(link))
        writer.flush()
        whole = TsharkInput(inherited_path(file), None, (file.fileno(),))
        return innermost(whole, [data for _, data, *_ in frames])
