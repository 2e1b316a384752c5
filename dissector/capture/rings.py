"""Groups capture files into captures: each file is one, but the files of a ring are one together.

A ring is what dumpcap, tshark or tcpdump write when they go on to a next file: names that differ
only in a counter or a time, times that follow on each other, the same link types. The names are

    name_00001_20231114221320.pcapng    dumpcap and tshark -b, editcap -c (or time before counter)
    x.pcap, x.pcap1, x.pcap2            tcpdump -C
    x.pcap00, x.pcap01, x.pcap02        tcpdump -C -W, which begins again with 00
    x-2023-11-14_22:13:20.pcap          tcpdump -G, with any date and time, or seconds since 1970

and any of these with the suffix of a compression. Other numbers in a name mean nothing here.
"""

from __future__ import annotations

import os
import re
import struct
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, BinaryIO, NamedTuple

from dissector.capture.batch import Batch
from dissector.capture.pcap import HEADER, MAX_RECORD, PcapWalker, is_pcap, open_pcap
from dissector.capture.pcapng import PcapngWalker, is_pcapng, open_pcapng
from dissector.capture.source import open_capture
from dissector.capture.windows import FIRST, WINDOW
from dissector.errors import CaptureError
from dissector.text import printable

Source = str | os.PathLike[str] | BinaryIO
COMPRESSED_SUFFIXES = (".gz", ".zst", ".lz4", ".bz2", ".xz")
# by which a file may begin before the previous one ends, but not more than a tenth of either
OVERLAP_NS = 1_000_000_000
PAUSE_NS = 60_000_000_000  # between two files if nothing else shows that none is missing
MISSING_LISTED = 20
_CHAIN = 16  # records that fit together; bytes of other data never do that often
_BLOCKS = 10_000  # of a pcapng file that are skipped backwards
_TEN_YEARS = 10 * 365 * 86400  # seconds
_SECTION, _ENHANCED_PACKET = 0x0A0D0D0A, 6  # types of blocks of pcapng
_TIME = "\0"  # stands for the time in a name
_DUMPCAP = re.compile(r"(.*)_(?:(\d{5,})_(\d{14})|(\d{14})_(\d{5,}))(\.[^.]*)?")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH = "0[1-9]|1[0-2]|" + "|".join(_MONTHS)
_CLOCK = r"(?P<{0}H>[01]\d|2[0-3])[-_:.h]?(?P<{0}M>[0-5]\d)(?:[-_:.m]?(?P<{0}S>[0-5]\d|60))?"
_WRITTEN_TIME = re.compile(
    r"(?<!\d)(?:"
    rf"(?P<aY>(?:19|20)\d\d)[-_.]?(?P<am>{_MONTH})[-_.]?(?P<ad>0[1-9]|[12]\d|3[01])"
    rf"(?:[-_.t ]?{_CLOCK.format('a')})?"
    rf"|(?P<bd>0[1-9]|[12]\d|3[01])[-_.]?(?P<bm>{_MONTH})[-_.]?(?P<bY>(?:19|20)\d\d)"
    rf"(?:[-_.t ]?{_CLOCK.format('b')})?"
    r"|(?P<epoch>[1-3]\d{9})"
    r"|(?P<cH>[01]\d|2[0-3])[-_:h]?(?P<cM>[0-5]\d)[-_:m]?(?P<cS>[0-5]\d|60)"
    r")(?!\d)",
    re.IGNORECASE,
)
_NUMBERED = re.compile(r"(.*\.[A-Za-z]{3,8}|.*[^\d\0])(\d+)", re.DOTALL)


class CaptureFiles(NamedTuple):
    """The files of one capture, in order of time if it is a ring, else as given.

    `missing` are numbers that the counter of a ring skips. `note` says why files with names as in a
    ring are not in this capture, "" if there are none.
    """

    paths: tuple[Source, ...]
    ring: bool = False
    missing: tuple[int, ...] = ()
    note: str = ""


class _Name(NamedTuple):
    """A file name split: what all files of a ring have in common, the time, and the counter.

    `times` are the numbers of the time, the most significant first; `counter` is -1 without a
    number. `daily`: the time has no date. `dumpcap`: the name has both, as dumpcap writes them.
    """

    common: tuple[str, ...]
    times: tuple[int, ...]
    counter: int
    daily: bool = False
    dumpcap: bool = False


class _File(NamedTuple):
    """One file of a possible ring: times of its first and last frame, None for both without."""

    path: str
    name: _Name
    first_ns: int | None
    last_ns: int | None
    links: tuple[int, ...]


def groups(
    paths: Sequence[Source], *, join: bool = False, separate: bool = False
) -> list[CaptureFiles]:
    """Groups files into captures, in the order of their first files.

    `join` makes one capture of all files, `separate` one of each. Files that cannot be read are
    captures of their own.
    """
    paths = [os.fspath(path) if isinstance(path, os.PathLike) else path for path in paths]
    if join and paths:
        return [CaptureFiles(tuple(paths))]
    names: dict[str, _Name] = {}
    alike: dict[tuple[str, ...], list[str]] = {}
    if not separate:
        for path in paths:
            if isinstance(path, str) and path != "-" and path not in names:
                names[path] = name = _split(path)
                alike.setdefault(name.common, []).append(path)
    by_file: dict[str, CaptureFiles] = {}
    for similar in alike.values():
        if len(similar) > 1 and _may_be_ring([names[path] for path in similar]):
            for made in _rings([_opened(path, names[path]) for path in similar]):
                for path in made.paths:
                    assert isinstance(path, str)
                    by_file[path] = made
    found: list[CaptureFiles] = []
    seen: set[str] = set()
    used: set[tuple[Source, ...]] = set()
    for path in paths:
        own = CaptureFiles((path,))
        if isinstance(path, str) and path not in seen:  # else it is given twice
            seen.add(path)
            own = by_file.get(path, own)
            if own.ring and own.paths in used:
                continue
            used.add(own.paths)
        found.append(own)
    return found


def described(missing: Sequence[int]) -> str:
    """Formats the numbers that the counter of a ring skips, "3, 7 to 9"."""
    runs: list[list[int]] = []
    for number in missing:
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    parts = [str(low) if low == high else f"{low} to {high}" for low, high in runs]
    etc = ", …" if len(parts) > MISSING_LISTED else ""
    return ", ".join(parts[:MISSING_LISTED]) + etc


def first_time_ns(source: Source) -> int | None:
    """Returns the time of the first frame of a file; None if it has none or cannot be read.

    Only regular files are opened: nothing of a pipe may be lost.
    """
    if not isinstance(source, (str, os.PathLike)) or not os.path.isfile(source):
        return None
    try:
        with open_capture(source, warn=_ignored) as reader:
            return reader.first_time_ns
    except CaptureError:
        return None


def _split(path: str) -> _Name:
    directory, name = os.path.split(path)
    for suffix in COMPRESSED_SUFFIXES:
        name = name.removesuffix(suffix)
    match = _DUMPCAP.fullmatch(name)
    if match is not None:
        stem, before, time, earlier_time, after, suffix = match.groups()
        order = "counter first" if before else "time first"
        return _Name(
            (directory, stem, suffix or "", order),
            (int(time or earlier_time),),
            int(before or after),
            dumpcap=True,
        )
    times: list[int] = []
    shapes: list[str] = []
    without = _WRITTEN_TIME.sub(lambda found: _taken(found, times, shapes), name)
    counter = -1
    match = _NUMBERED.fullmatch(without)
    if match is not None:
        without, counter = match[1], int(match[2])
    common = (directory, without, *shapes)
    return _Name(common, tuple(times), counter, daily=shapes == ["HMS"])


def _taken(found: re.Match[str], times: list[int], shapes: list[str]) -> str:
    """Moves a time from a name to `times`, and which parts it has to `shapes`."""
    given = {key[-1]: text for key, text in found.groupdict().items() if text is not None}
    if "h" in given:  # of "epoch"
        times.append(int(given["h"]))
        shapes.append("epoch")
        return _TIME
    parts = [part for part in "YmdHMS" if part in given]
    for part in parts:
        text = given[part].lower()
        times.append(_MONTHS.index(text) + 1 if text in _MONTHS else int(text))
    shapes.append("".join(parts))
    return _TIME


def _may_be_ring(names: Sequence[_Name]) -> bool:
    """Whether names that have all but counter and time in common are those of a ring.

    A number after a name without suffix is tcpdump's only if there is also the file without it.
    """
    if len({(name.times, name.counter) for name in names}) == 1:
        return False
    common = names[0].common
    if names[0].times or re.search(r"\.[A-Za-z]{3,8}$", common[1]):
        return True
    return any(name.counter < 0 for name in names)


def _rings(files: Sequence[_File]) -> list[CaptureFiles]:
    """Divides files with names as in a ring into captures."""
    known = [file for file in files if file.first_ns is not None]
    empty = [file for file in files if file.first_ns is None]
    known.sort(key=lambda file: (file.first_ns, file.name.times, file.name.counter))
    numbered = all(file.name.counter >= 0 for file in files)
    longest = max(((file.last_ns or 0) - (file.first_ns or 0) for file in known), default=0)
    rings: list[list[_File]] = []
    note = ""
    for file in known:
        reason = _divided(rings[-1], file, numbered, max(longest, PAUSE_NS)) if rings else "first"
        if not reason:
            rings[-1].append(file)
            continue
        if rings and not note:
            earlier, later = (printable(os.path.basename(each.path))
                              for each in (rings[-1][-1], file))  # fmt: skip
            note = (
                f"{earlier} and {later} were read as two captures: {reason}; --join makes one of "
                "all files"
            )
        rings.append([file])
    found = []
    for ring in rings:
        members = ring + [file for file in empty if file.links == ring[0].links]
        empty = [file for file in empty if file.links != ring[0].links]
        paths = tuple(file.path for file in members)
        found.append(CaptureFiles(paths, len(paths) > 1, _missing(ring), note))
        note = ""
    return found


def _divided(ring: list[_File], file: _File, numbered: bool, pause_ns: int) -> str:
    """Returns why a file does not go on where a ring ends, "" if it does."""
    last = ring[-1]
    assert last.last_ns is not None and file.first_ns is not None
    if set(last.links) != set(file.links):
        return "their link types differ"
    shorter = min(last.last_ns - (last.first_ns or 0), (file.last_ns or 0) - file.first_ns)
    if last.last_ns - file.first_ns > min(OVERLAP_NS, max(shorter, 0) // 10):
        return "their times overlap"
    pause = file.first_ns - last.last_ns
    name, before = file.name, last.name
    if name.dumpcap or not name.times:
        begun_again = before.counter < ring[0].name.counter
        below_first = name.counter < ring[0].name.counter
        if name.counter > before.counter and (below_first or not begun_again):
            return ""
        may_begin_again = numbered and below_first and not (begun_again or name.dumpcap)
        if may_begin_again and pause <= PAUSE_NS:
            return ""
        return "their counter begins again"
    if pause > pause_ns:
        return "much time passes between them, in which files may be missing"
    if name.times == before.times:
        return "" if name.counter > before.counter else "their names are not in order of time"
    if name.times > before.times or (name.daily and pause <= PAUSE_NS):
        return ""
    return "their names are not in order of time"


def _missing(ring: Sequence[_File]) -> tuple[int, ...]:
    """Returns the numbers that the counter skips between the files of a ring."""
    found: list[int] = []
    for one, two in pairwise(ring):
        low, high = max(one.name.counter, 0), two.name.counter
        if high < low:  # begins again with 0, or after a later time
            low = -1
            if two.name.times and two.name.times != one.name.times:
                low = 0  # the first file after the time has no number
        found += range(low + 1, min(high, low + 1 + 10 * MISSING_LISTED))
    return tuple(found)


def _opened(path: str, name: _Name) -> _File:
    """Finds the times of the first and the last frame, without reading a large file whole."""
    try:
        return _probed(path, name)
    except (CaptureError, OSError):
        return _File(path, name, None, None, ())


def _probed(path: str, name: _Name) -> _File:
    if not os.path.isfile(path):
        raise CaptureError("not a regular file")
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        head = file.read(FIRST)
        batch = Batch()
        walker: PcapWalker | PcapngWalker
        if size > WINDOW and (is_pcap(head) or is_pcapng(head)):
            if is_pcap(head):
                walker = open_pcap(head)
                walker.walk(head, HEADER, batch)
                first_ns = batch.time_ns[0] if batch.count else None
                last_ns = _last_of_pcap(file, size, head, walker, first_ns or 0)
            else:
                walker = open_pcapng(head)
                walker.walk(head, 0, batch)
                first_ns = batch.time_ns[0] if batch.count else None
                last_ns = _last_of_pcapng(file, size, head, walker)
            if first_ns is not None and last_ns is not None:
                return _File(path, name, first_ns, last_ns, tuple(walker.links))
    with open_capture(path, warn=_ignored) as reader:
        first_ns = last_ns = reader.first_time_ns
        while (read := reader.next_batch()) is not None:
            last_ns = read.time_ns[read.count - 1]
        return _File(path, name, first_ns, last_ns, tuple(reader.links))


def _last_of_pcap(
    file: Any, size: int, head: bytes, walker: PcapWalker, first_ns: int
) -> int | None:
    """Returns the time of the last record; None if no chain of records leads to the file's end."""
    start = max(size - WINDOW, HEADER)
    file.seek(start)
    window = file.read(WINDOW)
    layout = struct.Struct(">4I" if head[0] == 0xA1 else "<4I")
    first = first_ns // 1_000_000_000
    parts = 10**walker.digits  # of a second
    batch = Batch()
    for offset in range(max(len(window) - 16, 0)):
        seconds, fraction, *lengths = layout.unpack_from(window, offset)
        if fraction >= parts or max(lengths) > MAX_RECORD or abs(seconds - first) > _TEN_YEARS:
            continue
        at, last_ns, records = offset, None, 0
        while True:
            at = walker.walk(window, at, batch)
            if not batch.count or walker.damage:
                break
            last_ns = batch.time_ns[batch.count - 1]
            records += batch.count
        damaged, walker.damage = walker.damage, ""
        if not damaged and (at == len(window) or records >= _CHAIN):
            return last_ns  # what is left is a record that is cut short
    return None


def _last_of_pcapng(file: Any, size: int, head: bytes, walker: PcapngWalker) -> int | None:
    """Returns the time of the last Enhanced Packet Block; None if it cannot be found backwards."""
    order = ">" if head[8] == 0x1A else "<"
    end = size
    for _ in range(_BLOCKS):
        file.seek(max(end - 4, 0))
        (length,) = struct.unpack(f"{order}I", file.read(4))
        if length < 12 or length > min(end, MAX_RECORD):
            return None
        file.seek(end - length)
        kind, again = struct.unpack(f"{order}2I", file.read(8))
        if again != length or kind == _SECTION:
            return None
        if kind == _ENHANCED_PACKET:
            file.seek(end - length)
            batch = Batch()
            walker.walk(file.read(length), 0, batch)  # knows the interfaces
            return batch.time_ns[0] if batch.count else None
        end -= length
    return None


def _ignored(warning: object) -> None:
    """Ignores a warning: the analysis reads the file again and reports it."""
