"""One direction of an MQTT connection: its framing, how complete it is, and what was counted.

While every byte was captured, the framer finds each packet where the previous one ends. After a gap
that is lost: framing begins again (`resync`) at a chunk that is a chain of plausible packets, or
where a packet ends that seems to have begun in an earlier chunk. Bytes in the middle of a stream
may be payload that looks like packets, so `lost` and `gap_inside` stay set, and packets found later
are never evaluated.
"""

from __future__ import annotations

import cython

from dissector.integers import IntegerArray
from dissector.model import Side
from dissector.mqtt.stream import Framer

if cython.compiled:
    from cython.cimports.dissector.connections.detection import (  # type: ignore[import-not-found]
        packet_begins,
        plausible_chain,
    )
else:
    from dissector.connections.detection import packet_begins, plausible_chain

# Ordinary packet types of client and server in an established connection, as bits by type
_ORDINARY_CLIENT = (
    (1 << 3) | (1 << 4) | (1 << 5) | (1 << 6) | (1 << 7) | (1 << 8) | (1 << 10) | (1 << 12)
)
_ORDINARY_SERVER = (
    (1 << 3) | (1 << 4) | (1 << 5) | (1 << 6) | (1 << 7) | (1 << 9) | (1 << 11) | (1 << 13)
)
_FLAGS_OF_TWO = (1 << 6) | (1 << 8) | (1 << 10)


def _first_bytes(types: int) -> bytes:
    """Returns, for each first byte of a packet, whether type and flags are ordinary ones."""
    return bytes(
        types >> (first >> 4) & 1
        and (first >> 4 == 3 or first & 15 == (2 if _FLAGS_OF_TWO >> (first >> 4) & 1 else 0))
        for first in range(256)
    )


_ORDINARY = _first_bytes(_ORDINARY_CLIENT) + _first_bytes(_ORDINARY_SERVER)
_CLIENT, _SERVER = Side.CLIENT, Side.SERVER


@cython.freelist(64)
@cython.no_gc
@cython.cclass
class MqttDirection:
    """The bytes and control packets that one side sent; `side` is its number in `net`.

    `who` is that side's role, and `is_client` whether it is the client: a guess until the
    connection is known to be MQTT. `framer` is None until then, and in mid-stream until a packet
    seems to begin. `lost`: bytes are missing; `gap_inside`: not only at the beginning. `resync`:
    where the next packet begins is unknown. `byte_count` are the bytes that were delivered,
    `packet_count` the packets found in them. `last_frame` (`file << 40 | number`) and
    `last_time_ns` are those of the latest bytes, before them those of the connection's first frame.
    """

    def begin(self, side: int, first_frame: int, first_time_ns: int) -> None:
        """Initialises a direction; only `make_direction` calls this."""
        self.side = side
        self.is_client = side == 0
        self.who = _SERVER if side else _CLIENT
        self.framer: Framer | None = None
        self.resync = False
        self.lost = False
        self.gap_inside = False
        self.byte_count = 0
        self.packet_count = 0
        self.last_frame = first_frame
        self.last_time_ns = first_time_ns

    def set_client(self, client_side: int) -> None:
        """Sets the role of this side, once it is known which of them is the client."""
        self.is_client = self.side == client_side
        self.who = _CLIENT if self.is_client else _SERVER

    def kept_bytes(self) -> int:
        """Returns the bytes that its framer keeps of an unfinished packet."""
        return 0 if self.framer is None else self.framer.kept_bytes

    def make_framer(self, keep_all: bool) -> None:
        """Makes the framer, unless there is one."""
        if self.framer is None:
            self.framer = Framer.__new__(Framer)
            self.framer.begin(keep_all)

    def note_missing(self, inside: bool) -> None:
        """Notes a gap: framing stops until it resynchronises."""
        self.lost = self.resync = True
        if inside:
            self.gap_inside = True
        if self.framer is not None:
            self.framer.reset()

    def packet_begun(self) -> bool:
        """Whether a packet that is longer than its segment seems to have begun; see below."""
        return self.framer is not None and self.framer.body_left > 0

    def at_boundary(self, window: bytes, start: int, stop: int, frame: int, time_ns: int) -> bool:
        """Whether framing may begin with this chunk of a stream whose packet boundaries are lost.

        It may if the chunk is a chain of plausible packets. If it is only the beginning of one, the
        framer takes it, and framing begins where that packet ends, if it ends with a chunk or is
        followed by plausible packets there.
        """
        framer = self.framer
        assert framer is not None
        left = framer.body_left
        if left > 0:
            if stop - start == left:
                return True
            if stop - start > left and plausible_chain(window, start + left, stop, 1):
                return True
            if stop - start > left:
                framer.reset()
        if framer.body_left == 0:
            if plausible_chain(window, start, stop):
                return True
            if not packet_begins(window, start, stop):
                return False
        framer.feed(window, start, stop, frame, time_ns)
        framer.next()
        framer.release()
        return False

    def is_ordinary(self, first: int) -> bool:
        """Whether a packet with this first byte is only counted, once the client is connected."""
        ordinary = _ORDINARY  # a C pointer when compiled
        return ordinary[first if self.is_client else 256 + first] == 1

    def count_ordinary(
        self, window: bytes, start: int, stop: int, packets_by_type: IntegerArray
    ) -> int:
        """Counts ordinary packets that lie whole in a chunk; returns the offset of their end."""
        if start < 0 or stop > len(window):
            raise IndexError("a chunk lies outside of its window")
        pointer = window  # as is `ordinary`, a C pointer when compiled
        ordinary = _ORDINARY
        role = 0 if self.is_client else 256
        counts = packets_by_type.at
        count = 0
        while stop - start >= 2:
            first = pointer[start]
            if ordinary[role + first] != 1:
                break
            size = pointer[start + 1]
            if size < 0x80:
                size += 2
            elif stop - start < 3 or not 0 < pointer[start + 2] < 0x80:
                break  # a length of three or more bytes, or not minimal
            else:
                size = (size & 0x7F) + (pointer[start + 2] << 7) + 3
            if stop - start < size:
                break
            counts[first >> 4] += 1
            count += 1
            start += size
        self.packet_count += count
        return start


def make_direction(side: int, first_frame: int, first_time_ns: int) -> MqttDirection:
    """Makes a direction of a connection that begins with this frame."""
    made = MqttDirection.__new__(MqttDirection)
    made.begin(side, first_frame, first_time_ns)
    return made
