"""Splits the byte streams of an MQTT connection into control packets.

Ordinary packets of an established connection are only counted. A gap stops the framing of its
direction until it resynchronises at a chain of plausible packets.
"""

from __future__ import annotations

import cython

from dissector.connections.connection import FOREIGN_KEPT, Phase
from dissector.connections.connection_recorder import ConnectionRecorder
from dissector.model import Side, Version
from dissector.mqtt import spec
from dissector.mqtt.decode import DECODED
from dissector.mqtt.defects import Defect, DefectKind
from dissector.mqtt.packets.packet import Packet
from dissector.mqtt.stream import BROKEN, NEED_DATA, Framer

if cython.compiled:
    from cython.cimports.dissector.connections.detection import (  # type: ignore[import-not-found]
        malformed_packets,
        packet_begins,
        plausible_chain,
    )
    from cython.cimports.dissector.mqtt.decode import header_defects  # type: ignore[import-not-found]
else:
    from dissector.connections.detection import malformed_packets, packet_begins, plausible_chain
    from dissector.mqtt.decode import header_defects

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


_ORDINARY_CLIENT_BYTES, _ORDINARY_SERVER_BYTES = (
    _first_bytes(_ORDINARY_CLIENT),
    _first_bytes(_ORDINARY_SERVER),
)


_CONNECTED, _MIDSTREAM = Phase.CONNECTED, Phase.MIDSTREAM
_CLIENT, _SERVER = Side.CLIENT, Side.SERVER
_V5_0, _CONNACK_CODES = Version.V5_0, spec.CONNACK_CODES
_CONNECT, _CONNACK, _DISCONNECT, _AUTH = spec.CONNECT, spec.CONNACK, spec.DISCONNECT, spec.AUTH
_CLIENT_ONLY = sum(1 << kind for kind in spec.CLIENT_ONLY)
_SERVER_ONLY = sum(1 << kind for kind in spec.SERVER_ONLY)


class PacketFraming(ConnectionRecorder):
    """Splits both directions into packets."""

    def _handle_packet(self, side: int, framer: Framer) -> None:
        """Called for each packet that is not only counted."""
        raise NotImplementedError

    def _unfinished_connect(
        self, side: int, framer: Framer, data: bytes, received: int, length: int | None
    ) -> None:
        """Called for a CONNECT that never ended, or whose end is unknown."""
        raise NotImplementedError

    def _defects(self, side: int, packet: Packet) -> None:
        """Called for each packet with defects."""
        raise NotImplementedError

    def _packets(
        self, side: int, window: bytes, start: int, stop: int, frame: int, time_ns: int
    ) -> None:
        if self.resync_a if side == 0 else self.resync_b:
            if not self._at_boundary(side, window, start, stop, frame, time_ns):
                return
            if side == 0:
                self.resync_a = False
            else:
                self.resync_b = False
        if side != self.client and (self.packets_a if side == 0 else self.packets_b) == 0:
            if not self._server_sends_mqtt(side, window, start, stop):
                self._note_foreign(window, start, stop, frame, time_ns)
                return
        framer = self.framer_a if side == 0 else self.framer_b
        assert framer is not None
        if (
            (self.phase == _CONNECTED or self.phase == _MIDSTREAM)
            and (self.packets_a if side == 0 else self.packets_b) > 0
            and framer.between_packets()
            and not self.context.keep_all
        ):
            start = self._count_ordinary(side, window, start, stop)
            if start == stop:
                return
        framer.feed(window, start, stop, frame, time_ns)
        while True:
            got = framer.next()
            if got == NEED_DATA:
                break
            if got == BROKEN:
                self._broken(side, framer)
                break
            kind = framer.first >> 4
            self.context.counts.at[kind] += 1
            if side == 0:
                self.packets_a += 1
            else:
                self.packets_b += 1
            if (
                (self.phase == _CONNECTED or self.phase == _MIDSTREAM)
                and _is_ordinary(framer.first, side == self.client)
                and (
                    framer.header_size == 2
                    or framer.remaining >= (1 << (7 * (framer.header_size - 2)))
                )
                and not self.context.keep_all
                and (self.packets_a if side == 0 else self.packets_b) > 1
            ):
                self.order += 1
                continue
            self._handle_packet(side, framer)
        framer.release()
        self._charge()

    def _charge(self) -> None:
        """Charges the connection for what is kept of it, if that has changed."""
        kept = 0 if self.connection is None else self.connection.kept_bytes
        if self.framer_a is not None and self.framer_b is not None:
            kept += self.framer_a.kept_bytes + self.framer_b.kept_bytes
        if kept != self.charged:
            self.tcp.charge(kept - self.charged)
            self.charged = kept

    def _make_framers(self) -> None:
        if self.framer_a is None:
            self.framer_a = Framer.__new__(Framer)
            self.framer_a.begin(self.context.keep_all)
            self.framer_b = Framer.__new__(Framer)
            self.framer_b.begin(self.context.keep_all)

    def _packet_begun(self, side: int) -> bool:
        """Whether a packet that is longer than its segment seems to have begun; see below."""
        framer = self.framer_a if side == 0 else self.framer_b
        return framer is not None and framer.body_left > 0

    def _at_boundary(
        self, side: int, window: bytes, start: int, stop: int, frame: int, time_ns: int
    ) -> bool:
        """Whether framing may begin with this chunk of a stream whose packet boundaries are lost.

        It may if the chunk is a chain of plausible packets. If it is only the beginning of one, the
        framer takes it, and framing begins where that packet ends, if it ends with a chunk or is
        followed by plausible packets there.
        """
        self._make_framers()
        framer = self.framer_a if side == 0 else self.framer_b
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
        self._charge()
        return False

    def _count_ordinary(self, side: int, window: bytes, start: int, stop: int) -> int:
        """Counts ordinary packets that lie whole in a chunk; returns the offset of their end."""
        if start < 0 or stop > len(window):
            raise IndexError("a chunk lies outside of its window")
        pointer = window  # a C pointer when compiled
        client = side == self.client
        counts = self.context.counts.at
        count = 0
        while stop - start >= 2:
            first = pointer[start]
            if not _is_ordinary(first, client):
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
        self.order += count
        if side == 0:
            self.packets_a += count
        else:
            self.packets_b += count
        return start

    def _server_sends_mqtt(self, side: int, window: bytes, start: int, stop: int) -> bool:
        """Whether the first bytes of the server can be MQTT; else it is marked as foreign."""
        assert self.connection is not None
        framer = self.framer_a if side == 0 else self.framer_b
        assert framer is not None
        if self.connection.quality.foreign:
            return False
        if not framer.idle():
            return True
        first = window[start]
        size = stop - start
        if first == 0x20 or (size == 1 and (first == 0xE0 or first == 0xF0)):
            return True
        if size >= 4 and first >> 4 == 2 and window[start + 1] == 2 and window[start + 2] < 2:
            return True
        if first >> 4 == 2 and self._connack_of_5(window, start, stop):
            return True
        if plausible_chain(window, start, stop):
            return True
        if malformed_packets(window, start, stop, True) == 1:
            return True
        # malformed but still MQTT: bad flags or type 0, in exactly one packet
        malformed = first == 0 or first >> 4 >= 14
        if malformed and size >= 2 and window[start + 1] + 2 == size:
            return True
        # the beginning of an AUTH
        if first == 0xF0 and window[start + 1] + 2 > size:
            code = 3 if window[start + 1] & 0x80 else 2
            return size <= code or window[start + code] == 0x18
        self.connection.quality.foreign = True
        return False

    def _connack_of_5(self, window: bytes, start: int, stop: int) -> bool:
        """Whether bytes are one CONNACK of 5.0, except for its header flags."""
        assert self.connection is not None
        if self.connection.version is not _V5_0 or stop - start < 5:
            return False
        remaining = window[start + 1]
        return (
            remaining + 2 == stop - start
            and window[start + 2] < 2
            and window[start + 3] in _CONNACK_CODES
            and window[start + 4] + 3 == remaining
        )

    def _note_foreign(self, window: bytes, start: int, stop: int, frame: int, time_ns: int) -> None:
        """Keeps the beginning of what the server sent instead of MQTT."""
        assert self.connection is not None
        quality = self.connection.quality
        if quality.foreign and quality.foreign_answer is None:
            kept = window[start : min(stop, start + FOREIGN_KEPT)]
            quality.foreign_answer = (kept, self.context.frame(frame, time_ns))

    def _broken(self, side: int, framer: Framer) -> None:
        """Reports a Remaining Length of five bytes: the next packet cannot be located."""
        assert self.connection is not None
        kind = framer.first >> 4
        if (
            kind == _CONNECT
            and side == self.client
            and not (
                (self.packets_a if side == 0 else self.packets_b)
                or (self.lost_a if side == 0 else self.lost_b)
            )
        ):
            self._unfinished_connect(side, framer, framer.window, framer.size, None)
            return
        defect = Defect(DefectKind.LENGTH_FIVE_BYTES, kind, 1, framer.header_size - 1, None)
        where = self.context.frame(framer.frame, framer.time_ns)
        packet = Packet(
            type=kind, flags=framer.first & 15, remaining_length=0, size=framer.size,
            frame=where, first=where, raw=framer.window, defects=(defect,),
        )  # fmt: skip
        self._defects(side, packet)

    def _undecoded_packet(self, framer: Framer, raw: bytes) -> Packet:
        """Makes the record of a packet that is not decoded."""
        kind = framer.first >> 4
        packet = Packet(
            type=kind, flags=framer.first & 15, remaining_length=framer.remaining,
            size=framer.size, raw=raw if self.context.keep_all else raw[: framer.header_size],
            defects=header_defects(framer.first, framer.remaining, framer.header_size),
        )  # fmt: skip
        if kind == _AUTH:
            packet.secrets = (
                (framer.header_size, framer.remaining),
            )  # may hold authentication data
        if DECODED >> kind & 1 and not framer.kept:
            assert self.connection is not None
            self.context.sink.limited(
                "packet-limit",
                f"a {packet.name} of {framer.size} bytes is over the limit of 1 MiB; not decoded",
                self.context.frame(framer.frame, framer.time_ns),
                self.connection.stream,
            )
        return packet

    def _type_defect(self, who: Side, kind: int, before_5: bool) -> DefectKind | None:
        """Checks a packet's type against direction and version (v3.1.1 table 2.1, v5.0 table 2-1).

        Returns the kind of defect, or None.
        """
        assert self.connection is not None
        if kind == 0:
            return DefectKind.TYPE_ZERO
        if kind == _AUTH and before_5:
            return DefectKind.TYPE_AUTH_BEFORE_5
        wrong = (_SERVER_ONLY if who is _CLIENT else _CLIENT_ONLY) >> kind & 1
        if not wrong and not (kind == _DISCONNECT and who is _SERVER and before_5):
            return None
        if self.connection.connect is None and self._midstream():
            return None  # which side is the client is a guess
        return DefectKind.WRONG_DIRECTION


def _is_ordinary(first: int, client: bool) -> bool:
    """Whether a packet with this first byte is only counted."""
    return _ORDINARY_CLIENT_BYTES[first] == 1 if client else _ORDINARY_SERVER_BYTES[first] == 1
