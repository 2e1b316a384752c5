"""Shows a progress bar on standard error, on a terminal and after the first second."""

from __future__ import annotations

import sys
import time

_DELAY = 1.0  # seconds before the first bar
_PAUSE = 0.1  # seconds between two updates
_WIDTH = 30


class Progress:
    """Progress callback for `analysis.run`; `clear` removes the bar."""

    def __init__(self) -> None:
        self._start = time.monotonic()
        self._last = self._start + _DELAY - _PAUSE
        self._shown = False

    def __call__(self, done: int, total: int | None) -> None:
        """Draws the bar: bytes read of bytes in total, None if that is unknown."""
        now = time.monotonic()
        if now - self._last < _PAUSE:
            return
        self._last = now
        self._shown = True
        megabytes = done / 1_000_000
        if total:
            part = min(done / total, 1.0)
            bar = ("#" * round(part * _WIDTH)).ljust(_WIDTH, ".")
            text = f"[{bar}] {part:4.0%} of {total / 1_000_000:,.0f} MB"
        else:
            text = f"{megabytes:,.0f} MB read"
        speed = megabytes / max(now - self._start, 0.001)
        sys.stderr.write(f"\r{text}, {speed:,.0f} MB/s \x1b[K")
        sys.stderr.flush()

    def clear(self) -> None:
        """Removes the bar from the terminal."""
        if self._shown:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
            self._shown = False


def wanted() -> Progress | None:
    """Returns a bar if standard error is a terminal, else None."""
    return Progress() if sys.stderr.isatty() else None
