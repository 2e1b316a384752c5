"""Captures frames of an interface with a Linux packet socket (AF_PACKET, TPACKET_V3).

The kernel writes frames that match the filter into a memory-mapped ring and passes it on block by
block, a block that is not full after some milliseconds. A block is copied once and returned to the
kernel at once; its frames are not copied one by one.
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

RETIRE_MS = 20  # timeout after which the kernel passes on a block that is not full
_SOL_PACKET = 263
_ADD_MEMBERSHIP, _RX_RING, _STATISTICS, _VERSION, _RESERVE = 1, 5, 6, 10, 12
_TPACKET_V3 = 2
_PROMISCUOUS = 1
_ATTACH_FILTER = 26
_ALL_PROTOCOLS = 3
_READY = 1  # TP_STATUS_USER: the block can be read
_TAG = 4  # bytes of a VLAN tag


class PacketSocket:
    """Packet socket of one interface, or of all of them. OSError if the kernel refuses it."""

    def __init__(
        self, interface: NetworkInterface, program: bytes | None, *, blocks: int, promiscuous: bool
    ) -> None:
        self.interface = interface
        self.received = 0  # frames that matched the filter, including dropped ones
        self.dropped = 0
        self.byte_count = 0  # captured bytes of the last batch
        self.other_host_seen = False
        self.link = EN10MB if interface.ethernet else RAW
        self._walker = BlockWalker(self.link)
        self._blocks = blocks
        self._next = 0
        # Without Ethernet the kernel strips the link-layer header, of whatever type
        kind = socket.SOCK_RAW if interface.ethernet else socket.SOCK_DGRAM
        # Protocol 0: no frames until it is bound; it cannot be bound to all interfaces
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
            own.getsockopt(_SOL_PACKET, _STATISTICS, 12)  # reset: frames from before the filter
            return
        own.bind((self.interface.name, _ALL_PROTOCOLS))
        if promiscuous and not self.interface.loopback:
            member = struct.pack("=iHH8s", self.interface.number, _PROMISCUOUS, 0, b"")
            own.setsockopt(_SOL_PACKET, _ADD_MEMBERSHIP, member)

    def fileno(self) -> int:
        """File descriptor of the socket, for polling."""
        return self._socket.fileno()

    def first_time(self) -> tuple[int, int] | None:
        """Return (seconds, nanoseconds) of the first frame that can be read, or None."""
        at = self._next * BLOCK
        if not struct.unpack_from("=I", self._view, at + 8)[0] & _READY:
            return None
        seconds, nanoseconds = struct.unpack_from("=II", self._view, at + 32)
        return seconds, nanoseconds

    def take(self, batch: Batch) -> None:
        """Fill `batch` with the next ready block and return the block to the kernel."""
        at = self._next * BLOCK
        length = struct.unpack_from("=I", self._view, at + 20)[0]
        block = bytes(self._view[at : at + min(length, BLOCK)])
        struct.pack_into("=I", self._view, at + 8, 0)
        self._next = (self._next + 1) % self._blocks
        self._walker.walk(block, batch)
        self.byte_count = self._walker.byte_count
        self.other_host_seen = self._walker.other_host_seen
        if self._walker.tagged and self.link == EN10MB:
            batch.window = self._tagged(block, batch)

    def _tagged(self, block: bytes, batch: Batch) -> bytes:
        """Reinsert VLAN tags as on the wire; the kernel reserved space before each frame."""
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
        """Add the kernel's counts of received and dropped frames since the last call."""
        if self._socket.fileno() >= 0:
            answer = self._socket.getsockopt(_SOL_PACKET, _STATISTICS, 12)
            received, dropped, _ = struct.unpack("=3I", answer)
            self.received += received
            self.dropped += dropped

    def error(self) -> int:
        """Return and clear the pending error (errno) of the socket, 0 if there is none."""
        return self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)

    def gone(self) -> bool:
        """Whether the interface no longer exists."""
        own = self.interface.number
        return own != 0 and all(number != own for number, _ in socket.if_nameindex())

    def close(self) -> None:
        """Release the ring and close the socket."""
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
        self._all = list(sockets)  # including those of removed interfaces
        self._sockets = list(sockets)
        self._down: set[PacketSocket] = set()
        self._poll = select.poll()
        for each in sockets:
            self._poll.register(each.fileno(), select.POLLIN | select.POLLERR)
        self._batch = Batch()

    def next_batch(self) -> Batch | None:
        """Return the next frames, or an empty batch after a pause; None if no interface is left."""
        batch = self._batch
        batch.count = 0
        ready = self._oldest()
        if ready is None:
            for descriptor, event in self._poll.poll(PAUSE * 1000):
                if event & (select.POLLERR | select.POLLHUP | select.POLLNVAL):
                    self._handle_error(descriptor)
            for each in list(self._down):
                self._remove_if_gone(each)
            if not self._sockets:
                return None
            ready = self._oldest()
        if ready is not None:
            ready.take(batch)
            self._down.discard(ready)
            self.watched = self.watched and not ready.other_host_seen
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
        """Return the time before which frames were delivered; one interface may lag behind."""
        if self._batch.count:
            return self.last_ns - SLACK_NS
        return self.wall_ns() - SLACK_NS

    def close(self) -> None:
        """Close every socket."""
        for each in self._sockets:
            each.close()
        self._sockets = []

    def _oldest(self) -> PacketSocket | None:
        """Return the socket with the oldest frame that can be read; None if there is no frame."""
        best, first = None, (1 << 32, 0)
        for each in self._sockets:
            at = each.first_time()
            if at is not None and at < first:
                best, first = each, at
        return best

    def _handle_error(self, descriptor: int) -> None:
        """Handle an error of a socket: its interface went down, and may come up again."""
        own = next(each for each in self._sockets if each.fileno() == descriptor)
        if own.error() and not own.gone():
            self.interruptions += 1
            name = own.interface.name
            what = f"the interface {name} is down; waiting until it is up"
            self.notices.append(("interface-down", what))
        self._down.add(own)

    def _remove_if_gone(self, own: PacketSocket) -> None:
        """Close the socket of an interface that was removed; the last one ends the capture."""
        if not own.gone():
            return
        self.interruptions += 1
        name = own.interface.name
        self.ended = f"the interface {name} was removed; start again when it is back"
        self.notices.append(("interface-gone", f"the interface {name} was removed"))
        own.count()
        self._down.discard(own)
        self._poll.unregister(own.fileno())
        self._sockets.remove(own)
        own.close()
