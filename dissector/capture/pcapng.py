"""Parses pcapng files window by window: fills a `Batch` with the offsets and times of frames.

Blocks follow back to back, each with its length at the start and the end, in sections that may
differ in byte order and that number their interfaces from 0. Enhanced, Simple and obsolete Packet
Blocks are frames, numbered together over the file; secrets and section comments are kept; all other
blocks are skipped. A block with invalid lengths ends the file: nothing after it can be trusted.
"""

from __future__ import annotations

import struct

import cython

from dissector.capture.batch import ROOM, Batch
from dissector.capture.pcap import MAX_RECORD
from dissector.errors import CaptureError
from dissector.text import decode

if cython.compiled:
    from cython.cimports.dissector.integers import u16, u32
else:
    from dissector.integers import u16, u32

HEADER = 28  # bytes of the shortest Section Header Block
MAX_INTERFACES = 1 << 16  # per section; as many as an obsolete Packet Block can number
MAX_KEPT = 1 << 26  # bytes of secrets and comments, in total
_MAX_BLOCK = MAX_RECORD + (1 << 20)  # a frame and its options
_SECTION = 0x0A0D0D0A  # the same in either byte order
_INTERFACE = 1
_OLD_PACKET = 2
_SIMPLE_PACKET = 3
_ENHANCED_PACKET = 6
_JOURNAL = 9
_SECRETS = 10
_CUSTOM = 0x0BAD
_CUSTOM_UNCOPIED = 0x40000BAD
_MAGIC = 0x1A2B3C4D
_MAGIC_SWAPPED = 0x4D3C2B1A
_COMMENT, _RESOLUTION, _OFFSET = 1, 9, 14
_LONGEST_NS = (1 << 62) - 1  # half of what fits in 64 bits: deadlines are added to times
_LAYOUTS = {
    False: (struct.Struct("<2I"), struct.Struct("<5I")),
    True: (struct.Struct(">2I"), struct.Struct(">5I")),
}


class InterfaceDescription:
    """One Interface Description Block: link type, snap length, and time stamp resolution.

    `factor` is nanoseconds per tick and `max_ticks` the number of ticks up to which the product
    fits 64 bits; it is -1 if a tick is no whole number of nanoseconds: then `exact_ns` uses Python
    integers.
    """

    def __init__(self, link: int, snaplen: int, resolution: int, offset: int) -> None:
        self.link = link
        self.snaplen = snaplen
        self.resolution = resolution
        self.offset = offset  # seconds
        self.factor = 1
        self.max_ticks = -1
        self.offset_ns = 0
        if resolution <= 9 and abs(offset) < 4_000_000_000:
            self.factor = 10 ** (9 - resolution)
            self.max_ticks = (1 << 62) // self.factor
            self.offset_ns = offset * 1_000_000_000

    @property
    def digits(self) -> int:
        """Decimal places of a second: 9 for a resolution finer than microseconds, else 6."""
        return 9 if (self.resolution & 0x7F) > (19 if self.resolution & 0x80 else 6) else 6

    def exact_ns(self, high: int, low: int) -> int:
        """Convert the two halves of a time stamp to nanoseconds since the epoch, of any size."""
        nanoseconds = (high << 32 | low) * 1_000_000_000
        exponent = self.resolution & 0x7F
        if self.resolution & 0x80:
            nanoseconds >>= exponent
        else:
            nanoseconds //= 10**exponent
        return nanoseconds + self.offset * 1_000_000_000


class PcapngWalker:
    """Walks the blocks of one pcapng file, window by window.

    `need`, `damage`, `links` and `digits` are as in `PcapWalker`; `notes` are (kind, message) of
    warnings that do not end the file; `skipped_numbers` is how many frame numbers to skip before
    the first frame of the batch, since Wireshark numbers custom blocks and journal entries too.
    `secrets` are (type, bytes) of Decryption Secrets Blocks.
    """

    def __init__(self) -> None:
        self.need = HEADER
        self.skipped_numbers = 0
        self.damage = ""
        self.notes: list[tuple[str, str]] = []
        self.links: list[int] = []
        self.seen_links: set[int] = set()
        self.digits = 6
        self.comments: list[str] = []
        self.secrets: list[tuple[int, bytes]] = []
        self.big = False
        self.interfaces: list[InterfaceDescription] = []
        self.last_ns = 0
        self.kept = 0
        self.noted: set[str] = set()

    def walk(self, window: bytes, at: int, batch: Batch) -> int:
        """Fill `batch` from window[at:]; return where the first block that is not in it begins."""
        offset = batch.offset.at
        captured = batch.captured.at
        original = batch.original.at
        time_ns = batch.time_ns.at
        link = batch.link.at
        size = len(window)
        room = ROOM
        big = self.big
        known = len(self.interfaces)
        pair, fields = _LAYOUTS[self.big]
        count = 0
        self.need = 12
        while count < room:
            left = size - at
            if left < 12:
                break
            if cython.compiled:
                kind = u32(window, at, big)
                length = u32(window, at + 4, big)
            else:
                kind, length = pair.unpack_from(window, at)
            if kind == _SECTION:
                magic = u32(window, at + 8, False)
                if magic != _MAGIC and magic != _MAGIC_SWAPPED:
                    self.damage = "a section header without a byte-order magic"
                    break
                big = magic == _MAGIC_SWAPPED
                pair, fields = _LAYOUTS[big]
                length = u32(window, at + 4, big)
            if length < 12 or length & 3 or length > _MAX_BLOCK:
                self.damage = f"a block claims {length} bytes"
                break
            if length > left:
                self.need = length
                break
            if cython.compiled:
                trailer = u32(window, at + length - 4, big)
            else:
                trailer = pair.unpack_from(window, at + length - 8)[1]
            if trailer != length:
                self.damage = f"a block of {length} bytes has the length {trailer} at its end"
                break
            if kind == _ENHANCED_PACKET:
                if length < 32:
                    self.damage = f"an Enhanced Packet Block of only {length} bytes"
                    break
                if cython.compiled:
                    index = u32(window, at + 8, big)
                    high = u32(window, at + 12, big)
                    low = u32(window, at + 16, big)
                    held = u32(window, at + 20, big)
                    sent = u32(window, at + 24, big)
                else:
                    index, high, low, held, sent = fields.unpack_from(window, at + 8)
                start = at + 28
            elif kind == _OLD_PACKET:
                if length < 32:
                    self.damage = f"a Packet Block of only {length} bytes"
                    break
                index = u16(window, at + 8, big)
                high = u32(window, at + 12, big)
                low = u32(window, at + 16, big)
                held = u32(window, at + 20, big)
                sent = u32(window, at + 24, big)
                start = at + 28
            elif kind == _SIMPLE_PACKET:
                if length < 16:
                    self.damage = f"a Simple Packet Block of only {length} bytes"
                    break
                index = high = low = 0
                sent = u32(window, at + 8, big)
                held = min(sent, length - 16)
                start = at + 12
            elif kind in (_CUSTOM, _CUSTOM_UNCOPIED, _JOURNAL):
                if count:
                    break  # the frames of a batch are numbered consecutively
                self.skipped_numbers += 1
                at += length
                continue
            else:
                self.damage = self._describe(kind, window, at, length, big)
                if self.damage:
                    break
                if kind == _SECTION:
                    self.big = big
                known = len(self.interfaces)
                at += length
                continue
            if index >= known:
                self.damage = f"a frame of interface {index}, which has no description"
                break
            if held > at + length - 4 - start:
                self.damage = f"a block of {length} bytes claims a frame of {held}"
                break
            interface = self.interfaces[index]
            if kind == _SIMPLE_PACKET:
                if interface.snaplen and held > interface.snaplen:
                    held = interface.snaplen
                self._note("no-time", "frames without a time (Simple Packet Blocks)")
                now = self.last_ns
            else:
                # Under 2**62 the ticks fit C's signed 64 bits.
                ticks = (high & 0x3FFFFFFF) << 32 | low
                if high <= 0x3FFFFFFF and ticks <= interface.max_ticks:
                    now = ticks * interface.factor + interface.offset_ns
                else:
                    now = self._bounded_time(interface, high, low)
                self.last_ns = now
            offset[count] = start
            captured[count] = held
            original[count] = sent
            time_ns[count] = now
            link[count] = interface.link
            count += 1
            at += length
        batch.window = window
        batch.count = count
        return at

    def _bounded_time(self, interface: InterfaceDescription, high: int, low: int) -> int:
        """Return a time computed with Python integers, clamped to the range of `_LONGEST_NS`."""
        exact = interface.exact_ns(high, low)
        bounded = max(-_LONGEST_NS, min(exact, _LONGEST_NS))
        if bounded != exact:
            self._note("time-out-of-range", "frames timed beyond the years 1823 to 2116")
        return bounded

    def _note(self, kind: str, message: str) -> None:
        """Add a warning, once per file and kind."""
        if kind not in self.noted:
            self.noted.add(kind)
            self.notes.append((kind, message))

    def _describe(self, kind: int, window: bytes, at: int, length: int, big: bool) -> str:
        """Process a complete block that is no frame; returns what is damaged in it, or ""."""
        if kind == _SECTION:
            return self._section(window, at, length, big)
        if kind == _INTERFACE:
            return self._interface(window, at, length, big)
        if kind == _SECRETS:
            if length < 20 or u32(window, at + 12, big) > length - 20:
                return "a Decryption Secrets Block shorter than its secrets"
            secret = window[at + 16 : at + 16 + u32(window, at + 12, big)]
            if self._may_keep(len(secret)):
                self.secrets.append((u32(window, at + 8, big), secret))
        return ""

    def _section(self, window: bytes, at: int, length: int, big: bool) -> str:
        """Begin a section; its interfaces are numbered from 0."""
        if length < HEADER:
            return f"a section header of only {length} bytes"
        major, minor = u16(window, at + 12, big), u16(window, at + 14, big)
        if major != 1 or minor not in (0, 2):
            return f"a section of pcapng version {major}.{minor}, which is not supported"
        self.interfaces = []
        options = _options(window, at + 24, at + length - 4, big)
        for value in (value for code, value in options or () if code == _COMMENT):
            if self._may_keep(len(value)):
                self.comments.append(decode(value))
        return ""

    def _interface(self, window: bytes, at: int, length: int, big: bool) -> str:
        """Process an Interface Description Block; without options its ticks are microseconds."""
        if length < 20:
            return f"an Interface Description Block of only {length} bytes"
        options = _options(window, at + 16, at + length - 4, big)
        if options is None:
            return "an interface option longer than its block"
        if len(self.interfaces) >= MAX_INTERFACES:
            return f"a section of more than {MAX_INTERFACES} interfaces"
        resolution, offset = 6, 0
        for code, value in options:
            if code == _RESOLUTION and len(value) == 1:
                resolution = value[0]
            elif code == _OFFSET and len(value) == 8:
                offset = int.from_bytes(value, "big" if big else "little", signed=True)
        link = u16(window, at + 8, big)
        interface = InterfaceDescription(link, u32(window, at + 12, big), resolution, offset)
        self.interfaces.append(interface)
        if link not in self.seen_links:
            self.seen_links.add(link)
            self.links.append(link)
        self.digits = max(self.digits, interface.digits)
        return ""

    def _may_keep(self, length: int) -> bool:
        """Whether `length` more bytes may be kept for later."""
        if self.kept + length > MAX_KEPT:
            what = f"more than {MAX_KEPT} bytes of secrets and comments: the rest is dropped"
            self._note("limit", what)
            return False
        self.kept += length + 64
        return True


def _options(window: bytes, at: int, stop: int, big: bool) -> list[tuple[int, bytes]] | None:
    """Read a block's options as (code, value); None if one reaches beyond the block."""
    options: list[tuple[int, bytes]] = []
    while at + 4 <= stop:
        code, length = u16(window, at, big), u16(window, at + 2, big)
        if code == 0:
            break
        if at + 4 + length > stop:
            return None
        options.append((code, window[at + 4 : at + 4 + length]))
        at += 4 + (length + 3 & ~3)
    return options


def is_pcapng(head: bytes) -> bool:
    """Whether a file that begins with `head` is pcapng: a Section Header Block, any byte order."""
    magics = (_MAGIC.to_bytes(4, "big"), _MAGIC.to_bytes(4, "little"))
    return head[:4] == b"\n\r\r\n" and head[8:12] in magics


def open_pcapng(head: bytes) -> PcapngWalker:
    """Create a walker for a file that begins with `head`.

    Raises CaptureError if the file is too short or its version is not supported.
    """
    big = head[8:12] == _MAGIC.to_bytes(4, "big")
    if len(head) < 16:
        raise CaptureError("this pcapng file ends inside its first block; capture again")
    major, minor = u16(head, 12, big), u16(head, 14, big)
    if major != 1 or minor not in (0, 2):
        raise CaptureError(f"this is pcapng of version {major}.{minor}, not 1.0; convert it first")
    return PcapngWalker()
