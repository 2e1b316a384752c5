"""Opens a capture (a path, standard input or a binary file object) and reads batches of frames.

The format is detected by magic, never by file name: pcap or pcapng, plain or compressed. A reader
holds one window and one batch. Errors when opening raise `CaptureError` (not a capture, no
permission); later problems are reported as `CaptureWarning`, and the frames before them are kept.
"""

from __future__ import annotations

import io
import os
import select
import stat
from collections.abc import Callable
from typing import IO, Any

from dissector.capture import formats, linktypes
from dissector.capture.batch import Batch
from dissector.capture.compressed import Decompressed, compression
from dissector.capture.pcap import HEADER, PcapWalker, is_pcap, open_pcap
from dissector.capture.pcapng import PcapngWalker, is_pcapng, open_pcapng
from dissector.capture.windows import FileWindows, StreamWindows
from dissector.errors import CaptureError
from dissector.model import CaptureWarning
from dissector.text import printable

Source = str | bytes | os.PathLike[str] | os.PathLike[bytes] | IO[bytes]
Warn = Callable[[CaptureWarning], None]


def open_capture(source: Source, *, file_index: int = 0, warn: Warn | None = None) -> CaptureReader:
    """Open a capture: a path, "-" for standard input, or a binary file object (which stays open).

    `file_index` is set in every batch; `warn` is called with the warnings as the frames are read
    (without it they are collected in `reader.warnings`). Raises CaptureError, one line that says
    what to do.
    """
    return CaptureReader(source, file_index, warn)


class CaptureReader:
    """Reads one capture once, in the order of the file.

    `path` is the name as given ("-" for standard input), `frames` the number of frames returned and
    `bytes` the capture bytes up to them, after decompression. `size` is the length of a regular
    file, else None; `position` counts the bytes read of it, before decompression.
    """

    def __init__(self, source: Source, file_index: int = 0, warn: Warn | None = None) -> None:
        self._source = source
        self.path = path_of(source)
        self.file_index = file_index
        self.frames = 0
        self.bytes = 0
        self.size: int | None = None
        self.warnings: list[CaptureWarning] = []
        self._warn = warn or self.warnings.append
        self._held_warnings: list[CaptureWarning] = []  # until the frames before are returned
        self._ahead: Batch | None = None
        self._batch: Batch | None = None
        self._file: io.FileIO | None = None
        self._raw: _RawInput | None = None
        self._decoder: Decompressed | None = None
        self._windows: FileWindows | StreamWindows = StreamWindows(bytes)  # empty until opened
        self._window = b""
        self._at = 0
        self._number = 0  # of the last frame returned
        self._reopenable = False
        self._ended = False
        self._parked = False
        self._open()

    @property
    def link_types(self) -> list[str]:
        """Names of the link types seen so far (pcapng: of every interface described)."""
        return [linktypes.name(number) for number in self.links]

    @property
    def links(self) -> list[int]:
        """LINKTYPE_ numbers of `link_types`."""
        return self._walker.links

    @property
    def digits(self) -> int:
        """Decimal places of a second: 6 for microseconds or coarser, 9 for nanoseconds."""
        return self._walker.digits

    @property
    def comments(self) -> list[str]:
        """Section comments of a pcapng file seen so far."""
        return self._walker.comments if isinstance(self._walker, PcapngWalker) else []

    @property
    def may_hold_secrets(self) -> bool:
        """Whether this is a pcapng file; other formats cannot hold secrets."""
        return isinstance(self._walker, PcapngWalker)

    @property
    def secrets(self) -> list[tuple[int, bytes]]:
        """(type, bytes) of a pcapng file's Decryption Secrets Blocks seen so far."""
        return self._walker.secrets if isinstance(self._walker, PcapngWalker) else []

    @property
    def position(self) -> int:
        """Bytes read of the file itself, for a progress bar beside `size`."""
        if isinstance(self._windows, FileWindows):
            return self._windows.position
        return self._raw.taken if self._raw else 0

    @property
    def first_time_ns(self) -> int | None:
        """Time of the next frame, or None if there is none; may block."""
        if self._ahead is None:
            self._ahead = self._advance()
        return None if self._ahead is None else self._ahead.time_ns[0]

    @property
    def waiting(self) -> bool:
        """Whether no complete frame is left of the bytes read, so that more must be read."""
        return self._ahead is None and len(self._window) - self._at < self._walker.need

    def next_batch(self) -> Batch | None:
        """Return the next frames, at least one, or None at the end.

        The batch is valid until the next call. On a pipe it returns as soon as one frame arrived.
        """
        batch = self._ahead or self._advance()
        self._ahead = None
        if batch is not None:
            batch.first_number = self._number + self._walker.skipped_numbers + 1
            self._walker.skipped_numbers = 0
            self._number = batch.first_number + batch.count - 1
            self.frames += batch.count
        self.bytes = self._windows.start + self._at
        held, self._held_warnings = self._held_warnings, []
        for warning in held:
            self._warn(warning)
        return batch

    def park(self) -> bool:
        """Close a regular file of which no frame was returned; the next call opens it again.

        Returns False, without closing, if it cannot be reopened. Thousands of files can so be
        waiting without being open.
        """
        if not self._reopenable or self.frames or self._file is None:
            return False
        self.close()
        self._held_warnings.clear()
        self._ahead = None
        self._parked = True
        return True

    def close(self) -> None:
        """Close the file; nothing more is read."""
        self._ended = True
        self._window = b""
        self._batch = None
        self._windows.close()
        if self._file is not None:
            self._file.close()
            self._file = None

    def __enter__(self) -> CaptureReader:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _open(self) -> None:
        self._decoder = None
        self._ended = self._parked = False
        self._window = b""
        self._at = 0
        try:
            self._windows = self._open_source()
            self._window, _ = self._windows.more(b"", 0, HEADER)
            self._walker = self._recognise()
        except CaptureError as error:
            self.close()
            raise CaptureError(f"{printable(self.path)}: {error}") from None
        except (OSError, ValueError) as error:
            self.close()
            raise CaptureError(f"{printable(self.path)}: {_error_text(error)}") from None
        self._batch = Batch()
        self._batch.file = self.file_index

    def _open_source(self) -> FileWindows | StreamWindows:
        """Open the source: a regular file is read by offset, anything else as a stream."""
        if not isinstance(self._source, (str, bytes, os.PathLike)):
            self._raw = _RawInput(self._source)
            return StreamWindows(self._raw.read)
        standard_input = self.path == "-"
        self._file = io.FileIO(0 if standard_input else self.path, "rb", closefd=not standard_input)
        status = os.fstat(self._file.fileno())
        regular = stat.S_ISREG(status.st_mode)
        self.size = status.st_size if regular else None
        self._reopenable = regular and not standard_input
        self._raw = _RawInput(self._file)
        return FileWindows(self._file) if self._reopenable else StreamWindows(self._raw.read)

    def _recognise(self) -> PcapWalker | PcapngWalker:
        """Detect the format from the first window and create its walker; start decompression."""
        if not self._window:
            raise CaptureError("the file is empty; nothing was captured")
        name = compression(self._window)
        if name is not None:
            self._decompress(name)
        head = self._window
        if is_pcapng(head):
            return open_pcapng(head)
        if is_pcap(head):
            walker = open_pcap(head)
            self._at = HEADER
            return walker
        inner = compression(head)
        if name and inner:
            raise CaptureError(f"this is {inner} inside {name}; decompress it once, then try again")
        inside = f" inside {name}" if name else ""
        raise CaptureError(f"this is not a capture file{inside}: {formats.describe(head)}")

    def _decompress(self, name: str) -> None:
        """Insert a decompressor between the source and its windows."""
        assert self._raw is not None
        if not self._reopenable:
            self._raw.put_back(self._window)
        self._decoder = Decompressed(name, self._raw.read)
        self._windows = StreamWindows(self._decoder.read)
        self._window, _ = self._windows.more(b"", 0, HEADER)
        if not self._window:
            damage = self._decoder.damage or f"the {name} stream is empty"
            raise CaptureError(f"nothing can be read: {damage}; get the file again")

    def _advance(self) -> Batch | None:
        """Read until there is a frame; None at the end, after adding a warning if it is damaged."""
        if self._parked:
            self._open()
        batch = self._batch
        walker = self._walker
        while not self._ended and batch is not None:
            if not walker.damage:
                self._at = walker.walk(self._window, self._at, batch)
                while walker.notes:
                    self._add_warning(*walker.notes.pop(0))
                if batch.count:
                    return batch
            if walker.damage:
                self._add_warning("damaged", f"{walker.damage}; the rest of the file was not read")
                self.close()
                break
            left = len(self._window) - self._at
            try:
                self._window, self._at = self._windows.more(self._window, self._at, walker.need)
            except OSError as error:
                self.close()
                raise CaptureError(f"{printable(self.path)}: {_error_text(error)}") from None
            if len(self._window) - self._at <= left:
                left = len(self._window) - self._at
                self._at = len(self._window)
                self._explain_end(left)
                self.close()
        return None

    def _explain_end(self, left: int) -> None:
        """Warn if the source ends inside a compressed stream or a record, or became shorter.

        `left` bytes follow the last record.
        """
        if self._decoder and self._decoder.damage:
            self._add_warning(
                "damaged", f"{self._decoder.damage}; only the content before was read"
            )
        elif self._windows.lost:
            what = f"the file became {self._windows.lost:,} bytes shorter while it was read"
            self._add_warning("shrunk", f"{what}: frames in them may be missing; read it again")
        elif left:
            need = max(self._walker.need, left + 1)
            what = f"the last record is cut short: {left} of {need} bytes are present"
            self._add_warning("cut-record", what)

    def _add_warning(self, kind: str, message: str) -> None:
        """Hold a warning, which refers to the last frame before it, until that is returned."""
        self._held_warnings.append(CaptureWarning(kind, message, self.path, self._number or None))


class _RawInput:
    """Reads a binary file as soon as it has some bytes; `taken` counts them."""

    def __init__(self, file: Any) -> None:
        self.taken = 0
        self._file = file
        # read() of a buffered file waits for the full size, read1() does not.
        self._read = getattr(file, "read1", None) or file.read
        self._pushback = b""

    def put_back(self, data: bytes) -> None:
        """Push `data` back: the next read returns it again."""
        self._pushback = data
        self.taken -= len(data)

    def read(self, size: int) -> bytes:
        """Return between 1 and `size` bytes (or what was put back), `b""` at the end."""
        data, self._pushback = self._pushback, b""
        while not data:
            data = self._read(size)
            if data is not None:
                break
            select.select([self._file], [], [])  # non-blocking, and no bytes yet
        if not isinstance(data, bytes):
            raise CaptureError("this was opened as text; open it in binary mode")
        self.taken += len(data)
        return data


def path_of(source: Source) -> str:
    """Return the name of a source as given; that of a file object, "-" if it has none."""
    if isinstance(source, (str, bytes, os.PathLike)):
        return os.fsdecode(source)
    name = getattr(source, "name", None)
    return name if isinstance(name, str) else "-"


def _error_text(error: Exception) -> str:
    """Return why the file cannot be read, and what to do."""
    if isinstance(error, FileNotFoundError):
        return "no such file; check the name"
    if isinstance(error, IsADirectoryError):
        return "this is a directory; name the capture files in it"
    if isinstance(error, PermissionError):
        return "permission denied; run as a user who may read it"
    why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return f"it cannot be read ({why}); check the disk, or copy the file elsewhere"
