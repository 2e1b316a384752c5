"""Bytes read in, a bar on standard error out: on a terminal, and not before a second has passed."""

from __future__ import annotations

import sys
import time

_PATIENCE = 1.0  # seconds without a bar
_PAUSE = 0.1  # seconds between two states of it
_WIDTH = 30


class Progress:
    """A callable for `analysis.run`; `clear` takes the bar away."""

    def __init__(self) -> None:
        self._start = time.monotonic()
        self._last = self._start + _PATIENCE - _PAUSE
        self._shown = False

    def __call__(self, done: int, total: int | None) -> None:
        """Draw how much is read."""
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
        """Leave the terminal as it was."""
        if self._shown:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
            self._shown = False


def wanted() -> Progress | None:
    """Give a bar where somebody sees it."""
    return Progress() if sys.stderr.isatty() else None
