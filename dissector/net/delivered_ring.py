"""Remembers where recently delivered bytes lie, so that retransmissions can be compared with them.

A ring buffer shared by all connections. An entry says which bytes of which window were delivered at
which stream position, and links to the previous entry of the same direction. Nothing is copied, and
only the latest four windows are kept: older bytes are no longer compared.
"""

from __future__ import annotations

from dissector.integers import IntegerArray

_ROOM = 8192  # entries, a power of two
_WINDOWS = 4
_STEPS = 64  # entries that one comparison looks at, at most


class DeliveredRing:
    """The ring buffer; the handle of an entry is its number since the beginning, -1 for none."""

    def __init__(self) -> None:
        self.windows: list[bytes] = [b""] * _WINDOWS
        self.serial = 0  # of the current window
        self.count = 0
        self.position = IntegerArray(_ROOM)
        self.start = IntegerArray(_ROOM)
        self.stop = IntegerArray(_ROOM)
        self.window = IntegerArray(_ROOM)
        self.previous = IntegerArray(_ROOM)

    def use(self, window: bytes) -> int:
        """Keep `window` among the latest ones; returns its serial number."""
        for serial in range(max(self.serial - _WINDOWS + 1, 0), self.serial + 1):
            if self.windows[serial % _WINDOWS] is window:
                return serial  # still kept: several files are read alternately
        self.serial += 1
        self.windows[self.serial % _WINDOWS] = window
        return self.serial

    def note(self, previous: int, position: int, serial: int, start: int, stop: int) -> int:
        """Record that [start, stop) of window `serial` was delivered at stream position `position`.

        Returns the new handle. A serial of -1 stands for a window that is not kept: nothing is
        recorded, and `previous` is returned.
        """
        if serial < 0:
            return previous
        handle = self.count
        slot = handle & 8191
        self.position.at[slot] = position
        self.start.at[slot] = start
        self.stop.at[slot] = stop
        self.window.at[slot] = serial
        self.previous.at[slot] = previous
        self.count = handle + 1
        return handle

    def differs(self, handle: int, position: int, data: bytes) -> bool:
        """Whether any byte of `data`, at `position`, differs from the one delivered there."""
        end = position + len(data)
        for _ in range(_STEPS):
            if handle < 0 or self.count - handle > _ROOM:
                break
            slot = handle & 8191
            first = self.position.at[slot]
            start = self.start.at[slot]
            last = first + self.stop.at[slot] - start
            serial = self.window.at[slot]
            if last <= position or self.serial - serial >= _WINDOWS:
                break
            low = max(first, position)
            high = min(last, end)
            if low < high:
                held = self.windows[serial % _WINDOWS][start + low - first : start + high - first]
                if held != data[low - position : high - position]:
                    return True
            handle = self.previous.at[slot]
        return False
