"""Places of a file in, their bytes out, read by a thread while other bytes are looked at.

Reading releases the interpreter's lock, so on a machine with two processors it costs nothing: if
the thread has come to its read before the caller goes on, for it needs that lock to get there, and
compiled code keeps it for long. So `ask` waits until the thread is about to read.
"""

from __future__ import annotations

import os
import threading
from queue import SimpleQueue


class ReadAhead:
    """One read at a time: `ask` for it, then `take` it. `close` before the file is closed."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._asked: SimpleQueue[tuple[int, int] | None] = SimpleQueue()
        self._begun: SimpleQueue[None] = SimpleQueue()
        self._read: SimpleQueue[bytes | OSError] = SimpleQueue()
        self._place: tuple[int, int] | None = None
        self._thread = threading.Thread(target=self._work, name="read ahead", daemon=True)
        self._thread.start()

    def ask(self, size: int, start: int) -> None:
        """Have `size` bytes read from offset `start` on; what was not taken before is lost."""
        self.take()
        self._place = size, start
        self._asked.put(self._place)
        self._begun.get()

    def take(self) -> tuple[int, bytes] | None:
        """Give the offset and the bytes that were asked for; None where nothing was.

        OSError where they could not be read.
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
        """Let the last read end, and the thread."""
        self._asked.put(None)
        self._thread.join()

    def _work(self) -> None:
        while (place := self._asked.get()) is not None:
            self._begun.put(None)
            try:
                self._read.put(os.pread(self._descriptor, *place))
            except OSError as error:
                self._read.put(error)
