"""Writes a live capture, with comments on its frames, to a pcapng file or a ring of files.

A comment on a frame that is already in the file is added to the last frame written, and names the
frame it is about. Files of a ring are named as dumpcap names them: with a number and the time.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import stat
import time
from collections.abc import Mapping, Sequence
from typing import NoReturn

import msgspec

from dissector.capture.batch import Batch
from dissector.capture.pcapng_writer import PcapngWriter
from dissector.errors import CaptureError

SYMBOLIC_LINK = "it is a symbolic link, which is not followed; name the file itself"
Frame = tuple[bytes, int, int, int]  # bytes, time, length on the wire, link type


class Ring(msgspec.Struct, frozen=True):
    """When to begin the next file, and how many files to keep; None: no limit.

    `size` in bytes, `seconds` of duration, `files` the number of files.
    """

    size: int | None = None
    seconds: float | None = None
    files: int | None = None


class Recorder:
    """Writes a live capture. Raises CaptureError if a file cannot be written; it stays valid then.

    `frames` is the number of frames in all files.
    """

    def __init__(
        self, path: str, application: str, *, capture_filter: str = "", ring: Ring | None = None
    ) -> None:
        self.path = path
        self.frames = 0
        self._application = application
        self._filter = capture_filter
        self._ring = ring
        self._number = 0
        self._kept: list[str] = []
        self._last: tuple[Frame, str, list[str]] | None = None
        self._before = 0  # offset of the last frame's block
        self._open("wb")

    def take(self, batch: Batch, interface: str, comments: Mapping[int, Sequence[str]]) -> None:
        """Write the frames of a batch; `comments` are by index in it."""
        if not batch.count:
            return
        last = batch.count - 1
        if comments:
            for index in range(batch.count):
                self.put(frame_of(batch, index), interface, comments.get(index, ()))
        else:
            try:
                self._length = self._writer.batch(batch, interface, self._filter)
            except OSError as error:
                self._fail(error)
            self.frames += batch.count
        self._last = (frame_of(batch, last), interface, list(comments.get(last, ())))
        self.flush()

    def put(self, frame: Frame, interface: str, comments: Sequence[str] = ()) -> None:
        """Buffer one frame; `flush` writes it at the latest."""
        data, time_ns, original, link = frame
        try:
            number = self._writer.interface(link, interface, capture_filter=self._filter)
            self._length = self._writer.frame(data, time_ns, original, number, comments)
        except OSError as error:
            self._fail(error)
        self._last = (frame, interface, list(comments))
        self.frames += 1

    def comment(self, text: str) -> None:
        """Add a comment to the last frame written; does nothing if there is none."""
        if self._last is None:
            return
        self.flush()
        if self._last is None:
            return  # it was the last frame of its file; the ring's next file is empty
        frame, interface, comments = self._last
        try:
            self._stream.truncate(self._before)
            self._stream.seek(self._before)
        except OSError as error:
            self._fail(error)
        self._writer.size = self._before
        self.frames -= 1
        self.put(frame, interface, [*comments, text])
        self.flush()

    def flush(self) -> None:
        """Write the buffered frames; begin the ring's next file if it is due."""
        try:
            self._writer.flush()
        except OSError as error:
            self._fail(error)
        self._before = self._writer.size - self._length
        ring = self._ring
        if ring is not None and (
            (ring.size is not None and self._writer.size >= ring.size)
            or (ring.seconds is not None and time.monotonic() - self._began >= ring.seconds)
        ):
            self._stream.close()
            self._open("wb")
            while ring.files is not None and len(self._kept) > ring.files:
                with contextlib.suppress(OSError):
                    os.unlink(self._kept.pop(0))

    def reopen(self) -> None:
        """Close the file and open its path again, since it may have been moved (log rotation).

        An existing file is appended to: a pcapng file may have several sections.
        """
        self.close()
        self._open("ab")

    def close(self) -> None:
        """Write the buffered frames and close the file."""
        if not self._stream.closed:
            try:
                self._writer.flush()
            except OSError as error:
                self._fail(error)
            self._stream.close()

    def _open(self, mode: str) -> None:
        path = self.path
        if self._ring is not None:
            self._number += 1
            stem, suffix = os.path.splitext(path)
            path = f"{stem}_{self._number:05}_{time.strftime('%Y%m%d%H%M%S')}{suffix or '.pcapng'}"
            self._kept.append(path)
        try:
            self._stream = io.FileIO(path, mode, opener=open_in_place)  # it may hold passwords
            end = self._stream.seek(0, io.SEEK_END)
        except OSError as error:
            what = error.strerror
            if error.errno != errno.ELOOP:
                what = f"{what}; choose another path"
            raise CaptureError(f"-w {path}: {what}") from error
        self._writer = PcapngWriter(self._stream, self._application, at=end)
        self._last = None
        self._length = 0
        self._began = time.monotonic()
        self.flush()

    def _fail(self, error: OSError) -> NoReturn:
        """Truncate the file to its complete blocks, close it and raise CaptureError."""
        name = str(self._stream.name)
        with contextlib.suppress(OSError, ValueError):
            self._stream.truncate(self._writer.size)
        self._stream.close()
        raise CaptureError(
            f"-w {name}: {error.strerror}; the frames written so far are valid; free disk space"
        ) from error


def open_in_place(path: str, flags: int, *, private: bool = True) -> int:
    """Opens a file that others may read while it grows; returns its descriptor.

    A new one is accessible to its owner only, an existing one if `private`. OSError if it is a
    symbolic link.
    """
    try:
        descriptor = os.open(path, flags | getattr(os, "O_NOFOLLOW", 0), 0o600)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise OSError(error.errno, SYMBOLIC_LINK) from None
        raise
    if private and stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.fchmod(descriptor, 0o600)
    return descriptor


def frame_of(batch: Batch, index: int) -> Frame:
    """Copy one frame of a batch."""
    start = batch.offset[index]
    data = batch.window[start : start + batch.captured[index]]
    return data, batch.time_ns[index], batch.original[index], batch.link[index]
