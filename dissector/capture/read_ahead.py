"""Reads parts of a file in a thread while other bytes are processed.

Reading releases the interpreter lock, so with two processors it runs in parallel, provided that the
thread has reached its read before the caller continues: it needs the lock to get there, and
compiled code holds it for long. So `request` waits until the thread is about to read.
"""

from __future__ import annotations

import os
import threading
from queue import SimpleQueue


class ReadAhead:
    """One read at a time: `request`, then `take`. Call `close` before the file is closed."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._requests: SimpleQueue[tuple[int, int] | None] = SimpleQueue()
        self._started: SimpleQueue[None] = SimpleQueue()
        self._read: SimpleQueue[bytes | OSError] = SimpleQueue()
        self._place: tuple[int, int] | None = None
        self._thread = threading.Thread(target=self._work, name="read ahead", daemon=True)
        self._thread.start()

    def request(self, size: int, start: int) -> None:
        """Start reading `size` bytes from offset `start` on; an earlier result is discarded."""
        self.take()
        self._place = size, start
        self._requests.put(self._place)
        self._started.get()

    def take(self) -> tuple[int, bytes] | None:
        """Wait for the requested bytes; returns (offset, bytes), None if nothing was requested.

        Raises OSError if they could not be read.
        """
        if self._place is None:
            return None
        start = self._place[1]
        self._place = None
        data = self._read.get()
        if isinstance(data, OSError):
            raise data
        return start, data

    def close(self) -> None:
        """Wait for the last read and the thread to end."""
        self._requests.put(None)
        self._thread.join()

    def _work(self) -> None:
        while (place := self._requests.get()) is not None:
            self._started.put(None)
            try:
                self._read.put(os.pread(self._descriptor, *place))
            except OSError as error:
                self._read.put(error)
