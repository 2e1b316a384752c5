"""An interface's name in, its frames out as the kernel sees them: a Linux packet socket.

The kernel writes frames that pass the filter into a ring that is mapped here, and hands it over
block by block, a block that is not full after some milliseconds. A block is copied once and given
back at once; the frames in it are not touched one by one.
"""

from __future__ import annotations

import contextlib
import ctypes
import mmap
import select
import socket
import struct
from collections.abc import Sequence

from dissector.capture.batch import Batch
from dissector.capture.interfaces import NetworkInterface, interfaces
from dissector.capture.linktypes import EN10MB, RAW
from dissector.capture.live_source import PAUSE, SLACK_NS, LiveSource
from dissector.capture.packet_filter import without_echo
from dissector.capture.ring import BLOCK, BlockWalker

RETIRE_MS = 20  # after which a block is handed over that is not full
_SOL_PACKET = 263
_ADD_MEMBERSHIP, _RX_RING, _STATISTICS, _VERSION, _RESERVE = 1, 5, 6, 10, 12
_TPACKET_V3 = 2
_PROMISCUOUS = 1
_ATTACH_FILTER = 26
_ALL_PROTOCOLS = 3
_READY = 1  # the block is ours
_TAG = 4  # bytes of a VLAN tag


class PacketSocket:
    """One interface, or all of them. OSError where the kernel refuses."""

    def __init__(
        self, interface: NetworkInterface, program: bytes | None, *, blocks: int, promiscuous: bool
    ) -> None:
        self.interface = interface
        self.received = 0  # frames that passed the filter, dropped ones with them
        self.dropped = 0
        self.byte_count = 0  # bytes captured of the batch taken last
        self.overheard = False
        self.link = EN10MB if interface.ethernet else RAW
        self._walker = BlockWalker(self.link)
        self._blocks = blocks
        self._next = 0
        # Without Ethernet the kernel takes off what stands before IP, whatever that is
        kind = socket.SOCK_RAW if interface.ethernet else socket.SOCK_DGRAM
        # With protocol 0 nothing comes before it is bound; to all interfaces it cannot be bound
        protocol = 0 if interface.number else socket.htons(_ALL_PROTOCOLS)
        self._socket = socket.socket(socket.AF_PACKET, kind, protocol)
        try:
            self._prepare(program, promiscuous)
        except BaseException:
            self.close()
            raise

    def _prepare(self, program: bytes | None, promiscuous: bool) -> None:
        own = self._socket
        loopback = next((each.number for each in interfaces() if each.loopback), 0)
        program = without_echo(program, loopback)
        held = ctypes.create_string_buffer(program, len(program))
        argument = struct.pack("@HP", len(program) // 8, ctypes.addressof(held))
        own.setsockopt(socket.SOL_SOCKET, _ATTACH_FILTER, argument)
        own.setsockopt(_SOL_PACKET, _VERSION, _TPACKET_V3)
        own.setsockopt(_SOL_PACKET, _RESERVE, _TAG)
        size = self._blocks * BLOCK
        request = struct.pack("=7I", BLOCK, self._blocks, 2048, size // 2048, RETIRE_MS, 0, 0)
        own.setsockopt(_SOL_PACKET, _RX_RING, request)
        self._ring = mmap.mmap(own.fileno(), size)
        self._view = memoryview(self._ring)
        if not self.interface.number:
            own.getsockopt(_SOL_PACKET, _STATISTICS, 12)  # what came before there was a filter
            return
        own.bind((self.interface.name, _ALL_PROTOCOLS))
        if promiscuous and not self.interface.loopback:
            member = struct.pack("=iHH8s", self.interface.number, _PROMISCUOUS, 0, b"")
            own.setsockopt(_SOL_PACKET, _ADD_MEMBERSHIP, member)

    def fileno(self) -> int:
        """The socket's, to wait for."""
        return self._socket.fileno()

    def first_time(self) -> tuple[int, int] | None:
        """Time of the first frame that is ready, seconds and nanoseconds, or None."""
        at = self._next * BLOCK
        if not struct.unpack_from("=I", self._view, at + 8)[0] & _READY:
            return None
        seconds, nanoseconds = struct.unpack_from("=II", self._view, at + 32)
        return seconds, nanoseconds

    def take(self, batch: Batch) -> None:
        """Fill `batch` with the block that is ready, and give the block back."""
        at = self._next * BLOCK
        length = struct.unpack_from("=I", self._view, at + 20)[0]
        block = bytes(self._view[at : at + min(length, BLOCK)])
        struct.pack_into("=I", self._view, at + 8, 0)
        self._next = (self._next + 1) % self._blocks
        self._walker.walk(block, batch)
        self.byte_count = self._walker.byte_count
        self.overheard = self._walker.overheard
        if self._walker.tagged and self.link == EN10MB:
            batch.window = self._tagged(block, batch)

    def _tagged(self, block: bytes, batch: Batch) -> bytes:
        """Put VLAN tags where they were on the wire; the kernel left room before each frame."""
        edited = bytearray(block)
        for index, kind, tag in self._walker.tagged:
            start = batch.offset[index]
            edited[start - _TAG : start + 8] = block[start : start + 12]
            struct.pack_into(">HH", edited, start + 8, kind or 0x8100, tag)
            batch.offset[index] = start - _TAG
            batch.captured[index] += _TAG
            batch.original[index] += _TAG
        return bytes(edited)

    def count(self) -> None:
        """Ask the kernel how many frames came, and how many of them it had no room for."""
        if self._socket.fileno() >= 0:
            answer = self._socket.getsockopt(_SOL_PACKET, _STATISTICS, 12)
            received, dropped, _ = struct.unpack("=3I", answer)
            self.received += received
            self.dropped += dropped

    def error(self) -> int:
        """The error that the socket has met, 0 for none; asked once."""
        return self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)

    def gone(self) -> bool:
        """Whether the interface is there no longer."""
        own = self.interface.number
        return own != 0 and all(number != own for number, _ in socket.if_nameindex())

    def close(self) -> None:
        """Let go of the ring and the socket."""
        with contextlib.suppress(AttributeError, ValueError):
            self._view.release()
            self._ring.close()
        self._socket.close()


class PacketSockets(LiveSource):
    """Frames of one or several interfaces, each with a socket of its own."""

    how = "a packet socket"

    def __init__(self, sockets: Sequence[PacketSocket]) -> None:
        super().__init__(",".join(each.interface.name for each in sockets))
        self.links = list(dict.fromkeys(each.link for each in sockets))
        self.dropped = 0
        self.watched = True
        self._all = list(sockets)  # also those of interfaces that are gone
        self._sockets = list(sockets)
        self._down: set[PacketSocket] = set()
        self._poll = select.poll()
        for each in sockets:
            self._poll.register(each.fileno(), select.POLLIN | select.POLLERR)
        self._batch = Batch()

    def next_batch(self) -> Batch | None:
        """Give what is ready, or after a pause an empty batch; None when no interface is left."""
        batch = self._batch
        batch.count = 0
        ready = self._oldest()
        if ready is None:
            for descriptor, event in self._poll.poll(PAUSE * 1000):
                if event & (select.POLLERR | select.POLLHUP | select.POLLNVAL):
                    self._look_after(descriptor)
            for each in list(self._down):
                self._look_for(each)
            if not self._sockets:
                return None
            ready = self._oldest()
        if ready is not None:
            ready.take(batch)
            self._down.discard(ready)
            self.watched = self.watched and not ready.overheard
            self.interface = ready.interface.name
        for each in self._sockets:
            each.count()
        dropped = sum(each.dropped for each in self._all)
        if dropped != self.dropped:
            self.dropped = dropped
            self.interruptions += 1
        self.received = sum(each.received for each in self._all)
        self.hand_out(batch, 0 if ready is None else ready.byte_count)
        return batch

    def now_ns(self) -> int:
        """Frames before this time were handed out; of several interfaces one may be behind."""
        if self._batch.count:
            return self.last_ns - SLACK_NS
        return self.wall_ns() - SLACK_NS

    def close(self) -> None:
        """Close every socket."""
        for each in self._sockets:
            each.close()
        self._sockets = []

    def _oldest(self) -> PacketSocket | None:
        """Give the socket whose next frame is the oldest of those that are ready."""
        best, first = None, (1 << 32, 0)
        for each in self._sockets:
            at = each.first_time()
            if at is not None and at < first:
                best, first = each, at
        return best

    def _look_after(self, descriptor: int) -> None:
        """Hear what is wrong with a socket: its interface went down, and may come back."""
        own = next(each for each in self._sockets if each.fileno() == descriptor)
        if own.error() and not own.gone():
            self.interruptions += 1
            name = own.interface.name
            self.notices.append(("interface-down", f"{name} went down; waiting for it to come up"))
        self._down.add(own)

    def _look_for(self, own: PacketSocket) -> None:
        """Let go of an interface that is gone; the last one ends the capture."""
        if not own.gone():
            return
        self.interruptions += 1
        name = own.interface.name
        self.ended = f"{name} is gone; start again when it is back"
        self.notices.append(("interface-gone", f"the interface {name} is gone"))
        own.count()
        self._down.discard(own)
        self._poll.unregister(own.fileno())
        self._sockets.remove(own)
        own.close()
