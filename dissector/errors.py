"""The caller's or the machine's faults, as exceptions with one line that says what to do.

A peer's fault is a `Finding`, a limit of our own view a `CaptureWarning`; neither is ever raised.
"""

from __future__ import annotations


class DissectorError(Exception):
    """Base of all errors that this package raises on purpose; `str()` is one line for a person."""


class CaptureError(DissectorError):
    """An input that is missing, unreadable, or no capture."""


class EngineError(DissectorError):
    """A tool or library that an engine needs is missing, too old, or died."""


class OptionError(DissectorError):
    """An option or a configuration value that cannot be used."""
