"""A path, standard input or a binary file object in, batches of frames out.

What a file is says its magic, never its name: pcap or pcapng, as it is or compressed. A reader
holds one window and one batch. What the caller must know at once is a `CaptureError` (no capture,
no permission); what is wrong further on is a `CaptureWarning`, and the frames before it stand.
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

    `file_index` stands in every batch; `warn` takes the warnings as the frames are read (without
    it they gather in `reader.warnings`). Raises CaptureError, one line that says what to do.
    """
    return CaptureReader(source, file_index, warn)


class CaptureReader:
    """Reads one capture once, in the order of the file.

    `path` is the name as given ("-" for standard input), `frames` the frames handed out and `bytes`
    the bytes of capture that they took, after decompression. `size` is the length of a regular file
    and None for all else; `position` counts the bytes read towards it, compressed where they are.
    """

    def __init__(self, source: Source, file_index: int = 0, warn: Warn | None = None) -> None:
        self._source = source
        self.path = _path_of(source)
        self.file_index = file_index
        self.frames = 0
        self.bytes = 0
        self.size: int | None = None
        self.warnings: list[CaptureWarning] = []
        self._warn = warn or self.warnings.append
        self._held: list[CaptureWarning] = []  # until the frames before them are handed out
        self._ahead: Batch | None = None
        self._batch: Batch | None = None
        self._file: io.FileIO | None = None
        self._raw: _Raw | None = None
        self._decoder: Decompressed | None = None
        self._windows: FileWindows | StreamWindows = StreamWindows(bytes)  # nothing, as yet
        self._window = b""
        self._at = 0
        self._number = 0  # of the last frame handed out
        self._twice = False  # whether the source can be opened again
        self._ended = False
        self._parked = False
        self._open()

    @property
    def link_types(self) -> list[str]:
        """Names of the link types met so far (pcapng: of every interface described)."""
        return [linktypes.name(number) for number in self.links]

    @property
    def links(self) -> list[int]:
        """LINKTYPE_ numbers of `link_types`."""
        return self._walker.links

    @property
    def digits(self) -> int:
        """6 for a capture in microseconds or coarser, 9 for one in nanoseconds."""
        return self._walker.digits

    @property
    def comments(self) -> list[str]:
        """Section comments of a pcapng file met so far."""
        return self._walker.comments if isinstance(self._walker, PcapngWalker) else []

    @property
    def may_hold_secrets(self) -> bool:
        """Whether this is a pcapng file; others have no place for secrets."""
        return isinstance(self._walker, PcapngWalker)

    @property
    def secrets(self) -> list[tuple[int, bytes]]:
        """(type, bytes) of a pcapng file's Decryption Secrets Blocks met so far."""
        return self._walker.secrets if isinstance(self._walker, PcapngWalker) else []

    @property
    def position(self) -> int:
        """Bytes read of the file itself, for a progress bar beside `size`."""
        if isinstance(self._windows, FileWindows):
            return self._windows.position
        return self._raw.taken if self._raw else 0

    @property
    def first_time_ns(self) -> int | None:
        """Time of the first frame not yet handed out, or None where there is none; may wait."""
        if self._ahead is None:
            self._ahead = self._advance()
        return None if self._ahead is None else self._ahead.time_ns[0]

    @property
    def waiting(self) -> bool:
        """Whether there is no whole frame left of what was read, so that more has to come."""
        return self._ahead is None and len(self._window) - self._at < self._walker.need

    def next_batch(self) -> Batch | None:
        """Return the next frames, at least one, or None at the end.

        The batch is valid until the next call. A pipe is waited for no longer than one frame takes.
        """
        batch = self._ahead or self._advance()
        self._ahead = None
        if batch is not None:
            batch.first_number = self._number + self._walker.passed + 1
            self._walker.passed = 0
            self._number = batch.first_number + batch.count - 1
            self.frames += batch.count
        self.bytes = self._windows.start + self._at
        held, self._held = self._held, []
        for warning in held:
            self._warn(warning)
        return batch

    def park(self) -> bool:
        """Close a regular file of which no frame was handed out; the next call opens it again.

        False, and nothing is done, where it cannot be read twice. So a thousand files can wait.
        """
        if not self._twice or self.frames or self._file is None:
            return False
        self.close()
        self._held.clear()
        self._ahead = None
        self._parked = True
        return True

    def close(self) -> None:
        """Let go of the file; nothing more is read."""
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
            self._windows = self._begin()
            self._window, _ = self._windows.more(b"", 0, HEADER)
            self._walker = self._recognise()
        except CaptureError as error:
            self.close()
            raise CaptureError(f"{printable(self.path)}: {error}") from None
        except (OSError, ValueError) as error:
            self.close()
            raise CaptureError(f"{printable(self.path)}: {_refusal(error)}") from None
        self._batch = Batch()
        self._batch.file = self.file_index

    def _begin(self) -> FileWindows | StreamWindows:
        """Open the source: a regular file is read by place, all else as it comes."""
        if not isinstance(self._source, (str, bytes, os.PathLike)):
            self._raw = _Raw(self._source)
            return StreamWindows(self._raw.read)
        standard_input = self.path == "-"
        self._file = io.FileIO(0 if standard_input else self.path, "rb", closefd=not standard_input)
        status = os.fstat(self._file.fileno())
        regular = stat.S_ISREG(status.st_mode)
        self.size = status.st_size if regular else None
        self._twice = regular and not standard_input
        self._raw = _Raw(self._file)
        return FileWindows(self._file) if self._twice else StreamWindows(self._raw.read)

    def _recognise(self) -> PcapWalker | PcapngWalker:
        """Find out from the first window what this is; open what is compressed."""
        if not self._window:
            raise CaptureError("this is empty; nothing was captured into it")
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
            raise CaptureError(f"this is {inner} inside {name}; decompress it once, then give it")
        inside = f" inside {name}" if name else ""
        raise CaptureError(f"this is no capture{inside}: {formats.describe(head)}")

    def _decompress(self, name: str) -> None:
        """Put a decompressor between the source and its windows."""
        assert self._raw is not None
        if not self._twice:
            self._raw.put_back(self._window)
        self._decoder = Decompressed(name, self._raw.read)
        self._windows = StreamWindows(self._decoder.read)
        self._window, _ = self._windows.more(b"", 0, HEADER)
        if not self._window:
            damage = self._decoder.damage or f"the {name} stream holds nothing"
            raise CaptureError(f"nothing can be read: {damage}; get the file again")

    def _advance(self) -> Batch | None:
        """Walk on until there is a frame; None at the end, which is explained in `_held`."""
        if self._parked:
            self._open()
        batch = self._batch
        walker = self._walker
        while not self._ended and batch is not None:
            if not walker.damage:
                self._at = walker.walk(self._window, self._at, batch)
                while walker.notes:
                    self._hold(*walker.notes.pop(0))
                if batch.count:
                    return batch
            if walker.damage:
                self._hold("damaged", f"{walker.damage}; the rest of the file was not read")
                self.close()
                break
            left = len(self._window) - self._at
            try:
                self._window, self._at = self._windows.more(self._window, self._at, walker.need)
            except OSError as error:
                self.close()
                raise CaptureError(f"{printable(self.path)}: {_refusal(error)}") from None
            if len(self._window) - self._at <= left:
                left = len(self._window) - self._at
                self._at = len(self._window)
                self._explain_end(left)
                self.close()
        return None

    def _explain_end(self, left: int) -> None:
        """Warn where the source ends inside a compressed stream or a record, `left` bytes of it."""
        if self._decoder and self._decoder.damage:
            self._hold("damaged", f"{self._decoder.damage}; what was read before stands")
        elif left:
            need = max(self._walker.need, left + 1)
            self._hold("cut-record", f"the last record is cut: {left} of {need} bytes are there")

    def _hold(self, kind: str, message: str) -> None:
        """Keep a warning, on the last frame before it, until that is handed out."""
        self._held.append(CaptureWarning(kind, message, self.path, self._number or None))


class _Raw:
    """What a binary file gives, as soon as it gives something; `taken` counts its bytes."""

    def __init__(self, file: Any) -> None:
        self.taken = 0
        self._file = file
        # read() of a buffered file waits for all that was asked for, read1() does not.
        self._read = getattr(file, "read1", None) or file.read
        self._back = b""

    def put_back(self, data: bytes) -> None:
        """Give `data` again, before all else."""
        self._back = data
        self.taken -= len(data)

    def read(self, size: int) -> bytes:
        """Return between 1 and `size` bytes (or what was put back), `b""` at the end."""
        data, self._back = self._back, b""
        while not data:
            data = self._read(size)
            if data is not None:
                break
            select.select([self._file], [], [])  # not blocking, and nothing there yet
        if not isinstance(data, bytes):
            raise CaptureError("this was opened as text; open it in binary mode")
        self.taken += len(data)
        return data


def _path_of(source: Source) -> str:
    if isinstance(source, (str, bytes, os.PathLike)):
        return os.fsdecode(source)
    name = getattr(source, "name", None)
    return name if isinstance(name, str) else "-"


def _refusal(error: Exception) -> str:
    """Say why the system gives no bytes, and what to do."""
    if isinstance(error, FileNotFoundError):
        return "no such file; check the name"
    if isinstance(error, IsADirectoryError):
        return "this is a directory; name the capture files in it"
    if isinstance(error, PermissionError):
        return "permission denied; run as a user who may read it"
    why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return f"it cannot be read ({why}); check the disk, or copy the file elsewhere"
