"""Turns batches of frames into TCP connections whose bytes are delivered in order.

Ethernet with plain IPv4 or IPv6 and TCP is parsed in place; all other frames go through frame.py.
flow_tracker.py finds the connection of each segment, if its flow is one.
"""

from __future__ import annotations

import cython

from dissector.capture import linktypes
from dissector.capture.batch import Batch
from dissector.net.consumer import FirstPayload
from dissector.net.flow_tracker import Factory, FlowTracker, Warn
from dissector.net.fragments import Fragments
from dissector.net.limits import Limits
from dissector.net.segment import Segment
from dissector.net.unread import CUT, ENCAPSULATIONS, OTHER_LINK, warning

if cython.compiled:
    from cython.cimports.dissector.integers import big32
    from cython.cimports.dissector.net.frame import OTHER, TCP, UNKNOWN, dissect
    from cython.cimports.dissector.net.segment import NUMBER_ONLY, WHOLE
else:
    from dissector.net.frame import OTHER, TCP, UNKNOWN, dissect
    from dissector.net.segment import NUMBER_ONLY, WHOLE


class Streams(FlowTracker):
    """Dissects frames and tracks their connections; for the arguments see `FlowTracker`."""

    def __init__(
        self,
        factory: Factory,
        ports: frozenset[int] = frozenset({1883}),
        *,
        warn: Warn,
        limits: Limits | None = None,
        first_payload: FirstPayload | None = None,
    ) -> None:
        super().__init__(factory, ports, warn, limits or Limits(), first_payload)
        self.fragments = Fragments(self.limits, warn)
        self.segment = Segment()
        self.frames = self.tcp_frames = self.cut_headers = 0
        self.unknown_links: dict[int, int] = {}
        self.datagrams: dict[str, int] = {}  # of QUIC and MQTT-SN
        self._unread: dict[str, tuple[int, int, int]] = {}  # by kind: a number, count, first frame
        self._misnamed: dict[int, tuple[int, int]] = {}  # by link type: count, first frame
        self._first_unknown_link = -1
        self.earliest = (1 << 62) - 1  # of all frames
        self.latest = -(1 << 62)
        self.clock_back_files: set[int] = set()  # files in which the clock went back

    def feed(self, batch: Batch, start: int, stop: int) -> None:
        """Process frames [start, stop) of a batch, in capture order.

        Raises IndexError if frames lie outside of the batch or of its window.
        """
        window = batch.window
        pointer = window  # a C pointer when compiled; the length check below covers its bytes
        size = len(window)
        times, offsets = batch.time_ns.at, batch.offset.at
        captured, originals, links = batch.captured.at, batch.original.at, batch.link.at
        if not 0 <= start <= stop <= batch.count:
            raise IndexError("frames outside of the batch")
        s = self.segment
        serial = self.delivered.use(window)
        base = batch.file << 40
        self.frames += stop - start
        for i in range(start, stop):
            time_ns = times[i]
            if time_ns < self.clock - 1_000_000_000:
                self._clock_went_back(batch.file, base | batch.first_number + i)
            self.clock = time_ns
            if time_ns > self.latest:
                self.latest = time_ns
            if time_ns < self.earliest:
                self.earliest = time_ns
            if time_ns >= self.deadline:
                self._expire(time_ns)
            at = offsets[i]
            end = at + captured[i]
            if at < 0 or end > size:
                raise IndexError("a frame lies outside of its window")
            s.frame = base | batch.first_number + i
            s.time_ns = time_ns
            found = -1
            ip = at + 14
            tcp = 0  # where the TCP header is, if these are the usual headers before it
            if end - at >= 54 and links[i] == 1:
                if pointer[at + 12] == 0x81 and pointer[at + 13] == 0 and end - at >= 58:
                    ip = at + 18  # behind a VLAN tag
                if pointer[ip - 2] == 8 and pointer[ip - 1] == 0:
                    total = pointer[ip + 2] << 8 | pointer[ip + 3]
                    if (
                        pointer[ip] == 0x45
                        and pointer[ip + 9] == 6
                        and not pointer[ip + 6] & 0x3F
                        and not pointer[ip + 7]
                        and total >= 40
                        and end - ip >= 40
                    ):
                        tcp = ip + 20
                        s.addresses = ip + 12
                        s.address_length = 4
                elif pointer[ip - 2] == 0x86 and pointer[ip - 1] == 0xDD:
                    total = 40 + (pointer[ip + 4] << 8 | pointer[ip + 5])
                    if (
                        pointer[ip] >> 4 == 6
                        and pointer[ip + 6] == 6
                        and total >= 60
                        and end - ip >= 60
                    ):
                        tcp = ip + 40
                        s.addresses = ip + 8
                        s.address_length = 16
            if tcp:
                wire_end = ip + total
                if end > wire_end:
                    end = wire_end
                s.window = window
                s.serial = serial
                s.mac_window = window
                s.mac_source = at + 6
                s.mac_destination = at
                s.address_window = window
                s.read_tcp(window, tcp, end, wire_end)
                if not cython.compiled:
                    direction = self.directions.get(window[s.addresses : tcp + 4])
                    if direction is None:
                        found = self.flows.find(s)
                elif s.address_length == 4:
                    direction = self._cached(pointer, ip + 12)
                    if direction is None:
                        found = self.flows.find_ipv4(pointer, ip + 12, big32(pointer, tcp))
                else:
                    direction = None
                    found = self.flows.find_ipv6(pointer, ip + 8, big32(pointer, tcp))
            else:
                s.begin(window, at, end, at + originals[i])
                kind = dissect(s, links[i], self.fragments)
                if s.notice and not s.quoted:
                    self._note(s.notice, links[i], s.frame)
                if kind != TCP:
                    if kind != OTHER:
                        self._unreadable(kind, links[i], s.frame)
                    continue
                s.serial = serial if s.window is window else -1
                direction = None
                found = self.flows.find(s)
            self.tcp_frames += 1
            if direction is None or s.flags & 2 or s.grade != WHOLE:
                direction = self._find(direction, s, found)
                if direction is None:
                    continue  # of a flow that is no connection
                if s.grade != WHOLE:
                    if s.grade != NUMBER_ONLY:
                        direction.note_base(s)
                    continue
            direction.receive(s)
            if self.attention:
                self._attend(s)

    def finish(self) -> None:
        """End tracking of all connections that are still open, and of all fragments."""
        self.end_all()
        self.fragments.finish()
        self._warn_of_unread()

    def _unreadable(self, kind: int, link: int, frame: int) -> None:
        if kind != UNKNOWN:
            if self.cut_headers == 0:
                what = "the snap length cuts frames before the end of the TCP header"
                self.warn("snap-length", what, frame, -1)
            self.cut_headers += 1
            return
        if self._first_unknown_link < 0:
            self._first_unknown_link = frame
        self.unknown_links[link] = self.unknown_links.get(link, 0) + 1

    def _note(self, number: int, link: int, frame: int) -> None:
        # Counts a frame that was not read, or read as another link type than the file names
        if number == OTHER_LINK:
            count, first = self._misnamed.get(link, (0, frame))
            self._misnamed[link] = (count + 1, first)
        elif number != CUT:
            found = ENCAPSULATIONS[number]
            if not found.kind:
                self.datagrams[found.what] = self.datagrams.get(found.what, 0) + 1
                return
            number, count, first = self._unread.get(found.kind, (number, 0, frame))
            self._unread[found.kind] = (number, count + 1, first)

    def _warn_of_unread(self) -> None:
        # One warning for each kind of frames that were not read, at the end of the capture
        if self._first_unknown_link >= 0:
            each = [f"{linktypes.name(k)} ({n:,})" for k, n in self.unknown_links.items()]
            what = f"frames by link type that were not read: {', '.join(each)}"
            self.warn("unknown-link-type", what, self._first_unknown_link, -1)
        for number, count, first in self._unread.values():
            self.warn(*warning(number, count), first, -1)
        for link, (count, first) in self._misnamed.items():
            name = linktypes.name(link)
            what = f"{count:,} frames of link type {name} have another link header; read as that"
            self.warn("wrong-link-type", what, first, -1)
        self._first_unknown_link, self._unread, self._misnamed = -1, {}, {}

    def _clock_went_back(self, file: int, frame: int) -> None:
        self.clock_steps_back += 1
        if file in self.clock_back_files:
            return
        self.clock_back_files.add(file)
        what = "the capture's clock goes back by more than a second"
        self.warn("clock-going-back", what, frame, -1)
