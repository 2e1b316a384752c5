"""Parses command line values: capture files, ports, stream numbers and client ids."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from dissector.errors import CaptureError, OptionError

if TYPE_CHECKING:
    from dissector.capture.rings import CaptureFiles
    from dissector.model import Stream

# tcpdump -C puts a number after the name
_NAME = re.compile(r".*\.(pcap|pcapng|cap|dmp|ntar)[0-9]*(\.(gz|zst|lz4|bz2|xz))?", re.DOTALL)
# pcap in both byte orders and precisions, and the modified format; pcapng
_MAGICS = (
    b"\xd4\xc3\xb2\xa1", b"\xa1\xb2\xc3\xd4", b"\x4d\x3c\xb2\xa1", b"\xa1\xb2\x3c\x4d",
    b"\x34\xcd\xb2\xa1", b"\xa1\xb2\xcd\x34", b"\x0a\x0d\x0d\x0a",
)  # fmt: skip
NOTES_SHOWN = 5
_DECODE_AS = re.compile(r"tcp\.port==(\d+)(?:-(\d+))?,(mqtt|tls)", re.IGNORECASE)


def captures(paths: Sequence[str], *, join: bool, separate: bool) -> list[CaptureFiles]:
    """Groups files into captures, and notes why files are not read as one ring."""
    from dissector.capture.rings import groups
    from dissector.cli.terminal import note

    found = groups(paths, join=join, separate=separate)
    notes = [files.note for files in found if files.note]
    for text in notes[:NOTES_SHOWN]:
        note(text)
    if len(notes) > NOTES_SHOWN:
        note(f"the same holds for {len(notes) - NOTES_SHOWN:,} more names of rings")
    return found


def expand(paths: Sequence[str], *, recursive: bool) -> list[str]:
    """Returns the capture files among the paths, those in directories in order of name.

    Raises:
        OptionError: no path at all, standard input twice, or a directory without `recursive`.
        CaptureError: a directory that contains no capture.
    """
    if not paths:
        raise OptionError("no capture given; name a file, or - for standard input")
    if paths.count("-") > 1:
        raise OptionError("standard input (-) can be read only once")
    files: list[str] = []
    for path in paths:
        if path == "-" or not os.path.isdir(path):
            files.append(path)
        elif not recursive:
            raise OptionError(f"{path} is a directory; --recursive reads the captures in it")
        else:
            found = sorted(_captures(path))
            if not found:
                raise CaptureError(f"{path}: no captures in this directory")
            files += found
    return files


def _captures(directory: str) -> Iterator[str]:
    for place, folders, names in os.walk(directory):
        folders[:] = sorted(folder for folder in folders if not folder.startswith("."))
        for name in names:
            path = os.path.join(place, name)
            if not name.startswith(".") and os.path.isfile(path) and _is_capture(path):
                yield path


def _is_capture(path: str) -> bool:
    """Whether a file in a directory is a capture, by its name or its first bytes."""
    if _NAME.fullmatch(path.lower()):
        return True
    try:
        with open(path, "rb") as file:
            return file.read(4) in _MAGICS
    except OSError:
        return False


def ports(rules: Sequence[str], protocol: str = "mqtt") -> frozenset[int]:
    """Returns the ports that `-d tcp.port==1884,mqtt` options assign to "mqtt" or "tls"."""
    found: set[int] = set()
    for rule in rules:
        match = _DECODE_AS.fullmatch(rule.replace(" ", ""))
        first = int(match[1]) if match else 0
        last = int(match[2] or first) if match else 0
        if not 1 <= first <= last <= 65535:
            raise OptionError(
                f"-d {rule} is not understood; write -d tcp.port==1884,mqtt, or "
                "-d tcp.port==8443,tls for MQTT inside TLS"
            )
        if match is not None and match[3].lower() == protocol:
            found.update(range(first, last + 1))
    return frozenset(found)


def streams(values: Sequence[str] | None) -> frozenset[Stream] | None:
    """Returns the streams of `--stream 3 --stream 4,1:7`; None if the option is missing.

    1:7 is stream 7 of capture 1, as the pair of both.
    """
    if not values:
        return None
    found: set[Stream] = set()
    parts = [part.strip() for value in values for part in value.split(",")]
    for part in parts:
        match = re.fullmatch(r"(?:([0-9]{1,18}):)?([0-9]{1,18})", part)
        if match is None:
            raise OptionError(
                f"--stream {','.join(parts)}: a stream is a number, counted from 0, or C:N for "
                "stream N of capture C"
            )
        number = int(match[2])
        found.add(number if match[1] is None else (int(match[1]), number))
    return frozenset(found)


def clients(values: Sequence[str] | None) -> frozenset[str] | None:
    """Returns the client ids as a set; None if the option is missing."""
    return frozenset(values) if values else None
