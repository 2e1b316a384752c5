"""Reads a live capture from a pipe as it arrives: standard input, or dumpcap.

Frames are parsed by the same reader as files. The clock is that of the frames: the sender may be
remote, and frames that it buffers are not missing.
"""

from __future__ import annotations

import os
import re
import select
from collections.abc import Sequence
from typing import IO, cast

from dissector.capture.batch import Batch
from dissector.capture.live_source import PAUSE, SLACK_NS, LiveSource
from dissector.capture.source import CaptureReader, open_capture
from dissector.errors import CaptureError
from dissector.machine.child_process import ChildProcess

_START_TIMEOUT = 5.0  # seconds that dumpcap may take to begin
_COUNTS = re.compile(rb": (\d+)/(\d+) \(pcap:")  # received and dropped, on one interface


class Pipe(LiveSource):
    """Reads a capture from a file descriptor, without waiting for more than has arrived."""

    how = "a pipe"

    def __init__(self, descriptor: int, path: str) -> None:
        super().__init__(path)
        self.digits = 6
        self._bytes = _PipeBytes(descriptor, path)
        self._reader: CaptureReader | None = None
        self._empty_batch = Batch()
        self._behind = True  # whether there was more to read at the last call

    def next_batch(self) -> Batch | None:
        """As `LiveSource.next_batch`."""
        reader = self._reader
        self._behind = True
        if reader is None or reader.waiting:
            if not self._bytes.wait(PAUSE):
                self._behind = False
                return None if self._bytes.stopped else self._empty_batch
        if reader is None:
            reader = self._reader = open_capture(
                cast(IO[bytes], self._bytes), warn=self.warnings.append
            )
            self.digits = reader.digits
        batch = reader.next_batch()
        self.digits, self.links = reader.digits, reader.links
        if batch is not None:
            number = batch.first_number
            self.hand_out(batch, 0)
            batch.first_number = number  # the reader's, which also counts blocks that are no frames
        self.bytes = reader.bytes
        return batch

    def now_ns(self) -> int:
        """Return the time of the latest frame."""
        return self.last_ns

    def stop(self) -> None:
        """Stop reading from the pipe."""
        self._bytes.stopped = True

    def close(self) -> None:
        """Close the reader; a descriptor that was given stays open."""
        if self._reader is not None:
            self._reader.close()


class Dumpcap(Pipe):
    """Captures with Wireshark's dumpcap, which may have privileges that this process lacks."""

    how = "dumpcap"

    def __init__(self, program: str, names: Sequence[str], expression: str, buffer: int) -> None:
        arguments = [program, "-q", "-B", str(buffer), "-w", "-"]
        for name in names:
            arguments += ["-i", name, *(["-f", expression] if expression else [])]
        self._process = ChildProcess(arguments)
        super().__init__(self._process.stdout.fileno(), ",".join(names))

    def next_batch(self) -> Batch | None:
        """As `LiveSource.next_batch`; raises CaptureError if dumpcap sends nothing at all."""
        if not self._behind:
            self._process.wait(0)  # if it ended, its output ends, too
        try:
            batch = super().next_batch()
        except CaptureError:
            if self.frames:
                raise
            message = self._stderr_message()
            raise CaptureError(message or "dumpcap ended without an error message") from None
        if batch is None and not self._bytes.stopped:
            message = self._stderr_message()
            self.ended = f"dumpcap ended{': ' + message if message else ''}; start again"
        return batch

    def now_ns(self) -> int:
        """Return the time before which frames were delivered: dumpcap writes twice a second."""
        return (self.last_ns if self._behind else self.wall_ns()) - 2 * SLACK_NS

    def wait_until_started(self) -> str:
        """Wait until dumpcap captures; returns "" if it does, else its error message."""
        self._bytes.wait(_START_TIMEOUT)
        if self._process.wait(PAUSE) is None:
            return ""
        return self._stderr_message() or "dumpcap ended without an error message"

    def close(self) -> None:
        """End dumpcap and read from its output how many frames it dropped."""
        super().close()
        if self._process.stderr is None or self._process.stderr.closed:
            return
        self._process.end()
        self._stderr_message()
        self._process.stdout.close()
        self._process.stderr.close()

    def _stderr_message(self) -> str:
        """Return dumpcap's error message, without its usual output; adds its frame counts."""
        code = self._process.wait(2)
        assert self._process.stderr is not None
        text = self._process.stderr.read() if code is not None else b""
        for match in _COUNTS.finditer(text):
            self.received = (self.received or 0) + int(match[1]) + int(match[2])
            self.dropped = (self.dropped or 0) + int(match[2])
        lines = [line.strip() for line in text.decode(errors="replace").splitlines()]
        usual = ("Capturing on", "File:", "Packets captured", "Packets received")
        message = [line for line in lines if line and not line.startswith(usual)]
        if code is not None and code < 0:
            return f"it was killed by signal {-code}"
        return " ".join(message[:2])


class _PipeBytes:
    """File-like reader of a descriptor: bytes as they arrive, none at the end or once stopped."""

    def __init__(self, descriptor: int, name: str) -> None:
        self.name = name
        self.stopped = False
        self._descriptor = descriptor
        self._poll = select.poll()
        self._poll.register(descriptor, select.POLLIN)

    def wait(self, seconds: float) -> bool:
        """Wait for bytes or the end, at most `seconds`; returns whether either was reached."""
        return not self.stopped and bool(self._poll.poll(seconds * 1000))

    def read1(self, size: int) -> bytes:
        """Return 1 to `size` bytes; b"" at the end."""
        while not self.stopped:
            if self.wait(PAUSE):
                return os.read(self._descriptor, size)
        return b""
