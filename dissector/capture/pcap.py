"""Parses pcap files window by window: fills a `Batch` with the offsets and times of frames.

The file header has the byte order, the unit of the fractions of a second and the link type; then
records follow back to back, so after a wrong length no record can be found: damage ends the file.
As in Wireshark, the limit of a record is the larger of 256 KiB and the snap length; it is 256 MiB
if the header has no usable snap length.
"""

from __future__ import annotations

import struct

import cython

from dissector.capture.batch import ROOM, Batch
from dissector.errors import CaptureError

if cython.compiled:
    from cython.cimports.dissector.integers import big32, little32  # type: ignore[import-not-found]
else:
    from dissector.integers import big32, little32

HEADER = 24  # bytes of the file header
MAX_RECORD = 1 << 28  # bytes; no capture tool writes longer frames
_TRUSTED = 1 << 18  # bytes that a record may have whatever the snap length is
_MICRO = 0xA1B2C3D4
_NANO = 0xA1B23C4D
_VARIANTS = {
    0xA1B2CD34: "Kuznetzov's modified pcap (Red Hat 6.1, SuSE 6.3)",
    0xA1B234CD: "Mesquita's modified pcap",
    0xA12B3C4D: "Navtel's modified pcap",
    0x1C0001AC: "IXIA's lcap (hardware)",
    0x1C0001AB: "IXIA's lcap (software)",
}
_CONVERT = "convert it first: editcap -F pcap IN OUT"
_LITTLE = struct.Struct("<4I")
_BIG = struct.Struct(">4I")


class PcapWalker:
    """Walks the records of one pcap file, window by window.

    `need` is the size of the next record, from the returned offset on; `damage` is why the rest
    cannot be read ("" while it can); `links` are its link types, `digits` its precision (6 or 9);
    `notes` and `skipped_numbers` are used by pcapng only.
    """

    def __init__(self, big: bool, nano: bool, swapped: bool, snaplen: int, link: int) -> None:
        self.need = 16
        self.skipped_numbers = 0
        self.damage = ""
        self.notes: list[tuple[str, str]] = []
        self.links = [link]
        self.digits = 9 if nano else 6
        self.big = big
        self.swapped = swapped
        self.limit = max(snaplen, _TRUSTED) if 0 < snaplen <= MAX_RECORD else MAX_RECORD
        self.unit = 1 if nano else 1000
        self.link = link
        self.record = _BIG if big else _LITTLE

    def walk(self, window: bytes, at: int, batch: Batch) -> int:
        """Fill `batch` from window[at:]; return where the first record that is not in it begins."""
        offset = batch.offset.at
        captured = batch.captured.at
        original = batch.original.at
        time_ns = batch.time_ns.at
        link = batch.link.at
        size = len(window)
        pointer = window  # a C pointer when compiled; the length check below covers its bytes
        room = ROOM
        limit = self.limit
        unit = self.unit
        number = self.link
        big = self.big
        count = 0
        self.need = 16
        while count < room:
            start = at + 16
            if start > size:
                break
            if cython.compiled and big:
                seconds = big32(pointer, at)
                fraction = big32(pointer, at + 4)
                held = big32(pointer, at + 8)
                sent = big32(pointer, at + 12)
            elif cython.compiled:
                seconds = little32(pointer, at)
                fraction = little32(pointer, at + 4)
                held = little32(pointer, at + 8)
                sent = little32(pointer, at + 12)
            else:
                seconds, fraction, held, sent = self.record.unpack_from(window, at)
            if self.swapped and held > sent:
                held, sent = sent, held
            if held > limit:
                self.damage = f"a record claims {held} bytes"
                break
            stop = start + held
            if stop > size:
                self.need = 16 + held
                break
            offset[count] = start
            captured[count] = held
            original[count] = sent
            time_ns[count] = seconds * 1000000000 + fraction * unit
            link[count] = number
            count += 1
            at = stop
        batch.window = window
        batch.count = count
        return at


def is_pcap(head: bytes) -> bool:
    """Whether a file that begins with `head` (at least 4 bytes) is pcap, or a variant of it."""
    little = int.from_bytes(head[:4], "little")
    big = int.from_bytes(head[:4], "big")
    return any(magic in (_MICRO, _NANO) or magic in _VARIANTS for magic in (little, big))


def open_pcap(head: bytes) -> PcapWalker:
    """Read the file header, the first `HEADER` bytes of `head`; later bytes identify variants.

    Raises CaptureError if the header is incomplete or the file is an unsupported variant.
    """
    big = int.from_bytes(head[:4], "big") in (_MICRO, _NANO, *_VARIANTS)
    order = "big" if big else "little"
    magic = int.from_bytes(head[:4], "big" if big else "little")
    if magic in _VARIANTS:
        raise CaptureError(f"this is {_VARIANTS[magic]}; {_CONVERT}")
    if len(head) < HEADER:
        raise CaptureError("this pcap file ends inside its file header; capture again")
    major, minor, _, _, snaplen, link = struct.unpack_from(">HHiIII" if big else "<HHiIII", head, 4)
    if (major, minor) == (2, 2):
        raise CaptureError(f"this is the pcap of AIX's tcpdump; {_CONVERT}")
    if major != 2:
        raise CaptureError(f"this is pcap of version {major}.{minor} ({order}-endian), not 2")
    nano = magic == _NANO
    # Before 2.4 some writers stored the two lengths in reverse order.
    walker = PcapWalker(big, nano, minor < 4, snaplen, link & 0x03FFFFFF)
    longer = _longer_header(head, big)
    if longer:
        name = "Nokia's pcap" if longer == 4 else "pcap of a patched libpcap"
        raise CaptureError(f"this is {name} (record headers of {16 + longer} bytes); {_CONVERT}")
    return walker


def _longer_header(head: bytes, big: bool) -> int:
    """Return by how many bytes record headers exceed pcap's, in variants with pcap's magic."""
    if _plausible_records(head, big, 0) >= 0:
        return 0
    return next((extra for extra in (4, 8, 12) if _plausible_records(head, big, extra) >= 2), 0)


def _plausible_records(head: bytes, big: bool, extra: int) -> int:
    """Count the plausible first records for headers of 16 + `extra` bytes; -1 if one is not."""
    layout = _BIG if big else _LITTLE
    at = HEADER
    first = 0
    for count in range(8):
        if at + 16 > len(head):
            return count
        seconds, fraction, held, sent = layout.unpack_from(head, at)
        first = first or seconds
        if fraction >= 1_000_000_000 or not held <= sent <= _TRUSTED:
            return -1
        if abs(seconds - first) > 86400 * 365:
            return -1
        at += 16 + extra + held
    return 8
