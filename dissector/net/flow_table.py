"""A flat table of TCP flows: addresses and ports, stream number, state, and little else.

Most flows of a capture are of no interest, and there may be a million of them, so a flow is an
entry of about 100 bytes in a C array (interpreted: an object of `Flow`), found by a chained hash
with secret random multipliers. `flow_tracker.py` decides what happens to an entry: it makes a
`TcpConnection` of a flow only if the first bytes may be MQTT, or if a port says so.

The innermost headers count, so VLAN and tunnel identifiers make no difference.
"""

# mypy: disable-error-code="attr-defined, has-type, name-defined, no-any-return, operator"
# (the compiled half works with C pointers, which are declared in the .pxd)

from __future__ import annotations

import os

import cython

from dissector.integers import IntegerArray
from dissector.net.segment import Segment

if cython.compiled:
    from cython.cimports.dissector.integers import big32  # type: ignore[import-not-found]
    from cython.cimports.libc.stdlib import free, malloc, realloc  # type: ignore[import-not-found]
    from cython.cimports.libc.string import memcmp, memcpy, memset  # type: ignore[import-not-found]

# States of an entry
FREE = 0
WAITING = 1  # no payload seen so far; its few segments are held in the entry
UNWANTED = 2  # another protocol: only its end matters
CLOSED = 3  # its stream number is still known, for late segments
PROMOTED = 4  # a `TcpConnection` has its state

# Bits of `flags`. Those with the two sides' bits next to each other are shifted by the side.
LINGERING = 1  # both sides closed, or one reset: tracking ends soon
BASED = 2  # `base` is known (2, 4)
STARTED = 8  # the first position is known from a SYN (8, 16)
ENDED = 32  # a FIN or RST was seen (32, 64)
SYN_SEEN = 128
SYNACK_SEEN = 256
UNREAD = 512  # captured from the middle; read if its server proves to speak MQTT
IPV6 = 1024
RECENT = 2048  # a segment was seen since the search for idle flows came by
MAC = 4096  # `mac` is known (4096, 8192)
KNOWN = 16384  # the position of the next byte is known (16384, 32768)

_STATES = ("free", "waiting", "unwanted", "closed", "connection")
_CAPACITY = 1024  # entries at first
_BITS = 10  # of the number of chains at first


class Flow:
    """An entry while the code is interpreted; compiled, `FlowEntry` in the .pxd has these fields.

    `addresses` and `ports` are as in the headers of side 0, which sent the SYN or the first
    segment; an IPv6 flow has there the number of its addresses in a pool. `next` chains entries.
    `connection` is the place of the `TcpConnection`, -1 without one. `serial` counts the flows that
    were added, `base` are Wireshark's base sequence numbers, by side.

    The `held` first segments of a waiting flow: `kinds` are their flags SYN, FIN, RST and ACK, and
    128 for those of side 1, 32 for a FIN that acknowledges the peer's FIN; `win` their windows,
    `scales` the window scales of both sides' SYNs, 4 bits each; `frames` the distances of the
    second and third from `first_frame`, `time_offset` the time of the second after the first. Their
    sequence numbers follow from `base`. Of an unwanted flow, frames[0] is the generation of proofs
    by which its endpoints were looked up.
    """

    __slots__ = (
        "base", "clock_steps", "connection", "first_frame", "first_time_ns", "flags", "frames",
        "held", "key", "kinds", "last_time_ns", "mac", "ports", "scales", "serial", "state",
        "stream", "time_offset", "win",
    )  # fmt: skip

    def __init__(self, key: bytes) -> None:
        self.key = key
        self.ports = int.from_bytes(key[-4:], "big")
        self.first_frame = self.first_time_ns = self.last_time_ns = 0
        self.connection = -1
        self.stream = self.serial = 0
        self.base = [0, 0]
        self.frames = [0, 0]
        self.time_offset = 0
        self.flags = IPV6 if len(key) > 12 else 0
        self.clock_steps = 0
        self.win = [0, 0, 0]
        self.mac = bytearray(12)
        self.kinds = [0, 0, 0]
        self.scales = self.state = self.held = 0


class FlowTable:
    """The entries; at most `limit` of them should be used (see `longest_idle`).

    An entry is named by its index. `find` returns twice the index, plus 1 for a segment of side 1.
    A key holds addresses and ports, source before destination, as side 0 sends them.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.count = 0  # entries in use
        self.used = 0  # entries that were ever used
        self.free_entry = -1  # a chain of those that are free again
        self.hand = 0  # where the search for an idle flow continues
        self.serial = 0  # of the next flow
        self.plain: list[Flow | None] = []
        self.numbers: dict[bytes, int] = {}  # interpreted: the result of `find`, by key
        self.freed: list[int] = []  # interpreted: the chain behind `free_entry`
        if cython.compiled:
            self.capacity = _CAPACITY
            self.entries = cython.cast(
                "FlowEntry *",
                malloc(_CAPACITY * cython.sizeof(FlowEntry)),  # type: ignore[name-defined] # noqa: F821
            )
            self.pool_capacity = 0
            self.pool_used = 0
            self.free_address = -1
            self.heads = cython.cast("int *", malloc(4 << _BITS))
            if self.entries == cython.NULL or self.heads == cython.NULL:
                raise MemoryError
            memset(self.heads, 255, 4 << _BITS)
            self.bits = _BITS
            random = os.urandom(32)
            self.multiplier_a = int.from_bytes(random[0:8], "big") | 1
            self.multiplier_b = int.from_bytes(random[8:16], "big") | 1
            self.multiplier_c = int.from_bytes(random[16:24], "big") | 1
            self.multiplier_d = int.from_bytes(random[24:32], "big") | 1

    def __dealloc__(self) -> None:
        free(self.entries)  # type: ignore[name-defined, unused-ignore]
        free(self.heads)  # type: ignore[name-defined, unused-ignore]
        free(self.pool)  # type: ignore[name-defined, unused-ignore]

    def at(self, index: int) -> Flow:
        """Return an entry; compiled, the pointer is valid until a flow is added."""
        if cython.compiled:
            return cython.address(self.entries[index])
        entry = self.plain[index]
        assert entry is not None
        return entry

    def find(self, s: Segment) -> int:
        """Return the entry and the side of a segment, -1 if its flow is not in the table."""
        if not cython.compiled:
            return self.numbers.get(s.key(), -1)
        self._check(s)
        pointer = s.window
        ports = big32(pointer, s.tcp)
        pointer = s.address_window
        if s.address_length == 4:
            return self.find_ipv4(pointer, s.addresses, ports)
        return self.find_ipv6(pointer, s.addresses, ports)

    def _check(self, s: Segment) -> None:
        # Compiled only: the addresses and ports of a segment lie in its windows
        size = s.address_length
        if (
            (size != 4 and size != 16)
            or s.addresses < 0
            or s.addresses + 2 * size > len(s.address_window)
            or s.tcp < 0
            or s.tcp + 4 > len(s.window)
        ):
            raise IndexError("the headers of a segment lie outside of its window")

    def find_ipv4(self, pointer: bytes, at: int, ports: int) -> int:
        """Compiled only: `find` of the 8 bytes at `at`, which the caller has checked."""
        source = big32(pointer, at)
        destination = big32(pointer, at + 4)
        forth = source << 32 | destination
        back = destination << 32 | source
        turned = ports >> 16 | (ports & 0xFFFF) << 16
        index = self.heads[
            self._head(source << 16 | ports >> 16, destination << 16 | ports & 0xFFFF)
        ]
        while index >= 0:
            entry = cython.address(self.entries[index])
            if not entry.flags & IPV6:
                if entry.addresses == forth and entry.ports == ports:
                    return 2 * index
                if entry.addresses == back and entry.ports == turned:
                    return 2 * index + 1
            index = entry.next
        return -1

    def find_ipv6(self, pointer: bytes, at: int, ports: int) -> int:
        """Compiled only: `find` of the 32 bytes at `at`, which the caller has checked."""
        turned = ports >> 16 | (ports & 0xFFFF) << 16
        index = self.heads[
            self._head(
                self._fold(pointer, at) + (ports >> 16),
                self._fold(pointer, at + 16) + (ports & 0xFFFF),
            )
        ]
        while index >= 0:
            entry = cython.address(self.entries[index])
            if entry.flags & IPV6:
                own = self.pool + 32 * entry.addresses
                if entry.ports == ports and memcmp(own, pointer + at, 32) == 0:
                    return 2 * index
                if (
                    entry.ports == turned
                    and memcmp(own, pointer + at + 16, 16) == 0
                    and memcmp(own + 16, pointer + at, 16) == 0
                ):
                    return 2 * index + 1
            index = entry.next
        return -1

    def add(self, s: Segment) -> int:
        """Add the flow of a segment, which must not be in the table, and return `find(s)`.

        The sender of a SYN/ACK is side 1, of any other segment side 0.
        """
        side = 1 if s.flags & 0x12 == 0x12 else 0
        if self.free_entry >= 0:
            index = self.free_entry
            if cython.compiled:
                self.free_entry = self.entries[index].next
            else:
                self.free_entry = self.freed.pop()
        else:
            index = self.used
            if cython.compiled:
                if index >= self.capacity:
                    self._allocate()
            else:
                self.plain.append(None)
            self.used += 1
        self.count += 1
        if cython.compiled:
            self._check(s)
            pointer = s.window
            ports = big32(pointer, s.tcp)
            turned = ports >> 16 | (ports & 0xFFFF) << 16
            pointer = s.address_window
            at = s.addresses
            size = s.address_length
            if ports == turned and memcmp(pointer + at, pointer + at + size, size) == 0:
                side = 0  # both ends are the same
            if side:
                ports = turned
            entry = cython.address(self.entries[index])
            memset(entry, 0, cython.sizeof(FlowEntry))  # type: ignore[name-defined] # noqa: F821
            entry.connection = -1
            entry.ports = ports
            if size == 4:
                entry.addresses = big32(pointer, at + 4 * side)
                entry.addresses = entry.addresses << 32 | big32(pointer, at + 4 - 4 * side)
            else:
                entry.addresses = self._pool_slot()
                own = self.pool + 32 * entry.addresses
                memcpy(own, pointer + at + 16 * side, 16)
                memcpy(own + 16, pointer + at + 16 - 16 * side, 16)
                entry.flags = IPV6
            if self.count > 1 << self.bits:
                entry.state = WAITING
                self._chain_anew(self.bits + 1)
            else:
                head = self._head_of(index)
                entry.next = self.heads[head]
                self.heads[head] = index
            entry.state = WAITING
            entry.serial = self.serial
        else:
            key = s.key()
            if side:
                key = reversed_key(key)
                if key == s.key():
                    side = 0  # both ends are the same
            flow = Flow(key)
            flow.state = WAITING
            flow.serial = self.serial
            self.plain[index] = flow
            self.numbers[reversed_key(key)] = 2 * index + 1
            self.numbers[key] = 2 * index
        self.serial += 1
        return 2 * index + side

    def remove(self, index: int) -> None:
        """Remove a flow."""
        self.count -= 1
        if cython.compiled:
            entry = cython.address(self.entries[index])
            link = cython.address(self.heads[self._head_of(index)])
            while link[0] != index:
                link = cython.address(self.entries[link[0]].next)
            link[0] = entry.next
            if entry.flags & IPV6:
                cython.cast("int *", self.pool + 32 * entry.addresses)[0] = self.free_address
                self.free_address = entry.addresses
            entry.state = FREE
            entry.next = self.free_entry
        else:
            key = self.at(index).key
            del self.numbers[key]
            self.numbers.pop(reversed_key(key), None)
            self.plain[index] = None
            self.freed.append(self.free_entry)
        self.free_entry = index

    def key(self, index: int) -> bytes:
        """Return the key of a flow."""
        if not cython.compiled:
            return self.at(index).key
        packed = cython.declare(cython.uchar[36])
        entry = cython.address(self.entries[index])
        if entry.flags & IPV6:
            own = self.pool + 32 * entry.addresses
            memcpy(packed, own, 32)
            for i in range(4):
                packed[32 + i] = entry.ports >> (24 - 8 * i) & 255
            return packed[:36]
        for i in range(8):
            packed[i] = entry.addresses >> (56 - 8 * i) & 255
        for i in range(4):
            packed[8 + i] = entry.ports >> (24 - 8 * i) & 255
        return packed[:12]

    def longest_idle(self) -> int:
        """Return a flow that is approximately idle the longest; -1 if all are connections.

        It is the first one without a segment since this search came by (the CLOCK algorithm).
        """
        for _ in range(2 * self.used):
            self.hand = self.hand + 1 if self.hand + 1 < self.used else 0
            if not cython.compiled and self.plain[self.hand] is None:
                continue
            entry = self.at(self.hand)
            if entry.state == FREE or entry.state == PROMOTED:
                continue
            if not entry.flags & RECENT:
                return self.hand
            entry.flags &= ~RECENT
        return -1

    def states(self) -> list[str]:
        """Return the name of the state of each flow."""
        if cython.compiled:
            found = [self.entries[index].state for index in range(self.used)]
        else:
            found = [0 if flow is None else flow.state for flow in self.plain]
        return [_STATES[state] for state in found if state != FREE]

    def clear(self) -> None:
        """Remove all flows, and return their memory."""
        self.count = self.used = self.hand = 0
        self.free_entry = -1
        self.plain.clear()
        self.numbers.clear()
        self.freed.clear()
        if cython.compiled:
            free(self.pool)
            self.pool = cython.NULL
            self.pool_used = self.pool_capacity = 0
            self.free_address = -1
            if self.bits > _BITS:
                self._chain_anew(_BITS)
            memset(self.heads, 255, 4 << _BITS)
            free(self.entries)
            self.capacity = 0
            self.entries = cython.NULL

    def _head(self, x: int, y: int) -> int:
        # The chain of a flow between two endpoints, in either order
        if x > y:
            return (y * self.multiplier_a + x * self.multiplier_b) >> (64 - self.bits)
        return (x * self.multiplier_a + y * self.multiplier_b) >> (64 - self.bits)

    def _fold(self, pointer: bytes, at: int) -> int:
        # An IPv6 address as a number of 48 bits
        return (
            (big32(pointer, at) * self.multiplier_c + big32(pointer, at + 4)) * self.multiplier_d
            + big32(pointer, at + 8) * self.multiplier_c
            + big32(pointer, at + 12) * self.multiplier_a
        ) >> 16

    def _head_of(self, index: int) -> int:
        entry = cython.address(self.entries[index])
        if entry.flags & IPV6:
            own = self.pool + 32 * entry.addresses
            return self._head(
                self._fold(own, 0) + (entry.ports >> 16),
                self._fold(own, 16) + (entry.ports & 0xFFFF),
            )
        source = entry.addresses >> 32
        destination = entry.addresses - (source << 32)
        return self._head(
            source << 16 | entry.ports >> 16, destination << 16 | entry.ports & 0xFFFF
        )

    def _chain_anew(self, bits: int) -> None:
        # Change the number of chains
        size = 4
        size <<= bits
        made = cython.cast("int *", realloc(self.heads, size))
        if made == cython.NULL:
            raise MemoryError
        self.heads = made
        self.bits = bits
        memset(made, 255, size)
        for index in range(self.used):
            if self.entries[index].state != FREE:
                head = self._head_of(index)
                self.entries[index].next = made[head]
                made[head] = index

    def _allocate(self) -> None:
        # Make room for more entries
        capacity = 2 * self.capacity if self.capacity else _CAPACITY
        if capacity > 1 << 30:
            raise MemoryError
        made = cython.cast(
            "FlowEntry *",
            realloc(self.entries, capacity * cython.sizeof(FlowEntry)),  # noqa: F821
        )
        if made == cython.NULL:
            raise MemoryError
        self.entries = made
        self.capacity = capacity

    def _pool_slot(self) -> int:
        # A place in the pool for a pair of IPv6 addresses
        slot = self.free_address
        if slot >= 0:
            self.free_address = cython.cast("int *", self.pool + 32 * slot)[0]
        else:
            if self.pool_used >= self.pool_capacity:
                capacity = 2 * self.pool_capacity if self.pool_capacity else 256
                made = cython.cast("unsigned char *", realloc(self.pool, 32 * capacity))
                if made == cython.NULL:
                    raise MemoryError
                self.pool = made
                self.pool_capacity = capacity
            slot = self.pool_used
            self.pool_used += 1
        return slot


class PortCounter:
    """Counts of flows by port, in the order in which the ports first occur."""

    def __init__(self) -> None:
        self.counts = IntegerArray(65536)
        self.ports: list[int] = []  # those whose count is not zero

    def add(self, port: int) -> None:
        """Count a flow."""
        port &= 0xFFFF
        if self.counts.at[port] == 0:
            self.ports.append(port)
        self.counts.at[port] += 1

    def by_port(self) -> dict[int, int]:
        """Return the counts."""
        return {port: self.counts[port] for port in self.ports}


def reversed_key(key: bytes) -> bytes:
    """Return the key of the opposite direction, destination before source."""
    size = (len(key) - 4) // 2
    if cython.compiled and size == 4:
        pointer = key
        swapped = cython.declare(cython.uchar[12])
        for index in range(4):
            swapped[index] = pointer[index + 4]
            swapped[index + 4] = pointer[index]
        for index in range(8, 10):
            swapped[index] = pointer[index + 2]
            swapped[index + 2] = pointer[index]
        return swapped[:12]
    return key[size : 2 * size] + key[:size] + key[-2:] + key[-4:-2]
